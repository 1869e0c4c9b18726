//! JSON web tokens: a header, a payload and a signature in base64url, joined by dots.

use super::Detector;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Jwt,
    triggers: &[Trigger::Run],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        (
            "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        ),
        (
            "token=eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ. end",
            "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ.",
        ),
        (
            r#"{"id_token":"eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl"}"#,
            "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.eyJhdWQiOiJ4In0.c2lnbmF0dXJl",
        ),
    ],
    harmless: &[
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9 alone",
        "a.eyJub3QiOiJhIHRva2VuIn0.b",
        "data:application/json;base64,eyJ2ZXJzaW9uIjozLCJzb3VyY2VzIjpbXX0=",
    ],
};

fn verify(scan: &mut Scan<'_>, at: usize) {
    if at <= scan.cursor(Category::Jwt) {
        return;
    }
    let from = scan.cursor(Category::Jwt);
    let start = scan.run_from(from);
    if scan.byte(at) != b'.' || scan.slice(start..start + 3) != b"eyJ" {
        return;
    }
    scan.set_cursor(Category::Jwt, at);
    if !begins_header(scan.slice(start..at)) {
        return;
    }
    let payload = scan.skip(at + 1, usize::MAX, is_part);
    if payload < at + 5 || scan.byte(payload) != b'.' {
        return;
    }
    let mut end = scan.skip(payload + 1, usize::MAX, is_part);
    // An encrypted token has five parts.
    for _ in 0..2 {
        if scan.byte(end) == b'.' && is_part(scan.byte(end + 1)) && end > payload + 8 {
            let next = scan.skip(end + 1, usize::MAX, is_part);
            if next < end + 9 {
                break;
            }
            end = next;
        }
    }
    scan.found(Category::Jwt, start..end);
    scan.set_cursor(Category::Jwt, end);
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether `text` is base64url of a JSON object with an algorithm in it.
fn begins_header(text: &[u8]) -> bool {
    let mut decoded = Vec::with_capacity(96);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.iter().take(256) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    decoded.starts_with(b"{\"") && memchr::memmem::find(&decoded, b"\"alg\"").is_some()
}
