//! Where certain bytes stand among 64 of them, as bit masks: bit n is byte n.
//!
//! The one file with vector instructions. SSE2 belongs to every x86-64; AVX2 is asked for at run
//! time; other machines use plain word arithmetic with the same results.

/// Bytes looked at in one step.
pub(crate) const BLOCK: usize = 64;

/// The bytes of a block that matter to JSON's structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Masks {
    pub(crate) quote: u64,
    pub(crate) backslash: u64,
    /// `{` and `[`.
    pub(crate) open: u64,
    /// `}` and `]`.
    pub(crate) close: u64,
}

/// A way to compute masks. A value of such a type is the proof that this machine can do it.
pub(crate) trait Engine: Copy {
    fn masks(self, block: &[u8; BLOCK]) -> Masks;
    /// Quotes and backslashes only.
    fn string_masks(self, block: &[u8; BLOCK]) -> (u64, u64);
    /// Each byte that is one of `wanted`.
    fn any_of<const N: usize>(self, block: &[u8; BLOCK], wanted: [u8; N]) -> u64;
}

/// The best engine that needs no asking.
#[cfg(target_arch = "x86_64")]
pub(crate) const BASELINE: Sse2 = Sse2;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const BASELINE: Words = Words;

/// The end of some bytes as a block of its own, filled up with spaces.
pub(crate) fn padded(tail: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    if let Some(start) = block.get_mut(..tail.len()) {
        start.copy_from_slice(tail);
    }
    block
}

/// Setting this bit maps `[` to `{` and `]` to `}`, and no other byte to either.
const CASE_BIT: u8 = 0x20;

/// Eight bytes at a time, on any machine.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words;

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Words {
    const LOW_BITS: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    /// As a factor, gathers the top bit of each byte into the top byte, first byte lowest.
    const GATHER: u64 = 0x0002_0408_1020_4081;

    #[inline]
    fn equal(word: u64, byte: u8) -> u64 {
        let diff = word ^ (Self::LOW_BITS * u64::from(byte));
        // A byte is zero exactly when its low seven bits carry nothing and its top bit is clear.
        let zero = !(((diff & !Self::HIGH_BITS) + !Self::HIGH_BITS) | diff) & Self::HIGH_BITS;
        zero.wrapping_mul(Self::GATHER) >> 56
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Engine for Words {
    #[inline]
    fn masks(self, block: &[u8; BLOCK]) -> Masks {
        let mut masks = Masks { quote: 0, backslash: 0, open: 0, close: 0 };
        for (index, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*bytes);
            let folded = word | (Self::LOW_BITS * u64::from(CASE_BIT));
            let shift = index * 8;
            masks.quote |= Self::equal(word, b'"') << shift;
            masks.backslash |= Self::equal(word, b'\\') << shift;
            masks.open |= Self::equal(folded, b'{') << shift;
            masks.close |= Self::equal(folded, b'}') << shift;
        }
        masks
    }

    #[inline]
    fn string_masks(self, block: &[u8; BLOCK]) -> (u64, u64) {
        let mut masks = (0, 0);
        for (index, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*bytes);
            masks.0 |= Self::equal(word, b'"') << (index * 8);
            masks.1 |= Self::equal(word, b'\\') << (index * 8);
        }
        masks
    }

    #[inline]
    fn any_of<const N: usize>(self, block: &[u8; BLOCK], wanted: [u8; N]) -> u64 {
        let mut mask = 0;
        for (index, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*bytes);
            for byte in wanted {
                mask |= Self::equal(word, byte) << (index * 8);
            }
        }
        mask
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Sse2};

#[cfg(target_arch = "x86_64")]
#[expect(
    clippy::inline_always,
    reason = "the intrinsics are inlined only inside the function compiled for them"
)]
mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8, _mm_setzero_si128, _mm256_cmpeq_epi8, _mm256_loadu_si256,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
    };

    use super::{BLOCK, CASE_BIT, Engine, Masks};

    /// Part of every x86-64.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Sse2;

    impl Sse2 {
        #[inline(always)]
        fn load(block: &[u8; BLOCK]) -> [__m128i; 4] {
            let (quarters, _) = block.as_chunks::<16>();
            // SAFETY: a quarter is 16 readable bytes, the load asks for no alignment, and SSE2 is
            // part of every x86-64.
            std::array::from_fn(|n| unsafe { _mm_loadu_si128(quarters[n].as_ptr().cast()) })
        }

        #[inline(always)]
        fn equal(vectors: [__m128i; 4], byte: u8) -> u64 {
            // SAFETY: SSE2 is part of every x86-64.
            let masks = vectors.map(|vector| unsafe {
                let equal = _mm_cmpeq_epi8(vector, _mm_set1_epi8(byte.cast_signed()));
                u64::from(_mm_movemask_epi8(equal).cast_unsigned())
            });
            masks[0] | masks[1] << 16 | masks[2] << 32 | masks[3] << 48
        }
    }

    impl Engine for Sse2 {
        #[inline(always)]
        fn masks(self, block: &[u8; BLOCK]) -> Masks {
            let vectors = Self::load(block);
            // SAFETY: SSE2 is part of every x86-64.
            let folded = vectors.map(|vector| unsafe {
                _mm_or_si128(vector, _mm_set1_epi8(CASE_BIT.cast_signed()))
            });
            Masks {
                quote: Self::equal(vectors, b'"'),
                backslash: Self::equal(vectors, b'\\'),
                open: Self::equal(folded, b'{'),
                close: Self::equal(folded, b'}'),
            }
        }

        #[inline(always)]
        fn string_masks(self, block: &[u8; BLOCK]) -> (u64, u64) {
            let vectors = Self::load(block);
            (Self::equal(vectors, b'"'), Self::equal(vectors, b'\\'))
        }

        #[inline(always)]
        fn any_of<const N: usize>(self, block: &[u8; BLOCK], wanted: [u8; N]) -> u64 {
            // SAFETY: SSE2 is part of every x86-64.
            let masks = Self::load(block).map(|vector| unsafe {
                let found = wanted.iter().fold(_mm_setzero_si128(), |found, byte| {
                    let equal = _mm_cmpeq_epi8(vector, _mm_set1_epi8(byte.cast_signed()));
                    _mm_or_si128(found, equal)
                });
                u64::from(_mm_movemask_epi8(found).cast_unsigned())
            });
            masks[0] | masks[1] << 16 | masks[2] << 32 | masks[3] << 48
        }
    }

    /// Made by [`Avx2::detect`] alone.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Avx2(());

    impl Avx2 {
        #[inline]
        pub(crate) fn detect() -> Option<Self> {
            let has = std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("bmi1");
            has.then_some(Self(()))
        }

        #[inline(always)]
        fn load(_proof: Self, block: &[u8; BLOCK]) -> [__m256i; 2] {
            let (halves, _) = block.as_chunks::<32>();
            // SAFETY: a half is 32 readable bytes, the load asks for no alignment, and `_proof`
            // proves AVX2.
            std::array::from_fn(|n| unsafe { _mm256_loadu_si256(halves[n].as_ptr().cast()) })
        }

        #[inline(always)]
        fn equal(_proof: Self, vectors: [__m256i; 2], byte: u8) -> u64 {
            // SAFETY: `_proof` proves AVX2.
            let masks = vectors.map(|vector| unsafe {
                let equal = _mm256_cmpeq_epi8(vector, _mm256_set1_epi8(byte.cast_signed()));
                u64::from(_mm256_movemask_epi8(equal).cast_unsigned())
            });
            masks[0] | masks[1] << 32
        }
    }

    impl Engine for Avx2 {
        #[inline(always)]
        fn masks(self, block: &[u8; BLOCK]) -> Masks {
            let vectors = Self::load(self, block);
            // SAFETY: `self` proves AVX2.
            let folded = vectors.map(|vector| unsafe {
                _mm256_or_si256(vector, _mm256_set1_epi8(CASE_BIT.cast_signed()))
            });
            Masks {
                quote: Self::equal(self, vectors, b'"'),
                backslash: Self::equal(self, vectors, b'\\'),
                open: Self::equal(self, folded, b'{'),
                close: Self::equal(self, folded, b'}'),
            }
        }

        #[inline(always)]
        fn string_masks(self, block: &[u8; BLOCK]) -> (u64, u64) {
            let vectors = Self::load(self, block);
            (Self::equal(self, vectors, b'"'), Self::equal(self, vectors, b'\\'))
        }

        #[inline(always)]
        fn any_of<const N: usize>(self, block: &[u8; BLOCK], wanted: [u8; N]) -> u64 {
            let [low, high] = Self::load(self, block);
            // Without closures: one that two functions share is inlined into neither, and each
            // instruction in it becomes a call.
            // SAFETY: `self` proves AVX2.
            unsafe {
                let mut found = (_mm256_setzero_si256(), _mm256_setzero_si256());
                for byte in wanted {
                    let byte = _mm256_set1_epi8(byte.cast_signed());
                    found.0 = _mm256_or_si256(found.0, _mm256_cmpeq_epi8(low, byte));
                    found.1 = _mm256_or_si256(found.1, _mm256_cmpeq_epi8(high, byte));
                }
                u64::from(_mm256_movemask_epi8(found.0).cast_unsigned())
                    | u64::from(_mm256_movemask_epi8(found.1).cast_unsigned()) << 32
            }
        }
    }
}

/// Which of 64 bytes, backslashes aside, are escaped by a backslash before them. `carry` is 1 when the last byte of
/// the block before was an escaping backslash, and is set for the next block.
#[inline]
pub(crate) fn escaped(backslash: u64, carry: &mut u64) -> u64 {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let first = *carry;
    // An escaped backslash escapes nothing.
    let backslash = backslash & !first;
    if backslash == 0 {
        *carry = 0;
        return first;
    }
    // Adding the first bit of a run to the run carries to the bit behind it. A run of odd length
    // ends on a bit whose evenness differs from that of its first bit.
    let starts = backslash & !(backslash << 1);
    let even_ends = backslash.wrapping_add(starts & EVEN) & !backslash;
    let (odd_sum, overflow) = backslash.overflowing_add(starts & !EVEN);
    let odd_ends = odd_sum & !backslash;
    // A run up to the last bit has odd length exactly if it began on an odd one.
    *carry = u64::from(overflow);
    first | (even_ends & !EVEN) | (odd_ends & EVEN)
}

/// Bit n of the result is the exclusive or of bits 0 to n: set from each opening quote up to the
/// byte before its closing quote.
#[inline]
pub(crate) fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(block: &[u8; BLOCK]) -> Masks {
        let find = |wanted: &[u8]| {
            block
                .iter()
                .enumerate()
                .filter(|(_, b)| wanted.contains(b))
                .fold(0, |m, (i, _)| m | 1 << i)
        };
        Masks { quote: find(b"\""), backslash: find(b"\\"), open: find(b"{["), close: find(b"}]") }
    }

    /// A generator good enough to visit every byte value at every place.
    fn blocks() -> impl Iterator<Item = [u8; BLOCK]> {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        (0..2_000).map(move |round| {
            std::array::from_fn(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let byte = (seed >> 32) as u8;
                if round % 2 == 0 { b"\"\\{}[]a "[usize::from(byte % 8)] } else { byte }
            })
        })
    }

    #[test]
    fn every_engine_finds_the_same() {
        for block in blocks() {
            let expected = naive(&block);
            assert_eq!(Words.masks(&block), expected);
            assert_eq!(Words.string_masks(&block), (expected.quote, expected.backslash));
            let either = expected.open | expected.quote;
            assert_eq!(Words.any_of(&block, *b"[{\""), either);
            #[cfg(target_arch = "x86_64")]
            {
                assert_eq!(Sse2.masks(&block), expected);
                assert_eq!(Sse2.string_masks(&block), (expected.quote, expected.backslash));
                assert_eq!(Sse2.any_of(&block, *b"[{\""), either);
                if let Some(avx2) = Avx2::detect() {
                    assert_eq!(avx2.masks(&block), expected);
                    assert_eq!(avx2.string_masks(&block), (expected.quote, expected.backslash));
                    assert_eq!(avx2.any_of(&block, *b"[{\""), either);
                }
            }
        }
    }

    #[test]
    fn escapes_are_found_over_block_borders() {
        let bytes: Vec<u8> = blocks().flatten().map(|b| if b < 120 { b'\\' } else { b }).collect();
        let mut carry = 0;
        let mut is_escaped = false;
        for block in bytes.as_chunks::<BLOCK>().0 {
            let mask = escaped(naive(block).backslash, &mut carry);
            for (index, byte) in block.iter().enumerate() {
                if *byte != b'\\' {
                    assert_eq!(mask >> index & 1 == 1, is_escaped);
                }
                is_escaped = *byte == b'\\' && !is_escaped;
            }
        }
    }

    #[test]
    fn prefix_xor_marks_the_inside_of_quotes() {
        assert_eq!(prefix_xor(0b0100_1000), 0b0011_1000);
        assert_eq!(prefix_xor(1 << 63), 1 << 63);
        assert_eq!(prefix_xor(1), u64::MAX);
    }
}
