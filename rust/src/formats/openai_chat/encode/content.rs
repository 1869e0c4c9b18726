//! Messages of a request.

use crate::canonical::{
    Cache, Call, CallResult, Content, Echo, Input, Losses, Media, MediaKind, Part, Profile,
    Request, Role, Source,
};
use crate::formats::openai_chat::decode::request::{ERROR_CLOSE, ERROR_OPEN};
use crate::json::{Escaped, Writer};

const IMAGE_BELOW: &str = "(image attached below)";

/// Marks for the prompt cache that one request may have.
const MOST_MARKS: usize = 4;

/// What writing messages needs to know and remembers.
pub(super) struct Pen<'p, 'l> {
    pub(super) out: Writer,
    pub(super) profile: &'p Profile,
    pub(super) losses: &'l mut Losses,
    pub(super) echo: Echo,
    /// Marks for the prompt cache that come before the last four; none where no mark is taken.
    pub(super) skipped_marks: Option<usize>,
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
        let marks = self.marks(parts);
        let is_list = is_list || marks.iter().any(Option::is_some);
        if is_text && (!self.profile.takes_text_parts || (texts.len() < 2 && !is_list)) {
            let between = if self.profile.takes_text_parts { "" } else { "\\n\\n" };
            self.out.strings(&texts, between);
            return;
        }
        self.out.begin_list();
        for (part, mark) in parts.iter().zip(marks) {
            self.part(part, mark);
        }
        self.out.end_list();
    }

    /// The mark of each part. Only text may carry one, so that of a picture goes to the text before.
    fn marks(&mut self, parts: &[Part<'_>]) -> Vec<Option<Cache>> {
        let mut marks = vec![None; parts.len()];
        let mut text = None;
        for (index, part) in parts.iter().enumerate() {
            if plain(part).is_some() {
                text = Some(index);
            }
            let Some(mark) = part.cache else { continue };
            match text.and_then(|text| marks.get_mut(text)) {
                Some(place) if self.may_mark() => *place = Some(mark),
                _ => self.losses.note("cache_control"),
            }
        }
        marks
    }

    /// Whether the next mark of the request may be written.
    fn may_mark(&mut self) -> bool {
        match &mut self.skipped_marks {
            Some(0) => self.profile.takes_text_parts,
            Some(skipped) => {
                *skipped -= 1;
                false
            }
            None => false,
        }
    }

    fn mark(&mut self, mark: Option<Cache>) {
        let Some(mark) = mark else { return };
        if mark.is_hour {
            // Here a mark lives half an hour.
            self.losses.degraded("cache_ttl");
        }
        self.out.key("prompt_cache_breakpoint").begin().member("mode", "explicit").end();
    }

    fn part(&mut self, part: &Part<'_>, mark: Option<Cache>) {
        if let Content::Text { citations: Some(_), .. } = &part.content {
            self.losses.note("citations");
        }
        if let Some(text) = plain(part) {
            self.out.begin().member("type", "text").key("text").string(&text);
            self.mark(mark);
            self.out.end();
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
                self.image(&[&head, data], media);
            }
            (MediaKind::Image, Source::Url(url)) => self.image(&[url], media),
            (MediaKind::Document, Source::Base64 { mime, data }) => {
                let head = Escaped::text(&format!("data:{mime};base64,"));
                let name = media.title.clone().unwrap_or_else(|| Escaped::text("document.pdf"));
                self.out.begin().member("type", "file").key("file").begin();
                self.out.key("filename").string(&name);
                self.out.key("file_data").strings([&head, data], "");
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

    /// `url` in pieces.
    fn image(&mut self, url: &[&Escaped<'_>], media: &Media<'_>) {
        self.out.begin().member("type", "image_url").key("image_url").begin();
        self.out.key("url").strings(url.iter().copied(), "");
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
            if self.profile.takes("content:null") {
                self.out.null();
            } else {
                self.out.text("");
            }
        } else {
            self.out.strings(&texts, "");
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
        let is_wanted = match self.echo {
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
                self.result(result, part.cache, &mut rest);
            }
        }
        let is_result = |part: &&Part<'_>| matches!(part.content, Content::Result(_));
        rest.extend(parts.iter().filter(|part| !is_result(part)).cloned());
        if !rest.is_empty() {
            self.message("user", &rest, false);
        }
    }

    fn result<'a>(
        &mut self,
        result: &CallResult<'a>,
        mark: Option<Cache>,
        rest: &mut Vec<Part<'a>>,
    ) {
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
        let mut text = match texts.as_mut_slice() {
            [only] => std::mem::take(only),
            _ => Escaped::joined(&texts, "\n"),
        };
        if text.is_empty() && rest.len() > before {
            text = Escaped::raw(IMAGE_BELOW.as_bytes());
        }
        if result.is_error && !text.as_bytes().starts_with(ERROR_OPEN.as_bytes()) {
            let (open, close) =
                (Escaped::raw(ERROR_OPEN.as_bytes()), Escaped::raw(ERROR_CLOSE.as_bytes()));
            text = Escaped::joined([&open, &text, &close], "");
        }
        self.out.begin().member("role", "tool").member("tool_call_id", &result.call_id);
        self.out.key("content");
        match mark {
            Some(_) if self.may_mark() => {
                self.out.begin_list().begin().member("type", "text").key("text").string(&text);
                self.mark(mark);
                self.out.end().end_list();
            }
            Some(_) => {
                self.losses.note("cache_control");
                self.out.string(&text);
            }
            None => {
                self.out.string(&text);
            }
        }
        self.out.end();
    }
}

/// How many of the marks of `request` cannot be kept: the last ones cover the longest prefixes.
pub(super) fn marks_to_skip(request: &Request<'_>) -> usize {
    let turns = request.turns.iter().filter(|turn| turn.role != Role::Assistant);
    let parts = turns.flat_map(|turn| &turn.parts).chain(&request.system);
    parts.filter(|part| part.cache.is_some()).count().saturating_sub(MOST_MARKS)
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
