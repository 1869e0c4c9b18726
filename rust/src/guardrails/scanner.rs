//! One pass over a text that finds what detectors look for.
//!
//! 64 bytes at a time become bit masks, and shifts of these masks give the places where a detector
//! may have something to find: its trigger. Only there its verifier reads the text itself. A
//! verifier looks back and ahead over bounded distances, or leaves a cursor behind so that no
//! byte is walked twice for one detector; so the whole is linear.

use std::ops::Range;
use std::time::Instant;

use super::category::{Categories, Category};
use super::detectors::{DETECTORS, Detector};
#[cfg(target_arch = "x86_64")]
use super::masks::Avx2;
use super::masks::{Classes, Lanes};
use super::token;
use crate::block::{BLOCK, padded};

/// Blocks between two looks at the clock.
const BLOCKS_PER_LOOK: usize = 1024;

/// A value to mask: its kind and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    pub category: Category,
    pub start: usize,
    pub end: usize,
}

impl Finding {
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
}

/// What makes a verifier look; the place is that of the byte that completes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// `@` behind a word character.
    At,
    /// The second slash of `://`.
    Scheme,
    /// The first digit of a word, with seven digits and separators in a row from there on.
    Digits,
    /// The second digit of two capitals and two digits at the start of a word.
    Iban,
    /// A colon with another one at most five bytes before.
    Colons,
    /// The byte behind a run of at least 16 of `[A-Za-z0-9_-]`.
    Run,
    /// A capital behind a space and a letter or one of `.,:`.
    Capital,
    /// A digit next to a space next to a letter, in either order.
    NumberWord,
    /// A capital behind five hyphens.
    Armor,
    /// The last letter of a stem such as `pass`, `cret`, `key`.
    Stem,
}

pub(super) const TRIGGERS: usize = 10;

/// What a verifier works with.
pub struct Scan<'t> {
    pub text: &'t [u8],
    pub(super) findings: Vec<Finding>,
    /// Up to where each detector has read already.
    cursors: [usize; Category::COUNT],
    enabled: Categories,
}

impl Scan<'_> {
    pub fn found(&mut self, category: Category, range: Range<usize>) {
        if range.start >= range.end || range.end > self.text.len() {
            return;
        }
        // A bounded walk may have ended inside a character.
        let is_inside = |at: usize| matches!(self.byte(at), 0x80..=0xBF);
        let (mut start, mut end) = (range.start, range.end);
        while start > 0 && is_inside(start) {
            start -= 1;
        }
        while end < self.text.len() && is_inside(end) {
            end += 1;
        }
        self.findings.push(Finding { category, start, end });
    }

    /// Where the detector of `category` may read from again.
    pub fn cursor(&self, category: Category) -> usize {
        self.cursors.get(category.index()).copied().unwrap_or_default()
    }

    pub fn set_cursor(&mut self, category: Category, at: usize) {
        if let Some(cursor) = self.cursors.get_mut(category.index()) {
            *cursor = at.max(*cursor);
        }
    }

    /// The byte at `at`, or a space beyond either end.
    #[inline]
    pub fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(b' ')
    }

    /// The byte before `at`. The letter of an escape such as `\n` counts as white space: texts
    /// hold JSON, and what follows there begins a word.
    #[inline]
    pub fn before(&self, at: usize) -> u8 {
        let Some(previous) = at.checked_sub(1) else { return b' ' };
        let byte = self.byte(previous);
        if matches!(byte, b'n' | b'r' | b't') && previous > 0 && self.byte(previous - 1) == b'\\' {
            return b' ';
        }
        byte
    }

    /// `start`, or the next byte if a word that begins there begins with the letter of an escape.
    #[inline]
    pub fn past_escape(&self, start: usize) -> usize {
        let is_escape = start > 0
            && matches!(self.byte(start), b'n' | b'r' | b't')
            && self.byte(start - 1) == b'\\';
        start + usize::from(is_escape)
    }

    /// The bytes of `range`, as far as there are any.
    pub fn slice(&self, range: Range<usize>) -> &[u8] {
        let end = range.end.min(self.text.len());
        self.text.get(range.start.min(end)..end).unwrap_or_default()
    }

    /// The first index from `at` on whose byte is not `wanted`, at most `limit` bytes on.
    #[inline]
    pub fn skip(&self, at: usize, limit: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.iter().take(limit).take_while(|byte| wanted(**byte)).count()
    }

    /// The first index of the bytes right before `at` that are all `wanted`, at most `limit` back.
    #[inline]
    pub fn skip_back(&self, at: usize, limit: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let head = self.text.get(..at).unwrap_or_default();
        at - head.iter().rev().take(limit).take_while(|byte| wanted(**byte)).count()
    }

    /// Whether one of two words, in lower case, stands among the twelve bytes before `at`.
    #[inline]
    pub fn has_near(&self, at: usize, one: &[u8], other: &[u8]) -> bool {
        let window = self.slice(at.saturating_sub(14)..at);
        let is =
            |word: &[u8]| window.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word));
        is(one) || is(other)
    }

    /// Whether one of `words`, in lower case, stands in the `distance` bytes before `at`.
    pub fn has_before(&self, at: usize, distance: usize, words: &[&str]) -> bool {
        let window = self.slice(at.saturating_sub(distance)..at);
        words.iter().any(|word| contains_word(window, word.as_bytes()))
    }
}

/// Whether `window` holds `word` (lower case) in any case and not inside another word.
fn contains_word(window: &[u8], word: &[u8]) -> bool {
    let Some(first) = word.first() else { return false };
    let (low, high) = (*first, first.to_ascii_uppercase());
    memchr::memchr2_iter(low, high, window).any(|at| {
        let is_there =
            window.get(at..at + word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
        let before = at.checked_sub(1).and_then(|at| window.get(at));
        let after = window.get(at + word.len());
        let is_escape = before.is_some_and(|byte| matches!(byte, b'n' | b'r' | b't'))
            && at.checked_sub(2).and_then(|at| window.get(at)) == Some(&b'\\');
        is_there
            && (is_escape || !before.is_some_and(u8::is_ascii_alphabetic))
            && !after.is_some_and(u8::is_ascii_lowercase)
    })
}

/// A scan took longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

/// Bits of the block before, for shifts over the border.
#[derive(Clone, Copy, Default)]
struct Carry {
    word: u64,
    escaped: u64,
    classes: Classes,
}

/// All detectors over one text at a time.
pub struct Scanner {
    enabled: Categories,
    by_trigger: [Vec<&'static Detector>; TRIGGERS],
}

impl Scanner {
    pub fn new(enabled: Categories) -> Self {
        let by_trigger = std::array::from_fn(|index| {
            let is_wanted = |d: &&&Detector| {
                d.triggers.iter().any(|t| *t as usize == index) && enabled.contains(d.category)
            };
            DETECTORS.iter().filter(is_wanted).copied().collect()
        });
        super::detectors::prepare();
        Self { enabled, by_trigger }
    }

    /// What stands in `text`, in order, without overlaps.
    pub fn scan(&self, text: &[u8], until: Option<Instant>) -> Result<Vec<Finding>, TooSlow> {
        let mut scan = Scan {
            text,
            findings: Vec::new(),
            cursors: [0; Category::COUNT],
            enabled: self.enabled,
        };
        self.run(&mut scan, until)?;
        let mut findings = scan.findings;
        if !findings.is_empty() {
            resolve(text, &mut findings);
        }
        Ok(findings)
    }

    fn run(&self, scan: &mut Scan<'_>, until: Option<Instant>) -> Result<(), TooSlow> {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(lanes) = Avx2::detect() {
                // SAFETY: `lanes` proves the instructions that the function is compiled for.
                return unsafe { run_avx2(lanes, self, scan, until) };
            }
            self.run_with(super::masks::Sse2, scan, until)
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.run_with(super::masks::Plain, scan, until)
    }

    /// As [`scan`](Self::scan), without the instructions that have to be asked for.
    pub fn scan_baseline(&self, text: &[u8]) -> Vec<Finding> {
        let mut scan = Scan {
            text,
            findings: Vec::new(),
            cursors: [0; Category::COUNT],
            enabled: self.enabled,
        };
        #[cfg(target_arch = "x86_64")]
        let _ = self.run_with(super::masks::Sse2, &mut scan, None);
        #[cfg(not(target_arch = "x86_64"))]
        let _ = self.run_with(super::masks::Plain, &mut scan, None);
        let mut findings = scan.findings;
        resolve(text, &mut findings);
        findings
    }

    #[expect(clippy::inline_always, reason = "it is compiled for each set of instructions")]
    #[inline(always)]
    fn run_with(
        &self,
        lanes: impl Lanes,
        scan: &mut Scan<'_>,
        until: Option<Instant>,
    ) -> Result<(), TooSlow> {
        let text = scan.text;
        let (blocks, tail) = text.as_chunks::<BLOCK>();
        let mut carry = Carry::default();
        let mut next = Classes::read(lanes, blocks.first().unwrap_or(&padded(tail)));
        // One block beyond the end: what ends with the text shows itself only behind it.
        let count = blocks.len() + 2;
        for index in 0..count {
            let current = next;
            next = match blocks.get(index + 1) {
                Some(block) => Classes::read(lanes, block),
                None if index + 1 == blocks.len() => Classes::read(lanes, &padded(tail)),
                None => Classes { space: u64::MAX, ..Classes::default() },
            };
            let triggers = triggers(&current, &next, &mut carry);
            let base = index * BLOCK;
            for (kind, mask) in triggers.into_iter().enumerate() {
                if mask != 0 {
                    self.verify(scan, kind, base, mask);
                }
            }
            if index % BLOCKS_PER_LOOK == BLOCKS_PER_LOOK - 1
                && until.is_some_and(|until| Instant::now() > until)
            {
                return Err(TooSlow);
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn verify(&self, scan: &mut Scan<'_>, kind: usize, base: usize, mut mask: u64) {
        let Some(detectors) = self.by_trigger.get(kind) else { return };
        if detectors.is_empty() {
            return;
        }
        while mask != 0 {
            let at = base + mask.trailing_zeros() as usize;
            mask &= mask - 1;
            for detector in detectors {
                (detector.verify)(scan, at);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn run_avx2(
    lanes: Avx2,
    scanner: &Scanner,
    scan: &mut Scan<'_>,
    until: Option<Instant>,
) -> Result<(), TooSlow> {
    scanner.run_with(lanes, scan, until)
}

/// `mask` moved `distance` bytes on, with what comes over the border.
#[inline]
fn from_before(mask: u64, before: u64, distance: u32) -> u64 {
    mask << distance | before >> (64 - distance)
}

/// `mask` moved `distance` bytes back.
#[inline]
fn from_after(mask: u64, after: u64, distance: u32) -> u64 {
    mask >> distance | after << (64 - distance)
}

#[inline]
fn triggers(c: &Classes, next: &Classes, carry: &mut Carry) -> [u64; TRIGGERS] {
    let p = &carry.classes;
    // The letter of `\n` is white space to everything here.
    let escaped =
        from_before(c.backslash, p.backslash, 1) & (c.letters.n | c.letters.r | c.letters.t);
    let letter = (c.lower | c.upper) & !escaped;
    let word = letter | c.digit | c.joiner;
    let (word_before, p_letter) = (carry.word, (p.lower | p.upper) & !carry.escaped);
    let starts = !from_before(word, word_before, 1);

    let at = c.at & from_before(word | c.dot, word_before | p.dot, 1);
    let scheme = c.slash & from_before(c.slash, p.slash, 1) & from_before(c.colon, p.colon, 2);

    let separator = |c: &Classes| c.digit | c.space | c.hyphen | c.dot | c.paren | c.slash;
    let (now, then) = (separator(c), separator(next));
    let two = now & from_after(now, then, 1);
    let two_next = then & then >> 1;
    let four = two & from_after(two, two_next, 2);
    let seven = four & from_after(two, two_next, 4) & from_after(now, then, 6);
    let digits = c.digit & starts & seven;

    let iban = c.digit
        & from_before(c.digit, p.digit, 1)
        & from_before(c.upper, p.upper, 2)
        & from_before(c.upper, p.upper, 3)
        & from_before(starts, carry_starts(carry), 3);

    let mut near = 0;
    for distance in 1..=5 {
        near |= from_before(c.colon, p.colon, distance);
    }
    let colons = c.colon & near;

    let run2 = word & from_before(word, word_before, 1);
    let p2 = word_before & word_before << 1;
    let run4 = run2 & from_before(run2, p2, 2);
    let p4 = p2 & p2 << 2;
    let run8 = run4 & from_before(run4, p4, 4);
    let p8 = p4 & p4 << 4;
    let run16 = run8 & from_before(run8, p8, 8);
    let p16 = p8 & p8 << 8;
    let run = !word & from_before(run16, p16, 1);

    let mark = c.lower | c.dot | c.comma | c.colon | c.upper | c.high;
    let p_mark = p.lower | p.dot | p.comma | p.colon | p.upper | p.high;
    let space = c.space | escaped;
    let p_space = p.space | carry.escaped;
    let capital = c.upper & from_before(space, p_space, 1) & from_before(mark, p_mark, 2);

    let between = from_before(space, p_space, 1);
    let number_word = between
        & ((letter & from_before(c.digit, p.digit, 2))
            | (letter & from_before(c.upper, p.upper, 2) & from_before(c.digit, p.digit, 3))
            | (c.digit
                & from_before(
                    letter | c.dot | c.comma | c.high,
                    p_letter | p.dot | p.comma | p.high,
                    2,
                )));

    // The ordinal of `1st Avenue`, whose own number would be one of many.
    let ordinal = c.lower
        & from_before(letter, p_letter, 1)
        & from_before(c.digit, p.digit, 2)
        & from_after(c.space, next.space, 1)
        & from_after(c.upper, next.upper, 2);
    let number_word = number_word | ordinal;

    let mut armor = c.upper;
    for distance in 1..=5 {
        armor &= from_before(c.hyphen, p.hyphen, distance);
    }

    let stem = stems(c, p);
    carry.word = word;
    carry.escaped = escaped;
    carry.classes = *c;
    [at, scheme, digits, iban, colons, run, capital, number_word, armor, stem]
}

/// Starts of words of the block before, as far as they matter over the border.
#[inline]
fn carry_starts(carry: &Carry) -> u64 {
    !(carry.word << 1)
}

/// The last letters of `pass`, `ress`, `cret`, `cred`, `oken`, `key`, `pwd` and `name`, and
/// where the commands and other languages have theirs.
#[inline]
fn stems(c: &Classes, p: &Classes) -> u64 {
    let (l, q) = (&c.letters, &p.letters);
    let s1 = from_before(l.s, q.s, 1);
    let pass = l.s & s1 & from_before(l.a, q.a, 2) & from_before(l.p, q.p, 3);
    let ress = l.s & s1 & from_before(l.e, q.e, 2) & from_before(l.r, q.r, 3);
    let cre = from_before(l.e, q.e, 1) & from_before(l.r, q.r, 2) & from_before(l.c, q.c, 3);
    let cret = (l.t | l.d) & cre;
    let oken = l.n & from_before(l.e, q.e, 1) & from_before(l.k, q.k, 2);
    let key = l.y & from_before(l.e, q.e, 1) & from_before(l.k, q.k, 2);
    let pwd = l.d & from_before(l.w, q.w, 1) & from_before(l.p, q.p, 2);
    let name = l.e & from_before(l.m, q.m, 1) & from_before(l.a, q.a, 2) & from_before(l.n, q.n, 3);
    // `passport` in other languages, `travel document`, `contraseña`, `psk`.
    let sa = from_before(l.s, q.s, 1) & from_before(l.a, q.a, 2) & from_before(l.p, q.p, 3);
    let paspo = (l.p | l.a) & sa;
    let ment = l.t & from_before(l.n, q.n, 1) & from_before(l.e, q.e, 2) & from_before(l.m, q.m, 3);
    let rase = l.e & from_before(l.s, q.s, 1) & from_before(l.a, q.a, 2) & from_before(l.r, q.r, 3);
    let psk = l.k & from_before(l.s, q.s, 1) & from_before(l.p, q.p, 2);
    let pw = l.w & from_before(l.p, q.p, 1);
    let senha =
        l.a & from_before(l.n, q.n, 2) & from_before(l.e, q.e, 3) & from_before(l.s, q.s, 4);
    // `kennwort`, `wachtwoord`, `lösenord`.
    let wort = l.t & from_before(l.r, q.r, 1) & from_before(l.w, q.w, 3);
    let ord = l.d & from_before(l.r, q.r, 1);
    let word =
        ord & from_before(l.w, q.w, 4) | ord & from_before(l.n, q.n, 3) & from_before(l.e, q.e, 4);
    // ` -p x`, ` --user x`; `identified by '`; `auth=(`; a colon behind a word beyond ASCII.
    let hyphen = from_before(c.hyphen, p.hyphen, 1);
    let gap = from_before(c.space, p.space, 2)
        | from_before(c.hyphen, p.hyphen, 2) & from_before(c.space, p.space, 3);
    let option = (c.lower | c.upper) & hyphen & gap;
    let by = l.y
        & from_before(c.space, p.space, 2)
        & from_before(l.d, q.d, 3)
        & from_before(l.e, q.e, 4);
    let auth = c.paren
        & (from_before(l.t, q.t, 2) & from_before(l.a, q.a, 4)
            | from_before(l.t, q.t, 3) & from_before(l.a, q.a, 5));
    let foreign = c.colon & (from_before(c.high, p.high, 1) | from_before(c.high, p.high, 2));
    let other = wort | word | pw | senha | option | by | auth | foreign;
    pass | ress | cret | oken | key | pwd | name | paspo | ment | rase | psk | other
}

/// Sorts, and leaves one of those that overlap: the more specific category, then the one that
/// begins earlier, then the longer. What touches a token of ours is none.
fn resolve(text: &[u8], findings: &mut Vec<Finding>) {
    findings.sort_unstable_by_key(|f| (f.category, f.start, std::cmp::Reverse(f.end)));
    let tokens = tokens_in(text);
    findings.retain(|finding| {
        let at = tokens.partition_point(|token| token.end <= finding.start);
        tokens.get(at).is_none_or(|token| token.start >= finding.end)
    });
    let mut kept: Vec<Finding> = Vec::with_capacity(findings.len());
    for group in findings.chunk_by(|a, b| a.category == b.category) {
        kept = merge(&kept, group);
    }
    *findings = kept;
}

/// Both lists in order, without those of `others` that overlap one before them.
pub(super) fn merge(kept: &[Finding], others: &[Finding]) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::with_capacity(kept.len() + others.len());
    let mut rest = kept;
    for other in others {
        let passed = rest.iter().take_while(|f| f.end <= other.start).count();
        let (before, after) = rest.split_at(passed);
        merged.extend_from_slice(before);
        rest = after;
        let is_free = rest.first().is_none_or(|f| f.start >= other.end)
            && merged.last().is_none_or(|f| f.end <= other.start);
        if is_free {
            merged.push(*other);
        }
    }
    merged.extend_from_slice(rest);
    merged
}

/// Where tokens stand already, in order.
fn tokens_in(text: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, token::PREFIX.as_bytes()) {
        if at >= from
            && let Some(len) = text.get(at..).and_then(token::exact_len)
        {
            found.push(at..at + len);
            from = at + len;
        }
    }
    found
}

impl Scan<'_> {
    /// Whether findings of `category` are wanted.
    pub fn wants(&self, category: Category) -> bool {
        self.enabled.contains(category)
    }
}
