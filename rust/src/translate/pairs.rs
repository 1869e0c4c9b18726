//! Calls and their results: each call answered once, directly behind its turn.

use std::collections::HashMap;

use super::ids;
use crate::canonical::{CallResult, Content, Losses, Part, Request, Role, Turn};
use crate::json::Escaped;

/// Stands for a result that was never recorded.
const INTERRUPTED: &str = "[interrupted: no result recorded]";

/// One call of the history.
struct Known<'a> {
    turn: usize,
    id: String,
    result: Option<Part<'a>>,
    /// Order in which results came.
    order: usize,
}

/// Moves every result behind its call, makes up missing ones, and turns those without a call into
/// text.
pub(super) fn repair<'a>(request: &mut Request<'a>, losses: &mut Losses) {
    name_calls(request);
    let mut known: Vec<Known<'a>> = Vec::new();
    let mut newest: HashMap<String, usize> = HashMap::new();
    let mut order = 0;
    for (index, turn) in request.turns.iter_mut().enumerate() {
        if turn.role == Role::Assistant {
            for part in &turn.parts {
                if let Content::Call(call) = &part.content {
                    newest.insert(call.id.to_string(), known.len());
                    let id = call.id.to_string();
                    known.push(Known { turn: index, id, result: None, order: 0 });
                }
            }
            continue;
        }
        let mut rest = Vec::with_capacity(turn.parts.len());
        for part in turn.parts.drain(..) {
            let Content::Result(result) = &part.content else {
                rest.push(part);
                continue;
            };
            let place = newest.get(result.call_id.as_ref()).copied();
            if let Some(call) = place.and_then(|place| known.get_mut(place)) {
                if call.result.is_some() {
                    losses.degraded("duplicate_result");
                }
                order += 1;
                call.order = order;
                call.result = Some(part);
            } else {
                losses.degraded("orphan_result");
                rest.extend(orphan(part));
            }
        }
        turn.parts = rest;
    }
    if !known.is_empty() {
        place(request, known, losses);
    }
}

/// A call without an id gets one; so does a result that can only belong to it.
fn name_calls(request: &mut Request<'_>) {
    let mut nameless: Vec<String> = Vec::new();
    for (index, turn) in request.turns.iter_mut().enumerate() {
        for (ordinal, part) in turn.parts.iter_mut().enumerate() {
            match &mut part.content {
                Content::Call(call) if call.id.is_empty() => {
                    let id = ids::made_up(index, ordinal, &call.name);
                    nameless.push(id.clone());
                    call.id = id.into();
                }
                Content::Result(result) if result.call_id.is_empty() && !nameless.is_empty() => {
                    result.call_id = nameless.remove(0).into();
                }
                _ => {}
            }
        }
    }
}

/// A result of a call that is not there, as text.
fn orphan(part: Part<'_>) -> Vec<Part<'_>> {
    let Part { content: Content::Result(result), .. } = part else { return Vec::new() };
    let head = format!("[result of unavailable tool call {}] ", result.call_id);
    let mut found = Vec::new();
    let mut head = Some(Escaped::text(&head));
    for part in result.parts {
        match (part.content, head.take()) {
            (Content::Text { text, .. }, Some(head)) => {
                found.push(Part::text(Escaped::joined([&head, &text], "")));
            }
            (content, unused) => {
                found.extend(unused.map(Part::text));
                found.push(Part::new(content));
            }
        }
    }
    found.extend(head.map(Part::text));
    found
}

fn place<'a>(request: &mut Request<'a>, mut known: Vec<Known<'a>>, losses: &mut Losses) {
    known.sort_by_key(|call| (call.turn, call.result.is_none(), call.order));
    let mut calls = known.into_iter().peekable();
    let mut turns: Vec<Turn<'a>> = Vec::with_capacity(request.turns.len());
    // Results that wait for the user's turn they stand in.
    let mut due: Vec<Part<'a>> = Vec::new();
    for (index, mut turn) in std::mem::take(&mut request.turns).into_iter().enumerate() {
        if !due.is_empty() {
            if turn.role == Role::User {
                due.append(&mut turn.parts);
                turn.parts = std::mem::take(&mut due);
            } else {
                turns.push(Turn { role: Role::User, parts: std::mem::take(&mut due) });
            }
        }
        turns.push(turn);
        while let Some(call) = calls.next_if(|call| call.turn == index) {
            due.push(call.result.unwrap_or_else(|| {
                losses.degraded("missing_result");
                missing(call.id)
            }));
        }
    }
    if !due.is_empty() {
        turns.push(Turn { role: Role::User, parts: due });
    }
    request.turns = turns;
}

fn missing<'a>(id: String) -> Part<'a> {
    Part::new(Content::Result(CallResult {
        call_id: id.into(),
        parts: vec![Part::own_text(INTERRUPTED)],
        is_error: true,
    }))
}
