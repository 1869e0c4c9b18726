//! What the tests translate with.

use std::sync::Arc;

use bytes::Bytes;
use codegate::canonical::{Losses, Profile};
use codegate::formats::{BadRequest, Format};
use codegate::sse::{FrameKind, Framer};
use codegate::translate::{self, AnswerFold, AnswerStream, Goal, Plan, Seals, Translated};
use serde_json::Value;

pub(crate) const MESSAGES: Format = Format::AnthropicMessages;
pub(crate) const CHAT: Format = Format::OpenaiChat;

pub(crate) fn seals() -> Arc<Seals> {
    Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"))
}

/// One way across: a client's format, a target's, the model there, and what it takes.
pub(crate) struct Way {
    pub(crate) client: Format,
    pub(crate) target: Format,
    pub(crate) model: &'static str,
    pub(crate) profile: Profile,
}

pub(crate) fn messages_to_chat() -> Way {
    Way { client: MESSAGES, target: CHAT, model: "gpt-4o", profile: Profile::default() }
}

pub(crate) fn chat_to_messages(model: &'static str) -> Way {
    Way { client: CHAT, target: MESSAGES, model, profile: Profile::default() }
}

impl Way {
    pub(crate) fn translate(&self, body: &Value) -> Result<Translated, BadRequest> {
        self.translate_text(&body.to_string())
    }

    pub(crate) fn translate_text(&self, body: &str) -> Result<Translated, BadRequest> {
        let goal = Goal {
            client: self.client,
            target: self.target,
            model: self.model,
            profile: &self.profile,
            seals: &seals(),
            has_reasoning: true,
            now: 1_700_000_000,
        };
        translate::request(&Bytes::copy_from_slice(body.as_bytes()), &goal)
    }

    /// The target's body and the losses.
    pub(crate) fn body(&self, body: &Value) -> (Value, Losses) {
        let translated = self.translate(body).expect("translates");
        let text = translated.body.concat();
        let value = serde_json::from_slice(&text)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text)));
        (value, translated.losses)
    }

    pub(crate) fn text(&self, body: &str) -> String {
        let translated = self.translate_text(body).expect("translates");
        String::from_utf8(translated.body.concat()).unwrap()
    }

    /// The plan for an answer to a request that says next to nothing.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.plan_for(&serde_json::json!({
            "model": "asked", "max_tokens": 100, "stream": true,
            "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "hi"}],
        }))
    }

    pub(crate) fn plan_for(&self, body: &Value) -> Arc<Plan> {
        self.translate(body).expect("translates").plan
    }
}

/// The client's stream for the upstream's, given in those pieces.
pub(crate) fn stream(plan: &Arc<Plan>, pieces: impl IntoIterator<Item = Bytes>) -> String {
    let mut answer = AnswerStream::new(Arc::clone(plan));
    let mut framer = Framer::new(64 * 1024 * 1024);
    let mut out = Vec::new();
    for piece in pieces {
        framer.push(piece);
        while let Some(frame) = framer.next().unwrap() {
            if frame.kind == FrameKind::Event && frame.data() != b"[DONE]" {
                answer.frame(frame.event(), frame.data(), &mut out).expect("not stuck");
            }
        }
    }
    if let Some(frame) = framer.finish()
        && frame.kind == FrameKind::Event
        && frame.data() != b"[DONE]"
    {
        answer.frame(frame.event(), frame.data(), &mut out).expect("not stuck");
    }
    answer.finish(&mut out);
    String::from_utf8(out).unwrap()
}

/// Also the whole answer that the same stream makes.
pub(crate) fn folded(plan: &Arc<Plan>, text: &str) -> Value {
    let mut answer = AnswerFold::new(Arc::clone(plan));
    for (event, data) in frames(text) {
        if data != "[DONE]" {
            let event = (!event.is_empty()).then_some(event.as_bytes());
            answer.frame(event, data.as_bytes());
        }
    }
    serde_json::from_slice(&answer.finish().concat()).unwrap()
}

pub(crate) fn whole(plan: &Arc<Plan>, body: &Value) -> Value {
    let text = translate::whole(plan, body.to_string().into()).concat();
    serde_json::from_slice(&text)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&text)))
}

/// Event name and data of each frame.
pub(crate) fn frames(text: &str) -> Vec<(String, String)> {
    let mut framer = Framer::new(64 * 1024 * 1024);
    framer.push(Bytes::copy_from_slice(text.as_bytes()));
    let mut found = Vec::new();
    while let Some(frame) = framer.next().unwrap() {
        if frame.kind == FrameKind::Event {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            found.push((frame.event().map(text).unwrap_or_default(), text(frame.data())));
        }
    }
    found
}

/// The data of all frames but pings and the end marker.
pub(crate) fn events(text: &str) -> Vec<Value> {
    frames(text)
        .into_iter()
        .filter(|(event, data)| event != "ping" && data != "[DONE]")
        .map(|(_, data)| serde_json::from_str(&data).unwrap())
        .collect()
}

/// A Chat stream of these chunks' choices, with usage and end marker.
pub(crate) fn chat_stream(chunks: &[Value]) -> String {
    let mut out = String::new();
    for chunk in chunks {
        out.push_str(&format!("data: {chunk}\n\n"));
    }
    out.push_str("data: [DONE]\n\n");
    out
}

pub(crate) fn delta(delta: Value) -> Value {
    serde_json::json!({"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

pub(crate) fn finish(reason: &str) -> Value {
    serde_json::json!({"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

pub(crate) fn usage(prompt: u64, completion: u64) -> Value {
    serde_json::json!({"id": "chatcmpl-1", "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}})
}

/// A Messages stream of these events, each under its own name.
pub(crate) fn messages_stream(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap()))
        .collect()
}

pub(crate) fn once(text: &str) -> [Bytes; 1] {
    [Bytes::copy_from_slice(text.as_bytes())]
}

/// What an accumulator of Messages events makes of a stream: its content blocks, with the order
/// of events checked on the way.
pub(crate) fn accumulated(text: &str) -> Value {
    let mut message = Value::Null;
    let mut open: Option<usize> = None;
    let mut inputs: Vec<String> = Vec::new();
    let mut is_over = false;
    for event in events(text) {
        assert!(!is_over, "nothing follows the end");
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!(open, None, "blocks come one after the other");
                let index = event["index"].as_u64().unwrap() as usize;
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!(index, content.len(), "indexes have no gaps");
                content.push(event["content_block"].clone());
                inputs.push(String::new());
                open = Some(index);
            }
            "content_block_delta" => {
                let index = event["index"].as_u64().unwrap() as usize;
                assert_eq!(open, Some(index));
                let block = &mut message["content"][index];
                let delta = &event["delta"];
                let mut add = |name: &str| {
                    let text = delta[name].as_str().unwrap();
                    block[name] = (block[name].as_str().unwrap().to_owned() + text).into();
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => add("text"),
                    "thinking_delta" => add("thinking"),
                    "signature_delta" => add("signature"),
                    "input_json_delta" => {
                        inputs[index].push_str(delta["partial_json"].as_str().unwrap());
                    }
                    other => panic!("{other}"),
                }
            }
            "content_block_stop" => {
                let index = open.take().expect("a block is open");
                if message["content"][index]["type"] == "tool_use" {
                    message["content"][index]["input"] =
                        serde_json::from_str(&inputs[index]).expect("input is JSON");
                }
            }
            "message_delta" => {
                assert_eq!(message["stop_reason"], Value::Null, "one end");
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => is_over = true,
            other => panic!("{other}"),
        }
    }
    assert!(is_over && open.is_none());
    message
}

/// What a Chat accumulator makes of a stream: strings are joined and calls found by number.
pub(crate) fn chat_accumulated(text: &str) -> Value {
    let mut message = serde_json::json!({});
    let (mut finish, mut usage) = (Value::Null, Value::Null);
    let mut ids = std::collections::HashSet::new();
    assert!(text.ends_with("data: [DONE]\n\n"));
    for chunk in events(text) {
        ids.insert(chunk["id"].to_string());
        assert_eq!(usage, Value::Null, "usage comes last");
        if let Some(choice) = chunk["choices"].get(0) {
            assert_eq!(finish, Value::Null, "nothing follows the finish reason");
            merge(&mut message, &choice["delta"]);
            finish = choice["finish_reason"].clone();
        }
        usage = chunk["usage"].clone();
    }
    assert_eq!(ids.len(), 1, "one id");
    serde_json::json!({"message": message, "finish_reason": finish, "usage": usage})
}

/// Joins strings and goes into lists by `index`, as the vendors' accumulators do.
fn merge(into: &mut Value, delta: &Value) {
    for (name, value) in delta.as_object().unwrap() {
        let place = &mut into[name];
        match value {
            Value::Null if place.is_null() => {}
            Value::Null => {}
            Value::String(text) => {
                let old = place.as_str().unwrap_or_default().to_owned();
                *place = (old + text).into();
            }
            Value::Array(items) => {
                if place.is_null() {
                    *place = serde_json::json!([]);
                }
                for item in items {
                    let index = item["index"].as_u64().expect("items have an index") as usize;
                    let list = place.as_array_mut().unwrap();
                    assert!(index <= list.len(), "indexes have no gaps");
                    if index == list.len() {
                        list.push(serde_json::json!({}));
                    }
                    let mut item = item.clone();
                    item.as_object_mut().unwrap().remove("index");
                    merge(&mut list[index], &item);
                }
            }
            Value::Object(_) => {
                if place.is_null() {
                    *place = serde_json::json!({});
                }
                merge(place, value);
            }
            other => *place = other.clone(),
        }
    }
}
