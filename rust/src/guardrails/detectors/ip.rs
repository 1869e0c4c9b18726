//! Public IP addresses; loopback, unspecified and private ones say nothing about anybody.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Detector, is_word};
use crate::guardrails::category::Category;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Ip,
    triggers: &[Trigger::Digits, Trigger::Colons],
    verify,
    matching: &[
        ("from 81.2.69.142:4432 to us", "81.2.69.142"),
        ("allow 34.117.59.81/32;", "34.117.59.81"),
        ("[2a00:1450:4001:829::200e]:443", "2a00:1450:4001:829::200e"),
        ("addr 2001:4860:4860:0:0:0:0:8888", "2001:4860:4860:0:0:0:0:8888"),
        ("host 8.8.8.8", "8.8.8.8"),
    ],
    harmless: &[
        "127.0.0.1 0.0.0.0 10.1.2.3 192.168.0.1 172.20.1.1 169.254.1.1 ::1 fe80::1",
        "version 12.104.77.1 and v81.2.69.142",
        "step 12.1.1.3",
        "Vec::add dead::beef std::fmt::Display a::b 12:34:56",
        "999.2.3.4 1.2.3.4.5 81.2.69.142.7",
        "aa:bb:cc:dd:ee:ff 00:11:22:33:44:55",
    ],
};

fn verify(scan: &mut Scan<'_>, at: usize) {
    if scan.byte(at) == b':' {
        six(scan, at);
    } else {
        four(scan, at);
    }
}

/// Words before four numbers that are no address.
const VERSION: &[&str] = &[
    "version",
    "versions",
    "ver",
    "release",
    "build",
    "v",
    "fileversion",
    "upgrade",
    "chrome",
    "section",
    "step",
];

/// Words before four small numbers that are one.
const WORDS: &[&str] = &[
    "ip",
    "ipv4",
    "host",
    "hosts",
    "server",
    "addr",
    "address",
    "from",
    "ping",
    "ssh",
    "dns",
    "peer",
    "client",
    "remote",
    "resolver",
    "nameserver",
    "endpoint",
    "to",
    "node",
    "gateway",
    "via",
    "listen",
    "allow",
    "deny",
    "curl",
    "src",
    "dst",
    "source",
    "destination",
    "forwarded",
    "for",
    "ban",
    "banned",
    "blocked",
    "whois",
    "traceroute",
    "dig",
    "nslookup",
    "resolve",
    "proxy",
    "bind",
    "inet",
    "connect",
];

fn four(scan: &mut Scan<'_>, at: usize) {
    let mut parts = [0_u8; 4];
    let mut next = at;
    for (index, part) in parts.iter_mut().enumerate() {
        let digits = scan.skip(next, 4, |byte| byte.is_ascii_digit());
        let text = std::str::from_utf8(scan.slice(next..digits)).unwrap_or_default();
        let is_padded = text.len() > 1 && text.starts_with('0');
        match text.parse() {
            Ok(value) if !is_padded => *part = value,
            _ => return,
        }
        next = digits;
        if index < 3 {
            if scan.byte(next) != b'.' {
                return;
            }
            next += 1;
        }
    }
    let before = scan.before(at);
    let after = scan.byte(next);
    let is_longer = is_word(after)
        || (matches!(after, b'.' | b'-') && is_word(scan.byte(next + 1)) && after == b'.')
        || (after == b'.' && scan.byte(next + 1).is_ascii_digit());
    let is_range = before == b'-' && scan.before(at - 1).is_ascii_digit();
    let is_joined = matches!(before, b'.' | b'-') && !is_range;
    if is_longer || is_word(before) || is_joined || !is_public(parts) {
        return;
    }
    let head = scan.slice(at.saturating_sub(20)..at).to_ascii_lowercase();
    if memchr::memmem::find(&head, b"version").is_some()
        || scan.has_before(at, 20, VERSION)
        || is_browser(scan, at)
    {
        return;
    }
    let is_small = parts.iter().all(|part| *part < 32);
    let is_port = after == b':' && scan.byte(next + 1).is_ascii_digit();
    let is_net = after == b'/' && scan.byte(next + 1).is_ascii_digit();
    let is_host = scan.slice(at.saturating_sub(3)..at) == b"://" || before == b'@';
    if !is_small || is_port || is_net || is_host || scan.has_before(at, 24, WORDS) {
        scan.found(Category::Ip, at..next);
        // A range: `81.2.69.142-81.2.69.150`.
        if after == b'-' && !is_range && scan.byte(next + 1).is_ascii_digit() {
            four(scan, next + 1);
        }
    }
}

/// Products in user agents: `Chrome/120.0.6099.109`.
fn is_browser(scan: &Scan<'_>, at: usize) -> bool {
    scan.before(at) == b'/' && scan.before(at - 1).is_ascii_alphabetic()
}

fn is_public(parts: [u8; 4]) -> bool {
    let ip = Ipv4Addr::from(parts);
    let [a, b, ..] = parts;
    let is_shared = a == 100 && (64..128).contains(&b);
    !(a == 0
        || a >= 224
        || is_shared
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_broadcast())
}

/// The longest that can be written, with an IPv4 address at its end.
const SIX: usize = 45;

fn six(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Ip) {
        return;
    }
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let start = scan.skip_back(at, SIX, is_part);
    let end = scan.skip(at, SIX, is_part);
    scan.set_cursor(Category::Ip, end);
    if end - start > SIX || is_word(scan.before(start)) || is_word(scan.byte(end)) {
        return;
    }
    let mut range = start..end;
    while range.end > range.start && matches!(scan.byte(range.end - 1), b'.' | b':') {
        if scan.slice(range.end - 2..range.end) == b"::" {
            break;
        }
        range.end -= 1;
    }
    let text = std::str::from_utf8(scan.slice(range.clone())).unwrap_or_default();
    let Ok(ip) = text.parse::<Ipv6Addr>() else { return };
    let first = ip.segments()[0];
    let is_global = first & 0xE000 == 0x2000 || (first == 0x64 && ip.segments()[1] == 0xFF9B);
    if is_global {
        scan.found(Category::Ip, range);
    }
}
