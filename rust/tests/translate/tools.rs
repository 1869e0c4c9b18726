//! Tools, calls, arguments, names, schemas.

use codegate::canonical::Profile;
use serde_json::{Value, json};

use super::stage::*;

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

fn call(id: &str, name: &str, arguments: &str) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn result(id: &str, text: &str) -> Value {
    json!({"role": "tool", "tool_call_id": id, "content": text})
}

#[test]
fn case_009_a_call_without_text_has_no_empty_text() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"), {"role": "assistant", "content": null, "tool_calls": [call("a", "f", "{}")]},
        result("a", "r"),
    ]}));
    assert_eq!(
        sent["messages"][1]["content"],
        json!([{"type": "tool_use", "id": "a", "name": "f", "input": {}}])
    );
}

#[test]
fn case_032_034_arguments_that_are_no_object() {
    let (sent, losses) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"),
        {"role": "assistant", "tool_calls": [
            call("a", "f", ""), call("b", "f", "{}"), call("c", "f", "{\"a\":1"),
            call("d", "f", "\"{\\\"a\\\":1}\""), call("e", "f", "[1]"),
        ]},
        result("a", "1"), result("b", "2"), result("c", "3"), result("d", "4"), result("e", "5"),
    ]}));
    let inputs: Vec<_> = sent["messages"][1]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["input"].clone())
        .collect();
    assert_eq!(
        inputs,
        [
            json!({}),
            json!({}),
            json!({"_raw": "{\"a\":1"}),
            json!({"a": 1}),
            json!({"_raw": "[1]"})
        ]
    );
    assert_eq!(losses.header(), "arguments(2)");
}

const DIGITS: &str = r#"{"id":9223372036854775807,"x":1.0,"z":1,"a":2}"#;

#[test]
fn case_035_digits_and_order_survive_both_ways() {
    let escaped = DIGITS.replace('"', "\\\"");
    let chat = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":"x"}},{{"role":"assistant","tool_calls":[{{"id":"a","type":"function","function":{{"name":"f","arguments":"{escaped}"}}}}]}},{{"role":"tool","tool_call_id":"a","content":"r"}}]}}"#
    );
    let sent = chat_to_messages("claude-opus-4-5").text(&chat);
    assert!(sent.contains(&format!("\"input\":{DIGITS}")), "{sent}");
    let messages = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"x"}},{{"role":"assistant","content":[{{"type":"tool_use","id":"a","name":"f","input":{DIGITS}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"a","content":"r"}}]}}]}}"#
    );
    let sent = messages_to_chat().text(&messages);
    assert!(sent.contains(&format!("\"arguments\":\"{escaped}\"")), "{sent}");
    let schema = format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"x"}}],"tools":[{{"name":"f","input_schema":{{"type":"object","properties":{DIGITS}}}}}]}}"#
    );
    assert!(messages_to_chat().text(&schema).contains(DIGITS));
}

#[test]
fn case_030_031_names_are_the_same_everywhere() {
    let long = |end: &str| format!("mcp__plugin_x_y__{}{end}", "a".repeat(60));
    let tools: Vec<Value> = ["one", "two"]
        .iter()
        .map(|end| json!({"name": long(end), "input_schema": {"type": "object", "properties": {}}}))
        .collect();
    let body = json!({"model": "m", "max_tokens": 9, "tools": tools,
        "tool_choice": {"type": "tool", "name": long("two")}, "messages": [
        user("x"),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": long("two"), "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
    ]});
    let (sent, _) = messages_to_chat().body(&body);
    let name = sent["tools"][1]["function"]["name"].as_str().unwrap();
    assert!(name.len() <= 64 && name != sent["tools"][0]["function"]["name"]);
    assert_eq!(sent["tool_choice"]["function"]["name"], name);
    assert_eq!(sent["messages"][1]["tool_calls"][0]["function"]["name"], name);
    let plan = messages_to_chat().plan_for(&body);
    let answer = whole(
        &plan,
        &json!({"id": "c", "choices": [{"message": {"tool_calls": [call("k", name, "{}")]}, "finish_reason": "tool_calls"}]}),
    );
    assert_eq!(answer["content"][0]["name"], long("two"));
    let chunk = delta(
        json!({"tool_calls": [{"index": 0, "id": "k", "function": {"name": name, "arguments": "{}"}}]}),
    );
    let answer = accumulated(&stream(&plan, once(&chat_stream(&[chunk, finish("tool_calls")]))));
    assert_eq!(answer["content"][0]["name"], long("two"));
}

#[test]
fn case_037_allowed_tools_filter() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}});
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [user("x")],
        "tools": [tool("f"), tool("g")],
        "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]}}}));
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert_eq!(sent["tool_choice"], json!({"type": "any"}));
}

#[test]
fn case_038_no_tools_no_choice() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m",
        "messages": [user("x")], "tools": [], "tool_choice": "required", "parallel_tool_calls": false}));
    assert_eq!((sent.get("tools"), sent.get("tool_choice")), (None, None));
}

#[test]
fn case_041_typed_tools_become_functions() {
    let (sent, _) = messages_to_chat()
        .body(&json!({"model": "m", "max_tokens": 9, "messages": [user("x")],
        "tools": [{"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}]}));
    let function = &sent["tools"][0]["function"];
    assert_eq!(function["name"], "str_replace_based_edit_tool");
    assert!(function["parameters"]["properties"]["command"]["enum"].is_array());
}

#[test]
fn hosted_tools_are_a_loss_that_strict_conversion_refuses() {
    let (sent, losses) = messages_to_chat().body(&json!({"model": "m", "max_tokens": 9, "messages": [user("x")],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}, {"type": "computer_toolset_20260801"}]}));
    assert_eq!(sent.get("tools"), None);
    assert_eq!(losses.refused(), ["toolset", "web_search_20250305"]);
}

#[test]
fn a_search_of_the_web_crosses_where_the_model_has_one() {
    let place = json!({"type": "approximate", "city": "Bern", "country": "CH"});
    let tool = json!({"type": "web_search_20250305", "name": "web_search", "user_location": place,
        "blocked_domains": ["x.example"]});
    let body = json!({"model": "m", "max_tokens": 9, "messages": [user("x")],
        "tools": [tool, {"name": "f", "input_schema": {"type": "object"}}]});
    let profile = Profile { is_limit_completion: true, ..Profile::default() };
    let way = Way { model: "gpt-4o-search-preview", profile, ..messages_to_chat() };
    let (sent, losses) = way.body(&body);
    assert_eq!(
        sent["web_search_options"],
        json!({"user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}})
    );
    assert_eq!(sent["tools"].as_array().unwrap().len(), 1);
    assert_eq!(losses.refused(), ["blocked_domains"]);
    let (sent, losses) = messages_to_chat().body(&body);
    assert_eq!(sent.get("web_search_options"), None);
    assert_eq!(losses.refused(), ["web_search_20250305"]);
    let chat = json!({"model": "m", "messages": [user("x")], "web_search_options": {
        "user_location": {"type": "approximate", "approximate": {"city": "Bern", "country": "CH"}}}});
    let (sent, losses) = chat_to_messages("claude-opus-4-5").body(&chat);
    assert_eq!(
        sent["tools"],
        json!([{"type": "web_search_20250305", "name": "web_search", "user_location": place}])
    );
    assert!(losses.is_empty(), "{}", losses.header());
    let (sent, losses) = chat_to_messages("glm-5").body(&chat);
    assert_eq!(sent.get("tools"), None);
    assert_eq!(losses.refused(), ["web_search_options"]);
}

#[test]
fn case_049_objects_without_properties() {
    let (sent, _) = messages_to_chat()
        .body(&json!({"model": "m", "max_tokens": 9, "messages": [user("x")],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]}));
    assert_eq!(
        sent["tools"][0]["function"]["parameters"],
        json!({"type": "object", "properties": {}})
    );
}

#[test]
fn custom_tools_become_functions_with_one_text() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "tools": [
        {"type": "custom", "custom": {"name": "patch", "description": "d", "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: x"}}}}],
        "messages": [user("x"),
            {"role": "assistant", "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "patch", "input": "*** Begin \"x\""}}]},
            result("a", "r")]}));
    assert!(sent["tools"][0]["description"].as_str().unwrap().ends_with("start: x"));
    assert_eq!(sent["tools"][0]["input_schema"]["required"], json!(["input"]));
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({"input": "*** Begin \"x\""}));
}

#[test]
fn n11_members_of_a_toolset_have_names_of_their_own() {
    let (sent, _) = messages_to_chat().body(&json!({"model": "m", "max_tokens": 9, "messages": [
        user("x"),
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "left_click", "toolset_name": "computer", "input": {}},
            {"type": "tool_use", "id": "2", "name": "left_click", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "1", "content": "a"},
            {"type": "tool_result", "tool_use_id": "2", "content": "b"}]},
    ]}));
    let names: Vec<_> = sent["messages"][1]["tool_calls"]
        .as_array()
        .unwrap()
        .iter()
        .map(|call| call["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["computer__left_click", "left_click"]);
}
