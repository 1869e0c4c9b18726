//! Whether certain words stand near a place.

use super::scanner::Scan;

impl Scan<'_> {
    /// Whether one of two words, in lower case, stands among the fourteen bytes before `at`.
    #[inline]
    pub fn has_near(&self, at: usize, one: &[u8], other: &[u8]) -> bool {
        let window = self.slice(at.saturating_sub(14)..at);
        let is = |word: &[u8]| {
            let first = word.first().copied().unwrap_or_default();
            window.windows(word.len()).any(|part| {
                part.first().is_some_and(|byte| byte | 0x20 == first)
                    && part.eq_ignore_ascii_case(word)
            })
        };
        is(one) || is(other)
    }

    /// Whether one of `words`, in lower case, stands in the `distance` bytes before `at`.
    pub fn has_before(&self, at: usize, distance: usize, words: &[&str]) -> bool {
        let window = self.slice(at.saturating_sub(distance)..at);
        // Where words begin, by their first letter: most lists have none that begins there.
        let mut starts = [0_u64; 32];
        let mut any = 0_u32;
        let mut begins = word_starts(window);
        while begins != 0 {
            let index = begins.trailing_zeros();
            begins &= begins - 1;
            let letter = window.get(index as usize).map_or(0, |byte| byte & 31);
            any |= 1 << letter;
            if let Some(mask) = starts.get_mut(usize::from(letter)) {
                *mask |= 1 << index;
            }
        }
        words.iter().any(|word| {
            let word = word.as_bytes();
            match word.first() {
                Some(first) if first.is_ascii_lowercase() && window.len() <= 64 => {
                    any >> (first & 31) & 1 == 1 && {
                        let mask = starts.get(usize::from(first & 31)).copied();
                        begins_word(window, word, mask.unwrap_or_default())
                    }
                }
                _ => contains_word(window, word),
            }
        })
    }
}

/// Where words begin in the first 64 bytes, as bits: letters behind none, or behind an escape.
fn word_starts(window: &[u8]) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const HIGH: u64 = each(0x80);
    let (mut letters, mut slashes) = (0_u64, 0_u64);
    for (index, chunk) in window.chunks(8).take(8).enumerate() {
        let mut bytes = [0_u8; 8];
        for (place, byte) in bytes.iter_mut().zip(chunk) {
            *place = *byte;
        }
        let word = u64::from_le_bytes(bytes);
        // The high bit of each byte that is a letter in either case.
        let low = (word | each(0x20)) & !HIGH;
        let least = low + each(0x80 - b'a');
        let beyond = low + each(0x7F - b'z');
        let is_letter = least & !beyond & !word & HIGH;
        let gather = |bits: u64| (bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        letters |= gather(is_letter) << (8 * index);
        let other = word ^ each(b'\\');
        let is_other = (((other & !HIGH) + !HIGH) | other) & HIGH;
        slashes |= gather(is_other ^ HIGH) << (8 * index);
    }
    let mut starts = letters & !(letters << 1);
    // The letter of `\n` is no part of a word.
    let mut escapes = slashes << 1 & letters;
    while escapes != 0 {
        let at = escapes.trailing_zeros() as usize;
        escapes &= escapes - 1;
        if matches!(window.get(at), Some(b'n' | b'r' | b't')) {
            starts |= letters & 2 << at;
        }
    }
    starts
}

/// Whether `word` (lower case) stands in `window` at one of the places in `starts`, in any case,
/// and ends there.
fn begins_word(window: &[u8], word: &[u8], mut starts: u64) -> bool {
    while starts != 0 {
        let at = starts.trailing_zeros() as usize;
        starts &= starts - 1;
        // Most words that begin alike differ in their second letter.
        let second = word.get(1).copied().filter(u8::is_ascii_lowercase);
        if second.is_some_and(|second| window.get(at + 1).map(|b| b | 0x20) != Some(second)) {
            continue;
        }
        let part = window.get(at..at + word.len());
        if part.is_some_and(|part| part.eq_ignore_ascii_case(word))
            && !window.get(at + word.len()).is_some_and(u8::is_ascii_lowercase)
        {
            return true;
        }
    }
    false
}

/// Whether `window` holds `word` (lower case) in any case and not inside another word.
fn contains_word(window: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    let (low, high) = (*first, first.to_ascii_uppercase());
    memchr::memchr2_iter(low, high, window).any(|at| {
        let is_there =
            window.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
        let before = at.checked_sub(1).and_then(|at| window.get(at));
        let after = window.get(at + word.len());
        let is_escape = before.is_some_and(|byte| matches!(byte, b'n' | b'r' | b't'))
            && at.checked_sub(2).and_then(|at| window.get(at)) == Some(&b'\\');
        is_there
            && (is_escape || !before.is_some_and(u8::is_ascii_alphabetic))
            && !after.is_some_and(u8::is_ascii_lowercase)
    })
}
