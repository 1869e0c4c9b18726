//! What the requests of all formats have in common.

use bytes::Bytes;

use super::TargetOptions;
use crate::error::{Error, ErrorKind};
use crate::json::{Body, Edit, Kind, Object, Value, push_string};

/// Longest model name or session hint that is taken, in bytes.
const NAME_BYTES: usize = 1024;

/// The model's name: a string that is not empty.
pub(super) fn model(body: &Body, object: &Object) -> Result<String, Error> {
    let expected = "a non-empty string of at most 1024 bytes: the name of a model";
    member(body, object, "model")
        .and_then(|value| value.as_string())
        .filter(|model| is_name(model))
        .ok_or_else(|| bad_member(object, "model", expected))
}

/// Whether a text is fit to be kept as a name.
pub(super) fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES).contains(&text.len())
}

/// Whether a stream is asked for; absent and `null` are no.
pub(super) fn is_streaming(body: &Body, object: &Object) -> Result<bool, Error> {
    match member(body, object, "stream") {
        None => Ok(false),
        Some(value) if value.is_null() => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| bad_member(object, "stream", "true or false")),
    }
}

pub(super) fn member<'a>(body: &'a Body, object: &Object, name: &str) -> Option<Value<'a>> {
    object.get(name).map(|member| Value::in_body(body, member))
}

/// Whether a member is a list that is not empty.
pub(super) fn has_elements(body: &Body, object: &Object, name: &str) -> bool {
    object.get(name).is_some_and(|member| {
        let text = body.slice(member.value.clone());
        let inside = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        member.kind == Kind::Array && !inside.trim_ascii().is_empty()
    })
}

/// A member's number, if it is a whole one that fits; anything else is the upstream's to judge.
pub(super) fn integer(body: &Body, object: &Object, name: &str) -> Option<u64> {
    if object.get(name)?.kind != Kind::Number {
        return None;
    }
    member(body, object, name)?.as_integer()
}

fn bad_member(object: &Object, name: &'static str, expected: &'static str) -> Error {
    let offset = object.get(name).map_or(0, |member| member.value.start);
    Error::new(ErrorKind::BadMember { name, expected }, offset)
}

/// The edit that puts the target's model in place of `model`, if it is another.
pub(super) fn model_edit(model: &str, options: &TargetOptions<'_>) -> Option<Edit> {
    let target = options.model.filter(|target| *target != model)?;
    let mut text = Vec::with_capacity(target.len() + 2);
    push_string(&mut text, target);
    Some(Edit::set("model", text))
}

/// The edit that lowers the limit called `name` to `limit`, if it is a higher number, in
/// whatever spelling.
pub(super) fn clamp_edit(
    body: &Body,
    object: &Object,
    name: &'static str,
    limit: u64,
) -> Option<Edit> {
    let value = member(body, object, name)?;
    is_higher(&value, limit).then(|| Edit::set(name, Bytes::from(limit.to_string())))
}

/// Whether `value` is a number above `limit`; `1e6` is one, too.
pub(super) fn is_higher(value: &Value<'_>, limit: u64) -> bool {
    if value.kind != Kind::Number {
        return false;
    }
    value.as_integer().map_or_else(
        || {
            let text = std::str::from_utf8(&value.text).unwrap_or_default();
            text.parse::<f64>().is_ok_and(|number| number > limit as f64)
        },
        |number| number > limit,
    )
}
