//! Fuzz targets: each takes any bytes and panics where something does not hold.
//!
//! A target is one row of [`TARGETS`]. `make fuzz` mutates its seeds under libFuzzer with coverage;
//! the tests replay the seeds, and every input that was ever found to be wrong, on each run.

mod answers;
mod framing;
mod guardrails;
mod http1;
mod input;
mod json;
mod oracle;
mod requests;
mod streams;
mod ways;

/// One thing to fuzz.
pub struct Target {
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: [Target; 12] = [
    Target { name: "json", run: json::run, seeds: json::seeds },
    Target { name: "framing", run: framing::run, seeds: framing::seeds },
    Target { name: "http1_answer", run: http1::run, seeds: http1::seeds },
    Target { name: "messages_request", run: requests::messages, seeds: requests::messages_seeds },
    Target { name: "chat_request", run: requests::chat, seeds: requests::chat_seeds },
    Target { name: "messages_answer", run: answers::messages, seeds: answers::messages_seeds },
    Target { name: "chat_answer", run: answers::chat, seeds: answers::chat_seeds },
    Target { name: "messages_stream", run: streams::messages, seeds: streams::messages_seeds },
    Target { name: "chat_stream", run: streams::chat, seeds: streams::chat_seeds },
    Target { name: "scanner", run: guardrails::scanner, seeds: guardrails::seeds },
    Target { name: "token", run: guardrails::token, seeds: guardrails::token_seeds },
    Target { name: "masking", run: guardrails::masking, seeds: guardrails::seeds },
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
