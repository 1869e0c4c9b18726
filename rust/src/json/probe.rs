//! A cheap look at one event's JSON: is it whole, and does it hold one of a few keys?

use super::MAX_DEPTH;
use super::skip::{Nest, Skip};

/// What a [`probe`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// One object whose brackets match and whose strings close. A sound object may still be
    /// wrong inside; an unsound one is never valid JSON.
    pub is_sound: bool,
    /// Bit n: key n stands somewhere in it with a value that is not `null`.
    pub hits: u32,
}

/// Look at `data`; `keys` are given with their quotes, such as `"usage"`, and are found on any
/// level as they are written, without escapes. Inside a string's text they cannot match, since a
/// quote there has a backslash.
pub fn probe(data: &[u8], keys: &[&[u8]]) -> Probe {
    let data = data.trim_ascii();
    if !is_sound(data) {
        return Probe { is_sound: false, hits: 0 };
    }
    let mut hits = 0;
    for (index, key) in keys.iter().enumerate() {
        if has_value(data, key) {
            hits |= 1 << index;
        }
    }
    Probe { is_sound: true, hits }
}

fn is_sound(data: &[u8]) -> bool {
    let Some(inside) = data.strip_prefix(b"{") else { return false };
    if !matches!(inside.trim_ascii_start().first(), Some(b'"' | b'}')) {
        return false;
    }
    let mut nest = Nest::new(MAX_DEPTH);
    nest.open(b'{') && nest.skip(inside) == Skip::Closed(inside.len())
}

fn has_value(data: &[u8], key: &[u8]) -> bool {
    memchr::memmem::find_iter(data, key).any(|at| {
        let after = data.get(at + key.len()..).unwrap_or_default().trim_ascii_start();
        after.strip_prefix(b":").is_some_and(|v| !v.trim_ascii_start().starts_with(b"null"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&[u8]; 2] = [b"\"usage\"", b"\"error\""];

    #[test]
    fn keys_count_only_as_keys_with_a_value() {
        let hits = |data: &str| probe(data.as_bytes(), &KEYS).hits;
        assert_eq!(hits(r#"{"usage":{"a":1}}"#), 1);
        assert_eq!(hits(r#"{"usage": null,"error" : "x"}"#), 2);
        assert_eq!(hits(r#"{"usage":null}"#), 0);
        assert_eq!(hits(r#"{"text":"say \"usage\": 1"}"#), 0);
        assert_eq!(hits(r#"{"text":"error"}"#), 0);
        assert_eq!(hits(r#"{"a":{"usage":null},"usage":0}"#), 1);
    }

    #[test]
    fn f36_what_is_not_one_object_is_unsound() {
        for data in
            ["", "[DONE]", "{\"a\":1", "{\"a\":\"1}", "{oops}", "{\"a\":[1}}", "{}{}", "{\"a\":1}x"]
        {
            assert!(!probe(data.as_bytes(), &KEYS).is_sound, "{data}");
        }
        for data in ["{}", " {\"a\":\"}\"}\n", "{ \"a\":[1,{\"b\":\"\\\"\"}]}"] {
            assert!(probe(data.as_bytes(), &KEYS).is_sound, "{data}");
        }
    }
}
