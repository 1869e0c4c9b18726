//! Known first and last names.
//!
//! `names.txt` holds them folded to lower case, each with a digit: 1 first name, 2 last name, 4 a
//! word that means something else at least as often. `names.NOTICE` says where they come from.

use std::sync::LazyLock;

static TEXT: &str = include_str!("../names.txt");

/// What is known of a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Known(u8);

impl Known {
    /// A last name by its form.
    pub(super) const LAST: Self = Self(2);

    pub(super) fn is_first(self) -> bool {
        self.0 & 1 != 0
    }

    pub(super) fn is_last(self) -> bool {
        self.0 & 2 != 0
    }

    /// Seen as an ordinary word at least half as often.
    pub(super) fn is_ambiguous(self) -> bool {
        self.0 & 4 != 0
    }

    pub(super) fn is_any(self) -> bool {
        self.0 != 0
    }
}

/// Open addressing over 64-bit hashes of the folded words; an empty place is zero.
struct Table {
    places: Vec<(u64, u8)>,
    mask: usize,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let lines = TEXT.lines().count();
    let size = (lines * 2).next_power_of_two();
    let mut table = Table { places: vec![(0, 0); size], mask: size - 1 };
    for line in TEXT.lines() {
        if let Some((word, kind)) = line.rsplit_once(' ') {
            table.insert(hash(word.as_bytes()), kind.parse().unwrap_or_default());
        }
    }
    table
});

impl Table {
    fn insert(&mut self, hash: u64, kind: u8) {
        let mut at = hash as usize & self.mask;
        while let Some(place) = self.places.get_mut(at) {
            if place.0 == 0 || place.0 == hash {
                *place = (hash, place.1 | kind);
                return;
            }
            at = (at + 1) & self.mask;
        }
    }

    fn find(&self, hash: u64) -> Known {
        let mut at = hash as usize & self.mask;
        while let Some((known, kind)) = self.places.get(at) {
            if *known == hash {
                return Known(*kind);
            }
            if *known == 0 {
                break;
            }
            at = (at + 1) & self.mask;
        }
        Known(0)
    }
}

/// Of the word with ASCII letters folded to lower case, at most [`LONGEST`] bytes; never zero.
fn hash(word: &[u8]) -> u64 {
    let len = word.len();
    // Short words are read from both ends, so that all their bytes are in one of the two.
    let (first, last) = if len >= 8 {
        (load(word, 0), load(word, len - 8))
    } else if len >= 4 {
        (half(word, 0), half(word, len - 4))
    } else {
        let byte = |at: usize| word.get(at).copied().map_or(0, u64::from);
        (byte(0) | byte(1) << 8 | byte(2) << 16, 0)
    };
    let middle = if len > 16 { load(word, 8) } else { 0 };
    let mut hash = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(len as u64);
    for part in [first, last, middle] {
        hash = (hash ^ folded(part)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        hash ^= hash >> 29;
    }
    hash | 1
}

/// Eight bytes from `at` on.
fn load(word: &[u8], at: usize) -> u64 {
    let bytes = word.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, u64::from_le_bytes)
}

/// Four bytes from `at` on.
fn half(word: &[u8], at: usize) -> u64 {
    let bytes = word.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, |bytes| u64::from(u32::from_le_bytes(bytes)))
}

/// Eight bytes with ASCII capitals as small letters.
fn folded(bytes: u64) -> u64 {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let low = bytes & each(0x7F);
    let (least, beyond) = (low + each(0x80 - b'A'), low + each(0x7F - b'Z'));
    let capitals = least & !beyond & !bytes & each(0x80);
    bytes | capitals >> 2
}

/// Longest name.
const LONGEST: usize = 24;

/// What is known of `word`, in any case of its ASCII letters.
pub(super) fn known(word: &[u8]) -> Known {
    if !(2..=LONGEST).contains(&word.len()) {
        return Known(0);
    }
    TABLE.find(hash(word))
}

/// Makes the table, so that the first scan does not.
pub(in crate::guardrails) fn prepare() {
    LazyLock::force(&TABLE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_again() {
        for line in TEXT.lines() {
            let (word, kind) = line.rsplit_once(' ').unwrap();
            let found = known(word.as_bytes());
            assert_eq!(found.0, kind.parse::<u8>().unwrap(), "{word}");
        }
        assert!(known(b"John").is_first() && known(b"SMITH").is_last());
        assert!(!known(b"kubernetes").is_any());
    }
}
