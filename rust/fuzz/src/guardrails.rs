//! Guardrails: what is found is the same on every machine, a token is read as what it was made of,
//! and what was masked comes back whole, wherever it is cut.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use codegate::formats::Format;
use codegate::guardrails::detectors::DETECTORS;
use codegate::guardrails::frames::{self, Rewrite};
use codegate::guardrails::policy::Wishes;
use codegate::guardrails::restore::{Place, Restorer};
use codegate::guardrails::token::{self, Spelling, TenantKey};
use codegate::guardrails::{Categories, Category, Guard, Issued, Scanner, StreamRestorer};
use codegate::request::ParsedRequest;
use serde_json::{Value, json};

use crate::input::Input;

const SEED: [u64; 4] = [1, 2, 3, 4];
const ROOT: [u8; 32] = [7; 32];
/// In a string of an answer.
const TEXT: Place = Place { level: 1, is_tool_args: false };

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| Scanner::new(Categories::ALL));
static KEY: LazyLock<Arc<TenantKey>> = LazyLock::new(|| Arc::new(TenantKey::new(&ROOT, "t")));

/// What detectors look for and what only looks like it, alone and several in one text.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let texts: Vec<&str> = DETECTORS
        .iter()
        .flat_map(|d| d.matching.iter().map(|(text, _)| *text).chain(d.harmless.iter().copied()))
        .collect();
    let mut seeds: Vec<_> = texts.iter().map(|text| Input::write(0, 7, text.as_bytes())).collect();
    for (n, texts) in texts.chunks(4).enumerate() {
        let choices = u8::try_from(n % 256).unwrap_or_default();
        seeds.push(Input::write(choices, 40, texts.join("\n").as_bytes()));
    }
    seeds
}

/// Tokens, whole and in parts.
pub(crate) fn token_seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for category in Category::ALL {
        for spelling in [Spelling::Short, Spelling::Portable] {
            let Some((token, _)) = KEY.token(category, b"ada@example.org", spelling) else {
                continue;
            };
            seeds.push(Input::write(0, 5, format!("a {token}, b").as_bytes()));
            seeds.push(Input::write(1, 9, token.to_lowercase().as_bytes()));
        }
    }
    seeds
}

/// Any bytes are scanned to their end, on each machine with the same result.
pub(crate) fn scanner(data: &[u8]) {
    // What repeats itself is passed over.
    let part =
        data.get(..data.len().min(96)).filter(|part| part.first().is_some_and(|b| b % 8 == 7));
    let repeated = part.map(|part| [&part.repeat(12_000 / part.len()), data].concat());
    let data = repeated.as_deref().unwrap_or(data);
    let Ok(found) = SCANNER.scan(data, None) else { panic!("no time was set") };
    assert_eq!(found, SCANNER.scan_baseline(data));
    let text = std::str::from_utf8(data);
    let mut end = 0;
    for finding in found {
        assert!(finding.start >= end && finding.end > finding.start && finding.end <= data.len());
        end = finding.end;
        if let Ok(text) = text {
            assert!(text.get(finding.range()).is_some(), "cut inside a character");
        }
    }
}

/// Tokens say what they are, portable ones what they were made of; anything else is left as it is.
pub(crate) fn token(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let Some(&category) = Category::ALL.get(usize::from(input.choices & 15)) else { return };
    for spelling in [Spelling::Short, Spelling::Portable] {
        let Some((made, tag)) = KEY.token(category, input.text, spelling) else { continue };
        assert_eq!(token::exact_len(made.as_bytes()), Some(made.len()));
        let normal: Vec<u8> = made.bytes().map(token::normal).collect();
        let (token::Reading::Whole, Some(header)) = token::read(&normal) else {
            panic!("{made} is no token")
        };
        assert_eq!(header.category, category);
        let Some(payload) = token::payload(&normal, &header) else { panic!("{made} says nothing") };
        assert_eq!(payload.first_chunk(), Some(&tag));
        if let Some(value) = KEY.open_portable(&header, &payload) {
            assert_eq!(value, input.text);
        }
    }
    let _ = (token::read(input.text), token::exact_len(input.text));
    // Nothing was issued under these tokens: every cut leaves the text as it came.
    let issued = Issued::new(Categories::ALL, Vec::new());
    assert_eq!(restored(&issued, &[Bytes::copy_from_slice(input.text)]), input.text);
    assert_eq!(restored(&issued, &input.pieces()), input.text);
}

fn restored(issued: &Issued, pieces: &[Bytes]) -> Vec<u8> {
    let (mut restorer, mut out) = (Restorer::default(), Vec::new());
    for piece in pieces {
        restorer.feed(issued, TEXT, piece, &mut out);
    }
    restorer.finish(issued, TEXT, &mut out);
    out
}

/// A text that is masked is not masked again, and comes back whole in one answer and in a stream.
pub(crate) fn masking(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let Ok(text) = std::str::from_utf8(input.text) else { return };
    let spelling = if input.choices & 1 == 0 { Spelling::Short } else { Spelling::Portable };
    let wishes = Wishes { in_tool_args: Categories::ALL, spelling, ..Wishes::default() };
    let Ok(guard) = Guard::new(&[ROOT], "t", wishes, SEED) else { panic!("a guard") };
    let format = Format::ALL[usize::from(input.choices >> 1) % Format::ALL.len()];
    let body = body(format, text, input.choices & 4 != 0);
    let Some((masked, issued)) = masked(&guard, format, &body) else { return };
    // A token of ours that the text came with and that stands for a value beside it comes back as
    // that value. If it is misspelt, that takes a border behind it: where it is followed by what
    // was a value, only once that is back.
    let came = whole(format, &issued, &body);
    let again = |body: &Value| meant(whole(format, &issued, body));
    // A token says less about the words around it than its value did: another value may be found
    // there, but no token is.
    if let Some((twice, newly)) = self::masked(&guard, format, &masked) {
        let restored = again(&whole(format, &issued, &whole(format, &newly, &twice)));
        // Portable tokens are opened whoever issued them, those too that the text came with.
        let portable = spelling == Spelling::Portable;
        assert!(portable || restored == again(&came), "{twice} became {restored}");
    }
    assert_eq!(again(&whole(format, &issued, &masked)), again(&came));

    let Some(text) = masked["messages"][0]["content"].as_str() else { return };
    let inside = json!(text).to_string();
    let inside = inside.get(1..inside.len() - 1).unwrap_or_default().as_bytes();
    let cut = input.with(inside);
    let said = |content: Value| {
        let mut body = came.clone();
        body["messages"][0]["content"] = content;
        again(&body)
    };
    assert_eq!(said(read(&quoted(&restored(&issued, &cut.pieces())))), again(&came));
    if format == Format::AnthropicMessages {
        let cut = input.with(text.as_bytes());
        assert_eq!(said(streamed(&issued, text, &cut).into()), again(&came));
    }
}

/// Arguments as the JSON that they are: what stands in them may be escaped in other ways.
fn meant(mut body: Value) -> Value {
    for call in body["messages"][1]["tool_calls"].as_array_mut().into_iter().flatten() {
        if let Some(arguments) = call["function"]["arguments"].as_str() {
            call["function"]["arguments"] = read(arguments.as_bytes());
        }
    }
    body
}

fn whole(format: Format, issued: &Issued, body: &Value) -> Value {
    let restored = frames::whole(format, issued, body.to_string().as_bytes());
    restored.map_or_else(|| body.clone(), |restored| read(&restored))
}

fn quoted(inside: &[u8]) -> Vec<u8> {
    [b"\"", inside, b"\""].concat()
}

fn body(format: Format, text: &str, is_tool: bool) -> Value {
    let arguments = json!({"content": text, "password": text});
    let answer = match (is_tool, format) {
        (false, _) => json!({"role": "assistant", "content": text}),
        (true, Format::AnthropicMessages) => json!({"role": "assistant", "content": [
            {"type": "tool_use", "id": "t", "name": "n", "input": arguments}]}),
        (true, Format::OpenaiChat) => json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": "t", "type": "function",
             "function": {"name": "n", "arguments": arguments.to_string()}}]}),
    };
    json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}, answer]})
}

/// The body with tokens, and what they stand for; nothing where it may go as it is.
fn masked(guard: &Guard, format: Format, body: &Value) -> Option<(Value, Arc<Issued>)> {
    let bytes = Bytes::from(body.to_string());
    let text = codegate::json::Body::from_parts([bytes.clone()]);
    assert!(ParsedRequest::parse(format, [bytes.clone()]).is_ok());
    let Ok(object) = codegate::json::scan(&text, codegate::json::MAX_DEPTH) else {
        panic!("what was just written is no object")
    };
    let Ok(masking) = codegate::guardrails::mask::mask(guard, format, &bytes, &object) else {
        panic!("no time was set")
    };
    let changed = read(&masking.apply(&bytes));
    (!masking.edits.is_empty()).then(|| (changed, Arc::new(masking.issued)))
}

fn read(text: &[u8]) -> Value {
    match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(error) => panic!("{error} in {}", String::from_utf8_lossy(text)),
    }
}

/// What a client reads of a stream of `text`, cut as `cut` says, at borders of characters.
fn streamed(issued: &Arc<Issued>, text: &str, cut: &Input<'_>) -> String {
    let mut restorer = StreamRestorer::new(Format::AnthropicMessages, Arc::clone(issued));
    let mut out = String::new();
    let (mut from, mut at) = (0, 0);
    for piece in cut.pieces() {
        at += piece.len();
        let Some(piece) = text.get(from..at) else { continue };
        from = at;
        let delta = json!({"type": "text_delta", "text": piece});
        let event = json!({"type": "content_block_delta", "index": 0, "delta": delta}).to_string();
        match restorer.event(event.as_bytes()) {
            Rewrite::Unchanged => push_text(&mut out, event.as_bytes()),
            Rewrite::Before(before) => {
                push_events(&mut out, &before);
                push_text(&mut out, event.as_bytes());
            }
            Rewrite::Data { before, data } => {
                push_events(&mut out, &before);
                push_text(&mut out, &data);
            }
            Rewrite::Dropped(before) => push_events(&mut out, &before),
        }
    }
    push_events(&mut out, &restorer.finish());
    out
}

fn push_events(out: &mut String, events: &[u8]) {
    for line in events.split(|byte| *byte == b'\n') {
        if let Some(data) = line.strip_prefix(b"data: ") {
            push_text(out, data);
        }
    }
}

fn push_text(out: &mut String, data: &[u8]) {
    out.push_str(read(data)["delta"]["text"].as_str().unwrap_or_default());
}
