//! Whole answers and errors of both formats, for a client of the other.

use bytes::Bytes;
use codegate::formats::{BodyVerdict, ErrorReply, Format};
use codegate::json::Body;
use codegate::translate::{self, AnswerStream};

use crate::input::{Input, seeds};
use crate::oracle::is_json;
use crate::streams::{check_frame, check_stream};
use crate::ways::{other, plan};

pub(crate) fn messages(data: &[u8]) {
    run(Format::AnthropicMessages, data);
}

pub(crate) fn chat(data: &[u8]) {
    run(Format::OpenaiChat, data);
}

pub(crate) fn messages_seeds() -> Vec<Vec<u8>> {
    of(Format::AnthropicMessages)
}

pub(crate) fn chat_seeds() -> Vec<Vec<u8>> {
    of(Format::OpenaiChat)
}

fn of(format: Format) -> Vec<Vec<u8>> {
    [seeds(format, "responses"), seeds(format, "responses/errors")].concat()
}

fn run(upstream: Format, data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let wire = upstream.wire();
    let facts = wire.read_error(400, input.text);
    let _ = wire.rescue(&facts, None);
    let client = other(upstream);
    let plan = plan(client, input.choices);
    let recast = translate::recast(client, 400, &facts);
    let reply = ErrorReply {
        status: recast.status,
        code: &recast.code,
        message: &recast.message,
        request_id: None,
    };
    let client_wire = client.wire();
    assert!(is_json(&client_wire.error_body(&reply)));
    check_frame(&client_wire.error_event(facts.kind.as_deref(), &reply));
    let body = Body::from(Bytes::copy_from_slice(input.text));
    if !matches!(wire.check_body(&body), BodyVerdict::Ok { .. }) {
        return;
    }
    let written = translate::whole(&plan, Bytes::copy_from_slice(input.text)).concat();
    let mut streamed = Vec::new();
    AnswerStream::new(plan).replay(input.text, &mut streamed);
    if is_json(input.text) {
        assert!(is_json(&written), "not JSON: {}", String::from_utf8_lossy(&written));
        check_stream(client, &streamed, &written);
    }
}
