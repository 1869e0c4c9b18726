//! A Chat Completions request.

use std::borrow::Cow;

use bytes::Bytes;

use super::content::{Pen, marks_to_skip};
use crate::canonical::{
    Echo, Effort, Losses, Output, Profile, Request, Role, Tier, Tool, ToolChoice, ToolKind,
};
use crate::formats::codec::{Search, run_by_client};
use crate::formats::openai_chat::decode::request::WEB_SEARCH;
use crate::formats::schema;
use crate::json::{Escaped, Writer};

/// Characters an end user's name may have.
const USER_CHARS: usize = 128;

pub(in crate::formats::openai_chat) fn encode(
    request: &Request<'_>,
    profile: &Profile,
    source: &Bytes,
    losses: &mut Losses,
) -> Vec<Bytes> {
    let echo = match request.reasoning.effort {
        // Where reasoning is off, thoughts of earlier turns are refused.
        Some(Effort::Off) if profile.has_thinking_switch => Echo::Never,
        _ => profile.echo,
    };
    // Models from 5.6 on know marks for the prompt cache.
    let skipped_marks = is_after(&request.model, profile, 5.55).then(|| marks_to_skip(request));
    let out = Writer::sharing(source.clone());
    let mut pen = Pen { out, profile, losses, echo, skipped_marks };
    pen.out.begin().member("model", &request.model).key("messages").begin_list();
    let system: Vec<_> = request.system.clone();
    if !system.is_empty() {
        pen.message("system", &system, !request.is_system_plain && request.origin != ORIGIN);
    }
    for turn in &request.turns {
        match turn.role {
            Role::System | Role::Developer => pen.message("system", &turn.parts, false),
            Role::User => pen.user(&turn.parts),
            Role::Assistant => pen.assistant(&turn.parts),
        }
    }
    pen.out.end_list();
    limits(&mut pen, request);
    tools(&mut pen, request);
    settings(&mut pen, request);
    pen.out.end();
    pen.out.into_parts()
}

const ORIGIN: &str = "openai_chat";

fn limits(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    if let Some(mut limit) = request.max_output {
        if let Some(most) = pen.profile.max_output.filter(|most| limit > *most) {
            pen.losses.note("max_tokens");
            limit = most;
        }
        let name =
            if pen.profile.is_limit_completion { "max_completion_tokens" } else { "max_tokens" };
        // A request that only fills a cache cannot be made here: the least answer is one token.
        pen.out.key(name).number(limit.max(1));
    }
    if request.is_streaming {
        pen.out.key("stream").bool(true);
        if pen.profile.takes_stream_usage && pen.profile.takes("stream_options") {
            pen.out.key("stream_options").begin().key("include_usage").bool(true).end();
        }
    }
}

fn tools(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    // Only models made for it search, and they always do.
    let is_searching = pen.profile.is_limit_completion && request.model.contains("-search");
    let mut search = None;
    let offered = request.tools.iter().filter(|tool| {
        let found = is_searching.then(|| Search::read(tool, pen.losses)).flatten();
        let is_kept = found.is_none();
        search = search.take().or(found);
        is_kept
    });
    let offered: Vec<&Tool<'_>> = offered.collect();
    let kept = run_by_client(offered.into_iter(), pen.losses);
    if let Some(search) = search {
        write_search(pen, &search);
    }
    if kept.is_empty() {
        return;
    }
    pen.out.key("tools").begin_list();
    for tool in kept {
        write_tool(pen, tool);
    }
    pen.out.end_list();
    let takes_choice = |choice: &&ToolChoice<'_>| {
        pen.profile.takes("tool_choice")
            && (**choice != ToolChoice::Auto || pen.profile.takes("tool_choice:auto"))
    };
    if let Some(choice) = request.tool_choice.as_ref().filter(takes_choice) {
        pen.out.key("tool_choice");
        match choice {
            ToolChoice::Auto => {
                pen.out.text("auto");
            }
            ToolChoice::Required => {
                pen.out.text("required");
            }
            ToolChoice::None => {
                pen.out.text("none");
            }
            ToolChoice::Named(name) => {
                pen.out.begin().member("type", "function").key("function");
                pen.out.begin().member("name", name).end().end();
            }
            ToolChoice::Allowed { names, is_required } => {
                let mode = if *is_required { "required" } else { "auto" };
                pen.out.begin().member("type", "allowed_tools").key("allowed_tools").begin();
                pen.out.member("mode", mode).key("tools").begin_list();
                for name in names {
                    pen.out.begin().member("type", "function").key("function").begin();
                    pen.out.member("name", name).end().end();
                }
                pen.out.end_list().end().end();
            }
        }
    }
    if let Some(may_parallel) =
        request.may_parallel.filter(|_| pen.profile.takes("parallel_tool_calls"))
    {
        pen.out.key("parallel_tool_calls").bool(may_parallel);
    }
}

fn write_search(pen: &mut Pen<'_, '_>, search: &Search<'_>) {
    pen.out.key(WEB_SEARCH).begin();
    if !search.place.is_empty() {
        pen.out.key("user_location").begin().member("type", "approximate");
        pen.out.key("approximate").begin();
        for (name, value) in &search.place {
            pen.out.key(name).string(value);
        }
        pen.out.end().end();
    }
    pen.out.end();
}

fn write_tool(pen: &mut Pen<'_, '_>, tool: &Tool<'_>) {
    pen.out.begin().member("type", "function").key("function").begin();
    pen.out.member("name", &tool.name);
    let text = tool.description.clone().unwrap_or_default();
    let text = match tool.examples {
        Some(examples) => {
            let examples = String::from_utf8_lossy(examples);
            Escaped::text(&format!("{}\n\nExamples of input: {examples}", text.to_text()))
        }
        None => text,
    };
    if !text.is_empty() {
        pen.out.key("description").string(&text);
    }
    pen.out.key("parameters");
    match (&tool.kind, &tool.schema) {
        (ToolKind::Custom { .. }, _) => pen.out.raw(schema::TEXT_INPUT),
        (_, Some(schema)) if !pen.profile.takes("schema:additionalProperties") => {
            pen.out.raw(&schema::opened(&schema::with_properties(schema)))
        }
        (_, Some(schema)) => pen.out.raw(&schema::with_properties(schema)),
        (_, None) => pen.out.raw(schema::NO_INPUT),
    };
    if tool.is_strict == Some(true) && pen.profile.takes("strict") {
        pen.out.key("strict").bool(true);
    }
    if tool.cache.is_some() {
        pen.losses.note("cache_control");
    }
    pen.out.end().end();
}

fn settings(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    sampling(pen, request);
    stops(pen, request);
    effort(pen, request);
    output(pen, request);
    if let Some(user) = request.user.as_ref().filter(|_| pen.profile.is_limit_completion) {
        pen.out.member("safety_identifier", &short_user(user));
    }
    if let Some(key) = request.cache_key.as_ref().filter(|_| pen.profile.is_limit_completion) {
        pen.out.key("prompt_cache_key").string(key);
    }
    if request.cache.is_some() {
        pen.losses.note("cache_control");
    }
    if let Some(tier) = request.tier.filter(|_| pen.profile.is_limit_completion) {
        pen.out.member(
            "service_tier",
            match tier {
                Tier::Auto => "auto",
                Tier::Standard => "default",
                Tier::Flex => "flex",
                Tier::Priority => "priority",
                Tier::Fast => "fast",
            },
        );
    }
    for extra in &request.extra {
        pen.losses.add(Cow::Owned(extra.name.clone().into_owned()), extra.severity);
    }
}

fn sampling(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    let numbers = &request.sampling;
    // The vendor's own models that think take no sampling numbers.
    let thinks = pen.profile.is_limit_completion
        && request.reasoning.effort.is_some_and(|effort| effort > Effort::Off);
    for (name, raw) in [
        ("temperature", numbers.temperature),
        ("top_p", numbers.top_p),
        ("presence_penalty", numbers.presence_penalty),
        ("frequency_penalty", numbers.frequency_penalty),
        ("seed", numbers.seed),
    ] {
        let Some(raw) = raw else { continue };
        if (thinks && name != "seed") || !pen.profile.takes(name) {
            pen.losses.degraded(name);
        } else {
            pen.out.key(name).raw(raw);
        }
    }
    if numbers.top_k.is_some() {
        pen.losses.degraded("top_k");
    }
}

fn stops(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    if request.stop.is_empty() {
        return;
    }
    pen.out.key("stop").begin_list();
    for text in &request.stop {
        pen.out.string(text);
    }
    pen.out.end_list();
}

fn effort(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    let Some(effort) = request.reasoning.effort else { return };
    if pen.profile.takes_reasoning == Some(false) {
        if effort > Effort::Off {
            pen.losses.degraded("thinking");
        }
        return;
    }
    if pen.profile.has_thinking_switch {
        let kind = if effort > Effort::Off { "enabled" } else { "disabled" };
        pen.out.key("thinking").begin().member("type", kind).end();
        if effort == Effort::Off {
            return;
        }
    }
    if !pen.profile.takes_effort || !pen.profile.takes("reasoning_effort") {
        if effort > Effort::Off && !pen.profile.has_thinking_switch {
            pen.losses.degraded("thinking");
        }
        return;
    }
    let has_to_choose = has_to_choose(request, pen.profile) && effort > Effort::Off;
    let effort = if has_to_choose {
        pen.losses.degraded("thinking");
        Effort::Off
    } else {
        pen.profile.nearest(effort)
    };
    pen.out.member("reasoning_effort", effort.max(least_effort(&request.model)).name());
}

/// Some of the vendor's own models always reason.
fn least_effort(model: &str) -> Effort {
    let always = ["gpt-6-astra", "gpt-6.1-sol"];
    if always.iter().any(|name| model.starts_with(name)) { Effort::Low } else { Effort::Off }
}

/// The vendor's own models from 5.4 on call tools or reason at this endpoint, never both.
fn has_to_choose(request: &Request<'_>, profile: &Profile) -> bool {
    is_after(&request.model, profile, 5.35) && !request.tools.is_empty()
}

/// Whether `model` is one of the vendor's own, of a later version.
fn is_after(model: &str, profile: &Profile, version: f32) -> bool {
    let name = model.strip_prefix("gpt-").filter(|_| profile.is_limit_completion);
    let number = name.and_then(|name| {
        let end = name.find(|c: char| !c.is_ascii_digit() && c != '.');
        name.get(..end.unwrap_or(name.len()))?.parse::<f32>().ok()
    });
    number.is_some_and(|number| number > version)
}

fn output(pen: &mut Pen<'_, '_>, request: &Request<'_>) {
    if matches!(request.output, Output::Text) {
        return;
    }
    if !pen.profile.takes("response_format") {
        pen.losses.semantic("response_format");
        return;
    }
    pen.out.key("response_format").begin();
    let takes_schema = pen.profile.takes("response_format:json_schema");
    if !takes_schema && matches!(request.output, Output::Schema { .. }) {
        pen.losses.semantic("json_schema");
        pen.out.member("type", "json_object");
    } else if let Output::Schema { name, description, schema, is_strict } = &request.output {
        pen.out.member("type", "json_schema").key("json_schema").begin();
        let response = Escaped::raw(b"response");
        pen.out.key("name").string(name.as_ref().unwrap_or(&response));
        if let Some(description) = description {
            pen.out.key("description").string(description);
        }
        pen.out.key("schema").raw(schema);
        if let Some(is_strict) = is_strict {
            pen.out.key("strict").bool(*is_strict);
        }
        pen.out.end();
    } else {
        pen.out.member("type", "json_object");
    }
    pen.out.end();
}

/// An end user's name as it may be sent: a long one by its digest.
fn short_user(user: &Escaped<'_>) -> String {
    let text = user.to_text();
    if text.chars().count() <= USER_CHARS {
        return text.into_owned();
    }
    crate::formats::digest_hex(&text)
}
