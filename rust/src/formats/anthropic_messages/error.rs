//! Errors in the Messages dialect.

use crate::formats::ErrorReply;
use crate::json::push_string;

/// The error type that belongs to a status.
pub(super) fn kind_of_status(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// The dialect's own spelling of `kind`, if it is one of its types.
fn known(kind: &str) -> Option<&'static str> {
    [400, 401, 402, 403, 404, 409, 413, 429, 500, 504, 529]
        .into_iter()
        .map(kind_of_status)
        .find(|known| *known == kind)
}

pub(super) fn body(kind: &str, reply: &ErrorReply<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 + reply.message.len());
    out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"type\":");
    push_string(&mut out, kind);
    out.extend_from_slice(b",\"message\":");
    push_string(&mut out, reply.message);
    out.push(b'}');
    if let Some(id) = reply.request_id {
        out.extend_from_slice(b",\"request_id\":");
        push_string(&mut out, id);
    }
    out.push(b'}');
    out
}

/// The words on which agents compact, with the numbers that another service gave.
pub(super) fn too_long(message: &str) -> String {
    const WORDS: &str = "prompt is too long";
    if message.contains(WORDS) {
        return message.to_owned();
    }
    let is_digit = |c: char| c.is_ascii_digit();
    let mut numbers: Vec<u64> = message
        .split(|c: char| !is_digit(c))
        .filter_map(|digits| digits.parse().ok())
        .filter(|number| *number >= 1_000)
        .collect();
    numbers.sort_unstable();
    match (numbers.first(), numbers.last()) {
        (Some(most), Some(asked)) if asked > most => {
            format!("{WORDS}: {asked} tokens > {most} maximum")
        }
        _ => format!("{WORDS}: {message}"),
    }
}

pub(super) fn event(kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8> {
    let kind = kind.and_then(known).unwrap_or_else(|| kind_of_status(reply.status));
    let mut out = b"event: error\ndata: ".to_vec();
    out.extend_from_slice(&body(kind, reply));
    out.extend_from_slice(b"\n\n");
    out
}
