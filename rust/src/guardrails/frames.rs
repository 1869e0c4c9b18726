//! Restoring an answer in the client's format: whole, or event by event.
//!
//! Each text of a stream has a restorer of its own, by its place in the answer. What may still
//! become a token is held back; everything else of an event goes out with it. Where a text ends,
//! what was held goes out first, as one more delta of the same kind.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::carriers::{self, Carrier, Visitor};
use super::restore::{Issued, Place, Restorer, restore};
use crate::formats::Format;
use crate::json::{Duplicates, Kind, MAX_DEPTH, Value, scan_slice};

/// Texts of one answer that are followed at the same time; further ones go out as they are.
const MAX_LANES: usize = 256;

/// What kind of text a lane carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Text of a content block.
    Text,
    /// Arguments of a tool, by their index within the choice.
    Args(u64),
    Function,
    Custom(u64),
    Content,
    Refusal,
    Reasoning,
    ReasoningContent,
}

impl Lane {
    fn place(self) -> Place {
        match self {
            Self::Args(_) | Self::Function => Place { level: 2, is_tool_args: true },
            Self::Custom(_) => Place { level: 1, is_tool_args: true },
            _ => Place { level: 1, is_tool_args: false },
        }
    }
}

/// One text: the content block or choice that it belongs to, and its kind there.
#[derive(Debug)]
struct Open {
    index: u64,
    lane: Lane,
    restorer: Restorer,
}

/// A piece of a text in an event: where it stands in the data, without its quotes.
struct Piece {
    index: u64,
    lane: Lane,
    range: Range<usize>,
}

/// A range of an event's data and what takes its place.
type Edit = (Range<usize>, Vec<u8>);

/// What an event says about the texts that are open.
#[derive(Default)]
struct Seen {
    pieces: Vec<Piece>,
    /// Strings that are whole in themselves.
    whole: Vec<(Range<usize>, Place)>,
    /// Nothing but its one piece would be lost with the event.
    is_droppable: bool,
    /// Content blocks or choices whose texts end: with this event's pieces, or before it.
    closes: Vec<u64>,
    closes_all: bool,
}

/// What to write in place of an event.
#[derive(Debug, PartialEq, Eq)]
pub enum Rewrite {
    Unchanged,
    /// These bytes before the event, which itself stays.
    Before(Bytes),
    /// These bytes instead: data of the event with what stands before it in the stream, if any.
    Data {
        before: Bytes,
        data: Vec<u8>,
    },
    /// Nothing of the event but these bytes, which may be empty.
    Dropped(Bytes),
}

/// Restores the texts of one stream.
pub struct StreamRestorer {
    format: Format,
    issued: Arc<Issued>,
    open: Vec<Open>,
    /// Members of a chunk that every chunk repeats.
    head: Vec<u8>,
}

impl StreamRestorer {
    pub fn new(format: Format, issued: Arc<Issued>) -> Self {
        Self { format, issued, open: Vec::new(), head: Vec::new() }
    }

    /// Look at the data of the next event.
    pub fn event(&mut self, data: &[u8]) -> Rewrite {
        let Some(seen) = self.read(data) else { return Rewrite::Unchanged };
        let before = self.close(&seen);
        let (edits, is_empty) = self.edits(data, &seen);
        if is_empty && seen.is_droppable {
            return Rewrite::Dropped(before);
        }
        match (edits.is_empty(), before.is_empty()) {
            (true, true) => Rewrite::Unchanged,
            (true, false) => Rewrite::Before(before),
            (false, _) => Rewrite::Data { before, data: splice(data, &edits) },
        }
    }

    /// The stream ends here, in whatever way: what was held.
    pub fn finish(&mut self) -> Bytes {
        self.close(&Seen { closes_all: true, ..Seen::default() })
    }

    /// New texts for the pieces, where they differ, and whether all that is left is nothing.
    fn edits(&mut self, data: &[u8], seen: &Seen) -> (Vec<Edit>, bool) {
        let mut edits = Vec::new();
        let mut is_empty = !seen.pieces.is_empty() && seen.whole.is_empty();
        for piece in &seen.pieces {
            let text = data.get(piece.range.clone()).unwrap_or_default();
            let mut out = Vec::with_capacity(text.len() + 64);
            let is_last = seen.closes_all || seen.closes.contains(&piece.index);
            let issued = Arc::clone(&self.issued);
            match self.lane(piece.index, piece.lane) {
                Some(open) => {
                    open.restorer.feed(&issued, piece.lane.place(), text, &mut out);
                    if is_last {
                        open.restorer.finish(&issued, piece.lane.place(), &mut out);
                    }
                }
                None => out.extend_from_slice(text),
            }
            is_empty &= out.is_empty() && !text.is_empty();
            if out != text {
                edits.push((piece.range.clone(), out));
            }
        }
        self.open.retain(|open| open.restorer.is_holding());
        for (range, place) in &seen.whole {
            let text = data.get(range.clone()).unwrap_or_default();
            let mut out = Vec::with_capacity(text.len());
            restore(&self.issued, *place, text, true, &mut out);
            if out != text {
                edits.push((range.clone(), out));
            }
        }
        edits.sort_unstable_by_key(|(range, _)| range.start);
        (edits, is_empty)
    }

    fn lane(&mut self, index: u64, lane: Lane) -> Option<&mut Open> {
        let is_it = |open: &Open| open.index == index && open.lane == lane;
        if !self.open.iter().any(is_it) {
            if self.open.len() >= MAX_LANES {
                return None;
            }
            self.open.push(Open { index, lane, restorer: Restorer::default() });
        }
        self.open.iter_mut().find(|open| is_it(open))
    }

    /// Events with what was held of texts that end now.
    fn close(&mut self, seen: &Seen) -> Bytes {
        let mut out = Vec::new();
        for open in &mut self.open {
            let ends = seen.closes_all || seen.closes.contains(&open.index);
            // What this event itself carries on ends with its piece.
            let goes_on = seen.pieces.iter().any(|p| p.index == open.index && p.lane == open.lane);
            if ends && !goes_on && open.restorer.is_holding() {
                let mut text = Vec::new();
                open.restorer.finish(&self.issued, open.lane.place(), &mut text);
                push_delta(&mut out, self.format, &self.head, open, &text);
            }
        }
        self.open.retain(|open| open.restorer.is_holding());
        out.into()
    }

    fn read(&mut self, data: &[u8]) -> Option<Seen> {
        if data.trim_ascii() == b"[DONE]" {
            return Some(Seen { closes_all: true, ..Seen::default() });
        }
        match self.format {
            Format::AnthropicMessages => read_messages(data),
            Format::OpenaiChat => {
                let seen = read_chat(data)?;
                if self.head.is_empty() {
                    self.head = chunk_head(data);
                }
                Some(seen)
            }
        }
    }
}

/// The members of an object inside a larger text.
struct Members<'t> {
    text: &'t [u8],
    base: usize,
    object: crate::json::Object,
}

impl<'t> Members<'t> {
    fn read(text: &'t [u8], range: Range<usize>) -> Option<Self> {
        let inside = text.get(range.clone())?;
        let object = scan_slice(inside, MAX_DEPTH, Duplicates::LastWins).ok()?;
        Some(Self { text, base: range.start, object })
    }

    fn get(&self, name: &str) -> Option<(Kind, Range<usize>)> {
        let member = self.object.get(name)?;
        Some((member.kind, self.base + member.value.start..self.base + member.value.end))
    }

    fn object(&self, name: &str) -> Option<Members<'t>> {
        match self.get(name)? {
            (Kind::Object, range) => Members::read(self.text, range),
            _ => None,
        }
    }

    /// The inside of a string member.
    fn string(&self, name: &str) -> Option<Range<usize>> {
        match self.get(name)? {
            (Kind::String, range) => Some(range.start + 1..range.end - 1),
            _ => None,
        }
    }

    fn text(&self, name: &str) -> Option<&'t [u8]> {
        self.text.get(self.string(name)?)
    }

    fn number(&self, name: &str) -> u64 {
        let digits = self.get(name).and_then(|(_, range)| self.text.get(range));
        digits.and_then(|d| std::str::from_utf8(d).ok()?.parse().ok()).unwrap_or_default()
    }

    fn is_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|(kind, _)| kind != Kind::Null)
    }

    fn len(&self) -> usize {
        self.object.members().len()
    }

    /// The objects in an array member.
    fn elements(&self, name: &str) -> Vec<Members<'t>> {
        let Some((Kind::Array, range)) = self.get(name) else { return Vec::new() };
        let Some(inside) = self.text.get(range) else { return Vec::new() };
        let array = Value { kind: Kind::Array, text: inside.into() };
        let start = self.text.as_ptr() as usize;
        let Some(elements) = array.elements() else { return Vec::new() };
        let ranges = elements.iter().filter(|e| e.kind == Kind::Object).map(|element| {
            let at = element.text.as_ptr() as usize - start;
            at..at + element.text.len()
        });
        ranges.filter_map(|range| Members::read(self.text, range)).collect()
    }
}

fn read_messages(data: &[u8]) -> Option<Seen> {
    let event = Members::read(data, 0..data.len())?;
    let index = event.number("index");
    let mut seen = Seen::default();
    match event.text("type")? {
        b"content_block_delta" => {
            let delta = event.object("delta")?;
            let (lane, name) = match delta.text("type")? {
                b"text_delta" => (Lane::Text, "text"),
                b"input_json_delta" => (Lane::Args(0), "partial_json"),
                b"citations_delta" => {
                    let citation = delta.object("citation")?;
                    let place = Lane::Text.place();
                    seen.whole.extend(citation.string("cited_text").map(|range| (range, place)));
                    return Some(seen);
                }
                _ => return None,
            };
            seen.pieces.push(Piece { index, lane, range: delta.string(name)? });
            seen.is_droppable = true;
        }
        b"content_block_start" => {
            let (_, range) = event.get("content_block")?;
            let block = Members::read(data, range.clone())?;
            match block.text("type")? {
                b"text" => {
                    seen.pieces.push(Piece {
                        index,
                        lane: Lane::Text,
                        range: block.string("text")?,
                    });
                }
                _ => seen.whole = whole_strings(Format::AnthropicMessages, data, range),
            }
        }
        b"content_block_stop" => seen.closes.push(index),
        b"message_delta" | b"message_stop" | b"error" => seen.closes_all = true,
        _ => return None,
    }
    Some(seen)
}

fn read_chat(data: &[u8]) -> Option<Seen> {
    let chunk = Members::read(data, 0..data.len())?;
    let mut seen = Seen::default();
    if chunk.is_set("error") {
        seen.closes_all = true;
        return Some(seen);
    }
    let choices = chunk.elements("choices");
    let mut is_droppable = choices.len() == 1 && !chunk.is_set("usage");
    for choice in &choices {
        let index = choice.number("index");
        if choice.is_set("finish_reason") {
            seen.closes.push(index);
            is_droppable = false;
        }
        let Some(delta) = choice.object("delta") else { continue };
        for (name, lane) in [
            ("content", Lane::Content),
            ("refusal", Lane::Refusal),
            ("reasoning", Lane::Reasoning),
            ("reasoning_content", Lane::ReasoningContent),
        ] {
            let piece = delta.string(name).map(|range| Piece { index, lane, range });
            seen.pieces.extend(piece);
        }
        is_droppable &= delta.len() == 1;
        for call in delta.elements("tool_calls") {
            let at = call.number("index");
            is_droppable &= !call.is_set("id");
            if let Some(function) = call.object("function") {
                is_droppable &= !function.is_set("name");
                let piece = |range| Piece { index, lane: Lane::Args(at), range };
                seen.pieces.extend(function.string("arguments").map(piece));
            }
            if let Some(custom) = call.object("custom") {
                is_droppable &= !custom.is_set("name");
                let piece = |range| Piece { index, lane: Lane::Custom(at), range };
                seen.pieces.extend(custom.string("input").map(piece));
            }
        }
        if let Some(function) = delta.object("function_call") {
            is_droppable &= !function.is_set("name");
            let piece = |range| Piece { index, lane: Lane::Function, range };
            seen.pieces.extend(function.string("arguments").map(piece));
        }
    }
    seen.is_droppable = is_droppable;
    Some(seen)
}

/// The members that name a chunk's answer, as they are to be repeated in one of our own.
fn chunk_head(data: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    let Some(chunk) = Members::read(data, 0..data.len()) else { return head };
    for name in ["id", "object", "created", "model", "system_fingerprint"] {
        if let Some((_, range)) = chunk.get(name) {
            crate::json::push_string(&mut head, name);
            head.push(b':');
            head.extend_from_slice(data.get(range).unwrap_or_default());
            head.push(b',');
        }
    }
    head
}

/// One more event with `text`, which is written as it stands in its string.
fn push_delta(out: &mut Vec<u8>, format: Format, head: &[u8], open: &Open, text: &[u8]) {
    let index = open.index.to_string();
    let mut push = |parts: &[&[u8]]| parts.iter().for_each(|part| out.extend_from_slice(part));
    if format == Format::AnthropicMessages {
        let (kind, name): (&[u8], &[u8]) = match open.lane {
            Lane::Args(_) => (b"input_json_delta", b"partial_json"),
            _ => (b"text_delta", b"text"),
        };
        push(&[
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":",
            index.as_bytes(),
        ]);
        push(&[b",\"delta\":{\"type\":\"", kind, b"\",\"", name, b"\":\"", text, b"\"}}\n\n"]);
        return;
    }
    push(&[b"data: {", head, b"\"choices\":[{\"index\":", index.as_bytes(), b",\"delta\":{"]);
    match open.lane {
        Lane::Args(at) | Lane::Custom(at) => {
            let at = at.to_string();
            let (kind, name): (&[u8], &[u8]) = match open.lane {
                Lane::Custom(_) => (b"custom", b"input"),
                _ => (b"function", b"arguments"),
            };
            push(&[
                b"\"tool_calls\":[{\"index\":",
                at.as_bytes(),
                b",\"",
                kind,
                b"\":{\"",
                name,
                b"\":\"",
                text,
                b"\"}}]",
            ]);
        }
        Lane::Function => push(&[b"\"function_call\":{\"arguments\":\"", text, b"\"}"]),
        lane => {
            let name: &[u8] = match lane {
                Lane::Refusal => b"refusal",
                Lane::Reasoning => b"reasoning",
                Lane::ReasoningContent => b"reasoning_content",
                _ => b"content",
            };
            push(&[b"\"", name, b"\":\"", text, b"\""]);
        }
    }
    push(&[b"},\"finish_reason\":null}]}\n\n"]);
}

/// The answer `body` with its tokens restored; nothing where there was none to restore.
pub fn whole(format: Format, issued: &Issued, body: &[u8]) -> Option<Vec<u8>> {
    let mut edits = Vec::new();
    for (range, place) in whole_strings(format, body, 0..body.len()) {
        let text = body.get(range.clone()).unwrap_or_default();
        let mut out = Vec::with_capacity(text.len());
        restore(issued, place, text, true, &mut out);
        if out != text {
            edits.push((range, out));
        }
    }
    (!edits.is_empty()).then(|| splice(body, &edits))
}

/// The strings of the JSON at `range` that may hold tokens.
fn whole_strings(format: Format, text: &[u8], range: Range<usize>) -> Vec<(Range<usize>, Place)> {
    let mut places = Places(Vec::new());
    carriers::walk(format, b"", text.get(range.clone()).unwrap_or_default(), &mut places);
    for (found, _) in &mut places.0 {
        *found = found.start + range.start..found.end + range.start;
    }
    places.0
}

struct Places(Vec<(Range<usize>, Place)>);

impl Visitor for Places {
    fn string(&mut self, _: &[u8], raw: Range<usize>, _: Range<usize>, carrier: Carrier) {
        let place = match carrier {
            Carrier::Text => Place { level: 1, is_tool_args: false },
            Carrier::Json => Place { level: 1, is_tool_args: true },
            Carrier::JsonText => Place { level: 2, is_tool_args: true },
        };
        self.0.push((raw, place));
    }
}

fn splice(data: &[u8], edits: &[(Range<usize>, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut at = 0;
    for (range, text) in edits {
        out.extend_from_slice(data.get(at..range.start).unwrap_or_default());
        out.extend_from_slice(text);
        at = range.end;
    }
    out.extend_from_slice(data.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guardrails::category::{Categories, Category};
    use crate::guardrails::token::{Spelling, TenantKey};

    fn issued() -> (Arc<Issued>, String) {
        let key = TenantKey::new(&[7; 32], "t");
        let mut issued = Issued::new(Categories::ALL, Vec::new());
        let (text, tag) = key.token(Category::Email, b"a\"b@c.example", Spelling::Short).unwrap();
        issued.insert(tag, Category::Email, b"a\"b@c.example");
        (Arc::new(issued), text)
    }

    fn written(rewrite: Rewrite, data: &str) -> String {
        let event = |data: &[u8]| format!("{}\n", String::from_utf8_lossy(data));
        let own = |bytes: &Bytes| {
            let text = String::from_utf8_lossy(bytes);
            let lines = text.lines().filter_map(|line| line.strip_prefix("data: "));
            lines.flat_map(|line| [line, "\n"]).collect::<String>()
        };
        match rewrite {
            Rewrite::Unchanged => event(data.as_bytes()),
            Rewrite::Before(before) => own(&before) + &event(data.as_bytes()),
            Rewrite::Data { before, data } => own(&before) + &event(&data),
            Rewrite::Dropped(before) => own(&before),
        }
    }

    fn run(format: Format, issued: &Arc<Issued>, events: &[String]) -> Vec<serde_json::Value> {
        let mut restorer = StreamRestorer::new(format, Arc::clone(issued));
        let mut out: String =
            events.iter().map(|e| written(restorer.event(e.as_bytes()), e)).collect();
        out += &written(Rewrite::Dropped(restorer.finish()), "");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn deltas(kind: &str, name: &str, text: &str, size: usize) -> Vec<String> {
        let pieces = text.as_bytes().chunks(size).map(|c| String::from_utf8_lossy(c).into_owned());
        pieces
            .map(|piece| {
                format!(r#"{{"type":"content_block_delta","index":1,"delta":{{"type":"{kind}","{name}":{}}}}}"#, serde_json::json!(piece))
            })
            .collect()
    }

    #[test]
    fn g14_g15_a_token_over_many_events_with_others_between() {
        let (issued, token) = issued();
        for size in [1, 3, 7, 100] {
            let mut events = deltas("text_delta", "text", &format!("to {token}, ok"), size);
            let ping = r#"{"type":"ping"}"#.to_owned();
            let other = r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}"#;
            let mut mixed = Vec::new();
            for event in events.drain(..) {
                mixed.extend([ping.clone(), other.to_owned(), event]);
            }
            mixed.push(r#"{"type":"content_block_stop","index":1}"#.into());
            let out = run(Format::AnthropicMessages, &issued, &mixed);
            let text: String = out
                .iter()
                .filter(|e| e["index"] == 1)
                .filter_map(|e| e["delta"]["text"].as_str())
                .collect();
            assert_eq!(text, "to a\"b@c.example, ok");
            let others: String = out
                .iter()
                .filter(|e| e["index"] == 0)
                .filter_map(|e| e["delta"]["text"].as_str())
                .collect();
            assert_eq!(others.len(), mixed.len() / 3);
        }
    }

    #[test]
    fn g16_arguments_in_pieces_are_still_json() {
        let (issued, token) = issued();
        let arguments = serde_json::json!({"to": token, "n": 1}).to_string();
        for size in [1, 4, 1000] {
            let mut events = deltas("input_json_delta", "partial_json", &arguments, size);
            events.push(r#"{"type":"content_block_stop","index":1}"#.into());
            let out = run(Format::AnthropicMessages, &issued, &events);
            let joined: String =
                out.iter().filter_map(|e| e["delta"]["partial_json"].as_str()).collect();
            let value: serde_json::Value = serde_json::from_str(&joined).unwrap();
            assert_eq!(value["to"], "a\"b@c.example");
        }
    }

    #[test]
    fn g19_g27_what_was_held_goes_out_before_the_end() {
        let (issued, token) = issued();
        let cut = &token[..12];
        let events = deltas("text_delta", "text", cut, 5);
        let out = run(Format::AnthropicMessages, &issued, &events);
        let text: String = out.iter().filter_map(|e| e["delta"]["text"].as_str()).collect();
        assert_eq!(text, cut);
        let mut events = deltas("text_delta", "text", cut, 5);
        events.push(r#"{"type":"content_block_stop","index":1}"#.into());
        let out = run(Format::AnthropicMessages, &issued, &events);
        assert_eq!(out.last().unwrap()["type"], "content_block_stop");
        let text: String = out.iter().filter_map(|e| e["delta"]["text"].as_str()).collect();
        assert_eq!(text, cut);
    }

    #[test]
    fn g14_chat_chunks_with_tools_and_finish() {
        let (issued, token) = issued();
        let arguments = serde_json::json!({"to": token}).to_string();
        for size in [1, 5, 1000] {
            let mut events = vec![
                r#"{"id":"c","object":"o","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#.to_owned(),
            ];
            let pieces = |text: &str| -> Vec<String> {
                text.as_bytes()
                    .chunks(size)
                    .map(|c| serde_json::json!(String::from_utf8_lossy(c)).to_string())
                    .collect()
            };
            for piece in pieces(&format!("see {token}")) {
                events.push(format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"content":{piece}}},"finish_reason":null}}]}}"#));
            }
            events.push(r#"{"id":"c","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}"#.into());
            for piece in pieces(&arguments) {
                events.push(format!(r#"{{"id":"c","choices":[{{"index":0,"delta":{{"tool_calls":[{{"index":0,"function":{{"arguments":{piece}}}}}]}},"finish_reason":null}}]}}"#));
            }
            events.push(r#"{"id":"c","choices":[{"index":0,"delta":{"content":" XQ"},"finish_reason":null}]}"#.into());
            events.push(
                r#"{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#.into(),
            );
            let out = run(Format::OpenaiChat, &issued, &events);
            let delta = |e: &serde_json::Value| e["choices"][0]["delta"].clone();
            let text: String = out
                .iter()
                .filter_map(|e| delta(e)["content"].as_str().map(str::to_owned))
                .collect();
            assert_eq!(text, "see a\"b@c.example XQ");
            let joined: String = out
                .iter()
                .filter_map(|e| {
                    delta(e)["tool_calls"][0]["function"]["arguments"].as_str().map(str::to_owned)
                })
                .collect();
            let value: serde_json::Value = serde_json::from_str(&joined).unwrap();
            assert_eq!(value["to"], "a\"b@c.example");
            assert_eq!(out.last().unwrap()["choices"][0]["finish_reason"], "stop");
        }
    }

    #[test]
    fn g13_g31_a_whole_answer() {
        let (issued, token) = issued();
        let body = serde_json::json!({"id": token, "content": [
            {"type": "text", "text": format!("to {token}")},
            {"type": "thinking", "thinking": token, "signature": token},
            {"type": "tool_use", "id": "i", "name": "n", "input": {"to": [token]}}]})
        .to_string();
        let out = whole(Format::AnthropicMessages, &issued, body.as_bytes()).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(out["id"], token);
        assert_eq!(out["content"][0]["text"], "to a\"b@c.example");
        assert_eq!(out["content"][1]["thinking"], token);
        assert_eq!(out["content"][2]["input"]["to"][0], "a\"b@c.example");
        let args = serde_json::json!({"to": token}).to_string();
        let body = serde_json::json!({"choices": [{"message": {"content": token, "tool_calls": [
            {"id": "i", "function": {"name": "n", "arguments": args}}]}}]})
        .to_string();
        let out = whole(Format::OpenaiChat, &issued, body.as_bytes()).unwrap();
        let out: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let message = &out["choices"][0]["message"];
        assert_eq!(message["content"], "a\"b@c.example");
        let args = message["tool_calls"][0]["function"]["arguments"].as_str().unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(args).unwrap()["to"],
            "a\"b@c.example"
        );
    }
}
