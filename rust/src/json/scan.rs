//! The one pass over a body: checks its structure and finds its top-level members.
//!
//! A state machine that may be stopped at every byte, so that parts need not be joined. On the
//! top level the grammar is followed exactly; inside a member's value brackets must match and
//! strings must close, and everything else is left to whoever reads the value.

use std::ops::Range;

use super::body::Body;
use super::skip::{Nest, Skip};
use super::text::decode_into;
use super::utf8::Utf8Check;
use crate::error::{Error, ErrorKind};

/// Top-level members an object may have; real requests have a few dozen.
const MAX_MEMBERS: usize = 1024;

/// Bytes checked for UTF-8 and then scanned, small enough to stay in the nearest cache between.
const STRIDE: usize = 16 * 1024;

/// The type of a value, known from its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    String,
    Number,
    Bool,
    Null,
    Object,
    Array,
}

/// What to do when a key stands there twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicates {
    /// Refuse: two readers of the same body could see different values.
    Reject,
    /// As JSON parsers do: the last one counts.
    LastWins,
}

/// One member of an object; offsets count from the start of the scanned input.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key with its quotes.
    pub key: Range<usize>,
    pub value: Range<usize>,
    pub kind: Kind,
    name: Range<usize>,
}

/// Where the members of one object stand.
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// Offset of the opening brace.
    start: usize,
    members: Vec<Member>,
    /// The decoded keys, one behind the other.
    names: Vec<u8>,
}

impl Object {
    pub fn get(&self, name: &str) -> Option<&Member> {
        // Backwards, because the last of equal keys counts.
        self.members.iter().rev().find(|member| self.name(member) == name.as_bytes())
    }

    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// A member's key, decoded. A lone surrogate stands in its three-byte form.
    pub fn name(&self, member: &Member) -> &[u8] {
        self.names.get(member.name.clone()).unwrap_or_default()
    }

    /// The object of a body in which `edits`, in order and inside values, have been made.
    #[must_use]
    pub fn shifted(&self, edits: &[(Range<usize>, String)]) -> Self {
        let mut grown = Vec::with_capacity(edits.len());
        let mut total = 0_isize;
        for (range, text) in edits {
            total += text.len().cast_signed() - range.len().cast_signed();
            grown.push((range.end, total));
        }
        let moved = |at: usize| {
            let before = grown.partition_point(|(end, _)| *end <= at);
            let by = before.checked_sub(1).and_then(|n| grown.get(n)).map_or(0, |(_, by)| *by);
            at.saturating_add_signed(by)
        };
        let mut object = self.clone();
        object.start = moved(object.start);
        for member in &mut object.members {
            member.key = moved(member.key.start)..moved(member.key.end);
            member.value = moved(member.value.start)..moved(member.value.end);
        }
        object
    }

    /// Offset of the first byte inside the braces.
    pub fn inside(&self) -> usize {
        self.start + 1
    }
}

/// Scan a body; refuses duplicate top-level keys.
pub fn scan(body: &Body, max_depth: usize) -> Result<Object, Error> {
    let mut scanner = Scanner::new(max_depth, Duplicates::Reject);
    for part in body.parts() {
        scanner.feed(part)?;
    }
    scanner.finish()
}

/// Scan bytes that lie in one piece: a response, the data of an event, a nested object.
pub fn scan_slice(bytes: &[u8], max_depth: usize, duplicates: Duplicates) -> Result<Object, Error> {
    let mut scanner = Scanner::new(max_depth, duplicates);
    scanner.feed(bytes)?;
    scanner.finish()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    FirstKey,
    NextKey,
    Key { escape: bool },
    Colon,
    Value,
    String,
    Nested,
    Literal { rest: &'static [u8] },
    Number(Number),
    AfterValue,
    End,
}

/// What has been read of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// The state after `byte`, or nothing if `byte` is not part of the number.
    fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::Zero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::ExponentSign),
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => {
                Some(Self::ExponentDigits)
            }
            _ => None,
        }
    }

    fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }
}

/// The scan as it stands between two pieces of input.
pub struct Scanner {
    state: State,
    /// Bytes of earlier pieces.
    base: usize,
    limit: usize,
    nest: Nest,
    utf8: Utf8Check,
    duplicates: Duplicates,
    object: Object,
    /// The member being read.
    key: Range<usize>,
    name_start: usize,
    key_has_escape: bool,
    value_start: usize,
    kind: Kind,
}

impl Scanner {
    /// `max_depth` counts the top-level object.
    pub fn new(max_depth: usize, duplicates: Duplicates) -> Self {
        Self {
            state: State::Start,
            base: 0,
            limit: max_depth,
            nest: Nest::new(max_depth.saturating_sub(1)),
            utf8: Utf8Check::default(),
            duplicates,
            object: Object {
                start: 0,
                members: Vec::with_capacity(16),
                names: Vec::with_capacity(256),
            },
            key: 0..0,
            name_start: 0,
            key_has_escape: false,
            value_start: 0,
            kind: Kind::Null,
        }
    }

    /// Scan the next piece of input.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        for piece in bytes.chunks(STRIDE) {
            let is_utf8 = self.utf8.push(piece);
            let valid = is_utf8.err().map_or(piece, |bad| piece.get(..bad).unwrap_or_default());
            self.run(valid)?;
            if is_utf8.is_err() {
                return Err(self.error(ErrorKind::InvalidUtf8, valid.len()));
            }
            self.base += piece.len();
        }
        Ok(())
    }

    /// The object, if the input ended behind it.
    pub fn finish(self) -> Result<Object, Error> {
        match self.state {
            State::Start => Err(self.error(ErrorKind::Empty, 0)),
            State::End if self.utf8.is_complete() => Ok(self.object),
            State::End => Err(self.error(ErrorKind::InvalidUtf8, 0)),
            _ => Err(self.error(ErrorKind::Unclosed, 0)),
        }
    }

    fn run(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Nested => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    at = {
                        let skip = self.nest.skip(rest);
                        self.skipped(skip, at, bytes.len())?
                    };
                }
                State::String => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let skip = self.nest.skip_string(rest);
                    at = self.skipped(skip, at, bytes.len())?;
                }
                State::Key { escape } => {
                    let rest = bytes.get(at..).unwrap_or_default();
                    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                    let plain = rest.iter().position(is_special).unwrap_or(rest.len());
                    if escape || plain == 0 {
                        self.key_byte(byte, escape, at)?;
                        at += 1;
                    } else {
                        self.object.names.extend_from_slice(rest.get(..plain).unwrap_or_default());
                        at += plain;
                    }
                }
                State::Number(number) => match number.next(byte) {
                    Some(next) => {
                        self.state = State::Number(next);
                        at += 1;
                    }
                    None if number.is_whole() => self.end_value(at),
                    None => return Err(self.number_fault(byte, at)),
                },
                _ => {
                    if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r')
                        || matches!(self.state, State::Literal { .. })
                    {
                        self.step(byte, at)?;
                    }
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// One byte that is not white space, outside strings, keys, numbers and nested values.
    fn step(&mut self, byte: u8, at: usize) -> Result<(), Error> {
        match (self.state, byte) {
            (State::Start, b'{') => {
                self.object.start = self.base + at;
                self.state = State::FirstKey;
            }
            (State::Start, _) => return Err(self.error(ErrorKind::NotAnObject, at)),
            (State::FirstKey | State::NextKey, b'"') => self.begin_key(at)?,
            (State::Colon, b':') => self.state = State::Value,
            (State::Value, _) => self.begin_value(byte, at)?,
            (State::Literal { rest }, _) => self.literal_byte(rest, byte, at)?,
            (State::AfterValue, b',') => self.state = State::NextKey,
            (State::FirstKey | State::AfterValue, b'}') => self.state = State::End,
            (State::End, _) => return Err(self.error(ErrorKind::TrailingBytes, at)),
            (State::FirstKey, _) => return Err(self.syntax("a key in quotes or `}`", at)),
            (State::NextKey, _) => return Err(self.syntax("a key in quotes", at)),
            (State::Colon, _) => return Err(self.syntax("`:`", at)),
            _ => return Err(self.syntax("`,` or `}`", at)),
        }
        Ok(())
    }

    fn begin_key(&mut self, at: usize) -> Result<(), Error> {
        if self.object.members.len() >= MAX_MEMBERS {
            return Err(self.error(ErrorKind::TooManyMembers { limit: MAX_MEMBERS }, at));
        }
        self.key = self.base + at..0;
        self.name_start = self.object.names.len();
        self.key_has_escape = false;
        self.state = State::Key { escape: false };
        Ok(())
    }

    fn key_byte(&mut self, byte: u8, escape: bool, at: usize) -> Result<(), Error> {
        if byte == b'"' && !escape {
            return self.end_key(at);
        }
        if byte < 0x20 {
            return Err(self.syntax("a key without control characters", at));
        }
        let is_escape = byte == b'\\' && !escape;
        self.key_has_escape |= is_escape;
        self.object.names.push(byte);
        self.state = State::Key { escape: is_escape };
        Ok(())
    }

    fn end_key(&mut self, at: usize) -> Result<(), Error> {
        self.key.end = self.base + at + 1;
        if self.key_has_escape {
            let raw = self.object.names.split_off(self.name_start);
            if decode_into(&raw, &mut self.object.names).is_err() {
                return Err(self.syntax("a key with valid escapes", at));
            }
        }
        if self.duplicates == Duplicates::Reject {
            let name = self.object.names.get(self.name_start..).unwrap_or_default();
            if self.object.members.iter().any(|member| self.object.name(member) == name) {
                let name = String::from_utf8_lossy(name).into_owned();
                let offset = self.key.start;
                return Err(Error::new(ErrorKind::DuplicateKey { name }, offset));
            }
        }
        self.state = State::Colon;
        Ok(())
    }

    fn begin_value(&mut self, byte: u8, at: usize) -> Result<(), Error> {
        self.value_start = self.base + at;
        (self.kind, self.state) = match byte {
            b'"' => (Kind::String, State::String),
            b'{' | b'[' => {
                if !self.nest.open(byte) {
                    return Err(self.error(ErrorKind::Depth { limit: self.limit }, at));
                }
                (if byte == b'{' { Kind::Object } else { Kind::Array }, State::Nested)
            }
            b't' => (Kind::Bool, State::Literal { rest: b"rue" }),
            b'f' => (Kind::Bool, State::Literal { rest: b"alse" }),
            b'n' => (Kind::Null, State::Literal { rest: b"ull" }),
            b'-' => (Kind::Number, State::Number(Number::Minus)),
            b'0' => (Kind::Number, State::Number(Number::Zero)),
            b'1'..=b'9' => (Kind::Number, State::Number(Number::Integer)),
            b'N' | b'I' => return Err(self.error(ErrorKind::NonFiniteNumber, at)),
            _ => return Err(self.syntax("a value", at)),
        };
        Ok(())
    }

    fn literal_byte(&mut self, rest: &'static [u8], byte: u8, at: usize) -> Result<(), Error> {
        match rest.split_first() {
            Some((wanted, rest)) if *wanted == byte => {
                self.state = State::Literal { rest };
                if rest.is_empty() {
                    self.end_value(at + 1);
                }
                Ok(())
            }
            _ => Err(self.syntax("`true`, `false` or `null`", at)),
        }
    }

    fn number_fault(&self, byte: u8, at: usize) -> Error {
        if self.state == State::Number(Number::Minus) && matches!(byte, b'I' | b'N') {
            return self.error(ErrorKind::NonFiniteNumber, at);
        }
        self.syntax("a digit", at)
    }

    /// Turn the result of a skip from `at` into the next index to look at.
    fn skipped(&mut self, skip: Skip, at: usize, len: usize) -> Result<usize, Error> {
        match skip {
            Skip::More => Ok(len),
            Skip::Closed(index) => {
                self.end_value(at + index);
                Ok(at + index)
            }
            Skip::Mismatch(index) => Err(self.syntax("the matching bracket", at + index)),
            Skip::TooDeep(index) => {
                Err(self.error(ErrorKind::Depth { limit: self.limit }, at + index))
            }
        }
    }

    fn end_value(&mut self, at: usize) {
        self.object.members.push(Member {
            key: self.key.clone(),
            value: self.value_start..self.base + at,
            kind: self.kind,
            name: self.name_start..self.object.names.len(),
        });
        self.state = State::AfterValue;
    }

    fn error(&self, kind: ErrorKind, at: usize) -> Error {
        Error::new(kind, self.base + at)
    }

    fn syntax(&self, expected: &'static str, at: usize) -> Error {
        self.error(ErrorKind::Syntax { expected }, at)
    }
}
