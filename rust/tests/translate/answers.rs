//! Whole answers, and what a stream and a whole answer have in common.

use serde_json::{Value, json};

use super::stage::*;

#[test]
fn a_chat_answer_for_a_messages_client() {
    let plan = messages_to_chat().plan();
    let answer = whole(
        &plan,
        &json!({
            "id": "chatcmpl-123", "object": "chat.completion", "model": "other",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant",
                "reasoning_content": "hm", "content": "ok",
                "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}}]}}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 80}},
        }),
    );
    assert_eq!(answer["id"], "chatcmpl-123");
    assert_eq!(answer["type"], "message");
    assert_eq!(answer["model"], "asked");
    assert_eq!(answer["stop_reason"], "tool_use");
    assert_eq!(answer["stop_sequence"], Value::Null);
    let kinds: Vec<_> =
        answer["content"].as_array().unwrap().iter().map(|b| b["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["thinking", "text", "tool_use"]);
    assert_eq!(answer["content"][2]["input"], json!({"a": 1.0}));
    assert_eq!(
        answer["usage"],
        json!({"input_tokens": 20, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 80, "output_tokens": 5})
    );
}

#[test]
fn a_messages_answer_for_a_chat_client() {
    let plan = chat_to_messages("claude-opus-4-5").plan();
    let answer = whole(
        &plan,
        &json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "other",
            "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}],
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }),
    );
    assert_eq!(answer["id"], "chatcmpl-msg_1");
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["created"], 1_700_000_000);
    assert_eq!(answer["model"], "asked");
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "ab");
    assert_eq!(
        choice["message"]["tool_calls"],
        json!([{"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}])
    );
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15})
    );
}

#[test]
fn case_096_usage_adds_up_and_comes_back() {
    let usage = json!({"input_tokens": 100, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 300,
        "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}});
    let answer = whole(
        &chat_to_messages("claude-opus-4-5").plan(),
        &json!({"id": "m", "content": [{"type": "text", "text": "x"}], "stop_reason": "end_turn", "usage": usage}),
    );
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
            "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300},
            "completion_tokens_details": {"reasoning_tokens": 20}})
    );
    let back = whole(
        &messages_to_chat().plan(),
        &json!({"id": "c", "usage": answer["usage"],
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
    );
    assert_eq!(
        back["usage"],
        json!({"input_tokens": 100, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 600,
            "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}})
    );
}

#[test]
fn case_097_no_count_is_negative() {
    let answer = whole(
        &messages_to_chat().plan(),
        &json!({"id": "c",
        "usage": {"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 130}},
        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
    );
    assert_eq!(answer["usage"]["input_tokens"], 0);
    assert_eq!(answer["usage"]["cache_read_input_tokens"], 130);
}

#[test]
fn stop_reasons_both_ways() {
    let messages = |reason: &str| {
        whole(
            &messages_to_chat().plan(),
            &json!({"id": "c",
            "choices": [{"message": {"content": "x"}, "finish_reason": reason}]}),
        )["stop_reason"]
            .clone()
    };
    for (reason, expected) in [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        ("tool_calls", "end_turn"),
        ("eos", "end_turn"),
        ("", "end_turn"),
    ] {
        assert_eq!(messages(reason), expected, "{reason}");
    }
    let chat = |reason: &str| {
        whole(
            &chat_to_messages("claude-opus-4-5").plan(),
            &json!({"id": "m",
            "content": [{"type": "text", "text": "x"}], "stop_reason": reason,
            "stop_details": {"type": "refusal", "explanation": "no"}}),
        )["choices"][0]
            .clone()
    };
    for (reason, expected) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "stop"),
        ("refusal", "content_filter"),
    ] {
        assert_eq!(chat(reason)["finish_reason"], expected, "{reason}");
    }
    assert_eq!(chat("refusal")["message"]["refusal"], "no");
    assert_eq!(chat("end_turn")["message"]["refusal"], Value::Null);
}

#[test]
fn answers_of_odd_shape() {
    let plan = messages_to_chat().plan();
    let content = |message: Value| {
        whole(
            &plan,
            &json!({"id": "c", "choices": [{"message": message, "finish_reason": "stop"}]}),
        )["content"]
            .clone()
    };
    assert_eq!(content(json!({"content": null})), json!([]));
    assert_eq!(
        content(json!({"content": [{"type": "text", "text": "p"}]})),
        json!([{"type": "text", "text": "p"}])
    );
    assert_eq!(
        content(
            json!({"tool_calls": [{"id": "k", "function": {"name": "f", "arguments": "not json{"}}]})
        )[0]["input"],
        json!({"_raw": "not json{"})
    );
    assert_eq!(
        content(
            json!({"tool_calls": [{"id": "k", "function": {"name": "f", "arguments": {"a": 1}}}]})
        )[0]["input"],
        json!({"a": 1})
    );
    assert_eq!(whole(&plan, &json!({"id": "c", "choices": []}))["content"], json!([]));
}

#[test]
fn case_070_reasoning_under_two_names_is_one() {
    let plan = messages_to_chat().plan();
    let answer = whole(
        &plan,
        &json!({"id": "c", "choices": [{"message":
        {"reasoning": "hm", "reasoning_content": "hm", "content": "x"}, "finish_reason": "stop"}]}),
    );
    assert_eq!(answer["content"][0]["thinking"], "hm");
    let chunks = [
        delta(json!({"reasoning": "h", "reasoning_content": "h"})),
        delta(json!({"reasoning": "m", "reasoning_content": "m"})),
        finish("stop"),
    ];
    let answer = accumulated(&stream(&plan, once(&chat_stream(&chunks))));
    assert_eq!(answer["content"][0]["thinking"], "hm");
}
