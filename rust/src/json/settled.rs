//! One spelling of a JSON string for all that mean the same.
//!
//! Only quotes, backslashes, line ends and tabs are escaped, each by its short escape; everything
//! else stands for itself. Serialisers mostly write just that, so that a text rarely has to be
//! decoded to be compared with another one.

#![expect(
    clippy::inline_always,
    reason = "the loop must be inlined into the function compiled for its instructions"
)]

#[cfg(target_arch = "x86_64")]
use crate::block::Avx2;
use crate::block::{BASELINE, BLOCK, Engine, escaped, padded};

/// What may follow a backslash.
const ESCAPES: [u8; 5] = *b"\"\\nrt";
/// What must follow one instead of standing for itself.
const CONTROLS: [u8; 3] = *b"\n\r\t";

/// Whether the content of a JSON string has that spelling.
pub(super) fn is_settled(inside: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if inside.len() >= BLOCK
        && let Some(engine) = Avx2::detect()
    {
        // SAFETY: `engine` proves the instructions that the function is compiled for.
        return unsafe { is_settled_avx2(engine, inside) };
    }
    is_settled_with(BASELINE, inside)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn is_settled_avx2(engine: Avx2, inside: &[u8]) -> bool {
    is_settled_with(engine, inside)
}

#[inline(always)]
fn is_settled_with(engine: impl Engine, inside: &[u8]) -> bool {
    let (blocks, tail) = inside.as_chunks::<BLOCK>();
    let last = padded(tail);
    let last = (!tail.is_empty()).then_some(&last);
    let mut escape = 0;
    for block in blocks.iter().chain(last) {
        let backslashes = engine.any_of(block, *b"\\");
        let mut bad = engine.any_of(block, CONTROLS);
        if backslashes != 0 || escape != 0 {
            bad |= escaped(backslashes, &mut escape) & !engine.any_of(block, ESCAPES);
        }
        if bad != 0 {
            return false;
        }
    }
    escape == 0
}

/// The text in that spelling.
pub(super) fn settle(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 8);
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::json::Escaped;

    #[test]
    fn texts_are_the_same_exactly_when_their_settled_spellings_are() {
        let pieces = [
            "a", "é", "\\u0061", "\\u00e9", "\\n", "\n", "\\u000a", "\\\\n", "\\\"", "\\u0022",
            "/", "\\/", "\\q", "\u{7f}", "\\u007f", "\\u005c", "\\\\",
        ];
        let fills = ["", "0123456789", &"x".repeat(62), &"\\n".repeat(31)];
        let mut all = Vec::new();
        for fill in fills {
            for (first, second) in pieces.iter().flat_map(|a| pieces.map(|b| (*a, b))) {
                all.push([fill, first, second].concat());
            }
        }
        let texts: Vec<_> = all.iter().map(|raw| Escaped::raw(raw.as_bytes())).collect();
        let known: Vec<_> = texts.iter().map(|t| (t.to_text(), t.settled())).collect();
        for (text, settled) in &known {
            for (other, other_settled) in &known {
                assert_eq!(text == other, settled == other_settled, "{text:?} {other:?}");
            }
        }
        let usual = format!("{}\\t\\\"é/\\\\", "x\\n".repeat(50));
        let usual = Escaped::raw(usual.as_bytes());
        assert!(matches!(usual.settled(), std::borrow::Cow::Borrowed(_)));
    }
}
