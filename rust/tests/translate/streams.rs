//! Streams of one format as streams of the other.

use std::sync::Arc;

use bytes::Bytes;
use codegate::canonical::Profile;
use codegate::translate::AnswerStream;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage::*;

fn tool(index: u64, id: &str, name: &str, arguments: &str) -> Value {
    delta(
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": arguments}}]}),
    )
}

fn arguments(index: u64, text: &str) -> Value {
    delta(json!({"tool_calls": [{"index": index, "function": {"arguments": text}}]}))
}

fn to_messages(chunks: &[Value]) -> Value {
    accumulated(&stream(&messages_to_chat().plan(), once(&chat_stream(chunks))))
}

#[test]
fn text_and_tools_for_a_messages_client() {
    let out = stream(
        &messages_to_chat().plan(),
        once(&chat_stream(&[
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({"content": "Hel"})),
            delta(json!({"content": "lo"})),
            tool(0, "call_a", "f", ""),
            arguments(0, "{\"a\":"),
            arguments(0, "1}"),
            tool(1, "call_b", "g", "{}"),
            finish("tool_calls"),
            usage(9, 4),
        ])),
    );
    let names: Vec<String> = frames(&out).into_iter().map(|(event, _)| event).collect();
    assert_eq!(
        names,
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let message = accumulated(&out);
    assert_eq!(
        message["content"],
        json!([
            {"type": "text", "text": "Hello"},
            {"type": "tool_use", "id": "call_a", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "call_b", "name": "g", "input": {}},
        ])
    );
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["usage"]["input_tokens"], 9);
    assert_eq!(message["usage"]["output_tokens"], 4);
}

#[test]
fn case_072_073_one_end_with_real_usage() {
    let mut first = finish("stop");
    first["usage"] = Value::Null;
    let out = stream(
        &messages_to_chat().plan(),
        once(&chat_stream(&[delta(json!({"content": "x"})), first, finish("stop"), usage(50, 7)])),
    );
    let ends: Vec<_> =
        events(&out).into_iter().filter(|event| event["type"] == "message_delta").collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0]["usage"]["input_tokens"], 50);
    assert_eq!(ends[0]["usage"]["output_tokens"], 7);
}

#[test]
fn case_074_the_first_event_guesses_the_prompt() {
    let out = stream(
        &messages_to_chat().plan(),
        once(&chat_stream(&[delta(json!({"content": "x"})), finish("stop"), usage(50, 7)])),
    );
    let start = &events(&out)[0];
    assert!(start["message"]["usage"]["input_tokens"].as_u64().unwrap() > 0);
    assert!(start["message"]["usage"]["output_tokens"].is_u64());
}

#[test]
fn case_083_no_empty_block_and_calls_decide() {
    let message = to_messages(&[
        delta(json!({"role": "assistant", "content": ""})),
        delta(
            json!({"tool_calls": [{"id": "k", "function": {"name": "f", "arguments": {"a": 1}}}]}),
        ),
        finish("stop"),
    ]);
    assert_eq!(message["content"].as_array().unwrap().len(), 1);
    assert_eq!(message["content"][0]["input"], json!({"a": 1}));
    assert_eq!(message["stop_reason"], "tool_use");
}

#[test]
fn case_084_sloppy_numbers_and_names() {
    let repeated = to_messages(&[
        tool(0, "a", "f", "{\"x\":"),
        delta(
            json!({"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": "1}"}}]}),
        ),
        finish("tool_calls"),
    ]);
    assert_eq!(repeated["content"][0]["input"], json!({"x": 1}));
    let unnumbered = to_messages(&[
        delta(json!({"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}]})),
        delta(json!({"tool_calls": [{"function": {"arguments": "{\"x\":1}"}}]})),
        delta(json!({"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "{}"}}]})),
        finish("tool_calls"),
    ]);
    assert_eq!(unnumbered["content"].as_array().unwrap().len(), 2);
    assert_eq!(unnumbered["content"][0]["input"], json!({"x": 1}));
    let both_zero = to_messages(&[
        tool(0, "a", "f", "{\"x\":1}"),
        tool(0, "b", "g", "{\"y\":2}"),
        finish("tool_calls"),
    ]);
    assert_eq!(both_zero["content"][0]["name"], "f");
    assert_eq!(both_zero["content"][1]["input"], json!({"y": 2}));
    let name_later = to_messages(&[
        delta(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": ""}}]})),
        delta(json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]})),
        finish("tool_calls"),
    ]);
    assert_eq!(name_later["content"][0]["name"], "f");
    let repeated_name =
        to_messages(&[tool(0, "a", "f", "{\"x\":"), tool(0, "a", "f", "1}"), finish("tool_calls")]);
    assert_eq!(
        repeated_name["content"],
        json!([{"type": "tool_use", "id": "a", "name": "f", "input": {"x": 1}}])
    );
    let without_id = to_messages(&[
        delta(json!({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]})),
        finish("tool_calls"),
    ]);
    assert!(without_id["content"][0]["id"].as_str().unwrap().starts_with("call_"));
}

#[test]
fn calls_that_grow_side_by_side_come_one_after_the_other() {
    let message = to_messages(&[
        tool(0, "a", "f", "{\"x\""),
        tool(1, "b", "g", "{\"y\""),
        arguments(0, ":1"),
        arguments(1, ":2"),
        arguments(0, "}"),
        arguments(1, "}"),
        finish("tool_calls"),
    ]);
    assert_eq!(message["content"][0]["input"], json!({"x": 1}));
    assert_eq!(message["content"][1]["input"], json!({"y": 2}));
}

#[test]
fn case_033_a_call_without_arguments_is_an_empty_object() {
    let out = stream(
        &chat_to_messages("claude-opus-4-5").plan(),
        once(&messages_stream(&[
            json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": ""}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}}),
            json!({"type": "message_stop"}),
        ])),
    );
    let answer = chat_accumulated(&out);
    assert_eq!(answer["message"]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(answer["finish_reason"], "tool_calls");
}

fn thinking_stream() -> String {
    messages_stream(&[
        json!({"type": "message_start", "message": {"id": "msg_1", "model": "x", "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "h\u{6f22}m"}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "EqQB"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "o\u{1f980}k"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2, "content_block": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "{\"a\":"}}),
        json!({"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "content_block_start", "index": 3, "content_block": {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}}}),
        json!({"type": "content_block_stop", "index": 3}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ])
}

#[test]
fn case_085_a_chat_accumulator_reads_it() {
    let out = stream(&chat_to_messages("claude-opus-4-5").plan(), once(&thinking_stream()));
    let answer = chat_accumulated(&out);
    let message = &answer["message"];
    assert_eq!(message["role"], "assistant");
    assert_eq!(message["content"], "o\u{1f980}k");
    assert_eq!(message["reasoning_content"], "h\u{6f22}m");
    assert_eq!(message["reasoning_details"].as_array().unwrap().len(), 1);
    assert_eq!(
        message["tool_calls"],
        json!([
            {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
            {"id": "toolu_2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ])
    );
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
        "prompt_tokens_details": {"cached_tokens": 90}})
    );
}

#[test]
fn usage_comes_only_to_those_who_asked() {
    let way = chat_to_messages("claude-opus-4-5");
    let plan = way.plan_for(
        &json!({"model": "m", "stream": true, "messages": [{"role": "user", "content": "x"}]}),
    );
    let out = stream(&plan, once(&thinking_stream()));
    assert!(!out.contains("\"usage\""), "{out}");
}

/// The stream cut everywhere gives the same bytes.
fn every_split(plan: &Arc<codegate::translate::Plan>, text: &str) {
    let expected = stream(plan, once(text));
    let bytes = text.as_bytes();
    let single: Vec<Bytes> = bytes.chunks(1).map(Bytes::copy_from_slice).collect();
    assert_eq!(stream(plan, single), expected);
    for at in (0..bytes.len()).step_by(7) {
        let halves = [&bytes[..at], &bytes[at..]].map(Bytes::copy_from_slice);
        assert_eq!(stream(plan, halves), expected, "cut at {at}");
    }
}

#[test]
fn case_086_any_split_gives_the_same_stream() {
    let plan = chat_to_messages("claude-opus-4-5").plan();
    let text = thinking_stream();
    every_split(&plan, &text);
    let expected = stream(&plan, once(&text));
    for other in [text.replace('\n', "\r\n"), text.replace('\n', "\r"), format!("\u{feff}{text}")] {
        assert_eq!(stream(&plan, once(&other)), expected);
        every_split(&plan, &other);
    }
    let unfinished = text.trim_end();
    assert_eq!(stream(&plan, once(unfinished)), expected);
    assert!(!expected.contains('\u{fffd}'));
    let chunks = [
        delta(json!({"reasoning_content": "\u{6f22}"})),
        delta(json!({"content": "a\u{1f980}b"})),
        tool(0, "k", "f", "{\"\u{e9}\":"),
        arguments(0, "\"\\u00e9\"}"),
        finish("tool_calls"),
        usage(1, 2),
    ];
    every_split(&messages_to_chat().plan(), &chat_stream(&chunks));
}

#[test]
fn case_086_a_large_event() {
    let text = "x\u{6f22}".repeat(5_000_000);
    let out = stream(
        &messages_to_chat().plan(),
        once(&chat_stream(&[delta(json!({"content": text})), finish("stop")])),
    );
    assert_eq!(accumulated(&out)["content"][0]["text"].as_str().unwrap(), text);
}

#[test]
fn case_071_think_tags_never_leak() {
    let mut way = messages_to_chat();
    way.profile = Profile { has_think_tags: true, ..Profile::default() };
    let plan = way.plan();
    let run = |pieces: &[&str]| {
        let mut chunks: Vec<Value> =
            pieces.iter().map(|text| delta(json!({"content": text}))).collect();
        chunks.push(finish("stop"));
        let answer = accumulated(&stream(&plan, once(&chat_stream(&chunks))));
        let blocks = answer["content"].as_array().unwrap().clone();
        blocks
            .iter()
            .map(|b| b["thinking"].as_str().or(b["text"].as_str()).unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(run(&["<thi", "nk>a</think>b"]), ["a", "b"]);
    let whole_text = "<think>a < b</thin k</think>\n\nb <think> c";
    for at in 0..whole_text.len() {
        let (one, two) = whole_text.split_at(at);
        assert_eq!(run(&[one, two]), ["a < b</thin k", "b <think> c"], "{at}");
    }
    assert_eq!(run(&["<think>never closed"]), ["never closed"]);
    assert_eq!(run(&["<thinking> is a word"]), ["<thinking> is a word"]);
    assert_eq!(run(&["pl", "ain"]), ["plain"]);
    let body = json!({"id": "c", "choices": [{"message": {"content": whole_text}, "finish_reason": "stop"}]});
    assert_eq!(whole(&plan, &body)["content"][1]["text"], "b <think> c");
}

#[test]
fn case_090_white_space_without_end_is_broken() {
    let mut answer = AnswerStream::new(messages_to_chat().plan());
    let mut out = Vec::new();
    answer.frame(None, tool(0, "k", "f", "{").to_string().as_bytes(), &mut out).unwrap();
    let space = arguments(0, &" \n".repeat(500)).to_string();
    let turns =
        (0..100).take_while(|_| answer.frame(None, space.as_bytes(), &mut out).is_ok()).count();
    assert!((10..30).contains(&turns), "{turns}");
}

#[test]
fn case_089_a_plain_answer_as_the_stream_that_was_asked_for() {
    let plan = messages_to_chat().plan();
    let body = json!({"id": "c", "choices": [{"message": {"content": "x",
        "tool_calls": [{"id": "k", "function": {"name": "f", "arguments": "{\"a\":1}"}}]}, "finish_reason": "tool_calls"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    let mut out = Vec::new();
    AnswerStream::new(Arc::clone(&plan)).replay(body.to_string().as_bytes(), &mut out);
    let streamed = accumulated(std::str::from_utf8(&out).unwrap());
    assert_eq!(streamed, whole(&plan, &body));
    let text = chat_stream(&[
        delta(json!({"content": "x"})),
        tool(0, "k", "f", "{\"a\":1}"),
        finish("tool_calls"),
        usage(3, 2),
    ]);
    let mut folded = folded(&plan, &text);
    folded["id"] = "c".into();
    assert_eq!(folded, whole(&plan, &body));
}

#[test]
fn deltas_of_unknown_blocks_and_events_are_passed_over() {
    let out = stream(
        &chat_to_messages("claude-opus-4-5").plan(),
        once(&messages_stream(&[
            json!({"type": "vendor_event", "x": 1}),
            json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}}),
            json!({"type": "content_block_delta", "index": 5, "delta": {"type": "text_delta", "text": "lost"}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "future_block", "text": "?"}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "future_delta", "text": "?"}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "ok"}}),
            json!({"type": "content_block_stop", "index": 1}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ])),
    );
    assert_eq!(chat_accumulated(&out)["message"]["content"], "ok");
}

/// A way to a service of which the client wants more stop sequences than it takes.
fn with_stops(stops: &[&str]) -> Arc<codegate::translate::Plan> {
    messages_to_chat().plan_for(&json!({"model": "asked", "max_tokens": 100, "stream": true,
        "stop_sequences": stops, "messages": [{"role": "user", "content": "hi"}]}))
}

#[test]
fn stop_sequences_beyond_the_targets_limit_end_the_answer_here() {
    let stops = ["a1", "a2", "a3", "a4", "END", "ENDE!", "THE END", "\u{e9}\u{e8}"];
    let (sent, losses) = messages_to_chat().body(&json!({"model": "m", "max_tokens": 9,
        "stop_sequences": stops, "messages": [{"role": "user", "content": "hi"}]}));
    assert_eq!(sent["stop"], json!(["a1", "a2", "a3", "a4"]));
    assert!(losses.is_empty(), "{}", losses.header());
    let plan = with_stops(&stops);
    let shown = |pieces: &[&str]| {
        let mut chunks: Vec<Value> = vec![delta(json!({"reasoning_content": "END is near"}))];
        chunks.extend(pieces.iter().map(|piece| delta(json!({"content": piece}))));
        chunks.extend([tool(0, "k", "f", "{}"), finish("tool_calls"), usage(30, 20)]);
        let text = chat_stream(&chunks);
        let answer = accumulated(&stream(&plan, once(&text)));
        assert_eq!(folded(&plan, &text), answer);
        every_split(&plan, &text);
        let body = json!({"id": "chatcmpl-1", "choices": [{"message": {
            "reasoning_content": "END is near", "content": pieces.concat(),
            "tool_calls": [{"id": "k", "function": {"name": "f", "arguments": "{}"}}]},
            "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 30, "completion_tokens": 20}});
        assert_eq!(whole(&plan, &body), answer);
        let blocks = answer["content"].as_array().unwrap().iter();
        let text: String = blocks.clone().filter_map(|block| block["text"].as_str()).collect();
        let thinking = blocks.clone().filter_map(|block| block["thinking"].as_str()).count();
        assert_eq!(thinking, 1);
        let calls = blocks.filter(|block| block["type"] == "tool_use").count();
        (text, answer["stop_reason"].clone(), answer["stop_sequence"].clone(), calls)
    };
    let cut = |text: &str, stop: &str| (text.into(), json!("stop_sequence"), json!(stop), 0);
    assert_eq!(shown(&["one E", "N", "D two"]), cut("one ", "END"));
    assert_eq!(shown(&["END"]), cut("", "END"));
    for pieces in [&["x ENDE! y"][..], &["x END", "E! y"], &["x EN", "DE", "! y"]] {
        assert_eq!(shown(pieces), cut("x ", "END"), "{pieces:?}");
    }
    for pieces in [&["x THE END y"][..], &["x THE", " END y"], &["x THE EN", "D"]] {
        assert_eq!(shown(pieces), cut("x ", "THE END"), "{pieces:?}");
    }
    assert_eq!(shown(&["\u{e9}", "\u{e9}", "\u{e8} \u{e9}"]), cut("\u{e9}", "\u{e9}\u{e8}"));
    let whole_text = ("EN EN a1".into(), json!("tool_use"), Value::Null, 1);
    assert_eq!(shown(&["EN", " E", "N a1"]), whole_text);
}

#[test]
fn a_stream_that_met_its_stop_sequence_needs_its_upstream_no_longer() {
    let mut answer = AnswerStream::new(with_stops(&["a", "b", "c", "d", "END"]));
    let mut out = Vec::new();
    let mut say = |text: &str| {
        answer
            .frame(None, delta(json!({"content": text})).to_string().as_bytes(), &mut out)
            .unwrap();
        answer.is_cut()
    };
    assert!(!say("x EN"));
    assert!(say("D y"));
}

#[test]
fn case_012_a_stream_does_not_repeat_what_it_goes_on_from() {
    let plan = messages_to_chat().plan_for(&json!({"model": "m", "max_tokens": 9, "stream": true,
        "messages": [{"role": "user", "content": "q"},
            {"role": "assistant", "content": "The answer is ("}]}));
    let shown = |pieces: &[&str]| {
        let mut chunks: Vec<Value> =
            pieces.iter().map(|piece| delta(json!({"content": piece}))).collect();
        chunks.push(finish("stop"));
        let text = chat_stream(&chunks);
        every_split(&plan, &text);
        accumulated(&stream(&plan, once(&text)))["content"][0]["text"].clone()
    };
    assert_eq!(shown(&["The ans", "wer is (", "42)"]), "42)");
    assert_eq!(shown(&["42", ")"]), "42)");
    assert_eq!(shown(&["The answer", "s are"]), "The answers are");
}

#[test]
fn case_035_digits_and_order_survive_in_answers() {
    const DIGITS: &str = r#"{"id":9223372036854775807,"x":1.0,"z":1,"a":2}"#;
    let escaped = DIGITS.replace('"', "\\\"");
    let plan = messages_to_chat().plan();
    let body = format!(
        r#"{{"id":"c","choices":[{{"message":{{"tool_calls":[{{"id":"k","type":"function","function":{{"name":"f","arguments":"{escaped}"}}}}]}},"finish_reason":"tool_calls"}}]}}"#
    );
    let text = codegate::translate::whole(&plan, body.into()).concat();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(&format!("\"input\":{DIGITS}")), "{text}");
    let out = stream(&plan, once(&chat_stream(&[tool(0, "k", "f", DIGITS), finish("tool_calls")])));
    let joined: String = events(&out)
        .iter()
        .filter_map(|event| event["delta"]["partial_json"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(joined, DIGITS);
    let plan = chat_to_messages("claude-opus-4-5").plan();
    let body = format!(
        r#"{{"id":"m","type":"message","role":"assistant","content":[{{"type":"tool_use","id":"t","name":"f","input":{DIGITS}}}],"stop_reason":"tool_use"}}"#
    );
    let text = codegate::translate::whole(&plan, body.into()).concat();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(&format!("\"arguments\":\"{escaped}\"")), "{text}");
    let out = stream(
        &plan,
        once(&messages_stream(&[
            json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": DIGITS}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 1}}),
            json!({"type": "message_stop"}),
        ])),
    );
    let call = chat_accumulated(&out)["message"]["tool_calls"][0]["function"]["arguments"].clone();
    assert_eq!(call, DIGITS);
}

#[test]
fn case_054_redacted_thinking_of_a_stream_comes_back_byte_by_byte() {
    let block = json!({"type": "redacted_thinking", "data": "cmVkYWN0ZWQ+/w=="});
    let way = chat_to_messages("claude-opus-4-5");
    let text = messages_stream(&[
        json!({"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": block}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "y"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
        json!({"type": "message_stop"}),
    ]);
    every_split(&way.plan(), &text);
    let mut message = chat_accumulated(&stream(&way.plan(), once(&text)))["message"].clone();
    assert_eq!(message["reasoning_details"].as_array().unwrap().len(), 1);
    message.as_object_mut().unwrap().remove("refusal");
    let user = |text: &str| json!({"role": "user", "content": text});
    let (sent, _) = way.body(&json!({"model": "m", "messages": [user("x"), message, user("z")]}));
    assert_eq!(sent["messages"][1]["content"], json!([block, {"type": "text", "text": "y"}]));
}

/// Raw texts of a string, some of which end it early or never.
const RAW_TEXTS: [&[u8]; 16] = [
    b"word",
    b" two words",
    b"",
    b"\\\"",
    b"\\\\",
    b"\\",
    b"\\\\\\",
    b"\"",
    b"\",\"refusal\":\"no",
    b"\"},\"finish_reason\":\"stop\",\"x\":{\"y\":\"",
    b"\\u00e9\\ud83e",
    "\u{e9}\u{1f980}".as_bytes(),
    b"\xff",
    b"\x01",
    b"a\\qb",
    b"\\u12",
];

/// Frames around a raw text: what comes before it and what comes behind.
const CHAT_FRAMES: [(&str, &str); 7] = [
    (r#"{"id":"c","choices":[{"index":0,"delta":{"content":""#, r#""}}]}"#),
    (r#"{"id":"c","choices":[{"index":0,"delta":{"content":""#, r#""},"finish_reason":null}]}"#),
    (r#"{"choices":[{"delta":{"reasoning_content":""#, r#""}}]}"#),
    (r#"{"choices":[{"delta":{"content":""#, r#""},"finish_reason":"stop"}]}"#),
    (
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""#,
        r#""}}]}}]}"#,
    ),
    (r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":""#, r#""}}]}}]}"#),
    (r#"{"choices":[{"delta":{"reasoning_content":"why","content":""#, r#""}}]}"#),
];

const MESSAGES_FRAMES: [(&str, &str); 7] = [
    (r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":""#, r#""}}"#),
    (r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":""#, r#""}}"#),
    (
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":""#,
        r#""}}"#,
    ),
    (
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""#,
        r#""}}"#,
    ),
    (
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"a","name":"f","input":{"x":""#,
        r#""}}}"#,
    ),
    (r#"{"type":"content_block_stop","index":0,"x":""#, r#""}"#),
    (r#"{"index":0,"delta":{"type":"text_delta","text":""#, r#""}}"#),
];

proptest! {
    #[test]
    fn frames_like_the_one_before_say_what_they_say_by_themselves(
        is_chat in any::<bool>(),
        pair in [0..7_usize, 0..7_usize],
        steps in prop::collection::vec((any::<bool>(), 0..16_usize, any::<bool>()), 1..24),
    ) {
        let side = if is_chat { messages_to_chat() } else { chat_to_messages("claude-sonnet-4-5") };
        let table = if is_chat { &CHAT_FRAMES } else { &MESSAGES_FRAMES };
        let plan = side.plan();
        let mut streams = [0, 1].map(|_| AnswerStream::new(Arc::clone(&plan)));
        let mut written = [Vec::new(), Vec::new()];
        let opened = [(3, 0, true), (4, 0, true)];
        let steps = steps.into_iter().map(|(first, text, is_named)| {
            (pair[usize::from(first)], text, is_named)
        });
        for (number, (frame, text, is_named)) in opened.into_iter().chain(steps).enumerate() {
            let (before, after) = table[frame];
            let event = is_named.then_some(b"content_block_delta".as_slice());
            let data = [before.as_bytes(), RAW_TEXTS[text], after.as_bytes()].concat();
            // White space in front makes every other frame unlike the one before.
            let spaced = [b" ".repeat(number % 2).as_slice(), &data].concat();
            let results = [
                streams[0].frame(event, &data, &mut written[0]),
                streams[1].frame(event, &spaced, &mut written[1]),
            ];
            prop_assert_eq!(results[0], results[1]);
            prop_assert_eq!(&written[0], &written[1]);
        }
        for (stream, out) in streams.iter_mut().zip(&mut written) {
            stream.finish(out);
        }
        prop_assert_eq!(&written[0], &written[1]);
    }
}
