//! Walking JSON without building a tree: each value is a slice of the text it stands in.

use std::borrow::Cow;

use super::escaped::Escaped;
use super::scan::{Kind, Member, Object};
use super::skip::{nest_end, string_end};

/// One value as it stands in the text. Nested scalars are not judged.
#[derive(Debug, Clone, Copy)]
pub struct Node<'a> {
    pub kind: Kind,
    pub text: &'a [u8],
}

/// The members of one object, in their order. Of equal names the last counts.
#[derive(Debug, Clone, Default)]
pub struct Members<'a>(Vec<(Cow<'a, [u8]>, Node<'a>)>);

/// Objects of most kinds have fewer members.
const USUAL_MEMBERS: usize = 8;

impl<'a> Node<'a> {
    /// The one value that `text` is; nothing where more or less stands there.
    pub fn read(text: &'a [u8]) -> Option<Self> {
        let (node, end) = value(text, space(text, 0))?;
        (space(text, end) == text.len()).then_some(node)
    }

    /// The value between two places of a text, of which the first tells its kind.
    pub(crate) fn at(text: &'a [u8], from: usize, to: usize) -> Option<Self> {
        let text = text.get(from..to)?;
        let kind = match text.first()? {
            b'"' => Kind::String,
            b'{' => Kind::Object,
            b'[' => Kind::Array,
            b't' | b'f' => Kind::Bool,
            b'n' => Kind::Null,
            _ => Kind::Number,
        };
        Some(Self { kind, text })
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

    /// Whether no scalar has structure inside, as one that is none might.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self.kind, Kind::String | Kind::Object | Kind::Array)
            || !self.text.iter().any(|byte| matches!(byte, b'"' | b'{' | b'['))
    }

    /// The members of an object; none for another type or a broken one.
    pub fn members(self) -> Members<'a> {
        let found =
            if self.kind == Kind::Object { Members::begin(self.text, 0, true) } else { None };
        found.map(|(members, _)| members).unwrap_or_default()
    }

    /// The elements of an array; none for another type or a broken one.
    pub fn elements(self) -> Vec<Node<'a>> {
        let mut found = Vec::new();
        let end = self.each(|at| {
            let (node, end) = value(self.text, at)?;
            found.push(node);
            Some(end)
        });
        if end.is_some() { found } else { Vec::new() }
    }

    /// As [`elements`](Self::elements), with the members of each, all read in one go.
    pub fn objects(self) -> Vec<(Node<'a>, Members<'a>)> {
        let mut found = Vec::new();
        let end = self.each(|at| {
            if let Some((members, end)) = Members::begin(self.text, at, false) {
                let text = self.text.get(at..end)?;
                found.push((Node { kind: Kind::Object, text }, members));
                return Some(end);
            }
            let (node, end) = value(self.text, at)?;
            found.push((node, node.members()));
            Some(end)
        });
        if end.is_some() { found } else { Vec::new() }
    }

    fn each(self, visit: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
        if self.kind == Kind::Array { each_element(self.text, 0, visit) } else { None }
    }
}

impl<'a> Members<'a> {
    /// The members of an object that was scanned in `body`, which is in one piece.
    pub(crate) fn scanned(body: &'a [u8], object: &'a Object) -> Self {
        let node = |member: &Member| {
            let text = body.get(member.value.clone()).unwrap_or_default();
            (Cow::Borrowed(object.name(member)), Node { kind: member.kind, text })
        };
        Self(object.members().iter().map(node).collect())
    }

    /// The members of the object at `at`, and where it ends. Where less is certain than that it
    /// ends there (`is_whole`), nothing is read that may be a part of something else.
    fn begin(text: &'a [u8], at: usize, is_whole: bool) -> Option<(Self, usize)> {
        let mut found = Vec::new();
        let end = each_member(text, at, |name, at| {
            let (node, end) = value(text, at)?;
            if !is_whole && !node.is_plain() {
                return None;
            }
            if found.is_empty() {
                found.reserve(USUAL_MEMBERS);
            }
            found.push((name, node));
            Some(end)
        })?;
        Some((Self(found), end))
    }

    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        self.0.iter().rev().find(|(key, _)| **key == *name.as_bytes()).map(|(_, node)| *node)
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

    pub fn iter(&self) -> impl Iterator<Item = (Cow<'_, str>, Node<'a>)> {
        self.0.iter().map(|(key, node)| (String::from_utf8_lossy(key), *node))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Goes through the object whose brace stands at `at`: `visit` gets each name, decoded, and the
/// place of its value, and says where that ends. Where the object ends; nothing if it is broken.
pub(crate) fn each_member<'a>(
    text: &'a [u8],
    at: usize,
    mut visit: impl FnMut(Cow<'a, [u8]>, usize) -> Option<usize>,
) -> Option<usize> {
    let mut at = inside(text, at, b'{')?;
    if text.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        if text.get(at) != Some(&b'"') {
            return None;
        }
        let end = string_end(text, at + 1)?;
        let name = name(text.get(at + 1..end)?);
        at = space(text, end + 1);
        if text.get(at) != Some(&b':') {
            return None;
        }
        at = space(text, visit(name, space(text, at + 1))?);
        match text.get(at)? {
            b',' => at = space(text, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// As [`each_member`], for the places of an array's elements.
pub(crate) fn each_element(
    text: &[u8],
    at: usize,
    mut visit: impl FnMut(usize) -> Option<usize>,
) -> Option<usize> {
    let mut at = inside(text, at, b'[')?;
    if text.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = space(text, visit(at)?);
        match text.get(at)? {
            b',' => at = space(text, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn inside(text: &[u8], at: usize, bracket: u8) -> Option<usize> {
    (text.get(at) == Some(&bracket)).then(|| space(text, at + 1))
}

/// A name given as it stands between its quotes.
fn name(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(Escaped::raw(raw).into_text().into_owned().into_bytes())
}

/// The value that starts at `at`, and where it ends.
pub(crate) fn value(text: &[u8], at: usize) -> Option<(Node<'_>, usize)> {
    let rest = text.get(at..)?;
    let first = *rest.first()?;
    let (kind, end) = match first {
        b'"' => (Kind::String, string_end(text, at + 1)? + 1),
        b'{' => (Kind::Object, nest_end(text, at)?),
        b'[' => (Kind::Array, nest_end(text, at)?),
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
            (kind, at + len)
        }
    };
    Some((Node { kind, text: text.get(at..end)? }, end))
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
    fn objects_are_elements_with_their_members() {
        let elements = [
            r#"{"a":1,"b":{"c":[{}]}}"#,
            r#" { "\u0061" : "x\"]}" } "#,
            "{}",
            "7",
            r#""{}""#,
            r#"[{"a":1}]"#,
            r#"{"a" 1}"#,
            r#"{"a":1,}"#,
            r#"{"a":1{}}"#,
            r#"{"a":tr[}]}"#,
            r#"{"a":1[}"#,
            r#"{"a":n"}"}"#,
            "{a}",
            "",
            "{",
        ];
        for (first, second) in elements.iter().flat_map(|a| elements.map(|b| (*a, b))) {
            let text = format!("[{first},{second}]");
            let list = Node { kind: Kind::Array, text: text.as_bytes() };
            let shown = |node: Node<'_>, members: &Members<'_>| {
                let members: Vec<_> = members.iter().map(|(name, n)| (name, n.text)).collect();
                format!("{:?} {:?} {members:?}", node.kind, node.text)
            };
            let due: Vec<_> =
                list.elements().into_iter().map(|node| shown(node, &node.members())).collect();
            let objects = list.objects();
            let found: Vec<_> = objects.iter().map(|(node, all)| shown(*node, all)).collect();
            assert_eq!(found, due, "{text}");
        }
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
