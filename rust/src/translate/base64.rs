//! Base64 with the alphabet of URLs, without padding.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

pub(super) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..=group.len() {
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            out.push(char::from(ALPHABET.get(index).copied().unwrap_or_default()));
        }
    }
    out
}

/// Nothing for text that [`encode`] does not write.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.as_bytes().chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let mut bits = 0_u32;
        for byte in group {
            let digit = ALPHABET.iter().position(|known| known == byte)? as u32;
            bits = bits << 6 | digit;
        }
        bits <<= 6 * (4 - group.len());
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(1..group.len())?);
    }
    (encode(&out) == text).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_reads_back() {
        for len in 0..20_u8 {
            let bytes: Vec<u8> = (0..len).map(|n| n.wrapping_mul(83) ^ 0xA5).collect();
            let text = encode(&bytes);
            assert_eq!(decode(&text), Some(bytes), "{text}");
        }
        assert_eq!(encode(b"functions.Bash:0"), "ZnVuY3Rpb25zLkJhc2g6MA");
        for bad in ["A", "A!", "AB", "====", "A+"] {
            assert!(decode(bad).is_none(), "{bad}");
        }
    }
}
