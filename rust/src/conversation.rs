//! What tells one conversation from another where the client gives it no name.
//!
//! Agents send their whole history each time, so what stands at its beginning is the same in
//! every turn. It is also what a provider's prompt cache goes by.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use memchr::memmem;

use crate::json::{Body, Object, Value};

/// Shorter beginnings are shared by conversations that have nothing to do with each other, and
/// are not cached anyway.
const LEAST_BYTES: usize = 4096;

/// Bytes of the turns that are looked at before all of them are.
const TURNS: usize = 64 * 1024;

/// Drawn anew by each process: nobody outside can aim at a hash.
static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A hash of the instructions, the tools and everything up to the first turn of the user, if
/// that is long enough to mean something.
pub(crate) fn prefix_hash(body: &Body, object: &Object) -> Option<u64> {
    let mut prefix = Prefix { hasher: KEY.build_hasher(), len: 0 };
    for name in ["system", "tools"] {
        if let Some(member) = object.get(name) {
            prefix.add(&body.slice(member.value.clone()));
        }
    }
    let is_users = |turn: &Value<'_>| {
        turn.as_object().and_then(|fields| fields.string("role")).is_some_and(|role| role == "user")
    };
    let messages = object.get("messages")?;
    // What crosses a border between parts is copied, so no more is taken than mostly suffices.
    let beginning = messages.value.start..messages.value.end.min(messages.value.start + TURNS);
    let text = Value { kind: messages.kind, text: body.slice(beginning) };
    let whole;
    let turns = if let Some(turns) = text.elements_until(is_users) {
        turns
    } else {
        whole = Value::in_body(body, messages);
        whole.elements_until(is_users)?
    };
    for turn in turns {
        prefix.add(&turn.text);
    }
    (prefix.len >= LEAST_BYTES).then(|| prefix.hasher.finish())
}

struct Prefix<H> {
    hasher: H,
    len: usize,
}

impl<H: Hasher> Prefix<H> {
    /// Clients move their cache markers from turn to turn: these do not count.
    fn add(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(at) = memmem::find(rest, b"\"cache_control\"") {
            let (before, marker) = rest.split_at_checked(at).unwrap_or((rest, b""));
            let before = before.trim_ascii_end();
            self.write(before.strip_suffix(b",").unwrap_or(before));
            let end = memchr::memchr(b'}', marker).map_or(marker.len(), |end| end + 1);
            rest = marker.get(end..).unwrap_or_default();
        }
        self.write(rest);
        self.hasher.write_u8(0xff);
    }

    fn write(&mut self, text: &[u8]) {
        self.hasher.write(text);
        self.len += text.len();
    }
}

/// Whether the body asks for a cache that lives an hour, as far as a search for `"ttl":"1h"`
/// can tell.
pub(crate) fn asks_long_cache(body: &Body) -> bool {
    let mut border = 0;
    body.parts().iter().any(|part| {
        // A marker may lie across the border to the part before.
        let across = body.slice(border - border.min(MARKER)..border + MARKER.min(part.len()));
        border += part.len();
        has_marker(part) || has_marker(&across)
    })
}

/// Longer than any marker that a serialiser writes.
const MARKER: usize = 16;

fn has_marker(text: &[u8]) -> bool {
    memmem::find_iter(text, b"\"1h\"").any(|at| {
        let before = text.get(..at).unwrap_or_default().trim_ascii_end();
        before.strip_suffix(b":").is_some_and(|name| name.trim_ascii_end().ends_with(b"\"ttl\""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{MAX_DEPTH, scan};
    use bytes::Bytes;

    fn body(text: &str, cut: usize) -> Body {
        let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
        Body::from_parts([Bytes::copy_from_slice(head), Bytes::copy_from_slice(tail)])
    }

    fn hash(text: &str) -> Option<u64> {
        let of = |cut| {
            let body = body(text, cut);
            let object = scan(&body, MAX_DEPTH).expect("valid");
            prefix_hash(&body, &object)
        };
        assert_eq!(of(0), of(text.len() / 2), "a cut changes nothing");
        of(0)
    }

    fn messages(system: &str, turns: &str) -> String {
        format!(
            r#"{{"model":"m","system":"{system}","tools":[{{"name":"t"}}],"messages":[{turns}]}}"#
        )
    }

    const FIRST: &str = r#"{"role":"user","content":"hello"}"#;

    #[test]
    fn turns_of_one_conversation_have_one_hash() {
        let system = "x".repeat(5000);
        let first = hash(&messages(&system, FIRST));
        assert!(first.is_some());
        let more = format!(
            r#"{FIRST},{{"role":"assistant","content":"hi"}},{{"role":"user","content":"go"}}"#
        );
        assert_eq!(hash(&messages(&system, &more)), first);
        let other = r#"{"role":"user","content":"good day"}"#;
        assert_ne!(hash(&messages(&system, other)), first);
        assert_ne!(hash(&messages(&"y".repeat(5000), FIRST)), first);
        let long = format!(r#"{{"role":"user","content":"{}"}},{FIRST}"#, "z".repeat(100_000));
        assert!(hash(&messages("", &long)).is_some());
        assert_ne!(hash(&messages("", &long)), hash(&messages("", &long.replace('z', "y"))));
        let chat = format!(r#"{{"role":"system","content":"{system}"}},{FIRST}"#);
        assert!(hash(&messages("", &chat)).is_some());
        assert_ne!(
            hash(&messages("", &chat.replace("hello", "hullo"))),
            hash(&messages("", &chat))
        );
    }

    #[test]
    fn short_beginnings_have_none() {
        assert_eq!(hash(&messages("x", FIRST)), None);
        let long_answer =
            format!(r#"{FIRST},{{"role":"assistant","content":"{}"}}"#, "x".repeat(9000));
        assert_eq!(hash(&messages("x", &long_answer)), None);
        assert_eq!(hash(r#"{"model":"m"}"#), None);
        assert_eq!(hash(r#"{"messages":7}"#), None);
    }

    #[test]
    fn a_cache_marker_that_moves_on_changes_nothing() {
        let system = "x".repeat(5000);
        let with = |marker: &str| {
            hash(&messages(
                &system,
                &format!(
                    r#"{{"role":"user","content":[{{"type":"text","text":"hello"{marker}}}]}}"#
                ),
            ))
        };
        assert!(with("").is_some());
        assert_eq!(with(r#","cache_control":{"type":"ephemeral"}"#), with(""));
        assert_eq!(with(r#", "cache_control": {"type": "ephemeral", "ttl": "1h"}"#), with(""));
    }

    #[test]
    fn an_hours_cache_is_seen_at_every_cut() {
        for marker in [r#""ttl":"1h""#, r#""ttl" : "1h""#] {
            let text = format!(r#"{{"system":[{{"cache_control":{{{marker}}}}}]}}"#);
            for cut in 0..=text.len() {
                assert!(asks_long_cache(&body(&text, cut)), "{cut}");
            }
        }
        for text in [r#"{"ttl":"5m"}"#, r#"{"wait":"1h"}"#, r#"{"ttl":"x","y":"1h"}"#, ""] {
            assert!(!asks_long_cache(&body(text, 3)), "{text}");
        }
    }
}
