//! The OpenAI Chat Completions format.

mod decode;
mod encode;
mod error;
mod foreign;
mod request;
mod response;
mod stream;

use bytes::Bytes;

use super::codec::is_word_byte;
use super::{
    AnswerContext, BadRequest, BodyVerdict, ErrorReply, EventDecoder, EventEncoder, LateSystem,
    RequestEdits, RequestFacts, Rules, Sink, StreamTap, TargetOptions, WireFormat,
};
use crate::canonical::{Answer, Losses, Profile, Request};
use crate::error::Error;
use crate::formats::images;
use crate::formats::request::has_elements;
use crate::json::{Body, Edit, Members, Object};

pub(super) const FORMAT: &dyn WireFormat = &OpenaiChat;

/// Stop sequences that one request may have.
const MOST_STOPS: usize = 4;

struct OpenaiChat;

impl WireFormat for OpenaiChat {
    fn name(&self) -> &'static str {
        "openai_chat"
    }

    fn headers_up(&self) -> &'static [&'static str] {
        &["openai-", "x-client-request-id"]
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

    fn image_edits(&self, body: &Body, object: &Object) -> Vec<Edit> {
        images::notices(body, object, "image_url")
    }

    fn has_tools(&self, body: &Body, object: &Object) -> bool {
        // The older name still has its users.
        ["tools", "functions"].iter().any(|name| has_elements(body, object, name))
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

    fn too_long(&self, message: &str) -> String {
        message.to_owned()
    }

    fn exhausted_status(&self) -> u16 {
        429
    }

    fn overloaded_status(&self) -> u16 {
        503
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b": keep-alive\n\n")
    }

    fn rules(&self, _model: &str, profile: &Profile) -> Rules {
        Rules {
            alternates: false,
            begins_with_user: false,
            refuses_blank_text: false,
            has_unique_ids: false,
            late_system: if profile.takes_late_system {
                LateSystem::Anywhere
            } else {
                LateSystem::Never
            },
            needs_seal: false,
            takes_prefill: false,
            most_stops: if profile.takes("stop") { MOST_STOPS } else { 0 },
            is_id_byte: None,
            id_bytes: 40,
            is_name_byte: is_word_byte,
            name_bytes: 64,
        }
    }

    fn decode_request<'a>(
        &self,
        body: &Members<'a>,
        losses: &mut Losses,
    ) -> Result<Request<'a>, BadRequest> {
        decode::request::decode(body, losses)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        profile: &Profile,
        source: &Bytes,
        losses: &mut Losses,
    ) -> Vec<Bytes> {
        encode::request::encode(request, profile, source, losses)
    }

    fn decoder(&self) -> Box<dyn EventDecoder> {
        Box::new(decode::answer::Decoder::default())
    }

    fn decode_answer(&self, body: &Members<'_>, sink: &mut Sink<'_>) {
        decode::answer::decode_whole(body, sink);
    }

    fn encoder(&self, context: &AnswerContext) -> Box<dyn EventEncoder> {
        Box::new(encode::answer::Encoder::new(context))
    }

    fn encode_answer(&self, answer: &Answer, context: &AnswerContext) -> Vec<Bytes> {
        encode::answer::encode_whole(answer, context)
    }
}
