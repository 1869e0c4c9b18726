//! A Chat Completions request.

use std::borrow::Cow;

use super::content::{call, input, parts};
use crate::canonical::{
    Call, CallResult, Content, Effort, Extra, Losses, Output, Part, Reasoning, Request, Role,
    Severity, Tier, Tool, ToolChoice, ToolKind, Turn,
};
use crate::formats::BadRequest;
use crate::json::{Escaped, Kind, Members, Node};

const ORIGIN: &str = "openai_chat";
/// Makes the service look things up itself.
pub(in crate::formats::openai_chat) const WEB_SEARCH: &str = "web_search_options";

/// How a failed tool's text is marked, since this format has no flag for it.
pub(in crate::formats::openai_chat) const ERROR_OPEN: &str = "<tool_use_error>";
pub(in crate::formats::openai_chat) const ERROR_CLOSE: &str = "</tool_use_error>";

pub(in crate::formats::openai_chat) fn decode<'a>(
    body: &Members<'a>,
    losses: &mut Losses,
) -> Result<Request<'a>, BadRequest> {
    let mut request = Request {
        origin: ORIGIN,
        model: body.str("model").unwrap_or_default().into_owned(),
        ..Request::default()
    };
    for (name, node) in body.iter() {
        if !node.is_null() {
            member(&mut request, &name, node, losses)?;
        }
    }
    let limit = body.get("max_completion_tokens").or_else(|| body.get("max_tokens"));
    request.max_output = limit.and_then(Node::integer);
    if let Some(user) = body.string("safety_identifier").or_else(|| body.string("user")) {
        request.user = Some(user);
    }
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
    let sampling = &mut request.sampling;
    match name {
        "model"
        | "messages"
        | "max_tokens"
        | "max_completion_tokens"
        | "user"
        | "safety_identifier" => {}
        "temperature" => sampling.temperature = Some(node.text),
        "top_p" => sampling.top_p = Some(node.text),
        "top_k" => sampling.top_k = Some(node.text),
        "presence_penalty" => sampling.presence_penalty = Some(node.text),
        "frequency_penalty" => sampling.frequency_penalty = Some(node.text),
        "seed" => sampling.seed = Some(node.text),
        "stop" => {
            request.stop = match node.string() {
                Some(text) => vec![text],
                None => node.elements().into_iter().filter_map(Node::string).collect(),
            };
        }
        "stream" => request.is_streaming = node.bool().unwrap_or_default(),
        "stream_options" => {
            let asked = node.members().get("include_usage").and_then(Node::bool);
            request.wants_usage = asked.unwrap_or_default();
        }
        "tools" | "functions" => {
            for (index, (node, fields)) in node.objects().into_iter().enumerate() {
                request.tools.push(tool(node, &fields, index)?);
            }
        }
        WEB_SEARCH => request.tools.push(Tool {
            name: Cow::Borrowed("web_search"),
            description: None,
            schema: None,
            is_strict: None,
            kind: ToolKind::Hosted(Cow::Borrowed(WEB_SEARCH)),
            cache: None,
            examples: None,
            raw: node.text,
        }),
        "tool_choice" | "function_call" => request.tool_choice = choice(node),
        "parallel_tool_calls" => request.may_parallel = node.bool(),
        "response_format" => request.output = output(&node.members()),
        "reasoning_effort" => {
            request.reasoning = reasoning(node.str().as_deref().unwrap_or_default());
        }
        "reasoning" => {
            let effort = node.members().str("effort").unwrap_or_default();
            request.reasoning = reasoning(&effort);
        }
        "prompt_cache_key" => request.cache_key = node.string(),
        "service_tier" => {
            request.tier = match node.str().as_deref() {
                Some("auto") => Some(Tier::Auto),
                Some("default") => Some(Tier::Standard),
                Some("flex") => Some(Tier::Flex),
                Some("priority" | "scale") => Some(Tier::Priority),
                Some("fast") => Some(Tier::Fast),
                _ => None,
            };
        }
        "n" => match node.integer() {
            Some(1) => {}
            _ => {
                return Err(BadRequest::new(
                    "n",
                    "only one choice can be had from the accounts that serve this model",
                ));
            }
        },
        _ => extra(request, name, node, losses),
    }
    Ok(())
}

fn extra<'a>(request: &mut Request<'a>, name: &str, node: Node<'a>, losses: &mut Losses) {
    let is_off = node.bool() == Some(false) || (node.kind == Kind::Number && node.text == b"0");
    let severity = match name {
        "logprobs" | "top_logprobs" | "store" | "metadata" if is_off => return,
        "logprobs" | "top_logprobs" | "audio" => Severity::Semantic,
        "modalities" => {
            let is_text = |node: &Node<'_>| node.str().as_deref() == Some("text");
            if node.elements().iter().all(is_text) {
                return;
            }
            Severity::Semantic
        }
        "prompt_cache_retention" | "prompt_cache_options" | "metadata" | "store" => {
            losses.note(name.to_owned());
            return;
        }
        _ => Severity::Degraded,
    };
    request.extra.push(Extra { name: Cow::Owned(name.to_owned()), raw: node.text, severity });
}

fn reasoning(name: &str) -> Reasoning {
    Reasoning { effort: Effort::parse(name), ..Reasoning::default() }
}

fn output<'a>(fields: &Members<'a>) -> Output<'a> {
    let inner = fields.get("json_schema").map(Node::members).unwrap_or_default();
    match (fields.str("type").as_deref(), inner.present("schema")) {
        (Some("json_schema"), Some(schema)) => Output::Schema {
            name: inner.string("name"),
            description: inner.string("description"),
            schema: Cow::Borrowed(schema.text),
            is_strict: inner.get("strict").and_then(Node::bool),
        },
        (Some("json_object"), _) | (Some("json_schema"), None) => Output::Json,
        _ => Output::Text,
    }
}

fn tool<'a>(node: Node<'a>, fields: &Members<'a>, index: usize) -> Result<Tool<'a>, BadRequest> {
    let kind = fields.str("type").unwrap_or(Cow::Borrowed("function"));
    let inner = fields.get(&kind).map(Node::members);
    // Flat tools, as another API of the same vendor has them, and as the older `functions` were.
    let inner = inner.as_ref().unwrap_or(fields);
    let is_known = matches!(kind.as_ref(), "function" | "custom");
    let schema = inner.present("parameters").or_else(|| inner.present("input_schema"));
    let tool = Tool {
        name: inner.str("name").unwrap_or_default(),
        description: inner.string("description"),
        schema: schema.map(|schema| Cow::Borrowed(schema.text)),
        is_strict: inner.get("strict").and_then(Node::bool),
        kind: match kind.as_ref() {
            "function" => ToolKind::Function,
            "custom" => ToolKind::Custom { format: inner.present("format").map(|f| f.text) },
            _ => ToolKind::Hosted(kind.clone()),
        },
        cache: None,
        examples: None,
        raw: node.text,
    };
    if is_known && tool.name.is_empty() {
        return Err(BadRequest::new(format_args!("tools.{index}"), "a tool needs a name"));
    }
    Ok(tool)
}

fn choice(node: Node<'_>) -> Option<ToolChoice<'_>> {
    if let Some(name) = node.str() {
        return match name.as_ref() {
            "auto" => Some(ToolChoice::Auto),
            "required" => Some(ToolChoice::Required),
            "none" => Some(ToolChoice::None),
            _ => None,
        };
    }
    let fields = node.members();
    let kind = fields.str("type").unwrap_or(Cow::Borrowed("function"));
    let inner = fields.get(&kind).map(Node::members);
    let inner = inner.as_ref().unwrap_or(&fields);
    if kind == "allowed_tools" {
        let named = |node: Node<'_>| {
            let fields = node.members();
            let function = fields.get("function").map(Node::members);
            function.as_ref().unwrap_or(&fields).str("name").map(|name| name.into_owned().into())
        };
        return Some(ToolChoice::Allowed {
            names: inner.get("tools")?.elements().into_iter().filter_map(named).collect(),
            is_required: inner.str("mode").as_deref() == Some("required"),
        });
    }
    inner.str("name").map(ToolChoice::Named)
}

fn turns<'a>(
    request: &mut Request<'a>,
    messages: Node<'a>,
    losses: &mut Losses,
) -> Result<(), BadRequest> {
    if messages.kind != Kind::Array {
        return Err(BadRequest::new("messages", "it must be a list"));
    }
    let mut has_begun = false;
    for (index, (_, fields)) in messages.objects().into_iter().enumerate() {
        let place = || format!("messages.{index}");
        let role = fields.str("role").unwrap_or_default();
        let content = match fields.present("content") {
            Some(content) => parts(content, &place, losses)?,
            None => Vec::new(),
        };
        if fields.present("name").is_some() && role != "function" && role != "tool" {
            losses.note("name");
        }
        let turn = match role.as_ref() {
            "system" | "developer" => {
                if !has_begun {
                    request.system.extend(content);
                    continue;
                }
                Turn { role: Role::System, parts: content }
            }
            "user" => Turn { role: Role::User, parts: content },
            "assistant" => Turn { role: Role::Assistant, parts: assistant(&fields, content) },
            "tool" | "function" => {
                let id = fields.str("tool_call_id").or_else(|| fields.str("name"));
                let result = result(id.unwrap_or_default(), content);
                match request.turns.last_mut() {
                    // Results side by side answer one turn.
                    Some(Turn { role: Role::User, parts }) if is_results(parts) => {
                        parts.push(result);
                        continue;
                    }
                    _ => Turn { role: Role::User, parts: vec![result] },
                }
            }
            _ => {
                return Err(BadRequest::new(
                    format_args!("{}.role", place()),
                    "it must be system, developer, user, assistant, tool or function",
                ));
            }
        };
        has_begun = true;
        request.turns.push(turn);
    }
    Ok(())
}

fn is_results(parts: &[Part<'_>]) -> bool {
    parts.iter().all(|part| matches!(part.content, Content::Result(_)))
}

fn assistant<'a>(fields: &Members<'a>, content: Vec<Part<'a>>) -> Vec<Part<'a>> {
    let mut found = Vec::new();
    found.extend(reasoning_parts(fields));
    found.extend(content);
    if let Some(refusal) = fields.string("refusal").filter(|text| !text.is_empty()) {
        found.push(Part::new(Content::Refusal(refusal)));
    }
    for (_, fields) in fields.present("tool_calls").map(Node::objects).unwrap_or_default() {
        found.extend(call(&fields).map(|call| Part::new(Content::Call(call))));
    }
    if let Some(legacy) = fields.present("function_call").map(Node::members)
        && let Some(name) = legacy.str("name")
    {
        // The result of such a call names the function instead of the call.
        let (id, input) = (name.clone(), input(legacy.get("arguments")));
        found.push(Part::new(Content::Call(Call { id, name, input, is_custom: false })));
    }
    found
}

/// Reasoning with the seals that stand beside it.
fn reasoning_parts<'a>(fields: &Members<'a>) -> Vec<Part<'a>> {
    let text = fields.string("reasoning_content").or_else(|| fields.string("reasoning"));
    let mut text = text.filter(|text| !text.is_empty());
    let mut found = Vec::new();
    for node in fields.present("reasoning_details").map(Node::elements).unwrap_or_default() {
        let detail = node.members();
        let Some(seal) = detail.string("data").or_else(|| detail.string("signature")) else {
            continue;
        };
        let own = detail.string("text").filter(|text| !text.is_empty());
        found.push(Part::new(match own.or_else(|| text.take()) {
            Some(text) => Content::Reasoning { text, seal: Some(seal) },
            None => Content::Redacted { seal },
        }));
    }
    if let Some(text) = text.filter(|_| found.is_empty()) {
        found.push(Part::new(Content::Reasoning { text, seal: None }));
    }
    found
}

fn result<'a>(id: Cow<'a, str>, mut parts: Vec<Part<'a>>) -> Part<'a> {
    let mut is_error = false;
    if let [Part { content: Content::Text { text, .. }, .. }] = parts.as_mut_slice()
        // Most results are long, and need not be decoded to see that they begin otherwise.
        && matches!(text.as_bytes().first(), Some(b'<' | b'\\'))
    {
        let inner = text.to_text();
        let inner = inner.strip_prefix(ERROR_OPEN).and_then(|rest| rest.strip_suffix(ERROR_CLOSE));
        if let Some(inner) = inner.map(Escaped::text) {
            *text = inner;
            is_error = true;
        }
    }
    Part::new(Content::Result(CallResult { call_id: id, parts, is_error }))
}
