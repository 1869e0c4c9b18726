//! Judging a whole answer that came with a good status, in what all formats share.

use super::Usage;
use super::errors::{ErrorFacts, find_error, unwrap_array};
use crate::json::{Body, Fields, Value};

/// Characters of a stop reason that are kept; real ones are short words.
const STOP_CHARS: usize = 64;

/// What a whole answer with status 200 turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyVerdict {
    Ok {
        usage: Usage,
        stop: Option<String>,
    },
    /// An error object in spite of the status.
    Error(ErrorFacts),
    /// Not JSON, not whole, or not an object.
    NotJson,
    /// Nothing but white space.
    Empty,
}

/// Judge `body`, reading usage and stop reason in a format's own way.
pub(super) fn check(
    body: &Body,
    usage: fn(&Value<'_>) -> Usage,
    stop: fn(&Fields<'_>) -> Option<String>,
) -> BodyVerdict {
    if let Some(fields) = Fields::read_body(body) {
        return match find_error(&fields) {
            Some(facts) => BodyVerdict::Error(facts),
            None => BodyVerdict::Ok {
                usage: fields.present("usage").map(|v| usage(&v)).unwrap_or_default().settled(),
                stop: stop(&fields),
            },
        };
    }
    if body.parts().iter().all(|part| part.trim_ascii().is_empty()) {
        return BodyVerdict::Empty;
    }
    let wrapped = unwrap_array(&body.slice(0..body.len()));
    let error = wrapped.as_deref().and_then(Fields::read).and_then(|f| find_error(&f));
    error.map_or(BodyVerdict::NotJson, BodyVerdict::Error)
}

/// A stop reason as it may be kept.
pub(super) fn short(stop: &str) -> String {
    stop.chars().take(STOP_CHARS).collect()
}
