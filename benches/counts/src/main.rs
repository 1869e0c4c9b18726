//! Each stage of the core a fixed number of times, to be run under callgrind, which dumps what it
//! counted at the end of each `measured`. `python -m benches.instructions` does so.

#![expect(clippy::unwrap_used, reason = "a bench may stop where its own data is wrong")]

#[path = "../../rust/work.rs"]
mod work;

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use codegate::formats::{Format, TargetOptions, Verdict};
use codegate::guardrails::policy::Wishes;
use codegate::guardrails::{Categories, Guard, StreamRestorer};
use codegate::json::{Body, MAX_DEPTH, scan, splice};
use codegate::request::ParsedRequest;
use codegate::sse::{FrameKind, Framer};
use codegate::translate::{self, AnswerStream, Plan, Seals};

const MESSAGES: Format = Format::AnthropicMessages;
const CHAT: Format = Format::OpenaiChat;
const LIMIT: usize = 64 << 20;
/// What a read of a socket brings of a stream.
const CHUNK: usize = 4 * 1024;
/// Parts in which a server hands a body over.
const PART: usize = 350_000;

struct Case {
    name: &'static str,
    /// Runs of the work in one measurement; the figure is that of one.
    times: u32,
    work: Box<dyn FnMut()>,
}

fn case(name: &'static str, times: u32, work: impl FnMut() + 'static) -> Case {
    Case { name, times, work: Box::new(work) }
}

/// Where it ends counting what came before.
#[inline(never)]
fn prepared() {
    black_box(());
}

/// What counts, up to its end.
#[inline(never)]
fn measured(work: &mut dyn FnMut(), times: u32) {
    for _ in 0..times {
        work();
    }
}

/// A body as it comes in becomes the parts that are sent, with another model.
fn edit(format: Format, text: &[u8]) -> impl FnMut() + use<> {
    let body = Body::from_parts(text.chunks(PART).map(Bytes::copy_from_slice));
    let wire = format.wire();
    move || {
        let options = TargetOptions {
            model: Some("another-model"),
            max_output: Some(8_000),
            include_usage: true,
        };
        let object = scan(black_box(&body), MAX_DEPTH).unwrap();
        let facts = wire.read_request(&body, &object).unwrap();
        let edits = wire.request_edits(&body, &object, &facts, &options);
        black_box(splice(&body, &object, &edits.edits));
    }
}

fn chunks(stream: &[u8]) -> Vec<Bytes> {
    stream.chunks(CHUNK).map(Bytes::copy_from_slice).collect()
}

fn frame(stream: &[u8]) -> impl FnMut() + use<> {
    let chunks = chunks(stream);
    move || {
        let mut framer = Framer::new(LIMIT);
        for chunk in &chunks {
            framer.push(chunk.clone());
            while let Ok(Some(frame)) = framer.next() {
                black_box(frame.raw());
            }
        }
    }
}

/// What a stream of the client's own format costs: frames, and usage and end read from them.
fn tap(format: Format, stream: &[u8]) -> impl FnMut() + use<> {
    let chunks = chunks(stream);
    move || {
        let mut framer = Framer::new(LIMIT);
        let mut tap = format.wire().stream_tap(false);
        for chunk in &chunks {
            framer.push(chunk.clone());
            while let Ok(Some(frame)) = framer.next() {
                if tap.frame(&frame) == Verdict::Terminal {
                    break;
                }
            }
        }
        assert!(black_box(tap.usage()).output.is_some());
    }
}

fn other(format: Format) -> Format {
    if format == MESSAGES { CHAT } else { MESSAGES }
}

fn encoded(client: Format, body: &Bytes, seals: &Arc<Seals>) -> Arc<Plan> {
    black_box(work::encoded(client, other(client), body, seals)).unwrap().plan.unwrap()
}

fn seals() -> Arc<Seals> {
    Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"))
}

fn translate_request(client: Format, len: usize) -> impl FnMut() {
    let (body, seals) = (Bytes::from(work::session(client, len)), seals());
    move || {
        encoded(client, black_box(&body), &seals);
    }
}

fn plan(client: Format) -> Arc<Plan> {
    encoded(client, &work::session(client, 1_000).into(), &seals())
}

/// A whole answer of the other format, for a client of this one.
fn translate_answer(client: Format, answer: Vec<u8>) -> impl FnMut() {
    let (plan, answer) = (plan(client), Bytes::from(answer));
    move || {
        black_box(translate::whole(&plan, answer.clone()));
    }
}

/// A stream of the other format, for a client of this one.
fn translate_stream(client: Format, stream: &[u8]) -> impl FnMut() + use<> {
    let (plan, chunks) = (plan(client), chunks(stream));
    let mut out = Vec::new();
    move || {
        out.clear();
        let mut framer = Framer::new(LIMIT);
        let mut tap = other(client).wire().stream_tap(false);
        let mut answer = AnswerStream::new(Arc::clone(&plan));
        for chunk in &chunks {
            framer.push(chunk.clone());
            while let Ok(Some(frame)) = framer.next() {
                let verdict = tap.frame(&frame);
                if frame.kind == FrameKind::Event && frame.data() != b"[DONE]" {
                    answer.frame(frame.event(), frame.data(), &mut out).unwrap();
                }
                if verdict == Verdict::Terminal {
                    break;
                }
            }
        }
        answer.finish(&mut out);
        assert!(black_box(&out).len() > work::DELTAS * 20);
    }
}

fn guard() -> Guard {
    let wishes = Wishes { in_tool_args: Categories::ALL, ..Wishes::default() };
    Guard::new(&[[7; 32]], "default", wishes, [1, 2, 3, 4]).unwrap()
}

/// A body of `len` bytes that is looked through for the first time; whether anything is found.
fn mask(len: usize, news: &'static str) -> impl FnMut() {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= len {
            break;
        }
        let _ = write!(text, r"    rows.append(Row(key=key_{n}.strip(), value=path_{n}))\n");
    }
    let request = parsed(&format!(
        r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":"{text}{news}"}}]}}"#
    ));
    move || {
        let masked = request.masked(&guard()).unwrap();
        assert_eq!(black_box(masked).request.is_some(), !news.is_empty());
    }
}

fn parsed(body: &str) -> ParsedRequest {
    ParsedRequest::parse(MESSAGES, [Bytes::copy_from_slice(body.as_bytes())]).unwrap()
}

/// A stream in which no value has to be put back, for a request in which one was found.
fn restore(stream: &[u8]) -> impl FnMut() + use<> {
    let request = parsed(
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"mail ada@example.org"}]}"#,
    );
    let issued = request.masked(&guard()).unwrap().request.unwrap().issued.clone().unwrap();
    let chunks = chunks(stream);
    move || {
        let mut restorer = StreamRestorer::new(MESSAGES, Arc::clone(&issued));
        let mut framer = Framer::new(LIMIT);
        for chunk in &chunks {
            framer.push(chunk.clone());
            while let Ok(Some(frame)) = framer.next() {
                black_box(restorer.event(frame.data()));
            }
        }
        black_box(restorer.finish());
    }
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let (messages, chat) = (work::messages_stream(), work::chat_stream());
    vec![
        case("edit, 1 KB chat body", 200, edit(CHAT, &work::small_body())),
        case("edit, 87 KB messages body", 10, edit(MESSAGES, &work::agent_body(87_000))),
        case("edit, 1.08 MB messages body", 1, edit(MESSAGES, &work::agent_body(1_080_000))),
        case("frames, 300 messages deltas", 10, frame(&messages)),
        case("frames, 300 chat deltas", 10, frame(&chat)),
        case("frames and tap, 300 messages deltas", 10, tap(MESSAGES, &messages)),
        case("frames and tap, 300 chat deltas", 10, tap(CHAT, &chat)),
        case("translate, 1 KB messages request", 50, translate_request(MESSAGES, 1_000)),
        case("translate, 1 KB chat request", 50, translate_request(CHAT, 1_000)),
        case("translate, 64 KB messages request", 2, translate_request(MESSAGES, 64 << 10)),
        case("translate, 64 KB chat request", 2, translate_request(CHAT, 64 << 10)),
        case("translate, chat answer to messages", 50, translate_answer(MESSAGES, work::chat_answer())),
        case("translate, messages answer to chat", 50, translate_answer(CHAT, work::messages_answer())),
        case("translate, 300 chat deltas to messages", 5, translate_stream(MESSAGES, &chat)),
        case("translate, 300 messages deltas to chat", 5, translate_stream(CHAT, &messages)),
        case("guardrails, 4 KB body, nothing found", 10, mask(4_000, "")),
        case("guardrails, 4 KB body, an address found", 10, mask(4_000, "mail ada@example.org")),
        case("guardrails, 87 KB body, nothing found", 1, mask(87_000, "")),
        case("guardrails, 300 deltas back", 10, restore(&messages)),
    ]
}

#[expect(clippy::print_stdout, reason = "the order of the dumps")]
fn main() {
    for mut case in cases() {
        // What is made once in a process belongs to none of them.
        (case.work)();
        (case.work)();
        prepared();
        measured(&mut case.work, case.times);
        println!("{}\t{}", case.times, case.name);
    }
}
