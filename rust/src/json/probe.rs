//! A cheap look at one event's JSON: is it whole, and does it hold one of a few keys?

#![expect(
    clippy::inline_always,
    reason = "the loop must be inlined into the function compiled for its instructions"
)]

use super::MAX_DEPTH;
use super::skip::{Nest, Skip, Strings};
#[cfg(target_arch = "x86_64")]
use crate::block::Avx2;
use crate::block::{BASELINE, BLOCK, Engine, padded};

/// Keys to look for, each with its closing quote but without the opening one, such as `usage"`;
/// at most 32.
#[derive(Debug, Clone, Copy)]
pub struct Keys {
    pub names: &'static [&'static [u8]],
    /// The first bytes of the names.
    pub first: [u8; 3],
}

/// What a [`probe`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// One object whose brackets match and whose strings close. A sound object may still be
    /// wrong inside; an unsound one is never valid JSON.
    pub is_sound: bool,
    /// Bit n: name n stands somewhere in it, on any level, as a key with a value that is not
    /// `null`, or as a value. Names written with escapes are not found.
    pub hits: u32,
}

impl Probe {
    const UNSOUND: Self = Self { is_sound: false, hits: 0 };
}

/// Look at `data`, which must lie between white space at most.
pub fn probe(data: &[u8], keys: Option<&Keys>) -> Probe {
    let data = data.trim_ascii();
    let Some(inside) = data.strip_prefix(b"{") else { return Probe::UNSOUND };
    if !matches!(inside.trim_ascii_start().first(), Some(b'"' | b'}')) {
        return Probe::UNSOUND;
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(engine) = Avx2::detect() {
        // SAFETY: `engine` proves the instructions that the function is compiled for.
        return unsafe { walk_avx2(engine, inside, keys) };
    }
    walk(BASELINE, inside, keys)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn walk_avx2(engine: Avx2, inside: &[u8], keys: Option<&Keys>) -> Probe {
    walk(engine, inside, keys)
}

/// Walk what follows the opening brace.
#[inline(always)]
fn walk(engine: impl Engine, inside: &[u8], keys: Option<&Keys>) -> Probe {
    let mut nest = Nest::new(MAX_DEPTH);
    nest.open(b'{');
    let mut strings = Strings::default();
    let mut hits = 0;
    let (blocks, tail) = inside.as_chunks::<BLOCK>();
    let last = padded(tail);
    let mut end = Skip::More;
    let last = (!tail.is_empty()).then_some(&last);
    for (index, block) in blocks.iter().chain(last).enumerate() {
        // Bytes behind the closing brace: this is more than one object.
        if end != Skip::More {
            return Probe::UNSOUND;
        }
        let base = index * BLOCK;
        let masks = engine.masks(block);
        let (quotes, inner) = strings.next(&masks);
        if let Some(keys) = keys {
            let starts = engine.any_of(block, keys.first);
            // A name may start in the next block: such a quote is always looked at.
            let mut opening = quotes & inner & (starts >> 1 | 1 << 63);
            while opening != 0 {
                let name = base + opening.trailing_zeros() as usize + 1;
                hits |= hit(inside.get(name..).unwrap_or_default(), keys.names);
                opening &= opening - 1;
            }
        }
        end = nest.brackets(&masks, inner, block);
        match end {
            Skip::More => {}
            Skip::Closed(index) if base + index == inside.len() => {}
            _ => return Probe::UNSOUND,
        }
    }
    Probe { is_sound: end != Skip::More, hits }
}

/// The bit of the name that `rest` starts with, unless it is a key whose value is `null`.
fn hit(rest: &[u8], names: &[&[u8]]) -> u32 {
    for (index, name) in names.iter().enumerate() {
        if let Some(after) = rest.strip_prefix(*name) {
            let value = after.trim_ascii_start().strip_prefix(b":");
            let is_hit = value.is_none_or(|v| !v.trim_ascii_start().starts_with(b"null"));
            return u32::from(is_hit) << index;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: Keys = Keys { names: &[b"usage\"", b"error\""], first: *b"uee" };

    #[test]
    fn names_count_as_keys_with_a_value_and_as_values() {
        let hits = |data: &str| probe(data.as_bytes(), Some(&KEYS)).hits;
        assert_eq!(hits(r#"{"usage":{"a":1}}"#), 1);
        assert_eq!(hits(r#"{"usage": null,"error" : "x"}"#), 2);
        assert_eq!(hits(r#"{"usage":null}"#), 0);
        assert_eq!(hits(r#"{"text":"say \"usage\": 1"}"#), 0);
        assert_eq!(hits(r#"{"text":"error"}"#), 2);
        assert_eq!(hits(r#"{"text":"an error"}"#), 0);
        assert_eq!(hits(r#"{"a":{"usage":null},"usage":0}"#), 1);
    }

    #[test]
    fn keys_are_found_at_every_place_of_a_block() {
        for fill in 0..150 {
            let data = format!(r#"{{"a":"{}\"","usage":1}}"#, "x".repeat(fill));
            let expected = Probe { is_sound: true, hits: 1 };
            assert_eq!(probe(data.as_bytes(), Some(&KEYS)), expected, "{fill}");
            assert_eq!(probe(data.as_bytes(), None).hits, 0);
        }
    }

    #[test]
    fn f36_what_is_not_one_object_is_unsound() {
        let long = format!("{{\"a\":\"{}\"}} {{}}", "x".repeat(100));
        let cases = [
            "",
            "[DONE]",
            "{\"a\":1",
            "{\"a\":\"1}",
            "{oops}",
            "{\"a\":[1}}",
            "{}{}",
            "{}x",
            &long,
        ];
        for data in cases {
            assert!(!probe(data.as_bytes(), Some(&KEYS)).is_sound, "{data}");
        }
        let exact = format!("{{\"a\":\"{}\"}}", "x".repeat(64 - 7));
        for data in ["{}", " {\"a\":\"}\"}\n", "{ \"a\":[1,{\"b\":\"\\\"\"}]}", &exact] {
            assert!(probe(data.as_bytes(), None).is_sound, "{data}");
        }
    }
}
