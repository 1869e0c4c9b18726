//! Content blocks of a request.

use crate::canonical::{
    Cache, CallResult, Content, Input, Losses, Media, MediaKind, Part, Role, Source,
};
use crate::json::{Escaped, Writer};

/// Breakpoints that one request may have.
const MOST_MARKS: usize = 4;

/// What writing content needs to know and remembers.
pub(super) struct Pen<'l> {
    pub(super) out: Writer,
    pub(super) losses: &'l mut Losses,
    /// Marks that come before the last four.
    pub(super) skipped_marks: usize,
}

impl Pen<'_> {
    pub(super) fn cache(&mut self, cache: Option<Cache>) {
        let Some(cache) = cache else { return };
        if self.skipped_marks > 0 {
            self.skipped_marks -= 1;
            self.losses.note("cache_control");
            return;
        }
        self.out.key("cache_control").begin().member("type", "ephemeral");
        if cache.is_hour {
            self.out.member("ttl", "1h");
        }
        self.out.end();
    }

    pub(super) fn part(&mut self, part: &Part<'_>, role: Role) {
        match &part.content {
            Content::Text { text, citations } => {
                self.out.begin().member("type", "text").key("text").string(text);
                if let Some(citations) = citations.filter(|_| role == Role::Assistant) {
                    self.out.key("citations").raw(citations);
                }
                self.cache(part.cache);
                self.out.end();
            }
            Content::Refusal(text) => {
                self.out.begin().member("type", "text").key("text").string(text);
                self.cache(part.cache);
                self.out.end();
            }
            Content::Reasoning { text, seal } => {
                self.out.begin().member("type", "thinking").key("thinking").string(text);
                let none = Escaped::default();
                self.out.key("signature").string(seal.as_ref().unwrap_or(&none)).end();
            }
            Content::Redacted { seal } => {
                self.out.begin().member("type", "redacted_thinking");
                self.out.key("data").string(seal).end();
            }
            Content::Call(call) => {
                self.out.begin().member("type", "tool_use");
                self.out.member("id", &call.id).member("name", &call.name).key("input");
                self.input(&call.input, call.is_custom);
                self.cache(part.cache);
                self.out.end();
            }
            Content::Result(result) => self.result(result, part.cache),
            Content::Media(media) => self.media(media, part.cache),
            Content::Opaque { kind, note, .. } => match note {
                Some(note) => {
                    self.out.begin().member("type", "text").key("text").string(note);
                    self.cache(part.cache);
                    self.out.end();
                }
                None => self.losses.degraded(kind.clone().into_owned()),
            },
        }
    }

    fn input(&mut self, input: &Input<'_>, is_custom: bool) {
        match input {
            Input::Json(json) => {
                self.out.raw(json);
            }
            Input::Text(text) if is_custom => {
                self.out.begin().key("input").string(text).end();
            }
            Input::Text(text) if text.is_blank() => {
                self.out.begin().end();
            }
            Input::Text(text) => {
                self.losses.degraded("arguments");
                self.out.begin().key("_raw").string(text).end();
            }
        }
    }

    fn result(&mut self, result: &CallResult<'_>, cache: Option<Cache>) {
        self.out.begin().member("type", "tool_result").member("tool_use_id", &result.call_id);
        if let [Part { content: Content::Text { text, .. }, cache: None }] = result.parts.as_slice()
        {
            self.out.key("content").string(text);
        } else if !result.parts.is_empty() {
            self.out.key("content").begin_list();
            for part in &result.parts {
                self.part(part, Role::User);
            }
            self.out.end_list();
        }
        if result.is_error {
            self.out.key("is_error").bool(true);
        }
        self.cache(cache);
        self.out.end();
    }

    fn media(&mut self, media: &Media<'_>, cache: Option<Cache>) {
        let kind = match media.kind {
            MediaKind::Image => "image",
            MediaKind::Document => "document",
            MediaKind::Audio => return self.losses.semantic("input_audio"),
        };
        self.out.begin().member("type", kind).key("source").begin();
        match &media.source {
            Source::Base64 { mime, data } => {
                self.out.member("type", "base64").member("media_type", mime);
                self.out.key("data").string(data);
            }
            Source::Url(url) => {
                self.out.member("type", "url").key("url").string(url);
            }
            Source::File(id) => {
                self.out.member("type", "file").key("file_id").string(id);
            }
            Source::Text(text) => {
                self.out.member("type", "text").member("media_type", "text/plain");
                self.out.key("data").string(text);
            }
            Source::Parts(parts) => {
                self.out.member("type", "content").key("content").begin_list();
                for part in parts {
                    self.part(part, Role::User);
                }
                self.out.end_list();
            }
        }
        self.out.end();
        if media.kind == MediaKind::Document {
            for (name, text) in [("title", &media.title), ("context", &media.context)] {
                if let Some(text) = text {
                    self.out.key(name).string(text);
                }
            }
        }
        if media.detail.is_some() {
            self.losses.note("detail");
        }
        self.cache(cache);
        self.out.end();
    }
}

/// How many of `marks` cannot be kept: the last four cover the longest prefixes.
pub(super) fn marks_to_skip(marks: usize) -> usize {
    marks.saturating_sub(MOST_MARKS)
}

/// Whether a part will be written as a block at all.
pub(super) fn is_written(part: &Part<'_>) -> bool {
    match &part.content {
        Content::Opaque { note, .. } => note.is_some(),
        Content::Media(media) => media.kind != MediaKind::Audio,
        _ => true,
    }
}
