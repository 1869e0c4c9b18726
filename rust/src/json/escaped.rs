//! The content of a JSON string as it stands between its quotes.
//!
//! Text that is only carried from one body to another is never decoded: it goes out with the very
//! escapes it came with, at the price of a copy.

use std::borrow::Cow;

use super::settled::{is_settled, settle};
use super::text::decode_into;
use super::write::push_string;

/// What stands between the quotes of a JSON string, escapes included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Escaped<'a>(Cow<'a, [u8]>);

/// Up to here a search that needs no preparation is the cheaper one.
const SHORT: usize = 32;

impl<'a> Escaped<'a> {
    /// `inside` must be the content of a JSON string.
    pub fn raw(inside: &'a [u8]) -> Self {
        Self(Cow::Borrowed(inside))
    }

    /// `inside` must be the content of a JSON string.
    pub fn owned(inside: Vec<u8>) -> Self {
        Self(Cow::Owned(inside))
    }

    /// Plain text, escaped here.
    pub fn text(text: &str) -> Self {
        let mut quoted = Vec::with_capacity(text.len() + 2);
        push_string(&mut quoted, text);
        quoted.pop();
        quoted.remove(0);
        Self(Cow::Owned(quoted))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether nothing but white space is in it.
    pub fn is_blank(&self) -> bool {
        let mut rest = self.as_bytes();
        while let Some((byte, after)) = rest.split_first() {
            rest = match (byte, after.first()) {
                (b' ' | b'\t'..=b'\r', _) => after,
                (b'\\', Some(b'n' | b'r' | b't' | b'f')) => after.get(1..).unwrap_or_default(),
                (b'\\', Some(b'u') | None) => return self.to_text().trim().is_empty(),
                (0x80.., _) => {
                    let head = rest.get(..rest.len().min(4)).unwrap_or_default();
                    let text = head.utf8_chunks().next().map_or("", |chunk| chunk.valid());
                    match text.chars().next() {
                        Some(space) if space.is_whitespace() => {
                            rest.get(space.len_utf8()..).unwrap_or_default()
                        }
                        _ => return false,
                    }
                }
                _ => return false,
            };
        }
        true
    }

    /// The decoded text; broken escapes are left as they stand.
    pub fn into_text(self) -> Cow<'a, str> {
        if let Cow::Borrowed(bytes) = self.0
            && bytes.len() <= SHORT
            && !bytes.contains(&b'\\')
            && let Ok(text) = std::str::from_utf8(bytes)
        {
            return Cow::Borrowed(text);
        }
        if memchr::memchr(b'\\', &self.0).is_some() {
            let mut decoded = Vec::with_capacity(self.0.len());
            if decode_into(&self.0, &mut decoded).is_ok() {
                return Cow::Owned(lossy(decoded));
            }
        }
        match self.0 {
            Cow::Borrowed(bytes) => match simdutf8::basic::from_utf8(bytes) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(bytes),
            },
            Cow::Owned(bytes) => Cow::Owned(lossy(bytes)),
        }
    }

    pub fn to_text(&self) -> Cow<'_, str> {
        Escaped::raw(&self.0).into_text()
    }

    /// The one spelling that all spellings of the same text have in common.
    pub fn settled(&self) -> Cow<'_, [u8]> {
        if is_settled(&self.0) {
            return Cow::Borrowed(&self.0);
        }
        Cow::Owned(settle(&self.to_text()))
    }

    /// What comes behind the first `bytes` bytes, which must end no escape in the middle.
    #[must_use]
    pub fn after(self, bytes: usize) -> Self {
        Self(match self.0 {
            Cow::Borrowed(all) => Cow::Borrowed(all.get(bytes..).unwrap_or_default()),
            Cow::Owned(all) => Cow::Owned(all.get(bytes..).unwrap_or_default().to_vec()),
        })
    }

    /// Appends `more`.
    pub fn push(&mut self, more: &Escaped<'_>) {
        self.0.to_mut().extend_from_slice(&more.0);
    }

    /// The same content on its own.
    pub fn into_owned(self) -> Escaped<'static> {
        Escaped(Cow::Owned(self.0.into_owned()))
    }

    /// All of `parts` one after the other, with `between` them.
    pub fn joined<'b>(
        parts: impl IntoIterator<Item = &'b Escaped<'b>>,
        between: &str,
    ) -> Escaped<'static> {
        let between = Escaped::text(between);
        let mut out = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(&between.0);
            }
            out.extend_from_slice(&part.0);
        }
        Escaped(Cow::Owned(out))
    }
}

fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_read_back() {
        for text in ["", "plain", "a\"b\\c\n\u{1}é🦀"] {
            assert_eq!(Escaped::text(text).into_text(), text);
        }
    }

    #[test]
    fn blank_is_any_white_space_in_any_spelling() {
        for blank in ["", "  ", "\\n\\t", "\\u0020", "\\u00a0", " \\r "] {
            assert!(Escaped::raw(blank.as_bytes()).is_blank(), "{blank}");
        }
        for text in ["x", " x", "\\\\n", "\\u0041"] {
            assert!(!Escaped::raw(text.as_bytes()).is_blank(), "{text}");
        }
    }

    #[test]
    fn blank_is_what_the_decoded_text_is() {
        let pieces = [
            " ", "\t", "\u{b}", "\u{1c}", "\\n", "\\f", "\\b", "\\/", "\\u0020", "\\u2028",
            "\\u00", "\\q", "\u{a0}", "\u{2028}", "\u{85}", "é", "🦀", "x", "",
        ];
        for (first, second) in pieces.iter().flat_map(|a| pieces.map(|b| (*a, b))) {
            for third in pieces {
                let raw = [first, second, third].concat();
                let text = Escaped::raw(raw.as_bytes());
                assert_eq!(text.is_blank(), text.to_text().trim().is_empty(), "{raw:?}");
            }
        }
    }
}
