//! Passwords inside URLs: `scheme://user:password@host`.

use super::Detector;
use super::entropy::is_random;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::UrlCredentials,
    triggers: &[Trigger::Scheme, Trigger::At],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("postgres://app:s3cr3t@db.example.com:5432/x", "s3cr3t"),
        ("ftp://ada:w0rd#9@ftp.example.com/x", "w0rd#9"),
        ("redis://:p%40ss!w@cache:6379/0", "p%40ss!w"),
        ("URL=\"mongodb+srv://root:pa@ss@cluster0.example.net/?w=1\"", "pa@ss"),
        ("jdbc:oracle:thin:scott/T1gerT1ger@//h:1521/x", "T1gerT1ger"),
        (
            "https://8dd2a1722033dc488b3fff4327a5cec8@o1.ingest.example/67",
            "8dd2a1722033dc488b3fff4327a5cec8",
        ),
        ("https://oauth2:abc.def-ghi@gitlab.example.com/a.git", "abc.def-ghi"),
    ],
    harmless: &[
        "https://example.com:8080/path?a=b@c",
        "https://${USER}:${PASSWORD}@example.com",
        "postgres://user:<password>@host/db",
        "ssh://git@github.com:22/org/repo",
        "http://user:****@example.com and {user}:{password}@ too",
    ],
};

/// Words that say what stands there, and passwords that everybody has at first.
const PLACEHOLDERS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"pass",
    b"pwd",
    b"secret",
    b"token",
    b"your_password",
    b"yourpassword",
    b"mypassword",
    b"postgres",
    b"root",
    b"guest",
    b"changeme",
];

/// Longest user and password together.
const LIMIT: usize = 512;

fn verify(scan: &mut Scan<'_>, at: usize) {
    if scan.byte(at) == b'@' {
        oracle(scan, at);
        return;
    }
    let start = at + 1;
    let is_authority = |byte: u8| {
        byte > b' '
            && byte != 0x7F
            && !matches!(
                byte,
                b'/' | b'?'
                    | b'#'
                    | b'"'
                    | b'\''
                    | b'<'
                    | b'>'
                    | b'\\'
                    | b'`'
                    | b'|'
                    | b'^'
                    | b','
                    | b';'
            )
    };
    let mut end = scan.skip(start, LIMIT, is_authority);
    if end < start + 3 && !matches!(scan.byte(end), b'#' | b'?') {
        return;
    }
    // Outside the web people write these two as they are.
    let scheme = scan.slice(at.saturating_sub(7)..at - 2);
    let is_web = scheme.ends_with(b"http") || scheme.ends_with(b"https");
    if !is_web && matches!(scan.byte(end), b'#' | b'?') && !scan.slice(start..end).contains(&b'@') {
        end = scan.skip(end + 1, LIMIT, |b| is_authority(b) || matches!(b, b'#' | b'?'));
    }
    let Some(user_info) = memchr::memrchr(b'@', scan.slice(start..end)) else { return };
    let host = scan.byte(start + user_info + 1);
    let Some(colon) = memchr::memchr(b':', scan.slice(start..start + user_info)) else {
        // `https://TOKEN@host`: a key alone.
        let user = scan.slice(start..start + user_info);
        if user.len() >= 20 && is_random(user) && host.is_ascii_alphanumeric() {
            scan.found(Category::UrlCredentials, start..start + user_info);
        }
        return;
    };
    let password = start + colon + 1..start + user_info;
    if !(host.is_ascii_alphanumeric() || host == b'[')
        || is_placeholder(scan.slice(password.clone()))
    {
        return;
    }
    scan.found(Category::UrlCredentials, password);
}

/// `jdbc:oracle:thin:user/password@host`, `sqlplus user/password@host`.
fn oracle(scan: &mut Scan<'_>, at: usize) {
    let start = scan.skip_back(at, 96, |b| b > b' ' && !matches!(b, b'/' | b'@' | b'"' | b'\''));
    if scan.before(start) != b'/' || !scan.before(start - 1).is_ascii_alphanumeric() {
        return;
    }
    let user = scan.skip_back(start - 1, 64, |b| b.is_ascii_alphanumeric() || b == b'_');
    let head = scan.slice(user.saturating_sub(18)..user);
    let is_oracle = head.ends_with(b"jdbc:oracle:thin:")
        || head.ends_with(b"jdbc:oracle:oci:")
        || head.ends_with(b"sqlplus ")
        || head.ends_with(b"sqlplus -s ");
    if is_oracle && !is_placeholder(scan.slice(start..at)) {
        scan.found(Category::UrlCredentials, start..at);
    }
}

/// Variables and blanks that stand where a password would.
fn is_placeholder(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
    matches!((first, last), (b'{', b'}') | (b'[', b']') | (b'%', b's' | b'%'))
        || text.starts_with(b"${")
        || text.starts_with(b"{{")
        || (*first == b'$'
            && text.get(1..).is_some_and(|t| {
                t.iter().all(|b| b.is_ascii_uppercase() || *b == b'_' || *b == b'{' || *b == b'}')
            }))
        || PLACEHOLDERS.iter().any(|word| text.eq_ignore_ascii_case(word))
        || text.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | b'-' | b'_'))
}
