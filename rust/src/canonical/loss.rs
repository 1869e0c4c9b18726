//! What a translation could not take along.

use std::borrow::Cow;

/// The loss of an image.
pub const IMAGE: &str = "image";

/// How much a loss matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing that changes the answer.
    Note,
    /// The answer may be slower, dearer or a little different.
    Degraded,
    /// The client asked for something that will not happen.
    Semantic,
}

/// One kind of loss and how often it occurred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub code: Cow<'static, str>,
    pub severity: Severity,
    pub count: u32,
}

/// The losses of one translation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

/// Kinds of losses that are told apart; a client chooses some of the names.
const MOST_KINDS: usize = 32;
/// Characters of a client's own name that are kept.
const CODE_CHARS: usize = 40;

impl Losses {
    pub fn note(&mut self, code: impl Into<Cow<'static, str>>) {
        self.add(code.into(), Severity::Note);
    }

    pub fn degraded(&mut self, code: impl Into<Cow<'static, str>>) {
        self.add(code.into(), Severity::Degraded);
    }

    pub fn semantic(&mut self, code: impl Into<Cow<'static, str>>) {
        self.add(code.into(), Severity::Semantic);
    }

    pub fn add(&mut self, code: Cow<'static, str>, severity: Severity) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let code = if code.len() <= CODE_CHARS && code.chars().all(is_word) {
            code
        } else {
            let cut: String = code.chars().filter(|c| is_word(*c)).take(CODE_CHARS).collect();
            Cow::Owned(cut)
        };
        if let Some(known) = self.0.iter_mut().find(|loss| loss.code == code) {
            known.count = known.count.saturating_add(1);
            known.severity = known.severity.max(severity);
        } else if self.0.len() < MOST_KINDS {
            self.0.push(Loss { code, severity, count: 1 });
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.0.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses that `strict` conversion refuses, by name.
    pub fn refused(&self) -> Vec<&str> {
        let is_semantic = |loss: &&Loss| loss.severity == Severity::Semantic;
        self.0.iter().filter(is_semantic).map(|loss| loss.code.as_ref()).collect()
    }

    /// Each loss as `top_k`, with its count where there were several: `cache_control(2)`.
    pub fn each(&self) -> Vec<String> {
        let shown = |loss: &Loss| match loss.count {
            1 => loss.code.to_string(),
            count => format!("{}({count})", loss.code),
        };
        self.0.iter().map(shown).collect()
    }

    /// `top_k,cache_control(2)`.
    pub fn header(&self) -> String {
        self.each().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_counted_by_kind() {
        let mut losses = Losses::default();
        losses.note("cache_control");
        losses.degraded("top_k");
        losses.semantic("cache_control");
        assert_eq!(losses.header(), "cache_control(2),top_k");
        assert_eq!(losses.refused(), ["cache_control"]);
    }

    #[test]
    fn a_clients_own_name_is_made_fit_for_a_header() {
        let mut losses = Losses::default();
        losses.note(format!("a b\r\n\u{e9}{}", "x".repeat(100)));
        assert_eq!(losses.header(), format!("ab{}", "x".repeat(38)));
        for n in 0..100 {
            losses.note(format!("member_{n}"));
        }
        assert_eq!(losses.iter().count(), MOST_KINDS);
    }
}
