//! Small repairs of JSON Schemas, made where a schema stands and nowhere inside its data.

use std::borrow::Cow;

use crate::canonical::Losses;
use crate::json::{self, Kind, Node, Writer, each_element, each_member};

/// A tool without input.
pub(super) const NO_INPUT: &[u8] = br#"{"type":"object","properties":{}}"#;
/// A tool that takes one text.
pub(super) const TEXT_INPUT: &[u8] =
    br#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Members whose value is one schema.
const ONE: &[&str] = &[
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "additionalItems",
];
/// Members whose value is a list of schemas.
const LIST: &[&str] = &["anyOf", "oneOf", "allOf", "prefixItems"];
/// Members whose value has a schema for each name.
const NAMED: &[&str] =
    &["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];

/// Deeper schemas are left as they are.
const MAX_LEVELS: usize = 64;

/// What is done to each schema that describes an object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repair {
    /// `properties` must be there.
    Properties,
    /// `additionalProperties` must be false.
    Closed,
    /// `additionalProperties` must not be there.
    Opened,
}

/// The schema with `properties` on each object, without `$schema` at its root.
pub(super) fn with_properties(schema: &[u8]) -> Cow<'_, [u8]> {
    repaired(schema, Repair::Properties)
}

/// The schema with no object open to further members.
pub(super) fn closed(schema: &[u8]) -> Cow<'_, [u8]> {
    repaired(schema, Repair::Closed)
}

/// The schema without a word on further members.
pub(super) fn opened(schema: &[u8]) -> Cow<'_, [u8]> {
    repaired(schema, Repair::Opened)
}

fn repaired(schema: &[u8], repair: Repair) -> Cow<'_, [u8]> {
    let Some(node) = Node::read(schema).filter(|node| node.kind == Kind::Object) else {
        return Cow::Borrowed(schema);
    };
    let is_fine = Look { text: node.text, repair }.object(0, 0).map_or_else(
        || is_fine(node, repair, 0) && node.members().get("$schema").is_none(),
        |(is_fine, _)| is_fine,
    );
    if is_fine {
        return Cow::Borrowed(schema);
    }
    let mut out = Writer::default();
    write(&mut out, node, repair, 0);
    Cow::Owned(out.into_bytes())
}

/// One look at a schema, most of which need no repair. Where anything in it is broken or too deep
/// there is no answer.
struct Look<'a> {
    text: &'a [u8],
    repair: Repair,
}

impl Look<'_> {
    /// Whether the schema whose brace stands at `at` is fine, and where it ends.
    fn object(&self, at: usize, level: usize) -> Option<(bool, usize)> {
        if level > MAX_LEVELS {
            return None;
        }
        let mut is_fine = true;
        let (mut is_object, mut has_properties, mut further) = (false, false, None);
        let end = each_member(self.text, at, |name, at| {
            let name = name.as_ref();
            let (is_inner_fine, end) = self.inner(name, at, level)?;
            is_fine &= is_inner_fine && !(level == 0 && name == b"$schema");
            match name {
                b"type" => {
                    let kind = Node::at(self.text, at, end)?.str();
                    is_object = kind.as_deref() == Some("object");
                }
                b"properties" => has_properties = true,
                b"additionalProperties" => further = Some(Node::at(self.text, at, end)?.bool()),
                _ => {}
            }
            Some(end)
        })?;
        let lacks = match self.repair {
            Repair::Opened => further.is_some(),
            Repair::Properties => !has_properties,
            Repair::Closed => further.flatten() != Some(false),
        };
        let describes_object = is_object || has_properties;
        Some((is_fine && !(describes_object && lacks), end))
    }

    /// Whether all schemas in the value of a member are fine, and where the value ends.
    fn inner(&self, name: &[u8], at: usize, level: usize) -> Option<(bool, usize)> {
        let first = *self.text.get(at)?;
        let is_in = |names: &[&str]| names.iter().any(|known| known.as_bytes() == name);
        let mut is_fine = true;
        let mut schema = |at| {
            let (is_inner_fine, end) = self.value(at, level + 1)?;
            is_fine &= is_inner_fine;
            Some(end)
        };
        let end = if first == b'{' && is_in(ONE) {
            schema(at)?
        } else if first == b'[' && (is_in(LIST) || name == b"items") {
            each_element(self.text, at, schema)?
        } else if first == b'{' && is_in(NAMED) {
            each_member(self.text, at, |_, at| schema(at))?
        } else {
            json::value(self.text, at).filter(|(node, _)| node.is_plain())?.1
        };
        Some((is_fine, end))
    }

    fn value(&self, at: usize, level: usize) -> Option<(bool, usize)> {
        if self.text.get(at) == Some(&b'{') {
            return self.object(at, level);
        }
        let (node, end) = json::value(self.text, at)?;
        node.is_plain().then_some((true, end))
    }
}

fn describes_object(node: Node<'_>) -> bool {
    let fields = node.members();
    fields.str("type").as_deref() == Some("object") || fields.get("properties").is_some()
}

fn lacks(node: Node<'_>, repair: Repair) -> bool {
    let fields = node.members();
    describes_object(node)
        && match repair {
            Repair::Opened => fields.get("additionalProperties").is_some(),
            Repair::Properties => fields.get("properties").is_none(),
            Repair::Closed => {
                fields.get("additionalProperties").and_then(Node::bool) != Some(false)
            }
        }
}

/// The schemas directly inside `node`.
fn inner(node: Node<'_>) -> Vec<Node<'_>> {
    let mut found = Vec::new();
    for (name, value) in node.members().iter() {
        let name = name.as_ref();
        if ONE.contains(&name) && value.kind == Kind::Object {
            found.push(value);
        } else if LIST.contains(&name) || name == "items" {
            found.extend(value.elements().into_iter().filter(|node| node.kind == Kind::Object));
        } else if NAMED.contains(&name) {
            let members = value.members();
            found.extend(members.iter().map(|(_, node)| node).filter(|n| n.kind == Kind::Object));
        }
    }
    found
}

fn is_fine(node: Node<'_>, repair: Repair, level: usize) -> bool {
    level > MAX_LEVELS
        || (!lacks(node, repair)
            && inner(node).into_iter().all(|node| is_fine(node, repair, level + 1)))
}

fn write(out: &mut Writer, node: Node<'_>, repair: Repair, level: usize) {
    if node.kind != Kind::Object || level > MAX_LEVELS {
        out.raw(node.text);
        return;
    }
    let is_lacking = lacks(node, repair);
    out.begin();
    for (name, value) in node.members().iter() {
        let name = name.as_ref();
        let is_replaced =
            is_lacking && repair != Repair::Properties && name == "additionalProperties";
        if is_replaced || (level == 0 && name == "$schema") {
            continue;
        }
        out.key(name);
        if (LIST.contains(&name) || name == "items") && value.kind == Kind::Array {
            out.begin_list();
            for element in value.elements() {
                write(out, element, repair, level + 1);
            }
            out.end_list();
        } else if ONE.contains(&name) {
            write(out, value, repair, level + 1);
        } else if NAMED.contains(&name) && value.kind == Kind::Object {
            out.begin();
            for (property, schema) in value.members().iter() {
                out.key(&property);
                write(out, schema, repair, level + 1);
            }
            out.end();
        } else {
            out.raw(value.text);
        }
    }
    if is_lacking {
        match repair {
            Repair::Properties => out.key("properties").begin().end(),
            Repair::Closed => out.key("additionalProperties").bool(false),
            Repair::Opened => out,
        };
    }
    out.end();
}

/// The schema with an object at its root and no choice between several there: their properties
/// are put together.
pub(super) fn rooted<'a>(schema: &'a [u8], losses: &mut Losses) -> Cow<'a, [u8]> {
    let node = Node::read(schema).filter(|node| node.kind == Kind::Object);
    let Some(node) = node else { return Cow::Borrowed(NO_INPUT) };
    let fields = node.members();
    let has_choice = ["anyOf", "oneOf", "allOf"].iter().any(|name| fields.get(name).is_some());
    let is_object = fields.str("type").as_deref() == Some("object");
    if is_object && !has_choice {
        return Cow::Borrowed(schema);
    }
    if has_choice {
        losses.degraded("schema");
    }
    let mut properties: Vec<(String, Node<'_>)> = Vec::new();
    let mut required: Vec<String> = Vec::new();
    gather(&fields, true, &mut properties, &mut required);
    for name in ["anyOf", "oneOf", "allOf"] {
        for branch in fields.get(name).map(Node::elements).unwrap_or_default() {
            gather(&branch.members(), name == "allOf", &mut properties, &mut required);
        }
    }
    let mut out = Writer::default();
    out.begin().member("type", "object").key("properties").begin();
    for (name, value) in &properties {
        out.key(name).raw(value.text);
    }
    out.end();
    if !required.is_empty() {
        out.key("required").begin_list();
        for name in &required {
            out.text(name);
        }
        out.end_list();
    }
    for (name, value) in fields.iter() {
        let name = name.as_ref();
        let is_done =
            matches!(name, "type" | "properties" | "required" | "anyOf" | "oneOf" | "allOf");
        if !is_done {
            out.key(name).raw(value.text);
        }
    }
    out.end();
    Cow::Owned(out.into_bytes())
}

fn gather<'a>(
    fields: &crate::json::Members<'a>,
    is_binding: bool,
    properties: &mut Vec<(String, Node<'a>)>,
    required: &mut Vec<String>,
) {
    let own = fields.get("properties").map(Node::members).unwrap_or_default();
    for (name, value) in own.iter() {
        if !properties.iter().any(|(known, _)| *known == name) {
            properties.push((name.into_owned(), value));
        }
    }
    if is_binding {
        for name in fields.get("required").map(Node::elements).unwrap_or_default() {
            if let Some(name) = name.str().filter(|name| !required.contains(&name.to_string())) {
                required.push(name.into_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn case_048_a_choice_at_the_root_becomes_one_object() {
        let mut losses = Losses::default();
        let schema = br#"{"anyOf":[{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},{"type":"object","properties":{"b":{"type":"integer"}}}],"description":"d"}"#;
        assert_eq!(
            text(&rooted(schema, &mut losses)),
            r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"description":"d"}"#
        );
        assert_eq!(losses.header(), "schema");
        let plain = br#"{"type":"object","properties":{"anyOf":{}}}"#;
        assert!(matches!(rooted(plain, &mut losses), Cow::Borrowed(_)));
        assert_eq!(text(&rooted(b"true", &mut losses)), text(NO_INPUT));
    }

    #[test]
    fn case_049_objects_get_properties_at_every_level() {
        let schema = br#"{"$schema":"x","type":"object","properties":{"type":{"type":"object"},"l":{"type":"array","items":{"type":"object"}},"d":{"default":{"type":"object"}}}}"#;
        assert_eq!(
            text(&with_properties(schema)),
            r#"{"type":"object","properties":{"type":{"type":"object","properties":{}},"l":{"type":"array","items":{"type":"object","properties":{}}},"d":{"default":{"type":"object"}}}}"#
        );
        let fine = br#"{"type": "object", "properties": {"a": {"type": "string"}}}"#;
        assert!(matches!(with_properties(fine), Cow::Borrowed(_)));
    }

    #[test]
    fn a_schema_may_be_left_without_a_word_on_further_members() {
        let schema = br#"{"type":"object","properties":{"additionalProperties":{"type":"object","properties":{},"additionalProperties":false}},"additionalProperties":{"type":"string"}}"#;
        assert_eq!(
            text(&opened(schema)),
            r#"{"type":"object","properties":{"additionalProperties":{"type":"object","properties":{}}}}"#
        );
    }

    #[test]
    fn one_look_finds_what_the_careful_way_does() {
        let inner = [
            r#"{"type":"object"}"#,
            r#"{"type":"object","properties":{}}"#,
            r#"{"properties":{},"additionalProperties":false}"#,
            r#"{"type":"object","properties":{},"additionalProperties":true}"#,
            r#"{"type":"object","additionalProperties":{"type":"object"}}"#,
            r#"{"type":"string","type":"object"}"#,
            r#"{"type":"object","type":"string"}"#,
            r#"{"\u0074ype":"object"}"#,
            r#"{"type":"object" }"#,
            r#"{"type":1{}}"#,
            r#"{"type"}"#,
            r#"["object"]"#,
            "true",
        ];
        let places = [
            "{}",
            r#"{"properties":{"x":{}}}"#,
            r#"{"properties":{"type":{}},"items":{}}"#,
            r#"{"items":[{},1,{}]}"#,
            r#"{"anyOf":[{}],"additionalProperties":false}"#,
            r#"{"not":{},"not":{"anyOf":7}}"#,
            r#"{"default":{}}"#,
            r#"{"anyOf":{}}"#,
            r#"{"properties":[{}],"$defs":{"y":{"items":{}}}}"#,
        ];
        let mut looks = 0;
        for (place, schema) in places.iter().flat_map(|p| inner.map(|s| (p, s))) {
            let text = if *place == "{}" { schema.to_owned() } else { place.replace("{}", schema) };
            let Some(node) = Node::read(text.as_bytes()).filter(|n| n.kind == Kind::Object) else {
                continue;
            };
            for repair in [Repair::Properties, Repair::Closed, Repair::Opened] {
                let look = Look { text: node.text, repair }.object(0, 0);
                if let Some((found, end)) = look {
                    looks += 1;
                    assert_eq!((found, end), (is_fine(node, repair, 0), node.text.len()), "{text}");
                }
            }
        }
        assert!(looks > 200, "{looks}");
        let dated = br#"{"$schema":"x","type":"object","properties":{}}"#;
        let look = Look { text: dated, repair: Repair::Properties }.object(0, 0);
        assert_eq!(look, Some((false, dated.len())));
    }

    #[test]
    fn case_051_objects_are_closed() {
        let schema = br#"{"type":"object","properties":{"a":{"type":"object","properties":{},"additionalProperties":true}}}"#;
        assert_eq!(
            text(&closed(schema)),
            r#"{"type":"object","properties":{"a":{"type":"object","properties":{},"additionalProperties":false}},"additionalProperties":false}"#
        );
    }
}
