//! What a whole Messages answer says about itself.

use crate::formats::errors::{find_error, unwrap_array};
use crate::formats::usage::Counts;
use crate::formats::{BodyVerdict, Usage};
use crate::json::{Body, Fields, Value};

pub(super) fn check(body: &Body) -> BodyVerdict {
    let text = body.slice(0..body.len());
    if text.trim_ascii().is_empty() {
        return BodyVerdict::Empty;
    }
    if let Some(fields) = Fields::read(&text) {
        return match find_error(&fields) {
            Some(facts) => BodyVerdict::Error(facts),
            None => BodyVerdict::Ok {
                usage: fields
                    .present("usage")
                    .map(|u| read_usage(&u))
                    .unwrap_or_default()
                    .settled(),
                stop: fields.string("stop_reason"),
            },
        };
    }
    let wrapped = unwrap_array(&text);
    let error = wrapped.as_deref().and_then(Fields::read).and_then(|f| find_error(&f));
    error.map_or(BodyVerdict::NotJson, BodyVerdict::Error)
}

/// The counts of a usage object. `input_tokens` already excludes the cache here.
pub(super) fn read_usage(value: &Value<'_>) -> Usage {
    let Some(fields) = value.as_object() else {
        return Usage { estimated: true, ..Usage::default() };
    };
    let mut counts = Counts::new(fields);
    Usage {
        input: counts.get("input_tokens"),
        output: counts.get("output_tokens"),
        cache_read: counts.get("cache_read_input_tokens"),
        cache_write: counts.get("cache_creation_input_tokens"),
        cache_write_1h: counts.nested("cache_creation", "ephemeral_1h_input_tokens"),
        reasoning: counts.nested("output_tokens_details", "thinking_tokens"),
        estimated: counts.is_bad,
    }
}
