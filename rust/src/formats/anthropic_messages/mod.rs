//! The Anthropic Messages format.

mod error;
mod request;
mod response;
mod stream;

use super::{
    BodyVerdict, ErrorReply, RequestEdits, RequestFacts, StreamTap, TargetOptions, WireFormat,
};
use crate::error::Error;
use crate::json::{Body, Object};

pub(super) const FORMAT: &dyn WireFormat = &AnthropicMessages;

struct AnthropicMessages;

impl WireFormat for AnthropicMessages {
    fn name(&self) -> &'static str {
        "anthropic_messages"
    }

    fn read_request(&self, body: &Body, object: &Object) -> Result<RequestFacts, Error> {
        request::read(body, object)
    }

    fn request_edits(
        &self,
        body: &Body,
        object: &Object,
        facts: &RequestFacts,
        options: &TargetOptions<'_>,
    ) -> RequestEdits {
        request::edits(body, object, facts, options)
    }

    fn stream_tap(&self, _usage_added: bool) -> Box<dyn StreamTap> {
        Box::new(stream::Tap::default())
    }

    fn check_body(&self, body: &Body) -> BodyVerdict {
        response::check(body)
    }

    fn error_body(&self, reply: &ErrorReply<'_>) -> Vec<u8> {
        error::body(error::kind_of_status(reply.status), reply)
    }

    fn error_event(&self, kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8> {
        error::event(kind, reply)
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }
}
