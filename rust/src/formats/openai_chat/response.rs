//! What a whole Chat Completions answer says about itself.

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
                stop: finish_reason(&fields),
            },
        };
    }
    let wrapped = unwrap_array(&text);
    let error = wrapped.as_deref().and_then(Fields::read).and_then(|f| find_error(&f));
    error.map_or(BodyVerdict::NotJson, BodyVerdict::Error)
}

/// The first finish reason among the choices that says something.
pub(super) fn finish_reason(fields: &Fields<'_>) -> Option<String> {
    let choices = fields.present("choices")?;
    choices.elements()?.iter().find_map(|choice| {
        choice.as_object()?.string("finish_reason").filter(|reason| !reason.is_empty())
    })
}

/// The counts of a usage object. `prompt_tokens` includes the cache here and is taken apart.
pub(super) fn read_usage(value: &Value<'_>) -> Usage {
    let Some(fields) = value.as_object() else {
        return Usage { estimated: true, ..Usage::default() };
    };
    let mut counts = Counts::new(fields);
    let prompt = counts.get("prompt_tokens");
    let cache_read = counts
        .nested("prompt_tokens_details", "cached_tokens")
        .or_else(|| counts.get("prompt_cache_hit_tokens"));
    let cache_write = counts.nested("prompt_tokens_details", "cache_write_tokens");
    let cached = cache_read.unwrap_or_default().saturating_add(cache_write.unwrap_or_default());
    Usage {
        input: prompt.map(|prompt| prompt.saturating_sub(cached)),
        output: counts.get("completion_tokens"),
        cache_read,
        cache_write,
        cache_write_1h: None,
        reasoning: counts.nested("completion_tokens_details", "reasoning_tokens"),
        // A cache larger than the prompt it is part of is no count to trust.
        estimated: counts.is_bad || prompt.is_some_and(|prompt| cached > prompt),
    }
}
