//! Writing JSON strings.

use super::word;

/// Append `text` as a JSON string with its quotes.
pub fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(plain) = word::find_control_or(rest, *b"\"\\\x7F") {
        let (before, from) = rest.split_at(plain);
        out.extend_from_slice(before);
        let Some((byte, after)) = from.split_first() else { break };
        push_escape(out, *byte);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Append the digits of `number`.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut len = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        len += 1;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.split_at(digits.len() - len).1);
}

/// Append `bytes` as a JSON string; what is not UTF-8 becomes U+FFFD.
pub fn push_string_lossy(out: &mut Vec<u8>, bytes: &[u8]) {
    push_string(out, &String::from_utf8_lossy(bytes));
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
    fn numbers_are_their_digits() {
        let powers = (0..20).map(|n| 10_u64.pow(n)).flat_map(|n| [n - 1, n, n + 1]);
        for number in powers.chain([u64::MAX, u64::MAX - 1]) {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(written(b"a\xFFb\x00\"\\\n"), "\"a\u{FFFD}b\\u0000\\\"\\\\\\n\"");
    }
}
