//! Reasoning that a client drops is put back before it goes to the provider that sealed it.

use std::sync::Arc;

use bytes::Bytes;
use codegate::canonical::Profile;
use codegate::translate::{self, Goal, Seals, Translated};
use serde_json::{Value, json};

use super::stage::*;

const SIGNATURE: &str = "EqQBCg+/==";

fn translate(seals: &Arc<Seals>, messages: &Value, has_reasoning: bool) -> Translated {
    translate_body(seals, &body(messages), has_reasoning)
}

fn body(messages: &Value) -> String {
    json!({"model": "asked", "max_completion_tokens": 100, "messages": messages}).to_string()
}

fn translate_body(seals: &Arc<Seals>, body: &str, has_reasoning: bool) -> Translated {
    let profile = Profile::default();
    let goal = Goal {
        client: CHAT,
        target: MESSAGES,
        model: "claude-opus-4-5",
        profile: &profile,
        seals,
        has_reasoning,
        now: 1_700_000_000,
    };
    translate::request(&Bytes::copy_from_slice(body.as_bytes()), &goal).expect("translates")
}

/// The reasoning blocks of what is sent for `messages`, with the index of their message.
fn sent(seals: &Arc<Seals>, messages: &Value) -> Vec<(usize, Value)> {
    let translated = translate(seals, messages, true);
    let body: Value = serde_json::from_slice(&translated.body.concat()).unwrap();
    let mut found = Vec::new();
    for (index, message) in body["messages"].as_array().unwrap().iter().enumerate() {
        for block in message["content"].as_array().into_iter().flatten() {
            if block["type"].as_str().unwrap().ends_with("thinking") {
                found.push((index, block.clone()));
            }
        }
    }
    if !found.is_empty() {
        assert!(!translated.losses.header().contains("thinking"));
    }
    found
}

fn thinking(text: &str) -> Value {
    json!({"type": "thinking", "thinking": text, "signature": SIGNATURE})
}

/// Answers `messages` with `content`, whole or as a stream.
fn answer(seals: &Arc<Seals>, messages: &Value, content: &Value, is_streaming: bool) {
    let plan = translate(seals, messages, true).plan;
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": content,
        "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 5}});
    if is_streaming {
        let text = messages_stream(content.as_array().unwrap());
        stream(&plan, text.as_bytes().chunks(7).map(Bytes::copy_from_slice));
    } else {
        let _ = translate::whole(&plan, body.to_string().into());
    }
}

fn messages_stream(blocks: &[Value]) -> String {
    let mut out = String::new();
    let mut event = |value: Value| {
        out.push_str(&format!("event: {}\ndata: {value}\n\n", value["type"].as_str().unwrap()));
    };
    event(
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 3}}}),
    );
    for (index, block) in blocks.iter().enumerate() {
        let (empty, deltas) = match block["type"].as_str().unwrap() {
            "thinking" => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": block["thinking"]}),
                    json!({"type": "signature_delta", "signature": block["signature"]}),
                ],
            ),
            "text" => (
                json!({"type": "text", "text": ""}),
                vec![json!({"type": "text_delta", "text": block["text"]})],
            ),
            _ => (block.clone(), vec![]),
        };
        event(json!({"type": "content_block_start", "index": index, "content_block": empty}));
        for delta in deltas {
            event(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        event(json!({"type": "content_block_stop", "index": index}));
    }
    event(
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
    );
    event(json!({"type": "message_stop"}));
    out
}

fn called(id: &str) -> [Value; 2] {
    let call =
        json!({"id": id, "type": "function", "function": {"name": "read", "arguments": "{}"}});
    [
        json!({"role": "assistant", "content": null, "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": id, "content": "done"}),
    ]
}

#[test]
fn reasoning_before_a_call_is_found_by_the_calls_id() {
    for is_streaming in [false, true] {
        let seals = seals();
        let mut messages = json!([{"role": "user", "content": "go"}]);
        let redacted = json!({"type": "redacted_thinking", "data": "UkVE"});
        let call = json!({"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}});
        let content = json!([thinking("a \"b\"\n\u{e9}"), redacted, call]);
        answer(&seals, &messages, &content, is_streaming);
        messages.as_array_mut().unwrap().extend(called("toolu_1"));
        let expected = [(1, thinking("a \"b\"\n\u{e9}")), (1, redacted)];
        assert_eq!(sent(&seals, &messages), expected);
        // A client that kept the text alone does not get it twice.
        messages[1]["reasoning_content"] = "a \"b\"\n\u{e9}".into();
        assert_eq!(sent(&seals, &messages), expected);
        // Another client's call, another process, and a provider that refused it know nothing.
        messages[1]["tool_calls"][0]["id"] = "toolu_2".into();
        assert_eq!(sent(&seals, &messages), []);
        messages[1]["tool_calls"][0]["id"] = "toolu_1".into();
        assert_eq!(sent(&self::seals(), &messages), []);
        let _ = translate(&seals, &messages, false);
        assert_eq!(sent(&seals, &messages), []);
    }
}

#[test]
fn reasoning_before_text_is_found_by_all_that_was_said() {
    for is_streaming in [false, true] {
        let seals = seals();
        let mut messages = json!([{"role": "system", "content": "today is Monday"},
            {"role": "user", "content": "go"}]);
        let mut expected = Vec::new();
        for n in 0..3 {
            let thought = thinking(&format!("thought {n}"));
            let text = json!({"type": "text", "text": "yes \u{1f980}"});
            answer(&seals, &messages, &json!([thought, text]), is_streaming);
            expected.push((2 * n + 1, thought));
            let turns = messages.as_array_mut().unwrap();
            turns.push(json!({"role": "assistant", "content": "yes \u{1f980}"}));
            turns.push(json!({"role": "user", "content": "more"}));
            assert_eq!(sent(&seals, &messages), expected, "turn {n}");
        }
        // What was said before is another thing now: the seals behind it would not fit.
        messages[3]["content"] = "less".into();
        assert_eq!(sent(&seals, &messages), expected[..1]);
    }
}

#[test]
fn reasoning_is_found_in_any_spelling_of_what_was_said() {
    let seals = seals();
    let messages = json!([{"role": "user", "content": "go\t\u{e9}"}]);
    let text = json!({"type": "text", "text": "a/b \"\u{1f980}\"\n"});
    answer(&seals, &messages, &json!([thinking("thought"), text]), false);
    let said = json!([messages[0], {"role": "assistant", "content": text["text"]},
        {"role": "user", "content": "more"}]);
    let usual = body(&said);
    let escaped = usual.replace('\u{e9}', "\\u00E9").replace('\u{1f980}', "\\ud83e\\udd80");
    let odd = escaped.replace("a/b", "\\u0061\\/b").replace("\\n", "\\u000a");
    for (spelling, is_found) in [(&usual, true), (&escaped, true), (&odd, true)]
        .into_iter()
        .chain([(&usual.replace("a/b", "a//b"), false)])
    {
        let sent = translate_body(&seals, spelling, true).body.concat();
        let has_seal = String::from_utf8_lossy(&sent).contains(SIGNATURE);
        assert_eq!(has_seal, is_found, "{spelling}");
    }
}

#[test]
fn an_answer_that_was_cut_leaves_nothing() {
    let seals = seals();
    let mut messages = json!([{"role": "user", "content": "go"}]);
    let plan = translate(&seals, &messages, true).plan;
    let call = json!({"type": "tool_use", "id": "toolu_1", "name": "read", "input": {}});
    let text = messages_stream(&[thinking("a"), call]);
    let mut answer = codegate::translate::AnswerStream::new(plan);
    let mut out = Vec::new();
    for (event, data) in frames(&text) {
        answer.frame(Some(event.as_bytes()), data.as_bytes(), &mut out).unwrap();
    }
    messages.as_array_mut().unwrap().extend(called("toolu_1"));
    assert_eq!(sent(&seals, &messages), []);
    answer.finish(&mut out);
    assert_eq!(sent(&seals, &messages), [(1, thinking("a"))]);
}
