//! Whether certain words or digits stand near a place.

use super::scanner::Scan;

impl Scan<'_> {
    /// Whether one of two words, in lower case, stands among the fourteen bytes before `at`.
    #[inline]
    pub fn has_near<const N: usize>(&self, at: usize, one: [u8; N], other: [u8; N]) -> bool {
        const NEAR: usize = 14;
        let mut window = [0; NEAR];
        if let Some(bytes) = at.checked_sub(NEAR).and_then(|from| self.text.get(from..at)) {
            window.copy_from_slice(bytes);
        } else {
            for (place, byte) in window.iter_mut().zip(self.slice(0..at)) {
                *place = *byte;
            }
        }
        for byte in &mut window {
            *byte |= 0x20;
        }
        window.windows(N).any(|part| part == one || part == other)
    }

    /// Whether one of the `reach` bytes from `from` on is a digit. Text without any is read once.
    pub(super) fn has_digit(&self, from: usize, reach: usize) -> bool {
        /// Bytes that are looked at together.
        const PART: usize = 32;
        let end = from + reach;
        let (mut begin, mut to) = self.read.no_digit.get();
        if !(begin..=to).contains(&from) {
            (begin, to) = (from, from);
        }
        if to >= end {
            return false;
        }
        if self.byte(to).is_ascii_digit() {
            return true;
        }
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        while to < end {
            let part = self.slice(to..to + PART);
            let has_any = part.iter().fold(false, |has_any, byte| has_any | is_digit(byte));
            if has_any {
                to += part.iter().position(is_digit).unwrap_or_default();
                break;
            }
            to += PART;
        }
        self.read.no_digit.set((begin, to));
        to < end
    }

    /// Whether one of `words` stands in the `distance` bytes before `at`, at most 64 of them.
    pub(super) fn has_before(&self, at: usize, distance: usize, words: &Near) -> bool {
        let window = self.slice(at.saturating_sub(distance.min(64))..at);
        let mut starts = word_starts(window);
        while starts != 0 {
            let at = starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let rest = window.get(at..).unwrap_or_default();
            let ends = |word: &[u8]| !rest.get(word.len()).is_some_and(u8::is_ascii_lowercase);
            if words.begin(rest).any(ends) {
                return true;
            }
        }
        false
    }
}

/// Words in lower case, at most 64 of two bytes or more, that begin with letters.
pub(super) struct Near {
    list: &'static [&'static str],
    /// Those that begin with a letter, and those whose second byte has these low bits.
    first: [u64; 32],
    second: [u64; 32],
}

impl Near {
    pub(super) const fn of(list: &'static [&'static str]) -> Self {
        assert!(list.len() <= 64);
        let mut words = Self { list, first: [0; 32], second: [0; 32] };
        let mut index = 0;
        while index < list.len() {
            let word = list[index].as_bytes();
            assert!(word.len() > 1 && word[0].is_ascii_lowercase());
            words.first[(word[0] & 31) as usize] |= 1 << index;
            words.second[(word[1] & 31) as usize] |= 1 << index;
            index += 1;
        }
        words
    }

    /// The words that `text` begins with, in any case.
    #[inline]
    fn begin(&self, text: &[u8]) -> impl Iterator<Item = &'static [u8]> {
        let mask = |masks: &[u64; 32], at: usize| {
            let byte = text.get(at).map(|byte| usize::from(byte & 31));
            byte.and_then(|low| masks.get(low)).copied().unwrap_or_default()
        };
        let mut left = mask(&self.first, 0) & mask(&self.second, 1);
        std::iter::from_fn(move || {
            while left != 0 {
                let index = left.trailing_zeros() as usize;
                left &= left - 1;
                let word = self.list.get(index)?.as_bytes();
                if text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) {
                    return Some(word);
                }
            }
            None
        })
    }

    /// Whether one of the words stands anywhere in `text`, inside of other words too.
    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.begin(text.get(at..).unwrap_or_default()).next().is_some())
    }
}

/// Where words begin in the first 64 bytes, as bits: letters behind none, or behind an escape.
fn word_starts(window: &[u8]) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    const HIGH: u64 = each(0x80);
    let (mut letters, mut slashes) = (0_u64, 0_u64);
    let (whole, rest) = window.as_chunks::<8>();
    let mut last = [0_u8; 8];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    for (index, bytes) in whole.iter().chain([&last]).take(8).enumerate() {
        let word = u64::from_le_bytes(*bytes);
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

#[cfg(test)]
mod tests {
    use super::super::category::{Categories, Category};
    use super::super::draws::draws;
    use super::super::scanner::Scanner;
    use super::*;

    #[test]
    fn digits_are_seen_as_far_as_asked_wherever_was_asked_before() {
        let mut draw = draws();
        for _ in 0..200 {
            let text: Vec<u8> = (0..400)
                .map(|_| if draw(90) == 0 { b'0' + draw(10) as u8 } else { b'a' })
                .collect();
            let scan = Scan::of(&text);
            let mut from = 0;
            for _ in 0..60 {
                from = if draw(8) == 0 { draw(500) } else { from + draw(20) };
                let reach = draw(300);
                let has_digit = scan.slice(from..from + reach).iter().any(u8::is_ascii_digit);
                assert_eq!(scan.has_digit(from, reach), has_digit, "{from} {reach}");
            }
        }
    }

    #[test]
    fn a_word_counts_where_it_begins_and_ends_as_one() {
        static WORDS: Near = Near::of(&["tel", "tlf", "handy", "ss#", "tel\u{e9}fono"]);
        let has = |text: &str| WORDS.begin(text.as_bytes()).next().is_some();
        for text in ["tel 1", "TEL", "ss#1", "tel\u{e9}fono", "handy"] {
            assert!(has(text), "{text}");
        }
        for text in ["te", "t", "", "tex", "4el", "ha", "hotel"] {
            assert!(!has(text), "{text}");
        }
        assert!(WORDS.are_in(b"hotel") && !WORDS.are_in(b"hote"));
    }

    #[test]
    fn only_whole_words_before_a_number_make_it_one_of_a_telephone() {
        let scanner = Scanner::new(Categories::ALL);
        let is_phone = |text: &str| {
            let found = scanner.scan(text.as_bytes(), None).unwrap();
            found.iter().any(|finding| finding.category == Category::Phone)
        };
        for text in ["tel 4155552671", "x\\ntel 4155552671", "TELE TEL: 4155552671"] {
            assert!(is_phone(text), "{text}");
        }
        for text in ["hotel 4155552671", "tell 4155552671", "4155552671"] {
            assert!(!is_phone(text), "{text}");
        }
    }
}
