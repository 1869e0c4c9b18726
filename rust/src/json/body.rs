//! A request or response body as the list of parts the network gave.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;

/// The parts of one body, in order; empty parts are dropped.
#[derive(Debug, Clone, Default)]
pub struct Body {
    parts: Vec<Bytes>,
    len: usize,
}

impl Body {
    pub fn from_parts(parts: impl IntoIterator<Item = Bytes>) -> Self {
        let parts: Vec<Bytes> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let len = parts.iter().map(Bytes::len).sum();
        Self { parts, len }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The whole body in one piece, copied only where it came in several.
    pub fn joined(&self) -> Bytes {
        match self.parts.as_slice() {
            [only] => only.clone(),
            parts => parts.concat().into(),
        }
    }

    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The bytes of `range`, copied only where it crosses a border between parts. What lies
    /// beyond the end is left out.
    pub fn slice(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        let mut start = 0;
        let mut joined: Option<Vec<u8>> = None;
        for part in &self.parts {
            let end = start + part.len();
            if range.start < end && range.end > start {
                let piece = part
                    .get(range.start.saturating_sub(start)..range.end.min(end) - start)
                    .unwrap_or_default();
                match &mut joined {
                    Some(bytes) => bytes.extend_from_slice(piece),
                    None if range.end <= end => return Cow::Borrowed(piece),
                    None => {
                        let mut bytes = Vec::with_capacity(range.len().min(self.len));
                        bytes.extend_from_slice(piece);
                        joined = Some(bytes);
                    }
                }
            }
            if end >= range.end {
                break;
            }
            start = end;
        }
        joined.map_or(Cow::Borrowed(&[]), Cow::Owned)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from_parts([bytes])
    }
}

/// Walks forward through a body's parts, handing out shared slices of them.
pub(super) struct Cursor<'a> {
    parts: &'a [Bytes],
    /// Offset in the whole body of the first byte of `parts`.
    base: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(body: &'a Body) -> Self {
        Self { parts: &body.parts, base: 0 }
    }

    /// Append the bytes of `range` to `out` without copying. Ranges must come in rising order.
    pub(super) fn copy(&mut self, range: Range<usize>, out: &mut Vec<Bytes>) {
        while let Some((part, rest)) = self.parts.split_first() {
            let end = self.base + part.len();
            let from = range.start.max(self.base);
            let to = range.end.min(end);
            if from < to {
                out.push(part.slice(from - self.base..to - self.base));
            }
            if end > range.end {
                return;
            }
            self.base = end;
            self.parts = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body() -> Body {
        Body::from_parts(["abc", "", "de", "fghi"].map(|s| Bytes::from_static(s.as_bytes())))
    }

    #[test]
    fn a_slice_within_one_part_is_borrowed() {
        let body = body();
        assert_eq!(body.len(), 9);
        assert!(matches!(body.slice(3..5), Cow::Borrowed(b"de")));
        assert!(matches!(body.slice(1..3), Cow::Borrowed(b"bc")));
    }

    #[test]
    fn every_range_reads_as_in_the_joined_body() {
        let body = body();
        let joined = b"abcdefghi";
        for start in 0..=9 {
            for end in start..=9 {
                assert_eq!(body.slice(start..end).as_ref(), &joined[start..end]);
            }
        }
        assert_eq!(body.slice(7..40).as_ref(), b"hi");
        assert_eq!(body.slice(20..40).as_ref(), b"");
    }
}
