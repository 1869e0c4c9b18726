//! Looking through short texts eight bytes at a time, where a block of 64 does not pay.

/// Bytes of a word.
pub(super) const BYTES: usize = 8;

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Index of the first byte of `word` that is one of `wanted`; 8 where none is.
#[inline]
pub(super) fn first_of<const N: usize>(word: [u8; BYTES], wanted: [u8; N]) -> usize {
    let word = u64::from_le_bytes(word);
    first(
        wanted.iter().fold(0, |found, byte| found | below(word ^ (LOW_BITS * u64::from(*byte)), 1)),
    )
}

/// Index of the first byte that is one of `wanted` or less than 32; 8 where none is.
#[inline]
fn first_control_or<const N: usize>(word: [u8; BYTES], wanted: [u8; N]) -> usize {
    let bytes = u64::from_le_bytes(word);
    let controls = below(bytes, 32);
    first(
        wanted
            .iter()
            .fold(controls, |found, byte| found | below(bytes ^ (LOW_BITS * u64::from(*byte)), 1)),
    )
}

/// Index of the first byte of `text` that is one of `wanted` or less than 32.
#[inline]
pub(super) fn find_control_or<const N: usize>(text: &[u8], wanted: [u8; N]) -> Option<usize> {
    let (words, tail) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let place = first_control_or(*word, wanted);
        if place < BYTES {
            return Some(index * BYTES + place);
        }
    }
    let place = tail.iter().position(|byte| *byte < 32 || wanted.contains(byte))?;
    Some(words.len() * BYTES + place)
}

/// The top bit of each byte less than `limit`, which is 128 at most. Only the lowest bit is
/// certain: what is borrowed there may set the next.
#[inline]
fn below(word: u64, limit: u64) -> u64 {
    word.wrapping_sub(LOW_BITS * limit) & !word & HIGH_BITS
}

#[inline]
fn first(found: u64) -> usize {
    found.trailing_zeros() as usize / BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_at_every_place() {
        for byte in 0..=255_u8 {
            for place in 0..BYTES {
                let mut word = [b'a', 0x80, 0xff, b'!', 0x21, b'[', 0xa2, b'z'];
                let is_quote = matches!(byte, b'"' | b'\\');
                if let Some(at) = word.get_mut(place) {
                    *at = byte;
                }
                let due = if is_quote { place } else { BYTES };
                assert_eq!(first_of(word, *b"\"\\"), due, "{byte} {place}");
                let due = if is_quote || byte < 32 { place } else { BYTES };
                assert_eq!(first_control_or(word, *b"\"\\"), due, "{byte} {place}");
                for later in word.iter_mut().skip(place + 1) {
                    *later = b'"';
                }
                let due = if is_quote { place } else { place + 1 };
                assert_eq!(first_of(word, *b"\"\\"), due, "{byte} {place}");
            }
        }
    }
}
