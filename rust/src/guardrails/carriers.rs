//! Which strings of a body hold what people and programs wrote.
//!
//! Everything does that is not named here: a field that nobody has heard of is looked into rather
//! than let through. Left alone is what steers the API (ids, types, names, models), what is signed
//! or encrypted, and data that is no text.

use std::ops::Range;

use crate::formats::Format;
use crate::json;

/// How a string has to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    /// Prose, code, anything.
    Text,
    /// A value inside JSON of the client's own, such as the input of a tool.
    Json,
    /// JSON written as text: the arguments of a function.
    JsonText,
}

/// Receives each string of a body.
pub(super) trait Visitor {
    /// `raw` is the string in `text` without its quotes; `key` the name it is given to, without.
    fn string(&mut self, text: &[u8], raw: Range<usize>, key: Range<usize>, carrier: Carrier);
}

/// Levels that a walk follows; deeper ones were refused when the body was scanned.
const MAX_DEPTH: usize = crate::json::MAX_DEPTH + 8;

/// Names whose values are left alone outside the client's own JSON, subtrees included.
const KEPT: &[&[u8]] = &[
    b"id",
    b"type",
    b"role",
    b"model",
    b"signature",
    b"tool_use_id",
    b"tool_call_id",
    b"media_type",
    b"encrypted_content",
    b"encrypted_index",
    b"encrypted_stdout",
    b"cache_control",
    b"name",
    b"tool_choice",
    b"reasoning_details",
    b"thought_signature",
    b"thoughtSignature",
    b"file_id",
    b"service_tier",
    b"object",
    b"system_fingerprint",
    b"stop_reason",
    b"finish_reason",
    b"usage",
    b"reasoning_effort",
    b"verbosity",
    b"anthropic_version",
    b"anthropic_beta",
    b"detail",
    b"betas",
    b"container",
    b"inference_geo",
    b"speed",
    b"modalities",
    b"created",
    b"citations_config",
];

/// Names whose values are the client's own JSON.
const JSON: &[&[u8]] = &[
    b"input",
    b"input_schema",
    b"parameters",
    b"schema",
    b"metadata",
    b"output_schema",
    b"input_examples",
];

/// Names whose values are JSON as text.
const JSON_TEXT: &[&[u8]] = &[b"arguments", b"partial_json"];

/// Names of base64 data, which is left alone where it is no text.
const DATA: &[&[u8]] = &[b"data", b"file_data", b"url"];

/// Kinds of blocks that are signed or encrypted as a whole.
const SEALED: &[&[u8]] = &[b"thinking", b"redacted_thinking", b"compaction"];

/// Walk `text`, one JSON value of a request or an answer in `format`, whose name is `key`.
/// False where it is no sound JSON; strings before that place were visited.
pub(super) fn walk(format: Format, key: &[u8], text: &[u8], visitor: &mut dyn Visitor) -> bool {
    let mut walk = Walk { text, at: 0, format, visitor };
    let whole = walk.value(key, 0..0, None, 0).is_some();
    whole && walk.space().is_none()
}

/// As [`walk`], for JSON of the client's own.
pub(super) fn walk_json(text: &[u8], visitor: &mut dyn Visitor) -> bool {
    let mut walk = Walk { text, at: 0, format: Format::AnthropicMessages, visitor };
    let whole = walk.value(b"", 0..0, Some(Carrier::Json), 0).is_some();
    whole && walk.space().is_none()
}

/// Whether the elements of a top-level member are texts of their own.
pub(super) fn is_list(key: &[u8]) -> bool {
    matches!(key, b"messages" | b"tools" | b"system" | b"functions")
}

/// Whether a top-level member of a request holds nothing to look into.
pub(super) fn is_kept(key: &[u8]) -> bool {
    KEPT.contains(&key)
}

struct Walk<'t, 'v> {
    text: &'t [u8],
    at: usize,
    format: Format,
    visitor: &'v mut dyn Visitor,
}

impl<'t> Walk<'t, '_> {
    /// The next byte that is no white space.
    fn space(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Steps over the string that begins here; its inside.
    fn string(&mut self) -> Option<Range<usize>> {
        let start = self.at + 1;
        let end = json::string_end(self.text, start)?;
        self.at = end + 1;
        Some(start..end)
    }

    /// Walks the value that begins here. `inside` is set inside JSON of the client's own.
    fn value(
        &mut self,
        key: &[u8],
        place: Range<usize>,
        inside: Option<Carrier>,
        depth: usize,
    ) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.space()? {
            b'"' => {
                let raw = self.string()?;
                let carrier = match inside {
                    Some(carrier) => carrier,
                    None if JSON_TEXT.contains(&key) => Carrier::JsonText,
                    None if key == b"url" && self.text.get(raw.clone())?.starts_with(b"data:") => {
                        return Some(());
                    }
                    None => Carrier::Text,
                };
                self.visitor.string(self.text, raw, place, carrier);
                Some(())
            }
            b'{' => self.object(inside, depth),
            b'[' => self.array(key, &place, inside, depth),
            _ => {
                let rest = self.text.get(self.at..)?;
                let is_end =
                    |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                let len = rest.iter().position(is_end).unwrap_or(rest.len());
                self.at += len;
                is_scalar(rest.get(..len)?).then_some(())
            }
        }
    }

    fn array(
        &mut self,
        key: &[u8],
        place: &Range<usize>,
        inside: Option<Carrier>,
        depth: usize,
    ) -> Option<()> {
        self.at += 1;
        if self.space()? == b']' {
            self.at += 1;
            return Some(());
        }
        loop {
            self.value(key, place.clone(), inside, depth + 1)?;
            match self.space()? {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn object(&mut self, inside: Option<Carrier>, depth: usize) -> Option<()> {
        let start = self.at;
        let kind = if inside.is_none() { self.kind(start) } else { &[] };
        let sealed = self.format == Format::AnthropicMessages && SEALED.contains(&kind);
        let is_base64 = kind == b"base64";
        self.at += 1;
        if self.space()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            if self.space()? != b'"' {
                return None;
            }
            let place = self.string()?;
            if self.space()? != b':' {
                return None;
            }
            self.at += 1;
            let key = self.text.get(place.clone())?;
            if let Some(carrier) = inside {
                self.visitor.string(self.text, place.clone(), 0..0, carrier);
            }
            let is_kept = inside.is_none()
                && (sealed
                    || KEPT.contains(&key)
                    || (DATA.contains(&key)
                        && (is_base64 || key != b"url")
                        && self.is_data(is_base64)));
            if is_kept {
                self.skip()?;
            } else {
                let below = match inside {
                    None if JSON.contains(&key) && self.is_free(key) => Some(Carrier::Json),
                    other => other,
                };
                self.value(key, place, below, depth + 1)?;
            }
            match self.space()? {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// `input` is JSON of its own in a tool's call, and text in a custom one.
    fn is_free(&mut self, _key: &[u8]) -> bool {
        matches!(self.space(), Some(b'{' | b'['))
    }

    /// Whether the value that begins here is base64, by its source's type or its own look.
    fn is_data(&mut self, is_base64: bool) -> bool {
        if is_base64 {
            return true;
        }
        if self.space() != Some(b'"') {
            return false;
        }
        let head = self.text.get(self.at + 1..).unwrap_or_default();
        let head = head.get(..head.len().min(64)).unwrap_or_default();
        let plain = head
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        head.starts_with(b"data:") || plain.count() >= 60
    }

    /// The `type` of the object that begins at `start`; empty where it has none.
    fn kind(&self, start: usize) -> &'t [u8] {
        // `type` nearly always stands first; where it does not, its object is walked for it.
        let mut look =
            Walk { text: self.text, at: start + 1, format: self.format, visitor: &mut Nobody };
        look.find_type().and_then(|range| self.text.get(range)).unwrap_or_default()
    }

    fn find_type(&mut self) -> Option<Range<usize>> {
        loop {
            if self.space()? != b'"' {
                return None;
            }
            let key = self.string()?;
            if self.space()? != b':' {
                return None;
            }
            self.at += 1;
            if self.text.get(key)? == b"type" {
                return (self.space()? == b'"').then(|| self.string()).flatten();
            }
            self.skip()?;
            if self.space()? != b',' {
                return None;
            }
            self.at += 1;
        }
    }

    /// Steps over the value that begins here.
    fn skip(&mut self) -> Option<()> {
        match self.space()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.at = json::nest_end(self.text, self.at)?,
            _ => {
                let rest = self.text.get(self.at..)?;
                self.at += rest.iter().position(|b| matches!(b, b',' | b'}' | b']'))?;
            }
        }
        Some(())
    }
}

/// A number, `true`, `false` or `null`; anything else is text that only looks like JSON.
fn is_scalar(text: &[u8]) -> bool {
    let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    matches!(text, b"true" | b"false" | b"null")
        || (text.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-')
            && text.iter().all(is_number))
}

struct Nobody;

impl Visitor for Nobody {
    fn string(&mut self, _: &[u8], _: Range<usize>, _: Range<usize>, _: Carrier) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Seen(Vec<(String, Carrier)>);

    impl Visitor for Seen {
        fn string(&mut self, text: &[u8], raw: Range<usize>, _: Range<usize>, carrier: Carrier) {
            self.0.push((String::from_utf8_lossy(&text[raw]).into_owned(), carrier));
        }
    }

    fn seen(format: Format, text: &str) -> Vec<(String, Carrier)> {
        let mut visitor = Seen(Vec::new());
        assert!(walk(format, b"messages", text.as_bytes(), &mut visitor), "{text}");
        visitor.0
    }

    #[test]
    fn what_is_signed_or_an_id_is_left_alone() {
        let text = r#"[{"role":"r","content":[{"type":"thinking","thinking":"t","signature":"s"},
            {"thinking":"t","type":"thinking"},{"type":"text","text":"a","cache_control":{"type":"x"}},
            {"type":"image","source":{"type":"base64","media_type":"m","data":"AAAA"}},
            {"type":"document","source":{"type":"text","media_type":"m","data":"words"}},
            {"type":"tool_use","id":"i","name":"n","input":{"id":"b","type":["c"]}}]}]"#;
        let found = seen(Format::AnthropicMessages, text);
        let texts: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["a", "words", "id", "b", "type", "c"]);
        assert_eq!(found[3].1, Carrier::Json);
    }

    #[test]
    fn arguments_are_json_as_text() {
        let text = r#"[{"role":"r","tool_calls":[{"id":"i","function":{"name":"n","arguments":"{}"}}]},
            {"content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"text","text":"x"}]}]"#;
        let found = seen(Format::OpenaiChat, text);
        assert_eq!(found, [("{}".into(), Carrier::JsonText), ("x".into(), Carrier::Text)]);
    }

    #[test]
    fn broken_json_is_told() {
        for text in [
            "[",
            "{\"a\"",
            "{\"a\":}",
            "[1,",
            "\"a",
            "{a:1}",
            "[1] x",
            "ada@example.org",
            "[x]",
            "1@b",
        ] {
            assert!(!walk(Format::OpenaiChat, b"", text.as_bytes(), &mut Nobody), "{text}");
        }
    }
}
