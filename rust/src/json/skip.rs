//! Skipping strings, objects and arrays 64 bytes at a time, across any cut of the input.

#![expect(
    clippy::inline_always,
    reason = "the loops must be inlined into the function compiled for their instructions"
)]

use super::{MAX_DEPTH, word};
#[cfg(target_arch = "x86_64")]
use crate::block::Avx2;
use crate::block::{BASELINE, BLOCK, Engine, Masks, escaped, padded, prefix_xor};

/// Most levels that a limit may ask for.
const MAX_LEVELS: usize = 1024;

/// How far a skip came in the bytes it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skip {
    /// All bytes were inside.
    More,
    /// Index of the first byte behind the value.
    Closed(usize),
    /// A bracket here closes what another kind of bracket opened.
    Mismatch(usize),
    /// The bracket here opens one level too many.
    TooDeep(usize),
}

/// Where a skip stands between two pieces of input.
#[derive(Debug, Clone)]
pub(super) struct Nest {
    /// One bit per open level: set for an object.
    kinds: [u64; MAX_LEVELS / 64],
    depth: usize,
    limit: usize,
    strings: Strings,
}

/// Which bytes are inside strings, from block to block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strings {
    /// All ones inside a string, else zero.
    inside: u64,
    /// 1 when the last byte was an escaping backslash.
    escape: u64,
}

impl Strings {
    /// The unescaped quotes of the next block, and its bytes from each opening quote up to the
    /// closing one.
    #[inline(always)]
    pub(super) fn next(&mut self, masks: &Masks) -> (u64, u64) {
        let quotes = masks.quote & !escaped(masks.backslash, &mut self.escape);
        if quotes == 0 {
            return (0, self.inside);
        }
        let strings = prefix_xor(quotes) ^ self.inside;
        self.inside = 0_u64.wrapping_sub(strings >> 63);
        (quotes, strings)
    }

    /// Whether the byte after `tail` is escaped, given the state before `tail`.
    fn ends_in_escape(self, tail: &[u8]) -> bool {
        let run = tail.iter().rev().take_while(|byte| **byte == b'\\').count();
        let carried = if run == tail.len() { self.escape as usize } else { 0 };
        (run + carried) % 2 == 1
    }
}

impl Nest {
    /// `limit` levels may be open at once; more than 1024 are never allowed.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kinds: [0; MAX_LEVELS / 64],
            depth: 0,
            limit: limit.min(MAX_LEVELS),
            strings: Strings::default(),
        }
    }

    /// Enter the object or array whose opening bracket was read outside; false if too deep.
    #[inline]
    pub(super) fn open(&mut self, bracket: u8) -> bool {
        if self.depth >= self.limit {
            return false;
        }
        if let Some(word) = self.kinds.get_mut(self.depth / 64) {
            let bit = 1 << (self.depth % 64);
            *word = if is_brace(bracket) { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        true
    }

    /// Leave the innermost level; false if it was opened by the other kind of bracket.
    #[inline]
    fn close(&mut self, bracket: u8) -> bool {
        self.depth = self.depth.saturating_sub(1);
        let word = self.kinds.get(self.depth / 64).copied().unwrap_or_default();
        (word >> (self.depth % 64) & 1 == 1) == is_brace(bracket)
    }

    /// Go on until the level entered first is closed.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Skip {
        #[cfg(target_arch = "x86_64")]
        if bytes.len() >= BLOCK
            && let Some(engine) = Avx2::detect()
        {
            // SAFETY: `engine` proves the instructions that the function is compiled for.
            return unsafe { skip_avx2(engine, self, bytes) };
        }
        self.skip_with(BASELINE, bytes)
    }

    #[inline(always)]
    fn skip_with(&mut self, engine: impl Engine, bytes: &[u8]) -> Skip {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        for block in blocks {
            match self.skip_block(&engine.masks(block), block) {
                Skip::More => base += BLOCK,
                end => return end.moved(base),
            }
        }
        if tail.is_empty() {
            return Skip::More;
        }
        let ends_in_escape = self.strings.ends_in_escape(tail);
        let block = padded(tail);
        let end = self.skip_block(&engine.masks(&block), &block);
        if end == Skip::More {
            self.strings.escape = u64::from(ends_in_escape);
        }
        end.moved(base)
    }

    #[inline(always)]
    fn skip_block(&mut self, masks: &Masks, block: &[u8; BLOCK]) -> Skip {
        let (_, strings) = self.strings.next(masks);
        self.brackets(masks, strings, block)
    }

    /// Follow the brackets of a block that are not inside strings.
    #[inline(always)]
    pub(super) fn brackets(&mut self, masks: &Masks, strings: u64, block: &[u8; BLOCK]) -> Skip {
        let mut brackets = (masks.open | masks.close) & !strings;
        while brackets != 0 {
            let index = brackets.trailing_zeros() as usize;
            let bracket = block.get(index).copied().unwrap_or_default();
            if masks.open >> index & 1 == 1 {
                if !self.open(bracket) {
                    return Skip::TooDeep(index);
                }
            } else {
                if !self.close(bracket) {
                    return Skip::Mismatch(index);
                }
                if self.depth == 0 {
                    self.strings = Strings::default();
                    return Skip::Closed(index + 1);
                }
            }
            brackets &= brackets - 1;
        }
        Skip::More
    }

    /// Go on until the string whose opening quote was read outside is closed.
    pub(super) fn skip_string(&mut self, bytes: &[u8]) -> Skip {
        #[cfg(target_arch = "x86_64")]
        if bytes.len() >= BLOCK
            && let Some(engine) = Avx2::detect()
        {
            // SAFETY: `engine` proves the instructions that the function is compiled for.
            return unsafe { skip_string_avx2(engine, self, bytes) };
        }
        self.skip_string_with(BASELINE, bytes)
    }

    #[inline(always)]
    fn skip_string_with(&mut self, engine: impl Engine, bytes: &[u8]) -> Skip {
        let escape = &mut self.strings.escape;
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        for block in blocks {
            let (quote, backslash) = engine.string_masks(block);
            let quotes = quote & !escaped(backslash, escape);
            if quotes != 0 {
                *escape = 0;
                return Skip::Closed(base + quotes.trailing_zeros() as usize + 1);
            }
            base += BLOCK;
        }
        for (index, byte) in tail.iter().enumerate() {
            match (*escape, byte) {
                (0, b'"') => return Skip::Closed(base + index + 1),
                (0, b'\\') => *escape = 1,
                _ => *escape = 0,
            }
        }
        Skip::More
    }
}

/// Strings that end within so many words are looked at word by word: most names and values do.
const SHORT_WORDS: usize = 4;

/// Index of the quote that closes the string whose first byte inside stands at `from`.
pub(crate) fn string_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    for _ in 0..SHORT_WORDS {
        let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) else { break };
        let special = word::first_of(*word, *b"\"\\");
        at += special;
        if special < word::BYTES {
            if text.get(at) == Some(&b'"') {
                return Some(at);
            }
            break;
        }
    }
    let rest = text.get(at..)?;
    #[cfg(target_arch = "x86_64")]
    if rest.len() >= BLOCK
        && let Some(engine) = Avx2::detect()
    {
        // SAFETY: `engine` proves the instructions that the function is compiled for.
        return unsafe { closing_quote_avx2(engine, rest) }.map(|end| at + end);
    }
    closing_quote(BASELINE, rest).map(|end| at + end)
}

/// Index of the first quote that no backslash escapes.
#[inline(always)]
fn closing_quote(engine: impl Engine, rest: &[u8]) -> Option<usize> {
    let (blocks, tail) = rest.as_chunks::<BLOCK>();
    let mut escape = 0;
    for (index, block) in blocks.iter().enumerate() {
        let (quote, backslash) = engine.string_masks(block);
        let quotes = quote & !escaped(backslash, &mut escape);
        if quotes != 0 {
            return Some(index * BLOCK + quotes.trailing_zeros() as usize);
        }
    }
    let (quote, backslash) = engine.string_masks(&padded(tail));
    let quotes = quote & !escaped(backslash, &mut escape);
    (quotes != 0).then(|| blocks.len() * BLOCK + quotes.trailing_zeros() as usize)
}

/// Where the object or array ends whose bracket stands at `at`.
pub(crate) fn nest_end(text: &[u8], at: usize) -> Option<usize> {
    let mut nest = Nest::new(MAX_DEPTH);
    nest.open(*text.get(at)?);
    match nest.skip(text.get(at + 1..)?) {
        Skip::Closed(len) => Some(at + 1 + len),
        _ => None,
    }
}

impl Skip {
    #[inline]
    fn moved(self, base: usize) -> Self {
        match self {
            Self::More => Self::More,
            Self::Closed(index) => Self::Closed(base + index),
            Self::Mismatch(index) => Self::Mismatch(base + index),
            Self::TooDeep(index) => Self::TooDeep(base + index),
        }
    }
}

/// Tells `{` and `}` from `[` and `]`.
fn is_brace(bracket: u8) -> bool {
    bracket & 0x20 != 0
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn skip_avx2(engine: Avx2, nest: &mut Nest, bytes: &[u8]) -> Skip {
    nest.skip_with(engine, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn closing_quote_avx2(engine: Avx2, rest: &[u8]) -> Option<usize> {
    closing_quote(engine, rest)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn skip_string_avx2(engine: Avx2, nest: &mut Nest, bytes: &[u8]) -> Skip {
    nest.skip_string_with(engine, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_its_first_free_quote() {
        let fills = ["x", "\\\\", "\\\"", "é", "\\n"];
        for fill in fills {
            for count in 0..100 {
                for before in 0..9 {
                    let inside = "a".repeat(before) + &fill.repeat(count);
                    let text = format!("\"{inside}\" : \"\\\"");
                    let end = Some(inside.len() + 1);
                    assert_eq!(string_end(text.as_bytes(), 1), end, "{text}");
                    let closed = format!("{inside}\"");
                    assert_eq!(string_end(closed.as_bytes(), 0), Some(inside.len()));
                    assert_eq!(string_end(inside.as_bytes(), 0), None);
                    let escaped = inside + "\\\"";
                    assert_eq!(string_end(escaped.as_bytes(), 0), None);
                }
            }
        }
    }
}
