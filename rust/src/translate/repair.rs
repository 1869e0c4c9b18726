//! Making a history that a target accepts out of one that a client got away with.

use super::pairs;
use crate::canonical::{Content, Losses, Part, Request, Role, Turn};
use crate::formats::{LateSystem, Rules};
use crate::json::Escaped;

/// Says where a conversation without its beginning begins.
const CONTINUES: &str = "(conversation continues)";
/// Stands for a turn of nothing but unknown parts.
const UNKNOWN: &str = "[content of a kind that cannot be shown here]";
const GO_ON: &str = "Continue your answer exactly after this text, without repeating any of it:\n";

/// Repairs in the order in which they build on each other. Returns the text that the answer goes
/// on from where the target cannot be given it as a turn.
pub(super) fn repair(
    request: &mut Request<'_>,
    rules: Rules,
    losses: &mut Losses,
) -> Option<String> {
    drop_empty(request, rules, losses);
    place_system(request, rules, losses);
    request.turns.retain(|turn| !turn.parts.is_empty());
    pairs::repair(request, losses);
    request.turns.retain(|turn| !turn.parts.is_empty());
    merge(request, rules);
    if rules.begins_with_user && request.turns.first().is_some_and(|turn| turn.role != Role::User) {
        let parts = vec![Part::own_text(CONTINUES)];
        request.turns.insert(0, Turn { role: Role::User, parts });
    }
    let prefix = prefill(request, rules, losses);
    merge(request, rules);
    prefix
}

/// Removes text that says nothing, and reasoning where no model has been.
fn drop_empty(request: &mut Request<'_>, rules: Rules, losses: &mut Losses) {
    let is_empty =
        |text: &Escaped<'_>| text.is_empty() || (rules.refuses_blank_text && text.is_blank());
    let says_something = |part: &Part<'_>| match &part.content {
        Content::Text { text, .. } | Content::Refusal(text) => !is_empty(text),
        _ => true,
    };
    name_unknown(request, losses);
    request.system.retain(says_something);
    for turn in &mut request.turns {
        let role = turn.role;
        turn.parts.retain(|part| {
            let is_thought =
                matches!(part.content, Content::Reasoning { .. } | Content::Redacted { .. });
            if is_thought && role != Role::Assistant {
                losses.note("thinking");
                return false;
            }
            says_something(part)
        });
        for part in &mut turn.parts {
            if let Content::Result(result) = &mut part.content {
                result.parts.retain(says_something);
            }
        }
    }
}

/// Parts that only their own format knows: they go, or leave a notice where nothing else is left.
fn name_unknown(request: &mut Request<'_>, losses: &mut Losses) {
    for turn in &mut request.turns {
        let had_parts = !turn.parts.is_empty();
        turn.parts.retain(|part| match &part.content {
            Content::Opaque { kind, note: None, .. } => {
                losses.degraded(kind.clone().into_owned());
                false
            }
            _ => true,
        });
        if had_parts && turn.parts.is_empty() && turn.role == Role::User {
            turn.parts.push(Part::own_text(UNKNOWN));
        }
    }
}

/// Leaves late system turns where they may stand, else makes them a user's reminder.
fn place_system(request: &mut Request<'_>, rules: Rules, losses: &mut Losses) {
    let mut before = None;
    for turn in &mut request.turns {
        let is_system = matches!(turn.role, Role::System | Role::Developer);
        if !is_system {
            before = Some(turn.role);
            continue;
        }
        let may_stay = match rules.late_system {
            LateSystem::Anywhere => true,
            LateSystem::AfterUser => before == Some(Role::User),
            LateSystem::Never => false,
        };
        if may_stay {
            turn.role = Role::System;
            before = Some(Role::System);
            continue;
        }
        losses.note("system");
        turn.role = Role::User;
        before = Some(Role::User);
        for part in &mut turn.parts {
            if let Content::Text { text, .. } = &mut part.content {
                *text = reminder(text);
            }
        }
    }
}

fn reminder(text: &Escaped<'_>) -> Escaped<'static> {
    let (open, close) = (Escaped::raw(b"<system-reminder>"), Escaped::raw(b"</system-reminder>"));
    Escaped::joined([&open, text, &close], "")
}

/// Makes one turn of neighbours of the same role, where the target wants that.
fn merge(request: &mut Request<'_>, rules: Rules) {
    let mut merged: Vec<Turn<'_>> = Vec::with_capacity(request.turns.len());
    for mut turn in std::mem::take(&mut request.turns) {
        match merged.last_mut() {
            Some(last) if last.role == turn.role && joins(last, &turn, rules) => {
                last.parts.append(&mut turn.parts);
            }
            _ => merged.push(turn),
        }
    }
    request.turns = merged;
}

fn joins(last: &Turn<'_>, next: &Turn<'_>, rules: Rules) -> bool {
    let has_calls =
        |turn: &Turn<'_>| turn.parts.iter().any(|part| matches!(part.content, Content::Call(_)));
    rules.alternates || (last.role == Role::Assistant && !has_calls(last) && has_calls(next))
}

/// A final turn of the assistant that the model shall go on from.
fn prefill(request: &mut Request<'_>, rules: Rules, losses: &mut Losses) -> Option<String> {
    let last = request.turns.last_mut().filter(|turn| turn.role == Role::Assistant)?;
    if rules.takes_prefill {
        if let Some(Part { content: Content::Text { text, .. }, .. }) = last.parts.last_mut() {
            let trimmed = text.to_text().trim_end().to_owned();
            if trimmed.len() < text.to_text().len() {
                *text = Escaped::text(&trimmed);
            }
        }
        return None;
    }
    let texts: Vec<Escaped<'_>> = last
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text { text, .. } => Some(text.clone()),
            _ => None,
        })
        .collect();
    let prefix = Escaped::joined(&texts, "").into_text().into_owned();
    losses.degraded("prefill");
    request.turns.pop();
    if prefix.trim().is_empty() {
        return None;
    }
    let parts = vec![Part::own_text(&format!("{GO_ON}{prefix}"))];
    request.turns.push(Turn { role: Role::User, parts });
    Some(prefix)
}
