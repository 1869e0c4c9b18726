//! What a whole Chat Completions answer says about itself.

use crate::formats::answer::{self, short};
use crate::formats::usage::Counts;
use crate::formats::{BodyVerdict, Usage};
use crate::json::{Body, Fields, Value};

pub(super) fn check(body: &Body) -> BodyVerdict {
    answer::check(body, read_usage, finish_reason)
}

/// The first finish reason among the choices that says something.
pub(super) fn finish_reason(fields: &Fields<'_>) -> Option<String> {
    let choices = fields.present("choices")?;
    choices.elements()?.iter().find_map(|choice| {
        let reason = choice.as_object()?.string("finish_reason")?;
        (!reason.is_empty()).then(|| short(&reason))
    })
}

/// The counts of a usage object. `prompt_tokens` includes the cache here and is taken apart.
pub(super) fn read_usage(value: &Value<'_>) -> Usage {
    let Some(fields) = value.as_object() else {
        return Usage { estimated: true, ..Usage::default() };
    };
    let mut counts = Counts::new(fields);
    let prompt = counts.get("prompt_tokens");
    let [cache_read, cache_write] =
        counts.nested("prompt_tokens_details", ["cached_tokens", "cache_write_tokens"]);
    let cache_read = cache_read.or_else(|| counts.get("prompt_cache_hit_tokens"));
    let [reasoning] = counts.nested("completion_tokens_details", ["reasoning_tokens"]);
    let cached = cache_read.unwrap_or_default().saturating_add(cache_write.unwrap_or_default());
    Usage {
        input: prompt.map(|prompt| prompt.saturating_sub(cached)),
        output: counts.get("completion_tokens"),
        cache_read,
        cache_write,
        cache_write_1h: None,
        reasoning,
        // A cache larger than the prompt it is part of is no count to trust.
        estimated: counts.is_bad || prompt.is_some_and(|prompt| cached > prompt),
    }
}
