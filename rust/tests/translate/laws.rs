//! What holds for any conversation and any answer.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::stage::*;

/// One piece of a Chat answer: text, reasoning, or a call.
#[derive(Debug, Clone)]
enum Said {
    Reasoning(String),
    Text(String),
    Call(String, Value),
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        ".{1,12}".prop_map(Said::Reasoning),
        ".{1,12}".prop_map(Said::Text),
        ("[a-z]{1,8}", ".{0,8}", any::<i64>())
            .prop_map(|(name, text, number)| Said::Call(name, json!({"t": text, "n": number}))),
    ]
}

/// The chunks of a stream and the body that say the same.
fn chat_answer(all: &[Said], cuts: usize) -> (Vec<Value>, Value) {
    let (mut chunks, mut calls) = (Vec::new(), Vec::new());
    let (mut content, mut reasoning) = (String::new(), String::new());
    // As such services do: thoughts, then text, then calls.
    let rank = |said: &Said| match said {
        Said::Reasoning(_) => 0,
        Said::Text(_) => 1,
        Said::Call(..) => 2,
    };
    let mut ordered = all.to_vec();
    ordered.sort_by_key(rank);
    for said in &ordered {
        match said {
            Said::Reasoning(text) => {
                reasoning.push_str(text);
                chunks.push(delta(json!({"reasoning_content": text})));
            }
            Said::Text(text) => {
                content.push_str(text);
                chunks.push(delta(json!({"content": text})));
            }
            Said::Call(name, input) => {
                let (index, id) = (calls.len(), format!("call_{}", calls.len()));
                let text = input.to_string();
                let cut = text.char_indices().map(|(at, _)| at).nth(cuts % 7).unwrap_or(0);
                chunks.push(delta(json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": &text[..cut]}}]})));
                chunks.push(delta(json!({"tool_calls": [{"index": index, "function": {"arguments": &text[cut..]}}]})));
                calls.push(json!({"id": id, "type": "function", "function": {"name": name, "arguments": text}}));
            }
        }
    }
    let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
    chunks.push(finish(reason));
    chunks.push(usage(30, 20));
    let mut message = json!({"role": "assistant", "content": content});
    if !reasoning.is_empty() {
        message["reasoning_content"] = reasoning.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let body = json!({"id": "chatcmpl-1", "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 20}});
    (chunks, body)
}

/// The events of a Messages stream and the body that say the same.
fn messages_answer(all: &[Said], cuts: usize) -> (Vec<Value>, Value) {
    let mut blocks = Vec::new();
    let mut events = vec![
        json!({"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 30, "output_tokens": 1}}}),
    ];
    for (index, said) in all.iter().enumerate() {
        let (opened, deltas, block) = match said {
            Said::Reasoning(text) => (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                vec![
                    json!({"type": "thinking_delta", "thinking": text}),
                    json!({"type": "signature_delta", "signature": "EqQB"}),
                ],
                json!({"type": "thinking", "thinking": text, "signature": "EqQB"}),
            ),
            Said::Text(text) => (
                json!({"type": "text", "text": ""}),
                vec![json!({"type": "text_delta", "text": text})],
                json!({"type": "text", "text": text}),
            ),
            Said::Call(name, input) => {
                let id = format!("toolu_{index}");
                let text = input.to_string();
                let cut = text.char_indices().map(|(at, _)| at).nth(cuts % 7).unwrap_or(0);
                let piece = |text: &str| json!({"type": "input_json_delta", "partial_json": text});
                (
                    json!({"type": "tool_use", "id": id, "name": name, "input": {}}),
                    vec![piece(&text[..cut]), piece(&text[cut..])],
                    json!({"type": "tool_use", "id": id, "name": name, "input": input}),
                )
            }
        };
        events
            .push(json!({"type": "content_block_start", "index": index, "content_block": opened}));
        events.extend(
            deltas.into_iter().map(
                |delta| json!({"type": "content_block_delta", "index": index, "delta": delta}),
            ),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
        blocks.push(block);
    }
    let has_calls = all.iter().any(|said| matches!(said, Said::Call(..)));
    let reason = if has_calls { "tool_use" } else { "end_turn" };
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 20}}));
    events.push(json!({"type": "message_stop"}));
    let body = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": blocks,
        "stop_reason": reason, "usage": {"input_tokens": 30, "output_tokens": 20}});
    (events, body)
}

/// What the user says, what the model answers, and with which calls and results.
#[derive(Debug, Clone)]
struct Exchange {
    asked: Vec<String>,
    answered: Option<String>,
    calls: Vec<(i64, String, bool)>,
}

fn words() -> impl Strategy<Value = String> {
    "[a-z\"\\\\\u{e9}\u{1f980}]{1,8}[a-z ]{0,3}x"
}

fn turn() -> impl Strategy<Value = Exchange> {
    let call = (any::<i64>(), words(), any::<bool>());
    (
        prop::collection::vec(words(), 1..3),
        prop::option::of(words()),
        prop::collection::vec(call, 0..3),
    )
        .prop_map(|(asked, answered, calls)| Exchange { asked, answered, calls })
}

/// The conversation as a Messages client sends it; the user has the last word.
fn messages_turns(exchanges: &[Exchange]) -> Vec<Value> {
    let text = |text: &String| json!({"type": "text", "text": text});
    let mut turns: Vec<Value> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let asked = results.drain(..).chain(exchange.asked.iter().map(text)).collect::<Vec<_>>();
        turns.push(json!({"role": "user", "content": asked}));
        let is_last = index + 1 == exchanges.len();
        let mut blocks: Vec<Value> = exchange.answered.iter().map(text).collect();
        if is_last || (blocks.is_empty() && exchange.calls.is_empty()) {
            if !is_last {
                turns.push(
                    json!({"role": "assistant", "content": [{"type": "text", "text": "ok"}]}),
                );
            }
            continue;
        }
        for (number, (n, result, is_error)) in exchange.calls.iter().enumerate() {
            let id = format!("toolu_{index}_{number}");
            blocks.push(
                json!({"type": "tool_use", "id": id, "name": "f", "input": {"z": n, "a": 1.5}}),
            );
            let mut block = json!({"type": "tool_result", "tool_use_id": id, "content": result});
            if *is_error {
                block["is_error"] = true.into();
            }
            results.push(block);
        }
        turns.push(json!({"role": "assistant", "content": blocks}));
    }
    turns
}

/// The same with every text as a list of blocks.
fn in_blocks(messages: &Value) -> Value {
    let mut messages = messages.clone();
    for message in messages.as_array_mut().unwrap() {
        if let Some(text) = message["content"].as_str().map(str::to_owned) {
            message["content"] = json!([{"type": "text", "text": text}]);
        }
    }
    messages
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn case_110_a_stream_adds_up_to_the_whole_answer(all in prop::collection::vec(said(), 0..6), cuts in 0..100_usize) {
        let (chunks, body) = chat_answer(&all, cuts);
        let plan = messages_to_chat().plan();
        let text = chat_stream(&chunks);
        let expected = whole(&plan, &body);
        prop_assert_eq!(&folded(&plan, &text), &expected);
        prop_assert_eq!(&accumulated(&stream(&plan, once(&text))), &expected);
    }

    #[test]
    fn case_110_there_and_back_is_the_same_answer(all in prop::collection::vec(said(), 0..6), cuts in 0..100_usize) {
        let (_, body) = chat_answer(&all, cuts);
        let messages = whole(&messages_to_chat().plan(), &body);
        let back = whole(&chat_to_messages("claude-opus-4-5").plan(), &messages);
        let (was, is) = (&body["choices"][0], &back["choices"][0]);
        prop_assert_eq!(&is["finish_reason"], &was["finish_reason"]);
        prop_assert_eq!(is["message"]["content"].as_str().unwrap_or(""), was["message"]["content"].as_str().unwrap_or(""));
        prop_assert_eq!(is["message"].get("tool_calls"), was["message"].get("tool_calls"));
        prop_assert_eq!(is["message"].get("reasoning_content"), was["message"].get("reasoning_content"));
        prop_assert_eq!(&back["usage"]["prompt_tokens"], &json!(30));
    }

    #[test]
    fn case_110_a_messages_stream_adds_up_to_the_whole_answer(all in prop::collection::vec(said(), 0..6), cuts in 0..100_usize) {
        let (events, body) = messages_answer(&all, cuts);
        let plan = chat_to_messages("claude-opus-4-5").plan();
        let text = messages_stream(&events);
        let expected = whole(&plan, &body);
        prop_assert_eq!(&folded(&plan, &text), &expected);
        let streamed = chat_accumulated(&stream(&plan, once(&text)));
        prop_assert_eq!(&streamed["finish_reason"], &expected["choices"][0]["finish_reason"]);
        prop_assert_eq!(&streamed["usage"], &expected["usage"]);
        let message = &expected["choices"][0]["message"];
        prop_assert_eq!(streamed["message"]["content"].as_str().unwrap_or(""), message["content"].as_str().unwrap_or(""));
        for name in ["reasoning_content", "tool_calls"] {
            prop_assert_eq!(streamed["message"].get(name), message.get(name), "{}", name);
        }
    }

    #[test]
    fn case_110_any_split_gives_the_same_stream(all in prop::collection::vec(said(), 1..5), cuts in prop::collection::vec(0..4000_usize, 0..12)) {
        let pieces = |text: &str| {
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            at.windows(2).map(|pair| Bytes::copy_from_slice(&text.as_bytes()[pair[0]..pair[1]])).collect::<Vec<_>>()
        };
        let chat = chat_stream(&chat_answer(&all, 3).0);
        let plan = messages_to_chat().plan();
        prop_assert_eq!(stream(&plan, pieces(&chat)), stream(&plan, once(&chat)));
        let messages = messages_stream(&messages_answer(&all, 3).0);
        let plan = chat_to_messages("claude-opus-4-5").plan();
        prop_assert_eq!(stream(&plan, pieces(&messages)), stream(&plan, once(&messages)));
    }

    #[test]
    fn case_110_a_conversation_there_and_back_is_the_same(turns in prop::collection::vec(turn(), 1..6)) {
        let messages = Value::from(messages_turns(&turns));
        let body = json!({"model": "m", "max_tokens": 9, "system": "Be brief.", "messages": messages,
            "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "number"}}}}],
            "temperature": 0.5, "stop_sequences": ["x"]});
        let (chat, lost) = messages_to_chat().body(&body);
        prop_assert!(lost.is_empty(), "{}", lost.header());
        let (back, lost) = chat_to_messages("glm-5").body(&chat);
        prop_assert!(lost.is_empty(), "{}", lost.header());
        prop_assert_eq!(in_blocks(&back["messages"]), in_blocks(&messages));
        for name in ["tools", "temperature", "stop_sequences", "max_tokens"] {
            prop_assert_eq!(&back[name], &body[name]);
        }
        prop_assert_eq!(&back["system"], &json!([{"type": "text", "text": "Be brief."}]));
        // And from the other side.
        let (again, _) = messages_to_chat().body(&back);
        prop_assert_eq!(&again["messages"].as_array().unwrap()[1..], &chat["messages"].as_array().unwrap()[1..]);
    }

    #[test]
    fn case_110_a_longer_conversation_begins_with_the_shorter(turns in prop::collection::vec(turn(), 2..7)) {
        for way in [messages_to_chat(), chat_to_messages("claude-opus-4-5")] {
            let mut before = String::new();
            for count in 1..=turns.len() {
                let messages = Value::from(messages_turns(&turns[..count]));
                let mut body = json!({"model": "m", "max_tokens": 9, "messages": messages});
                if way.client == CHAT {
                    body["messages"] = messages_to_chat().body(&body).0["messages"].clone();
                }
                let sent = way.text(&body.to_string());
                let start = sent.find("\"messages\":[").unwrap();
                let end = sent.rfind("}]").unwrap();
                let now = &sent[start..end];
                prop_assert!(now.starts_with(&before), "{}\n{}", before, now);
                before = now.to_owned();
            }
        }
    }

    #[test]
    fn no_text_is_too_odd_for_the_decoders(text in ".{0,200}", json in "[\\[\\]{}\",:a-z0-9 \\\\]{0,120}") {
        for body in [text, json] {
            let wrapped = format!("{{\"model\":\"m\",\"messages\":[{{\"role\":\"user\",\"content\":[{body}]}}],\"tools\":[{body}]}}");
            for way in [messages_to_chat(), chat_to_messages("claude-opus-4-5")] {
                let _ = way.translate_text(&body);
                let _ = way.translate_text(&wrapped);
                let plan = way.plan();
                let _ = codegate::translate::whole(&plan, body.clone().into());
                let mut out = Vec::new();
                let mut answer = codegate::translate::AnswerStream::new(plan);
                let _ = answer.frame(Some(b"content_block_start"), body.as_bytes(), &mut out);
                answer.finish(&mut out);
            }
        }
    }
}
