//! Facts and edits of a Messages request.

use bytes::Bytes;

use super::foreign;
use crate::error::Error;
use crate::formats::request::{
    clamp_edit, integer, is_higher, is_name, is_streaming, member, model, model_edit,
};
use crate::formats::{RequestEdits, RequestFacts, TargetOptions};
use crate::json::{Body, Edit, Fields, Kind, Object};

pub(super) fn read(body: &Body, object: &Object) -> Result<RequestFacts, Error> {
    Ok(RequestFacts {
        model: model(body, object)?,
        is_streaming: is_streaming(body, object)?,
        max_output: integer(body, object, "max_tokens"),
        session_hint: session(body, object),
        // A Messages stream always reports usage.
        wants_usage: true,
    })
}

pub(super) fn edits(
    body: &Body,
    object: &Object,
    facts: &RequestFacts,
    options: &TargetOptions<'_>,
) -> RequestEdits {
    let mut edits: Vec<Edit> = model_edit(&facts.model, options).into_iter().collect();
    if let Some(limit) = options.max_output
        && let Some(clamp) = clamp_edit(body, object, "max_tokens", limit)
    {
        edits.push(clamp);
        edits.extend(budget_edit(body, object, limit));
    }
    edits.extend(foreign::edits(body, object));
    RequestEdits { edits, usage_added: false }
}

/// A thinking budget must stay below the output limit.
fn budget_edit(body: &Body, object: &Object, limit: u64) -> Option<Edit> {
    let thinking = object.get("thinking").filter(|member| member.kind == Kind::Object)?;
    let text = body.slice(thinking.value.clone());
    let fields = Fields::read(&text)?;
    let highest = limit.saturating_sub(1);
    let member = fields.object.get("budget_tokens")?;
    let base = thinking.value.start;
    is_higher(&fields.get("budget_tokens")?, highest).then(|| Edit::Range {
        range: base + member.value.start..base + member.value.end,
        value: Bytes::from(highest.to_string()),
    })
}

/// The session part of `metadata.user_id`: a member of JSON packed into that string, or what
/// follows `_session_` in it.
fn session(body: &Body, object: &Object) -> Option<String> {
    let metadata = member(body, object, "metadata")?;
    let user_id = metadata.as_object()?.string("user_id")?;
    let session = match Fields::read(user_id.as_bytes()) {
        Some(packed) => packed.string("session_id")?,
        None => user_id.rsplit_once("_session_")?.1.to_owned(),
    };
    is_name(&session).then_some(session)
}
