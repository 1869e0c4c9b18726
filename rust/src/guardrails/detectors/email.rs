//! E-mail addresses.

use super::Detector;
use super::words::Class;
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Email,
    triggers: &[Trigger::At],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("write to ada@example.org today", "ada@example.org"),
        ("<ada.lovelace+math@mail.example.co.uk>", "ada.lovelace+math@mail.example.co.uk"),
        ("mailto:o'neil_99@sub-domain.example.com?subject=x", "o'neil_99@sub-domain.example.com"),
        (r#"{"email":"GRACE.HOPPER@NAVY.MIL"}"#, "GRACE.HOPPER@NAVY.MIL"),
        ("an jörg.müller@example.org,", "jörg.müller@example.org"),
        ("Co-authored-by: A <a-b@users.example.net>", "a-b@users.example.net"),
    ],
    harmless: &[
        "git clone git@github.com:org/repo.git",
        "import x from '@scope/pkg'; pkg@1.2.3",
        "icon@2x.png and @media and user@localhost",
        "ssh deploy@host:/srv/app",
        "getty@tty1.service",
        "https://user:pass@example.com/x",
        "actions/checkout@v4.2.1",
    ],
};

/// Last labels that are names of files and units, not of top-level domains.
const NO_TLD: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "svg", "webp", "js", "mjs", "cjs", "jsx", "tsx", "ts", "css",
    "scss", "html", "htm", "json", "yml", "yaml", "xml", "txt", "lock", "toml", "service",
    "socket", "timer", "target", "mount", "conf", "cfg", "ini", "log", "tgz", "gz", "zip", "whl",
    "jar", "git", "latest", "next", "beta", "alpha", "dev0", "local_", "get", "post", "put",
];

fn verify(scan: &mut Scan<'_>, at: usize) {
    // Letters of Latin scripts as well; other scripts have no space before an address.
    let start = scan.skip_back(at, 64, |b| is_local(b) || matches!(b, 0x80..=0xBF | 0xC3..=0xC9));
    if !is_host(scan.byte(at + 1)) {
        return;
    }
    let start = scan.skip(start, 2, |b| matches!(b, 0x80..=0xBF));
    let start = scan.skip(start, 64, |b| matches!(b, b'.' | b'\'' | b'-' | b'*' | b'/'));
    if start >= at || scan.byte(at - 1) == b'.' {
        return;
    }
    let start = scan.past_escape(start);
    let Some(end) = domain_end(scan, at + 1) else { return };
    let local = scan.slice(start..at);
    let is_number =
        local.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    let is_sip = is_number && matches!(scan.before(start), b':');
    if is_sip
        || is_example(local, scan.slice(at + 1..end))
        || local.eq_ignore_ascii_case(b"git")
        || local.is_empty()
        || is_remote(scan, start, end)
    {
        return;
    }
    scan.found(Category::Email, start..end);
}

/// The user of a remote host, `user@host:path` or `scheme://user@host`.
fn is_remote(scan: &Scan<'_>, start: usize, end: usize) -> bool {
    let after = scan.byte(end + 1);
    let is_path = scan.byte(end) == b':' && (is_local(after) || matches!(after, b'/' | b'~'));
    let scheme = scan.skip_back(start, 64, |b| b > b' ' && !matches!(b, b'/' | b'"' | b'@'));
    is_path || scan.slice(scheme.saturating_sub(3)..scheme) == b"://"
}

/// Addresses that stand in documents for anybody's.
fn is_example(local: &[u8], host: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[
        b"someone",
        b"you",
        b"your.name",
        b"yourname",
        b"your-email",
        b"your.email",
        b"youremail",
    ];
    let is_reserved =
        host.len() <= 11 && host.get(..8).is_some_and(|h| h.eq_ignore_ascii_case(b"example."));
    is_reserved && NAMES.iter().any(|name| local.eq_ignore_ascii_case(name))
}

fn is_local(byte: u8) -> bool {
    static LOCAL: Class = Class::of(b"._%+-'");
    LOCAL.has(byte)
}

#[inline]
fn is_host(byte: u8) -> bool {
    static HOST: Class = Class::of(b".-");
    HOST.has(byte) || byte >= 0x80
}

/// The end of a host name with a top-level domain that starts at `start`.
fn domain_end(scan: &Scan<'_>, start: usize) -> Option<usize> {
    let mut end = scan.skip(start, 253, is_host);
    while end > start && matches!(scan.byte(end - 1), b'.' | b'-') {
        end -= 1;
    }
    let host = scan.slice(start..end);
    // Sentences without a space after their end: `a@b.com.Then`.
    let dot = host.iter().rposition(|byte| *byte == b'.')?;
    let top = host.get(dot + 1..)?;
    let name = host.get(..dot)?;
    let is_top = top.len() >= 2
        && (top.iter().all(u8::is_ascii_alphabetic) || top.starts_with(b"xn--"))
        && !NO_TLD.iter().any(|word| top.eq_ignore_ascii_case(word.as_bytes()));
    let is_named = !name.is_empty()
        && !name.starts_with(b"-")
        && !name.split(|b| *b == b'.').any(<[u8]>::is_empty);
    (is_top && is_named).then_some(end)
}
