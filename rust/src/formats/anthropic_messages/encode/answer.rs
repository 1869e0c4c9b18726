//! A Messages answer, streamed or whole.

use std::collections::VecDeque;
use std::io::Write;

use bytes::Bytes;

use crate::canonical::{Answer, Delta, Event, Opened, Piece, Stop, StopReason, Usage};
use crate::formats::{AnswerContext, EventEncoder};
use crate::json::{Escaped, Writer, is_valid_object};

/// A part that waits until the open one is closed: blocks come one after the other.
struct Waiting {
    part: u32,
    opened: Opened<'static>,
    deltas: Vec<Delta<'static>>,
    is_closed: bool,
}

pub(in crate::formats::anthropic_messages) struct Encoder {
    context: AnswerContext,
    has_started: bool,
    /// The part of the open block.
    open: Option<u32>,
    /// The open block is reasoning.
    reasoning: bool,
    next_index: u64,
    waiting: VecDeque<Waiting>,
    has_calls: bool,
    stop: Option<Stop<'static>>,
    usage: Usage,
    /// Bytes of content written, to guess tokens from.
    written: u64,
}

impl Encoder {
    pub(in crate::formats::anthropic_messages) fn new(context: &AnswerContext) -> Self {
        Self {
            context: context.clone(),
            has_started: false,
            open: None,
            reasoning: false,
            next_index: 0,
            waiting: VecDeque::new(),
            has_calls: false,
            stop: None,
            usage: Usage::default(),
            written: 0,
        }
    }

    fn start(&mut self, id: Option<&Escaped<'_>>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let mut event = Writer::default();
        event.begin().member("type", "message_start").key("message").begin();
        head(&mut event, id, &self.context);
        event.key("content").begin_list().end_list();
        event.key("stop_reason").null().key("stop_sequence").null();
        event.key("usage");
        let usage = Usage { output: Some(1), ..self.usage };
        write_usage(&mut event, &usage, &self.context, 0);
        event.end().end();
        frame("message_start", event, out);
        out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
    }

    fn begin_block(&mut self, part: u32, opened: &Opened<'_>, out: &mut Vec<u8>) {
        let mut event = Writer::default();
        event.begin().member("type", "content_block_start");
        event.key("index").number(self.next_index).key("content_block").begin();
        match opened {
            Opened::Text | Opened::Refusal | Opened::Opaque { .. } => {
                event.member("type", "text").member("text", "");
            }
            Opened::Reasoning => {
                event.member("type", "thinking").member("thinking", "").member("signature", "");
            }
            Opened::Redacted { seal } => {
                event.member("type", "redacted_thinking").key("data").string(seal);
            }
            Opened::Call { id, name } => {
                self.has_calls = true;
                event.member("type", "tool_use").member("id", id).member("name", name);
                event.key("input").begin().end();
            }
        }
        event.end().end();
        frame("content_block_start", event, out);
        self.open = Some(part);
    }

    fn write_delta(&mut self, delta: &Delta<'_>, is_reasoning: bool, out: &mut Vec<u8>) {
        let (kind, name, text) = match delta {
            Delta::Text(text) if is_reasoning => ("thinking_delta", "thinking", text),
            Delta::Text(text) => ("text_delta", "text", text),
            Delta::Seal(seal) => ("signature_delta", "signature", seal),
            Delta::Input(input) => ("input_json_delta", "partial_json", input),
            Delta::Citation(_) => return,
        };
        // Nobody pays for a seal: a guess of the tokens leaves it out, as it does in whole answers.
        if !matches!(delta, Delta::Seal(_)) {
            self.written += text.as_bytes().len() as u64;
        }
        // Most of a stream is written here.
        let index = self.next_index;
        let _ = write!(
            out,
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"{kind}\",\"{name}\":\""
        );
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"\"}}\n\n");
    }

    fn end_block(&mut self, out: &mut Vec<u8>) {
        let mut event = Writer::default();
        event.begin().member("type", "content_block_stop");
        event.key("index").number(self.next_index).end();
        frame("content_block_stop", event, out);
        self.next_index += 1;
        self.open = None;
    }

    /// Writes the parts that waited for the one just closed.
    fn flush(&mut self, out: &mut Vec<u8>) {
        while self.open.is_none()
            && let Some(waiting) = self.waiting.pop_front()
        {
            self.reasoning = matches!(waiting.opened, Opened::Reasoning);
            self.begin_block(waiting.part, &waiting.opened, out);
            for delta in &waiting.deltas {
                self.write_delta(delta, self.reasoning, out);
            }
            if waiting.is_closed {
                self.end_block(out);
            }
        }
    }
}

impl EventEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, usage } => {
                self.usage = *usage;
                self.start(id.as_ref(), out);
            }
            Event::Open { opened: Opened::Opaque { .. }, .. } => {}
            Event::Open { part, opened } => {
                self.start(None, out);
                if self.open.is_none() {
                    self.reasoning = matches!(opened, Opened::Reasoning);
                    self.begin_block(*part, opened, out);
                } else {
                    self.waiting.push_back(Waiting {
                        part: *part,
                        opened: owned(opened),
                        deltas: Vec::new(),
                        is_closed: false,
                    });
                }
            }
            Event::Delta { part, delta } => {
                if self.open == Some(*part) {
                    self.write_delta(delta, self.reasoning, out);
                } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.part == *part) {
                    add(&mut waiting.deltas, delta);
                }
            }
            Event::Close { part } => {
                if self.open == Some(*part) {
                    self.end_block(out);
                    self.flush(out);
                } else if let Some(waiting) = self.waiting.iter_mut().find(|w| w.part == *part) {
                    waiting.is_closed = true;
                }
            }
            Event::Usage(usage) => self.usage = *usage,
            Event::Stop(stop) => {
                self.stop.get_or_insert_with(|| Stop {
                    reason: stop.reason,
                    sequence: stop.sequence.clone().map(Escaped::into_owned),
                    explanation: stop.explanation.clone().map(Escaped::into_owned),
                });
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.start(None, out);
        while self.open.is_some() {
            self.end_block(out);
            self.flush(out);
        }
        let stop = self.stop.take().unwrap_or_default();
        let mut event = Writer::default();
        event.begin().member("type", "message_delta").key("delta").begin();
        write_stop(&mut event, &stop, self.has_calls);
        event.end().key("usage");
        write_usage(&mut event, &self.usage, &self.context, self.written);
        event.end();
        frame("message_delta", event, out);
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

fn frame(name: &str, event: Writer, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(&event.into_bytes());
    out.extend_from_slice(b"\n\n");
}

/// Many small deltas become one.
fn add(deltas: &mut Vec<Delta<'static>>, delta: &Delta<'_>) {
    match (deltas.last_mut(), delta) {
        (Some(Delta::Text(old)), Delta::Text(new))
        | (Some(Delta::Input(old)), Delta::Input(new)) => {
            old.push(new);
        }
        (_, Delta::Text(text)) => deltas.push(Delta::Text(text.clone().into_owned())),
        (_, Delta::Input(text)) => deltas.push(Delta::Input(text.clone().into_owned())),
        (_, Delta::Seal(text)) => deltas.push(Delta::Seal(text.clone().into_owned())),
        (_, Delta::Citation(_)) => {}
    }
}

fn owned(opened: &Opened<'_>) -> Opened<'static> {
    match opened {
        Opened::Text => Opened::Text,
        Opened::Refusal => Opened::Refusal,
        Opened::Reasoning => Opened::Reasoning,
        Opened::Redacted { seal } => Opened::Redacted { seal: seal.clone().into_owned() },
        Opened::Call { id, name } => Opened::Call {
            id: id.clone().into_owned().into(),
            name: name.clone().into_owned().into(),
        },
        Opened::Opaque { kind, raw } => Opened::Opaque {
            kind: kind.clone().into_owned().into(),
            raw: raw.clone().into_owned().into(),
        },
    }
}

fn head(out: &mut Writer, id: Option<&Escaped<'_>>, context: &AnswerContext) {
    match id.filter(|id| !id.is_empty()) {
        Some(id) => out.key("id").string(id),
        None => out.member("id", &format!("msg_{}", context.id)),
    };
    out.member("type", "message").member("role", "assistant").member("model", &context.model);
}

fn write_stop(out: &mut Writer, stop: &Stop<'_>, has_calls: bool) {
    let reason = match stop.reason.settled(has_calls) {
        StopReason::End => "end_turn",
        StopReason::Sequence => "stop_sequence",
        StopReason::Calls => "tool_use",
        StopReason::MaxOutput => "max_tokens",
        StopReason::ContextFull => "model_context_window_exceeded",
        StopReason::Refusal => "refusal",
        StopReason::Pause => "pause_turn",
        StopReason::Compaction => "compaction",
    };
    out.member("stop_reason", reason).key("stop_sequence");
    match stop.sequence.as_ref().filter(|_| reason == "stop_sequence") {
        Some(sequence) => out.string(sequence),
        None => out.null(),
    };
    if let Some(explanation) = stop.explanation.as_ref().filter(|_| reason == "refusal") {
        out.key("stop_details").begin().member("type", "refusal").key("category").null();
        out.key("explanation").string(explanation).end();
    }
}

/// Missing counts are guessed: a client that sees none shows none.
fn write_usage(out: &mut Writer, usage: &Usage, context: &AnswerContext, written: u64) {
    let input = usage.input.unwrap_or_else(|| {
        context.estimated_input.saturating_sub(usage.cache_read.unwrap_or_default())
    });
    out.begin().key("input_tokens").number(input);
    out.key("cache_creation_input_tokens").number(usage.cache_write.unwrap_or_default());
    out.key("cache_read_input_tokens").number(usage.cache_read.unwrap_or_default());
    out.key("output_tokens").number(usage.output.unwrap_or(written.div_ceil(4)));
    if let Some(reasoning) = usage.reasoning {
        out.key("output_tokens_details").begin().key("thinking_tokens").number(reasoning).end();
    }
    out.end();
}

/// A whole answer.
pub(in crate::formats::anthropic_messages) fn encode_whole(
    answer: &Answer,
    context: &AnswerContext,
) -> Vec<Bytes> {
    let mut out = Writer::sized(answer.text_bytes());
    let id = answer.id.as_deref().map(Escaped::raw);
    out.begin();
    head(&mut out, id.as_ref(), context);
    out.key("content").begin_list();
    let (mut has_calls, mut written) = (false, 0);
    for piece in &answer.pieces {
        has_calls |= matches!(piece, Piece::Call { .. });
        written += write_piece(&mut out, piece);
    }
    out.end_list();
    write_stop(&mut out, &answer.stop, has_calls);
    out.key("usage");
    write_usage(&mut out, &answer.usage, context, written as u64);
    out.end();
    out.into_parts()
}

/// Writes a block; returns the bytes of its content.
fn write_piece(out: &mut Writer, piece: &Piece) -> usize {
    match piece {
        Piece::Text { text, .. } | Piece::Refusal { text } => {
            out.begin().member("type", "text").key("text").string(&Escaped::raw(text)).end();
            text.len()
        }
        Piece::Reasoning { text, seal } => {
            out.begin().member("type", "thinking").key("thinking").string(&Escaped::raw(text));
            let seal = seal.as_deref().unwrap_or_default();
            out.key("signature").string(&Escaped::raw(seal)).end();
            text.len()
        }
        Piece::Redacted { seal } => {
            out.begin().member("type", "redacted_thinking");
            out.key("data").string(&Escaped::raw(seal)).end();
            0
        }
        Piece::Call { id, name, input } => {
            out.begin().member("type", "tool_use").member("id", id).member("name", name);
            out.key("input");
            let text = Escaped::raw(input).into_text();
            if is_valid_object(text.as_bytes()) {
                out.raw(text.trim().as_bytes());
            } else if text.trim().is_empty() {
                out.begin().end();
            } else {
                out.begin().member("_raw", &text).end();
            }
            out.end();
            input.len()
        }
        Piece::Opaque { .. } => 0,
    }
}
