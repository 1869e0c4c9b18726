//! Skipping strings, objects and arrays 64 bytes at a time, across any cut of the input.

#![expect(
    clippy::inline_always,
    reason = "the loops must be inlined into the function compiled for their instructions"
)]

#[cfg(not(target_arch = "x86_64"))]
use super::block::Words;

#[cfg(target_arch = "x86_64")]
use super::block::{Avx2, Sse2};
use super::block::{BLOCK, Engine, escaped, prefix_xor};

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
    /// All ones inside a string, else zero.
    in_string: u64,
    /// 1 when the last byte was an escaping backslash.
    escape: u64,
}

impl Nest {
    /// `limit` levels may be open at once; more than 1024 are never allowed.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            kinds: [0; MAX_LEVELS / 64],
            depth: 0,
            limit: limit.min(MAX_LEVELS),
            in_string: 0,
            escape: 0,
        }
    }

    /// Enter the object or array whose opening bracket was read outside; false if too deep.
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
    fn close(&mut self, bracket: u8) -> bool {
        self.depth = self.depth.saturating_sub(1);
        let word = self.kinds.get(self.depth / 64).copied().unwrap_or_default();
        (word >> (self.depth % 64) & 1 == 1) == is_brace(bracket)
    }

    /// Go on until the level entered first is closed.
    pub(super) fn skip(&mut self, bytes: &[u8]) -> Skip {
        #[cfg(target_arch = "x86_64")]
        {
            if bytes.len() >= BLOCK
                && let Some(engine) = Avx2::detect()
            {
                // SAFETY: `engine` proves the instructions that the function is compiled for.
                return unsafe { skip_avx2(engine, self, bytes) };
            }
            self.skip_with(Sse2, bytes)
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.skip_with(Words, bytes)
    }

    #[inline(always)]
    fn skip_with(&mut self, engine: impl Engine, bytes: &[u8]) -> Skip {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        for block in blocks {
            match self.skip_block(engine, block) {
                Skip::More => base += BLOCK,
                end => return end.moved(base),
            }
        }
        if tail.is_empty() {
            return Skip::More;
        }
        let mut block = [b' '; BLOCK];
        for (slot, byte) in block.iter_mut().zip(tail) {
            *slot = *byte;
        }
        let ends_in_escape = self.ends_in_escape(tail);
        let end = self.skip_block(engine, &block);
        if end == Skip::More {
            self.escape = u64::from(ends_in_escape);
        }
        end.moved(base)
    }

    #[inline(always)]
    fn skip_block(&mut self, engine: impl Engine, block: &[u8; BLOCK]) -> Skip {
        let masks = engine.masks(block);
        let quotes = masks.quote & !escaped(masks.backslash, &mut self.escape);
        let strings = if quotes == 0 {
            if self.in_string != 0 {
                return Skip::More;
            }
            0
        } else {
            let strings = prefix_xor(quotes) ^ self.in_string;
            self.in_string = 0_u64.wrapping_sub(strings >> 63);
            strings
        };
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
                    self.in_string = 0;
                    self.escape = 0;
                    return Skip::Closed(index + 1);
                }
            }
            brackets &= brackets - 1;
        }
        Skip::More
    }

    /// Whether the byte after `tail` is escaped, given the state before it.
    fn ends_in_escape(&self, tail: &[u8]) -> bool {
        let run = tail.iter().rev().take_while(|byte| **byte == b'\\').count();
        let carried = if run == tail.len() { self.escape as usize } else { 0 };
        (run + carried) % 2 == 1
    }

    /// Go on until the string whose opening quote was read outside is closed. Uses only the
    /// escape state.
    pub(super) fn skip_string(&mut self, bytes: &[u8]) -> Skip {
        #[cfg(target_arch = "x86_64")]
        {
            if bytes.len() >= BLOCK
                && let Some(engine) = Avx2::detect()
            {
                // SAFETY: `engine` proves the instructions that the function is compiled for.
                return unsafe { skip_string_avx2(engine, self, bytes) };
            }
            self.skip_string_with(Sse2, bytes)
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.skip_string_with(Words, bytes)
    }

    #[inline(always)]
    fn skip_string_with(&mut self, engine: impl Engine, bytes: &[u8]) -> Skip {
        let (blocks, tail) = bytes.as_chunks::<BLOCK>();
        let mut base = 0;
        for block in blocks {
            let (quote, backslash) = engine.string_masks(block);
            let quotes = quote & !escaped(backslash, &mut self.escape);
            if quotes != 0 {
                self.escape = 0;
                return Skip::Closed(base + quotes.trailing_zeros() as usize + 1);
            }
            base += BLOCK;
        }
        for (index, byte) in tail.iter().enumerate() {
            if self.escape == 1 {
                self.escape = 0;
            } else if *byte == b'\\' {
                self.escape = 1;
            } else if *byte == b'"' {
                return Skip::Closed(base + index + 1);
            }
        }
        Skip::More
    }
}

impl Skip {
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
fn skip_string_avx2(engine: Avx2, nest: &mut Nest, bytes: &[u8]) -> Skip {
    nest.skip_string_with(engine, bytes)
}
