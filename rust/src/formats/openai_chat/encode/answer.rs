//! A Chat Completions answer, streamed or whole.

use bytes::Bytes;

use crate::canonical::{Answer, Delta, Event, Opened, Piece, Stop, StopReason, Usage};
use crate::formats::{AnswerContext, EventEncoder};
use crate::json::{Escaped, Writer};

/// The name under which sealed reasoning travels.
const SEAL_FORMAT: &str = "codegate-v1";

pub(in crate::formats::openai_chat) struct Encoder {
    context: AnswerContext,
    has_started: bool,
    /// The members that all chunks begin with.
    head: Vec<u8>,
    /// What is open: its part, and for a call its number.
    parts: Vec<(u32, Shown)>,
    calls: u64,
    seals: u64,
    stop: Stop<'static>,
    has_stopped: bool,
    usage: Usage,
    written: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Text,
    Refusal,
    Reasoning,
    Call(u64),
    Nothing,
}

impl Encoder {
    pub(in crate::formats::openai_chat) fn new(context: &AnswerContext) -> Self {
        Self {
            context: context.clone(),
            has_started: false,
            head: Vec::new(),
            parts: Vec::new(),
            calls: 0,
            seals: 0,
            stop: Stop::default(),
            has_stopped: false,
            usage: Usage::default(),
            written: 0,
        }
    }

    fn start(&mut self, id: Option<&Escaped<'_>>, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.has_started, true) {
            return;
        }
        let mut head = Writer::default();
        head.begin();
        write_head(&mut head, id, &self.context, "chat.completion.chunk");
        self.head = head.into_bytes();
        let mut delta = Writer::default();
        delta.begin().member("role", "assistant").member("content", "").key("refusal").null();
        delta.end();
        self.chunk(&delta.into_bytes(), None, out);
    }

    fn chunk(&self, delta: &[u8], finish: Option<&str>, out: &mut Vec<u8>) {
        self.begin_chunk(out);
        out.extend_from_slice(delta);
        self.end_chunk(finish, out);
    }

    /// All of a chunk before its delta.
    fn begin_chunk(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"data: ");
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b",\"choices\":[{\"index\":0,\"delta\":");
    }

    /// All of it behind its delta.
    fn end_chunk(&self, finish: Option<&str>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"logprobs\":null,\"finish_reason\":");
        match finish {
            Some(reason) => {
                out.push(b'"');
                out.extend_from_slice(reason.as_bytes());
                out.push(b'"');
            }
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b"}]");
        if self.context.wants_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}\n\n");
    }

    fn text(&mut self, name: &str, text: &Escaped<'_>, out: &mut Vec<u8>) {
        self.written += text.as_bytes().len() as u64;
        self.begin_chunk(out);
        for piece in [b"{\"", name.as_bytes(), b"\":\"", text.as_bytes(), b"\"}"] {
            out.extend_from_slice(piece);
        }
        self.end_chunk(None, out);
    }

    fn seal(&mut self, seal: &Escaped<'_>, out: &mut Vec<u8>) {
        let mut delta = Writer::default();
        delta.begin().key("reasoning_details").begin_list();
        write_seal(&mut delta, seal, self.seals);
        delta.end_list().end();
        self.seals += 1;
        self.chunk(&delta.into_bytes(), None, out);
    }

    fn begin_call(&mut self, id: &str, name: &str, out: &mut Vec<u8>) -> u64 {
        let index = self.calls;
        self.calls += 1;
        let mut delta = Writer::default();
        delta.begin().key("tool_calls").begin_list().begin().key("index").number(index);
        delta.member("id", id).member("type", "function").key("function").begin();
        delta.member("name", name).member("arguments", "").end().end().end_list().end();
        self.chunk(&delta.into_bytes(), None, out);
        index
    }

    fn input(&mut self, index: u64, input: &Escaped<'_>, out: &mut Vec<u8>) {
        self.written += input.as_bytes().len() as u64;
        let mut delta = Writer::default();
        delta.begin().key("tool_calls").begin_list().begin().key("index").number(index);
        delta.key("function").begin().key("arguments").string(input).end();
        delta.end().end_list().end();
        self.chunk(&delta.into_bytes(), None, out);
    }
}

impl EventEncoder for Encoder {
    fn event(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        match event {
            Event::Start { id, usage } => {
                self.usage = *usage;
                self.start(id.as_ref(), out);
            }
            Event::Open { part, opened } => {
                self.start(None, out);
                let shown = match opened {
                    Opened::Text => Shown::Text,
                    Opened::Refusal => Shown::Refusal,
                    Opened::Reasoning => Shown::Reasoning,
                    Opened::Call { id, name } => Shown::Call(self.begin_call(id, name, out)),
                    Opened::Redacted { seal } => {
                        self.seal(seal, out);
                        Shown::Nothing
                    }
                    Opened::Opaque { .. } => Shown::Nothing,
                };
                self.parts.push((*part, shown));
            }
            Event::Delta { part, delta } => {
                let shown = self.parts.iter().rfind(|(known, _)| known == part);
                match (shown.map(|(_, shown)| *shown), delta) {
                    (Some(Shown::Text), Delta::Text(text)) => self.text("content", text, out),
                    (Some(Shown::Refusal), Delta::Text(text)) => self.text("refusal", text, out),
                    (Some(Shown::Reasoning), Delta::Text(text)) => {
                        self.text("reasoning_content", text, out);
                    }
                    (Some(Shown::Reasoning), Delta::Seal(seal)) => self.seal(seal, out),
                    (Some(Shown::Call(index)), Delta::Input(input)) => {
                        self.input(index, input, out);
                    }
                    _ => {}
                }
            }
            Event::Close { part } => self.parts.retain(|(known, _)| known != part),
            Event::Usage(usage) => self.usage = *usage,
            Event::Stop(stop) => {
                if !std::mem::replace(&mut self.has_stopped, true) {
                    self.stop = Stop {
                        reason: stop.reason,
                        sequence: None,
                        explanation: stop.explanation.clone().map(Escaped::into_owned),
                    };
                }
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        self.start(None, out);
        let explanation = self.stop.explanation.take();
        if let Some(text) = explanation.filter(|_| self.stop.reason == StopReason::Refusal) {
            self.text("refusal", &text, out);
        }
        self.chunk(b"{}", Some(finish_reason(&self.stop, self.calls > 0)), out);
        if self.context.wants_usage {
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&self.head);
            out.extend_from_slice(b",\"choices\":[],\"usage\":");
            let mut usage = Writer::default();
            write_usage(&mut usage, &self.usage, &self.context, self.written);
            out.extend_from_slice(&usage.into_bytes());
            out.extend_from_slice(b"}\n\n");
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
    }
}

fn write_head(out: &mut Writer, id: Option<&Escaped<'_>>, context: &AnswerContext, object: &str) {
    let id = match id.filter(|id| !id.is_empty()) {
        Some(id) => id.to_text().into_owned(),
        None => context.id.clone(),
    };
    let id = if id.starts_with("chatcmpl-") { id } else { format!("chatcmpl-{id}") };
    out.member("id", &id).member("object", object).key("created").number(context.created);
    out.member("model", &context.model);
}

fn write_seal(out: &mut Writer, seal: &Escaped<'_>, index: u64) {
    out.begin().member("type", "reasoning.encrypted").member("format", SEAL_FORMAT);
    out.key("index").number(index).key("data").string(seal).end();
}

fn finish_reason(stop: &Stop<'_>, has_calls: bool) -> &'static str {
    match stop.reason.settled(has_calls) {
        StopReason::Calls => "tool_calls",
        StopReason::MaxOutput | StopReason::ContextFull => "length",
        StopReason::Refusal => "content_filter",
        StopReason::End | StopReason::Sequence | StopReason::Pause | StopReason::Compaction => {
            "stop"
        }
    }
}

/// Missing counts are guessed.
fn write_usage(out: &mut Writer, usage: &Usage, context: &AnswerContext, written: u64) {
    // What was read from the cache is a part of the prompt, whatever the guess says.
    let guess = if usage.input.is_some() { 0 } else { context.estimated_input };
    let prompt = usage.prompt().max(guess);
    let output = usage.output.unwrap_or(written.div_ceil(4));
    out.begin().key("prompt_tokens").number(prompt);
    out.key("completion_tokens").number(output);
    out.key("total_tokens").number(prompt.saturating_add(output));
    if usage.cache_read.is_some() || usage.cache_write.is_some() {
        out.key("prompt_tokens_details").begin();
        out.key("cached_tokens").number(usage.cache_read.unwrap_or_default());
        if let Some(written) = usage.cache_write.filter(|count| *count > 0) {
            out.key("cache_write_tokens").number(written);
        }
        out.end();
    }
    if let Some(reasoning) = usage.reasoning {
        out.key("completion_tokens_details").begin();
        out.key("reasoning_tokens").number(reasoning).end();
    }
    out.end();
}

/// A whole answer.
pub(in crate::formats::openai_chat) fn encode_whole(
    answer: &Answer,
    context: &AnswerContext,
) -> Vec<Bytes> {
    let mut out = Writer::sized(answer.text_bytes());
    let id = answer.id.as_deref().map(Escaped::raw);
    out.begin();
    write_head(&mut out, id.as_ref(), context, "chat.completion");
    out.key("choices").begin_list().begin().key("index").number(0).key("message");
    let has_calls = answer.pieces.iter().any(|piece| matches!(piece, Piece::Call { .. }));
    let written = write_message(&mut out, answer);
    out.key("logprobs").null().member("finish_reason", finish_reason(&answer.stop, has_calls));
    out.end().end_list().key("usage");
    write_usage(&mut out, &answer.usage, context, written as u64);
    out.end();
    out.into_parts()
}

/// Writes the message; returns the bytes of its content.
fn write_message(out: &mut Writer, answer: &Answer) -> usize {
    let mut content: Vec<Escaped<'_>> = Vec::new();
    let mut refusal: Vec<Escaped<'_>> = Vec::new();
    let mut reasoning: Vec<Escaped<'_>> = Vec::new();
    let mut seals = Vec::new();
    let mut written = 0;
    for piece in &answer.pieces {
        match piece {
            Piece::Text { text, .. } => content.push(Escaped::raw(text)),
            Piece::Refusal { text } => refusal.push(Escaped::raw(text)),
            Piece::Reasoning { text, seal } => {
                reasoning.push(Escaped::raw(text));
                seals.extend(seal.as_deref());
            }
            Piece::Redacted { seal } => seals.push(seal.as_slice()),
            Piece::Call { input, .. } => written += input.len(),
            Piece::Opaque { .. } => {}
        }
    }
    for texts in [&mut content, &mut refusal, &mut reasoning] {
        texts.retain(|text| !text.is_empty());
        written += texts.iter().map(|text| text.as_bytes().len()).sum::<usize>();
    }
    if let Some(text) = &answer.stop.explanation
        && refusal.is_empty()
        && answer.stop.reason == StopReason::Refusal
    {
        written += text.as_bytes().len();
        refusal.push(Escaped::raw(text.as_bytes()));
    }
    out.begin().member("role", "assistant");
    for (name, texts) in [("content", &content), ("refusal", &refusal)] {
        out.key(name);
        if texts.is_empty() {
            out.null()
        } else {
            out.strings(texts, "")
        };
    }
    if !reasoning.is_empty() {
        out.key("reasoning_content").strings(&reasoning, "");
    }
    if !seals.is_empty() {
        out.key("reasoning_details").begin_list();
        for (index, seal) in (0..).zip(seals) {
            write_seal(out, &Escaped::raw(seal), index);
        }
        out.end_list();
    }
    write_calls(out, answer);
    out.end();
    written
}

fn write_calls(out: &mut Writer, answer: &Answer) {
    let calls: Vec<_> = answer
        .pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Call { id, name, input } => Some((id, name, input)),
            _ => None,
        })
        .collect();
    if calls.is_empty() {
        return;
    }
    out.key("tool_calls").begin_list();
    for (id, name, input) in calls {
        out.begin().member("id", id).member("type", "function").key("function").begin();
        out.member("name", name).key("arguments").string(&Escaped::raw(input)).end().end();
    }
    out.end_list();
}
