//! Names and the values given to them, in whatever notation: `x = 1`, `"x": "1"`, `--x 1`.

use std::ops::{Deref, Range};

use super::is_word;
use super::words::Class;
use crate::guardrails::scanner::Scan;

/// Longest name that is looked at.
const NAME: usize = 48;
/// Longest value.
const VALUE: usize = 512;

/// What was given to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) range: Range<usize>,
    /// In quotes.
    pub(super) is_quoted: bool,
    pub(super) sign: Sign,
}

/// What stands between name and value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Colon,
    /// A word such as `is`, or nothing but a space.
    Word,
    /// `<x>1</x>`
    Tag,
    /// `x("1")`
    Call,
}

/// Bytes of names, with what joins them in most notations.
#[inline]
pub(super) fn is_name(byte: u8) -> bool {
    static NAME: Class = Class::of(b"_-");
    NAME.has(byte) || byte >= 0x80
}

/// The whole name of which the byte at `at` is a part.
pub(super) fn name_around(scan: &Scan<'_>, at: usize) -> Range<usize> {
    let (mut from, mut to) = scan.read.name.get();
    if !(from..=to).contains(&at) {
        (from, to) = (at, at);
    }
    let (least, most) = (at.saturating_sub(NAME), at + NAME);
    if from > least {
        from = scan.skip_back(from, from - least, is_name);
    }
    if to < most {
        to = scan.skip(to, most - to, is_name);
    }
    scan.read.name.set((from, to));
    scan.past_escape(from.max(least)).min(at)..to.min(most)
}

/// The name that the value at `start` is given to.
pub(super) fn name_before(scan: &Scan<'_>, start: usize) -> Option<Range<usize>> {
    let mut at = scan.skip_back(start, 3, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\'));
    at = scan.skip_back(at, 8, |b| matches!(b, b' ' | b'\t'));
    let signed = scan.skip_back(at, 2, |b| matches!(b, b'=' | b':' | b'>' | b',' | b'('));
    let has_sign = signed < at;
    at = scan.skip_back(signed, 8, |b| matches!(b, b' ' | b'\t'));
    at = scan.skip_back(at, 4, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b']' | b')'));
    // `key: str = x`: the type is not the name.
    let is_equal = scan.slice(signed..signed + 1) == b"=";
    if is_equal && let Some(typed) = before_type(scan, at) {
        at = typed;
    }
    let name = name_around(scan, at);
    let is_option = scan.slice(name.start..name.end).starts_with(b"--");
    ((has_sign || is_option) && name.start < at).then_some(name.start..at)
}

/// Where the name ends that has the type which ends at `end`, as in `key: str = x`.
fn before_type(scan: &Scan<'_>, end: usize) -> Option<usize> {
    let start = scan.skip_back(end, 24, |b| is_word(b) || matches!(b, b'&' | b'<' | b'>' | b'?'));
    let colon = scan.skip_back(start, 1, |b| b == b' ');
    let is_type = start < end && scan.before(colon) == b':' && colon > 0;
    (is_type && is_word(scan.before(colon - 1))).then(|| colon - 1)
}

/// Where the value stands behind a type: `password: str = "x"`. `at` is where the type begins.
fn behind_type(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let end = scan.skip(at, 24, |b| is_word(b) || matches!(b, b'&' | b'<' | b'>' | b'?'));
    let sign = scan.skip(end, 1, |b| b == b' ');
    let is_sign = end > at && scan.byte(sign) == b'=' && scan.byte(sign + 1) != b'=';
    is_sign.then_some(sign + 1)
}

/// The value given to the name that ends at `end`.
pub(super) fn value_after(scan: &Scan<'_>, end: usize) -> Option<Value> {
    let mut at = scan.skip(end, 4, |b| matches!(b, b'"' | b'\'' | b'`' | b'\\' | b']'));
    let closes_quote = at > end;
    at = scan.skip(at, 8, |b| matches!(b, b' ' | b'\t'));
    let sign = match scan.byte(at) {
        b'=' if scan.byte(at + 1) == b'=' => return None,
        b'=' | b':' => {
            let sign = if scan.byte(at) == b'=' { Sign::Equal } else { Sign::Colon };
            at = scan.skip(at + 1, 1, |b| matches!(b, b'=' | b'>'));
            let typed = scan.skip(at, 1, |b| b == b' ');
            if sign == Sign::Colon
                && let Some(value) = behind_type(scan, typed)
            {
                at = value;
                Sign::Equal
            } else {
                sign
            }
        }
        // `setPassword("x")`, `PASSWORD('x')`
        b'(' if at == end && quote_at(scan, at + 1).is_some() => {
            at += 1;
            Sign::Call
        }
        // `<entry key="db.password">x</entry>`
        b'>' if closes_quote && scan.byte(at + 1) > b' ' && scan.byte(at + 1) != b'<' => {
            at += 1;
            Sign::Colon
        }
        // The next line of a list of variables.
        b'\n' | b'\r' | b'\\' if sibling(scan, at).is_some() => {
            at = sibling(scan, at).unwrap_or(at);
            Sign::Equal
        }
        // A table's next cell.
        b'|' if at > end && !closes_quote => {
            at += 1;
            Sign::Colon
        }
        b'>' if at == end => {
            at += 1;
            Sign::Tag
        }
        _ if closes_quote && sibling(scan, at).is_some() => {
            at = sibling(scan, at).unwrap_or(at);
            Sign::Equal
        }
        b',' if closes_quote && quote_at(scan, scan.skip(at + 1, 2, |b| b == b' ')).is_some() => {
            at += 1;
            Sign::Equal
        }
        // `<password value="x"/>`
        _ if at > end && scan.slice(at..at + 5).eq_ignore_ascii_case(b"value") => {
            at = sibling(scan, at)?;
            Sign::Equal
        }
        _ if at > end && !closes_quote => {
            at = after_word(scan, at)?;
            Sign::Word
        }
        _ => return None,
    };
    // Emphasis in Markdown.
    at = scan.skip(at, 2, |b| b == b'*');
    at = scan.skip(at, 8, |b| matches!(b, b' ' | b'\t'));
    at = if scan.slice(at..at + 2) == b"**" && scan.byte(at + 2) > b' ' { at + 2 } else { at };
    // Prefixes of string literals.
    if matches!(scan.byte(at), b'b' | b'r' | b'f' | b'u' | b'L' | b'@')
        && matches!(scan.byte(at + 1), b'"' | b'\'')
    {
        at += 1;
    }
    match quote_at(scan, at) {
        Some((quote, start)) => quoted(scan, quote, start, sign),
        None => bare(scan, at, sign),
    }
}

/// Whether the value given to the name that ends at `end` begins with a small letter. Tells the
/// plainest forms only.
pub(super) fn is_lower_after(scan: &Scan<'_>, end: usize) -> bool {
    let sign = scan.byte(end);
    if !matches!(sign, b':' | b'=') {
        return false;
    }
    let start = scan.skip(end + 1, 2, |b| b == b' ');
    scan.byte(start).is_ascii_lowercase()
        && !matches!(scan.byte(start + 1), b'"' | b'\'' | b'\\')
        && (sign == b'=' || behind_type(scan, start).is_none())
}

/// `key="x" value="1"` and `"name": "x", "value": "1"`: where the value's quote stands.
fn sibling(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let is_between = |b| matches!(b, b',' | b' ' | b'"' | b'\\' | b'\n' | b'\r' | b'\t');
    let mut start = scan.skip(at, 24, is_between);
    if scan.byte(start) == b'n' && scan.byte(start - 1) == b'\\' {
        start = scan.skip(start + 1, 24, is_between);
    }
    let end = start + 5;
    if !scan.slice(start..end).eq_ignore_ascii_case(b"value") {
        return None;
    }
    let after = scan.skip(end, 6, |b| matches!(b, b'"' | b'\\' | b' ' | b'=' | b':'));
    let sign = scan.slice(end..after).iter().position(|b| matches!(b, b'=' | b':'))?;
    let start = scan.skip(end + sign + 1, 2, |b| b == b' ');
    (scan.byte(start) > b' ').then_some(start)
}

/// Words that give a value, and where they end.
fn after_word(scan: &Scan<'_>, at: usize) -> Option<usize> {
    let first = scan.byte(at) | 0x20;
    // What any of them begins with.
    if !matches!(
        first,
        b'i' | b'w' | b's' | b'a' | b'c' | b'r' | b'l' | b'e' | b'-' | b'f' | b'o' | b't'
    ) {
        return None;
    }
    for word in [
        "is ",
        "is now ",
        "is set to ",
        "was ",
        "set to ",
        "is: ",
        "are ",
        "changed to ",
        "reset to ",
        "will be ",
        "ist ",
        "lautet ",
        "est ",
        "-> ",
    ] {
        if word.as_bytes().first() == Some(&first)
            && scan.slice(at..at + word.len()).eq_ignore_ascii_case(word.as_bytes())
        {
            return Some(at + word.len());
        }
    }
    if !matches!(first, b'f' | b'o' | b't') {
        return None;
    }
    // `password for ada is …`
    if scan.slice(at..at + 4).eq_ignore_ascii_case(b"for ")
        || scan.slice(at..at + 3) == b"of "
        || scan.slice(at..at + 3) == b"to "
    {
        let window = scan.slice(at..at + 48);
        let is_short = |found: usize| {
            window.get(..found).is_some_and(|t| !t.iter().any(|b| matches!(b, b'.' | b'\n' | b'"')))
        };
        let find = |word: &[u8]| {
            let first = word.first().copied().unwrap_or_default();
            memchr::memchr_iter(first, window)
                .find(|at| window.get(*at..at + word.len()) == Some(word))
        };
        let given = find(b" is ").filter(|at| is_short(*at));
        if let Some(found) = given {
            return Some(at + found + 4);
        }
        // `set password for 'a'@'b' = 'x'`, and `reset the password to x`.
        if let Some(found) = find(b"' = '") {
            return Some(at + found + 4);
        }
        return scan.slice(at..at + 3).eq_ignore_ascii_case(b"to ").then_some(at + 3);
    }
    None
}

/// What stands right behind the name and a space: `password "x"`, `requirepass x`.
pub(super) fn value_beside(scan: &Scan<'_>, end: usize) -> Option<Value> {
    if !matches!(scan.byte(end), b' ' | b'\t') {
        return None;
    }
    let at = scan.skip(end, 8, |b| matches!(b, b' ' | b'\t'));
    match quote_at(scan, at) {
        Some((quote, start)) => quoted(scan, quote, start, Sign::Word),
        None => bare(scan, at, Sign::Word),
    }
}

/// What stands at `at`, in quotes or up to a space.
pub(super) fn value_at(scan: &Scan<'_>, at: usize) -> Option<Value> {
    match quote_at(scan, at) {
        Some((quote, start)) => quoted(scan, quote, start, Sign::Word),
        None => bare(scan, at, Sign::Word),
    }
}

/// The quote at `at`, which may be escaped, and where its text begins.
fn quote_at(scan: &Scan<'_>, at: usize) -> Option<(u8, usize)> {
    let start = scan.skip(at, 3, |b| b == b'\\');
    let quote = scan.byte(start);
    matches!(quote, b'"' | b'\'' | b'`').then_some((quote, start + 1))
}

fn quoted(scan: &Scan<'_>, quote: u8, start: usize, sign: Sign) -> Option<Value> {
    // In a text that is escaped itself the closing quote is escaped as the opening one is.
    let depth = start - 1 - scan.skip_back(start - 1, 3, |b| b == b'\\');
    let window = scan.slice(start..start + VALUE);
    let mut from = 0;
    loop {
        let found = from + memchr::memchr3(quote, b'\n', b'\r', window.get(from..)?)?;
        if window.get(found) != Some(&quote) {
            return None;
        }
        let head = window.get(..found).unwrap_or_default();
        let slashes = head.iter().rev().take_while(|b| **b == b'\\').count();
        let is_closing = if depth == 0 { slashes % 2 == 0 } else { slashes <= depth };
        if is_closing {
            let end = start + found - slashes.min(depth);
            return Some(Value { range: start..end, is_quoted: true, sign });
        }
        from = found + 1;
    }
}

fn bare(scan: &Scan<'_>, start: usize, sign: Sign) -> Option<Value> {
    let is_value = |byte: u8| {
        byte > b' '
            && byte != 0x7F
            && !matches!(byte, b'"' | b'\'' | b'`' | b',' | b';' | b'<' | b'|')
    };
    let (from, to) = scan.read.bare.get();
    let is_read = (from..to).contains(&start);
    let limit = start + VALUE;
    let next = if is_read { to.min(limit) } else { start };
    let mut end = scan.skip(next, limit - next, is_value);
    scan.read.bare.set(if is_read { (from, to.max(end)) } else { (start, end) });
    // `\n` in a text that is escaped ends the line.
    let (from, to) = scan.read.unbroken.get();
    let is_read = (from..to).contains(&start);
    let next = if is_read { to.min(end) } else { start };
    let value = scan.slice(next..end);
    let is_break = |at: &usize| matches!(value.get(at + 1), Some(b'n' | b'r' | b't'));
    let found = if value.len() < 16 {
        value.iter().enumerate().filter(|(_, b)| **b == b'\\').map(|(at, _)| at).find(is_break)
    } else {
        memchr::memchr_iter(b'\\', value).find(is_break)
    };
    if let Some(found) = found {
        end = next + found;
    } else {
        // What follows the last byte tells only then whether it begins an escape.
        let last = end.saturating_sub(1);
        scan.read.unbroken.set(if is_read { (from, to.max(last)) } else { (start, last) });
    }
    while end > start
        && matches!(scan.byte(end - 1), b'.' | b'\\' | b')' | b']' | b'}' | b':' | b'?')
    {
        end -= 1;
    }
    if scan.before(start) == b'*' && scan.slice(start..end).ends_with(b"**") {
        end -= 2;
    }
    (end > start).then_some(Value { range: start..end, is_quoted: false, sign })
}

/// The name in lower case without what joins its words.
pub(super) fn folded(name: &[u8]) -> Folded {
    let mut folded = Folded { bytes: [0; 2 * NAME], len: 0 };
    for byte in name.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        if let Some(place) = folded.bytes.get_mut(folded.len) {
            *place = byte.to_ascii_lowercase();
            folded.len += 1;
        }
    }
    folded
}

/// The end of what [`folded`] makes of a name, without the digits at its end: as many bytes as
/// fit, behind each other at the end of `place`.
pub(super) fn folded_end<'p>(name: &[u8], place: &'p mut [u8]) -> &'p [u8] {
    let mut at = place.len();
    for byte in name.iter().rev() {
        let is_in_number = at == place.len() && byte.is_ascii_digit();
        if byte.is_ascii_alphanumeric() && !is_in_number {
            let Some(next) = at.checked_sub(1) else { break };
            at = next;
            if let Some(last) = place.get_mut(at) {
                *last = byte.to_ascii_lowercase();
            }
        }
    }
    place.get(at..).unwrap_or_default()
}

/// What [`folded`] makes of a name.
pub(super) struct Folded {
    bytes: [u8; 2 * NAME],
    len: usize,
}

impl Default for Folded {
    fn default() -> Self {
        folded(&[])
    }
}

impl Deref for Folded {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
