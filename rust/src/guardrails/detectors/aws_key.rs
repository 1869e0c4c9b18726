//! Keys of Amazon Web Services: ids by their shape, secrets by what stands before them.

use std::ops::Range;

use super::assignment::{folded, is_name, name_around, name_before, value_after};
use super::entropy::Mix;
use super::words::Class;
use super::{Detector, is_word};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::AwsKey,
    triggers: &[Trigger::Run, Trigger::Stem],
    stems: b"ytn",
    stems_inside: b"ytn",
    verify,
    matching: &[
        ("aws_access_key_id = AKIAQ2WERTY7UIOP3ASD", "AKIAQ2WERTY7UIOP3ASD"),
        ("\"ASIAZ5XCVBNM4LKJHG2F\"", "ASIAZ5XCVBNM4LKJHG2F"),
        (
            "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYzZ81kLmN0p",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzZ81kLmN0p",
        ),
        (
            "\"SecretAccessKey\": \"9drTJvcXLB89EXBLlWSJfxYz+81kLmN0pQrStUvW\"",
            "9drTJvcXLB89EXBLlWSJfxYz+81kLmN0pQrStUvW",
        ),
        (
            "aws secret: q8J7Q4xYkR2mVw0nBz5Tp1Lc9Ds3FgHq8J7Q4xYk",
            "q8J7Q4xYkR2mVw0nBz5Tp1Lc9Ds3FgHq8J7Q4xYk",
        ),
    ],
    harmless: &[
        "AKIAQ2WERTY7UIOP3ASDX AKIA1234",
        "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "xAKIAQ2WERTY7UIOP3ASD",
        "aws_secret_name = \"prod/database/credentials-2024-rotation\"",
    ],
};

/// What ids of keys and principals begin with.
const IDS: [[u8; 4]; 11] = [
    *b"AKIA", *b"ASIA", *b"ABIA", *b"ACCA", *b"AGPA", *b"AIDA", *b"AIPA", *b"ANPA", *b"ANVA",
    *b"APKA", *b"AROA",
];

fn verify(scan: &mut Scan<'_>, at: usize) {
    if scan.byte(at).is_ascii_alphabetic() {
        named(scan, at);
        return;
    }
    let from = scan.cursor(Category::AwsKey);
    if at <= from {
        return;
    }
    let start = scan.skip_back(at, (at - from).min(48), |b| b.is_ascii_alphanumeric());
    if at - start == 20
        && is_id(scan.slice(start..at))
        && !is_word(scan.before(start))
        && !is_word(scan.byte(at))
    {
        scan.found(Category::AwsKey, start..at);
        beside(scan, at);
        return;
    }
    secret(scan, start, at);
}

fn is_id(text: &[u8]) -> bool {
    if text.first() != Some(&b'A') || !text.first_chunk().is_some_and(|head| IDS.contains(head)) {
        return false;
    }
    // Capitals and digits differ in their six low bits.
    let mut seen = 0_u64;
    for byte in text {
        if !byte.is_ascii_uppercase() && !byte.is_ascii_digit() {
            return false;
        }
        seen |= 1 << (byte & 63);
    }
    seen.count_ones() >= 8
}

/// The secret that follows an id in a table.
fn beside(scan: &mut Scan<'_>, at: usize) {
    let start = scan.skip(at, 4, |b| matches!(b, b',' | b';' | b' ' | b'\t' | b'"' | b':' | b'|'));
    let end = scan.skip(start, 48, is_base64);
    if start > at && end - start == 40 && is_mixed(scan.slice(start..end)) {
        scan.found(Category::AwsKey, start..end);
    }
}

/// Longest session token.
const LONGEST: usize = 4096;
/// Farther behind the stem of a name than any value given to it begins.
const VALUE: usize = 256;

/// A secret or a session token by the name it is given to, whatever runs it consists of.
fn named(scan: &mut Scan<'_>, at: usize) {
    const SECRETS: &[&[u8]] = &[b"secretaccesskey", b"awssecretkey", b"awssecret", b"secretkey"];
    const SESSIONS: &[&[u8]] = &[b"sessiontoken", b"securitytoken"];
    // Nearly every stem is another one; these two letters tell without reading its whole name.
    let is_long = at >= 8 && (3..9).all(|back| is_name(scan.byte(at - back)));
    let is_likely = is_long
        && match scan.byte(at) | 0x20 {
            b'y' => scan.has_near(at, *b"cess", *b"cret"),
            b't' => scan.has_near(at, *b"aws", *b"aws"),
            b'n' => scan.has_near(at, *b"sess", *b"curi"),
            _ => false,
        };
    // There are digits in all of them.
    let reach = VALUE + if matches!(scan.byte(at), b'n' | b'N') { LONGEST } else { 48 };
    if !is_likely || !scan.has_digit(at, reach) {
        return;
    }
    let name = name_around(scan, at);
    // A name that goes on is given nothing there.
    if is_name(scan.byte(name.end)) {
        return;
    }
    let folded = folded(scan.slice(name.clone()));
    let is_secret = SECRETS.iter().any(|end| folded.ends_with(end));
    if !is_secret && !SESSIONS.iter().any(|end| folded.ends_with(end)) {
        return;
    }
    let Some(value) = value_after(scan, name.end) else { return };
    let start = value.range.start;
    let end = if is_secret {
        scan.skip(start, 41, |byte| is_base64(byte) || byte == b'=')
    } else {
        session_end(scan, start)
    };
    let fits = if is_secret { end - start == 40 } else { end - start >= 100 };
    if !fits || is_word(scan.byte(end)) {
        return;
    }
    let range = start..end;
    let is_key =
        if is_secret { is_mixed(scan.slice(range)) } else { is_mixed_session(scan, range) };
    if is_key {
        scan.found(Category::AwsKey, start..end);
    }
}

/// What [`is_mixed`] says of a session token. Of those that overlap, what both hold is counted
/// once.
fn is_mixed_session(scan: &Scan<'_>, range: Range<usize>) -> bool {
    let (last, mut mix) = scan.read.session_mix.take();
    if last.contains(&range.start) && range.end >= last.end {
        let gone = Mix::of(scan.slice(last.start..range.start));
        let new = Mix::of(scan.slice(last.end..range.end));
        mix.lower = mix.lower + new.lower - gone.lower;
        mix.upper = mix.upper + new.upper - gone.upper;
        mix.digits = mix.digits + new.digits - gone.digits;
    } else {
        mix = Mix::of(scan.slice(range.clone()));
    }
    scan.read.session_mix.set((range, mix));
    mix.lower >= 4 && mix.upper >= 4 && mix.digits > 0
}

/// Where the session token ends that begins at `start`. What many names may stand in is read once.
fn session_end(scan: &Scan<'_>, start: usize) -> usize {
    let (mut from, mut to) = scan.read.session.get();
    if !(from..to).contains(&start) {
        (from, to) = (start, start);
    }
    if to < start + LONGEST {
        to = scan.skip(to, start + LONGEST - to, |byte| is_base64(byte) || byte == b'=');
        scan.read.session.set((from, to));
    }
    to.min(start + LONGEST)
}

fn is_mixed(text: &[u8]) -> bool {
    let mut seen = Mix::default();
    // Most texts say it by their first part.
    text.chunks(64).any(|part| {
        let mix = Mix::of(part);
        seen.lower += mix.lower;
        seen.upper += mix.upper;
        seen.digits += mix.digits;
        seen.lower >= 4 && seen.upper >= 4 && seen.digits > 0
    })
}

fn is_base64(byte: u8) -> bool {
    static BASE64: Class = Class::of(b"+/");
    BASE64.has(byte)
}

/// 40 characters of base64 behind a name for them; session tokens are longer.
fn secret(scan: &mut Scan<'_>, start: usize, at: usize) {
    let start = scan.skip_back(start, 48, is_base64);
    let start = scan.past_escape(start);
    if is_word(scan.before(start)) {
        return;
    }
    let end = scan.skip(at, 2048, |byte| is_base64(byte) || byte == b'=');
    let Some(len) = end.checked_sub(start) else { return };
    if len < 40 || (len > 44 && len < 100) {
        return;
    }
    scan.set_cursor(Category::AwsKey, end);
    if !is_mixed(scan.slice(start..end)) {
        return;
    }
    let name = name_before(scan, start).map(|name| folded(scan.slice(name))).unwrap_or_default();
    let is_named = if len <= 44 {
        const NAMES: &[&[u8]] = &[b"secretaccesskey", b"awssecret", b"awssecretkey", b"secretkey"];
        static WORDS: Near =
            Near::of(&["aws secret", "aws_secret", "aws_secret_access_key", "secret access key"]);
        let is_name = NAMES.iter().any(|end| name.ends_with(end));
        len == 40 && (is_name || scan.has_before(start, 48, &WORDS))
    } else {
        name.ends_with(b"sessiontoken") || name.ends_with(b"securitytoken")
    };
    let is_beside = len == 40 && {
        let window = scan.slice(start.saturating_sub(64)..start);
        memchr::memchr_iter(b'A', window).any(|at| window.get(at..at + 20).is_some_and(is_id))
    };
    if is_named || is_beside {
        scan.found(Category::AwsKey, start..end);
    }
}
