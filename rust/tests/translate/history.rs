//! Histories that a target would refuse, and reasoning in them.

use codegate::canonical::{Echo, Profile};
use serde_json::{Value, json};

use super::stage::*;

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn call(id: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

fn tool_use(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

fn tool_result(id: &str, content: Value) -> Value {
    json!({"type": "tool_result", "tool_use_id": id, "content": content})
}

fn messages_body(turns: Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": turns})
}

#[test]
fn case_008_results_come_first() {
    let (sent, _) = messages_to_chat().body(&messages_body(json!([
        user("x"),
        {"role": "assistant", "content": [tool_use("t1"), tool_use("t2")]},
        {"role": "user", "content": [
            {"type": "text", "text": "also"}, tool_result("t1", json!("1")), tool_result("t2", json!("2"))]},
    ])));
    assert_eq!(sent["messages"][2], result("t1", "1"));
    assert_eq!(sent["messages"][3], result("t2", "2"));
    assert_eq!(sent["messages"][4], user("also"));
}

#[test]
fn case_016_images_of_results_follow_in_one_message() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAANSUhEUg=="}});
    let (sent, _) = messages_to_chat().body(&messages_body(json!([
        user("x"),
        {"role": "assistant", "content": [tool_use("t1"), tool_use("t2")]},
        {"role": "user", "content": [
            tool_result("t1", json!([{"type": "text", "text": "see"}, image])),
            tool_result("t2", json!([image]))]},
    ])));
    let messages = sent["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[2], result("t1", "see"));
    assert_eq!(messages[3], result("t2", "(image attached below)"));
    let parts = messages[4]["content"].as_array().unwrap();
    let kinds: Vec<_> = parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text", "image_url", "text", "image_url"]);
    assert_eq!(parts[0]["text"], "[image from tool call t1]");
    assert_eq!(parts[2]["text"], "[image from tool call t2]");
}

#[test]
fn case_019_the_error_flag_goes_there_and_back() {
    let mut failed = tool_result("t", json!("boom"));
    failed["is_error"] = true.into();
    let (sent, _) = messages_to_chat().body(&messages_body(json!([
        user("x"), {"role": "assistant", "content": [tool_use("t")]},
        {"role": "user", "content": [failed]},
    ])));
    assert_eq!(sent["messages"][2]["content"], "<tool_use_error>boom</tool_use_error>");
    let (back, _) = chat_to_messages("claude-opus-4-5").body(&sent);
    assert_eq!(
        back["messages"][2]["content"][0],
        json!({"type": "tool_result", "tool_use_id": "t", "content": "boom", "is_error": true})
    );
}

#[test]
fn case_021_a_result_without_a_call_becomes_text() {
    let (sent, losses) = messages_to_chat().body(&messages_body(json!([
        user("x"), {"role": "assistant", "content": "no calls"},
        {"role": "user", "content": [tool_result("lost", json!("r"))]},
    ])));
    assert_eq!(sent["messages"][2], user("[result of unavailable tool call lost] r"));
    assert_eq!(losses.header(), "orphan_result");
}

#[test]
fn case_022_a_call_without_a_result_gets_one() {
    let (sent, losses) =
        chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
            user("x"), {"role": "assistant", "content": null, "tool_calls": [call("a"), call("b")]},
            result("a", "1"), user("go on"),
        ]}));
    let blocks = sent["messages"][2]["content"].as_array().unwrap();
    assert_eq!(blocks[0], tool_result("a", json!("1")));
    assert_eq!(blocks[1]["tool_use_id"], "b");
    assert_eq!(blocks[1]["is_error"], true);
    assert_eq!(blocks[2], json!({"type": "text", "text": "go on"}));
    assert_eq!(losses.header(), "missing_result");
}

#[test]
fn results_far_from_their_call_are_moved_behind_it() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"), {"role": "assistant", "tool_calls": [call("a")]}, user("between"),
        {"role": "assistant", "content": "y"}, result("a", "late"),
    ]}));
    assert_eq!(
        sent["messages"][2]["content"],
        json!([tool_result("a", json!("late")), {"type": "text", "text": "between"}])
    );
    assert_eq!(sent["messages"].as_array().unwrap().len(), 4);
}

#[test]
fn case_024_the_last_of_two_results_counts() {
    let (sent, losses) =
        chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
            user("x"), {"role": "assistant", "tool_calls": [call("a")]},
            result("a", "old"), result("a", "new"),
        ]}));
    assert_eq!(sent["messages"][2]["content"], json!([tool_result("a", json!("new"))]));
    assert_eq!(losses.header(), "duplicate_result");
}

#[test]
fn case_024_the_last_of_two_results_counts_for_chat_too() {
    let (sent, losses) = messages_to_chat().body(&messages_body(json!([
        user("x"), {"role": "assistant", "content": [tool_use("t")]},
        {"role": "user", "content": [tool_result("t", json!("old")), tool_result("t", json!("new"))]},
    ])));
    assert_eq!(sent["messages"][2], result("t", "new"));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3);
    assert_eq!(losses.header(), "duplicate_result");
}

#[test]
fn case_025_ids_are_legal_and_the_same_on_both_sides() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"), {"role": "assistant", "tool_calls": [call("functions.Bash:0")]},
        result("functions.Bash:0", "r"),
    ]}));
    let id = sent["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'), "{id}");
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], id);
    let plan = messages_to_chat().plan();
    let answer = json!({"id": "c", "choices": [{"message": {"tool_calls": [call("functions.Bash:0")]}, "finish_reason": "tool_calls"}]});
    let shown = whole(&plan, &answer)["content"][0]["id"].as_str().unwrap().to_owned();
    let (back, _) = messages_to_chat().body(&messages_body(json!([
        user("x"), {"role": "assistant", "content": [tool_use(&shown)]},
        {"role": "user", "content": [tool_result(&shown, json!("r"))]},
    ])));
    assert_eq!(back["messages"][1]["tool_calls"][0]["id"], "functions.Bash:0");
    assert_eq!(back["messages"][2]["tool_call_id"], "functions.Bash:0");
}

#[test]
fn case_028_reused_ids_become_distinct() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"), {"role": "assistant", "tool_calls": [call("call_0")]}, result("call_0", "1"),
        {"role": "assistant", "tool_calls": [call("call_0")]}, result("call_0", "2"),
    ]}));
    let first = sent["messages"][1]["content"][0]["id"].clone();
    let second = sent["messages"][3]["content"][0]["id"].clone();
    assert_ne!(first, second);
    assert_eq!(sent["messages"][2]["content"][0]["tool_use_id"], first);
    assert_eq!(sent["messages"][2]["content"][0]["content"], "1");
    assert_eq!(sent["messages"][4]["content"][0]["tool_use_id"], second);
    assert_eq!(sent["messages"][4]["content"][0]["content"], "2");
}

#[test]
fn case_056_foreign_reasoning_is_never_taken_for_our_own() {
    let (sent, losses) =
        chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
            user("x"),
            {"role": "assistant", "content": "y", "reasoning_content": "hm",
             "reasoning_details": [{"type": "reasoning.encrypted", "data": "opaque"}]},
            user("z"),
        ]}));
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": "y"}));
    assert!(losses.header().contains("thinking"));
}

#[test]
fn case_054_sealed_reasoning_comes_back_byte_by_byte() {
    let plan = chat_to_messages("claude-opus-4-5").plan();
    let blocks = json!([
        {"type": "thinking", "thinking": "let me \u{e9}", "signature": "EqQB+/=="},
        {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="},
        {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    ]);
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": blocks,
        "stop_reason": "tool_use", "usage": {"input_tokens": 1, "output_tokens": 2}});
    let shown = whole(&plan, &answer);
    let mut message = shown["choices"][0]["message"].clone();
    assert_eq!(message["reasoning_content"], "let me \u{e9}");
    assert_eq!(message["reasoning_details"].as_array().unwrap().len(), 2);
    message.as_object_mut().unwrap().remove("refusal");
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"), message, result("toolu_1", "r"),
    ]}));
    assert_eq!(sent["messages"][1]["content"], blocks);
}

#[test]
fn case_055_reasoning_of_another_host_stays_away_from_this_one() {
    let plan = messages_to_chat().plan();
    let answer = whole(
        &plan,
        &json!({"id": "c", "choices": [{"message": {"reasoning_content": "hm", "content": "y"}, "finish_reason": "stop"}]}),
    );
    let thinking = answer["content"][0].clone();
    assert_eq!(thinking["thinking"], "hm");
    assert!(thinking["signature"].as_str().unwrap().starts_with("cg1."));
    // The same history for a host that thinks aloud gets it back.
    let mut way = messages_to_chat();
    way.profile = Profile { echo: Echo::Always, ..Profile::default() };
    let (sent, _) = way.body(&messages_body(json!([
        user("x"), {"role": "assistant", "content": answer["content"]}, user("z"),
    ])));
    assert_eq!(sent["messages"][1]["reasoning_content"], "hm");
}

#[test]
fn case_065_hosts_that_want_their_thoughts_back() {
    let mut way = messages_to_chat();
    way.profile = Profile { echo: Echo::Calls, ..Profile::default() };
    let (sent, _) = way.body(&messages_body(json!([
        user("x"),
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, tool_use("a")]},
        {"role": "user", "content": [tool_result("a", json!("1"))]},
        {"role": "assistant", "content": [tool_use("b")]},
        {"role": "user", "content": [tool_result("b", json!("2"))]},
        {"role": "assistant", "content": "done"},
        user("z"),
    ])));
    assert_eq!(sent["messages"][1]["reasoning_content"], "hm");
    assert_eq!(sent["messages"][3]["reasoning_content"], " ");
    assert_eq!(sent["messages"][5].get("reasoning_content"), None);
}

#[test]
fn a_loop_that_began_without_thinking_goes_on_without() {
    let body = |model| {
        chat_to_messages(model)
            .body(&json!({"model": "m", "reasoning_effort": "high",
                "max_tokens": 30000, "messages": [
                user("x"), {"role": "assistant", "tool_calls": [call("a")]}, result("a", "1"),
            ]}))
            .0["thinking"]["type"]
            .clone()
    };
    assert_eq!(body("claude-sonnet-4-5"), "disabled");
    assert_eq!(body("claude-opus-4-6"), "adaptive");
}

#[test]
fn case_110_a_longer_history_begins_with_the_shorter() {
    let mut turns = vec![user("x")];
    let mut before = String::new();
    for n in 0..12 {
        let id = format!("functions.f:{}", n % 3);
        turns.push(json!({"role": "assistant", "content": "hm", "reasoning_content": "r", "tool_calls": [call(&id)]}));
        turns.push(result(&id, "r"));
        turns.push(user("more"));
        let body = json!({"model": "m", "messages": turns}).to_string();
        let sent = chat_to_messages("claude-opus-4-5").text(&body);
        let start = sent.find("\"messages\":[").unwrap();
        let end = sent.rfind("}]").unwrap();
        let now = &sent[start..end];
        assert!(now.starts_with(&before), "{before}\n{now}");
        before = now.to_owned();
    }
}
