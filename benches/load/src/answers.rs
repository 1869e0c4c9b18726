//! The answers of the mock upstream, prebuilt and deterministic. The client builds the same ones,
//! so that it can compare every byte it is given.

use std::ops::Range;

/// Digits of a send time in a delta: `CLOCK_MONOTONIC` in nanoseconds, zeros when not paced.
pub(crate) const STAMP_LEN: usize = 20;
const NO_STAMP: &str = "00000000000000000000";

/// The two wire formats that the benches speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    AnthropicMessages,
    OpenaiChat,
}

impl Format {
    pub(crate) fn named(name: &str) -> Result<Self, String> {
        match name {
            "anthropic_messages" => Ok(Self::AnthropicMessages),
            "openai_chat" => Ok(Self::OpenaiChat),
            _ => Err(format!("unknown format: {name}")),
        }
    }

    /// The format that a request path belongs to.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or(path);
        if path.ends_with("/messages") {
            Some(Self::AnthropicMessages)
        } else if path.ends_with("/chat/completions") {
            Some(Self::OpenaiChat)
        } else {
            None
        }
    }
}

const WORDS: &str = "The failing test opens the store twice: once through the fixture and once \
    through the command under test, and the second connection sees the write lock of the first. \
    Close the fixture's connection before the command runs, or give both the same pool; the \
    smaller change is the first one. I would also assert that the lock is gone at the end, so \
    that the next person who adds a connection learns it from this test and not from a hang. \
    Both changes are in one file, and no other test shares it.";

/// A whole JSON answer, 0.8 to 0.9 KB, with usage.
pub(crate) fn json(format: Format) -> String {
    match format {
        Format::AnthropicMessages => format!(
            "{{\"id\":\"msg_01BenchAnswer0000000001\",\"type\":\"message\",\"role\":\"assistant\",\
             \"model\":\"claude-sonnet-4-5\",\"content\":[{{\"type\":\"text\",\"text\":\"{WORDS}\"}}],\
             \"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{{\"input_tokens\":231,\
             \"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":96,\
             \"service_tier\":\"standard\"}}}}"
        ),
        Format::OpenaiChat => format!(
            "{{\"id\":\"chatcmpl-BenchAnswer00000001\",\"object\":\"chat.completion\",\
             \"created\":1760000000,\"model\":\"gpt-4o\",\"choices\":[{{\"index\":0,\"message\":\
             {{\"role\":\"assistant\",\"content\":\"{WORDS}\",\"refusal\":null}},\"logprobs\":null,\
             \"finish_reason\":\"stop\"}}],\"usage\":{{\"prompt_tokens\":231,\"completion_tokens\":96,\
             \"total_tokens\":327,\"prompt_tokens_details\":{{\"cached_tokens\":0}}}},\
             \"system_fingerprint\":\"fp_bench\"}}"
        ),
    }
}

/// The events of one stream: what comes at once, the deltas, and what ends it.
pub(crate) struct Stream {
    pub(crate) opening: Vec<String>,
    /// The delta that is sent again and again.
    pub(crate) delta: String,
    /// Where in the delta the send time stands.
    pub(crate) stamp: Range<usize>,
    pub(crate) closing: Vec<String>,
}

impl Stream {
    pub(crate) fn new(format: Format, deltas: usize) -> Self {
        let (opening, delta, closing) = match format {
            Format::AnthropicMessages => messages_events(deltas),
            Format::OpenaiChat => chat_events(deltas),
        };
        let start = delta.find(NO_STAMP).unwrap_or(0);
        Self { opening, delta, stamp: start..start + STAMP_LEN, closing }
    }
}

type Events = (Vec<String>, String, Vec<String>);

fn messages_events(deltas: usize) -> Events {
    let event =
        |name: &str, rest: &str| format!("event: {name}\ndata: {{\"type\":\"{name}\"{rest}}}\n\n");
    let opening = vec![
        event(
            "message_start",
            ",\"message\":{\"id\":\"msg_01BenchStream0000000001\",\"type\":\"message\",\
             \"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\
             \"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":231,\
             \"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\
             \"output_tokens\":1,\"service_tier\":\"standard\"}}",
        ),
        event(
            "content_block_start",
            ",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}",
        ),
    ];
    let delta = event(
        "content_block_delta",
        &format!(",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{NO_STAMP} lock\"}}"),
    );
    let closing = vec![
        event("content_block_stop", ",\"index\":0"),
        event(
            "message_delta",
            &format!(
                ",\"delta\":{{\"stop_reason\":\"end_turn\",\"stop_sequence\":null}},\
                 \"usage\":{{\"output_tokens\":{deltas}}}"
            ),
        ),
        event("message_stop", ""),
    ];
    (opening, delta, closing)
}

fn chat_events(deltas: usize) -> Events {
    let chunk = |choices: &str, usage: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-BenchStream00000001\",\"object\":\"chat.completion.chunk\",\
             \"created\":1760000000,\"model\":\"gpt-4o\",\"choices\":[{choices}]{usage}}}\n\n"
        )
    };
    let choice = |delta: &str, reason: &str| {
        let choice = format!("{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}");
        chunk(&choice, "")
    };
    let opening = vec![choice("{\"role\":\"assistant\",\"content\":\"\"}", "null")];
    let delta = choice(&format!("{{\"content\":\"{NO_STAMP} lock\"}}"), "null");
    let usage = format!(
        ",\"usage\":{{\"prompt_tokens\":231,\"completion_tokens\":{deltas},\"total_tokens\":{}}}",
        231 + deltas
    );
    let closing = vec![choice("{}", "\"stop\""), chunk("", &usage), "data: [DONE]\n\n".to_owned()];
    (opening, delta, closing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Format; 2] = [Format::AnthropicMessages, Format::OpenaiChat];

    #[test]
    fn json_answers_are_json_of_the_stated_size() {
        for format in BOTH {
            let answer = json(format);
            assert!((800..=900).contains(&answer.len()), "{format:?}: {} bytes", answer.len());
            assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
        }
    }

    #[test]
    fn every_event_of_a_stream_holds_json() {
        for format in BOTH {
            let stream = Stream::new(format, 300);
            assert_eq!(&stream.delta[stream.stamp.clone()], NO_STAMP);
            let events = stream.opening.iter().chain([&stream.delta]).chain(&stream.closing);
            for event in events.filter(|event| !event.contains("[DONE]")) {
                assert!(event.ends_with("\n\n"));
                let data = event.split_once("data: ").map_or("", |(_, data)| data);
                assert!(serde_json::from_str::<serde_json::Value>(data).is_ok(), "{event}");
            }
        }
    }

    #[test]
    fn paths_name_the_format_with_or_without_prefix() {
        assert_eq!(Format::of_path("/v1/messages?beta=true"), Some(Format::AnthropicMessages));
        assert_eq!(Format::of_path("/chat/completions"), Some(Format::OpenaiChat));
        assert_eq!(Format::of_path("/v1/messages/count_tokens"), None);
    }
}
