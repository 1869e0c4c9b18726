//! Roles, system, settings.

use codegate::canonical::{Echo, Effort, Profile};
use serde_json::{Value, json};

use super::stage::*;

fn user(text: &str) -> Value {
    json!({"role": "user", "content": text})
}

#[test]
fn case_001_the_attribution_block_goes_nowhere() {
    let way = messages_to_chat();
    let body = |cch: &str| {
        json!({"model": "m", "max_tokens": 10, "messages": [user("hi")], "system": [
            {"type": "text", "text": format!("x-anthropic-billing-header: cch={cch}")},
            {"type": "text", "text": "You help.", "cache_control": {"type": "ephemeral"}},
        ]})
    };
    let (sent, _) = way.body(&body("1"));
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": [{"type": "text", "text": "You help."}]})
    );
    assert_eq!(way.text(&body("1").to_string()), way.text(&body("2").to_string()));
}

#[test]
fn case_003_a_late_system_turn_stays_where_it_is() {
    let body = json!({"model": "m", "messages": [
        {"role": "system", "content": "A"}, user("1"),
        {"role": "system", "content": "B"}, user("2"),
    ]});
    let (sent, _) = chat_to_messages("claude-opus-4-8").body(&body);
    assert_eq!(sent["system"], json!([{"type": "text", "text": "A"}]));
    assert_eq!(sent["messages"], json!([user("1"), {"role": "system", "content": "B"}, user("2")]));
    let (sent, _) = chat_to_messages("claude-sonnet-4-5").body(&body);
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "1"},
            {"type": "text", "text": "<system-reminder>B</system-reminder>"},
            {"type": "text", "text": "2"},
        ]}])
    );
}

#[test]
fn n10_a_system_turn_behind_the_assistants_becomes_a_reminder() {
    let body = json!({"model": "m", "messages": [
        user("1"), {"role": "assistant", "content": "x"}, {"role": "system", "content": "B"},
    ]});
    let (sent, _) = chat_to_messages("claude-opus-4-8").body(&body);
    assert_eq!(sent["messages"][2], user("<system-reminder>B</system-reminder>"));
    let after_user =
        json!({"model": "m", "messages": [user("1"), {"role": "system", "content": "B"}]});
    let (sent, _) = chat_to_messages("claude-sonnet-5").body(&after_user);
    assert_eq!(sent["messages"][0]["content"][1]["text"], "<system-reminder>B</system-reminder>");
    let (sent, _) = chat_to_messages("claude-opus-4-8").body(&after_user);
    assert_eq!(sent["messages"][1], json!({"role": "system", "content": "B"}));
}

#[test]
fn n09_a_system_turn_with_its_own_effort() {
    let (sent, losses) = messages_to_chat().body(&json!({"model": "claude-opus-5-5", "max_tokens": 9,
        "thinking": {"type": "adaptive"}, "messages": [
        user("1"),
        {"role": "system", "content": [{"type": "text", "text": "S"}], "output_config": {"effort": "low"}},
        {"role": "system", "output_config": {"effort": "low"}},
    ]}));
    assert_eq!(sent["messages"], json!([user("1"), {"role": "system", "content": "S"}]));
    assert_eq!(sent["reasoning_effort"], "low");
    assert!(losses.header().contains("system_effort"), "{}", losses.header());
}

#[test]
fn case_005_the_first_turn_is_the_users() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        {"role": "assistant", "content": "hi"}, user("x"),
    ]}));
    let roles: Vec<_> =
        sent["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
}

#[test]
fn case_006_neighbours_become_one_turn() {
    let image = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg"}});
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("a"), {"role": "user", "content": [image]}, user("b"),
    ]}));
    let kinds: Vec<_> = sent["messages"][0]["content"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["text", "image", "text"]);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
}

#[test]
fn case_010_011_empty_turns_and_blank_text_are_left_out() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("a"), {"role": "assistant", "content": "", "tool_calls": []}, user("b"), user("  \n"),
    ]}));
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": [
            {"type": "text", "text": "a"}, {"type": "text", "text": "b"},
        ]}])
    );
}

#[test]
fn case_012_013_prefill_by_model() {
    let body = json!({"model": "m", "max_tokens": 9, "messages": [
        user("q"), {"role": "assistant", "content": "The answer is ("},
    ]});
    let (sent, losses) = messages_to_chat().body(&body);
    let messages = sent["messages"].as_array().unwrap();
    assert_eq!(messages.last().unwrap()["role"], "user");
    assert!(messages.last().unwrap()["content"].as_str().unwrap().ends_with("The answer is ("));
    assert_eq!(losses.header(), "prefill");
    let chat = json!({"model": "m", "messages": [
        user("q"), {"role": "assistant", "content": "So:  "},
    ]});
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&chat);
    assert_eq!(sent["messages"][1], json!({"role": "assistant", "content": "So:"}));
    let (sent, _) = chat_to_messages("claude-opus-4-6").body(&chat);
    assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
    let answer = json!({"id": "c", "choices": [{"message": {"content": "The answer is (42)"}, "finish_reason": "stop"}]});
    let answer = whole(&messages_to_chat().plan_for(&body), &answer);
    assert_eq!(answer["content"][0]["text"], "42)");
}

#[test]
fn case_015b_null_content_and_unknown_roles() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        {"role": "user", "content": null}, user("x"),
        {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t", "content": null},
        {"role": "assistant"},
        user("y"),
    ]}));
    assert_eq!(sent["messages"].as_array().unwrap().len(), 3, "{sent}");
    assert_eq!(
        sent["messages"][2]["content"][0],
        json!({"type": "tool_result", "tool_use_id": "t"})
    );
    let error = chat_to_messages("claude-opus-4-5")
        .translate(
            &json!({"model": "m", "messages": [user("x"), {"role": "critic", "content": "x"}]}),
        )
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("messages.1.role: "), "{error}");
}

#[test]
fn case_036_parallel_calls_are_left_as_they_are() {
    let tools = json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]);
    let body = |choice: Value| json!({"model": "m", "max_tokens": 9, "messages": [user("x")], "tools": tools, "tool_choice": choice});
    let (sent, _) =
        messages_to_chat().body(&body(json!({"type": "any", "disable_parallel_tool_use": true})));
    assert_eq!(sent["tool_choice"], "required");
    assert_eq!(sent["parallel_tool_calls"], false);
    let (sent, _) = messages_to_chat().body(&body(json!({"type": "auto"})));
    assert_eq!(sent["tool_choice"], "auto");
    assert_eq!(sent.get("parallel_tool_calls"), None);
}

#[test]
fn case_066_effort_and_budget() {
    let chat = |thinking: Value, model: &str| {
        let (sent, _) = messages_to_chat().body(&json!({"model": model, "max_tokens": 32000,
            "thinking": thinking, "messages": [user("x")]}));
        sent.get("reasoning_effort").cloned().unwrap_or_default()
    };
    assert_eq!(chat(json!({"type": "enabled", "budget_tokens": 10000}), "m"), "medium");
    assert_eq!(chat(json!({"type": "disabled"}), "m"), "none");
    let messages = |model, effort: &str, max: u64| {
        let (sent, _) = chat_to_messages(model).body(&json!({"model": "m", "max_tokens": max,
            "reasoning_effort": effort, "messages": [user("x")]}));
        (sent["thinking"].clone(), sent["output_config"].clone())
    };
    assert_eq!(
        messages("claude-sonnet-4-5", "high", 4096).0,
        json!({"type": "enabled", "budget_tokens": 4095})
    );
    assert_eq!(messages("claude-opus-4-6", "high", 4096).1, json!({"effort": "high"}));
}

#[test]
fn n05_off_and_automatic_by_model() {
    let messages = |model| {
        let (sent, losses) = chat_to_messages(model).body(&json!({"model": "m",
            "reasoning_effort": "none", "messages": [user("x")]}));
        (sent["thinking"]["type"].clone(), sent["output_config"].clone(), losses.header())
    };
    assert_eq!(
        messages("claude-opus-5-5"),
        (json!("adaptive"), json!({"effort": "low"}), "thinking_off".into())
    );
    assert_eq!(messages("claude-sonnet-5-5").0, "between_tools");
    assert_eq!(messages("claude-haiku-5-5").0, "disabled");
    let chat = |model: &str| {
        messages_to_chat()
            .body(&json!({"model": model, "max_tokens": 9,
            "thinking": {"type": "adaptive"}, "messages": [user("x")]}))
            .0["reasoning_effort"]
            .clone()
    };
    assert_eq!(chat("claude-opus-5-5"), "medium");
    assert_eq!(chat("claude-sonnet-5-5"), "high");
}

fn forced(model: &'static str, effort: Option<&str>) -> (Value, String) {
    let tools =
        json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
    let (sent, losses) = chat_to_messages(model).body(&json!({"model": "m", "max_tokens": 30000,
        "temperature": 0.2, "reasoning_effort": effort, "tools": tools, "tool_choice": "required",
        "messages": [user("x")]}));
    (sent, losses.header())
}

#[test]
fn case_067_forcing_a_tool_beats_thinking() {
    let (sent, losses) = forced("claude-sonnet-4-5", Some("high"));
    assert_eq!(sent["thinking"], json!({"type": "disabled"}));
    assert_eq!(sent["tool_choice"], json!({"type": "any"}));
    assert_eq!(sent["temperature"], 0.2);
    assert_eq!(losses, "thinking");
    let (sent, _) = chat_to_messages("claude-sonnet-4-5").body(&json!({"model": "m",
        "max_tokens": 30000, "temperature": 0.2, "reasoning_effort": "high", "messages": [user("x")]}));
    assert_eq!(sent["thinking"]["type"], "enabled");
    assert_eq!(sent.get("temperature"), None);
}

#[test]
fn n04_a_tool_that_cannot_be_forced() {
    let (sent, losses) = forced("claude-opus-5-5", None);
    assert_eq!(sent["tool_choice"], json!({"type": "auto"}));
    assert!(sent["system"][0]["text"].as_str().unwrap().contains("tool f"), "{sent}");
    assert!(losses.contains("tool_choice"), "{losses}");
    let (sent, _) = forced("claude-haiku-5-5", None);
    assert_eq!(sent["tool_choice"], json!({"type": "any"}));
}

#[test]
fn n02_case_068_sampling_by_model() {
    let sent = |model| {
        let (sent, losses) = chat_to_messages(model).body(&json!({"model": "m",
            "temperature": 0.7, "top_p": 0.9, "messages": [user("x")]}));
        (sent.get("temperature").cloned(), sent.get("top_p").cloned(), losses.header())
    };
    assert_eq!(sent("claude-opus-5-5"), (None, None, "temperature,top_p".into()));
    assert_eq!(sent("claude-opus-4-6"), (Some(json!(0.7)), None, "top_p".into()));
    assert_eq!(sent("glm-5"), (Some(json!(0.7)), Some(json!(0.9)), String::new()));
}

#[test]
fn case_094_output_limits() {
    let (sent, _) =
        chat_to_messages("claude-sonnet-4-5").body(&json!({"model": "m", "messages": [user("x")]}));
    assert_eq!(sent["max_tokens"], 64000);
    let both = json!({"model": "m", "max_tokens": 10, "max_completion_tokens": 20, "messages": [user("x")]});
    let (sent, _) = chat_to_messages("claude-sonnet-4-5").body(&both);
    assert_eq!(sent["max_tokens"], 20);
    let mut way = messages_to_chat();
    let body = json!({"model": "m", "max_tokens": 10, "messages": [user("x")]});
    let (sent, _) = way.body(&body);
    assert_eq!(
        (sent.get("max_tokens"), sent.get("max_completion_tokens")),
        (Some(&json!(10)), None)
    );
    way.profile = Profile { is_limit_completion: true, ..Profile::default() };
    let (sent, _) = way.body(&body);
    assert_eq!(
        (sent.get("max_tokens"), sent.get("max_completion_tokens")),
        (None, Some(&json!(10)))
    );
}

#[test]
fn case_099_what_cannot_be_had_is_said() {
    let body = |name: &str, value: Value| {
        let mut body = json!({"model": "m", "messages": [user("x")]});
        body[name] = value;
        body
    };
    let way = chat_to_messages("claude-opus-4-5");
    let error = way.translate(&body("n", json!(2))).err().unwrap();
    assert!(error.to_string().starts_with("n: "), "{error}");
    let (_, losses) = way.body(&body("logprobs", json!(true)));
    assert_eq!(losses.refused(), ["logprobs"]);
    let (_, losses) = way.body(&body("logprobs", json!(false)));
    assert!(losses.is_empty());
}

#[test]
fn case_106_images_and_data_addresses() {
    let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "/9j/4AAQSkZJRgABAQ=="}});
    let (sent, _) = messages_to_chat().body(&json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": [{"type": "text", "text": "what?"}, image]},
    ]}));
    assert_eq!(
        sent["messages"][0]["content"][1]["image_url"]["url"],
        "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ=="
    );
    let way = chat_to_messages("claude-opus-4-5");
    let picture = |url: &str| {
        json!({"model": "m", "messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": url}}]}]})
    };
    let error = way.translate(&picture("data:image/png,xx")).err().unwrap();
    assert!(error.to_string().starts_with("messages.0.content.0: "), "{error}");
    assert!(way.translate(&picture("data:text/plain,a%20b")).is_ok());
    assert!(way.translate(&picture("data:")).is_err());
}

#[test]
fn case_107_an_address_stays_an_address() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]},
    ]}));
    assert_eq!(
        sent["messages"][0]["content"][0]["source"],
        json!({"type": "url", "url": "https://x.example/a.png"})
    );
}

#[test]
fn case_105_blocks_of_the_other_format_inside_chat_messages() {
    let (sent, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        user("x"),
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "r"}]},
    ]}));
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({"a": 1}));
    assert_eq!(
        sent["messages"][2]["content"][0],
        json!({"type": "tool_result", "tool_use_id": "t1", "content": "r"})
    );
}

#[test]
fn structured_output_keeps_its_contract() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    let (sent, _) = messages_to_chat()
        .body(&json!({"model": "m", "max_tokens": 9, "messages": [user("x")],
        "output_config": {"format": {"type": "json_schema", "schema": schema}}}));
    assert_eq!(
        sent["response_format"],
        json!({"type": "json_schema", "json_schema": {"name": "response", "schema": schema, "strict": true}})
    );
    let open = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let (sent, _) = chat_to_messages("claude-opus-4-6")
        .body(&json!({"model": "m", "messages": [user("x")],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": open}}}));
    assert_eq!(sent["output_config"]["format"]["schema"]["additionalProperties"], false);
}

#[test]
fn n12_tools_that_come_and_go() {
    let addition = json!({"type": "tool_addition", "tool": {"type": "tool_definition", "definition": {"name": "late", "input_schema": {"type": "object", "properties": {}}}}});
    let removal = json!({"type": "tool_removal", "tool": {"name": "late"}});
    let body = |blocks: Value| {
        json!({"model": "m", "max_tokens": 9, "messages": [
            user("x"), {"role": "system", "content": blocks},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "late", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
        ]})
    };
    let (sent, losses) = messages_to_chat().body(&body(json!([addition])));
    assert_eq!(sent["tools"][0]["function"]["name"], "late");
    assert_eq!(losses.header(), "tool_change");
    let (sent, _) = messages_to_chat().body(&body(json!([addition, removal])));
    assert_eq!(sent.get("tools"), None);
    assert_eq!(sent["messages"][2], json!({"role": "tool", "tool_call_id": "t", "content": "r"}));
}

#[test]
fn models_that_call_tools_or_reason() {
    let effort = |model, is_official, tools: bool| {
        let way = Way {
            model,
            profile: Profile { is_limit_completion: is_official, ..Profile::default() },
            ..messages_to_chat()
        };
        let tools = if tools {
            json!([{"name": "f", "input_schema": {"type": "object"}}])
        } else {
            json!([])
        };
        let (sent, losses) = way.body(&json!({"model": "m", "max_tokens": 9000, "tools": tools,
            "thinking": {"type": "enabled", "budget_tokens": 8000}, "messages": [user("x")]}));
        (
            sent["reasoning_effort"].as_str().unwrap().to_owned(),
            losses.header().contains("thinking"),
        )
    };
    assert_eq!(effort("gpt-5.5", true, true), ("none".into(), true));
    assert_eq!(effort("gpt-6-sol", true, true), ("none".into(), true));
    assert_eq!(effort("gpt-5.5", true, false), ("medium".into(), false));
    assert_eq!(effort("gpt-5.2", true, true), ("medium".into(), false));
    assert_eq!(effort("gpt-5.5", false, true), ("medium".into(), false));
}

#[test]
fn images_give_way_to_a_notice_where_the_model_cannot_see() {
    const NOTICE: &str = "[image left out: this model cannot see images]";
    for takes_text_parts in [true, false] {
        let profile = Profile { takes_images: Some(false), takes_text_parts, ..Profile::default() };
        let image = json!({"type": "image", "cache_control": {"type": "ephemeral"},
            "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAANSU"}});
        let text = json!({"type": "text", "text": "look"});
        let way = Way { profile: profile.clone(), ..messages_to_chat() };
        let (sent, losses) = way.body(&json!({"model": "m", "max_tokens": 9, "messages": [
            {"role": "user", "content": [text, image]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}]},
        ]}));
        let all = sent.to_string();
        assert_eq!(all.matches(NOTICE).count(), 2, "{all}");
        assert!(!all.contains("iVBOR"), "{all}");
        assert!(losses.header().contains("image(2)"), "{}", losses.header());
        let way = Way { profile, ..chat_to_messages("claude-opus-4-5") };
        let (sent, losses) = way.body(&json!({"model": "m", "messages": [{"role": "user", "content": [
            text, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]}));
        assert_eq!(
            sent["messages"][0]["content"],
            json!([{"type": "text", "text": "look"}, {"type": "text", "text": NOTICE}])
        );
        assert_eq!(losses.header(), "image");
    }
}

#[test]
fn a_model_without_tools_is_told_of_earlier_calls_in_words() {
    let profile = Profile { takes_tools: Some(false), ..Profile::default() };
    let way = Way { profile: profile.clone(), ..messages_to_chat() };
    let (sent, losses) = way.body(&json!({"model": "m", "max_tokens": 9,
        "tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any"},
        "messages": [
            user("go"),
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1.0}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
        ]}));
    assert_eq!((sent.get("tools"), sent.get("tool_choice")), (None, None));
    assert_eq!(sent["messages"][1]["content"], r#"[called the tool f with {"a":1.0}]"#);
    assert_eq!(sent["messages"][2]["role"], "user");
    assert!(sent["messages"][2]["content"].as_str().unwrap().ends_with('r'));
    assert_eq!(losses.refused(), ["tools"]);
    let way = Way { profile, ..chat_to_messages("claude-opus-4-5") };
    let (sent, losses) = way.body(&json!({"model": "m", "messages": [user("go")],
        "tools": [{"type": "function", "function": {"name": "f"}}]}));
    assert_eq!(sent.get("tools"), None);
    assert_eq!(losses.refused(), ["tools"]);
}

#[test]
fn marks_for_the_prompt_cache_cross_where_the_model_knows_them() {
    let mark = json!({"type": "ephemeral"});
    let text = |text: &str| json!({"type": "text", "text": text, "cache_control": mark});
    let official = || Profile { is_limit_completion: true, ..Profile::default() };
    let way = |model| Way { model, profile: official(), ..messages_to_chat() };
    let image = json!({"type": "image", "cache_control": mark,
        "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgoAAAANSU"}});
    let body = json!({"model": "m", "max_tokens": 9, "system": [text("s1"), text("s2")], "messages": [
        {"role": "user", "content": [{"type": "text", "text": "look"}, image]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r",
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"role": "user", "content": [text("end")]},
    ]});
    let point = json!({"mode": "explicit"});
    let (sent, losses) = way("gpt-5.6").body(&body);
    // Of five the first is left out.
    assert_eq!(sent["messages"][0]["content"][0].get("prompt_cache_breakpoint"), None);
    assert_eq!(sent["messages"][0]["content"][1]["prompt_cache_breakpoint"], point);
    assert_eq!(sent["messages"][1]["content"][0]["prompt_cache_breakpoint"], point);
    assert_eq!(sent["messages"][1]["content"][1].get("prompt_cache_breakpoint"), None);
    assert_eq!(
        sent["messages"][3]["content"],
        json!([{"type": "text", "text": "r", "prompt_cache_breakpoint": point}])
    );
    assert_eq!(
        sent["messages"][4]["content"],
        json!([{"type": "text", "text": "end", "prompt_cache_breakpoint": point}])
    );
    assert_eq!(losses.header(), "cache_control,cache_ttl");
    for model in ["gpt-5.5", "other"] {
        let (sent, losses) = way(model).body(&body);
        assert!(!sent.to_string().contains("breakpoint"), "{sent}");
        assert_eq!(losses.header(), "cache_control(5)");
    }
    let (back, _) = chat_to_messages("claude-opus-4-5").body(&json!({"model": "m", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}]}]}));
    assert_eq!(
        back["messages"][0]["content"][0]["cache_control"],
        json!({"type": "ephemeral", "ttl": "1h"})
    );
}

#[test]
fn services_depart_from_their_format_as_their_files_say() {
    let body = |effort: Value| {
        json!({"model": "m", "max_tokens": 30000, "thinking": {"type": "adaptive"}, "output_config": effort,
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}, "additionalProperties": false}}],
        "tool_choice": {"type": "auto"}, "messages": [
            user("x"),
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]},
            {"role": "assistant", "content": "y"}, user("z"),
        ]})
    };
    let refused = [
        "schema:additionalProperties",
        "tool_choice:auto",
        "content:null",
        "response_format:json_schema",
    ];
    let profile = Profile {
        efforts: vec![Effort::High, Effort::Max],
        has_thinking_switch: true,
        echo: Echo::Always,
        refused: refused.map(str::to_owned).to_vec(),
        ..Profile::default()
    };
    let way = Way { profile, ..messages_to_chat() };
    let sent = |effort: &str| way.body(&body(json!({"effort": effort}))).0;
    let low = sent("low");
    assert_eq!(low["thinking"], json!({"type": "enabled"}));
    assert_eq!(low["reasoning_effort"], "high");
    assert_eq!(sent("xhigh")["reasoning_effort"], "max");
    assert_eq!(low.get("tool_choice"), None);
    assert_eq!(
        low["tools"][0]["function"]["parameters"],
        json!({"type": "object", "properties": {}})
    );
    assert_eq!(low["messages"][1]["content"], "");
    assert_eq!(low["messages"][1]["reasoning_content"], "hm");
    assert_eq!(low["messages"][3]["reasoning_content"], " ");
    let mut off = body(json!({}));
    off["thinking"] = json!({"type": "disabled"});
    off["output_config"] = json!({"format": {"type": "json_schema", "schema": {"type": "object"}}});
    let (off, losses) = way.body(&off);
    assert_eq!(off["thinking"], json!({"type": "disabled"}));
    assert_eq!(off.get("reasoning_effort"), None);
    assert!(!off.to_string().contains("reasoning_content"), "{off}");
    assert_eq!(off["response_format"], json!({"type": "json_object"}));
    assert_eq!(losses.refused(), ["json_schema"]);
    let always = Way {
        model: "gpt-6-astra",
        profile: Profile { is_limit_completion: true, ..Profile::default() },
        ..messages_to_chat()
    };
    assert_eq!(always.body(&body(json!({"effort": "high"}))).0["reasoning_effort"], "low");
}
