//! Passport numbers of several countries, where the word for it stands before them.

use super::Detector;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Passport,
    triggers: &[Trigger::Stem],
    verify,
    matching: &[
        ("Passport No: C01X00T47", "C01X00T47"),
        ("passport number is 533380006.", "533380006"),
        ("\"passport\": \"X1234567\"", "X1234567"),
        ("Reisepass Nr. C4J8K2L91", "C4J8K2L91"),
        ("US passport E12345678 expires", "E12345678"),
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

fn verify(scan: &mut Scan<'_>, at: usize) {
    // The stem is `pass`; `at` is its last letter.
    let Some(start) = at.checked_sub(3) else { return };
    if !scan.slice(start..at + 1).eq_ignore_ascii_case(b"pass") {
        return;
    }
    let rest = scan.slice(at + 1..at + 6);
    let end = if starts_with(rest, b"port") {
        at + 5
    } else if starts_with(rest, b"eport") {
        at + 6
    } else if scan.slice(start.saturating_sub(5)..start).eq_ignore_ascii_case(b"reise") {
        at + 1
    } else {
        return;
    };
    // `passport.js`, `passport-jwt`, `passport@1` are names of software.
    if matches!(scan.byte(end), b'.' | b'-' | b'@' | b'/' | b'(') && scan.byte(end + 1) != b' ' {
        return;
    }
    let mut next = end;
    let limit = end + DISTANCE;
    while next < limit {
        let word = scan.skip(next, DISTANCE, |byte| !byte.is_ascii_alphanumeric());
        if scan.slice(next..word).contains(&b'\n') && scan.slice(next..word).contains(&b'.') {
            return;
        }
        let end = scan.skip(word, 24, |byte| byte.is_ascii_alphanumeric());
        if end == word || word > limit {
            return;
        }
        if is_number(scan.slice(word..end)) && !is_part(scan, word, end) {
            scan.found(Category::Passport, word..end);
            return;
        }
        next = end;
    }
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word))
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
