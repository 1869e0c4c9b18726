//! Writing JSON piece by piece, with large pieces of the source shared instead of copied.

use bytes::Bytes;

use super::escaped::Escaped;
use super::write::push_string;

/// A piece of the source from this size on is shared.
const SHARED_BYTES: usize = 16 * 1024;

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
        Self { source, ..Self::default() }
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
        self.comma();
        self.buffer.push(b'"');
        self.piece(text.as_bytes());
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
        self.raw(number.to_string().as_bytes())
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
        if bytes.len() >= SHARED_BYTES && self.holds(bytes) {
            let shared = self.source.slice_ref(bytes);
            self.flush();
            self.parts.push(shared);
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }

    fn holds(&self, bytes: &[u8]) -> bool {
        let (source, piece) = (self.source.as_ptr_range(), bytes.as_ptr_range());
        source.start <= piece.start && piece.end <= source.end
    }

    fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.parts.push(std::mem::take(&mut self.buffer).into());
        }
    }
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
}
