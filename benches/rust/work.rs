//! Bodies and streams that the micro benches share.

#![allow(dead_code, reason = "each bench uses some of them")]

use std::sync::Arc;

use bytes::Bytes;
use codegate::canonical::{Abilities, Profile};
use codegate::formats::Format;
use codegate::request::{Encoded, Goal, ParsedRequest};
use codegate::translate::Seals;

pub(crate) const DELTAS: usize = 300;

/// A Messages answer of `DELTAS` deltas.
pub(crate) fn messages_stream() -> Vec<u8> {
    let mut out = br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#.to_vec();
    for n in 0..DELTAS {
        let frame = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" word {n}\"}}}}\n\n"
        );
        out.extend_from_slice(frame.as_bytes());
    }
    out.extend_from_slice(br#"event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":300}}

event: message_stop
data: {"type":"message_stop"}

"#);
    out
}

/// The same as Chat Completions.
pub(crate) fn chat_stream() -> Vec<u8> {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5\",\"system_fingerprint\":null,\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let mut out = chunk(r#"{"role":"assistant","content":""}"#, "null");
    for n in 0..DELTAS {
        out.push_str(&chunk(&format!("{{\"content\":\" word {n}\"}}"), "null"));
    }
    out.push_str(&chunk("{}", "\"stop\""));
    out.push_str("data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":300,\"total_tokens\":310}}\n\ndata: [DONE]\n\n");
    out.into_bytes()
}

/// A Messages request of about `len` bytes whose history is files and tool results, so that a
/// good part of its bytes are `\"` and `\n`.
pub(crate) fn agent_body(len: usize) -> Vec<u8> {
    let line = r#"  {\"name\": \"read_file\", \"path\": \"src/main.rs\", \"ok\": true},\n"#;
    let mut body = br#"{"model":"claude-sonnet-4-5","max_tokens":32000,"stream":true,"system":[{"type":"text","text":"You are an agent.","cache_control":{"type":"ephemeral"}}],"messages":["#.to_vec();
    while body.len() < len {
        body.extend_from_slice(br#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01Rd7mWq2LkcVx9PfB3sYt6h","content":""#);
        for _ in 0..40 {
            body.extend_from_slice(line.as_bytes());
        }
        body.extend_from_slice(br#""}]},{"role":"assistant","content":[{"type":"text","text":"I will look at the next file."},{"type":"tool_use","id":"toolu_01Rd7mWq2LkcVx9PfB3sYt6h","name":"read_file","input":{"path":"src/lib.rs","lines":[1,200]}}]},"#);
    }
    body.extend_from_slice(br#"{"role":"user","content":"go on"}],"metadata":{"user_id":"user_1_account_2_session_3"}}"#);
    body
}

/// A chat request as a script sends it.
pub(crate) fn small_body() -> Vec<u8> {
    let question = "Explain in two sentences why the sky is blue. ".repeat(12);
    format!(
        r#"{{"model":"gpt-5","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{question}"}}],"temperature":0.2,"top_p":1,"n":1,"max_completion_tokens":512,"stream":true,"stream_options":{{"include_usage":true}},"user":"u-1","seed":7,"metadata":{{"run":"a1"}}}}"#
    )
    .into_bytes()
}

/// A session of an agent of about `len` bytes: what it read, and what it called for that.
pub(crate) fn session(client: Format, len: usize) -> Vec<u8> {
    let line =
        r#"  {\"name\": \"read_file\", \"path\": \"src/main.rs\", \"ok\": true},\n"#.repeat(20);
    let mut body = String::from(
        r#"{"model":"m","max_tokens":32000,"stream":true,"messages":[{"role":"user","content":"begin"}"#,
    );
    for n in 0.. {
        if body.len() >= len {
            break;
        }
        let turn = if client == Format::AnthropicMessages {
            format!(
                r#",{{"role":"assistant","content":[{{"type":"text","text":"I look."}},{{"type":"tool_use","id":"toolu_{n}","name":"read","input":{{"path":"src/{n}.rs"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{n}","content":"{line}"}}]}}"#
            )
        } else {
            format!(
                r#",{{"role":"assistant","content":"I look.","tool_calls":[{{"id":"call_{n}","type":"function","function":{{"name":"read","arguments":"{{\\"path\\":\\"src/{n}.rs\\"}}"}}}}]}},{{"role":"tool","tool_call_id":"call_{n}","content":"{line}"}}"#
            )
        };
        body.push_str(&turn);
    }
    body += "]}";
    body.into_bytes()
}

/// A Messages answer of a few sentences and a call.
pub(crate) fn messages_answer() -> Vec<u8> {
    let text = ANSWER.repeat(4);
    format!(
        r#"{{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[{{"type":"text","text":"{text}"}},{{"type":"tool_use","id":"toolu_1","name":"read","input":{{"path":"src/lib.rs","lines":[1,200]}}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":96}}}}"#
    )
    .into_bytes()
}

/// The same as Chat Completions.
pub(crate) fn chat_answer() -> Vec<u8> {
    let text = ANSWER.repeat(4);
    format!(
        r#"{{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"gpt-5","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}","tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"read","arguments":"{{\"path\":\"src/lib.rs\",\"lines\":[1,200]}}"}}}}]}},"logprobs":null,"finish_reason":"tool_calls"}}],"usage":{{"prompt_tokens":1225,"completion_tokens":96,"total_tokens":1321,"prompt_tokens_details":{{"cached_tokens":1200}}}}}}"#
    )
    .into_bytes()
}

const ANSWER: &str = r#"The fixture holds its \"first\" connection until the end of the test, so the second one waits for a lock that nobody gives up.\nClose it before the second opens. "#;

/// A request of `client`, read and written anew for an upstream of `target`; `None` where a body
/// made here is refused.
pub(crate) fn encoded(
    client: Format,
    target: Format,
    body: &Bytes,
    seals: &Arc<Seals>,
) -> Option<Encoded> {
    let goal = Goal {
        format: target,
        model: "m",
        max_output: None,
        profile: &Profile::default(),
        abilities: Abilities::default(),
        seals,
        is_strict: false,
        rescue: None,
    };
    ParsedRequest::parse(client, [body.clone()]).ok()?.encode(&goal).ok()
}
