//! Requests that the API refuses for the reasoning in their history, and what may still be sent.

use bytes::Bytes;

use super::foreign::without_thinking;
use crate::formats::{ErrorFacts, Header, Rescue};
use crate::json::{Body, Edit, Fields, Kind, Object};

/// Lets the API leave out what it cannot read.
const BINDING: &str = r#""block_binding":{"prefix_mismatch_behavior":"drop_block"}"#;
/// The beta under which it listens to that.
pub(super) const BETA: Header = ("anthropic-beta", "thinking-binding-controls-2026-08-01");

/// What to try after this error, if anything is left.
pub(super) fn next(facts: &ErrorFacts, tried: Option<Rescue>) -> Option<Rescue> {
    let message = facts.message.to_ascii_lowercase();
    let is_bound = message.contains("bound to a different conversation");
    let is_unreadable = ["invalid `signature`", "cannot be modified", "expected `thinking`"]
        .iter()
        .any(|words| message.contains(words));
    match tried {
        None if is_bound => Some(Rescue::DropUnreadable),
        None if is_unreadable => Some(Rescue::WithoutReasoning),
        // The API may not know what it was asked: then the answer is another refusal.
        Some(Rescue::DropUnreadable) => Some(Rescue::WithoutReasoning),
        _ => None,
    }
}

pub(super) fn edits(body: &Body, object: &Object, rescue: Rescue) -> Vec<Edit> {
    match rescue {
        Rescue::WithoutReasoning => without_thinking(body, object),
        Rescue::DropUnreadable => vec![binding(body, object)],
    }
}

fn binding(body: &Body, object: &Object) -> Edit {
    let member = object.get("thinking").filter(|member| member.kind == Kind::Object);
    if let Some(member) = member {
        let text = body.slice(member.value.clone());
        if let Some(fields) = Fields::read(&text) {
            let at = member.value.start + fields.object.inside();
            let comma = if fields.object.members().is_empty() { "" } else { "," };
            let value = Bytes::from(format!("{BINDING}{comma}"));
            return Edit::Range { range: at..at, value };
        }
    }
    Edit::set("thinking", format!("{{\"type\":\"adaptive\",{BINDING}}}"))
}
