//! Walking JSON without building a tree: each value is a slice of the text it stands in.

use std::borrow::Cow;

use super::MAX_DEPTH;
use super::escaped::Escaped;
use super::scan::Kind;
use super::skip::{Nest, Skip};

/// One value as it stands in the text. Nested scalars are not judged.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    pub kind: Kind,
    pub text: &'a [u8],
}

/// The members of one object, in their order. Of equal names the last counts.
#[derive(Debug, Clone, Default)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Node<'a>)>);

impl<'a> Node<'a> {
    /// The one value that `text` is; nothing where more or less stands there.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let (node, end) = value(text, space(text, 0))?;
        (space(text, end) == text.len()).then_some(node)
    }

    /// The content of a string.
    pub fn string(self) -> Option<Escaped<'a>> {
        if self.kind != Kind::String {
            return None;
        }
        let inside = self.text.get(1..self.text.len().checked_sub(1)?)?;
        Some(Escaped::raw(inside))
    }

    /// The decoded content of a string.
    pub fn str(self) -> Option<Cow<'a, str>> {
        self.string().map(Escaped::into_text)
    }

    pub fn bool(self) -> Option<bool> {
        (self.kind == Kind::Bool).then(|| self.text.first() == Some(&b't'))
    }

    /// A number written as plain digits that fits.
    pub fn integer(self) -> Option<u64> {
        if self.kind != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.text).ok()?.parse().ok()
    }

    pub fn number(self) -> Option<f64> {
        if self.kind != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.text).ok()?.parse().ok()
    }

    pub fn is_null(self) -> bool {
        self.kind == Kind::Null
    }

    /// The members of an object; none for another type or a broken one.
    pub fn members(self) -> Members<'a> {
        Members(if self.kind == Kind::Object {
            members(self.text).unwrap_or_default()
        } else {
            Vec::new()
        })
    }

    /// The elements of an array; none for another type or a broken one.
    pub fn elements(self) -> Vec<Node<'a>> {
        if self.kind == Kind::Array { elements(self.text).unwrap_or_default() } else { Vec::new() }
    }
}

impl<'a> Members<'a> {
    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, node)| *node)
    }

    /// As [`get`](Self::get), with `null` read as absent.
    pub fn present(&self, name: &str) -> Option<Node<'a>> {
        self.get(name).filter(|node| !node.is_null())
    }

    pub fn string(&self, name: &str) -> Option<Escaped<'a>> {
        self.get(name)?.string()
    }

    pub fn str(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.str()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Node<'a>)> {
        self.0.iter().map(|(key, node)| (key.as_ref(), *node))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn members(text: &[u8]) -> Option<Vec<(Cow<'_, str>, Node<'_>)>> {
    let mut found = Vec::new();
    let mut at = space(text, 1);
    if text.get(at) == Some(&b'}') {
        return Some(found);
    }
    loop {
        let (key, end) = value(text, at)?;
        let name = key.str()?;
        at = space(text, end);
        if text.get(at) != Some(&b':') {
            return None;
        }
        let (node, end) = value(text, space(text, at + 1))?;
        found.push((name, node));
        at = space(text, end);
        match text.get(at)? {
            b',' => at = space(text, at + 1),
            b'}' => return Some(found),
            _ => return None,
        }
    }
}

fn elements(text: &[u8]) -> Option<Vec<Node<'_>>> {
    let mut found = Vec::new();
    let mut at = space(text, 1);
    if text.get(at) == Some(&b']') {
        return Some(found);
    }
    loop {
        let (node, end) = value(text, at)?;
        found.push(node);
        at = space(text, end);
        match text.get(at)? {
            b',' => at = space(text, at + 1),
            b']' => return Some(found),
            _ => return None,
        }
    }
}

/// The value that starts at `at`, and where it ends.
fn value(text: &[u8], at: usize) -> Option<(Node<'_>, usize)> {
    let rest = text.get(at..)?;
    let first = *rest.first()?;
    let inside = rest.get(1..)?;
    let (kind, len) = match first {
        b'"' => match Nest::new(0).skip_string(inside) {
            Skip::Closed(len) => (Kind::String, len + 1),
            _ => return None,
        },
        b'{' | b'[' => {
            let mut nest = Nest::new(MAX_DEPTH);
            nest.open(first);
            match nest.skip(inside) {
                Skip::Closed(len) if first == b'{' => (Kind::Object, len + 1),
                Skip::Closed(len) => (Kind::Array, len + 1),
                _ => return None,
            }
        }
        _ => {
            let is_end =
                |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t');
            let len = rest.iter().position(is_end).unwrap_or(rest.len());
            let kind = match first {
                b't' | b'f' => Kind::Bool,
                b'n' => Kind::Null,
                b'-' | b'0'..=b'9' => Kind::Number,
                _ => return None,
            };
            (kind, len)
        }
    };
    Some((Node { kind, text: rest.get(..len)? }, at + len))
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
    fn members_keep_their_order_and_text() {
        let node = Node::read(br#" { "b" : 1.0 , "a":{"x":[1,{}]},"\u0063":"q\"}" } "#).unwrap();
        let members = node.members();
        let shown: Vec<_> = members
            .iter()
            .map(|(name, node)| format!("{name}={}", String::from_utf8_lossy(node.text)))
            .collect();
        assert_eq!(shown, ["b=1.0", "a={\"x\":[1,{}]}", "c=\"q\\\"}\""]);
        assert_eq!(members.str("c").as_deref(), Some("q\"}"));
        assert_eq!(members.get("a").unwrap().members().get("x").unwrap().elements().len(), 2);
    }

    #[test]
    fn broken_text_has_no_members() {
        for text in ["{\"a\":1,}", "{\"a\"}", "{a:1}", "{\"a\":1 \"b\":2}", "{\"a\":x}", "[1"] {
            let members = Node::read(text.as_bytes()).map(Node::members).unwrap_or_default();
            assert!(members.is_empty(), "{text}");
        }
        assert!(Node::read(b"{} {}").is_none());
        assert!(Node::read(b"").is_none());
    }
}
