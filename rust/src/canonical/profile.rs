//! What a target takes, as data: its service and the model asked there.

use super::Effort;

/// Which turns of the history must carry their reasoning back in plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Echo {
    #[default]
    Never,
    /// Turns that called tools.
    Calls,
    /// Every turn of the assistant.
    Always,
}

impl Echo {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "never" => Self::Never,
            "calls" => Self::Calls,
            "always" => Self::Always,
            _ => return None,
        })
    }
}

/// What is known of a model at its service; nothing where nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    pub tools: Option<bool>,
    pub reasoning: Option<bool>,
    pub vision: Option<bool>,
}

impl Abilities {
    /// One letter for each fact, out of `t` (tools), `r` (reasoning) and `v` (vision): the small
    /// one for what the model has not, the capital for what it has.
    pub fn parse(letters: &str) -> Self {
        let known = |has: char| {
            let lacks = has.to_ascii_lowercase();
            letters.chars().find(|c| *c == has || *c == lacks).map(|c| c == has)
        };
        Self { tools: known('T'), reasoning: known('R'), vision: known('V') }
    }
}

/// Facts about one target. The defaults are those of a service nobody knows.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Profile {
    /// Who holds the model; reasoning that was sealed there goes back only there.
    pub vendor: String,
    /// The output limit goes by the newer of two names.
    pub is_limit_completion: bool,
    /// Usage may be asked for in a stream.
    pub takes_stream_usage: bool,
    /// Lists of text parts are taken where a string would do.
    pub takes_text_parts: bool,
    /// System turns may stand anywhere, and there may be several.
    pub takes_late_system: bool,
    /// A level of reasoning may be asked for.
    pub takes_effort: bool,
    /// The levels there are, lowest first; none: all that the format knows.
    pub efforts: Vec<Effort>,
    /// Reasoning is turned on and off by a member of its own.
    pub has_thinking_switch: bool,
    pub echo: Echo,
    /// Reasoning comes as tags in the text.
    pub has_think_tags: bool,
    pub takes_images: Option<bool>,
    pub takes_tools: Option<bool>,
    pub takes_reasoning: Option<bool>,
    /// Tokens that the model may write.
    pub max_output: Option<u64>,
    /// Members of the target's format that it refuses, or one value of a member: `name:value`.
    pub refused: Vec<String>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            vendor: String::new(),
            is_limit_completion: false,
            takes_stream_usage: true,
            takes_text_parts: true,
            takes_late_system: true,
            takes_effort: true,
            efforts: Vec::new(),
            has_thinking_switch: false,
            echo: Echo::Never,
            has_think_tags: false,
            takes_images: None,
            takes_tools: None,
            takes_reasoning: None,
            max_output: None,
            refused: Vec::new(),
        }
    }
}

impl Profile {
    /// The same service with a model of which this is known.
    #[must_use]
    pub fn with_model(&self, max_output: Option<u64>, abilities: Abilities) -> Self {
        Self {
            max_output,
            takes_tools: abilities.tools.or(self.takes_tools),
            takes_reasoning: abilities.reasoning.or(self.takes_reasoning),
            takes_images: abilities.vision.or(self.takes_images),
            ..self.clone()
        }
    }

    /// The level that comes nearest to `wanted`: the next higher one, else the highest.
    pub fn nearest(&self, wanted: Effort) -> Effort {
        let next = self.efforts.iter().find(|effort| **effort >= wanted);
        next.or(self.efforts.last()).copied().unwrap_or(wanted)
    }

    /// Whether the target takes a member of its own format, or one value of it.
    pub fn takes(&self, member: &str) -> bool {
        !self.refused.iter().any(|refused| refused == member)
    }
}
