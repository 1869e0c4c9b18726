//! Messages of a request.

use crate::canonical::{
    Call, CallResult, Content, Echo, Input, Losses, Media, MediaKind, Part, Profile, Source,
};
use crate::formats::openai_chat::decode::request::{ERROR_CLOSE, ERROR_OPEN};
use crate::json::{Escaped, Writer};

const IMAGE_BELOW: &str = "(image attached below)";

/// What writing messages needs to know and remembers.
pub(super) struct Pen<'p, 'l> {
    pub(super) out: Writer,
    pub(super) profile: &'p Profile,
    pub(super) losses: &'l mut Losses,
}

impl Pen<'_, '_> {
    /// A message of one role whose content is `parts`, as one text where that is all there is.
    pub(super) fn message(&mut self, role: &str, parts: &[Part<'_>], is_list: bool) {
        self.out.begin().member("role", role).key("content");
        self.content(parts, is_list);
        self.out.end();
    }

    fn content(&mut self, parts: &[Part<'_>], is_list: bool) {
        let texts: Vec<Escaped<'_>> = parts.iter().filter_map(|part| plain(part)).collect();
        let is_text = texts.len() == parts.len();
        if is_text && (!self.profile.takes_text_parts || (texts.len() < 2 && !is_list)) {
            let between = if self.profile.takes_text_parts { "" } else { "\n\n" };
            self.out.string(&Escaped::joined(&texts, between));
            return;
        }
        self.out.begin_list();
        for part in parts {
            self.part(part);
        }
        self.out.end_list();
    }

    fn part(&mut self, part: &Part<'_>) {
        if part.cache.is_some() {
            self.losses.note("cache_control");
        }
        if let Content::Text { citations: Some(_), .. } = &part.content {
            self.losses.note("citations");
        }
        if let Some(text) = plain(part) {
            self.out.begin().member("type", "text").key("text").string(&text).end();
            return;
        }
        match &part.content {
            Content::Media(media) => self.media(media),
            Content::Opaque { kind, .. } => self.losses.degraded(kind.clone().into_owned()),
            _ => {}
        }
    }

    fn media(&mut self, media: &Media<'_>) {
        match (media.kind, &media.source) {
            (MediaKind::Image, Source::Base64 { mime, data }) => {
                let head = Escaped::text(&format!("data:{mime};base64,"));
                self.image(&Escaped::joined([&head, data], ""), media);
            }
            (MediaKind::Image, Source::Url(url)) => self.image(url, media),
            (MediaKind::Document, Source::Base64 { mime, data }) => {
                let head = Escaped::text(&format!("data:{mime};base64,"));
                let name = media.title.clone().unwrap_or_else(|| Escaped::text("document.pdf"));
                self.out.begin().member("type", "file").key("file").begin();
                self.out.key("filename").string(&name);
                self.out.key("file_data").string(&Escaped::joined([&head, data], ""));
                self.out.end().end();
                self.context(media);
            }
            (MediaKind::Audio, Source::Base64 { mime, data }) => {
                let format = mime.strip_prefix("audio/").unwrap_or(mime);
                self.out.begin().member("type", "input_audio").key("input_audio").begin();
                self.out.key("data").string(data).member("format", format).end().end();
            }
            // An address of a document, or a file that lies at another service.
            _ => {
                self.losses.semantic("file");
                let text = match &media.source {
                    Source::Url(url) => format!("[document at {}]", url.to_text()),
                    _ => "[file left out: it is kept at another service]".to_owned(),
                };
                self.out.begin().member("type", "text").member("text", &text).end();
            }
        }
    }

    fn context(&mut self, media: &Media<'_>) {
        if let Some(context) = &media.context {
            self.out.begin().member("type", "text").key("text").string(context).end();
        }
    }

    fn image(&mut self, url: &Escaped<'_>, media: &Media<'_>) {
        self.out.begin().member("type", "image_url").key("image_url").begin();
        self.out.key("url").string(url);
        if let Some(detail) = &media.detail {
            self.out.member("detail", detail);
        }
        self.out.end().end();
    }

    /// A turn of the assistant as one message.
    pub(super) fn assistant(&mut self, parts: &[Part<'_>]) {
        let texts: Vec<Escaped<'_>> = parts
            .iter()
            .filter(|part| {
                matches!(
                    part.content,
                    Content::Text { .. } | Content::Opaque { .. } | Content::Refusal(_)
                )
            })
            .filter_map(|part| plain(part))
            .collect();
        let calls: Vec<&Call<'_>> = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Call(call) => Some(call),
                _ => None,
            })
            .collect();
        self.out.begin().member("role", "assistant").key("content");
        if texts.is_empty() && !calls.is_empty() {
            self.out.null();
        } else {
            self.out.string(&Escaped::joined(&texts, ""));
        }
        self.reasoning(parts, !calls.is_empty());
        if !calls.is_empty() {
            self.out.key("tool_calls").begin_list();
            for call in calls {
                self.call(call);
            }
            self.out.end_list();
        }
        self.out.end();
        for part in parts {
            match &part.content {
                Content::Opaque { kind, note: None, .. } => {
                    self.losses.degraded(kind.clone().into_owned());
                }
                Content::Media(_) => self.losses.degraded("image"),
                _ => {}
            }
            if part.cache.is_some() {
                self.losses.note("cache_control");
            }
        }
    }

    /// Services that think between calls want their own thoughts back, and never nothing.
    fn reasoning(&mut self, parts: &[Part<'_>], has_calls: bool) {
        let is_wanted = match self.profile.echo {
            Echo::Never => false,
            Echo::Calls => has_calls,
            Echo::Always => true,
        };
        let texts: Vec<&Escaped<'_>> = parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::Reasoning { text, .. } if !text.is_empty() => Some(text),
                _ => None,
            })
            .collect();
        if is_wanted {
            let text = Escaped::joined(texts.iter().copied(), "\n\n");
            let text = if text.is_empty() { Escaped::raw(b" ") } else { text };
            self.out.key("reasoning_content").string(&text);
        } else if !texts.is_empty() {
            self.losses.note("thinking");
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        self.out.begin().member("id", &call.id).member("type", "function");
        self.out.key("function").begin().member("name", &call.name).key("arguments");
        match &call.input {
            Input::Json(json) => {
                self.out.text(&String::from_utf8_lossy(json));
            }
            Input::Text(text) if call.is_custom => {
                let mut inner = Writer::default();
                inner.begin().key("input").string(text).end();
                self.out.text(&String::from_utf8_lossy(&inner.into_bytes()));
            }
            Input::Text(text) => {
                self.out.string(text);
            }
        }
        self.out.end().end();
    }

    /// The messages of a user's turn: results first, their pictures behind them, then the rest.
    pub(super) fn user(&mut self, parts: &[Part<'_>]) {
        let mut rest: Vec<Part<'_>> = Vec::new();
        for part in parts {
            if let Content::Result(result) = &part.content {
                self.result(result, &mut rest);
                if part.cache.is_some() {
                    self.losses.note("cache_control");
                }
            }
        }
        let is_result = |part: &&Part<'_>| matches!(part.content, Content::Result(_));
        rest.extend(parts.iter().filter(|part| !is_result(part)).cloned());
        if !rest.is_empty() {
            self.message("user", &rest, false);
        }
    }

    fn result<'a>(&mut self, result: &CallResult<'a>, rest: &mut Vec<Part<'a>>) {
        let mut texts = Vec::new();
        let before = rest.len();
        for part in &result.parts {
            match plain(part) {
                Some(text) => texts.push(text),
                None if matches!(part.content, Content::Media(_)) => {
                    let marker = format!("[image from tool call {}]", result.call_id);
                    rest.push(Part::own_text(&marker));
                    rest.push(part.clone());
                }
                None => self.losses.degraded("tool_result"),
            }
        }
        let mut text = Escaped::joined(&texts, "\n");
        if text.is_empty() && rest.len() > before {
            text = Escaped::raw(IMAGE_BELOW.as_bytes());
        }
        if result.is_error && !text.as_bytes().starts_with(ERROR_OPEN.as_bytes()) {
            let (open, close) =
                (Escaped::raw(ERROR_OPEN.as_bytes()), Escaped::raw(ERROR_CLOSE.as_bytes()));
            text = Escaped::joined([&open, &text, &close], "");
        }
        self.out.begin().member("role", "tool").member("tool_call_id", &result.call_id);
        self.out.key("content").string(&text).end();
    }
}

/// A part as nothing but text.
fn plain<'a>(part: &Part<'a>) -> Option<Escaped<'a>> {
    match &part.content {
        Content::Text { text, .. } | Content::Refusal(text) => Some(text.clone()),
        Content::Opaque { note, .. } => note.clone(),
        Content::Media(media) => match &media.source {
            Source::Text(text) => Some(titled(media, text)),
            Source::Parts(parts) => {
                let texts: Vec<_> = parts.iter().filter_map(|part| plain(part)).collect();
                Some(titled(media, &Escaped::joined(&texts, "\n")))
            }
            _ => None,
        },
        _ => None,
    }
}

/// A document's text under its title.
fn titled<'a>(media: &Media<'a>, text: &Escaped<'a>) -> Escaped<'a> {
    let head: Vec<&Escaped<'_>> =
        media.title.iter().chain(&media.context).filter(|text| !text.is_empty()).collect();
    if head.is_empty() {
        return text.clone();
    }
    Escaped::joined(head.into_iter().chain([text]), "\n")
}
