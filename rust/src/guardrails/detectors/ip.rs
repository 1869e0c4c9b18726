//! Public IP addresses; loopback, unspecified, private and documentation ones say nothing about
//! anybody.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::words::{Class, Words};
use super::{Detector, is_word};
use crate::guardrails::category::Category;
use crate::guardrails::near::Near;
use crate::guardrails::scanner::{Scan, Trigger};

pub(super) static DETECTOR: Detector = Detector {
    category: Category::Ip,
    triggers: &[Trigger::Digits, Trigger::Colons],
    stems: b"",
    stems_inside: b"",
    verify,
    matching: &[
        ("from 81.2.69.142:4432 to us", "81.2.69.142"),
        ("allow 34.117.59.81/32;", "34.117.59.81"),
        ("[2a00:1450:4001:829::200e]:443", "2a00:1450:4001:829::200e"),
        ("addr 2001:4860:4860:0:0:0:0:8888", "2001:4860:4860:0:0:0:0:8888"),
        ("host 8.8.8.8", "8.8.8.8"),
        ("ssh -v root@81.2.69.142", "81.2.69.142"),
        ("curl -v http://34.117.59.81/", "34.117.59.81"),
        ("build server 34.117.59.81 is up", "34.117.59.81"),
        ("db.acme.io/34.117.59.81:5432", "34.117.59.81"),
        ("IP 34.117.59.81.443 > 10.0.0.2.51234: Flags [S]", "34.117.59.81"),
        ("src:2a00:1450:4001:829::200e", "2a00:1450:4001:829::200e"),
    ],
    harmless: &[
        "127.0.0.1 0.0.0.0 10.1.2.3 192.168.0.1 172.20.1.1 169.254.1.1 ::1 fe80::1",
        "version 12.104.77.1 and v81.2.69.142",
        "version: \"81.2.69.142\", FileVersion=81.2.69.142, Chrome/119.0.0.0",
        "step 12.1.1.3",
        "203.0.113.7, 198.51.100.1 and 192.0.2.44 stand in documents",
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
static VERSION: Words = Words::whole(&[
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
]);

/// Words before four small numbers that are one.
static WORDS: Near = Near::of(&[
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
]);

fn four(scan: &mut Scan<'_>, at: usize) {
    // Most numbers are no part of an address.
    if (at + 1..at + 4).all(|at| scan.byte(at) != b'.') {
        return;
    }
    let before = scan.before(at);
    let is_range = before == b'-' && scan.before(at - 1).is_ascii_digit();
    let is_joined = matches!(before, b'.' | b'-') && !is_range;
    if is_word(before) || is_joined {
        return;
    }
    let mut parts = [0_u8; 4];
    let mut next = at;
    for (index, part) in parts.iter_mut().enumerate() {
        let begin = next;
        let mut value = 0_u32;
        while scan.byte(next).is_ascii_digit() && next < begin + 4 {
            value = value * 10 + u32::from(scan.byte(next) - b'0');
            next += 1;
        }
        let is_padded = next > begin + 1 && scan.byte(begin) == b'0';
        match u8::try_from(value) {
            Ok(value) if !is_padded && next > begin => *part = value,
            _ => return,
        }
        if index < 3 {
            if scan.byte(next) != b'.' {
                return;
            }
            next += 1;
        }
    }
    let after = scan.byte(next);
    let is_longer = is_word(after)
        || after == b'.' && is_word(scan.byte(next + 1)) && !is_traffic(scan, at, next);
    if is_longer || !is_public(parts) {
        return;
    }
    if is_version(scan, at) || is_browser(scan, at, parts) {
        return;
    }
    let is_small = parts.iter().all(|part| *part < 32);
    let is_port = after == b':' && scan.byte(next + 1).is_ascii_digit();
    let is_net = after == b'/' && scan.byte(next + 1).is_ascii_digit();
    let is_host = scan.slice(at.saturating_sub(3)..at) == b"://" || before == b'@';
    if !is_small || is_port || is_net || is_host || scan.has_before(at, 24, &WORDS) {
        scan.found(Category::Ip, at..next);
        // A range: `81.2.69.142-81.2.69.150`.
        if after == b'-' && !is_range && scan.byte(next + 1).is_ascii_digit() {
            four(scan, next + 1);
        }
    }
}

/// Whether a word for versions stands right before, with at most a sign between.
fn is_version(scan: &Scan<'_>, at: usize) -> bool {
    let is_sign = |b: u8| !b.is_ascii_alphanumeric() && b < 0x80;
    let end = scan.skip_back(at, 6, is_sign);
    let start = scan.skip_back(end, 24, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    let word = scan.slice(start..end);
    // An option such as `-v` is none, and is not listed.
    VERSION.has(word)
        || word
            .windows(7)
            .any(|part| part[0] | 0x20 == b'v' && part.eq_ignore_ascii_case(b"version"))
}

/// What tools print of traffic: `IP 81.2.69.142.443 > 10.0.0.2.51234`.
fn is_traffic(scan: &Scan<'_>, at: usize, end: usize) -> bool {
    let port = scan.skip(end + 1, 5, |b| b.is_ascii_digit());
    port > end + 1
        && !is_word(scan.byte(port))
        && scan.byte(port) != b'.'
        && (scan.slice(at.saturating_sub(3)..at) == b"IP "
            || scan.slice(at.saturating_sub(2)..at) == b"> "
            || scan.slice(port..port + 3) == b" > ")
}

/// Products in user agents: `Chrome/119.0.0.0`; not `db.acme.io/81.2.69.142`.
fn is_browser(scan: &Scan<'_>, at: usize, parts: [u8; 4]) -> bool {
    if scan.before(at) != b'/' || !scan.before(at - 1).is_ascii_alphabetic() {
        return false;
    }
    let start = scan.skip_back(at - 1, 32, |b| is_word(b) || matches!(b, b'-' | b'.'));
    let product = scan.slice(start..at - 1);
    let is_host = product.contains(&b'.') || product.iter().all(u8::is_ascii_lowercase);
    !is_host || parts[1] == 0
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
        || ip.is_documentation()
        || ip.is_link_local()
        || ip.is_broadcast())
}

/// The longest that can be written, with an IPv4 address at its end.
const SIX: usize = 45;

fn six(scan: &mut Scan<'_>, at: usize) {
    if at < scan.cursor(Category::Ip) {
        return;
    }
    let is_part = |byte: u8| {
        static PARTS: Class = Class::of(b":.");
        PARTS.has(byte) && (!byte.is_ascii_alphabetic() || byte.is_ascii_hexdigit())
    };
    let start = scan.skip_back(at, SIX, is_part);
    let end = scan.skip(at, SIX, is_part);
    scan.set_cursor(Category::Ip, end);
    // `src:2a00::1`: letters of the label look like digits.
    let start = if is_word(scan.before(start)) {
        let label = scan.skip(start, 4, |b| b.is_ascii_hexdigit());
        if scan.byte(label) != b':' || scan.byte(label + 1) == b':' {
            return;
        }
        label + 1
    } else {
        start
    };
    if end - start > SIX || is_word(scan.byte(end)) {
        return;
    }
    let mut range = start..end;
    // `src:2a00::1`.
    if scan.byte(start) == b':' && scan.byte(start + 1) != b':' {
        range.start += 1;
    }
    while range.end > range.start && matches!(scan.byte(range.end - 1), b'.' | b':') {
        if scan.slice(range.end.saturating_sub(2)..range.end) == b"::" {
            break;
        }
        range.end -= 1;
    }
    // How those begin that are global.
    if !matches!(scan.byte(range.start), b'2' | b'3' | b'6' | b'0') {
        return;
    }
    let text = std::str::from_utf8(scan.slice(range.clone())).unwrap_or_default();
    let Ok(ip) = text.parse::<Ipv6Addr>() else { return };
    let first = ip.segments()[0];
    let is_global = first & 0xE000 == 0x2000 || (first == 0x64 && ip.segments()[1] == 0xFF9B);
    if is_global {
        scan.found(Category::Ip, range);
    }
}
