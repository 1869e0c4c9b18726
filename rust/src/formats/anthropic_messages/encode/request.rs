//! A Messages request.

use std::borrow::Cow;

use bytes::Bytes;

use super::content::{Pen, is_written, marks_to_skip};
use crate::canonical::{
    Content, Effort, Losses, Output, Part, Profile, Request, Role, Sampling, Tier, Tool,
    ToolChoice, ToolKind,
};
use crate::formats::anthropic_messages::models::{self, Model, Numbers, Thinking};
use crate::formats::codec::{Search, run_by_client};
use crate::formats::schema;
use crate::json::{Escaped, Node, Writer};

/// The least budget there is.
const LEAST_BUDGET: u64 = 1024;
/// Below it a model that thinks takes no `top_p`.
const LEAST_TOP_P: f64 = 0.95;

/// Settings of one request that depend on each other.
struct Plan<'a> {
    max_tokens: u64,
    thinking: Plot,
    effort: Option<&'static str>,
    choice: Option<ToolChoice<'a>>,
    /// A sentence that stands in for what cannot be asked for.
    sentence: Option<String>,
}

/// The `thinking` member to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plot {
    Absent,
    Disabled,
    Budget(u64),
    Adaptive,
    BetweenTools,
}

pub(in crate::formats::anthropic_messages) fn encode(
    request: &Request<'_>,
    profile: &Profile,
    source: &Bytes,
    losses: &mut Losses,
) -> Vec<Bytes> {
    let model = models::rules(&request.model);
    let plan = plan(request, profile, model, losses);
    let skipped_marks = marks_to_skip(count_marks(request));
    let mut pen = Pen { out: Writer::sharing(source.clone()), losses, skipped_marks };
    pen.out.begin().member("model", &request.model);
    pen.out.key("max_tokens").number(plan.max_tokens);
    if request.is_streaming {
        pen.out.key("stream").bool(true);
    }
    // The order of what caches cover: tools, system, messages.
    tools(&mut pen, request, &plan);
    system(&mut pen, request, &plan);
    pen.out.key("messages").begin_list();
    for turn in &request.turns {
        let role = match turn.role {
            Role::System | Role::Developer => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        pen.out.begin().member("role", role).key("content");
        content(&mut pen, &turn.parts, turn.role);
        pen.out.end();
    }
    pen.out.end_list();
    settings(&mut pen, request, &plan, model);
    pen.out.end();
    pen.out.into_parts()
}

fn content(pen: &mut Pen<'_>, parts: &[Part<'_>], role: Role) {
    if let [Part { content: Content::Text { text, citations: None }, cache: None }] = parts {
        pen.out.string(text);
        return;
    }
    pen.out.begin_list();
    for part in parts {
        pen.part(part, role);
    }
    pen.out.end_list();
}

fn count_marks(request: &Request<'_>) -> usize {
    let tools = request.tools.iter().filter(|tool| tool.cache.is_some()).count();
    let parts = request.turns.iter().flat_map(|turn| &turn.parts).chain(&request.system);
    tools + parts.filter(|part| part.cache.is_some() && is_written(part)).count()
}

fn plan<'a>(
    request: &Request<'a>,
    profile: &Profile,
    model: Model,
    losses: &mut Losses,
) -> Plan<'a> {
    let limit = profile.max_output.unwrap_or(model.max_output);
    let mut max_tokens = request.max_output.unwrap_or(limit);
    if profile.max_output.is_some_and(|limit| max_tokens > limit) {
        max_tokens = limit;
        losses.note("max_tokens");
    }
    let mut plan = Plan {
        max_tokens,
        thinking: Plot::Absent,
        effort: None,
        choice: request.tool_choice.clone().filter(|_| !request.tools.is_empty()),
        sentence: None,
    };
    if profile.takes_reasoning != Some(false) {
        (plan.thinking, plan.effort) = thinking(request, model, max_tokens, losses);
    } else if request.reasoning.effort.is_some_and(|effort| effort > Effort::Off) {
        losses.degraded("thinking");
    }
    settle_choice(request, model, &mut plan, losses);
    if matches!(plan.thinking, Plot::Budget(_)) && is_loop_without_thinking(request) {
        plan.thinking = Plot::Disabled;
        losses.degraded("thinking");
    }
    plan
}

fn thinking(
    request: &Request<'_>,
    model: Model,
    max_tokens: u64,
    losses: &mut Losses,
) -> (Plot, Option<&'static str>) {
    let Some(effort) = request.reasoning.effort else { return (Plot::Absent, None) };
    let name = match effort {
        Effort::Off | Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::XHigh if model.takes_xhigh => "xhigh",
        Effort::High | Effort::XHigh => "high",
        Effort::Max => "max",
    };
    match (model.thinking, effort) {
        (Thinking::Budget | Thinking::Adaptive, Effort::Off) => (Plot::Disabled, None),
        (Thinking::Budget, _) if max_tokens <= LEAST_BUDGET => {
            losses.degraded("thinking");
            (Plot::Disabled, None)
        }
        (Thinking::Budget, _) => {
            let budget = request.reasoning.budget.unwrap_or_else(|| effort.budget(max_tokens));
            (Plot::Budget(budget.clamp(LEAST_BUDGET, max_tokens - 1)), None)
        }
        (Thinking::AlwaysOn, Effort::Off) => {
            losses.degraded("thinking_off");
            (Plot::Adaptive, Some("low"))
        }
        (Thinking::BetweenTools, Effort::Off) => (Plot::BetweenTools, None),
        _ => (Plot::Adaptive, Some(name)),
    }
}

/// Forcing a tool and thinking exclude each other.
fn settle_choice(request: &Request<'_>, model: Model, plan: &mut Plan<'_>, losses: &mut Losses) {
    if let Some(ToolChoice::Allowed { is_required, .. }) = plan.choice {
        // The tools themselves are filtered where they are written.
        plan.choice = Some(if is_required { ToolChoice::Required } else { ToolChoice::Auto });
    }
    let is_forced = matches!(plan.choice, Some(ToolChoice::Required | ToolChoice::Named(_)));
    if !is_forced {
        return;
    }
    let thinks = matches!(plan.thinking, Plot::Budget(_) | Plot::Adaptive);
    if thinks && matches!(model.thinking, Thinking::Budget | Thinking::Adaptive) {
        plan.thinking = Plot::Disabled;
        plan.effort = None;
        losses.degraded("thinking");
    } else if !model.takes_forced_tool {
        plan.sentence = Some(match &plan.choice {
            Some(ToolChoice::Named(name)) => {
                format!("Answer by calling the tool {name}.")
            }
            _ => match request.tools.as_slice() {
                [only] => format!("Answer by calling the tool {}.", only.name),
                _ => "Answer by calling at least one of the tools.".to_owned(),
            },
        });
        plan.choice = Some(ToolChoice::Auto);
        losses.semantic("tool_choice");
    }
}

/// A model that is told to think insists that a turn which called tools began with thinking.
fn is_loop_without_thinking(request: &Request<'_>) -> bool {
    let last = request.turns.iter().rfind(|turn| turn.role == Role::Assistant);
    let has_results = request.turns.last().is_some_and(|turn| {
        turn.parts.iter().any(|part| matches!(part.content, Content::Result(_)))
    });
    has_results
        && last.and_then(|turn| turn.parts.first()).is_some_and(|part| {
            !matches!(part.content, Content::Reasoning { .. } | Content::Redacted { .. })
        })
}

fn tools(pen: &mut Pen<'_>, request: &Request<'_>, plan: &Plan<'_>) {
    if request.tools.is_empty() {
        return;
    }
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let offered =
        request.tools.iter().filter(|tool| allowed.is_none_or(|names| names.contains(&tool.name)));
    let mut searches = Vec::new();
    let is_own = models::is_own(&request.model);
    let offered = offered.filter(|tool| {
        let search = is_own.then(|| Search::read(tool, pen.losses)).flatten();
        let is_kept = search.is_none();
        searches.extend(search);
        is_kept
    });
    let offered: Vec<&Tool<'_>> = offered.collect();
    let kept = run_by_client(offered.into_iter(), pen.losses);
    if kept.is_empty() && searches.is_empty() {
        return;
    }
    pen.out.key("tools").begin_list();
    for tool in kept {
        write_tool(pen, tool);
    }
    for search in searches {
        write_search(pen, &search);
    }
    pen.out.end_list();
    let serial = request.may_parallel == Some(false);
    let choice = plan.choice.clone().or_else(|| serial.then_some(ToolChoice::Auto));
    let Some(choice) = choice else { return };
    pen.out.key("tool_choice").begin();
    match &choice {
        ToolChoice::Required => pen.out.member("type", "any"),
        ToolChoice::None => pen.out.member("type", "none"),
        ToolChoice::Named(name) => pen.out.member("type", "tool").member("name", name),
        ToolChoice::Auto | ToolChoice::Allowed { .. } => pen.out.member("type", "auto"),
    };
    if serial && choice != ToolChoice::None {
        pen.out.key("disable_parallel_tool_use").bool(true);
    }
    pen.out.end();
}

fn write_search(pen: &mut Pen<'_>, search: &Search<'_>) {
    pen.out.begin().member("type", "web_search_20250305").member("name", "web_search");
    if !search.place.is_empty() {
        pen.out.key("user_location").begin().member("type", "approximate");
        for (name, value) in &search.place {
            pen.out.key(name).string(value);
        }
        pen.out.end();
    }
    pen.out.end();
}

fn write_tool(pen: &mut Pen<'_>, tool: &Tool<'_>) {
    pen.out.begin().member("name", &tool.name);
    let description = match &tool.kind {
        ToolKind::Custom { format: Some(format) } => {
            let grammar = Node::read(format).map(Node::members).unwrap_or_default();
            let grammar = grammar.get("grammar").map_or(grammar, Node::members);
            let definition = grammar.str("definition").unwrap_or_default();
            let text = tool.description.as_ref().map(Escaped::to_text).unwrap_or_default();
            Some(Escaped::text(&format!("{text}\n\nThe input follows this grammar:\n{definition}")))
        }
        _ => tool.description.clone(),
    };
    if let Some(description) = description.filter(|text| !text.is_empty()) {
        pen.out.key("description").string(&description);
    }
    pen.out.key("input_schema");
    match (&tool.kind, &tool.schema) {
        (ToolKind::Custom { .. }, _) => pen.out.raw(schema::TEXT_INPUT),
        (_, Some(schema)) => pen.out.raw(&schema::rooted(schema, pen.losses)),
        (_, None) => pen.out.raw(schema::NO_INPUT),
    };
    if tool.is_strict == Some(true) {
        pen.out.key("strict").bool(true);
    }
    pen.cache(tool.cache);
    pen.out.end();
}

fn system(pen: &mut Pen<'_>, request: &Request<'_>, plan: &Plan<'_>) {
    let is_json = matches!(request.output, Output::Json);
    if is_json {
        pen.losses.degraded("response_format");
    }
    let parts: Vec<&Part<'_>> = request.system.iter().filter(|part| is_written(part)).collect();
    if parts.is_empty() && plan.sentence.is_none() && !is_json {
        return;
    }
    pen.out.key("system").begin_list();
    for part in parts {
        pen.part(part, Role::System);
    }
    let json = is_json.then_some("Answer with one JSON object and nothing else.");
    for sentence in plan.sentence.as_deref().into_iter().chain(json) {
        pen.out.begin().member("type", "text").member("text", sentence).end();
    }
    pen.out.end_list();
}

fn settings(pen: &mut Pen<'_>, request: &Request<'_>, plan: &Plan<'_>, model: Model) {
    match plan.thinking {
        Plot::Absent => {}
        Plot::Disabled => {
            pen.out.key("thinking").begin().member("type", "disabled").end();
        }
        Plot::Budget(tokens) => {
            pen.out.key("thinking").begin().member("type", "enabled");
            pen.out.key("budget_tokens").number(tokens).end();
        }
        Plot::Adaptive => {
            pen.out.key("thinking").begin().member("type", "adaptive");
            if model.numbers == Numbers::None {
                // Without it these models think behind closed doors.
                pen.out.member("display", "summarized");
            }
            pen.out.end();
        }
        Plot::BetweenTools => {
            pen.out.key("thinking").begin().member("type", "between_tools").end();
        }
    }
    output_config(pen, request, plan);
    sampling(pen, &request.sampling, plan, model);
    let stop: Vec<&Escaped<'_>> = request.stop.iter().filter(|text| !text.is_blank()).collect();
    if !stop.is_empty() {
        pen.out.key("stop_sequences").begin_list();
        for text in stop {
            pen.out.string(text);
        }
        pen.out.end_list();
    }
    if let Some(user) = &request.user {
        pen.out.key("metadata").begin().key("user_id").string(user).end();
    }
    match request.tier {
        Some(Tier::Standard | Tier::Flex) => {
            pen.out.member("service_tier", "standard_only");
        }
        Some(Tier::Auto | Tier::Priority) => {
            pen.out.member("service_tier", "auto");
        }
        Some(Tier::Fast) => pen.losses.degraded("service_tier"),
        None => {}
    }
    if request.cache.is_some() {
        pen.out.key("cache_control").begin().member("type", "ephemeral").end();
    }
    for extra in &request.extra {
        pen.losses.add(Cow::Owned(extra.name.clone().into_owned()), extra.severity);
    }
}

fn output_config(pen: &mut Pen<'_>, request: &Request<'_>, plan: &Plan<'_>) {
    let schema = match &request.output {
        Output::Schema { schema, .. } => Some(schema::closed(schema)),
        _ => None,
    };
    if plan.effort.is_none() && schema.is_none() {
        return;
    }
    pen.out.key("output_config").begin();
    if let Some(effort) = plan.effort {
        pen.out.member("effort", effort);
    }
    if let Some(schema) = schema {
        pen.out.key("format").begin().member("type", "json_schema").key("schema").raw(&schema);
        pen.out.end();
    }
    pen.out.end();
}

fn sampling(pen: &mut Pen<'_>, numbers: &Sampling<'_>, plan: &Plan<'_>, model: Model) {
    let value =
        |raw: Option<&[u8]>| raw.and_then(|raw| std::str::from_utf8(raw).ok()?.parse::<f64>().ok());
    let thinks = !matches!(plan.thinking, Plot::Absent | Plot::Disabled);
    let takes_none = model.numbers == Numbers::None;
    if let Some(raw) = numbers.temperature {
        let temperature = value(Some(raw)).unwrap_or(1.0);
        if takes_none || (thinks && (temperature - 1.0).abs() > f64::EPSILON) {
            pen.losses.degraded("temperature");
        } else if temperature > 1.0 {
            pen.losses.note("temperature");
            pen.out.key("temperature").number(1);
        } else {
            pen.out.key("temperature").raw(raw);
        }
    }
    if let Some(raw) = numbers.top_p {
        let is_second = model.numbers == Numbers::One && numbers.temperature.is_some();
        let is_low = thinks && value(Some(raw)).is_none_or(|top_p| top_p < LEAST_TOP_P);
        if takes_none || is_second || is_low {
            pen.losses.degraded("top_p");
        } else {
            pen.out.key("top_p").raw(raw);
        }
    }
    if let Some(raw) = numbers.top_k {
        if takes_none || thinks {
            pen.losses.degraded("top_k");
        } else {
            pen.out.key("top_k").raw(raw);
        }
    }
    for (name, raw) in [
        ("presence_penalty", numbers.presence_penalty),
        ("frequency_penalty", numbers.frequency_penalty),
        ("seed", numbers.seed),
    ] {
        if raw.is_some() && value(raw) != Some(0.0) {
            pen.losses.degraded(name);
        }
    }
}
