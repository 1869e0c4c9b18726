//! What can be wrong with bytes we were given: a kind and the offset where it showed.

use std::fmt::Write as _;

/// Longest piece of a member name that a message repeats.
const SHOWN_NAME_CHARS: usize = 64;

/// A fault found while reading JSON or SSE; `offset` counts bytes from the start of that input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.message())]
pub struct Error {
    pub kind: ErrorKind,
    pub offset: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing but white space.
    Empty,
    /// The first byte that counts is not `{`.
    NotAnObject,
    /// Something else than `expected` stands at the offset.
    Syntax {
        expected: &'static str,
    },
    /// The input ended inside the object.
    Unclosed,
    /// More than `limit` objects and arrays inside each other.
    Depth {
        limit: usize,
    },
    InvalidUtf8,
    /// A top-level key stands there twice, after escape decoding.
    DuplicateKey {
        name: String,
    },
    /// A member that we read has the wrong type or value.
    BadMember {
        name: &'static str,
        expected: &'static str,
    },
    /// `NaN` or `Infinity` as the value of a top-level member.
    NonFiniteNumber,
    /// More than `limit` top-level members.
    TooManyMembers {
        limit: usize,
    },
    /// One SSE event is longer than `limit` bytes.
    TooLarge {
        limit: usize,
    },
    /// Bytes after the object that are not white space.
    TrailingBytes,
}

impl Error {
    pub fn new(kind: ErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// One sentence that tells the sender what to change. It repeats at most a member's name,
    /// never a value.
    pub fn message(&self) -> String {
        let at = self.offset;
        match &self.kind {
            ErrorKind::Empty => "the body must be one JSON object; it is empty".into(),
            ErrorKind::NotAnObject => {
                "the body must be one JSON object; it does not start with `{`".into()
            }
            ErrorKind::Syntax { expected } => {
                format!("the body is not valid JSON: expected {expected} at byte {at}")
            }
            ErrorKind::Unclosed => {
                format!("the body is not valid JSON: it ends at byte {at}, inside the object")
            }
            ErrorKind::Depth { limit } => {
                format!("the body is nested more than {limit} levels deep at byte {at}; flatten it")
            }
            ErrorKind::InvalidUtf8 => format!("the body must be UTF-8; byte {at} is not"),
            ErrorKind::DuplicateKey { name } => {
                format!("the member `{}` is given twice; send it once", shown(name))
            }
            ErrorKind::BadMember { name, expected } => format!("`{name}` must be {expected}"),
            ErrorKind::NonFiniteNumber => {
                format!("NaN and Infinity are not JSON numbers; send a finite one at byte {at}")
            }
            ErrorKind::TooManyMembers { limit } => {
                format!("the body has more than {limit} top-level members; send fewer")
            }
            ErrorKind::TooLarge { limit } => {
                format!("one event of the stream is longer than {limit} bytes")
            }
            ErrorKind::TrailingBytes => {
                format!("bytes follow the JSON object at byte {at}; send exactly one object")
            }
        }
    }
}

fn shown(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars().take(SHOWN_NAME_CHARS) {
        if c.is_control() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}", c.escape_unicode());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_repeats_a_name_cut_and_escaped() {
        let name = format!("a\nb{}", "x".repeat(500));
        let message = Error::new(ErrorKind::DuplicateKey { name }, 3).message();
        assert!(message.contains("a\\u{a}bxxx"));
        assert!(message.len() < 150);
    }

    #[test]
    fn a_message_says_what_to_do() {
        let kind = ErrorKind::BadMember { name: "model", expected: "a non-empty string" };
        assert_eq!(Error::new(kind, 0).to_string(), "`model` must be a non-empty string");
        let empty = Error::new(ErrorKind::Empty, 0);
        assert_eq!(empty.to_string(), "the body must be one JSON object; it is empty");
    }
}
