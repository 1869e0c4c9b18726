//! Guessing how many tokens a prompt has.

use crate::canonical::{Content, Input, MediaKind, Part, Request, Source};

/// Tokens of a picture of usual size.
const IMAGE_TOKENS: u64 = 1_600;
/// Tokens of a page, and its bytes in base64.
const PAGE_TOKENS: u64 = 2_000;
const PAGE_BYTES: u64 = 60_000;
/// What each turn and tool costs beside its text.
const FRAME_TOKENS: u64 = 4;

pub(super) fn tokens(request: &Request<'_>) -> u64 {
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            let description = tool.description.as_ref().map_or(0, |text| text.as_bytes().len());
            let schema = tool.schema.as_ref().map_or(0, |schema| schema.len());
            text_tokens(tool.name.len() + description + schema) + FRAME_TOKENS
        })
        .sum();
    let turns: u64 = request.turns.iter().map(|turn| parts(&turn.parts) + FRAME_TOKENS).sum();
    // A little more than the average, so that nobody runs into the wall behind the guess.
    (parts(&request.system) + turns + tools).saturating_mul(105).div_ceil(100).max(1)
}

fn text_tokens(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(4)
}

fn parts(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(part).sum()
}

fn part(part: &Part<'_>) -> u64 {
    match &part.content {
        Content::Text { text, .. } | Content::Refusal(text) | Content::Reasoning { text, .. } => {
            text_tokens(text.as_bytes().len())
        }
        Content::Redacted { .. } => FRAME_TOKENS,
        Content::Call(call) => {
            let input = match &call.input {
                Input::Json(json) => json.len(),
                Input::Text(text) => text.as_bytes().len(),
            };
            text_tokens(call.name.len() + input) + FRAME_TOKENS
        }
        Content::Result(result) => parts(&result.parts) + FRAME_TOKENS,
        Content::Media(media) => match (&media.source, media.kind) {
            (Source::Text(text), _) => text_tokens(text.as_bytes().len()),
            (Source::Parts(inner), _) => parts(inner),
            (Source::Base64 { data, .. }, MediaKind::Document) => {
                (data.as_bytes().len() as u64).div_ceil(PAGE_BYTES) * PAGE_TOKENS
            }
            _ => IMAGE_TOKENS,
        },
        Content::Opaque { raw, .. } => text_tokens(raw.len()),
    }
}
