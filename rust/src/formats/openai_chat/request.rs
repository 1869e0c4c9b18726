//! Facts and edits of a Chat Completions request.

use bytes::Bytes;

use super::foreign;
use crate::error::Error;
use crate::formats::request::{
    clamp_edit, integer, is_name, is_streaming, member, model, model_edit,
};
use crate::formats::{RequestEdits, RequestFacts, TargetOptions};
use crate::json::{Body, Edit, Fields, Kind, Object};

/// The output limit and its older spelling; with both, the first holds.
const LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

pub(super) fn read(body: &Body, object: &Object) -> Result<RequestFacts, Error> {
    Ok(RequestFacts {
        model: model(body, object)?,
        is_streaming: is_streaming(body, object)?,
        max_output: LIMITS.iter().find_map(|name| integer(body, object, name)),
        session_hint: member(body, object, "prompt_cache_key")
            .and_then(|value| value.as_string())
            .filter(|key| is_name(key)),
        wants_usage: wants_usage(body, object),
    })
}

pub(super) fn edits(
    body: &Body,
    object: &Object,
    facts: &RequestFacts,
    options: &TargetOptions<'_>,
) -> RequestEdits {
    let mut edits: Vec<Edit> = model_edit(&facts.model, options).into_iter().collect();
    if let Some(limit) = options.max_output {
        edits.extend(LIMITS.iter().filter_map(|name| clamp_edit(body, object, name, limit)));
    }
    let usage = (facts.is_streaming && options.include_usage && !facts.wants_usage)
        .then(|| usage_edit(body, object))
        .flatten();
    let usage_added = usage.is_some();
    edits.extend(usage);
    edits.extend(foreign::edits(body, object));
    RequestEdits { edits, usage_added }
}

fn wants_usage(body: &Body, object: &Object) -> bool {
    let Some(options) = member(body, object, "stream_options") else { return false };
    let fields = options.as_object();
    fields.and_then(|fields| fields.get("include_usage")?.as_bool()).unwrap_or_default()
}

/// Ask for usage; nothing where `stream_options` is something we do not understand.
fn usage_edit(body: &Body, object: &Object) -> Option<Edit> {
    let asked = Bytes::from_static(b"{\"include_usage\":true}");
    let Some(options) = object.get("stream_options") else {
        return Some(Edit::set("stream_options", asked));
    };
    match options.kind {
        Kind::Null => Some(Edit::set("stream_options", asked)),
        Kind::Object => {
            let text = body.slice(options.value.clone());
            let fields = Fields::read(&text)?;
            let base = options.value.start;
            if let Some(member) = fields.object.get("include_usage") {
                let range = base + member.value.start..base + member.value.end;
                return Some(Edit::Range { range, value: Bytes::from_static(b"true") });
            }
            let at = base + fields.object.inside();
            let is_empty = fields.object.members().is_empty();
            let value: &[u8] =
                if is_empty { b"\"include_usage\":true" } else { b"\"include_usage\":true," };
            Some(Edit::Range { range: at..at, value: Bytes::from_static(value) })
        }
        _ => None,
    }
}
