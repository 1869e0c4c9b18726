//! Content blocks of a request.

use std::borrow::Cow;

use crate::canonical::{Cache, Call, CallResult, Content, Input, Media, MediaKind, Part, Source};
use crate::formats::images;
use crate::json::{Escaped, Kind, Members, Node};

/// The blocks of `content`, which may be one text.
pub(super) fn parts(content: Node<'_>) -> Vec<Part<'_>> {
    match content.string() {
        Some(text) => vec![Part::text(text)],
        None => content.objects().into_iter().map(|(node, block)| part(node, &block)).collect(),
    }
}

pub(super) fn cache(block: &Members<'_>) -> Option<Cache> {
    let mark = block.present("cache_control")?;
    Some(Cache { is_hour: mark.members().str("ttl").as_deref() == Some("1h") })
}

fn part<'a>(node: Node<'a>, block: &Members<'a>) -> Part<'a> {
    let kind = block.str("type").unwrap_or_default();
    let content = content(&kind, block).unwrap_or_else(|| Content::Opaque {
        note: note(&kind, block),
        raw: node.text,
        kind,
    });
    Part { cache: cache(block), content }
}

/// The content of a block whose meaning others share.
fn content<'a>(kind: &str, block: &Members<'a>) -> Option<Content<'a>> {
    Some(match kind {
        "text" => Content::Text {
            text: block.string("text")?,
            citations: block
                .present("citations")
                .filter(|list| list.kind == Kind::Array && !list.elements().is_empty())
                .map(|list| list.text),
        },
        "thinking" => Content::Reasoning {
            text: block.string("thinking").unwrap_or_default(),
            seal: block.string("signature").filter(|seal| !seal.is_empty()),
        },
        "redacted_thinking" => Content::Redacted { seal: block.string("data")? },
        "tool_use" => Content::Call(Call {
            id: block.str("id").unwrap_or_default(),
            name: toolset_name(block),
            input: input(block.get("input")),
            is_custom: false,
        }),
        "tool_result" => Content::Result(CallResult {
            call_id: block.str("tool_use_id").unwrap_or_default(),
            parts: block.present("content").map(parts).unwrap_or_default(),
            is_error: block.get("is_error").and_then(Node::bool).unwrap_or_default(),
        }),
        "image" => Content::Media(Media {
            kind: MediaKind::Image,
            source: source(block)?,
            title: None,
            context: None,
            detail: None,
        }),
        "document" => Content::Media(Media {
            kind: MediaKind::Document,
            source: source(block)?,
            title: block.string("title"),
            context: block.string("context"),
            detail: None,
        }),
        _ => return None,
    })
}

/// The members of a toolset go by a name that no other tool has.
fn toolset_name<'a>(block: &Members<'a>) -> Cow<'a, str> {
    let name = block.str("name").unwrap_or_default();
    match block.str("toolset_name") {
        Some(toolset) if !toolset.is_empty() => Cow::Owned(format!("{toolset}__{name}")),
        _ => name,
    }
}

fn input(node: Option<Node<'_>>) -> Input<'_> {
    match node {
        Some(node) if node.kind == Kind::Object => Input::Json(Cow::Borrowed(node.text)),
        Some(node) if !node.is_null() => Input::Text(
            node.string()
                .unwrap_or_else(|| Escaped::text(&String::from_utf8_lossy(node.text)).into_owned()),
        ),
        _ => Input::Json(Cow::Borrowed(b"{}")),
    }
}

fn source<'a>(block: &Members<'a>) -> Option<Source<'a>> {
    let source = block.get("source")?.members();
    Some(match source.str("type")?.as_ref() {
        "base64" => {
            let data = source.string("data")?;
            let label = source.str("media_type").unwrap_or_default();
            Source::Base64 { mime: images::media_type(label, &data), data }
        }
        "url" => Source::Url(source.string("url")?),
        "file" => Source::File(source.string("file_id")?),
        "text" => Source::Text(source.string("data")?),
        "content" => Source::Parts(parts(source.get("content")?)),
        _ => return None,
    })
}

/// What a block that only this format has may say elsewhere.
fn note<'a>(kind: &str, block: &Members<'a>) -> Option<Escaped<'a>> {
    let own = |text: String| Some(Escaped::text(&text));
    match kind {
        "tool_reference" => {
            own(format!("[tool available: {}]", block.str("tool_name").unwrap_or_default()))
        }
        "search_result" => {
            let texts: Vec<Escaped<'_>> = block
                .get("content")
                .map(Node::elements)
                .unwrap_or_default()
                .iter()
                .filter_map(|node| node.members().string("text"))
                .collect();
            let title = block.str("title").unwrap_or_default();
            let head = format!("{title} ({})", block.str("source").unwrap_or_default());
            let head = Escaped::text(&head);
            Some(Escaped::joined(std::iter::once(&head).chain(&texts), "\n"))
        }
        "compaction" => block.string("content"),
        "mid_conv_system" => {
            let texts: Vec<Escaped<'_>> = block
                .get("content")
                .map(Node::elements)
                .unwrap_or_default()
                .iter()
                .filter_map(|node| node.members().string("text"))
                .collect();
            let text = Escaped::joined(&texts, "\n");
            own(format!("<system-reminder>{}</system-reminder>", text.to_text()))
        }
        "browser_state" => None,
        "server_tool_use" | "mcp_tool_use" => {
            let name = block.str("name").unwrap_or_default();
            let input = block.get("input").map(|node| node.text).unwrap_or_default();
            own(format!("[{name}: {}]", String::from_utf8_lossy(input)))
        }
        _ if kind.ends_with("_tool_result") => own(hosted_result(block)),
        _ => None,
    }
}

/// Titles and addresses of a search, or the texts of another hosted tool's result.
fn hosted_result(block: &Members<'_>) -> String {
    let mut lines = Vec::new();
    let content = block.get("content");
    let items = match content {
        Some(node) if node.kind == Kind::Array => node.elements(),
        Some(node) => vec![node],
        None => Vec::new(),
    };
    for item in items {
        let fields = item.members();
        let line = match (fields.str("title"), fields.str("url"), fields.str("text")) {
            (Some(title), Some(url), _) => format!("- {title} {url}"),
            (_, _, Some(text)) => text.into_owned(),
            _ => fields
                .str("stdout")
                .or_else(|| fields.str("error_code"))
                .map(Cow::into_owned)
                .unwrap_or_default(),
        };
        if !line.is_empty() {
            lines.push(line);
        }
    }
    if lines.is_empty() { "[result not shown]".into() } else { lines.join("\n") }
}
