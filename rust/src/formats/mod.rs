//! Wire formats: what a request, response, stream and error look like in each.
//!
//! One folder per format, each with one `FORMAT`; this file is the only one that lists them. Here
//! stands what same-format traffic needs: read the few facts that routing asks for, edit the
//! spans that may be edited, watch a stream go by, and speak the caller's dialect in errors; and
//! what translation needs: read and write requests and answers in canonical form.

mod answer;
mod anthropic_messages;
mod codec;
mod digest;
mod errors;
mod images;
mod mark;
mod openai_chat;
mod request;
mod schema;
mod stream;
mod usage;

pub use answer::BodyVerdict;
pub use codec::{
    AnswerContext, BadRequest, EventDecoder, EventEncoder, LateSystem, Rescue, Rules, SEAL_MARK,
    Sink,
};
pub use digest::{digest, digest_hex};
pub use errors::{ErrorFacts, ErrorReply};
pub use stream::{StreamTap, TapState, Verdict};
pub use usage::Usage;

use bytes::Bytes;

use crate::canonical::{Answer, Losses, Profile, Request};
use crate::error::Error;
use crate::json::{Body, Edit, Members, Object};

/// The wire formats there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    AnthropicMessages,
    OpenaiChat,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::AnthropicMessages, Self::OpenaiChat];

    /// The format of that name, as accounts and routes spell it.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    pub fn name(self) -> &'static str {
        self.wire().name()
    }

    pub fn wire(self) -> &'static dyn WireFormat {
        match self {
            Self::AnthropicMessages => anthropic_messages::FORMAT,
            Self::OpenaiChat => openai_chat::FORMAT,
        }
    }
}

/// A header's name and value.
pub type Header = (&'static str, &'static str);

/// What routing and accounting need to know of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    pub model: String,
    pub is_streaming: bool,
    /// The output limit the client asked for, in tokens.
    pub max_output: Option<u64>,
    /// Names the conversation, if the client does.
    pub session_hint: Option<String>,
    /// Whether the client will see usage in a stream without our adding anything.
    pub wants_usage: bool,
}

/// What the chosen target needs changed.
#[derive(Debug, Clone, Copy, Default)]
pub struct TargetOptions<'a> {
    /// The model's name there; nothing keeps the client's.
    pub model: Option<&'a str>,
    /// The target model's output limit in tokens.
    pub max_output: Option<u64>,
    /// Ask for usage in the stream if the client did not.
    pub include_usage: bool,
}

/// The edits of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestEdits {
    pub edits: Vec<Edit>,
    /// Usage was asked for on our own account: the stream tap must drop what it adds.
    pub usage_added: bool,
}

/// One wire format.
pub trait WireFormat: Sync {
    fn name(&self) -> &'static str;

    /// Headers of a client that go up to services of this format only: names, and prefixes that
    /// end in `-`.
    fn headers_up(&self) -> &'static [&'static str];

    /// Headers that its services want where a client brings none.
    fn headers_wanted(&self) -> &'static [Header] {
        &[]
    }

    /// Facts of a scanned request; an error names the member that is wrong.
    fn read_request(&self, body: &Body, object: &Object) -> Result<RequestFacts, Error>;

    /// The edits that turn the client's request into the target's.
    fn request_edits(
        &self,
        body: &Body,
        object: &Object,
        facts: &RequestFacts,
        options: &TargetOptions<'_>,
    ) -> RequestEdits;

    /// A tap for one answer's stream. `usage_added` is that of the request's edits.
    fn stream_tap(&self, usage_added: bool) -> Box<dyn StreamTap>;

    /// Judge a whole answer that came with a good status.
    fn check_body(&self, body: &Body) -> BodyVerdict;

    /// Read an error answer, whatever shape it has.
    fn read_error(&self, status: u16, body: &[u8]) -> ErrorFacts {
        errors::read_error(status, body)
    }

    /// An error answer in this dialect.
    fn error_body(&self, reply: &ErrorReply<'_>) -> Vec<u8>;

    /// A complete SSE frame that ends an open stream with an error. `kind` is the error type the
    /// upstream gave, taken over where this dialect knows it.
    fn error_event(&self, kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8>;

    /// The message that tells this format's clients to shorten the conversation.
    fn too_long(&self, message: &str) -> String;

    /// The status that says that there is no more money.
    fn exhausted_status(&self) -> u16;

    /// The status that says that the service has too much to do.
    fn overloaded_status(&self) -> u16;

    /// A frame that says nothing and keeps a silent stream open, where the dialect has one.
    fn keep_alive(&self) -> Option<&'static [u8]>;

    /// The edits that put a notice in place of each image.
    fn image_edits(&self, body: &Body, object: &Object) -> Vec<Edit>;

    /// Whether the request brings tools.
    fn has_tools(&self, body: &Body, object: &Object) -> bool {
        request::has_elements(body, object, "tools")
    }

    /// What may still be tried with a request that was refused so.
    fn rescue(&self, _facts: &ErrorFacts, _tried: Option<Rescue>) -> Option<Rescue> {
        None
    }

    /// The edits of a rescue, and a header that it needs.
    fn rescue_edits(
        &self,
        _body: &Body,
        _object: &Object,
        _rescue: Rescue,
    ) -> (Vec<Edit>, Option<Header>) {
        (Vec::new(), None)
    }

    /// What it demands of a translated request for `model`.
    fn rules(&self, model: &str, profile: &Profile) -> Rules;

    /// The canonical request of a body.
    fn decode_request<'a>(
        &self,
        body: &Members<'a>,
        losses: &mut Losses,
    ) -> Result<Request<'a>, BadRequest>;

    /// The body of a canonical request. `source` is what the request points into.
    fn encode_request(
        &self,
        request: &Request<'_>,
        profile: &Profile,
        source: &Bytes,
        losses: &mut Losses,
    ) -> Vec<Bytes>;

    /// Reads the frames of one answer's stream.
    fn decoder(&self) -> Box<dyn EventDecoder>;

    /// Reads a whole answer into the events of a stream.
    fn decode_answer(&self, body: &Members<'_>, sink: &mut Sink<'_>);

    /// Writes one answer's stream.
    fn encoder(&self, context: &AnswerContext) -> Box<dyn EventEncoder>;

    /// Writes a whole answer, as pieces to send one after the other.
    fn encode_answer(&self, answer: &Answer, context: &AnswerContext) -> Vec<Bytes>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()), Some(format));
        }
        assert_eq!(Format::parse("openai"), None);
    }
}
