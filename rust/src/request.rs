//! A client's request as attempts use it: scanned once, spliced anew for each target.

use std::sync::Arc;

use bytes::Bytes;

use crate::conversation;
use crate::error::Error;
use crate::formats::{Format, RequestFacts, TargetOptions};
use crate::guardrails::{Category, Guard, Issued, TooSlow, mask};
use crate::json::{self, Body, Object};

/// A scanned body and the facts in it. Shared by all attempts of an exchange.
pub struct ParsedRequest {
    pub format: Format,
    pub facts: RequestFacts,
    /// What was masked in it, and has to be restored in its answer.
    pub issued: Option<Arc<Issued>>,
    body: Body,
    object: Object,
}

/// A request that was looked through.
pub struct MaskedRequest {
    /// Nothing where the request may go as it is.
    pub request: Option<Arc<ParsedRequest>>,
    /// Findings by category.
    pub counts: [u32; Category::COUNT],
    /// The tenant refuses requests that hold this.
    pub blocked: Option<Category>,
}

/// What one target gets.
pub struct Encoded {
    /// The body as pieces to write one after the other.
    pub body: Arc<[Bytes]>,
    /// The stream will hold usage that the client did not ask for.
    pub usage_added: bool,
}

impl ParsedRequest {
    /// Checks the structure of `parts` and reads the facts.
    pub fn parse(format: Format, parts: impl IntoIterator<Item = Bytes>) -> Result<Self, Error> {
        let body = Body::from_parts(parts);
        let object = json::scan(&body, json::MAX_DEPTH)?;
        let facts = format.wire().read_request(&body, &object)?;
        Ok(Self { format, facts, issued: None, body, object })
    }

    /// The request with tokens in place of what `guard` finds: the client's own bytes otherwise.
    pub fn masked(&self, guard: &Guard) -> Result<MaskedRequest, TooSlow> {
        let text = self.body.slice(0..self.body.len());
        let masking = mask::mask(guard, self.format, &text, &self.object)?;
        let (counts, blocked) = (masking.counts, masking.blocked);
        if blocked.is_some() || !masking.issued.is_needed() {
            return Ok(MaskedRequest { request: None, counts, blocked });
        }
        let body = Bytes::from(masking.apply(&text));
        let object = self.object.shifted(&masking.edits);
        let issued = Some(Arc::new(masking.issued));
        let facts = self.facts.clone();
        let request = Self { format: self.format, facts, issued, body: body.into(), object };
        Ok(MaskedRequest { request: Some(Arc::new(request)), counts, blocked })
    }

    pub fn body_bytes(&self) -> usize {
        self.body.len()
    }

    /// See [`conversation::prefix_hash`].
    pub fn prefix_hash(&self) -> Option<u64> {
        conversation::prefix_hash(&self.body, &self.object)
    }

    /// See [`conversation::asks_long_cache`].
    pub fn asks_long_cache(&self) -> bool {
        conversation::asks_long_cache(&self.body)
    }

    /// The body for a target that knows the model as `model` and gives it at most `max_output`
    /// tokens. Everything outside the edited members is the client's own bytes, not copied.
    pub fn encode(&self, model: &str, max_output: Option<u64>) -> Encoded {
        let options = TargetOptions { model: Some(model), max_output, include_usage: true };
        let edits =
            self.format.wire().request_edits(&self.body, &self.object, &self.facts, &options);
        Encoded {
            body: json::splice(&self.body, &self.object, &edits.edits).into(),
            usage_added: edits.usage_added,
        }
    }
}
