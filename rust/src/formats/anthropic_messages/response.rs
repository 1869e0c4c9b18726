//! What a whole Messages answer says about itself.

use crate::formats::answer::{self, short};
use crate::formats::usage::Counts;
use crate::formats::{BodyVerdict, Usage};
use crate::json::{Body, Value};

pub(super) fn check(body: &Body) -> BodyVerdict {
    answer::check(body, read_usage, |fields| fields.string("stop_reason").as_deref().map(short))
}

/// The counts of a usage object. `input_tokens` already excludes the cache here.
pub(super) fn read_usage(value: &Value<'_>) -> Usage {
    let Some(fields) = value.as_object() else {
        return Usage { estimated: true, ..Usage::default() };
    };
    let mut counts = Counts::new(fields);
    let [cache_write_1h] = counts.nested("cache_creation", ["ephemeral_1h_input_tokens"]);
    let [reasoning] = counts.nested("output_tokens_details", ["thinking_tokens"]);
    Usage {
        input: counts.get("input_tokens"),
        output: counts.get("output_tokens"),
        cache_read: counts.get("cache_read_input_tokens"),
        cache_write: counts.get("cache_creation_input_tokens"),
        cache_write_1h,
        reasoning,
        estimated: counts.is_bad,
    }
}
