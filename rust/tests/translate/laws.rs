//! What holds for any conversation and any answer.

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

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
