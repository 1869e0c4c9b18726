//! Judging a whole JSON text by the letter of its grammar.

use super::MAX_DEPTH;

/// Whether `text` is one JSON value and nothing else, nested at most as deep as a body may be.
pub fn is_valid(text: &[u8]) -> bool {
    let mut cursor = Cursor { text, at: 0 };
    cursor.document().is_some()
}

/// Whether `text` is one JSON object.
pub fn is_valid_object(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(b"{") && is_valid(text)
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

/// What may stand next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    KeyOrEnd,
    Key,
    CommaOrEnd,
}

impl Cursor<'_> {
    fn document(&mut self) -> Option<()> {
        // Open brackets, outermost first.
        let mut open: Vec<u8> = Vec::new();
        let mut next = Next::Value;
        loop {
            self.space();
            let byte = self.peek()?;
            next = match (next, byte) {
                (Next::ValueOrEnd, b']') | (Next::KeyOrEnd, b'}') => {
                    self.at += 1;
                    open.pop();
                    Next::CommaOrEnd
                }
                (Next::CommaOrEnd, _) => self.after_value(&mut open, byte)?,
                (Next::Value | Next::ValueOrEnd, b'{' | b'[') => {
                    self.at += 1;
                    if open.len() >= MAX_DEPTH {
                        return None;
                    }
                    open.push(byte);
                    if byte == b'{' { Next::KeyOrEnd } else { Next::ValueOrEnd }
                }
                (Next::Value | Next::ValueOrEnd, _) => {
                    self.scalar(byte)?;
                    Next::CommaOrEnd
                }
                (Next::Key | Next::KeyOrEnd, b'"') => {
                    self.string()?;
                    self.space();
                    self.literal(b":")?;
                    Next::Value
                }
                _ => return None,
            };
            if open.is_empty() && next == Next::CommaOrEnd {
                self.space();
                return (self.at == self.text.len()).then_some(());
            }
        }
    }

    fn after_value(&mut self, open: &mut Vec<u8>, byte: u8) -> Option<Next> {
        self.at += 1;
        match (open.last()?, byte) {
            (b'{', b',') => Some(Next::Key),
            (b'[', b',') => Some(Next::Value),
            (b'{', b'}') | (b'[', b']') => {
                open.pop();
                Some(Next::CommaOrEnd)
            }
            _ => None,
        }
    }

    fn scalar(&mut self, byte: u8) -> Option<()> {
        match byte {
            b'"' => self.string(),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at + 1;
        self.at = start;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => {
                    let inside = self.text.get(start..self.at - 1)?;
                    return std::str::from_utf8(inside).ok().map(|_| ());
                }
                0..0x20 => return None,
                b'\\' => {
                    let escape = self.peek()?;
                    self.at += 1;
                    match escape {
                        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                        b'u' => {
                            let digits = self.text.get(self.at..self.at + 4)?;
                            if !digits.iter().all(u8::is_ascii_hexdigit) {
                                return None;
                            }
                            self.at += 4;
                        }
                        _ => return None,
                    }
                }
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn literal(&mut self, literal: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(literal).then_some(())?;
        self.at += literal.len();
        Some(())
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_judges_as_a_full_parser_does() {
        let cases = [
            "{}",
            "[]",
            " {\"a\":[1,2.5e-3,{\"b\":null}],\"c\":\"\\u00e9\\n\"} ",
            "true",
            "-0",
            "\"x\"",
            "{\"a\":1,}",
            "[1,]",
            "{a:1}",
            "{\"a\" 1}",
            "01",
            "1.",
            "-",
            "\"\\q\"",
            "\"\\u12\"",
            "\"a",
            "tru",
            "[1 2]",
            "{}{}",
            "",
            "{\"a\":}",
            "[,1]",
            "\"\n\"",
            "nul",
            "{\"a\":1 \"b\":2}",
            "[[]",
            "]",
            "1e",
            "[}",
            "{]",
        ];
        for case in cases {
            let expected = serde_json::from_str::<serde_json::Value>(case).is_ok();
            assert_eq!(is_valid(case.as_bytes()), expected, "{case}");
        }
        assert!(!is_valid(b"\"\xFF\""));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_valid(nested(MAX_DEPTH).as_bytes()));
        assert!(!is_valid(nested(MAX_DEPTH + 1).as_bytes()));
    }
}
