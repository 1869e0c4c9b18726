//! A Messages answer, streamed or whole, as events.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::canonical::{Delta, Event, Opened, Stop, StopReason, Usage};
use crate::formats::anthropic_messages::response::read_usage;
use crate::formats::{EventDecoder, Sink};
use crate::json::{Escaped, Kind, Members, Node, Value};

/// What is known of an open block.
struct Block {
    is_call: bool,
    /// Input that came with the start, used where no delta brings any.
    input: Option<Vec<u8>>,
    has_input: bool,
}

#[derive(Default)]
pub(in crate::formats::anthropic_messages) struct Decoder {
    open: BTreeMap<u32, Block>,
    usage: Usage,
}

impl EventDecoder for Decoder {
    fn frame(&mut self, event: Option<&[u8]>, data: &[u8], sink: &mut Sink<'_>) -> bool {
        let Some(fields) = Node::read(data).map(Node::members) else { return false };
        let kind = fields.str("type");
        let kind = kind.as_deref().map(str::as_bytes).or(event).unwrap_or_default();
        let index = || fields.get("index").and_then(Node::integer).unwrap_or_default() as u32;
        match kind {
            b"message_start" => {
                let message = fields.get("message").map(Node::members).unwrap_or_default();
                self.merge(message.present("usage"));
                sink(Event::Start { id: message.string("id"), usage: self.usage });
            }
            b"content_block_start" => {
                if let Some(block) = fields.get("content_block") {
                    self.start(index(), block, sink);
                }
            }
            b"content_block_delta" => {
                if let Some(delta) = fields.get("delta") {
                    self.delta(index(), &delta.members(), sink);
                }
            }
            b"content_block_stop" => self.close(index(), sink),
            b"message_delta" => {
                self.merge(fields.present("usage"));
                sink(Event::Usage(self.usage));
                let delta = fields.get("delta").map(Node::members).unwrap_or_default();
                if delta.present("stop_reason").is_some() {
                    sink(Event::Stop(stop(&delta)));
                }
            }
            _ => {}
        }
        true
    }

    fn finish(&mut self, sink: &mut Sink<'_>) {
        while let Some(index) = self.open.keys().next().copied() {
            self.close(index, sink);
        }
    }
}

impl Decoder {
    /// Counts are cumulative; a zero or a gap erases nothing.
    fn merge(&mut self, usage: Option<Node<'_>>) {
        let Some(node) = usage else { return };
        let new = read_usage(&Value { kind: node.kind, text: Cow::Borrowed(node.text) });
        let newest = |old: &mut Option<u64>, new: Option<u64>| {
            if new.is_some_and(|count| count > 0 || old.is_none()) {
                *old = new;
            }
        };
        newest(&mut self.usage.input, new.input);
        newest(&mut self.usage.output, new.output);
        newest(&mut self.usage.cache_read, new.cache_read);
        newest(&mut self.usage.cache_write, new.cache_write);
        newest(&mut self.usage.cache_write_1h, new.cache_write_1h);
        newest(&mut self.usage.reasoning, new.reasoning);
    }

    fn start(&mut self, part: u32, node: Node<'_>, sink: &mut Sink<'_>) {
        self.close(part, sink);
        let block = node.members();
        let kind = block.str("type").unwrap_or_default();
        let mut known = Block { is_call: false, input: None, has_input: false };
        let opened = match kind.as_ref() {
            "text" => Opened::Text,
            "thinking" => Opened::Reasoning,
            "redacted_thinking" => {
                Opened::Redacted { seal: block.string("data").unwrap_or_default() }
            }
            "tool_use" => {
                known.is_call = true;
                let input = block.get("input").filter(|input| input.kind == Kind::Object);
                known.input = input
                    .filter(|input| !input.members().is_empty())
                    .map(|input| input.text.to_vec());
                Opened::Call {
                    id: block.str("id").unwrap_or_default(),
                    name: block.str("name").unwrap_or_default(),
                }
            }
            _ => Opened::Opaque { raw: Cow::Borrowed(node.text), kind: kind.clone() },
        };
        sink(Event::Open { part, opened });
        let text = match kind.as_ref() {
            "text" => block.string("text"),
            "thinking" => block.string("thinking"),
            _ => None,
        };
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            sink(Event::Delta { part, delta: Delta::Text(text) });
        }
        if kind == "thinking"
            && let Some(seal) = block.string("signature").filter(|seal| !seal.is_empty())
        {
            sink(Event::Delta { part, delta: Delta::Seal(seal) });
        }
        if kind == "text" {
            for citation in block.get("citations").map(Node::elements).unwrap_or_default() {
                let raw = Cow::Borrowed(citation.text);
                sink(Event::Delta { part, delta: Delta::Citation(raw) });
            }
        }
        self.open.insert(part, known);
    }

    fn delta(&mut self, part: u32, fields: &Members<'_>, sink: &mut Sink<'_>) {
        let Some(block) = self.open.get_mut(&part) else { return };
        let text = |name: &str| fields.string(name).filter(|text| !text.is_empty());
        let delta = match fields.str("type").as_deref() {
            Some("text_delta") => text("text").map(Delta::Text),
            Some("thinking_delta") => text("thinking").map(Delta::Text),
            Some("signature_delta") => text("signature").map(Delta::Seal),
            Some("input_json_delta") => {
                let input = text("partial_json");
                block.has_input |= input.is_some();
                input.map(Delta::Input)
            }
            Some("citations_delta") => {
                fields.get("citation").map(|raw| Delta::Citation(Cow::Borrowed(raw.text)))
            }
            _ => None,
        };
        if let Some(delta) = delta {
            sink(Event::Delta { part, delta });
        }
    }

    fn close(&mut self, part: u32, sink: &mut Sink<'_>) {
        let Some(block) = self.open.remove(&part) else { return };
        if block.is_call && !block.has_input {
            let input = block.input.unwrap_or_else(|| b"{}".to_vec());
            let input = Escaped::text(&String::from_utf8_lossy(&input));
            sink(Event::Delta { part, delta: Delta::Input(input) });
        }
        sink(Event::Close { part });
    }
}

fn stop<'a>(fields: &Members<'a>) -> Stop<'a> {
    let reason = match fields.str("stop_reason").as_deref() {
        Some("stop_sequence") => StopReason::Sequence,
        Some("tool_use") => StopReason::Calls,
        Some("max_tokens") => StopReason::MaxOutput,
        Some("model_context_window_exceeded") => StopReason::ContextFull,
        Some("refusal") => StopReason::Refusal,
        Some("pause_turn") => StopReason::Pause,
        Some("compaction") => StopReason::Compaction,
        _ => StopReason::End,
    };
    let details = fields.present("stop_details").map(Node::members).unwrap_or_default();
    Stop {
        reason,
        sequence: fields.string("stop_sequence"),
        explanation: details.string("explanation"),
    }
}

/// The events of a whole answer.
pub(in crate::formats::anthropic_messages) fn decode_whole(
    body: &Members<'_>,
    sink: &mut Sink<'_>,
) {
    let mut decoder = Decoder::default();
    decoder.merge(body.present("usage"));
    sink(Event::Start { id: body.string("id"), usage: decoder.usage });
    let blocks = body.get("content").map(Node::elements).unwrap_or_default();
    for (part, block) in (0..).zip(blocks) {
        decoder.start(part, block, sink);
        decoder.close(part, sink);
    }
    sink(Event::Usage(decoder.usage));
    sink(Event::Stop(stop(body)));
}
