//! Writing JSON strings.

use super::word;

/// Append `text` as a JSON string with its quotes.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = first_escape(rest) {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((byte, after)) = from.split_first() else { break };
        push_escape(out, *byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Append `bytes` as a JSON string; what is not UTF-8 becomes U+FFFD.
pub fn push_string_lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    push_string(out, &String::from_utf8_lossy(bytes));
}

/// Index of the first byte that cannot stand for itself.
fn first_escape(text: &[u8]) -> Option<usize> {
    let (words, tail) = text.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let place = word::first_control_or(*word, *b"\"\\\x7F");
        if place < word::BYTES {
            return Some(index * word::BYTES + place);
        }
    }
    let place = tail.iter().position(|byte| needs_escape(*byte))?;
    Some(words.len() * word::BYTES + place)
}

fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7F)
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0C => b'f',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([byte >> 4, byte & 0xF].map(|digit| HEX[usize::from(digit)]));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        push_string_lossy(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_reads_back() {
        let text: String =
            (0..0x300).filter_map(char::from_u32).chain("漢字🦀\u{2028}".chars()).collect();
        let back: String = serde_json::from_str(&written(text.as_bytes())).unwrap();
        assert_eq!(back, text);
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(written(b"a\xFFb\x00\"\\\n"), "\"a\u{FFFD}b\\u0000\\\"\\\\\\n\"");
    }
}
