//! Streams of both formats, however they are cut, for a client of the other.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use codegate::canonical::{Delta, Event, Fold, Usage};
use codegate::formats::{AnswerContext, Format, Verdict};
use codegate::sse::{Frame, FrameKind, Framer};
use codegate::translate::{AnswerFold, AnswerStream, Plan};
use serde_json::{Value, json};

use crate::input::{Input, seeds};
use crate::oracle::is_json;
use crate::ways::{other, plan};

pub(crate) fn messages(data: &[u8]) {
    run(Format::AnthropicMessages, data);
}

pub(crate) fn chat(data: &[u8]) {
    run(Format::OpenaiChat, data);
}

pub(crate) fn messages_seeds() -> Vec<Vec<u8>> {
    seeds(Format::AnthropicMessages, "streams")
}

pub(crate) fn chat_seeds() -> Vec<Vec<u8>> {
    seeds(Format::OpenaiChat, "streams")
}

fn run(upstream: Format, data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let client = other(upstream);
    let plan = plan(client, input.choices);
    let whole = relayed(&plan, upstream, [Bytes::copy_from_slice(input.text)]);
    let cut = relayed(&plan, upstream, input.pieces());
    assert!(
        whole.stream == cut.stream,
        "{}\n--- cut:\n{}",
        String::from_utf8_lossy(&whole.stream),
        String::from_utf8_lossy(&cut.stream)
    );
    assert_eq!(whole.body, cut.body);
    if whole.is_sound {
        check_stream(client, &whole.stream, &whole.body);
    }
}

/// What a client gets for one stream.
struct Relayed {
    stream: Vec<u8>,
    /// The whole answer that the same stream makes.
    body: Vec<u8>,
    /// It came to its end, all that went in was JSON, no two texts grew in turns (a stream has
    /// them in the order of their pieces, the whole answer one after the other), and no count went
    /// back to nothing, which a stream's reader takes for a gap.
    is_sound: bool,
}

/// What the relay does with the chunks of one stream.
fn relayed(plan: &Arc<Plan>, upstream: Format, chunks: impl IntoIterator<Item = Bytes>) -> Relayed {
    let mut framer = Framer::new(usize::MAX);
    let mut tap = upstream.wire().stream_tap(false);
    let mut answer = AnswerStream::new(Arc::clone(plan));
    let mut fold = AnswerFold::new(Arc::clone(plan));
    let (mut stream, mut is_sound, mut is_over) = (Vec::new(), true, false);
    let (mut decoder, mut newest, mut known) = (upstream.wire().decoder(), None, [0; 6]);
    let mut take = |frame: &Frame<'_>| {
        if is_over {
            return;
        }
        match tap.frame(frame) {
            Verdict::Forward | Verdict::Terminal => {
                is_sound &= frame.kind != FrameKind::Event
                    || frame.data() == b"[DONE]"
                    || is_json(frame.data());
                if frame.kind == FrameKind::Event && frame.data() != b"[DONE]" {
                    is_over = answer.frame(frame.event(), frame.data(), &mut stream).is_err();
                    is_sound &= !is_over;
                    fold.frame(frame.event(), frame.data());
                    decoder.frame(frame.event(), frame.data(), &mut |event| match event {
                        Event::Open { part, .. } => newest = Some(part),
                        Event::Delta { part, delta: Delta::Text(_) } => {
                            is_sound &= newest == Some(part);
                        }
                        Event::Start { usage, .. } | Event::Usage(usage) => {
                            let new = counts(&usage);
                            is_sound &=
                                !known.iter().zip(new).any(|(old, new)| *old > 0 && new == 0);
                            known = new;
                        }
                        _ => {}
                    });
                }
            }
            Verdict::Error(_) => (is_over, is_sound) = (true, false),
            Verdict::Drop | Verdict::Truncated => {}
        }
    };
    for chunk in chunks {
        framer.push(chunk);
        while let Ok(Some(frame)) = framer.next() {
            take(&frame);
        }
    }
    if let Some(frame) = framer.finish() {
        take(&frame);
    }
    answer.finish(&mut stream);
    Relayed { stream, body: fold.finish().concat(), is_sound }
}

fn counts(usage: &Usage) -> [u64; 6] {
    let Usage { input, output, cache_read, cache_write, cache_write_1h, reasoning, .. } = *usage;
    [input, output, cache_read, cache_write, cache_write_1h, reasoning]
        .map(Option::unwrap_or_default)
}

/// Each event of a client's stream is JSON, and all together make the whole answer.
pub(crate) fn check_stream(client: Format, stream: &[u8], body: &[u8]) {
    let wire = client.wire();
    let (mut decoder, mut fold) = (wire.decoder(), Fold::default());
    let mut framer = Framer::new(usize::MAX);
    framer.push(Bytes::copy_from_slice(stream));
    while let Ok(Some(frame)) = framer.next() {
        if frame.kind == FrameKind::Event && frame.data() != b"[DONE]" {
            let shown = String::from_utf8_lossy(frame.data());
            assert!(is_json(frame.data()), "not JSON: {shown}");
            decoder.frame(frame.event(), frame.data(), &mut |event| fold.event(&event));
        }
    }
    assert!(framer.finish().is_none(), "the last frame is not closed");
    decoder.finish(&mut |event| fold.event(&event));
    let context = AnswerContext { model: "asked".into(), ..AnswerContext::default() };
    let folded = wire.encode_answer(&fold.finish(), &context).concat();
    let (mut folded, mut body) = (judged(&folded), judged(body));
    if !(are_calls_sound(&folded) && are_calls_sound(&body)) {
        // What cannot be told apart is not compared.
        for answer in [&mut folded, &mut body] {
            answer.pointer_mut("/choices/0/message/tool_calls").map(Value::take);
        }
    }
    if body.get("usage").is_none()
        && let Some(members) = folded.as_object_mut()
    {
        members.remove("usage");
    }
    assert_eq!(folded, body, "\n{}", String::from_utf8_lossy(stream));
}

/// A whole answer without what is made up for each one, without sealed reasoning, which is read
/// from requests only, and without counts where there were none: a stream has them from its start.
fn judged(body: &[u8]) -> Value {
    let mut value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if let Some(members) = value.as_object_mut() {
        members.remove("id");
        members.remove("created");
        let usage = members.get("usage").and_then(Value::as_object);
        let is_zero = |name| usage.and_then(|usage| usage.get(name)) == Some(&0.into());
        if is_zero("input_tokens") || is_zero("output_tokens") {
            members.remove("usage");
        }
        let details = members.get_mut("usage").and_then(Value::as_object_mut);
        if let Some(usage) = details
            && usage.get("output_tokens_details") == Some(&json!({"thinking_tokens": 0}))
        {
            usage.remove("output_tokens_details");
        }
    }
    if let Some(message) = value.pointer_mut("/choices/0/message").and_then(Value::as_object_mut) {
        message.remove("reasoning_details");
    }
    value
}

/// Whether each call has a name, and an id of its own: a stream's reader waits for the name of a
/// call, and for ever for one without.
fn are_calls_sound(answer: &Value) -> bool {
    let calls = answer.pointer("/choices/0/message/tool_calls").and_then(Value::as_array);
    let mut ids = HashSet::new();
    calls.into_iter().flatten().all(|call| {
        call.pointer("/function/name") != Some(&"".into()) && ids.insert(call["id"].to_string())
    })
}

/// One event of our own, closed and with JSON.
pub(crate) fn check_frame(bytes: &[u8]) {
    let mut framer = Framer::new(usize::MAX);
    framer.push(Bytes::copy_from_slice(bytes));
    let is_sound = matches!(framer.next(), Ok(Some(frame)) if is_json(frame.data()));
    assert!(is_sound, "{}", String::from_utf8_lossy(bytes));
}
