//! Leaving out what the target's model is known not to have, and saying so in its place.

use crate::canonical::{
    Content, IMAGE, Input, Losses, Media, MediaKind, NO_IMAGE, Part, Profile, Request, Source,
};
use crate::json::Escaped;

pub(super) fn lower(request: &mut Request<'_>, profile: &Profile, losses: &mut Losses) {
    if profile.takes_images == Some(false) {
        blind(&mut request.system, losses);
        for turn in &mut request.turns {
            blind(&mut turn.parts, losses);
        }
    }
    if profile.takes_tools == Some(false) {
        without_tools(request, losses);
    }
}

/// Puts a notice in place of each image.
fn blind(parts: &mut [Part<'_>], losses: &mut Losses) {
    for part in parts {
        match &mut part.content {
            Content::Media(Media { kind: MediaKind::Image, .. }) => {
                losses.degraded(IMAGE);
                part.content = Content::Text { text: Escaped::text(NO_IMAGE), citations: None };
            }
            Content::Media(Media { source: Source::Parts(inner), .. }) => blind(inner, losses),
            Content::Result(result) => blind(&mut result.parts, losses),
            _ => {}
        }
    }
}

/// No tools are offered, and calls of the history are told as text; results without a call become
/// text by themselves.
fn without_tools(request: &mut Request<'_>, losses: &mut Losses) {
    if !request.tools.is_empty() {
        losses.semantic("tools");
        request.tools.clear();
    }
    request.tool_choice = None;
    request.may_parallel = None;
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Content::Call(call) = &part.content {
            let input = match &call.input {
                Input::Json(json) => String::from_utf8_lossy(json).into_owned(),
                Input::Text(text) => text.to_text().into_owned(),
            };
            let text = Escaped::text(&format!("[called the tool {} with {input}]", call.name));
            part.content = Content::Text { text, citations: None };
        }
    }
}
