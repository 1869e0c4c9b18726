//! How random a run of characters looks.

use std::cell::Cell;
use std::ops::Range;

use crate::guardrails::scanner::Scan;

/// Which classes of characters a text has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::guardrails) struct Mix {
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) digits: usize,
    pub(super) others: usize,
    /// Of the others, those that stand in no path or dotted name.
    pub(super) foreign: usize,
    /// Of the others, those that people put into passwords.
    pub(super) symbols: usize,
}

/// Bits of one count among those of [`WEIGHTS`].
const FIELD: u32 = 10;
/// So many bytes are counted before a count could run into the next.
const FITS: usize = 1 << (FIELD - 1);

/// What each byte adds to the counts, which are in one number, in the order of [`Mix`].
static WEIGHTS: [u64; 256] = {
    let mut weights = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        weights[index] = if byte.is_ascii_lowercase() {
            1
        } else if byte.is_ascii_uppercase() {
            1 << FIELD
        } else if byte.is_ascii_digit() {
            1 << (2 * FIELD)
        } else if matches!(byte, b'_' | b'-' | b'.' | b':' | b'/') {
            1 << (3 * FIELD)
        } else if matches!(
            byte,
            b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'+' | b'~'
        ) {
            1 << (3 * FIELD) | 1 << (4 * FIELD) | 1 << (5 * FIELD)
        } else {
            1 << (3 * FIELD) | 1 << (4 * FIELD)
        };
        index += 1;
    }
    weights
};

/// The counts of at most [`FITS`] bytes.
#[inline]
fn weigh(text: &[u8]) -> u64 {
    text.iter().fold(0, |sum: u64, byte| {
        sum.wrapping_add(WEIGHTS.get(usize::from(*byte)).copied().unwrap_or_default())
    })
}

impl Mix {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut mix = Self::default();
        for part in text.chunks(FITS) {
            let part = Self::weighed(weigh(part));
            mix.lower += part.lower;
            mix.upper += part.upper;
            mix.digits += part.digits;
            mix.others += part.others;
            mix.foreign += part.foreign;
            mix.symbols += part.symbols;
        }
        mix
    }

    #[inline]
    fn weighed(weight: u64) -> Self {
        let count = |index: u32| (weight >> (index * FIELD)) as usize & ((1 << FIELD) - 1);
        Self {
            lower: count(0),
            upper: count(1),
            digits: count(2),
            others: count(3),
            foreign: count(4),
            symbols: count(5),
        }
    }

    pub(super) fn letters(&self) -> usize {
        self.lower + self.upper
    }
}

/// The last value that was counted: values stand in each other, and what both hold is counted
/// once.
#[derive(Default)]
pub(in crate::guardrails) struct Counted(Cell<(usize, usize, u64)>);

impl Counted {
    /// As [`Mix::of`] for the bytes of `range`.
    pub(super) fn mix(&self, scan: &Scan<'_>, range: &Range<usize>) -> Mix {
        if range.len() > FITS {
            return Mix::of(scan.slice(range.clone()));
        }
        let (start, end, last) = self.0.get();
        let weight = if (start..end).contains(&range.start) && range.end >= end {
            let gone = weigh(scan.slice(start..range.start));
            last.wrapping_sub(gone).wrapping_add(weigh(scan.slice(end..range.end)))
        } else {
            weigh(scan.slice(range.clone()))
        };
        self.0.set((range.start, range.end, weight));
        Mix::weighed(weight)
    }
}

/// Shannon entropy in bits a byte.
pub(super) fn entropy(text: &[u8]) -> f32 {
    let mut counts = [0_u16; 256];
    let mut present = [0_u64; 4];
    for byte in text {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
        if let Some(bits) = present.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }
    let total = text.len() as f32;
    let bits_of = |count: u16| {
        let share = f32::from(count) / total;
        -share * share.log2()
    };
    // Most characters stand there once or twice.
    let few = [0.0, bits_of(1), bits_of(2), bits_of(3)];
    let mut sum = 0.0;
    for (counts, bits) in counts.chunks(64).zip(present) {
        let mut bits = bits;
        while bits != 0 {
            let count = counts.get(bits.trailing_zeros() as usize).copied().unwrap_or_default();
            bits &= bits - 1;
            sum += few.get(usize::from(count)).copied().unwrap_or_else(|| bits_of(count));
        }
    }
    sum
}

/// Whether `text` is a random key rather than something that people have written.
pub(super) fn is_random(text: &[u8]) -> bool {
    let mix = Mix::of(text);
    if text.len() < 16 || mix.digits == 0 || mix.letters() < 3 {
        return false;
    }
    let is_hex = text.iter().all(u8::is_ascii_hexdigit);
    let needed = match text.len() {
        _ if is_hex => 2.8,
        16..=23 => 3.1,
        24..=31 => 3.4,
        _ => 3.6,
    };
    entropy(text) >= needed && !is_worded(text)
}

/// Words joined by hyphens, dots or underscores, as names of things are.
fn is_worded(text: &[u8]) -> bool {
    let mut parts = 0;
    let mut worded = 0;
    for part in text.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/')) {
        if part.is_empty() {
            continue;
        }
        parts += 1;
        let letters = part.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
        let tail = part.get(1..).unwrap_or_default();
        let is_one_case = tail.iter().all(|b| !b.is_ascii_uppercase())
            || part.iter().all(|b| !b.is_ascii_lowercase());
        let is_word = letters == part.len() && is_one_case && part.len() <= 12;
        let is_number = letters == 0 && part.len() <= 4;
        worded += usize::from(is_word || is_number);
    }
    parts >= 2 && worded * 3 >= parts * 2
}

#[cfg(test)]
mod tests {
    use super::super::super::draws::draws;
    use super::*;

    #[test]
    fn what_is_counted_from_the_last_value_on_is_what_its_bytes_are() {
        let mut draw = draws();
        let text: Vec<u8> = (0..1_500).map(|_| b"aZ9_:!(\xC3"[draw(8)]).collect();
        let scan = Scan::of(&text);
        let counted = Counted::default();
        let (mut start, mut end) = (0, 40);
        for _ in 0..2_000 {
            match draw(4) {
                0 => (start, end) = (draw(700), 700 + draw(800)),
                1 => end = (end + draw(9)).min(text.len()),
                _ => start = (start + draw(9)).min(end),
            }
            let range = start..end;
            assert_eq!(counted.mix(&scan, &range), Mix::of(&text[range.clone()]), "{range:?}");
        }
    }
}
