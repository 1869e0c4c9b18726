//! One pass over a text that finds what detectors look for.
//!
//! 64 bytes at a time become bit masks, and shifts of these masks give the places where a detector
//! may have something to find: its trigger. Only there its verifier reads the text itself. A
//! verifier looks back and ahead over bounded distances, or leaves a cursor behind so that no
//! byte is walked twice for one detector; so the whole is linear.

#![expect(
    clippy::inline_always,
    reason = "the loop must be inlined into the function compiled for its instructions"
)]

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::time::Instant;

use super::category::{Categories, Category};
use super::detectors::{Capitals, Commands, Counted, DETECTORS, Detector, Mix, Strength};
#[cfg(target_arch = "x86_64")]
use super::masks::{Avx2, Avx512};
use super::masks::{Classes, Lanes};
use super::repeats::{self, Repeats};
use super::token;
use crate::block::BLOCK;

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
const RUN: usize = Trigger::Run as usize;
const STEM: usize = Trigger::Stem as usize;
const DIGITS: usize = Trigger::Digits as usize;

/// Where stems stand.
const ANYWHERE: usize = 0;
const INSIDE: usize = 1;
const OPTION: usize = 2;

/// Each window has this many new bytes, with some before and behind them that are read again: so
/// that what triggers look back and ahead at is always in one register.
pub(super) const STRIDE: usize = 48;
/// Most bytes that a trigger looks back; less than that is left to look ahead.
const LEAD: usize = 8;
/// The bits of a window's new bytes, and of those before them.
const OWN: u64 = OLD_AND_OWN & !OLD;
const OLD: u64 = (1 << LEAD) - 1;
const OLD_AND_OWN: u64 = (1 << (LEAD + STRIDE)) - 1;

/// What a verifier works with.
pub struct Scan<'t> {
    pub text: &'t [u8],
    pub(super) findings: Vec<Finding>,
    /// Up to where each detector has read already.
    pub(super) cursors: [usize; Category::COUNT],
    enabled: Categories,
    /// Where the run begins that a [`Trigger::Run`] ends, behind the letter of an escape.
    pub(super) run: usize,
    pub(super) read: Read,
}

/// What detectors have read already of what they read far ahead or back for, so that they read it
/// once for all the places that ask for it.
#[derive(Default)]
pub(super) struct Read {
    /// Bytes that may all stand in a value without quotes.
    pub(super) bare: Cell<(usize, usize)>,
    /// Bytes of such a value of which none begins an escape that ends the line.
    pub(super) unbroken: Cell<(usize, usize)>,
    /// Words of which none is a number of a passport or begins as tokens do, in one sentence.
    pub(super) words: Cell<(usize, usize)>,
    /// Bytes that may all stand in a name.
    pub(super) name: Cell<(usize, usize)>,
    /// Digits with at most three separators between them.
    pub(super) digits: Cell<(usize, usize)>,
    /// Behind the first of these there is no end of a private key before the second.
    pub(super) open: Cell<(usize, usize)>,
    /// Where some names stand, and what they say of their values.
    pub(super) strengths: [Cell<(usize, usize, Option<Strength>)>; 8],
    /// Bytes that may all stand in an address.
    pub(super) address: Cell<(usize, usize)>,
    /// Bytes that may all stand in a session token.
    pub(super) session: Cell<(usize, usize)>,
    /// The last bytes that may be a session token, and which classes of characters they have.
    pub(super) session_mix: Cell<(Range<usize>, Mix)>,
    /// The last value that was given to the name of a secret, and its characters.
    pub(super) value_mix: Counted,
    /// Bytes of a value without quotes that nothing cuts or ends, and whether the next one does.
    pub(super) dense: Cell<(usize, usize, bool)>,
    /// A value without quotes that has neither digits nor signs, and is no password.
    pub(super) plain: Cell<(usize, usize)>,
    /// Bytes of which none is a digit.
    pub(super) no_digit: Cell<(usize, usize)>,
    /// Bytes of which the last opening parenthesis is known: from, to, and one more than it.
    pub(super) paren: Cell<(usize, usize, usize)>,
    /// Up to where line breaks are known, where the line begins that is open there, and one more
    /// than where the last pipe stands.
    pub(super) line: Cell<(usize, usize, usize)>,
    /// The last capitalised words.
    pub(super) capitals: Capitals,
    /// Words behind a number of which none is a street, and whether the next one ends them.
    pub(super) streets: Cell<(usize, usize, bool)>,
    /// The commands in one part of the text.
    pub(super) commands: RefCell<Commands>,
}

impl<'t> Scan<'t> {
    fn new(text: &'t [u8], enabled: Categories) -> Self {
        Self {
            text,
            findings: Vec::new(),
            cursors: [0; Category::COUNT],
            enabled,
            run: 0,
            read: Read::default(),
        }
    }

    #[cfg(test)]
    pub(super) fn of(text: &'t [u8]) -> Self {
        Self::new(text, Categories::ALL)
    }
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

    /// Where the run begins that a [`Trigger::Run`] ends, or `from` if that is later.
    #[inline]
    pub fn run_from(&self, from: usize) -> usize {
        self.run.max(from)
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
        let rest = rest.get(..limit).unwrap_or(rest);
        at + rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len())
    }

    /// The first index of the bytes right before `at` that are all `wanted`, at most `limit` back.
    #[inline]
    pub fn skip_back(&self, at: usize, limit: usize, wanted: impl Fn(u8) -> bool) -> usize {
        let from = at.saturating_sub(limit);
        let head = self.text.get(from..at).unwrap_or_default();
        head.iter()
            .rposition(|byte| !wanted(*byte))
            .map_or(at - head.len(), |found| from + found + 1)
    }
}

/// A scan took longer than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSlow;

/// All detectors over one text at a time.
pub struct Scanner {
    enabled: Categories,
    by_trigger: [Vec<Verify>; TRIGGERS],
    /// For stems, by the five low bits of their last byte: who wants to see them, inside of long
    /// values, and as options.
    by_stem: [[[Option<Verify>; 4]; 3]; 32],
    /// For digits that stand alone.
    alone: Vec<Verify>,
}

/// What a detector does at a place of a trigger.
type Verify = fn(&mut Scan<'_>, usize);

impl Scanner {
    pub fn new(enabled: Categories) -> Self {
        let triggered = |kind: usize| {
            DETECTORS.iter().copied().filter(move |detector: &&Detector| {
                detector.triggers.iter().any(|trigger| *trigger as usize == kind)
                    && enabled.contains(detector.category)
            })
        };
        let by_trigger = std::array::from_fn(|kind| triggered(kind).map(|d| d.verify).collect());
        let mut by_stem = [[[None; 4]; 3]; 32];
        for detector in triggered(STEM) {
            let wanted = ends(detector.stems);
            // Options are given passwords alone.
            let options = if detector.category == Category::Password { wanted } else { 0 };
            let inside = ends(detector.stems_inside);
            for (last, places) in by_stem.iter_mut().enumerate() {
                for (wanted, list) in [wanted, inside, options].into_iter().zip(places) {
                    let free = list.iter_mut().find(|place| place.is_none());
                    if let Some(place) = free.filter(|_| wanted >> last & 1 != 0) {
                        *place = Some(detector.verify);
                    }
                }
            }
        }
        // Only telephone numbers begin with one digit alone.
        let alone = triggered(DIGITS).filter(|detector| detector.category == Category::Phone);
        let alone = alone.map(|detector| detector.verify).collect();
        super::detectors::prepare();
        Self { enabled, by_trigger, by_stem, alone }
    }

    /// What stands in `text`, in order, without overlaps.
    pub fn scan(&self, text: &[u8], until: Option<Instant>) -> Result<Vec<Finding>, TooSlow> {
        Ok(resolve(self.all(text, until)?))
    }

    /// All that was found in `text`, the more specific category first, then what begins earlier,
    /// then the longer.
    pub(super) fn all(&self, text: &[u8], until: Option<Instant>) -> Result<Vec<Finding>, TooSlow> {
        let mut scan = Scan::new(text, self.enabled);
        self.run(&mut scan, until)?;
        let mut findings = scan.findings;
        if !findings.is_empty() {
            order(text, &mut findings);
        }
        Ok(findings)
    }

    fn run(&self, scan: &mut Scan<'_>, until: Option<Instant>) -> Result<(), TooSlow> {
        #[cfg(target_arch = "x86_64")]
        {
            if let Some(lanes) = Avx512::detect() {
                // SAFETY: `lanes` proves the instructions that the function is compiled for.
                return unsafe { run_avx512(lanes, self, scan, until) };
            }
            if let Some(lanes) = Avx2::detect() {
                // SAFETY: `lanes` proves the instructions that the function is compiled for.
                return unsafe { run_avx2(lanes, self, scan, until) };
            }
            self.run_with(super::masks::Sse2, scan, until, repeats::EVERY)
        }
        #[cfg(not(target_arch = "x86_64"))]
        self.run_with(super::masks::Plain, scan, until, repeats::EVERY)
    }

    /// As [`scan`](Self::scan), without the instructions that have to be asked for, and each byte
    /// for itself even where the text repeats itself.
    pub fn scan_baseline(&self, text: &[u8]) -> Vec<Finding> {
        let mut scan = Scan::new(text, self.enabled);
        #[cfg(target_arch = "x86_64")]
        let _ = self.run_with(super::masks::Sse2, &mut scan, None, usize::MAX);
        #[cfg(not(target_arch = "x86_64"))]
        let _ = self.run_with(super::masks::Plain, &mut scan, None, usize::MAX);
        let mut findings = scan.findings;
        order(text, &mut findings);
        resolve(findings)
    }

    /// Looks at the clock, and for what repeats itself, at `pause` for the first time.
    #[inline(always)]
    fn run_with(
        &self,
        lanes: impl Lanes,
        scan: &mut Scan<'_>,
        until: Option<Instant>,
        mut pause: usize,
    ) -> Result<(), TooSlow> {
        let text = scan.text;
        let (mut word, mut base) = (0, 0);
        let mut repeats = Repeats::default();
        // One place beyond the end: what ends with the text shows itself only behind it.
        while base <= text.len() {
            let window = base.checked_sub(LEAD).and_then(|start| text.get(start..)?.first_chunk());
            let classes = match window {
                Some(window) => Classes::read(lanes, window),
                None => Classes::read(lanes, &edge(text, base)),
            };
            let triggers = triggers(&classes, &mut word);
            let others = !word & OLD_AND_OWN;
            for (kind, mask) in triggers.into_iter().enumerate() {
                let mask = mask & OWN;
                if mask == 0 {
                    continue;
                }
                match kind {
                    RUN => self.runs(scan, base, mask, others),
                    STEM => self.stems(scan, base, mask),
                    DIGITS => self.digits(scan, base, mask),
                    _ => self.verify(scan, kind, base, mask),
                }
            }
            if others != 0 {
                scan.run = base + BLOCK - LEAD - others.leading_zeros() as usize;
            }
            base += STRIDE;
            if base >= pause {
                if until.is_some_and(|until| Instant::now() > until) {
                    return Err(TooSlow);
                }
                (base, pause) = repeats.look(scan, base, word);
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
            let at = base + mask.trailing_zeros() as usize - LEAD;
            mask &= mask - 1;
            for verify in detectors {
                verify(scan, at);
            }
        }
    }

    /// As [`verify`](Self::verify) for stems: each detector is shown those that it may have a use
    /// for, and inside of long values only what may be found there.
    #[inline(never)]
    fn stems(&self, scan: &mut Scan<'_>, base: usize, mut mask: u64) {
        while mask != 0 {
            let at = base + mask.trailing_zeros() as usize - LEAD;
            mask &= mask - 1;
            let last = usize::from(scan.byte(at) & 31);
            let place = if scan.byte(at.wrapping_sub(1)) == b'-' {
                OPTION
            } else if is_inside_value(scan, at) {
                INSIDE
            } else {
                ANYWHERE
            };
            let Some(wanted) = self.by_stem.get(last).and_then(|by| by.get(place)) else {
                continue;
            };
            for verify in wanted.iter().map_while(|verify| *verify) {
                verify(scan, at);
            }
        }
    }

    /// As [`verify`](Self::verify) for digits, of which the next bytes tell what they may begin.
    #[inline(never)]
    fn digits(&self, scan: &mut Scan<'_>, base: usize, mut mask: u64) {
        let Some(detectors) = self.by_trigger.get(DIGITS) else { return };
        while mask != 0 {
            let at = base + mask.trailing_zeros() as usize - LEAD;
            mask &= mask - 1;
            // The next part of a version or an address.
            if at > 1 && scan.byte(at - 1) == b'.' && scan.byte(at - 2).is_ascii_digit() {
                continue;
            }
            let next = scan.byte(at + 1);
            let is_alone = !next.is_ascii_digit() && next != b'.';
            for verify in if is_alone { &self.alone } else { detectors } {
                verify(scan, at);
            }
        }
    }

    /// As [`verify`](Self::verify) for the ends of runs; `others` are the bytes that are in none.
    #[inline(never)]
    fn runs(&self, scan: &mut Scan<'_>, base: usize, mut mask: u64, others: u64) {
        let outside = scan.run;
        while mask != 0 {
            let end = mask & mask.wrapping_neg();
            mask ^= end;
            let before = others & (end - 1);
            if before != 0 {
                scan.run = base + BLOCK - LEAD - before.leading_zeros() as usize;
            }
            self.verify(scan, RUN, base, end);
            scan.run = outside;
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512bw,bmi1")]
fn run_avx512(
    lanes: Avx512,
    scanner: &Scanner,
    scan: &mut Scan<'_>,
    until: Option<Instant>,
) -> Result<(), TooSlow> {
    scanner.run_with(lanes, scan, until, repeats::EVERY)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1")]
fn run_avx2(
    lanes: Avx2,
    scanner: &Scanner,
    scan: &mut Scan<'_>,
    until: Option<Instant>,
) -> Result<(), TooSlow> {
    scanner.run_with(lanes, scan, until, repeats::EVERY)
}

/// The five low bits of each byte, as a set.
fn ends(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |set, byte| set | 1 << (byte & 31))
}

/// Whether `at` is far inside of a value without quotes, and far from its end: names are given
/// such long values there that none of them counts, whatever a name is.
#[inline]
fn is_inside_value(scan: &Scan<'_>, at: usize) -> bool {
    /// Farther back than any detector looks from a stem.
    const BEHIND: usize = 256;
    /// What a name, its sign and the longest value need.
    const AHEAD: usize = 512;
    let (mut from, mut to, is_over) = scan.read.dense.get();
    let is_known = (from..to).contains(&at);
    if is_known && is_over && to < at + AHEAD {
        return false;
    }
    // Nearly all values end at once.
    let samples = [at + 1, at + 2, at + 3, at + 6, at + 11, at + 20, at + 37];
    if samples.into_iter().any(|at| !is_dense(scan.byte(at), b' ')) {
        return false;
    }
    if !is_known {
        (from, to) = (at, at);
    }
    if to < at + AHEAD {
        let rest = scan.slice(to..at + 2 * AHEAD);
        let mut last = scan.byte(to.saturating_sub(1));
        let mut is_over = false;
        for byte in rest {
            if !is_dense(*byte, last) {
                is_over = true;
                break;
            }
            last = *byte;
            to += 1;
        }
        scan.read.dense.set((from, to, is_over));
    }
    at >= from + BEHIND && to >= at + AHEAD
}

/// Whether `byte` neither ends a value, nor begins what is cut off its end, nor separates two.
#[inline]
fn is_dense(byte: u8, last: u8) -> bool {
    static DENSE: [bool; 256] = {
        let mut dense = [true; 256];
        let others = b" \x7F\"'`,;<|\\&.)]}?:";
        let mut index = 0;
        while index < others.len() {
            dense[others[index] as usize] = false;
            index += 1;
        }
        index = 0;
        while index < 32 {
            dense[index] = false;
            index += 1;
        }
        dense
    };
    DENSE.get(usize::from(byte)).copied().unwrap_or_default() || byte == b':' && last != b':'
}

/// The first or the last block of a text: nothing stands before it, and white space behind it.
#[cold]
fn edge(text: &[u8], base: usize) -> [u8; BLOCK] {
    let mut window = [b' '; BLOCK];
    let (before, rest) = window.split_at_mut(LEAD.saturating_sub(base));
    before.fill(0);
    let text = text.get(base.saturating_sub(LEAD)..).unwrap_or_default();
    for (place, byte) in rest.iter_mut().zip(text) {
        *place = *byte;
    }
    window
}

/// The triggers among the bytes of a window. `words` are the bytes of words: before, those of the
/// window before, and then those of this one.
#[inline(always)]
fn triggers(c: &Classes, words: &mut u64) -> [u64; TRIGGERS] {
    // The letter of `\n` is white space to everything here.
    let escaped = c.backslash << 1 & (c.letters.n | c.letters.r | c.letters.t);
    let letter = (c.lower | c.upper) & !escaped;
    let (old, word) = (*words, letter | c.digit | c.joiner);
    // What was told of the bytes before is better founded than what this window shows of them.
    let word = word & !OLD | old >> STRIDE & OLD;
    let starts = !word << 1;

    let at = c.at & ((word | c.dot) << 1);
    let scheme = c.slash & c.slash << 1 & c.colon << 2;

    let separator = c.digit | c.space | c.hyphen | c.dot | c.paren | c.slash;
    let two = separator & separator >> 1;
    let four = two & two >> 2;
    let seven = four & two >> 4 & separator >> 6;
    let digits = c.digit & starts & seven;

    let iban = c.digit & c.digit << 1 & c.upper << 2 & c.upper << 3 & starts << 3;

    let mut near = 0;
    for distance in 1..=5 {
        near |= c.colon << distance;
    }
    let colons = c.colon & near;

    let before = old << (BLOCK - STRIDE);
    let on = |mask: u64, before: u64, distance| mask << distance | before >> (64 - distance);
    let (run2, p2) = (word & on(word, before, 1), before & before << 1);
    let (run4, p4) = (run2 & on(run2, p2, 2), p2 & p2 << 2);
    let (run8, p8) = (run4 & on(run4, p4, 4), p4 & p4 << 4);
    let (run16, p16) = (run8 & on(run8, p8, 8), p8 & p8 << 8);
    let run = !word & on(run16, p16, 1);

    let mark = c.lower | c.dot | c.comma | c.colon | c.upper | c.high;
    let space = c.space | escaped;
    let capital = c.upper & space << 1 & mark << 2;

    let between = space << 1;
    let number_word = between
        & ((letter & c.digit << 2)
            | (letter & c.upper << 2 & c.digit << 3)
            | (c.digit & ((letter | c.dot | c.comma | c.high) << 2)));

    // The ordinal of `1st Avenue`, whose own number would be one of many.
    let ordinal = c.lower & letter << 1 & c.digit << 2 & c.space >> 1 & c.upper >> 2;
    let number_word = number_word | ordinal;

    let mut armor = c.upper & c.hyphen << 1;
    if armor != 0 {
        for distance in 2..=5 {
            armor &= c.hyphen << distance;
        }
    }

    let stem = stems(c);
    *words = word;
    [at, scheme, digits, iban, colons, run, capital, number_word, armor, stem]
}

/// The last letters of `pass`, `ress`, `cret`, `cred`, `oken`, `key`, `pwd` and `name`, and
/// where the commands and other languages have theirs.
#[inline(always)]
fn stems(c: &Classes) -> u64 {
    let l = &c.letters;
    let s1 = l.s << 1;
    let pass = l.s & s1 & l.a << 2 & l.p << 3;
    let ress = l.s & s1 & l.e << 2 & l.r << 3;
    let cre = l.e << 1 & l.r << 2 & l.c << 3;
    let cret = (l.t | l.d) & cre;
    let oken = l.n & l.e << 1 & l.k << 2;
    let key = l.y & l.e << 1 & l.k << 2;
    let pwd = l.d & l.w << 1 & l.p << 2;
    let name = l.e & l.m << 1 & l.a << 2 & l.n << 3;
    // `passport` in other languages, `travel document`, `contraseña`, `psk`.
    let sa = l.s << 1 & l.a << 2 & l.p << 3;
    let paspo = (l.p | l.a) & sa;
    let ment = l.t & l.n << 1 & l.e << 2 & l.m << 3;
    let rase = l.e & l.s << 1 & l.a << 2 & l.r << 3;
    let psk = l.k & l.s << 1 & l.p << 2;
    let pw = l.w & l.p << 1;
    let senha = l.a & l.n << 2 & l.e << 3 & l.s << 4;
    // `kennwort`, `wachtwoord`, `lösenord`.
    let wort = l.t & l.r << 1 & l.w << 3;
    let ord = l.d & l.r << 1;
    let word = ord & l.w << 4 | ord & l.n << 3 & l.e << 4;
    // ` -p x`, ` --user x`; `identified by '`; `auth=(`; a colon behind a word beyond ASCII.
    let hyphen = c.hyphen << 1;
    let gap = c.space << 2 | c.hyphen << 2 & c.space << 3;
    let option = (c.lower | c.upper) & hyphen & gap;
    let by = l.y & c.space << 2 & l.d << 3 & l.e << 4;
    let auth = c.paren & (l.t << 2 & l.a << 4 | l.t << 3 & l.a << 5);
    let foreign = c.colon & (c.high << 1 | c.high << 2);
    let other = wort | word | pw | senha | option | by | auth | foreign;
    pass | ress | cret | oken | key | pwd | name | paspo | ment | rase | psk | other
}

/// Sorts: the more specific category, then the one that begins earlier, then the longer. What
/// touches a token of ours is none.
fn order(text: &[u8], findings: &mut Vec<Finding>) {
    if !findings.is_sorted_by_key(|f| (f.category, f.start, std::cmp::Reverse(f.end))) {
        *findings = by_category(findings);
    }
    let tokens = tokens_in(text);
    findings.retain(|finding| {
        let at = tokens.partition_point(|token| token.end <= finding.start);
        tokens.get(at).is_none_or(|token| token.start >= finding.end)
    });
}

/// As [`order`] sorts. Each detector finds nearly all of its own in order.
fn by_category(findings: &[Finding]) -> Vec<Finding> {
    let mut kinds = Categories::default();
    for finding in findings {
        kinds.insert(finding.category);
    }
    let key = |f: &Finding| (f.start, std::cmp::Reverse(f.end));
    let mut ordered = Vec::with_capacity(findings.len());
    for category in Category::ALL.into_iter().filter(|category| kinds.contains(*category)) {
        let from = ordered.len();
        ordered.extend(findings.iter().copied().filter(|f| f.category == category));
        if let Some(own) = ordered.get_mut(from..).filter(|own| !own.is_sorted_by_key(key)) {
            own.sort_unstable_by_key(key);
        }
    }
    ordered
}

/// Leaves the first of those that overlap, in order.
fn resolve(mut findings: Vec<Finding>) -> Vec<Finding> {
    // Of one category alone they stay where they are.
    if findings.first().map(|f| f.category) == findings.last().map(|f| f.category) {
        let mut end = 0;
        findings.retain(|finding| {
            let is_free = finding.start >= end;
            end = if is_free { finding.end } else { end };
            is_free
        });
        return findings;
    }
    let mut kept: Vec<Finding> = Vec::new();
    for group in findings.chunk_by(|a, b| a.category == b.category) {
        kept = merge(&kept, group);
    }
    kept
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_detector_is_shown_the_stems_that_it_wants() {
        let scanner = Scanner::new(Categories::ALL);
        for detector in DETECTORS.iter().filter(|d| d.triggers.contains(&Trigger::Stem)) {
            for (place, stems) in [(ANYWHERE, detector.stems), (INSIDE, detector.stems_inside)] {
                for last in stems {
                    let shown = scanner.by_stem[usize::from(last & 31)][place];
                    let is_it = |verify: Verify| std::ptr::fn_addr_eq(verify, detector.verify);
                    assert!(shown.into_iter().flatten().any(is_it), "{:?}", detector.category);
                }
            }
        }
    }
}
