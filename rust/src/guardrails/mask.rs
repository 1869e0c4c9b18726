//! Masking a request: which bytes of its body give way to which tokens.
//!
//! The result for each element depends on nothing but its own bytes and the values found before
//! it, so that a conversation that grows keeps its masked beginning. A value that was found once,
//! perhaps only because of the words around it, is masked wherever it stands from there on: the
//! model's answer repeats it without those words, and comes back as history.

use std::ops::Range;
use std::time::Instant;

use highway::{HighwayHash, HighwayHasher};

use super::carriers::{self, Carrier, Visitor};
use super::category::Category;
use super::known::Known;
use super::memo::Span;
use super::overlap;
use super::policy::{Guard, Mode};
use super::restore::Issued;
use super::scanner::{Finding, TooSlow};
use super::token::Spelling;
use crate::formats::Format;
use crate::json::{Kind, Object, Value, decode_into};

/// Shorter strings hold nothing that is looked for.
const SHORTEST: usize = 4;
/// A value in JSON of the client's own is read together with its name up to this length.
const NAMED_BYTES: usize = 1024;
const NAME_BYTES: usize = 64;

/// What to change in a body, and what it means.
#[derive(Debug, Default)]
pub struct Masking {
    /// Ranges of the body and the tokens that take their place, in order, without overlaps.
    pub edits: Vec<(Range<usize>, String)>,
    /// Findings by category, masked or only counted.
    pub counts: [u32; Category::COUNT],
    /// The tenant refuses requests that hold this.
    pub blocked: Option<Category>,
    pub issued: Issued,
}

impl Masking {
    /// The body with the edits made.
    pub fn apply(&self, body: &[u8]) -> Vec<u8> {
        let grown: usize = self.edits.iter().map(|(_, token)| token.len()).sum();
        let mut out = Vec::with_capacity(body.len() + grown);
        let mut at = 0;
        for (range, token) in &self.edits {
            out.extend_from_slice(body.get(at..range.start).unwrap_or_default());
            out.extend_from_slice(token.as_bytes());
            at = range.end;
        }
        out.extend_from_slice(body.get(at..).unwrap_or_default());
        out
    }
}

/// Look through the request `body`, whose top-level members are those of `object`.
pub fn mask(
    guard: &Guard,
    format: Format,
    body: &[u8],
    object: &Object,
) -> Result<Masking, TooSlow> {
    let keys =
        if guard.wishes.spelling == Spelling::Portable { guard.keys.clone() } else { Vec::new() };
    let mut masker = Masker {
        guard,
        format,
        body,
        until: (!guard.wishes.timeout.is_zero()).then(|| Instant::now() + guard.wishes.timeout),
        masking: Masking {
            issued: Issued::new(guard.wishes.in_tool_args, keys),
            ..Masking::default()
        },
        known: Known::default(),
        latest: Latest::default(),
        plain: Vec::new(),
    };
    // What the conversation holds must not change how the tools before it are masked, wherever
    // the client writes them.
    let (conversation, rest): (Vec<_>, Vec<_>) =
        object.members().iter().partition(|member| object.name(member) == b"messages");
    for member in rest.into_iter().chain(conversation) {
        let name = object.name(member);
        if carriers::is_kept(name)
            || !matches!(member.kind, Kind::String | Kind::Array | Kind::Object)
        {
            continue;
        }
        if member.kind == Kind::Array && carriers::is_list(name) {
            masker.elements(name, member.value.clone())?;
        } else {
            masker.element(name, member.value.clone())?;
        }
    }
    let mut masking = masker.masking;
    masking.edits.sort_unstable_by_key(|(range, _)| range.start);
    Ok(masking)
}

struct Masker<'a> {
    guard: &'a Guard,
    format: Format,
    body: &'a [u8],
    until: Option<Instant>,
    masking: Masking,
    known: Known,
    latest: Latest,
    /// Room for the text of one string.
    plain: Vec<u8>,
}

/// Where values were masked before, by a hash of how they are written: the same value again is
/// given its token without being sealed and booked again.
#[derive(Default)]
struct Latest(Vec<Option<(Span, usize)>>);

impl Latest {
    const PLACES: usize = 256;

    /// The place for `raw`.
    fn at(&mut self, raw: &[u8]) -> Option<&mut Option<(Span, usize)>> {
        if self.0.is_empty() {
            self.0 = vec![None; Self::PLACES];
        }
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let ends = word(raw.first_chunk()) ^ word(raw.last_chunk()).rotate_left(31);
        let hash = (ends ^ raw.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0.get_mut((hash >> 56) as usize)
    }
}

impl Masker<'_> {
    fn elements(&mut self, name: &[u8], range: Range<usize>) -> Result<(), TooSlow> {
        let text = self.body.get(range.clone()).unwrap_or_default();
        let array = Value { kind: Kind::Array, text: text.into() };
        let Some(elements) = array.elements() else { return self.element(name, range) };
        let base = text.as_ptr() as usize;
        let ranges: Vec<_> = elements
            .iter()
            .map(|element| {
                let start = range.start + (element.text.as_ptr() as usize - base);
                start..start + element.text.len()
            })
            .collect();
        ranges.into_iter().try_for_each(|range| self.element(name, range))
    }

    fn element(&mut self, name: &[u8], range: Range<usize>) -> Result<(), TooSlow> {
        let text = self.body.get(range.clone()).unwrap_or_default();
        let key = self.hash(name, text);
        let remembered = self.guard.memo.lock().get(key);
        if let Some(spans) = remembered {
            for span in &spans {
                self.take(range.start, text, *span);
            }
            return Ok(());
        }
        let mut look = Look { masker: self, base: range.start, spans: Vec::new(), failed: None };
        let format = look.masker.format;
        if !carriers::walk(format, name, text, &mut look) && look.failed.is_none() {
            // The upstream will refuse it; until then nothing in it may be left out.
            look.leaf(text, 0..text.len(), &[], 0);
        }
        if let Some(failed) = look.failed {
            return Err(failed);
        }
        let spans = look.spans.into_boxed_slice();
        self.guard.memo.lock().put(key, spans);
        Ok(())
    }

    fn hash(&self, name: &[u8], text: &[u8]) -> [u64; 2] {
        let mut hasher = HighwayHasher::new(self.guard.hash_key);
        hasher.append(&self.known.hash());
        hasher.append(self.format.name().as_bytes());
        hasher.append(&[0]);
        hasher.append(name);
        hasher.append(&[0]);
        hasher.append(text);
        hasher.finalize128()
    }

    /// Book one finding in the element that starts at `base`.
    fn take(&mut self, base: usize, element: &[u8], span: Span) {
        let range = span.start as usize..span.end as usize;
        if let Some(count) = self.masking.counts.get_mut(span.category.index()) {
            *count += 1;
        }
        match self.guard.wishes.mode(span.category) {
            Mode::Mask => {}
            Mode::Block => {
                self.masking.blocked.get_or_insert(span.category);
            }
            Mode::Observe | Mode::Off => return,
        }
        let raw = element.get(range.clone()).unwrap_or_default();
        let place = self.latest.at(raw);
        let same = place.as_ref().and_then(|place| **place).filter(|(before, _)| {
            let written = self.body.get(before.start as usize..before.end as usize);
            (before.category, before.level) == (span.category, span.level) && written == Some(raw)
        });
        let range = base + range.start..base + range.end;
        if let Some((_, edit)) = same
            && let Some((_, token)) = self.masking.edits.get(edit)
        {
            let token = token.clone();
            self.masking.edits.push((range, token));
            return;
        }
        let value = decoded(raw, span.level);
        let spelling = self.guard.wishes.spelling;
        // Sealing fails only for more associated data than there ever is.
        let Some((token, tag)) = self.guard.key.token(span.category, &value, spelling) else {
            self.masking.blocked.get_or_insert(span.category);
            return;
        };
        self.masking.issued.insert(tag, span.category, &value);
        if let Some(place) = place {
            let written = Span { start: range.start as u32, end: range.end as u32, ..span };
            *place = Some((written, self.masking.edits.len()));
        }
        self.masking.edits.push((range, token));
        let hasher = HighwayHasher::new(self.guard.hash_key);
        self.known.add(span.category, &value, hasher);
    }
}

/// `raw` as it reads after `level` decodings.
fn decoded(raw: &[u8], level: u8) -> Vec<u8> {
    let mut text = raw.to_vec();
    for _ in 0..level {
        let mut out = Vec::with_capacity(text.len());
        if decode_into(&text, &mut out).is_err() {
            break;
        }
        text = out;
    }
    text
}

/// Looks through the strings of one element.
struct Look<'m, 'a> {
    masker: &'m mut Masker<'a>,
    base: usize,
    spans: Vec<Span>,
    failed: Option<TooSlow>,
}

impl Visitor for Look<'_, '_> {
    fn string(&mut self, text: &[u8], raw: Range<usize>, key: Range<usize>, carrier: Carrier) {
        if raw.len() < SHORTEST || self.failed.is_some() {
            return;
        }
        if carrier == Carrier::JsonText && self.json_text(text, raw.clone()) {
            return;
        }
        let key = if carrier == Carrier::Json { text.get(key).unwrap_or_default() } else { &[] };
        self.leaf(text, raw, key, 1);
    }
}

impl Look<'_, '_> {
    /// Strings inside JSON that is itself a string. False where it is no JSON.
    fn json_text(&mut self, text: &[u8], raw: Range<usize>) -> bool {
        let outer = text.get(raw.clone()).unwrap_or_default();
        let mut inner = Vec::with_capacity(outer.len());
        if decode_into(outer, &mut inner).is_err() {
            return false;
        }
        let mut strings = Strings::default();
        if !carriers::walk_json(&inner, &mut strings) {
            return false;
        }
        for (string, key) in strings.0 {
            if string.len() < SHORTEST {
                continue;
            }
            let key = inner.get(key).unwrap_or_default();
            let found = self.find(inner.get(string.clone()).unwrap_or_default(), key, true);
            if self.failed.is_some() {
                return true;
            }
            let mut places: Vec<usize> =
                found.iter().flat_map(|f| [string.start + f.start, string.start + f.end]).collect();
            to_raw(outer, &mut places);
            self.book(text, raw.start, &found, &places, 2);
        }
        true
    }

    /// One string of the element, which is read `level` times as JSON (0 or 1).
    fn leaf(&mut self, text: &[u8], raw: Range<usize>, key: &[u8], level: u8) {
        let outer = text.get(raw.clone()).unwrap_or_default();
        let found = self.find(outer, key, level > 0);
        if found.is_empty() {
            return;
        }
        let places: Vec<usize> = found.iter().flat_map(|f| [f.start, f.end]).collect();
        self.book(text, raw.start, &found, &places, level);
    }

    fn book(&mut self, text: &[u8], at: usize, found: &[Finding], places: &[usize], level: u8) {
        for (finding, place) in found.iter().zip(places.chunks(2)) {
            let [start, end] = *place else { continue };
            let span = Span {
                start: (at + start) as u32,
                end: (at + end) as u32,
                category: finding.category,
                level,
            };
            self.spans.push(span);
            self.masker.take(self.base, text, span);
        }
    }

    /// Findings in a JSON string, as places in its raw text. With `is_escaped` it is decoded
    /// first: what is written as `\u0040` is an at sign.
    fn find(&mut self, raw: &[u8], key: &[u8], is_escaped: bool) -> Vec<Finding> {
        let mut plain = std::mem::take(&mut self.masker.plain);
        plain.clear();
        let has_escapes = is_escaped
            && memchr::memchr(b'\\', raw).is_some()
            && decode_into(raw, &mut plain).is_ok();
        let mut found = self.search(if has_escapes { &plain } else { raw }, key);
        self.masker.plain = plain;
        if has_escapes && !found.is_empty() {
            let mut places: Vec<usize> = found.iter().flat_map(|f| [f.start, f.end]).collect();
            to_raw(raw, &mut places);
            for (finding, place) in found.iter_mut().zip(places.chunks(2)) {
                if let [start, end] = *place {
                    (finding.start, finding.end) = (start, end);
                }
            }
        }
        found
    }

    fn search(&mut self, text: &[u8], key: &[u8]) -> Vec<Finding> {
        let mut found = match self.scan(text, key) {
            Ok(found) => found,
            Err(failed) => {
                self.failed = Some(failed);
                return Vec::new();
            }
        };
        let mut known = self.masker.known.find(text);
        if known.is_empty() {
            return found;
        }
        found.append(&mut known);
        overlap::settle(found, |category| self.masker.guard.wishes.mode(category))
    }

    fn scan(&self, text: &[u8], key: &[u8]) -> Result<Vec<Finding>, TooSlow> {
        let guard = self.masker.guard;
        if key.is_empty() || key.len() > NAME_BYTES || text.len() > NAMED_BYTES {
            return guard.find(text, self.masker.until);
        }
        let head = [b"\"", key, b"\": \""].concat();
        let whole = [&head, text, b"\""].concat();
        let value = head.len()..head.len() + text.len();
        let mut found = guard.find_in(&whole, value, self.masker.until)?;
        for finding in &mut found {
            finding.start -= head.len();
            finding.end -= head.len();
        }
        Ok(found)
    }
}

/// The strings of some JSON with the names they are given to.
#[derive(Default)]
struct Strings(Vec<(Range<usize>, Range<usize>)>);

impl Visitor for Strings {
    fn string(&mut self, _: &[u8], raw: Range<usize>, key: Range<usize>, _: Carrier) {
        self.0.push((raw, key));
    }
}

/// Turns rising places in the decoded text of `raw` into places in `raw`.
fn to_raw(raw: &[u8], places: &mut [usize]) {
    let (mut at, mut read) = (0, 0);
    for place in places {
        while read < *place {
            let rest = raw.get(at..).unwrap_or_default();
            let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            let step = plain.min(*place - read);
            at += step;
            read += step;
            if read >= *place {
                break;
            }
            let (used, made) = escape(raw.get(at..).unwrap_or_default());
            if used == 0 {
                return;
            }
            at += used;
            read += made;
        }
        *place = at;
    }
}

/// Length of the escape at the start of `text`, and of what it stands for.
fn escape(text: &[u8]) -> (usize, usize) {
    let used = match text.get(1) {
        None => return (0, 0),
        Some(b'u') => {
            let is_high = matches!(
                text.get(2..4),
                Some([b'd' | b'D', b'8' | b'9' | b'a'..=b'b' | b'A'..=b'B'])
            );
            let is_low = text.get(6..8) == Some(b"\\u")
                && matches!(text.get(8..10), Some([b'd' | b'D', b'c'..=b'f' | b'C'..=b'F']));
            if is_high && is_low { 12 } else { 6 }
        }
        Some(_) => 2,
    };
    let mut out = Vec::with_capacity(4);
    let _ = decode_into(text.get(..used.min(text.len())).unwrap_or_default(), &mut out);
    (used, out.len())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::guardrails::category::Categories;
    use crate::guardrails::frames;
    use crate::guardrails::policy::Wishes;
    use crate::request::{MaskedRequest, ParsedRequest};

    fn guard() -> Guard {
        let wishes = Wishes { in_tool_args: Categories::ALL, ..Wishes::default() };
        Guard::new(&[[7; 32]], "t", wishes, [1, 2, 3, 4]).unwrap()
    }

    fn parse(format: Format, body: &Json) -> ParsedRequest {
        ParsedRequest::parse(format, [Bytes::from(body.to_string())]).unwrap()
    }

    fn masked(guard: &Guard, format: Format, body: &Json) -> (Arc<ParsedRequest>, String) {
        let MaskedRequest { request, .. } = parse(format, body).masked(guard).unwrap();
        let request = request.unwrap();
        let text = request.text();
        (request, String::from_utf8(text).unwrap())
    }

    /// A conversation in which values come with words around them first and without later.
    fn conversation(turns: usize) -> Json {
        let mut messages = Vec::new();
        for n in 0..turns {
            let file = json!({"password": format!("p\"w{n}\\é🦀"), "owner": "x"}).to_string();
            messages.push(json!({"role": "user", "content": [
                {"type": "text", "text": format!("password: S0mmer-{n}! mail ada{n}@example.org")},
                {"type": "tool_result", "tool_use_id": "t", "content": file}]}));
            messages.push(json!({"role": "assistant", "content": [
                {"type": "text", "text": format!("S0mmer-{n}! it is")},
                {"type": "tool_use", "id": "t", "name": "n", "input": {"content": file, "to": [format!("ada{n}@example.org")]}}]}));
        }
        json!({"model": "m", "max_tokens": 9, "system": "be brief", "messages": messages})
    }

    #[test]
    fn g13_masked_and_restored_is_what_it_was() {
        for format in Format::ALL {
            let body = if format == Format::OpenaiChat {
                let arguments = json!({"content": "password: \"p\\\"w\", é🦀 S0mmer-1!", "to": "ada@example.org"});
                json!({"model": "m", "messages": [
                    {"role": "user", "content": "password: S0mmer-1! for \u{2028}ada@example.org\t\"x\""},
                    {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "t", "type": "function", "function": {"name": "n", "arguments": arguments.to_string()}}]}]})
            } else {
                conversation(3)
            };
            let (request, text) = masked(&guard(), format, &body);
            assert!(!text.contains("example.org") && !text.contains("S0mmer"), "{text}");
            let issued = request.issued.clone().unwrap();
            let restored = frames::whole(format, &issued, text.as_bytes()).unwrap();
            assert_eq!(serde_json::from_slice::<Json>(&restored).unwrap(), body);
        }
    }

    #[test]
    fn g24_what_is_masked_is_not_masked_again() {
        let guard = guard();
        let (_, once) = masked(&guard, Format::AnthropicMessages, &conversation(2));
        let again = parse(Format::AnthropicMessages, &serde_json::from_str(&once).unwrap());
        assert!(again.masked(&guard).unwrap().request.is_none());
    }

    #[test]
    fn g32_a_longer_conversation_begins_with_the_shorter_ones_bytes() {
        let known = guard();
        let mut before = String::new();
        for turns in 1..12 {
            let (_, text) = masked(&known, Format::AnthropicMessages, &conversation(turns));
            // `messages` stands before `model` and `system` in what serde_json writes.
            let messages = text
                .split("\"model\"")
                .next()
                .unwrap()
                .trim_end_matches(&[',', ']'][..])
                .to_owned();
            assert!(messages.starts_with(&before), "{before}\n{messages}");
            before = messages;
        }
    }

    #[test]
    fn g9_a_known_history_is_masked_as_a_new_one() {
        let known = guard();
        for turns in 1..8 {
            let body = conversation(turns);
            let (first, text) = masked(&known, Format::AnthropicMessages, &body);
            let (fresh, expected) = masked(&guard(), Format::AnthropicMessages, &body);
            assert_eq!(text, expected);
            let counts = [first, fresh].map(|request| request.issued.as_ref().unwrap().len());
            assert_eq!(counts[0], counts[1]);
        }
    }

    #[test]
    fn a_text_is_known_only_behind_the_values_it_was_seen_behind() {
        let guard = guard();
        let body = |first: &str| {
            json!({"model": "m", "messages": [
                {"role": "user", "content": first},
                {"role": "assistant", "content": "wrote S0mmer-1! for ada@example.org"}]})
        };
        let (_, without) = masked(&guard, Format::OpenaiChat, &body("hello"));
        assert!(without.contains("S0mmer"));
        let (_, behind) = masked(&guard, Format::OpenaiChat, &body("password: S0mmer-1!"));
        assert!(!behind.contains("S0mmer"), "{behind}");
    }

    #[test]
    fn a_value_has_one_token_in_texts_and_in_arguments() {
        let secret = "p\"w0rd\\x";
        let file = json!({"password": secret}).to_string();
        let arguments = json!({"content": file}).to_string();
        let body = json!({"model": "m", "messages": [
            {"role": "tool", "tool_call_id": "t", "content": file},
            {"role": "assistant", "tool_calls": [{"id": "t", "function": {"name": "n", "arguments": arguments}}]}]});
        let (request, text) = masked(&guard(), Format::OpenaiChat, &body);
        assert_eq!(request.issued.as_ref().unwrap().len(), 1, "{text}");
    }

    #[test]
    fn what_is_written_alike_is_not_always_the_same() {
        // Read once it has two backslashes, read twice it has one.
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "password: p\\\\w0rd77 or password: p\\\\w0rd77"},
            {"role": "assistant", "tool_calls": [{"id": "t", "function": {
                "name": "n", "arguments": r#"{"password":"p\\w0rd77"}"#}}]}]});
        let (request, text) = masked(&guard(), Format::OpenaiChat, &body);
        assert_eq!(request.issued.as_ref().unwrap().len(), 2, "{text}");
        let tokens: Vec<&str> = text.split("XQZ").skip(1).collect();
        assert_eq!(tokens.len(), 3, "{text}");
        assert_eq!(tokens[0].get(..30), tokens[1].get(..30));
        // As an address it has another token than as a password.
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "host 81.2.69.142 has"},
            {"role": "user", "content": "password=81.2.69.142"}]});
        let (request, text) = masked(&guard(), Format::OpenaiChat, &body);
        assert_eq!(request.issued.as_ref().unwrap().len(), 2, "{text}");
    }

    #[test]
    fn more_values_than_are_remembered_keep_their_own_tokens() {
        let mails = (0..2 * Latest::PLACES).map(|n| format!("ada{n}@example.org"));
        let text = mails.collect::<Vec<_>>().join(" ").repeat(2);
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let (request, text) = masked(&guard(), Format::OpenaiChat, &body);
        let issued = request.issued.clone().unwrap();
        let restored = frames::whole(Format::OpenaiChat, &issued, text.as_bytes()).unwrap();
        assert_eq!(serde_json::from_slice::<Json>(&restored).unwrap(), body);
    }

    #[test]
    fn g33_no_time_is_an_error() {
        let wishes = Wishes { timeout: Duration::from_nanos(1), ..Wishes::default() };
        let guard = Guard::new(&[[7; 32]], "t", wishes, [1, 2, 3, 4]).unwrap();
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "word ".repeat(100_000)}]});
        assert!(parse(Format::OpenaiChat, &body).masked(&guard).is_err());
    }

    #[test]
    fn modes_decide() {
        let mut wishes = Wishes { in_tool_args: Categories::ALL, ..Wishes::default() };
        wishes.modes[Category::Email.index()] = Mode::Block;
        wishes.modes[Category::Ip.index()] = Mode::Observe;
        wishes.modes[Category::Iban.index()] = Mode::Off;
        wishes.patterns = vec![r"ACME-\d{6}".into()];
        wishes.words = vec!["bluebird".into()];
        wishes.allowed = vec!["*@allowed.example".into()];
        let guard = Guard::new(&[[7; 32]], "t", wishes, [1, 2, 3, 4]).unwrap();
        let look = |text: &str| {
            let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
            let found = parse(Format::OpenaiChat, &body).masked(&guard).unwrap();
            (found.request.is_some(), found.blocked, found.counts.iter().sum::<u32>())
        };
        assert_eq!(look("to ada@example.org"), (false, Some(Category::Email), 1));
        assert_eq!(look("to ada@allowed.example"), (false, None, 0));
        assert_eq!(look("host 81.2.69.142"), (false, None, 1));
        assert_eq!(look("DE89 3704 0044 0532 0130 00"), (false, None, 0));
        assert_eq!(look("see ACME-123456 of Bluebird"), (true, None, 2));
    }

    /// What a provider gets of `text`, and whether the request is refused.
    fn sent(wishes: Wishes, text: &str) -> (String, Option<Category>) {
        let guard = Guard::new(&[[7; 32]], "t", wishes, [1, 2, 3, 4]).unwrap();
        let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
        let done = parse(Format::OpenaiChat, &body).masked(&guard).unwrap();
        let out = done.request.map_or_else(|| body.to_string().into_bytes(), |r| r.text());
        (String::from_utf8(out).unwrap(), done.blocked)
    }

    fn with_pattern(pattern: &str, modes: &[(Category, Mode)]) -> Wishes {
        let mut wishes = Wishes { patterns: vec![pattern.into()], ..Wishes::default() };
        for (category, mode) in modes {
            wishes.modes[category.index()] = *mode;
        }
        wishes
    }

    #[test]
    fn a_pattern_inside_a_secret_leaves_nothing_of_it() {
        let key = "sk-ant-api03-Zx9kQ2mVb7RtLw4NpYc8HdJf3GsAe6Xq1BnMo5TuIy0Pz9Kx7Wv2Rj4Cd8Fg";
        let (text, _) = sent(with_pattern("X", &[]), &format!("use {key} now"));
        assert!(text.contains("XQZAPIKEY"), "{text}");
        for piece in [&key[..8], &key[13..18], &key[60..]] {
            assert!(!text.contains(piece), "{piece} {text}");
        }
        let (text, _) = sent(with_pattern("use sk-ant", &[]), &format!("use {key} now"));
        assert!(!text.contains("use sk") && !text.contains(&key[60..]), "{text}");
    }

    #[test]
    fn what_is_only_counted_displaces_nothing_that_is_masked() {
        let modes = [(Category::Custom, Mode::Observe)];
        let iban = "pay DE89370400440532013000 today";
        let (text, _) = sent(with_pattern(r"\d{6}", &modes), iban);
        assert!(text.contains("XQZIBAN") && !text.contains("370400"), "{text}");
        let (text, _) = sent(with_pattern(r"\d{6}", &modes), "password: Summer-123456!x");
        assert!(text.contains("XQZPASSWD") && !text.contains("Summer"), "{text}");
        let (text, _) = sent(with_pattern(r"\d{6}", &modes), "ticket 123456 of today");
        assert!(text.contains("ticket 123456 of"), "{text}");
        let modes = [(Category::AwsKey, Mode::Observe)];
        let (text, _) = sent(with_pattern("none", &modes), "api_key=AKIAZ7QK3MXW5LTRB2NC");
        assert!(text.contains("XQZAPIKEY") && !text.contains("AKIA"), "{text}");
    }

    #[test]
    fn what_is_only_counted_displaces_no_known_value() {
        let modes = [(Category::Custom, Mode::Observe)];
        let guard =
            Guard::new(&[[7; 32]], "t", with_pattern(r"\d{6}", &modes), [1, 2, 3, 4]).unwrap();
        let body = json!({"model": "m", "messages": [
            {"role": "user", "content": "password: Summer-123456!x"},
            {"role": "assistant", "content": "wrote Summer-123456!x there"}]});
        for _ in 0..2 {
            let (_, text) = masked(&guard, Format::OpenaiChat, &body);
            assert!(!text.contains("Summer") && !text.contains("123456"), "{text}");
        }
    }

    #[test]
    fn a_name_before_a_value_does_not_widen_what_is_found_beyond_it() {
        let guard =
            Guard::new(&[[7; 32]], "t", with_pattern(r#"word": "Sum"#, &[]), [1, 2, 3, 4]).unwrap();
        let arguments = json!({"password": "Summer-123456!x"}).to_string();
        let body = json!({"model": "m", "messages": [{"role": "assistant", "tool_calls": [
            {"id": "t", "function": {"name": "n", "arguments": arguments}}]}]});
        let (_, text) = masked(&guard, Format::OpenaiChat, &body);
        assert!(!text.contains("Summer") && !text.contains("123456"), "{text}");
    }

    #[test]
    fn what_overlaps_a_refused_value_does_not_save_it() {
        let modes = [(Category::Iban, Mode::Block)];
        for pattern in [r"\d{6}", r"pay DE\d+ today"] {
            let (_, blocked) =
                sent(with_pattern(pattern, &modes), "pay DE89370400440532013000 today");
            assert_eq!(blocked, Some(Category::Iban), "{pattern}");
        }
    }
}
