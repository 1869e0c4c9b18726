//! How much memory a translation takes, counted by the allocator, the body itself included.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "support/allocator.rs"]
mod allocator;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use allocator::{LIVE, PEAK};
use bytes::Bytes;
use codegate::canonical::{Abilities, Profile};
use codegate::formats::Format;
use codegate::request::{Goal, ParsedRequest};
use codegate::translate::{self, Plan, Seals};
use serde_json::{Value, json};

const MESSAGES: Format = Format::AnthropicMessages;
const CHAT: Format = Format::OpenaiChat;

/// The most that was held while `work` ran, in times of `size`.
fn times<T>(size: usize, work: impl FnOnce() -> T) -> (f64, T) {
    let before = LIVE.load(Ordering::SeqCst);
    PEAK.store(before, Ordering::SeqCst);
    let made = work();
    let peak = PEAK.load(Ordering::SeqCst) - before;
    (peak as f64 / size as f64, made)
}

/// A body as it comes from the network, in pieces, put into the target's format.
fn request(client: Format, target: Format, body: &Bytes) -> (f64, Arc<Plan>) {
    let seals = Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"));
    let goal = Goal {
        format: target,
        model: "m",
        max_output: None,
        profile: &Profile::default(),
        abilities: Abilities::default(),
        seals: &seals,
        is_strict: false,
        rescue: None,
    };
    let (times, made) = times(body.len(), || {
        let pieces = body.chunks(64 * 1024).map(Bytes::copy_from_slice);
        let parsed = ParsedRequest::parse(client, pieces).unwrap();
        parsed.encode(&goal).unwrap()
    });
    (times, made.plan.unwrap())
}

/// A session of an agent: reads files, quotes code, thinks now and then.
fn session(client: Format, turns: usize) -> Bytes {
    let code = "fn main() {\n\tprintln!(\"\u{e9} {}\", 1);\n}\n".repeat(40);
    let mut messages = vec![json!({"role": "user", "content": "begin"})];
    for n in 0..turns {
        let id = format!("call_{n}");
        let input = json!({"path": format!("src/{n}.rs"), "n": n});
        if client == MESSAGES {
            messages.push(json!({"role": "assistant", "content": [
                {"type": "text", "text": "I look at it."},
                {"type": "tool_use", "id": id, "name": "read", "input": input}]}));
            messages.push(json!({"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": code}]},
                {"type": "text", "text": "<system-reminder>go on</system-reminder>"}]}));
        } else {
            messages.push(json!({"role": "assistant", "content": "I look at it.", "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "read", "arguments": input.to_string()}}]}));
            messages.push(json!({"role": "tool", "tool_call_id": id, "content": code}));
        }
    }
    json!({"model": "m", "max_tokens": 10, "messages": messages}).to_string().into()
}

fn picture(client: Format, bytes: usize) -> Bytes {
    let data = "QUJD".repeat(bytes / 4);
    let block = if client == MESSAGES {
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}})
    } else {
        json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}})
    };
    json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": [block]}]})
        .to_string()
        .into()
}

fn small(client: Format) -> Bytes {
    json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "x"}]})
        .to_string()
        .into_bytes()
        .into_iter()
        .chain(std::iter::repeat_n(b' ', usize::from(client == CHAT)))
        .collect::<Vec<u8>>()
        .into()
}

fn answer(upstream: Format, bytes: usize) -> Value {
    let text = "line \"of\" code\n".repeat(bytes / 16);
    if upstream == MESSAGES {
        json!({"id": "msg_1", "type": "message", "role": "assistant",
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 2}})
    } else {
        json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}]})
    }
}

#[test]
fn a_translation_takes_less_than_three_times_its_body() {
    const MOST: f64 = 2.9;
    for (client, target) in [(MESSAGES, CHAT), (CHAT, MESSAGES)] {
        for (what, body) in
            [("session", session(client, 2200)), ("picture", picture(client, 5 << 20))]
        {
            assert!(body.len() > 4 << 20, "{}", body.len());
            let (taken, _) = request(client, target, &body);
            assert!(taken < MOST, "{} {what}: {taken:.2} times", client.name());
        }
        let (_, plan) = request(client, target, &small(client));
        let body = answer(target, 4 << 20).to_string().into_bytes();
        let (taken, _) = times(body.len(), || translate::whole(&plan, body.clone().into()));
        assert!(taken < MOST, "answer for {}: {taken:.2} times", client.name());
    }
}
