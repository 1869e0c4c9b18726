//! What the first CodeGate's conversion gave, where it was right.

use std::fs;
use std::path::Path;

use codegate::canonical::{Echo, Profile};
use codegate::formats::{ErrorReply, Format};
use codegate::translate::recast;
use serde_json::Value;

use super::stage::*;

/// Cases where another answer is better; `docs/decisions/` says why.
const OTHERWISE: &[&str] = &[
    "a2o-req-system-array",
    "a2o-req-text-and-tool-use",
    "a2o-req-tool-result-array",
    "a2o-req-two-tool-results",
    "a2o-req-tools",
    "a2o-req-tool-choice-auto",
    "a2o-req-tool-choice-tool",
    "a2o-req-sampling-and-dropped",
    "a2o-req-empty-content",
    "a2o-req-deepseek-reasoner",
    "o2a-req-two-systems",
    "o2a-req-bad-arguments",
    "o2a-req-image-plain-data-uri",
    "o2a-req-tool-choice-required",
    "o2a-req-tool-choice-function",
];

fn way(client: codegate::formats::Format, model: &str) -> Way {
    let echo = if model.starts_with("deepseek") { Echo::Calls } else { Echo::Never };
    Way {
        client,
        target: if client == MESSAGES { CHAT } else { MESSAGES },
        model: Box::leak(model.to_owned().into_boxed_str()),
        profile: Profile { echo, ..Profile::default() },
    }
}

fn plan(
    client: codegate::formats::Format,
    model: &str,
) -> std::sync::Arc<codegate::translate::Plan> {
    way(client, "m").plan_for(&serde_json::json!({"model": model, "max_tokens": 9,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "x"}]}))
}

/// What the product makes of a case.
fn made(case: &Value) -> Value {
    let (input, model) = (&case["input"], case["model"].as_str().unwrap());
    match case["op"].as_str().unwrap() {
        "anthropic_to_openai_request" => way(MESSAGES, model).body(input).0,
        "openai_to_anthropic_request" => way(CHAT, model).body(input).0,
        "openai_to_anthropic_response" => whole(&plan(MESSAGES, model), input),
        "anthropic_to_openai_response" => whole(&plan(CHAT, model), input),
        "openai_sse_to_anthropic" => accumulated_text(&plan(MESSAGES, model), input),
        _ => accumulated_text(&plan(CHAT, model), input),
    }
}

fn accumulated_text(plan: &std::sync::Arc<codegate::translate::Plan>, input: &Value) -> Value {
    Value::String(stream(plan, once(input.as_str().unwrap())))
}

/// What counts in an answer or request: names of models and times do not, nor does a default.
fn essence(case: &Value, mut value: Value) -> Value {
    let is_stream = case["op"].as_str().unwrap().contains("_sse_");
    if is_stream {
        return gathered(value.as_str().unwrap());
    }
    let Some(members) = value.as_object_mut() else { return value };
    members.remove("model");
    members.remove("created");
    members.retain(|name, value| name != "stream" || *value == Value::Bool(true));
    if case["input"].get("max_tokens").is_none()
        && case["input"].get("max_completion_tokens").is_none()
    {
        members.remove("max_tokens");
    }
    if members.get("messages") == Some(&Value::Null) {
        members.insert("messages".into(), Value::Array(Vec::new()));
    }
    if let Some(choice) = value.pointer_mut("/choices/0") {
        choice.as_object_mut().unwrap().remove("logprobs");
        choice["message"].as_object_mut().unwrap().remove("refusal");
    }
    value
}

/// The blocks of a Messages stream in whatever order, without empty texts, and why it stopped.
fn gathered(text: &str) -> Value {
    let (mut blocks, mut stop) = (std::collections::BTreeMap::new(), Value::Null);
    for event in events(text) {
        let index = event["index"].as_u64().unwrap_or_default();
        match event["type"].as_str() {
            Some("content_block_start") => {
                let block = &event["content_block"];
                blocks.insert(index, format!("{}:{}:", block["type"], block["name"]));
            }
            Some("content_block_delta") => {
                let delta = &event["delta"];
                let text =
                    ["text", "thinking", "partial_json"].iter().find_map(|n| delta[n].as_str());
                blocks.get_mut(&index).unwrap().push_str(text.unwrap_or_default());
            }
            Some("message_delta") => stop = event["delta"]["stop_reason"].clone(),
            _ => {}
        }
    }
    let said: Vec<String> = blocks.into_values().filter(|text| text != "\"text\":null:").collect();
    serde_json::json!({"said": said, "stop": stop})
}

#[test]
fn the_first_codegates_conversions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/conversion.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 40);
    let mut compared = 0;
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let found = made(case);
        let (found, wanted) = match (case.get("output"), case.get("path")) {
            (Some(wanted), _) => (essence(case, found), essence(case, wanted.clone())),
            (None, Some(path)) => (found[path.as_str().unwrap()].clone(), case["desired"].clone()),
            // What is wrong there has a test of its own.
            (None, None) => continue,
        };
        compared += 1;
        assert_eq!(found != wanted, OTHERWISE.contains(&id), "{id}\n{found}\n{wanted}");
    }
    assert!(compared > 35, "{compared}");
}

/// Errors for which another answer is better; `docs/decisions/` says why.
const ERRORS_OTHERWISE: &[&str] =
    &["chat-429", "messages-401", "messages-503", "messages-413", "message-none"];

#[test]
fn the_first_codegates_errors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/errors.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(cases.len() > 10);
    for case in &cases {
        let id = case["id"].as_str().unwrap();
        let client = Format::parse(case["client"].as_str().unwrap()).unwrap();
        let upstream = if client == MESSAGES { CHAT } else { MESSAGES };
        let status = u16::try_from(case["status"].as_u64().unwrap()).unwrap();
        let facts = upstream.wire().read_error(status, case["upstream"].to_string().as_bytes());
        let body = recast(client, status, &facts).body(client, None);
        let found: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(found != case["output"], ERRORS_OTHERWISE.contains(&id), "{id}\n{found}");
    }
    // Its own error in a client's dialect.
    let reply = ErrorReply { status: 401, code: "x", message: "Invalid key", request_id: None };
    let own: Value = serde_json::from_slice(&MESSAGES.wire().error_body(&reply)).unwrap();
    assert_eq!(
        own,
        serde_json::json!({"type": "error",
            "error": {"type": "authentication_error", "message": "Invalid key"}})
    );
}
