//! Reading the text of a JSON string.

use crate::block::{BASELINE, BLOCK, Engine};

/// Append what `raw`, the bytes between the quotes, stand for. A lone surrogate is written in its
/// three-byte form, so that different keys stay different. `Err` holds the index of a bad escape.
pub(crate) fn decode_into(raw: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    let mut at = 0;
    if raw.len() >= 2 * BLOCK {
        let start = out.len();
        at = decode_blocks(raw, out).inspect_err(|_| out.truncate(start))?;
    }
    while let Some(plain) = raw.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        out.extend_from_slice(raw.get(at..at + plain).unwrap_or_default());
        at += plain;
        let (code, used) = escape(raw, at).ok_or(at)?;
        push_code(code, out);
        at += used;
    }
    out.extend_from_slice(raw.get(at..).unwrap_or_default());
    Ok(())
}

/// Decodes all but the end of `raw`, and says how much it was. Whole blocks are copied from each
/// escape on, and what is behind the next escape is written over.
fn decode_blocks(raw: &[u8], out: &mut Vec<u8>) -> Result<usize, usize> {
    let start = out.len();
    let (mut at, mut to) = (0, start);
    // Nothing grows by being decoded, and a copy may go on for a block behind the end.
    out.resize(start + raw.len() + BLOCK, 0);
    let mut base = 0;
    while base + 2 * BLOCK <= raw.len() {
        let Some(block) = raw.get(base..).and_then(<[u8]>::first_chunk::<BLOCK>) else { break };
        let end = base + BLOCK;
        let mut slashes = BASELINE.any_of(block, *b"\\");
        if at > base {
            // The escape before reached into this block.
            slashes &= u64::MAX << (at - base);
        }
        while at < end {
            let Some(piece) = raw.get(at..).and_then(<[u8]>::first_chunk::<BLOCK>) else { break };
            if let Some(place) = out.get_mut(to..).and_then(<[u8]>::first_chunk_mut::<BLOCK>) {
                *place = *piece;
            }
            if slashes == 0 {
                to += end - at;
                at = end;
                break;
            }
            let slash = base + slashes.trailing_zeros() as usize;
            to += slash - at;
            let simple = raw.get(slash + 1).and_then(|byte| simple_escape(*byte));
            if let (Some(byte), Some(place)) = (simple, out.get_mut(to)) {
                *place = byte;
                to += 1;
                at = slash + 2;
            } else {
                let (code, used) = escape(raw, slash).ok_or(slash)?;
                let mut made = Vec::with_capacity(4);
                push_code(code, &mut made);
                if let Some(place) = out.get_mut(to..to + made.len()) {
                    place.copy_from_slice(&made);
                }
                to += made.len();
                at = slash + used;
            }
            slashes = if at < end { slashes & u64::MAX << (at - base) } else { 0 };
        }
        base = end;
    }
    out.truncate(to);
    Ok(at)
}

/// The code point of the escape at `at`, and its length.
fn escape(raw: &[u8], at: usize) -> Option<(u32, usize)> {
    let rest = raw.get(at..)?;
    let (unit, used) = match rest.get(1)? {
        b'u' => (hex4(rest.get(2..6))?, 6),
        byte => (u32::from(simple_escape(*byte)?), 2),
    };
    let pair = rest.get(6..).filter(|low| low.starts_with(b"\\u"));
    if (0xD800..0xDC00).contains(&unit)
        && let Some(low) = pair.and_then(|low| hex4(low.get(2..6)))
        && (0xDC00..0xE000).contains(&low)
    {
        return Some((0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00), 12));
    }
    Some((unit, used))
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

#[inline]
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
    fn long_texts_decode_as_their_pieces_do() {
        let pieces = [
            "a",
            "\\n",
            "\\\\",
            "\\\"",
            "\\u0041",
            "\\ud83e\\udd80",
            "\\ud800",
            "é",
            "0123456789abcdef",
            "\\/",
        ];
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        for round in 0..3_000 {
            let (mut raw, mut expected) = (String::new(), Vec::new());
            while raw.len() < round % 400 {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let piece = pieces[(seed >> 33) as usize % if round % 3 == 0 { 2 } else { 10 }];
                raw.push_str(piece);
                expected.extend(decode(piece).unwrap());
                // A high half that would pair with the next piece.
                if piece == "\\ud800" {
                    raw.push('.');
                    expected.push(b'.');
                }
            }
            assert_eq!(decode(&raw).unwrap(), expected, "{raw}");
            let bad = raw.clone() + "\\q" + &raw;
            assert_eq!(decode(&bad), Err(raw.len()), "{bad}");
        }
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
