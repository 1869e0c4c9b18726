//! Where 64 bytes hold what detectors look for, as bit masks: bit n is byte n.
//!
//! Beside `block.rs` the only file with vector instructions, and for the same reasons: SSE2 is
//! always there, AVX2 and AVX-512 are asked for, other machines get the same masks byte by byte.

#![expect(
    clippy::inline_always,
    reason = "the loops must be inlined into the function compiled for their instructions"
)]

use crate::block::BLOCK;

/// Letters whose places are kept, in either case: those that the stems of key words end in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Letters {
    pub(super) a: u64,
    pub(super) c: u64,
    pub(super) d: u64,
    pub(super) e: u64,
    pub(super) k: u64,
    pub(super) m: u64,
    pub(super) n: u64,
    pub(super) p: u64,
    pub(super) r: u64,
    pub(super) s: u64,
    pub(super) t: u64,
    pub(super) w: u64,
    pub(super) y: u64,
}

/// The bytes of one block that matter to detectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Classes {
    pub(super) digit: u64,
    pub(super) lower: u64,
    pub(super) upper: u64,
    /// `_` and `-`.
    pub(super) joiner: u64,
    pub(super) hyphen: u64,
    pub(super) dot: u64,
    /// `(` and `)`.
    pub(super) paren: u64,
    pub(super) comma: u64,
    pub(super) space: u64,
    pub(super) at: u64,
    pub(super) colon: u64,
    pub(super) slash: u64,
    pub(super) backslash: u64,
    /// Bytes of characters beyond ASCII.
    pub(super) high: u64,
    pub(super) letters: Letters,
}

/// A way to compare 64 bytes at once.
pub(super) trait Lanes: Copy {
    type Bytes: Copy;
    fn load(self, block: &[u8; BLOCK]) -> Self::Bytes;
    fn equal(self, bytes: Self::Bytes, byte: u8) -> u64;
    /// Bytes from `low` to `low + span`.
    fn range(self, bytes: Self::Bytes, low: u8, span: u8) -> u64;
    /// Each byte with the bit set that turns upper case into lower.
    fn folded(self, bytes: Self::Bytes) -> Self::Bytes;

    /// Places where `first` and `second` hold one of `pairs`; may hold others.
    #[inline(always)]
    fn pairs(self, _first: &[u8; BLOCK], _second: &[u8; BLOCK], _pairs: &Pairs) -> u64 {
        u64::MAX
    }
}

impl Classes {
    #[inline(always)]
    pub(super) fn read(lanes: impl Lanes, block: &[u8; BLOCK]) -> Self {
        let bytes = lanes.load(block);
        let folded = lanes.folded(bytes);
        let hyphen = lanes.equal(bytes, b'-');
        Self {
            digit: lanes.range(bytes, b'0', 9),
            lower: lanes.range(bytes, b'a', 25),
            upper: lanes.range(bytes, b'A', 25),
            joiner: hyphen | lanes.equal(bytes, b'_'),
            hyphen,
            dot: lanes.equal(bytes, b'.'),
            paren: lanes.range(bytes, b'(', 1),
            comma: lanes.equal(bytes, b','),
            space: lanes.equal(bytes, b' '),
            at: lanes.equal(bytes, b'@'),
            colon: lanes.equal(bytes, b':'),
            slash: lanes.equal(bytes, b'/'),
            backslash: lanes.equal(bytes, b'\\'),
            high: lanes.range(bytes, 0x80, 0x7F),
            letters: Letters {
                a: lanes.equal(folded, b'a'),
                c: lanes.equal(folded, b'c'),
                d: lanes.equal(folded, b'd'),
                e: lanes.equal(folded, b'e'),
                k: lanes.equal(folded, b'k'),
                m: lanes.equal(folded, b'm'),
                n: lanes.equal(folded, b'n'),
                p: lanes.equal(folded, b'p'),
                r: lanes.equal(folded, b'r'),
                s: lanes.equal(folded, b's'),
                t: lanes.equal(folded, b't'),
                w: lanes.equal(folded, b'w'),
                y: lanes.equal(folded, b'y'),
            },
        }
    }
}

/// Two bytes that stand next to each other, of many values at once: one bit for each of eight
/// groups of values, by the lower and the upper half of a byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs {
    low: [[u8; 16]; 2],
    high: [[u8; 16]; 2],
    count: u32,
}

impl Pairs {
    pub(super) fn add(&mut self, first: u8, second: u8) {
        let bit = 1 << (self.count % 8);
        self.count = self.count.wrapping_add(1);
        for (byte, (low, high)) in
            [first, second].into_iter().zip(self.low.iter_mut().zip(&mut self.high))
        {
            low[usize::from(byte & 15)] |= bit;
            high[usize::from(byte >> 4)] |= bit;
        }
    }
}

/// Calls `visit` with each place in `text` where one of `pairs` begins that is no inner letter of
/// a word, in order, and perhaps with others.
pub(super) fn starts(pairs: &Pairs, text: &[u8], visit: impl FnMut(usize)) {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(lanes) = Avx2::detect() {
            // SAFETY: `lanes` proves the instructions that the function is compiled for.
            return unsafe { starts_avx2(lanes, pairs, text, visit) };
        }
        starts_with(Sse2, pairs, text, visit);
    }
    #[cfg(not(target_arch = "x86_64"))]
    starts_with(Plain, pairs, text, visit);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn starts_avx2(lanes: Avx2, pairs: &Pairs, text: &[u8], visit: impl FnMut(usize)) {
    starts_with(lanes, pairs, text, visit);
}

#[inline(always)]
fn starts_with(lanes: impl Lanes, pairs: &Pairs, text: &[u8], mut visit: impl FnMut(usize)) {
    let mut base = 0;
    let mut before = 0;
    while let Some(window) = text.get(base..).and_then(<[u8]>::first_chunk::<{ BLOCK + 1 }>) {
        let (Some(first), Some(second)) = (window.first_chunk(), window.last_chunk()) else {
            break;
        };
        let bytes = lanes.load(first);
        let word = lanes.range(lanes.folded(bytes), b'a', 25) | lanes.range(bytes, b'0', 9);
        let mut places = lanes.pairs(first, second, pairs) & !(word & (word << 1 | before));
        before = word >> 63;
        while places != 0 {
            visit(base + places.trailing_zeros() as usize);
            places &= places - 1;
        }
        base += BLOCK;
    }
    for at in base..text.len() {
        visit(at);
    }
}

/// Byte by byte, on any machine.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain;

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Plain {
    fn collect(bytes: &[u8; BLOCK], is_wanted: impl Fn(u8) -> bool) -> u64 {
        bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u64::from(is_wanted(*byte)))
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
impl Lanes for Plain {
    type Bytes = [u8; BLOCK];

    #[inline]
    fn load(self, block: &[u8; BLOCK]) -> [u8; BLOCK] {
        *block
    }

    #[inline]
    fn equal(self, bytes: [u8; BLOCK], wanted: u8) -> u64 {
        Self::collect(&bytes, |byte| byte == wanted)
    }

    #[inline]
    fn range(self, bytes: [u8; BLOCK], low: u8, span: u8) -> u64 {
        Self::collect(&bytes, |byte| byte.wrapping_sub(low) <= span)
    }

    #[inline]
    fn folded(self, bytes: [u8; BLOCK]) -> [u8; BLOCK] {
        bytes.map(|byte| byte | 0x20)
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, Sse2};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::asm;
    use std::arch::x86_64::{
        __m128i, __m256i, __m512i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8, _mm256_and_si256,
        _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
        _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_srli_epi16, _mm256_sub_epi8, _mm512_cmpeq_epi8_mask,
        _mm512_cmple_epu8_mask, _mm512_loadu_si512, _mm512_or_si512, _mm512_set1_epi8,
        _mm512_sub_epi8,
    };

    use super::{BLOCK, Lanes, Pairs};

    /// `mask` as a number and no more: the compiler would read it as a vector of 64 bits, and take
    /// that apart for every shift.
    #[inline(always)]
    fn plain(mut mask: u64) -> u64 {
        // SAFETY: no instruction at all.
        unsafe {
            asm!("/* {0} */", inout(reg) mask, options(pure, nomem, nostack, preserves_flags));
        };
        mask
    }

    /// Part of every x86-64.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::guardrails) struct Sse2;

    impl Sse2 {
        #[inline(always)]
        fn join(masks: [__m128i; 4]) -> u64 {
            // SAFETY: SSE2 is part of every x86-64.
            let [a, b, c, d] =
                masks.map(|m| unsafe { u64::from(_mm_movemask_epi8(m).cast_unsigned()) });
            plain(a | b << 16 | c << 32 | d << 48)
        }
    }

    impl Lanes for Sse2 {
        type Bytes = [__m128i; 4];

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> [__m128i; 4] {
            let (quarters, _) = block.as_chunks::<16>();
            // SAFETY: a quarter is 16 readable bytes and the load asks for no alignment.
            std::array::from_fn(|n| unsafe { _mm_loadu_si128(quarters[n].as_ptr().cast()) })
        }

        #[inline(always)]
        fn equal(self, bytes: [__m128i; 4], byte: u8) -> u64 {
            // SAFETY: SSE2 is part of every x86-64.
            Self::join(
                bytes.map(|v| unsafe { _mm_cmpeq_epi8(v, _mm_set1_epi8(byte.cast_signed())) }),
            )
        }

        #[inline(always)]
        fn range(self, bytes: [__m128i; 4], low: u8, span: u8) -> u64 {
            // SAFETY: SSE2 is part of every x86-64.
            Self::join(bytes.map(|v| unsafe {
                let from = _mm_sub_epi8(v, _mm_set1_epi8(low.cast_signed()));
                _mm_cmpeq_epi8(_mm_min_epu8(from, _mm_set1_epi8(span.cast_signed())), from)
            }))
        }

        #[inline(always)]
        fn folded(self, bytes: [__m128i; 4]) -> [__m128i; 4] {
            // SAFETY: SSE2 is part of every x86-64.
            bytes.map(|v| unsafe { _mm_or_si128(v, _mm_set1_epi8(0x20)) })
        }
    }

    /// Made by [`Avx2::detect`] alone.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::guardrails) struct Avx2(());

    impl Avx2 {
        #[inline]
        pub(in crate::guardrails) fn detect() -> Option<Self> {
            let has = std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("bmi1");
            has.then_some(Self(()))
        }

        #[inline(always)]
        fn join(low: __m256i, high: __m256i) -> u64 {
            // SAFETY: only reached through a value of this type, which proves AVX2.
            unsafe {
                let low = _mm256_movemask_epi8(low).cast_unsigned();
                plain(u64::from(low) | u64::from(_mm256_movemask_epi8(high).cast_unsigned()) << 32)
            }
        }

        /// For each of 32 bytes the groups that both its halves belong to.
        ///
        /// # Safety
        /// 32 bytes from `start` on must be readable.
        #[inline(always)]
        unsafe fn groups(
            _proof: Self,
            start: *const u8,
            (low, high): &([u8; 16], [u8; 16]),
        ) -> __m256i {
            // SAFETY: the caller's promise, tables of 16 bytes, and `_proof` proves AVX2.
            unsafe {
                let bytes = _mm256_loadu_si256(start.cast());
                let low = _mm256_broadcastsi128_si256(_mm_loadu_si128(low.as_ptr().cast()));
                let high = _mm256_broadcastsi128_si256(_mm_loadu_si128(high.as_ptr().cast()));
                let half = _mm256_set1_epi8(15);
                _mm256_and_si256(
                    _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, half)),
                    _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half)),
                )
            }
        }
    }

    impl Lanes for Avx2 {
        type Bytes = [__m256i; 2];

        // No closures below: their bodies would not be compiled for AVX2, and each instruction
        // would become a call.
        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> [__m256i; 2] {
            let start = block.as_ptr();
            // SAFETY: a half is 32 readable bytes, the load asks for no alignment, `self` proves AVX2.
            unsafe { [_mm256_loadu_si256(start.cast()), _mm256_loadu_si256(start.add(32).cast())] }
        }

        #[inline(always)]
        fn equal(self, [low, high]: [__m256i; 2], byte: u8) -> u64 {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let wanted = _mm256_set1_epi8(byte.cast_signed());
                Self::join(_mm256_cmpeq_epi8(low, wanted), _mm256_cmpeq_epi8(high, wanted))
            }
        }

        #[inline(always)]
        fn range(self, [low, high]: [__m256i; 2], first: u8, span: u8) -> u64 {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let first = _mm256_set1_epi8(first.cast_signed());
                let span = _mm256_set1_epi8(span.cast_signed());
                let (low, high) = (_mm256_sub_epi8(low, first), _mm256_sub_epi8(high, first));
                Self::join(
                    _mm256_cmpeq_epi8(_mm256_min_epu8(low, span), low),
                    _mm256_cmpeq_epi8(_mm256_min_epu8(high, span), high),
                )
            }
        }

        #[inline(always)]
        fn folded(self, [low, high]: [__m256i; 2]) -> [__m256i; 2] {
            // SAFETY: `self` proves AVX2.
            unsafe {
                let bit = _mm256_set1_epi8(0x20);
                [_mm256_or_si256(low, bit), _mm256_or_si256(high, bit)]
            }
        }

        #[inline(always)]
        fn pairs(self, first: &[u8; BLOCK], second: &[u8; BLOCK], pairs: &Pairs) -> u64 {
            let (a, b) = ((pairs.low[0], pairs.high[0]), (pairs.low[1], pairs.high[1]));
            let (first, second) = (first.as_ptr(), second.as_ptr());
            // SAFETY: both are 64 readable bytes, the load asks for no alignment, and `self`
            // proves AVX2.
            unsafe {
                let low =
                    _mm256_and_si256(Self::groups(self, first, &a), Self::groups(self, second, &b));
                let high = _mm256_and_si256(
                    Self::groups(self, first.add(32), &a),
                    Self::groups(self, second.add(32), &b),
                );
                let none = _mm256_setzero_si256();
                !Self::join(_mm256_cmpeq_epi8(low, none), _mm256_cmpeq_epi8(high, none))
            }
        }
    }

    /// Made by [`Avx512::detect`] alone.
    #[derive(Debug, Clone, Copy)]
    pub(in crate::guardrails) struct Avx512(());

    impl Avx512 {
        #[inline]
        pub(in crate::guardrails) fn detect() -> Option<Self> {
            let has = std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("bmi1");
            has.then_some(Self(()))
        }
    }

    impl Lanes for Avx512 {
        type Bytes = __m512i;

        #[inline(always)]
        fn load(self, block: &[u8; BLOCK]) -> __m512i {
            // SAFETY: 64 readable bytes, the load asks for no alignment, `self` proves AVX-512.
            unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
        }

        #[inline(always)]
        fn equal(self, bytes: __m512i, byte: u8) -> u64 {
            // SAFETY: `self` proves AVX-512.
            plain(unsafe { _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed())) })
        }

        #[inline(always)]
        fn range(self, bytes: __m512i, first: u8, span: u8) -> u64 {
            // SAFETY: `self` proves AVX-512.
            plain(unsafe {
                let from = _mm512_sub_epi8(bytes, _mm512_set1_epi8(first.cast_signed()));
                _mm512_cmple_epu8_mask(from, _mm512_set1_epi8(span.cast_signed()))
            })
        }

        #[inline(always)]
        fn folded(self, bytes: __m512i) -> __m512i {
            // SAFETY: `self` proves AVX-512.
            unsafe { _mm512_or_si512(bytes, _mm512_set1_epi8(0x20)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_sees_the_same() {
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        for _ in 0..2_000 {
            let block: [u8; BLOCK] = std::array::from_fn(|_| {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                (seed >> 32) as u8
            });
            let expected = Classes::read(Plain, &block);
            for (index, byte) in block.iter().enumerate() {
                assert_eq!(expected.digit >> index & 1 == 1, byte.is_ascii_digit());
                assert_eq!(expected.letters.s >> index & 1 == 1, matches!(byte, b's' | b'S'));
                assert_eq!(expected.paren >> index & 1 == 1, matches!(byte, b'(' | b')'));
            }
            #[cfg(target_arch = "x86_64")]
            {
                assert_eq!(Classes::read(Sse2, &block), expected);
                if let Some(avx2) = Avx2::detect() {
                    assert_eq!(Classes::read(avx2, &block), expected);
                }
                if let Some(avx512) = Avx512::detect() {
                    assert_eq!(Classes::read(avx512, &block), expected);
                }
            }
        }
    }

    #[test]
    fn every_machine_finds_the_starts_of_values() {
        let mut pairs = Pairs::default();
        for value in [b"ab", b"S0", b"!x", b"za", b"00"] {
            pairs.add(value[0], value[1]);
        }
        let text: Vec<u8> = (0..5_000_u32)
            .map(|n| {
                b"abS0!xz. -"[(n.wrapping_mul(n).wrapping_mul(0x9E37_79B1) >> 20) as usize % 10]
            })
            .collect();
        let is_word = |at: usize| text[at].is_ascii_alphanumeric();
        let is_start = |at: &usize| {
            matches!(text.get(*at..at + 2), Some(b"ab" | b"S0" | b"!x" | b"za" | b"00"))
                && !(*at > 0 && is_word(*at) && is_word(at - 1))
        };
        let expected: Vec<usize> = (0..text.len()).filter(is_start).collect();
        assert!(expected.len() > 50);
        let found = |collect: &dyn Fn(&mut Vec<usize>)| {
            let mut found = Vec::new();
            collect(&mut found);
            assert!(found.is_sorted() && found.len() < text.len());
            found.retain(is_start);
            found
        };
        assert_eq!(found(&|all| starts(&pairs, &text, |at| all.push(at))), expected);
        assert_eq!(found(&|all| starts_with(Plain, &pairs, &text, |at| all.push(at))), expected);
    }
}
