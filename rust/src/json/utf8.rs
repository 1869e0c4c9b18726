//! UTF-8 validation of a byte stream whose cuts may fall inside a character.

/// Carries the bytes of a character that a cut has split.
#[derive(Debug, Default)]
pub(super) struct Utf8Check {
    held: [u8; 4],
    held_len: usize,
}

impl Utf8Check {
    /// Check the next bytes; `Err` holds the index in `chunk` of the first bad byte (0 when a
    /// character begun earlier turns out bad).
    pub(super) fn push(&mut self, chunk: &[u8]) -> Result<(), usize> {
        let mut start = 0;
        while self.held_len > 0 {
            let Some(&byte) = chunk.get(start) else { return Ok(()) };
            let Some(slot) = self.held.get_mut(self.held_len) else { return Err(start) };
            if !(0x80..0xC0).contains(&byte) {
                return Err(start);
            }
            *slot = byte;
            self.held_len += 1;
            start += 1;
            if self.held_len >= width(self.held[0]) {
                let whole = self.held.get(..self.held_len).unwrap_or_default();
                if std::str::from_utf8(whole).is_err() {
                    return Err(start - 1);
                }
                self.held_len = 0;
            }
        }
        let rest = chunk.get(start..).unwrap_or_default();
        let (whole, cut) = rest.split_at(rest.len() - cut_len(rest));
        if simdutf8::basic::from_utf8(whole).is_err() {
            let valid = std::str::from_utf8(whole).map_or_else(|e| e.valid_up_to(), str::len);
            return Err(start + valid);
        }
        for (slot, byte) in self.held.iter_mut().zip(cut) {
            *slot = *byte;
        }
        self.held_len = cut.len();
        Ok(())
    }

    /// Whether the stream may end here: no character is half seen.
    pub(super) fn is_complete(&self) -> bool {
        self.held_len == 0
    }
}

/// Bytes of the character that `first` begins; 1 for anything that begins none.
fn width(first: u8) -> usize {
    match first {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
        _ => 1,
    }
}

/// Bytes at the end that begin a character without finishing it.
fn cut_len(bytes: &[u8]) -> usize {
    for (back, &byte) in bytes.iter().rev().take(3).enumerate() {
        if byte < 0x80 {
            return 0;
        }
        if byte >= 0xC0 {
            let seen = back + 1;
            return if width(byte) > seen { seen } else { 0 };
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], cut: usize) -> bool {
        let mut check = Utf8Check::default();
        check.push(&bytes[..cut]).is_ok()
            && check.push(&bytes[cut..]).is_ok()
            && check.is_complete()
    }

    #[test]
    fn every_cut_agrees_with_the_whole() {
        let cases: [&[u8]; 9] = [
            "aé漢🦀z".as_bytes(),
            b"\xC0\xAF",
            b"\xED\xA0\x80",
            b"ab\xF0\x9F\xA6",
            b"\xF8\x88\x80\x80\x80",
            b"\x80",
            b"ok\xFFok",
            b"\xE6\xBC",
            b"\xF4\x90\x80\x80",
        ];
        for bytes in cases {
            for cut in 0..=bytes.len() {
                let expected = std::str::from_utf8(bytes).is_ok();
                assert_eq!(check(bytes, cut), expected, "{bytes:?} at {cut}");
            }
        }
    }

    #[test]
    fn one_byte_at_a_time() {
        let mut check = Utf8Check::default();
        for byte in "漢字🦀".as_bytes() {
            check.push(&[*byte]).unwrap();
        }
        assert!(check.is_complete());
    }
}
