//! What the models of this format take, by name (facts of November 2026).

use crate::canonical::Effort;

/// Which settings of `thinking` a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// A budget in tokens, or off.
    Budget,
    /// The model chooses; it may be off.
    Adaptive,
    /// The model chooses, always.
    AlwaysOn,
    /// The model chooses; the least is to think between tools.
    BetweenTools,
}

/// Which sampling numbers a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    All,
    /// Temperature or `top_p`, not both.
    One,
    None,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of one model")]
pub(super) struct Model {
    pub(super) thinking: Thinking,
    pub(super) numbers: Numbers,
    /// A tool may be forced.
    pub(super) takes_forced_tool: bool,
    /// What no effort means.
    pub(super) default_effort: Effort,
    /// A final turn of the assistant is continued.
    pub(super) takes_prefill: bool,
    /// System turns may follow a user's.
    pub(super) takes_late_system: bool,
    pub(super) takes_xhigh: bool,
    pub(super) max_output: u64,
}

const NEWEST: Model = Model {
    thinking: Thinking::AlwaysOn,
    numbers: Numbers::None,
    takes_forced_tool: false,
    default_effort: Effort::High,
    takes_prefill: false,
    takes_late_system: true,
    takes_xhigh: true,
    max_output: 64_000,
};

const FIFTH: Model = Model { thinking: Thinking::Adaptive, takes_forced_tool: true, ..NEWEST };

const FOURTH: Model = Model {
    thinking: Thinking::Budget,
    numbers: Numbers::One,
    takes_forced_tool: true,
    default_effort: Effort::High,
    takes_prefill: true,
    takes_late_system: false,
    takes_xhigh: false,
    max_output: 32_000,
};

/// What the names of the vendor's own models have in common.
const FAMILY: &str = "claude";

/// The rules of `model`. A name that is not known but of this family's kind is taken for the
/// newest; any other name for a foreign model behind this format, which takes everything.
pub(super) fn rules(model: &str) -> Model {
    let name = model.rsplit('/').next().unwrap_or(model);
    let name: Vec<u8> =
        name.bytes().map(|b| if b == b'.' { b'-' } else { b.to_ascii_lowercase() }).collect();
    let Some(at) = find(&name, FAMILY) else {
        return Model { numbers: Numbers::All, max_output: 8_192, ..FOURTH };
    };
    let name = name.get(at..).unwrap_or_default();
    let has = |part: &str| find(name, part).is_some();
    // Most names are of the generation before.
    if name.windows(3).any(|piece| piece.ends_with(b"-5") && !piece.starts_with(b"4"))
        && let Some(model) = fifth(has)
    {
        return model;
    }
    match () {
        () if has("opus-4-8") => FIFTH,
        () if has("opus-4-7") => Model { takes_late_system: false, ..FIFTH },
        () if has("-4-6") => Model {
            thinking: Thinking::Adaptive,
            takes_prefill: false,
            max_output: 64_000,
            ..FOURTH
        },
        () if has("-4-") || has("-3-") || name.ends_with(b"-4") || has("claude-2") => {
            FOURTH.aged(name)
        }
        () => NEWEST,
    }
}

fn fifth(has: impl Fn(&str) -> bool) -> Option<Model> {
    Some(match () {
        () if has("sonnet-5-5") => Model { thinking: Thinking::BetweenTools, ..NEWEST },
        () if has("haiku-5-5") => Model { default_effort: Effort::Medium, ..FIFTH },
        () if has("opus-5-5") => Model { default_effort: Effort::Medium, ..NEWEST },
        () if has("fable-5-") => NEWEST,
        () if has("fable-5") => Model { takes_forced_tool: true, ..NEWEST },
        () if has("opus-5") => FIFTH,
        () if has("sonnet-5") => Model { takes_late_system: false, ..FIFTH },
        () => return None,
    })
}

/// Whether `model` is one of the vendor's own, which can search the web.
pub(super) fn is_own(model: &str) -> bool {
    find(model.to_ascii_lowercase().as_bytes(), FAMILY).is_some()
}

/// Where `part` begins in a name: both are a few letters, too few for a searcher to pay.
fn find(name: &[u8], part: &str) -> Option<usize> {
    let part = part.as_bytes();
    let first = part.first()?;
    name.windows(part.len()).position(|piece| piece.first() == Some(first) && piece == part)
}

impl Model {
    fn aged(self, name: &[u8]) -> Self {
        let has = |part: &str| find(name, part).is_some();
        if has("-3-7") {
            Self { max_output: 64_000, numbers: Numbers::All, ..self }
        } else if has("-3-5") {
            Self { max_output: 8_192, numbers: Numbers::All, ..self }
        } else if has("-3-") || has("claude-2") {
            Self { max_output: 4_096, numbers: Numbers::All, ..self }
        } else if has("sonnet-4") || has("haiku-4") || has("opus-4-5") {
            Self { max_output: 64_000, ..self }
        } else {
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_find_their_generation() {
        let thinking = |name: &str| rules(name).thinking;
        assert_eq!(thinking("claude-opus-5-5-20260901"), Thinking::AlwaysOn);
        assert_eq!(thinking("claude-sonnet-5-5"), Thinking::BetweenTools);
        assert_eq!(thinking("anthropic/claude-haiku-5.5"), Thinking::Adaptive);
        assert_eq!(thinking("claude-opus-4-6"), Thinking::Adaptive);
        assert_eq!(thinking("claude-sonnet-4-20250514"), Thinking::Budget);
        assert_eq!(thinking("claude-3-5-sonnet-20241022"), Thinking::Budget);
        assert_eq!(thinking("claude-opus-9"), Thinking::AlwaysOn);
        assert_eq!(rules("glm-5").numbers, Numbers::All);
        assert!(rules("claude-opus-4-5").takes_prefill);
        assert!(!rules("claude-opus-4-6").takes_prefill);
        assert_eq!(rules("claude-opus-5-5").default_effort, Effort::Medium);
    }
}
