//! The Anthropic Messages format.

mod decode;
mod encode;
mod error;
mod foreign;
mod models;
mod request;
mod rescue;
mod response;
mod stream;
mod typed;

use bytes::Bytes;

use super::codec::is_word_byte;
use super::{
    AnswerContext, BadRequest, BodyVerdict, ErrorFacts, ErrorReply, EventDecoder, EventEncoder,
    Header, LateSystem, RequestEdits, RequestFacts, Rescue, Rules, Sink, StreamTap, TargetOptions,
    WireFormat,
};
use crate::canonical::{Answer, Losses, Profile, Request};
use crate::error::Error;
use crate::formats::images;
use crate::json::{Body, Edit, Members, Object};

pub(super) const FORMAT: &dyn WireFormat = &AnthropicMessages;

struct AnthropicMessages;

impl WireFormat for AnthropicMessages {
    fn name(&self) -> &'static str {
        "anthropic_messages"
    }

    fn headers_up(&self) -> &'static [&'static str] {
        &["anthropic-", "x-app", "x-claude-code-"]
    }

    fn headers_wanted(&self) -> &'static [Header] {
        // Every model accepts what this version accepts.
        &[("anthropic-version", "2023-06-01")]
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
        images::notices(body, object, "image")
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

    fn too_long(&self, message: &str) -> String {
        error::too_long(message)
    }

    fn exhausted_status(&self) -> u16 {
        402
    }

    fn overloaded_status(&self) -> u16 {
        529
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        Some(b"event: ping\ndata: {\"type\": \"ping\"}\n\n")
    }

    fn rescue(&self, facts: &ErrorFacts, tried: Option<Rescue>) -> Option<Rescue> {
        rescue::next(facts, tried)
    }

    fn rescue_edits(
        &self,
        body: &Body,
        object: &Object,
        rescue: Rescue,
    ) -> (Vec<Edit>, Option<Header>) {
        let beta = (rescue == Rescue::DropUnreadable).then_some(rescue::BETA);
        (rescue::edits(body, object, rescue), beta)
    }

    fn rules(&self, model: &str, _profile: &Profile) -> Rules {
        let model = models::rules(model);
        Rules {
            alternates: true,
            begins_with_user: true,
            refuses_blank_text: true,
            has_unique_ids: true,
            late_system: if model.takes_late_system {
                LateSystem::AfterUser
            } else {
                LateSystem::Never
            },
            needs_seal: true,
            takes_prefill: model.takes_prefill,
            most_stops: usize::MAX,
            is_id_byte: Some(is_word_byte),
            id_bytes: 64,
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
