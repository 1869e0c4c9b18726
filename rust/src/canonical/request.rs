//! A request as all formats understand it.

use std::borrow::Cow;

use super::Severity;
use crate::json::Escaped;

/// Says to a model that cannot see what it does not see.
pub const NO_IMAGE: &str = "[image left out: this model cannot see images]";

/// One request. Slices point into the client's body.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The name of the format it was read from.
    pub origin: &'static str,
    /// The model as the client named it.
    pub model: String,
    /// What was said before the first turn.
    pub system: Vec<Part<'a>>,
    /// The client gave `system` as one text.
    pub is_system_plain: bool,
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool<'a>>,
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several tools may be called at once, where the client said so.
    pub may_parallel: Option<bool>,
    /// Tokens the answer may have.
    pub max_output: Option<u64>,
    pub sampling: Sampling<'a>,
    pub stop: Vec<Escaped<'a>>,
    pub reasoning: Reasoning,
    pub output: Output<'a>,
    /// The end user.
    pub user: Option<Escaped<'a>>,
    /// Names the conversation, for prompt caches.
    pub cache_key: Option<Escaped<'a>>,
    /// Mark the end of the prompt for caching.
    pub cache: Option<Cache>,
    pub tier: Option<Tier>,
    pub is_streaming: bool,
    /// The client wants usage at the end of its stream.
    pub wants_usage: bool,
    /// Members that only the origin knows.
    pub extra: Vec<Extra<'a>>,
}

/// A top-level member that only its own format knows.
#[derive(Debug, Clone)]
pub struct Extra<'a> {
    pub name: Cow<'a, str>,
    pub raw: &'a [u8],
    /// What it means to lose it.
    pub severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    System,
    Developer,
    /// The user, and the results of tools.
    User,
    Assistant,
}

#[derive(Debug, Clone)]
pub struct Turn<'a> {
    pub role: Role,
    pub parts: Vec<Part<'a>>,
}

#[derive(Debug, Clone)]
pub struct Part<'a> {
    pub content: Content<'a>,
    /// The prompt up to here may be cached.
    pub cache: Option<Cache>,
}

impl<'a> Part<'a> {
    pub fn new(content: Content<'a>) -> Self {
        Self { content, cache: None }
    }

    pub fn text(text: Escaped<'a>) -> Self {
        Self::new(Content::Text { text, citations: None })
    }

    /// Text of our own.
    pub fn own_text(text: &str) -> Self {
        Self::text(Escaped::text(text))
    }
}

/// How long a cached prompt lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    pub is_hour: bool,
}

#[derive(Debug, Clone)]
pub enum Content<'a> {
    Text {
        text: Escaped<'a>,
        citations: Option<&'a [u8]>,
    },
    /// Visible reasoning with the seal that proves where it comes from.
    Reasoning {
        text: Escaped<'a>,
        seal: Option<Escaped<'a>>,
    },
    /// Reasoning that nobody but its origin can read.
    Redacted {
        seal: Escaped<'a>,
    },
    Call(Call<'a>),
    Result(CallResult<'a>),
    Media(Media<'a>),
    Refusal(Escaped<'a>),
    /// What only the origin knows, and what may be said of it elsewhere.
    Opaque {
        kind: Cow<'a, str>,
        raw: &'a [u8],
        note: Option<Escaped<'a>>,
    },
}

#[derive(Debug, Clone)]
pub struct Call<'a> {
    pub id: Cow<'a, str>,
    pub name: Cow<'a, str>,
    pub input: Input<'a>,
    /// Its input is text of the tool's own grammar.
    pub is_custom: bool,
}

/// What a tool is called with.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// One JSON object as text.
    Json(Cow<'a, [u8]>),
    /// Whatever else stood there.
    Text(Escaped<'a>),
}

#[derive(Debug, Clone)]
pub struct CallResult<'a> {
    pub call_id: Cow<'a, str>,
    pub parts: Vec<Part<'a>>,
    pub is_error: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaKind {
    Image,
    Document,
    Audio,
}

#[derive(Debug, Clone)]
pub struct Media<'a> {
    pub kind: MediaKind,
    pub source: Source<'a>,
    pub title: Option<Escaped<'a>>,
    pub context: Option<Escaped<'a>>,
    /// How closely to look.
    pub detail: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone)]
pub enum Source<'a> {
    Base64 {
        mime: Cow<'a, str>,
        data: Escaped<'a>,
    },
    Url(Escaped<'a>),
    /// A file kept at the service.
    File(Escaped<'a>),
    Text(Escaped<'a>),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Clone)]
pub struct Tool<'a> {
    pub name: Cow<'a, str>,
    pub description: Option<Escaped<'a>>,
    /// JSON Schema of its input.
    pub schema: Option<Cow<'a, [u8]>>,
    pub is_strict: Option<bool>,
    pub kind: ToolKind<'a>,
    pub cache: Option<Cache>,
    /// Examples of input, a JSON list.
    pub examples: Option<&'a [u8]>,
    /// The definition as the client wrote it.
    pub raw: &'a [u8],
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolKind<'a> {
    Function,
    /// Takes text of a grammar instead of an object.
    Custom {
        format: Option<&'a [u8]>,
    },
    /// Runs at the service that the client had in mind.
    Hosted(Cow<'a, str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    Auto,
    Required,
    None,
    Named(Cow<'a, str>),
    Allowed { names: Vec<Cow<'a, str>>, is_required: bool },
}

/// Numbers as the client wrote them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sampling<'a> {
    pub temperature: Option<&'a [u8]>,
    pub top_p: Option<&'a [u8]>,
    pub top_k: Option<&'a [u8]>,
    pub presence_penalty: Option<&'a [u8]>,
    pub frequency_penalty: Option<&'a [u8]>,
    pub seed: Option<&'a [u8]>,
}

/// How hard to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    Off,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

impl Effort {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "none" => Self::Off,
            "minimal" => Self::Minimal,
            "low" => Self::Low,
            "medium" => Self::Medium,
            "high" => Self::High,
            "xhigh" => Self::XHigh,
            "max" => Self::Max,
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "none",
            Self::Minimal => "minimal",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }

    /// The level of a budget in tokens.
    pub fn of_budget(tokens: u64) -> Self {
        match tokens {
            0 => Self::Off,
            1..=1024 => Self::Minimal,
            1025..=4096 => Self::Low,
            4097..=16384 => Self::Medium,
            16385..=28672 => Self::High,
            _ => Self::XHigh,
        }
    }

    /// The budget of a level, where an answer may have `max_output` tokens.
    pub fn budget(self, max_output: u64) -> u64 {
        match self {
            Self::Off => 0,
            Self::Minimal => 1024,
            Self::Low => 2048,
            Self::Medium => 8192,
            Self::High => 24576,
            Self::XHigh => 32768,
            Self::Max => max_output.saturating_sub(1024),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasoning {
    pub effort: Option<Effort>,
    /// The client gave no level and wants the model to choose.
    pub is_automatic: bool,
    /// Tokens, where the client counts in them.
    pub budget: Option<u64>,
}

/// What shape the answer has.
#[derive(Debug, Clone, Default)]
pub enum Output<'a> {
    #[default]
    Text,
    /// Any JSON object.
    Json,
    Schema {
        name: Option<Escaped<'a>>,
        description: Option<Escaped<'a>>,
        schema: Cow<'a, [u8]>,
        is_strict: Option<bool>,
    },
}

/// How urgent the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    Auto,
    Standard,
    Flex,
    Priority,
    Fast,
}
