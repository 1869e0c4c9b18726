//! An answer as a sequence of events.
//!
//! Parts are opened, filled and closed; several may be open at once. A stream and a whole body
//! are read into the same events.

use std::borrow::Cow;

use super::Usage;
use crate::json::Escaped;

#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// The answer has begun.
    Start {
        id: Option<Escaped<'a>>,
        usage: Usage,
    },
    Open {
        part: u32,
        opened: Opened<'a>,
    },
    Delta {
        part: u32,
        delta: Delta<'a>,
    },
    Close {
        part: u32,
    },
    /// Counts so far; the newest hold.
    Usage(Usage),
    /// Why the model stopped. The answer goes on until its end: usage may follow.
    Stop(Stop<'a>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Opened<'a> {
    Text,
    Refusal,
    Reasoning,
    Redacted {
        seal: Escaped<'a>,
    },
    Call {
        id: Cow<'a, str>,
        name: Cow<'a, str>,
    },
    /// What only the upstream's format knows.
    Opaque {
        kind: Cow<'a, str>,
        raw: Cow<'a, [u8]>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum Delta<'a> {
    /// More of a text, refusal or reasoning.
    Text(Escaped<'a>),
    /// The seal of a reasoning, whole.
    Seal(Escaped<'a>),
    /// More of the JSON text of a call's input, itself as the content of a JSON string.
    Input(Escaped<'a>),
    /// A source of the text, as its format tells it.
    Citation(Cow<'a, [u8]>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stop<'a> {
    pub reason: StopReason,
    /// The stop sequence that was met.
    pub sequence: Option<Escaped<'a>>,
    /// Why it was refused, in words.
    pub explanation: Option<Escaped<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StopReason {
    #[default]
    End,
    Sequence,
    Calls,
    MaxOutput,
    ContextFull,
    Refusal,
    /// A hosted tool's loop paused.
    Pause,
    Compaction,
}
