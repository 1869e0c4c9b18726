//! Content of a request's messages.

use std::borrow::Cow;

use crate::canonical::{
    Cache, Call, CallResult, Content, Input, Losses, Media, MediaKind, Part, Source,
};
use crate::formats::{BadRequest, images};
use crate::json::{Escaped, Kind, Members, Node, is_valid_object};

/// The parts of `content`, which may be one text.
pub(super) fn parts<'a>(
    content: Node<'a>,
    place: &dyn Fn() -> String,
    losses: &mut Losses,
) -> Result<Vec<Part<'a>>, BadRequest> {
    if let Some(text) = content.string() {
        return Ok(vec![Part::text(text)]);
    }
    let mut found = Vec::new();
    for (index, (node, fields)) in content.objects().into_iter().enumerate() {
        let kind = fields.str("type").unwrap_or_default();
        let content = match node.string() {
            Some(text) => Some(Content::Text { text, citations: None }),
            None => part(&kind, &fields, &|| format!("{}.content.{index}", place()), losses)?,
        };
        let content = content.unwrap_or(Content::Opaque { kind, raw: node.text, note: None });
        found.push(Part { content, cache: cache(&fields) });
    }
    Ok(found)
}

fn cache(fields: &Members<'_>) -> Option<Cache> {
    // Other gateways' clients mark prompts as their upstream's own format does.
    let mark =
        fields.present("prompt_cache_breakpoint").or_else(|| fields.present("cache_control"))?;
    let ttl = mark.members().str("ttl");
    Some(Cache { is_hour: matches!(ttl.as_deref(), Some("1h" | "12h")) })
}

fn part<'a>(
    kind: &str,
    fields: &Members<'a>,
    place: &dyn Fn() -> String,
    losses: &mut Losses,
) -> Result<Option<Content<'a>>, BadRequest> {
    Ok(match kind {
        "text" | "input_text" | "output_text" => {
            fields.string("text").map(|text| Content::Text { text, citations: None })
        }
        "refusal" => fields.string("refusal").map(Content::Refusal),
        "image_url" => Some(image(fields, place)?),
        "file" => file(&fields.get("file").map(Node::members).unwrap_or_default(), place)?,
        "input_audio" => {
            let audio = fields.get("input_audio").map(Node::members).unwrap_or_default();
            let format = audio.str("format").unwrap_or(Cow::Borrowed("wav"));
            audio.string("data").map(|data| {
                media(
                    MediaKind::Audio,
                    Source::Base64 { mime: Cow::Owned(format!("audio/{format}")), data },
                )
            })
        }
        // Blocks of another format inside messages of this one, as some clients send them.
        "tool_use" => Some(Content::Call(Call {
            id: fields.str("id").unwrap_or_default(),
            name: fields.str("name").unwrap_or_default(),
            input: match fields.get("input") {
                Some(node) if node.kind == Kind::Object => Input::Json(Cow::Borrowed(node.text)),
                _ => Input::Json(Cow::Borrowed(b"{}")),
            },
            is_custom: false,
        })),
        "tool_result" => Some(Content::Result(CallResult {
            call_id: fields.str("tool_use_id").unwrap_or_default(),
            parts: match fields.present("content") {
                Some(content) => parts(content, place, losses)?,
                None => Vec::new(),
            },
            is_error: fields.get("is_error").and_then(Node::bool).unwrap_or_default(),
        })),
        "image" => {
            let source = fields.get("source").map(Node::members).unwrap_or_default();
            source.string("data").map(|data| {
                let label = source.str("media_type").unwrap_or_default();
                media(
                    MediaKind::Image,
                    Source::Base64 { mime: images::media_type(label, &data), data },
                )
            })
        }
        "thinking" | "redacted_thinking" => {
            // Whoever writes these here has no seal that holds.
            losses.degraded("reasoning");
            Some(Content::Text { text: Escaped::default(), citations: None })
        }
        _ => None,
    })
}

fn media(kind: MediaKind, source: Source<'_>) -> Content<'_> {
    Content::Media(Media { kind, source, title: None, context: None, detail: None })
}

fn image<'a>(fields: &Members<'a>, place: &dyn Fn() -> String) -> Result<Content<'a>, BadRequest> {
    let picture = fields.get("image_url");
    let inner = picture.map(Node::members).unwrap_or_default();
    let url = inner.string("url").or_else(|| picture?.string());
    let Some(url) = url else {
        return Err(BadRequest::new(place(), "image_url needs a url"));
    };
    let source = data_url(url, place)?;
    let is_text = matches!(source, Source::Text(_));
    Ok(Content::Media(Media {
        kind: if is_text { MediaKind::Document } else { MediaKind::Image },
        source,
        title: None,
        context: None,
        detail: inner.str("detail").filter(|detail| detail != "auto"),
    }))
}

/// A `data:` address taken apart; any other address as it is.
fn data_url<'a>(url: Escaped<'a>, place: &dyn Fn() -> String) -> Result<Source<'a>, BadRequest> {
    if !url.as_bytes().starts_with(b"data:") {
        return Ok(Source::Url(url));
    }
    let bad = || BadRequest::new(place(), "a data: address needs ;base64 and its data");
    let text = url.as_bytes();
    let comma = memchr::memchr(b',', text.get(..256.min(text.len())).unwrap_or_default());
    let comma = comma.ok_or_else(bad)?;
    let label = String::from_utf8_lossy(text.get(5..comma).unwrap_or_default()).replace("\\/", "/");
    let Some(mime) = label.strip_suffix(";base64") else {
        return match label.split(';').next() {
            Some("" | "text/plain") => {
                let text = url.into_text();
                let text = text.get(comma + 1..).unwrap_or_default();
                Ok(Source::Text(Escaped::text(&percent_decoded(text))))
            }
            _ => Err(bad()),
        };
    };
    let mime = mime.split(';').next().unwrap_or_default().to_owned();
    let data = url.after(comma + 1);
    if data.is_empty() {
        return Err(bad());
    }
    Ok(Source::Base64 { mime: images::media_type(Cow::Owned(mime), &data), data })
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after.get(..2).filter(|_| *byte == b'%');
        let code = code.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            out.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*byte);
            rest = after;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn file<'a>(
    file: &Members<'a>,
    place: &dyn Fn() -> String,
) -> Result<Option<Content<'a>>, BadRequest> {
    let source = match (file.string("file_data"), file.string("file_id")) {
        (Some(data), _) if data.as_bytes().starts_with(b"data:") => data_url(data, place)?,
        (Some(data), _) => Source::Base64 { mime: Cow::Borrowed("application/pdf"), data },
        (None, Some(id)) => Source::File(id),
        (None, None) => return Ok(None),
    };
    Ok(Some(Content::Media(Media {
        kind: MediaKind::Document,
        source,
        title: file.string("filename"),
        context: None,
        detail: None,
    })))
}

/// A call out of `tool_calls`.
pub(super) fn call<'a>(fields: &Members<'a>) -> Option<Call<'a>> {
    let id = fields.str("id").unwrap_or_default();
    if let Some(custom) = fields.present("custom").map(Node::members) {
        let input = Input::Text(custom.string("input").unwrap_or_default());
        return Some(Call { id, name: custom.str("name")?, input, is_custom: true });
    }
    let function = fields.get("function")?.members();
    Some(Call {
        id,
        name: function.str("name")?,
        input: input(function.get("arguments")),
        is_custom: false,
    })
}

/// Arguments as the JSON object they should be.
pub(super) fn input(arguments: Option<Node<'_>>) -> Input<'_> {
    let Some(node) = arguments else { return Input::Json(Cow::Borrowed(b"{}")) };
    if node.kind == Kind::Object {
        return Input::Json(Cow::Borrowed(node.text));
    }
    let Some(text) = node.string() else { return Input::Json(Cow::Borrowed(b"{}")) };
    if text.is_blank() {
        return Input::Json(Cow::Borrowed(b"{}"));
    }
    let decoded = text.to_text();
    if is_valid_object(decoded.as_bytes()) {
        return Input::Json(Cow::Owned(decoded.trim().as_bytes().to_vec()));
    }
    // Some hosts encode twice.
    let inner = Node::read(decoded.as_bytes()).and_then(Node::str);
    if let Some(inner) = inner.filter(|inner| is_valid_object(inner.as_bytes())) {
        return Input::Json(Cow::Owned(inner.trim().as_bytes().to_vec()));
    }
    drop(decoded);
    Input::Text(text)
}
