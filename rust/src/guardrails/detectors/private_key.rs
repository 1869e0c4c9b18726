//! Private keys in PEM armor, from its first line to its last.

use super::Detector;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::PrivateKey,
    triggers: &[Trigger::Armor],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        (
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg==\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg==\n-----END PRIVATE KEY-----",
        ),
        (
            "key: |\n  -----BEGIN OPENSSH PRIVATE KEY-----\n  b3BlbnNzaC1r\n  -----END OPENSSH PRIVATE KEY-----\nx",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n  b3BlbnNzaC1r\n  -----END OPENSSH PRIVATE KEY-----",
        ),
        (
            r#""k":"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----\n""#,
            r"-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
        ),
        (
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
        ),
    ],
    harmless: &[
        "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
        "if line.startswith('-----BEGIN PRIVATE KEY-----'):",
    ],
};

/// Longest label between the hyphens.
const LABEL: usize = 48;
/// Lines of a cut-off key are read up to here.
const LONGEST: usize = 64 * 1024;

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::PrivateKey) || scan.slice(at..at + 6) != b"BEGIN " {
        return;
    }
    let label_end =
        scan.skip(at, LABEL, |b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    let label = scan.slice(at + 6..label_end);
    let is_private = label.ends_with(b"PRIVATE KEY") || label.ends_with(b"PRIVATE KEY BLOCK");
    if !is_private || scan.slice(label_end..label_end + 5) != b"-----" {
        return;
    }
    let start = at - 5;
    let body = label_end + 5;
    let end = match end_line(scan, body) {
        Some(found) => {
            let line = found + 9;
            scan.skip(scan.skip(line, LABEL, |b| b != b'-' && b >= b' '), 5, |b| b == b'-')
        }
        // Cut off: what still looks like its lines.
        None => scan.skip(body, LONGEST, |b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\' | b' ')
        }),
    };
    scan.set_cursor(Category::PrivateKey, end);
    let lines =
        memchr::memmem::find(scan.slice(body..end), b"-----END").map_or(end, |at| body + at);
    // A whole block of little but base64 is one however short.
    let is_whole = lines < end && scan.slice(lines..end).ends_with(b"PRIVATE KEY-----");
    let least = if is_whole && is_only_base64(scan.slice(body..lines)) { 3 } else { 6 };
    if end > body + 8 && key_bytes(scan.slice(body..lines)) >= least {
        scan.found(Category::PrivateKey, start..end);
    }
}

/// Where the next last line begins behind `body`.
fn end_line(scan: &Scan<'_>, body: usize) -> Option<usize> {
    let (from, to) = scan.read.open.get();
    let is_read = (from..=to).contains(&body);
    let next = if is_read { to } else { body };
    let window = scan.slice(next..body + LONGEST);
    let found = memchr::memmem::find(window, b"-----END ");
    if found.is_none() {
        let read = next + window.len().saturating_sub(8);
        scan.read.open.set((if is_read { from } else { body }, read));
    }
    found.map(|at| next + at)
}

fn is_only_base64(text: &[u8]) -> bool {
    text.iter().all(|b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\n' | b'\r' | b'\\' | b' ')
    })
}

/// Characters of base64 in a row, which prose about keys does not have.
fn key_bytes(text: &[u8]) -> usize {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    text.split(|b| !is_base64(b)).map(<[u8]>::len).max().unwrap_or_default()
}
