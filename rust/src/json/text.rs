//! Reading the text of a JSON string.

/// Append what `raw`, the bytes between the quotes, stand for. A lone surrogate is written in its
/// three-byte form, so that different keys stay different. `Err` holds the index of a bad escape.
pub(crate) fn decode_into(raw: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    let mut rest = raw;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(plain);
        out.extend_from_slice(before);
        let at = raw.len() - escape.len();
        let (unit, used) = match escape.get(1) {
            Some(b'u') => (hex4(escape.get(2..6)).ok_or(at)?, 6),
            Some(byte) => (u32::from(simple_escape(*byte).ok_or(at)?), 2),
            None => return Err(at),
        };
        rest = escape.get(used..).unwrap_or_default();
        let mut code = unit;
        if (0xD800..0xDC00).contains(&unit)
            && rest.starts_with(b"\\u")
            && let Some(low) = hex4(rest.get(2..6))
            && (0xDC00..0xE000).contains(&low)
        {
            code = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            rest = rest.get(6..).unwrap_or_default();
        }
        push_code(code, out);
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// The text of a JSON string given with its quotes; a lone surrogate becomes U+FFFD.
pub fn decode_string(quoted: &[u8]) -> Option<String> {
    let raw = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut bytes = Vec::with_capacity(raw.len());
    decode_into(raw, &mut bytes).ok()?;
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn hex4(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}

fn simple_escape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

fn push_code(code: u32, out: &mut Vec<u8>) {
    if let Some(c) = char::from_u32(code) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        // Only surrogates are left: three bytes, as UTF-8 would write them if it might.
        let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
        out.extend_from_slice(&[0xE0 | (code >> 12) as u8, tail(6), tail(0)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(raw: &str) -> Result<Vec<u8>, usize> {
        let mut out = Vec::new();
        decode_into(raw.as_bytes(), &mut out).map(|()| out)
    }

    #[test]
    fn escapes_decode() {
        assert_eq!(decode(r"mod\u0065l").unwrap(), b"model");
        assert_eq!(decode(r#"\"\\\/\b\f\n\r\t"#).unwrap(), b"\"\\/\x08\x0C\n\r\t");
        assert_eq!(decode(r"\ud83e\udd80").unwrap(), "🦀".as_bytes());
        assert_eq!(decode(r"\u00e9\u6F22").unwrap(), "é漢".as_bytes());
    }

    #[test]
    fn bad_escapes_name_their_place() {
        assert_eq!(decode(r"ab\q"), Err(2));
        assert_eq!(decode(r"\u12g4"), Err(0));
        assert_eq!(decode(r"x\u12"), Err(1));
        assert_eq!(decode("x\\"), Err(1));
    }

    #[test]
    fn f61_lone_surrogates_neither_fail_nor_collide() {
        assert_ne!(decode(r"\ud800").unwrap(), decode(r"\ud801").unwrap());
        assert_ne!(decode(r"\ud800").unwrap(), "\u{FFFD}".as_bytes());
        assert_eq!(decode_string(br#""a\ud800""#).as_deref(), Some("a\u{FFFD}\u{FFFD}\u{FFFD}"));
        assert_eq!(decode(r"\ud800\u0041").unwrap().last(), Some(&b'A'));
    }
}
