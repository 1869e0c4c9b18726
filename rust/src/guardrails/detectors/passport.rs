//! Passport numbers of several countries, where the word for it stands before them.

use super::Detector;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};
use crate::guardrails::token::PREFIX;

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Passport,
    triggers: &[Trigger::Stem, Trigger::Run],
    stems: b"satp",
    stems_inside: b"satp",
    verify,
    matching: &[
        ("Passport No: C01X00T47", "C01X00T47"),
        ("passport number is 533380006.", "533380006"),
        ("\"passport\": \"X1234567\"", "X1234567"),
        ("Reisepass Nr. C4J8K2L91", "C4J8K2L91"),
        ("US passport E12345678 expires", "E12345678"),
        ("Reisepass-Nr. C01X00T47", "C01X00T47"),
        ("Pass-Nr.: C01X0006H", "C01X0006H"),
        (
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        ),
    ],
    harmless: &[
        "passport.use(new Strategy({ id: 1 }))",
        "npm i passport@0.7.0 passport-jwt@4.0.1",
        "passport photos are 600x600 pixels",
        "issued 20240115 for the passport",
    ],
};

/// How far behind the word the number may begin.
const DISTANCE: usize = 60;
/// Longest word there that is read.
const WORD: usize = 24;

fn verify(scan: &mut Scan<'_>, at: usize) {
    if !scan.byte(at).is_ascii_alphabetic() {
        machine_readable(scan, at);
        return;
    }
    if !is_likely(scan, at) {
        return;
    }
    let Some(end) = word_end(scan, at) else { return };
    // The word in a token of ours.
    let is_token = scan.slice(at.saturating_sub(6)..at).starts_with(PREFIX.as_bytes());
    if is_token {
        return;
    }
    // `passport.js`, `passport-jwt`, `passport@1` are names of software.
    let is_numbered = matches!(scan.slice(end..end + 3), b"-Nr" | b"-No" | b"-nr" | b"-no");
    let is_call = scan.byte(end) == b'(' && matches!(scan.byte(end + 1), b'"' | b'\'');
    if matches!(scan.byte(end), b'.' | b'-' | b'@' | b'/' | b'(')
        && (scan.byte(end + 1).is_ascii_alphanumeric() || scan.byte(end + 1) == b'{')
        && !is_call
        && !is_numbered
    {
        return;
    }
    // There are digits in all of them.
    if !scan.has_digit(end, DISTANCE + WORD) {
        return;
    }
    let mut next = end;
    let limit = end + DISTANCE;
    let (mut from, to) = scan.read.words.get();
    let mut is_whole = false;
    while next < limit {
        // Inside a word the rest of it may be a number that the whole is not.
        if !is_whole && !scan.byte(next).is_ascii_alphanumeric() {
            is_whole = true;
            if (from..to).contains(&next) {
                next = to;
                continue;
            }
            from = next;
        }
        let word = scan.skip(next, DISTANCE, |byte| !byte.is_ascii_alphanumeric());
        let gap = scan.slice(next..word);
        if gap.len() > 1 && gap.contains(&b'\n') && gap.contains(&b'.') {
            return;
        }
        let end = scan.skip(word, WORD, |byte| byte.is_ascii_alphanumeric());
        // A token of ours stands where the number stood.
        if scan.slice(word..end).starts_with(PREFIX.as_bytes()) {
            return;
        }
        if end == word || word > limit {
            return;
        }
        if is_number(scan.slice(word..end)) && !is_part(scan, word, end) {
            scan.found(Category::Passport, word..end);
            return;
        }
        next = end;
        if is_whole {
            scan.read.words.set((from, end));
        }
    }
}

/// The second line of a machine-readable zone, whose run of characters `at` ends.
fn machine_readable(scan: &mut Scan<'_>, at: usize) {
    const LINE: usize = 44;
    if scan.byte(at) != b'<' && !scan.byte(at - 1).is_ascii_digit() {
        return;
    }
    let is_zone = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'<';
    let start = scan.past_escape(scan.skip_back(at, LINE, is_zone));
    let end = scan.skip(start, LINE, is_zone);
    let text = scan.slice(start..end);
    let digits = |from: usize, to: usize| {
        text.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    let fits = text.len() == LINE
        && !is_zone(scan.byte(end))
        && digits(9, 10)
        && text.get(10..13).is_some_and(|land| !land.iter().any(u8::is_ascii_digit))
        && digits(13, 20)
        && matches!(text.get(20), Some(b'M' | b'F' | b'X' | b'<'))
        && digits(21, 28);
    if fits {
        scan.found(Category::Passport, start..end);
    }
}

/// Whether [`word_end`] may find one: nearly all stems are told by these bytes.
fn is_likely(scan: &Scan<'_>, at: usize) -> bool {
    let Some(second) = at.checked_sub(2) else { return false };
    let is = |at: usize, byte: u8| scan.byte(at) | 0x20 == byte;
    let is_pas = is(second + 1, b's') && is(second, b'a');
    match scan.byte(at) | 0x20 {
        b's' => {
            is_pas
                && match scan.byte(at + 1) | 0x20 {
                    b'p' => is(at + 2, b'o'),
                    b'e' | b'a' => is(at + 2, b'p'),
                    b'-' => is(at + 2, b'n'),
                    _ => false,
                }
                || at >= 4 && is(at - 4, b'e')
        }
        b'a' => is_pas && is(at + 1, b'p'),
        b'p' => is_pas && is(at + 1, b'o'),
        b't' => is(second + 1, b'n') && is(second, b'e'),
        _ => false,
    }
}

/// Where the word for a passport ends whose stem ends at `at`.
fn word_end(scan: &Scan<'_>, at: usize) -> Option<usize> {
    const WORDS: &[(&[u8], &[u8])] = &[
        (b"pass", b"port"),
        (b"pass", b"eport"),
        (b"pass", b"aporte"),
        (b"pass", b"aporto"),
        (b"reisepass", b""),
        (b"pass", b"-nr"),
        (b"pasa", b"porte"),
        (b"pasp", b"oort"),
        (b"travel document", b""),
    ];
    WORDS.iter().find_map(|(head, tail)| {
        let start = (at + 1).checked_sub(head.len())?;
        let is_head = scan.slice(start..at + 1).eq_ignore_ascii_case(head);
        let end = at + 1 + tail.len();
        let is_word = is_head && scan.slice(at + 1..end).eq_ignore_ascii_case(tail);
        is_word.then_some(end)
    })
}

/// Part of a date, a version or a longer number.
fn is_part(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'.' | b'/' | b':' | b'_');
    (joins(scan.before(start)) && scan.before(start.saturating_sub(1)).is_ascii_alphanumeric())
        || (joins(scan.byte(end)) && scan.byte(end + 1).is_ascii_alphanumeric())
}

/// Six to nine characters, mostly digits, letters in capitals; not a day such as `20240115`.
fn is_number(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_upper = text.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    let is_day =
        text.len() == 8 && digits == 8 && (text.starts_with(b"19") || text.starts_with(b"20"));
    (7..=9).contains(&text.len()) && is_upper && digits >= 4 && !is_day
}
