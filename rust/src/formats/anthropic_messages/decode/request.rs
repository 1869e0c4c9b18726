//! A Messages request.

use std::borrow::Cow;

use super::content::{cache, parts};
use crate::canonical::{
    Content, Effort, Extra, Losses, Output, Part, Reasoning, Request, Role, Severity, Tier, Tool,
    ToolChoice, ToolKind, Turn,
};
use crate::formats::BadRequest;
use crate::formats::anthropic_messages::{models, typed};
use crate::json::{Escaped, Fields, Kind, Members, Node};

/// Claude Code's first system block changes with every request and says nothing to a model.
const ATTRIBUTION: &str = "x-anthropic-billing-header:";

const ORIGIN: &str = "anthropic_messages";

pub(in crate::formats::anthropic_messages) fn decode<'a>(
    body: &Members<'a>,
    losses: &mut Losses,
) -> Result<Request<'a>, BadRequest> {
    let mut request = Request {
        origin: ORIGIN,
        model: body.str("model").unwrap_or_default().into_owned(),
        wants_usage: true,
        ..Request::default()
    };
    for (name, node) in body.iter() {
        if !node.is_null() {
            member(&mut request, &name, node, losses)?;
        }
    }
    request.reasoning = reasoning(body, &request, losses);
    if let Some(messages) = body.present("messages") {
        turns(&mut request, messages, losses)?;
    }
    Ok(request)
}

fn member<'a>(
    request: &mut Request<'a>,
    name: &str,
    node: Node<'a>,
    losses: &mut Losses,
) -> Result<(), BadRequest> {
    match name {
        "model" | "messages" | "thinking" => {}
        "system" => system(request, node),
        "max_tokens" => request.max_output = node.integer(),
        "temperature" => request.sampling.temperature = Some(node.text),
        "top_p" => request.sampling.top_p = Some(node.text),
        "top_k" => request.sampling.top_k = Some(node.text),
        "stop_sequences" => {
            request.stop = node.elements().into_iter().filter_map(Node::string).collect();
        }
        "stream" => request.is_streaming = node.bool().unwrap_or_default(),
        "metadata" => {
            request.user = node.members().string("user_id");
            request.cache_key = request.user.as_ref().and_then(|user| session(&user.to_text()));
        }
        "tools" => {
            for (index, (node, fields)) in node.objects().into_iter().enumerate() {
                request.tools.extend(tool(node, &fields, index, losses)?);
            }
        }
        "tool_choice" => choice(request, &node.members()),
        "output_config" => output_config(request, &node.members(), losses),
        "output_format" => request.output = output(&node.members()),
        "service_tier" => {
            let is_standard = node.str().as_deref() == Some("standard_only");
            request.tier.get_or_insert(if is_standard { Tier::Standard } else { Tier::Auto });
        }
        "speed" => {
            if node.str().as_deref() == Some("fast") {
                request.tier = Some(Tier::Fast);
            }
        }
        "cache_control" => request.cache = Some(crate::canonical::Cache { is_hour: false }),
        _ => request.extra.push(Extra {
            name: Cow::Owned(name.to_owned()),
            raw: node.text,
            severity: severity(name),
        }),
    }
    Ok(())
}

/// What it means to lose a member that only this format has.
fn severity(name: &str) -> Severity {
    match name {
        "mcp_servers" | "container" | "thread" | "compaction" => Severity::Semantic,
        _ => Severity::Degraded,
    }
}

fn system<'a>(request: &mut Request<'a>, node: Node<'a>) {
    request.is_system_plain = node.kind == Kind::String;
    let is_attribution = |part: &Part<'_>| {
        matches!(&part.content, Content::Text { text, .. }
            if text.as_bytes().starts_with(ATTRIBUTION.as_bytes()))
    };
    request.system = parts(node).into_iter().filter(|part| !is_attribution(part)).collect();
}

/// The conversation's name inside `metadata.user_id`.
fn session(user: &str) -> Option<Escaped<'static>> {
    let name = match Fields::read(user.as_bytes()) {
        Some(packed) => packed.string("session_id")?,
        None => user.rsplit_once("_session_")?.1.to_owned(),
    };
    (!name.is_empty()).then(|| Escaped::text(&name))
}

fn tool<'a>(
    node: Node<'a>,
    fields: &Members<'a>,
    index: usize,
    losses: &mut Losses,
) -> Result<Option<Tool<'a>>, BadRequest> {
    let kind = fields.str("type").unwrap_or(Cow::Borrowed("custom"));
    let mut tool = Tool {
        name: fields.str("name").unwrap_or_default(),
        description: fields.string("description"),
        schema: fields.present("input_schema").map(|schema| Cow::Borrowed(schema.text)),
        is_strict: fields.get("strict").and_then(Node::bool),
        kind: ToolKind::Function,
        cache: cache(fields),
        examples: fields.present("input_examples").map(|list| list.text),
        raw: node.text,
    };
    if kind.contains("_toolset_") || kind.starts_with("mcp_toolset") {
        losses.semantic("toolset");
        return Ok(None);
    }
    if kind != "custom" {
        match typed::published(&kind) {
            Some((description, schema)) => {
                tool.description = Some(Escaped::text(description));
                tool.schema = Some(Cow::Borrowed(schema.as_bytes()));
            }
            None => tool.kind = ToolKind::Hosted(kind),
        }
    } else if tool.name.is_empty() {
        return Err(BadRequest::new(format_args!("tools.{index}.name"), "a tool needs a name"));
    }
    Ok(Some(tool))
}

fn choice<'a>(request: &mut Request<'a>, fields: &Members<'a>) {
    request.tool_choice = match fields.str("type").as_deref() {
        Some("auto") => Some(ToolChoice::Auto),
        Some("any") => Some(ToolChoice::Required),
        Some("none") => Some(ToolChoice::None),
        Some("tool") => fields.str("name").map(ToolChoice::Named),
        _ => None,
    };
    if fields.get("disable_parallel_tool_use").and_then(Node::bool) == Some(true) {
        request.may_parallel = Some(false);
    }
}

fn output_config<'a>(request: &mut Request<'a>, fields: &Members<'a>, losses: &mut Losses) {
    if let Some(format) = fields.present("format") {
        request.output = output(&format.members());
    }
    for (name, _) in fields.iter() {
        if !matches!(name.as_ref(), "format" | "effort") {
            losses.degraded(name.into_owned());
        }
    }
}

fn output<'a>(fields: &Members<'a>) -> Output<'a> {
    match fields.present("schema") {
        Some(schema) => Output::Schema {
            name: fields.string("name"),
            description: None,
            schema: Cow::Borrowed(schema.text),
            is_strict: Some(true),
        },
        None => Output::Text,
    }
}

fn effort(name: &str) -> Option<Effort> {
    Some(match name {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::XHigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

fn reasoning(body: &Members<'_>, request: &Request<'_>, losses: &mut Losses) -> Reasoning {
    let config = body.present("output_config").map(Node::members).unwrap_or_default();
    let asked = config.str("effort").and_then(|name| effort(&name));
    let Some(thinking) = body.present("thinking").map(Node::members) else {
        return Reasoning { effort: asked, ..Reasoning::default() };
    };
    if thinking.present("block_binding").is_some() {
        losses.note("thinking_binding");
    }
    let budget = thinking.get("budget_tokens").and_then(Node::integer);
    let level = match thinking.str("type").as_deref() {
        Some("enabled") => asked.or(budget.map(Effort::of_budget)),
        Some("adaptive") => {
            Some(asked.unwrap_or_else(|| models::rules(&request.model).default_effort))
        }
        Some("disabled") => Some(Effort::Off),
        Some("between_tools") => Some(Effort::Minimal),
        _ => asked,
    };
    Reasoning { effort: level, is_automatic: asked.is_none(), budget }
}

fn turns<'a>(
    request: &mut Request<'a>,
    messages: Node<'a>,
    losses: &mut Losses,
) -> Result<(), BadRequest> {
    if messages.kind != Kind::Array {
        return Err(BadRequest::new("messages", "it must be a list"));
    }
    let messages = messages.objects();
    let last_user = messages
        .iter()
        .rposition(|(_, fields)| fields.str("role").as_deref() == Some("user"))
        .unwrap_or_default();
    for (index, (_, fields)) in messages.into_iter().enumerate() {
        let role = match fields.str("role").as_deref() {
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("system") => Role::System,
            _ => {
                return Err(BadRequest::new(
                    format_args!("messages.{index}.role"),
                    "it must be user, assistant or system",
                ));
            }
        };
        if role == Role::System {
            if let Some(config) = fields.present("output_config").map(Node::members)
                && let Some(level) = config.str("effort").and_then(|name| effort(&name))
            {
                request.reasoning.effort = Some(level);
                losses.degraded("system_effort");
            }
            let is_cleared = fields.str("clear_at").as_deref() == Some("next_user_message");
            if is_cleared && index < last_user {
                continue;
            }
        }
        let mut parts = fields.present("content").map(parts).unwrap_or_default();
        change_tools(request, &mut parts, losses)?;
        request.turns.push(Turn { role, parts });
    }
    Ok(())
}

/// Tools that come and go in the middle: what holds at the end holds for all.
fn change_tools<'a>(
    request: &mut Request<'a>,
    parts: &mut Vec<Part<'a>>,
    losses: &mut Losses,
) -> Result<(), BadRequest> {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts.drain(..) {
        let (kind, raw) = match &part.content {
            Content::Opaque { kind, raw, .. } => (kind.as_ref(), *raw),
            _ => ("", &[][..]),
        };
        if !matches!(kind, "tool_addition" | "tool_removal") {
            kept.push(part);
            continue;
        }
        losses.degraded("tool_change");
        let Some(block) = Node::read(raw).map(Node::members) else { continue };
        let named = block.get("tool").map(Node::members).unwrap_or_default();
        if kind == "tool_removal" {
            let name = named.str("name").or_else(|| named.str("tool_name")).unwrap_or_default();
            request.tools.retain(|tool| tool.name != name);
        } else if let Some(definition) = named.get("definition") {
            let index = request.tools.len();
            request.tools.extend(tool(definition, &definition.members(), index, losses)?);
        }
    }
    *parts = kept;
    Ok(())
}
