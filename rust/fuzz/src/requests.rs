//! Requests of both formats, for the other's target.

use bytes::Bytes;
use codegate::formats::Format;
use codegate::json::{Body, MAX_DEPTH, scan};
use codegate::translate::estimated_tokens;

use crate::input::{Input, seeds};
use crate::oracle::is_json;
use crate::ways::{other, translate};

pub(crate) fn messages(data: &[u8]) {
    run(Format::AnthropicMessages, data);
}

pub(crate) fn chat(data: &[u8]) {
    run(Format::OpenaiChat, data);
}

pub(crate) fn messages_seeds() -> Vec<Vec<u8>> {
    seeds(Format::AnthropicMessages, "requests")
}

pub(crate) fn chat_seeds() -> Vec<Vec<u8>> {
    seeds(Format::OpenaiChat, "requests")
}

/// What a proxy does with a body: it is scanned, and only then translated.
fn run(client: Format, data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let body = Bytes::copy_from_slice(input.text);
    if scan(&Body::from(body.clone()), MAX_DEPTH).is_err() {
        return;
    }
    let _ = estimated_tokens(client, &body);
    let Ok(translated) = translate(client, &body, input.choices) else { return };
    let written = translated.body.concat();
    assert_eq!(translated.losses.header().parse::<String>(), Ok(translated.losses.header()));
    if !is_json(input.text) {
        return;
    }
    let shown = String::from_utf8_lossy(&written);
    assert!(is_json(&written), "not JSON: {shown}");
    let target = other(client);
    let written = Bytes::from(written.clone());
    let object = scan(&Body::from(written.clone()), MAX_DEPTH).expect("a sound body");
    let read = target.wire().read_request(&Body::from(written.clone()), &object);
    assert!(read.is_ok(), "{read:?}: {shown}");
    // What is written for a target is a request that its own clients might have sent.
    let tokens = estimated_tokens(target, &written);
    assert!(tokens.is_ok(), "{tokens:?}: {shown}");
}
