//! The ways across: from one format to the other, with what a target may take or refuse.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use codegate::canonical::{Echo, Profile};
use codegate::formats::{BadRequest, Format};
use codegate::translate::{self, Goal, Plan, Seals, Translated};

const MODELS: [&str; 4] = ["claude-opus-4-5", "claude-opus-5-5", "gpt-4o", "kimi-k2"];

static SEALS: LazyLock<Arc<Seals>> = LazyLock::new(|| Arc::new(Seals::new(&[7; 32])));

pub(crate) fn other(format: Format) -> Format {
    match format {
        Format::AnthropicMessages => Format::OpenaiChat,
        Format::OpenaiChat => Format::AnthropicMessages,
    }
}

/// `body` of a client for the other format's target, chosen by the bits of `choices`.
pub(crate) fn translate(
    client: Format,
    body: &Bytes,
    choices: u8,
) -> Result<Translated, BadRequest> {
    let has = |bit: u8| choices >> bit & 1 == 1;
    let profile = Profile {
        is_limit_completion: has(2),
        takes_text_parts: !has(3),
        takes_late_system: !has(4),
        takes_effort: !has(5),
        echo: if has(6) { Echo::Calls } else { Echo::Never },
        has_think_tags: has(7),
        takes_images: has(3).then_some(has(4)),
        takes_tools: has(5).then_some(has(6)),
        max_output: has(2).then_some(4096),
        ..Profile::default()
    };
    let goal = Goal {
        client,
        target: other(client),
        model: MODELS[usize::from(choices & 3)],
        profile: &profile,
        seals: &SEALS,
        has_reasoning: !has(7) || has(6),
        now: 1_700_000_000,
    };
    translate::request(body, &goal)
}

/// The plan for an answer to a client of that format, to a request that says next to nothing.
pub(crate) fn plan(client: Format, choices: u8) -> Arc<Plan> {
    let body = br#"{"model":"asked","max_tokens":100,"stream":true,
        "stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hi"}]}"#;
    match translate(client, &Bytes::from_static(body), choices) {
        Ok(translated) => translated.plan,
        Err(error) => panic!("{error}"),
    }
}
