//! What one tenant wants masked, made ready to run.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aho_corasick::{AhoCorasick, MatchKind};
use highway::Key;
use parking_lot::Mutex;
use regex::bytes::{Regex, RegexBuilder};

use super::category::{Categories, Category};
use super::memo::Memo;
use super::overlap;
use super::scanner::{Finding, Scanner, TooSlow};
use super::token::{Spelling, TenantKey};

/// Memory that one pattern may take when made ready.
const PATTERN_BYTES: usize = 1 << 20;

/// What happens with findings of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Mask,
    /// The request is refused.
    Block,
    /// Only counted.
    Observe,
    /// Not looked for.
    Off,
}

impl Mode {
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "mask" => Self::Mask,
            "block" => Self::Block,
            "observe" => Self::Observe,
            "off" => Self::Off,
            _ => return None,
        })
    }
}

/// The wishes of a tenant as they are stored.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    pub modes: [Mode; Category::COUNT],
    /// Regular expressions of the tenant's own.
    pub patterns: Vec<String>,
    /// Words and phrases of the tenant's own, found in any case.
    pub words: Vec<String>,
    /// Values that stay; a `*` at either end stands for anything.
    pub allowed: Vec<String>,
    /// Categories whose values are restored in arguments of tools.
    pub in_tool_args: Categories,
    pub spelling: Spelling,
    /// Longest time for one request.
    pub timeout: Duration,
}

/// A pattern that cannot be used; the text says why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPattern(pub String);

/// One tenant's guardrails: keys, detectors, and what is known of texts seen before.
pub struct Guard {
    pub(super) key: Arc<TenantKey>,
    /// Keys that open older tokens; the current one is the first.
    pub(super) keys: Vec<Arc<TenantKey>>,
    pub(super) wishes: Wishes,
    scanner: Scanner,
    words: Option<AhoCorasick>,
    patterns: Vec<Regex>,
    pub(super) memo: Mutex<Memo>,
    pub(super) hash_key: Key,
}

impl Guard {
    /// `roots` are root keys, the one in use first; `seed` keys the memo and is drawn at random.
    pub fn new(
        roots: &[[u8; 32]],
        tenant: &str,
        wishes: Wishes,
        seed: [u64; 4],
    ) -> Result<Self, BadPattern> {
        let keys: Vec<_> =
            roots.iter().map(|root| Arc::new(TenantKey::new(root, tenant))).collect();
        let key = keys.first().ok_or_else(|| BadPattern("a key is needed".into()))?;
        let on = Category::ALL.into_iter().filter(|c| wishes.mode(*c) != Mode::Off);
        let mut patterns = Vec::with_capacity(wishes.patterns.len());
        for pattern in &wishes.patterns {
            patterns.push(compile(pattern)?);
        }
        Ok(Self {
            key: Arc::clone(key),
            scanner: Scanner::new(on.collect()),
            words: (!wishes.words.is_empty()).then(|| words(&wishes.words)).transpose()?,
            patterns,
            memo: Mutex::default(),
            hash_key: Key(seed),
            keys,
            wishes,
        })
    }

    /// What stands in `text`, without what the tenant allows, in order, without overlaps.
    pub fn find(&self, text: &[u8], until: Option<Instant>) -> Result<Vec<Finding>, TooSlow> {
        self.find_in(text, 0..text.len(), until)
    }

    /// As [`find`](Self::find), but only what stands in `range` as a whole.
    pub(super) fn find_in(
        &self,
        text: &[u8],
        range: Range<usize>,
        until: Option<Instant>,
    ) -> Result<Vec<Finding>, TooSlow> {
        let mut found = Vec::new();
        if self.wishes.mode(Category::Custom) != Mode::Off {
            found = self.own(text);
        }
        found.append(&mut self.scanner.all(text, until)?);
        found.retain(|f| f.start >= range.start && f.end <= range.end);
        if !self.wishes.allowed.is_empty() {
            found.retain(|f| !self.wishes.allows(text.get(f.range()).unwrap_or_default()));
        }
        Ok(overlap::settle(found, |category| self.wishes.mode(category)))
    }

    /// `text` with tokens in place of `found`, for people to look at.
    pub fn mask_text(&self, text: &str, found: &[Finding]) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for finding in found.iter().filter(|f| self.wishes.mode(f.category) == Mode::Mask) {
            let value = text.get(finding.range()).unwrap_or_default().as_bytes();
            out.push_str(text.get(at..finding.start).unwrap_or_default());
            if let Some((token, _)) = self.key.token(finding.category, value, self.wishes.spelling)
            {
                out.push_str(&token);
            }
            at = finding.end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    /// Findings of the tenant's own patterns and words, in order, without overlaps.
    fn own(&self, text: &[u8]) -> Vec<Finding> {
        let mut own = Vec::new();
        let mut add = |start: usize, end: usize| {
            if start < end {
                own.push(Finding { category: Category::Custom, start, end });
            }
        };
        if let Some(words) = &self.words {
            for found in words.find_iter(text) {
                let is_inside = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphanumeric);
                let before = found.start().checked_sub(1).and_then(|at| text.get(at));
                if !is_inside(before) && !is_inside(text.get(found.end())) {
                    add(found.start(), found.end());
                }
            }
        }
        for pattern in &self.patterns {
            for found in pattern.find_iter(text) {
                add(found.start(), found.end());
            }
        }
        own.sort_unstable_by_key(|f| (f.start, std::cmp::Reverse(f.end)));
        let mut end = 0;
        own.retain(|f| {
            let is_free = f.start >= end;
            end = if is_free { f.end } else { end };
            is_free
        });
        own
    }
}

impl Wishes {
    pub fn mode(&self, category: Category) -> Mode {
        self.modes.get(category.index()).copied().unwrap_or_default()
    }

    fn allows(&self, value: &[u8]) -> bool {
        self.allowed.iter().any(|allowed| {
            let text = allowed.as_bytes();
            let is = |part: Option<&[u8]>, text: &[u8]| {
                part.is_some_and(|p| p.eq_ignore_ascii_case(text))
            };
            match (text.strip_prefix(b"*"), text.strip_suffix(b"*")) {
                (Some(end), _) => {
                    is(value.len().checked_sub(end.len()).and_then(|at| value.get(at..)), end)
                }
                (None, Some(start)) => is(value.get(..start.len()), start),
                (None, None) => is(Some(value), text),
            }
        })
    }
}

/// A pattern made ready. Refused are those that match nothing at all, and those too large.
pub fn compile(pattern: &str) -> Result<Regex, BadPattern> {
    let made = RegexBuilder::new(pattern)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map_err(|error| BadPattern(error.to_string()))?;
    if made.is_match(b"") {
        return Err(BadPattern("the pattern matches an empty text".into()));
    }
    Ok(made)
}

fn words(words: &[String]) -> Result<AhoCorasick, BadPattern> {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(words)
        .map_err(|error| BadPattern(error.to_string()))
}
