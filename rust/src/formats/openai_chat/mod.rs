//! The OpenAI Chat Completions format.

mod error;
mod request;
mod response;
mod stream;

use super::{
    BodyVerdict, ErrorReply, RequestEdits, RequestFacts, StreamTap, TargetOptions, WireFormat,
};
use crate::error::Error;
use crate::json::{Body, Object};

pub(super) const FORMAT: &dyn WireFormat = &OpenaiChat;

struct OpenaiChat;

impl WireFormat for OpenaiChat {
    fn name(&self) -> &'static str {
        "openai_chat"
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

    fn stream_tap(&self, usage_added: bool) -> Box<dyn StreamTap> {
        Box::new(stream::Tap::new(usage_added))
    }

    fn check_body(&self, body: &Body) -> BodyVerdict {
        response::check(body)
    }

    fn error_body(&self, reply: &ErrorReply<'_>) -> Vec<u8> {
        error::body(None, reply)
    }

    fn error_event(&self, kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8> {
        error::event(kind, reply)
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": keep-alive\n\n")
    }
}
