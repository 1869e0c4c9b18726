//! Errors in the Chat Completions dialect.

use crate::formats::ErrorReply;
use crate::json::push_string;

/// The error type and, where clients look for a certain one, the code that belong to a status.
fn kind_of_status<'a>(reply: &ErrorReply<'a>) -> (&'static str, &'a str) {
    const QUOTA: &str = "insufficient_quota";
    match (reply.status, reply.code) {
        // Clients stop at this one and try again at any other 429.
        (402, _) | (429, "budget_exceeded" | QUOTA) => (QUOTA, QUOTA),
        (429, _) => ("rate_limit_error", "rate_limit_exceeded"),
        (401, _) => ("invalid_request_error", "invalid_api_key"),
        (400..=499, code) => ("invalid_request_error", code),
        (_, code) => ("server_error", code),
    }
}

pub(super) fn body(kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8> {
    let (own_kind, code) = kind_of_status(reply);
    let mut out = Vec::with_capacity(128 + reply.message.len());
    out.extend_from_slice(b"{\"error\":{\"message\":");
    push_string(&mut out, reply.message);
    out.extend_from_slice(b",\"type\":");
    push_string(&mut out, kind.unwrap_or(own_kind));
    out.extend_from_slice(b",\"param\":null,\"code\":");
    if code.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        push_string(&mut out, code);
    }
    out.extend_from_slice(b"}}");
    out
}

pub(super) fn event(kind: Option<&str>, reply: &ErrorReply<'_>) -> Vec<u8> {
    let mut out = b"data: ".to_vec();
    out.extend_from_slice(&body(kind.filter(|kind| !kind.is_empty()), reply));
    out.extend_from_slice(b"\n\n");
    out
}
