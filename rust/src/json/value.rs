//! Reading a few values out of scanned JSON.

use std::borrow::Cow;

use super::MAX_DEPTH;
use super::body::Body;
use super::scan::{Duplicates, Kind, Member, Object, Scanner, scan_slice};
use super::skip::{Nest, Skip};
use super::text::decode_string;

/// One value: its type and its text as it stands in the JSON.
#[derive(Debug, Clone)]
pub struct Value<'a> {
    pub kind: Kind,
    pub text: Cow<'a, [u8]>,
}

impl<'a> Value<'a> {
    pub fn in_body(body: &'a Body, member: &Member) -> Self {
        Self { kind: member.kind, text: body.slice(member.value.clone()) }
    }

    /// The decoded text of a string; nothing for another type or a bad escape.
    pub fn as_string(&self) -> Option<String> {
        if self.kind == Kind::String { decode_string(&self.text) } else { None }
    }

    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Bool).then(|| self.text.first() == Some(&b't'))
    }

    /// The value of a number written as plain digits that fits; nothing for anything else.
    pub fn as_integer(&self) -> Option<u64> {
        if self.kind != Kind::Number {
            return None;
        }
        std::str::from_utf8(&self.text).ok()?.parse().ok()
    }

    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    pub fn as_object(&self) -> Option<Fields<'_>> {
        if self.kind == Kind::Object { Fields::read(&self.text) } else { None }
    }

    /// The elements of an array; nothing for another type or a broken one.
    pub fn elements(&self) -> Option<Vec<Value<'_>>> {
        self.elements_until(|_| false)
    }

    /// The elements up to the first that `is_last` holds for, that one included.
    pub fn elements_until(&self, is_last: impl Fn(&Value<'_>) -> bool) -> Option<Vec<Value<'_>>> {
        if self.kind == Kind::Array { elements(&self.text, is_last) } else { None }
    }
}

/// An object with its members found. Of equal keys the last counts.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    text: Text<'a>,
    pub object: Object,
}

#[derive(Debug, Clone, Copy)]
enum Text<'a> {
    Slice(&'a [u8]),
    Body(&'a Body),
}

impl<'a> Fields<'a> {
    /// Nothing if `text` is not one JSON object.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let object = scan_slice(text, MAX_DEPTH, Duplicates::LastWins).ok()?;
        Some(Self { text: Text::Slice(text), object })
    }

    /// As [`read`](Self::read), for a body in parts.
    pub fn read_body(body: &'a Body) -> Option<Self> {
        let mut scanner = Scanner::new(MAX_DEPTH, Duplicates::LastWins);
        body.parts().iter().try_for_each(|part| scanner.feed(part)).ok()?;
        Some(Self { text: Text::Body(body), object: scanner.finish().ok()? })
    }

    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        let member = self.object.get(name)?;
        let text = match self.text {
            Text::Slice(text) => Cow::Borrowed(text.get(member.value.clone())?),
            Text::Body(body) => body.slice(member.value.clone()),
        };
        Some(Value { kind: member.kind, text })
    }

    /// As [`get`](Self::get), with `null` read as absent.
    pub fn present(&self, name: &str) -> Option<Value<'a>> {
        self.get(name).filter(|value| !value.is_null())
    }

    pub fn string(&self, name: &str) -> Option<String> {
        self.get(name)?.as_string()
    }
}

/// Split an array into its elements. Scalars are cut at the next comma or bracket, not checked.
fn elements(text: &[u8], is_last: impl Fn(&Value<'_>) -> bool) -> Option<Vec<Value<'_>>> {
    let mut found = Vec::new();
    let mut at = space(text, 0) + 1;
    if text.get(at - 1) != Some(&b'[') {
        return None;
    }
    at = space(text, at);
    if text.get(at) == Some(&b']') {
        return Some(found);
    }
    loop {
        at = space(text, at);
        let rest = text.get(at..)?;
        let (kind, len) = element(rest)?;
        let value = Value { kind, text: Cow::Borrowed(rest.get(..len)?) };
        let is_enough = is_last(&value);
        found.push(value);
        if is_enough {
            return Some(found);
        }
        at = space(text, at + len);
        match text.get(at)? {
            b',' => at += 1,
            b']' => return Some(found),
            _ => return None,
        }
    }
}

/// Type and length of the value at the start of `rest`.
fn element(rest: &[u8]) -> Option<(Kind, usize)> {
    let first = *rest.first()?;
    let inside = rest.get(1..)?;
    match first {
        b'"' => match Nest::new(0).skip_string(inside) {
            Skip::Closed(len) => Some((Kind::String, len + 1)),
            _ => None,
        },
        b'{' | b'[' => {
            let mut nest = Nest::new(MAX_DEPTH);
            nest.open(first);
            match nest.skip(inside) {
                Skip::Closed(len) if first == b'{' => Some((Kind::Object, len + 1)),
                Skip::Closed(len) => Some((Kind::Array, len + 1)),
                _ => None,
            }
        }
        _ => {
            let is_end = |byte: &u8| matches!(byte, b',' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            let len = rest.iter().position(is_end)?;
            let kind = match first {
                b't' | b'f' => Kind::Bool,
                b'n' => Kind::Null,
                b'-' | b'0'..=b'9' => Kind::Number,
                _ => return None,
            };
            Some((kind, len))
        }
    }
}

/// Index of the first byte at or after `at` that is not white space.
fn space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_of_every_type() {
        let array = Value {
            kind: Kind::Array,
            text: Cow::Borrowed(b"[1, \"a]\" ,{\"b\":[2]},[[]],null,true]"),
        };
        let elements = array.elements().unwrap();
        let texts: Vec<_> =
            elements.iter().map(|e| std::str::from_utf8(&e.text).unwrap()).collect();
        assert_eq!(texts, ["1", "\"a]\"", "{\"b\":[2]}", "[[]]", "null", "true"]);
        assert_eq!(elements[3].kind, Kind::Array);
    }

    #[test]
    fn broken_arrays_have_no_elements() {
        for text in ["[1,]", "[1", "[,1]", "[\"a]", "[{]", "[1 2]", "", "[x]"] {
            assert!(elements(text.as_bytes(), |_| false).is_none(), "{text}");
        }
        assert_eq!(elements(b" [ ] ", |_| false).map(|e| e.len()), Some(0));
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let fields = Fields::read(br#"{"a":1,"b":null,"a":"x"}"#).unwrap();
        assert_eq!(fields.string("a").as_deref(), Some("x"));
        assert!(fields.present("b").is_none());
        assert!(fields.get("b").is_some_and(|value| value.is_null()));
    }

    #[test]
    fn integers_are_plain_digits_that_fit() {
        let read = |text: &str| {
            let json = format!("{{\"n\":{text}}}");
            Fields::read(json.as_bytes()).unwrap().get("n").unwrap().as_integer()
        };
        assert_eq!(read("4096"), Some(4096));
        assert_eq!(read("-1"), None);
        assert_eq!(read("1.0"), None);
        assert_eq!(read("1e3"), None);
        assert_eq!(read("18446744073709551616"), None);
        assert_eq!(read("\"1\""), None);
    }
}
