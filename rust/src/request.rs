//! A client's request as attempts use it: scanned once, spliced anew for each target.

use std::sync::Arc;

use bytes::Bytes;

use crate::conversation;
use crate::error::Error;
use crate::formats::{Format, RequestFacts, TargetOptions};
use crate::json::{self, Body, Object};

/// A scanned body and the facts in it. Shared by all attempts of an exchange.
pub struct ParsedRequest {
    pub format: Format,
    pub facts: RequestFacts,
    body: Body,
    object: Object,
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
        Ok(Self { format, facts, body, object })
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
