//! A Chat Completions answer, streamed or whole, as events.

use std::borrow::Cow;

use crate::canonical::{Delta, Event, Opened, Stop, StopReason, Usage};
use crate::formats::openai_chat::response::read_usage;
use crate::formats::{EventDecoder, Sink};
use crate::json::{Escaped, Kind, Members, Node, Value};

/// One call as it grows.
struct Call {
    /// What the upstream numbers it with, where it does.
    index: Option<u64>,
    id: String,
    name: String,
    /// Set once it was opened.
    part: Option<u32>,
    /// Input that came before the name.
    early: Vec<u8>,
    has_input: bool,
}

/// The part that text goes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Text,
    Refusal,
    Reasoning,
}

#[derive(Default)]
pub(in crate::formats::openai_chat) struct Decoder {
    has_started: bool,
    next_part: u32,
    open: Option<(Kinds, u32)>,
    calls: Vec<Call>,
    has_refusal: bool,
    has_stopped: bool,
}

impl EventDecoder for Decoder {
    fn frame(&mut self, _event: Option<&[u8]>, data: &[u8], sink: &mut Sink<'_>) -> bool {
        let Some(chunk) = Node::read(data).map(Node::members) else { return false };
        self.chunk(&chunk, sink);
        true
    }

    fn finish(&mut self, sink: &mut Sink<'_>) {
        self.close_text(sink);
        for index in 0..self.calls.len() {
            self.open_call(index, true, sink);
            let Some(call) = self.calls.get(index) else { continue };
            let Some(part) = call.part else { continue };
            if !call.has_input {
                let input = Escaped::raw(b"{}");
                sink(Event::Delta { part, delta: Delta::Input(input) });
            }
            sink(Event::Close { part });
        }
        self.calls.clear();
        if self.has_refusal && !self.has_stopped {
            sink(Event::Stop(Stop { reason: StopReason::Refusal, ..Stop::default() }));
        }
    }
}

impl Decoder {
    fn chunk(&mut self, chunk: &Members<'_>, sink: &mut Sink<'_>) {
        let usage = chunk.present("usage").filter(|usage| usage.kind == Kind::Object);
        let usage = usage
            .map(|node| read_usage(&Value { kind: node.kind, text: Cow::Borrowed(node.text) }));
        if !std::mem::replace(&mut self.has_started, true) {
            let usage = usage.unwrap_or_default();
            sink(Event::Start { id: chunk.string("id"), usage });
        }
        if let Some(usage) = usage.filter(Usage::is_known) {
            sink(Event::Usage(usage));
        }
        let choices = chunk.present("choices").map(Node::elements).unwrap_or_default();
        let Some(choice) = choices.first().map(|choice| choice.members()) else { return };
        let delta = choice.present("delta").or_else(|| choice.present("message"));
        if let Some(delta) = delta {
            self.delta(&delta.members(), sink);
        }
        if let Some(reason) = choice.str("finish_reason").filter(|reason| !reason.is_empty()) {
            self.stop(&reason, sink);
        }
    }

    fn stop(&mut self, reason: &str, sink: &mut Sink<'_>) {
        if std::mem::replace(&mut self.has_stopped, true) {
            return;
        }
        let reason = match reason {
            "length" | "max_tokens" => StopReason::MaxOutput,
            "tool_calls" | "function_call" | "tool_use" => StopReason::Calls,
            "content_filter" => StopReason::Refusal,
            _ if self.has_refusal => StopReason::Refusal,
            _ => StopReason::End,
        };
        sink(Event::Stop(Stop { reason, ..Stop::default() }));
    }

    fn delta(&mut self, delta: &Members<'_>, sink: &mut Sink<'_>) {
        // The same text under both names is one text.
        let reasoning = delta
            .string("reasoning_content")
            .filter(|text| !text.is_empty())
            .or_else(|| delta.string("reasoning"));
        if let Some(text) = reasoning {
            self.text(Kinds::Reasoning, text, sink);
        }
        if let Some(content) = delta.present("content") {
            match content.string() {
                Some(text) => self.text(Kinds::Text, text, sink),
                None => {
                    for part in content.elements() {
                        let fields = part.members();
                        if let Some(text) = part.string().or_else(|| fields.string("text")) {
                            self.text(Kinds::Text, text, sink);
                        }
                    }
                }
            }
        }
        if let Some(text) = delta.present("refusal").and_then(Node::string) {
            self.has_refusal |= !text.is_empty();
            self.text(Kinds::Refusal, text, sink);
        }
        for call in delta.present("tool_calls").map(Node::elements).unwrap_or_default() {
            self.call(&call.members(), sink);
        }
        if let Some(legacy) = delta.present("function_call").map(Node::members) {
            self.grow(None, "", &legacy, sink);
        }
    }

    fn text(&mut self, kind: Kinds, text: Escaped<'_>, sink: &mut Sink<'_>) {
        if text.is_empty() {
            return;
        }
        let part = match self.open {
            Some((open, part)) if open == kind => part,
            _ => {
                self.close_text(sink);
                let part = self.new_part();
                let opened = match kind {
                    Kinds::Text => Opened::Text,
                    Kinds::Refusal => Opened::Refusal,
                    Kinds::Reasoning => Opened::Reasoning,
                };
                sink(Event::Open { part, opened });
                self.open = Some((kind, part));
                part
            }
        };
        sink(Event::Delta { part, delta: Delta::Text(text) });
    }

    fn close_text(&mut self, sink: &mut Sink<'_>) {
        if let Some((_, part)) = self.open.take() {
            sink(Event::Close { part });
        }
    }

    fn new_part(&mut self) -> u32 {
        self.next_part += 1;
        self.next_part - 1
    }

    fn call(&mut self, fields: &Members<'_>, sink: &mut Sink<'_>) {
        let index = fields.get("index").and_then(Node::integer);
        let id = fields.str("id").unwrap_or_default();
        let inner = fields.get("function").or_else(|| fields.get("custom"));
        let function = inner.map(Node::members).unwrap_or_default();
        self.grow(index, &id, &function, sink);
    }

    /// The call that a piece belongs to: by its id, then by its number, then the latest.
    fn find(&self, index: Option<u64>, id: &str, has_name: bool) -> Option<usize> {
        if !id.is_empty()
            && let Some(at) = self.calls.iter().rposition(|call| call.id == id)
        {
            return Some(at);
        }
        let at = match index {
            Some(_) => self.calls.iter().rposition(|call| call.index == index),
            None if has_name && id.is_empty() => None,
            None => self.calls.len().checked_sub(1),
        }?;
        // A new id under a known number is a new call: some hosts number all of them 0.
        let known = &self.calls.get(at)?.id;
        (id.is_empty() || known.is_empty()).then_some(at)
    }

    fn grow(&mut self, index: Option<u64>, id: &str, function: &Members<'_>, sink: &mut Sink<'_>) {
        let name = function.str("name").unwrap_or_default();
        let at = self.find(index, id, !name.is_empty()).unwrap_or_else(|| {
            self.calls.push(Call {
                index,
                id: String::new(),
                name: String::new(),
                part: None,
                early: Vec::new(),
                has_input: false,
            });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            id.clone_into(&mut call.id);
        }
        if call.part.is_none() && call.name.is_empty() {
            call.name = name.into_owned();
        }
        let arguments = function.present("arguments").or_else(|| function.present("input"));
        let arguments = arguments.map(|node| {
            node.string().unwrap_or_else(|| Escaped::text(&String::from_utf8_lossy(node.text)))
        });
        let arguments = arguments.filter(|text| !text.is_empty());
        self.open_call(at, false, sink);
        let Some(call) = self.calls.get_mut(at) else { return };
        let Some(text) = arguments else { return };
        match call.part {
            Some(part) => {
                call.has_input = true;
                sink(Event::Delta { part, delta: Delta::Input(text) });
            }
            None => call.early.extend_from_slice(text.as_bytes()),
        }
    }

    /// Opens a call once its name is known; its id, if it has one, comes with the name.
    fn open_call(&mut self, at: usize, is_end: bool, sink: &mut Sink<'_>) {
        let Some(call) = self.calls.get(at) else { return };
        if call.part.is_some() || (call.name.is_empty() && (!is_end || call.early.is_empty())) {
            return;
        }
        self.close_text(sink);
        let part = self.new_part();
        let Some(call) = self.calls.get_mut(at) else { return };
        if call.id.is_empty() {
            call.id = format!("call_{:08x}_{at}", crate::formats::digest(&call.name));
        }
        call.part = Some(part);
        sink(Event::Open {
            part,
            opened: Opened::Call { id: Cow::Borrowed(&call.id), name: Cow::Borrowed(&call.name) },
        });
        let early = std::mem::take(&mut call.early);
        if !early.is_empty() {
            call.has_input = true;
            sink(Event::Delta { part, delta: Delta::Input(Escaped::owned(early)) });
        }
    }
}

/// The events of a whole answer.
pub(in crate::formats::openai_chat) fn decode_whole(body: &Members<'_>, sink: &mut Sink<'_>) {
    let mut decoder = Decoder::default();
    decoder.chunk(body, sink);
    decoder.finish(sink);
}
