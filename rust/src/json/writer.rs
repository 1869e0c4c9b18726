//! Writing JSON piece by piece, with large pieces of the source shared instead of copied.

use bytes::Bytes;

use super::escaped::Escaped;
use super::write::{push_number, push_string};

/// A piece of the source from this size on is shared: many small ones cost more than a copy.
const SHARED_BYTES: usize = 16 * 1024;
/// Of a source from this size on smaller pieces are shared, too, so that it is not held twice.
const LARGE_BYTES: usize = 1024 * 1024;
const SHARED_OF_LARGE: usize = 2 * 1024;
/// What is written is put aside in pieces of about this size: one that grows would be held twice.
const PIECE_BYTES: usize = 64 * 1024;
/// For what stands between texts.
const LEAST_ROOM: usize = 512;

/// Builds one JSON text. Commas between members and elements are its own business.
#[derive(Debug, Default)]
pub struct Writer {
    source: Bytes,
    parts: Vec<Bytes>,
    buffer: Vec<u8>,
    needs_comma: bool,
}

impl Writer {
    /// A writer that shares large pieces of `source`.
    pub fn sharing(source: Bytes) -> Self {
        // What is written is mostly about as long as what was read.
        Self { buffer: room(source.len() + source.len() / 8), source, ..Self::default() }
    }

    /// A writer of about `bytes` of texts.
    pub fn sized(bytes: usize) -> Self {
        Self { buffer: room(bytes), ..Self::default() }
    }

    pub fn begin(&mut self) -> &mut Self {
        self.open(b'{')
    }

    pub fn end(&mut self) -> &mut Self {
        self.close(b'}')
    }

    pub fn begin_list(&mut self) -> &mut Self {
        self.open(b'[')
    }

    pub fn end_list(&mut self) -> &mut Self {
        self.close(b']')
    }

    /// A member's name; its value must follow.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.comma();
        push_string(&mut self.buffer, name);
        self.buffer.push(b':');
        self.needs_comma = false;
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.comma();
        push_string(&mut self.buffer, text);
        self.done()
    }

    pub fn string(&mut self, text: &Escaped<'_>) -> &mut Self {
        self.strings([text], "")
    }

    /// One string of several texts with `between` them, which must need no escape.
    pub fn strings<'t>(
        &mut self,
        texts: impl IntoIterator<Item = &'t Escaped<'t>>,
        between: &str,
    ) -> &mut Self {
        self.comma();
        self.buffer.push(b'"');
        for (index, text) in texts.into_iter().enumerate() {
            if index > 0 {
                self.buffer.extend_from_slice(between.as_bytes());
            }
            self.piece(text.as_bytes());
        }
        self.buffer.push(b'"');
        self.done()
    }

    /// JSON text as it is.
    pub fn raw(&mut self, json: &[u8]) -> &mut Self {
        self.comma();
        self.piece(json);
        self.done()
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.comma();
        push_number(&mut self.buffer, number);
        self.done()
    }

    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(if value { b"true" } else { b"false" })
    }

    pub fn null(&mut self) -> &mut Self {
        self.raw(b"null")
    }

    /// The member `name` with a text as its value.
    pub fn member(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name).text(value)
    }

    pub fn into_parts(mut self) -> Vec<Bytes> {
        self.flush();
        self.parts
    }

    pub fn into_bytes(self) -> Vec<u8> {
        if self.parts.is_empty() { self.buffer } else { self.into_parts().concat() }
    }

    fn open(&mut self, bracket: u8) -> &mut Self {
        self.comma();
        self.buffer.push(bracket);
        self.needs_comma = false;
        self
    }

    fn close(&mut self, bracket: u8) -> &mut Self {
        self.buffer.push(bracket);
        self.done()
    }

    fn done(&mut self) -> &mut Self {
        self.needs_comma = true;
        self
    }

    fn comma(&mut self) {
        if self.needs_comma {
            self.buffer.push(b',');
        }
    }

    fn piece(&mut self, bytes: &[u8]) {
        let least = if self.source.len() < LARGE_BYTES { SHARED_BYTES } else { SHARED_OF_LARGE };
        if bytes.len() >= least && self.holds(bytes) {
            let shared = self.source.slice_ref(bytes);
            self.flush();
            self.parts.push(shared);
            return;
        }
        if self.buffer.len() + bytes.len() > PIECE_BYTES {
            self.flush();
        }
        self.buffer.extend_from_slice(bytes);
        if bytes.len() > PIECE_BYTES {
            self.flush();
        }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let (source, piece) = (self.source.as_ptr_range(), bytes.as_ptr_range());
        source.start <= piece.start && piece.end <= source.end
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            let mut piece = std::mem::take(&mut self.buffer);
            piece.shrink_to_fit();
            self.parts.push(piece.into());
        }
    }
}

fn room(bytes: usize) -> Vec<u8> {
    Vec::with_capacity(bytes.min(PIECE_BYTES) + LEAST_ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_where_they_belong() {
        let mut out = Writer::default();
        out.begin().key("a").number(1).key("b").begin_list().text("x").null().begin().end();
        out.end_list().member("c", "d").key("e").bool(false).end();
        assert_eq!(out.into_bytes(), br#"{"a":1,"b":["x",null,{}],"c":"d","e":false}"#);
    }

    #[test]
    fn large_pieces_of_the_source_are_shared() {
        let source = Bytes::from(format!("\"{}\"", "x".repeat(SHARED_BYTES)));
        let mut out = Writer::sharing(source.clone());
        out.begin().key("a").raw(&source).end();
        let parts = out.into_parts();
        assert_eq!(parts.concat(), [b"{\"a\":", &source[..], b"}"].concat());
        assert_eq!(parts[1].as_ptr(), source.as_ptr());
    }

    #[test]
    fn a_large_source_is_put_together_in_pieces() {
        let source = Bytes::from(vec![b'x'; LARGE_BYTES]);
        let mut out = Writer::sharing(source.clone());
        out.begin_list();
        for _ in 0..2000 {
            let small = Escaped::raw(&source[..100]);
            out.strings([&small, &Escaped::raw(&source[..SHARED_OF_LARGE])], " ");
        }
        out.end_list();
        let parts = out.into_parts();
        assert!(parts.iter().all(|part| part.len() < 2 * PIECE_BYTES));
        let text = format!("\"{} {}\"", "x".repeat(100), "x".repeat(SHARED_OF_LARGE));
        assert_eq!(parts.concat(), format!("[{}]", vec![text; 2000].join(",")).into_bytes());
    }
}
