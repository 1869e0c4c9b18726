//! The wire formats on the corpus: facts and edits of requests, taps on streams, answers, errors.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says so by failing")]

mod support;

use bytes::Bytes;
use codegate::error::ErrorKind;
use codegate::formats::{
    BodyVerdict, ErrorFacts, ErrorReply, Format, RequestEdits, RequestFacts, TargetOptions, Usage,
};
use codegate::json::{Body, MAX_DEPTH, scan, splice};
use serde_json::json;
use support::{Tapped, corpus, cut, example, tap};

const MESSAGES: Format = Format::AnthropicMessages;
const CHAT: Format = Format::OpenaiChat;

fn parsed(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap_or_else(|e| panic!("{e}: {}", text(bytes)))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Input, output, cache read, cache write, its one-hour share, reasoning.
type Counts = [Option<u64>; 6];

fn counts(usage: &Usage) -> Counts {
    let Usage { input, output, cache_read, cache_write, cache_write_1h, reasoning, .. } = *usage;
    [input, output, cache_read, cache_write, cache_write_1h, reasoning]
}

// Requests

fn read(format: Format, bytes: &[u8]) -> Result<RequestFacts, ErrorKind> {
    let body = Body::from(Bytes::copy_from_slice(bytes));
    let object = scan(&body, MAX_DEPTH).map_err(|error| error.kind)?;
    format.wire().read_request(&body, &object).map_err(|error| error.kind)
}

/// The facts, the edits, and the body they make.
fn edit(format: Format, bytes: &[u8], options: &TargetOptions<'_>) -> (RequestEdits, String) {
    // Cut in the middle, so that no reader depends on one part.
    let body = Body::from_parts(cut(bytes, &[bytes.len() / 2]));
    let object = scan(&body, MAX_DEPTH).unwrap();
    let facts = format.wire().read_request(&body, &object).unwrap();
    let edits = format.wire().request_edits(&body, &object, &facts, options);
    let pieces = splice(&body, &object, &edits.edits);
    (edits, text(&pieces.concat()))
}

#[test]
fn facts_of_requests() {
    let facts = |format, name: &str| {
        let facts = read(format, &example(format, &format!("requests/{name}.json"))).unwrap();
        (facts.model, facts.is_streaming, facts.max_output, facts.session_hint, facts.wants_usage)
    };
    let some = |text: &str| Some(text.to_owned());
    let cases = [
        (MESSAGES, "simple", "claude-sonnet-4-5", false, Some(1024), None, true),
        (
            MESSAGES,
            "agent",
            "claude-sonnet-4-5-20250929",
            true,
            Some(32_000),
            some("5f0c1a52-93a4-4a0f-9f1c-0d3b8f3c2a11"),
            true,
        ),
        (
            MESSAGES,
            "session_in_user_id",
            "claude-opus-4-6",
            false,
            Some(64),
            some("aaaabbbb-cccc-dddd-eeee-ffff00001111"),
            true,
        ),
        (MESSAGES, "escaped_key", "claude-haiku-4-5", false, Some(10), None, true),
        (MESSAGES, "documents", "claude-sonnet-5", false, Some(500), None, true),
        (MESSAGES, "pretty", "claude-haiku-4-5", false, Some(100), None, true),
        (CHAT, "simple", "gpt-4.1", false, None, None, false),
        (CHAT, "agent", "openrouter/qwen3-coder", true, Some(64_000), some("sess-42"), true),
        (CHAT, "legacy", "gpt-3.5-turbo", false, Some(256), None, false),
        (CHAT, "stream_options_false", "m", true, None, None, false),
    ];
    for (format, name, model, is_streaming, max_output, session, wants_usage) in cases {
        let expected = (model.to_owned(), is_streaming, max_output, session, wants_usage);
        assert_eq!(facts(format, name), expected, "{name}");
    }
}

#[test]
fn every_request_of_the_corpus_is_read() {
    for format in Format::ALL {
        for (name, bytes) in corpus(format, "requests") {
            assert!(read(format, &bytes).is_ok(), "{name}");
        }
    }
}

#[test]
fn a_bad_model_or_stream_is_named() {
    for format in Format::ALL {
        let long = format!("{{\"model\":\"{}\"}}", "m".repeat(1025));
        for body in ["{}", r#"{"model":""}"#, r#"{"model":null}"#, r#"{"model":["a"]}"#, &long] {
            let kind = read(format, body.as_bytes()).unwrap_err();
            assert!(matches!(kind, ErrorKind::BadMember { name: "model", .. }), "{body}: {kind:?}");
        }
        for stream in ["\"true\"", "1", "[]", "{}"] {
            let body = format!("{{\"model\":\"m\",\"stream\":{stream}}}");
            let kind = read(format, body.as_bytes()).unwrap_err();
            assert!(matches!(kind, ErrorKind::BadMember { name: "stream", .. }), "{body}");
        }
        for (stream, expected) in [("null", false), ("false", false), ("true", true)] {
            let body = format!("{{\"model\":\"m\",\"stream\":{stream}}}");
            assert_eq!(read(format, body.as_bytes()).unwrap().is_streaming, expected);
        }
        // A limit that is no count is for the upstream to judge.
        let odd = br#"{"model":"m","max_tokens":"many"}"#;
        assert_eq!(read(format, odd).unwrap().max_output, None);
    }
}

#[test]
fn session_hints_are_tolerant() {
    let hint = |metadata: serde_json::Value| {
        let body = json!({"model": "m", "metadata": metadata}).to_string();
        read(MESSAGES, body.as_bytes()).unwrap().session_hint
    };
    assert_eq!(hint(json!({"user_id": "user_x_session_s1"})).as_deref(), Some("s1"));
    assert_eq!(hint(json!({"user_id": r#"{"session_id":"s2"}"#})).as_deref(), Some("s2"));
    for metadata in [
        json!(null),
        json!("x"),
        json!({}),
        json!({"user_id": 7}),
        json!({"user_id": "somebody"}),
        json!({"user_id": "user_session_"}),
        json!({"user_id": "{}"}),
        json!({"user_id": r#"{"session_id":""}"#}),
        json!({"user_id": r#"{"session_id":9}"#}),
        json!({"user_id": format!("user_session_{}", "s".repeat(1025))}),
    ] {
        assert_eq!(hint(metadata.clone()), None, "{metadata}");
    }
}

#[test]
fn nothing_is_edited_without_need() {
    for format in Format::ALL {
        for (name, bytes) in corpus(format, "requests") {
            let facts = read(format, &bytes).unwrap();
            let options = TargetOptions {
                model: Some(&facts.model),
                max_output: Some(u64::MAX),
                include_usage: false,
            };
            let (edits, out) = edit(format, &bytes, &options);
            assert_eq!(edits, RequestEdits::default(), "{name}");
            assert!(out.as_bytes() == bytes, "{name}");
        }
    }
}

#[test]
fn case_108_only_the_declared_spans_differ() {
    let options = TargetOptions { model: Some("te\"st"), max_output: Some(5), include_usage: true };
    for format in Format::ALL {
        for (name, bytes) in corpus(format, "requests") {
            let (_, out) = edit(format, &bytes, &options);
            // Lone surrogates are the one thing in the corpus that the other parser refuses.
            if name == "pretty.json" {
                continue;
            }
            let (mut before, mut after) = (parsed(&bytes), parsed(out.as_bytes()));
            assert_eq!(after["model"], "te\"st", "{name}");
            for object in [&mut before, &mut after] {
                let members = object.as_object_mut().unwrap();
                for edited in ["model", "max_tokens", "max_completion_tokens", "stream_options"] {
                    members.remove(edited);
                }
                if let Some(thinking) = members.get_mut("thinking") {
                    thinking["budget_tokens"].take();
                }
            }
            assert_eq!(before, after, "{name}");
        }
    }
}

#[test]
fn output_limits_are_lowered_never_raised() {
    let clamped = |format, body: &str, limit| {
        let options = TargetOptions { max_output: Some(limit), ..TargetOptions::default() };
        edit(format, body.as_bytes(), &options).1
    };
    let body = r#"{"model":"m","max_tokens": 9000 ,"x":1}"#;
    for format in Format::ALL {
        assert_eq!(clamped(format, body, 9000), body);
        assert_eq!(clamped(format, body, 8999), body.replace("9000", "8999"));
        for huge in ["1e9", "99999999999999999999999", "9000.5", "1E400"] {
            let body = body.replace("9000", huge);
            assert_eq!(clamped(format, &body, 9000), body.replace(huge, "9000"));
        }
        for other in ["\"9999\"", "null", "-5", "0"] {
            let body = body.replace("9000", other);
            assert_eq!(clamped(format, &body, 10), body);
        }
        assert_eq!(clamped(format, r#"{"model":"m"}"#, 10), r#"{"model":"m"}"#);
    }
    let both = r#"{"model":"m","max_tokens":70,"max_completion_tokens":60}"#;
    let lowered = r#"{"model":"m","max_tokens":50,"max_completion_tokens":50}"#;
    assert_eq!(clamped(CHAT, both, 50), lowered);
    assert_eq!(clamped(MESSAGES, both, 50), both.replace("70", "50"));
}

#[test]
fn a_thinking_budget_stays_below_the_lowered_limit() {
    let clamped = |body: &str| {
        let options = TargetOptions { max_output: Some(8000), ..TargetOptions::default() };
        edit(MESSAGES, body.as_bytes(), &options).1
    };
    let body = r#"{"model":"m","thinking":{"type":"enabled", "budget_tokens" : 31999 },"max_tokens":32000}"#;
    let lowered = body.replace("31999", "7999").replace("32000", "8000");
    assert_eq!(clamped(body), lowered);
    let small = body.replace("31999", "7999");
    assert_eq!(clamped(&small), small.replace("32000", "8000"));
    // With interleaved thinking a budget above an untouched limit is the client's own affair.
    let interleaved = body.replace("32000", "4000");
    assert_eq!(clamped(&interleaved), interleaved);
    for thinking in ["null", "{}", "{\"budget_tokens\":\"x\"}", "{\"type\":\"adaptive\"}", "[]"] {
        let body = format!(r#"{{"model":"m","thinking":{thinking},"max_tokens":32000}}"#);
        assert_eq!(clamped(&body), body.replace("32000", "8000"));
    }
}

#[test]
fn usage_is_asked_for_in_chat_streams() {
    let asked = |body: &str| {
        let options = TargetOptions { include_usage: true, ..TargetOptions::default() };
        let (edits, out) = edit(CHAT, body.as_bytes(), &options);
        (edits.usage_added, out)
    };
    let stream = |options: &str| format!(r#"{{"model":"m","stream":true{options}}}"#);
    let with = |value: &str| stream(&format!(r#","stream_options":{value}"#));
    let added = r#"{"include_usage":true}"#;
    let first = format!(r#"{{"stream_options":{added},"model":"m","stream":true}}"#);
    assert_eq!(asked(&stream("")), (true, first));
    assert_eq!(asked(&with("null")), (true, with(added)));
    assert_eq!(asked(&with("{}")), (true, with(added)));
    assert_eq!(asked(&with("{ }")), (true, with(r#"{"include_usage":true }"#)));
    assert_eq!(
        asked(&with(r#"{"include_obfuscation":false}"#)),
        (true, with(r#"{"include_usage":true,"include_obfuscation":false}"#))
    );
    let false_ = r#"{"x":[], "include_usage" : false }"#;
    assert_eq!(asked(&with(false_)), (true, with(&false_.replace("false", "true"))));
    for untouched in [
        with(added),
        with("[]"),
        with("1"),
        r#"{"model":"m"}"#.into(),
        r#"{"model":"m","stream":false}"#.into(),
    ] {
        assert_eq!(asked(&untouched), (false, untouched.clone()));
    }
    let options = TargetOptions { include_usage: true, ..TargetOptions::default() };
    let messages = r#"{"model":"m","stream":true}"#;
    assert_eq!(
        edit(MESSAGES, messages.as_bytes(), &options),
        (RequestEdits::default(), messages.into())
    );
}

// Streams

/// What a tap must make of a stream; built from what most streams have.
struct Expected {
    counts: Counts,
    estimated: bool,
    stop: Option<&'static str>,
    has_terminal: bool,
    malformed: u32,
    error: Option<(Option<&'static str>, Option<&'static str>, &'static str)>,
    is_truncated: bool,
    /// Events left out.
    dropped: usize,
    /// Frames before the first real event.
    before_start: usize,
}

fn expected(counts: Counts, stop: &'static str) -> Expected {
    Expected {
        counts,
        estimated: false,
        stop: Some(stop),
        has_terminal: true,
        malformed: 0,
        error: None,
        is_truncated: false,
        dropped: 0,
        before_start: 0,
    }
}

fn check(format: Format, name: &str, tapped: &Tapped, bytes: &[u8], expected: &Expected) {
    let state = &tapped.state;
    assert_eq!(counts(&tapped.usage), expected.counts, "{name}");
    assert_eq!(tapped.usage.estimated, expected.estimated, "{name}: estimated");
    assert_eq!(state.stop.as_deref(), expected.stop, "{name}: stop");
    assert_eq!(state.finish_seen, expected.stop.is_some(), "{name}: finish");
    assert_eq!(state.terminal_seen, expected.has_terminal, "{name}: terminal");
    assert_eq!(state.malformed_events, expected.malformed, "{name}: malformed");
    let error =
        tapped.error.as_ref().map(|e| (e.kind.as_deref(), e.code.as_deref(), &e.message[..]));
    assert_eq!(error, expected.error, "{name}: error");
    assert_eq!(state.error_seen, error.is_some(), "{name}: error seen");
    assert_eq!(tapped.truncated, expected.is_truncated, "{name}: truncated");
    assert_eq!(tapped.dropped_events, expected.dropped, "{name}: dropped");
    assert_eq!(tapped.frames_before_start, expected.before_start, "{name}: start");
    let whole = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let is_whole = expected.dropped == 0 && !expected.is_truncated;
    assert!(whole.starts_with(&tapped.written), "{name}: bytes differ");
    // A cut may leave the last LF of a CRLF stream behind the end marker.
    let missing = whole.strip_suffix(b"\r\n").map_or(0, |_| 1);
    assert_eq!(tapped.written.len() + missing >= whole.len(), is_whole, "{name}: length");
    assert_eq!(format.wire().stream_tap(false).state().events, 0);
}

fn check_all(format: Format, table: Vec<(&str, Expected)>) {
    let files = corpus(format, "streams");
    let mut missing: Vec<&String> = files.iter().map(|(name, _)| name).collect();
    for (name, expected) in table {
        let file = format!("{name}.sse");
        let bytes = &files.iter().find(|(name, _)| *name == file).expect(name).1;
        missing.retain(|name| **name != file);
        check(
            format,
            name,
            &tap(format, false, &[Bytes::copy_from_slice(bytes)]),
            bytes,
            &expected,
        );
        // F33: in pieces of any size the tap sees and writes the same.
        for size in [1, 5, 100] {
            let chunks: Vec<_> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            check(format, name, &tap(format, false, &chunks), bytes, &expected);
        }
    }
    assert!(missing.is_empty(), "streams without expectation: {missing:?}");
}

#[test]
fn messages_streams() {
    let n = Some;
    let text: Counts = [n(25), n(12), n(0), n(0), None, None];
    let plain = |i, o| [n(i), n(o), None, None, None, None];
    let cut = |e: Expected| Expected { stop: None, has_terminal: false, ..e };
    let table = vec![
        ("text", expected(text, "end_turn")),
        ("crlf", expected(text, "end_turn")),
        ("cr", expected(text, "end_turn")),
        ("mixed_ends", expected(text, "end_turn")),
        ("bom", expected(text, "end_turn")),
        ("data_only", expected(text, "end_turn")),
        ("unterminated", expected(text, "end_turn")),
        ("tool_use", expected(plain(412, 89), "tool_use")),
        ("parallel_tools", expected(plain(530, 140), "tool_use")),
        ("big_tool_args", expected(plain(900, 6100), "tool_use")),
        ("thinking", expected([n(90), n(70), n(0), n(0), None, n(41)], "end_turn")),
        ("cache_usage", expected([n(4), n(5), n(61_200), n(300), n(200), None], "end_turn")),
        ("server_tool", expected(plain(2679, 510), "end_turn")),
        ("future", expected(plain(10, 7), "model_dreamed")),
        ("unicode", expected([n(25), n(33), n(0), n(0), None, None], "end_turn")),
        ("refusal", expected([n(25), n(1), n(0), n(0), None, None], "refusal")),
        (
            "comments",
            Expected {
                before_start: 1,
                ..expected([n(25), n(3), n(0), n(0), None, None], "end_turn")
            },
        ),
        ("type_last", expected([n(25), n(6), n(0), n(0), None, None], "end_turn")),
        ("field_shapes", expected(plain(8, 3), "end_turn")),
        ("double_stop", Expected { dropped: 4, ..expected(text, "end_turn") }),
        (
            "malformed_delta",
            Expected {
                malformed: 2,
                ..expected([n(25), n(4), n(0), n(0), None, None], "end_turn")
            },
        ),
        (
            "no_terminal",
            Expected {
                has_terminal: false,
                ..expected([n(25), n(4), n(0), n(0), None, None], "end_turn")
            },
        ),
        ("no_finish", cut(expected([n(25), n(1), n(0), n(0), None, None], ""))),
        (
            "cut",
            Expected {
                is_truncated: true,
                ..cut(expected([n(25), n(1), n(0), n(0), None, None], ""))
            },
        ),
        (
            "error_first",
            Expected {
                error: Some((Some("overloaded_error"), None, "Overloaded")),
                estimated: true,
                before_start: 3,
                ..cut(expected([None; 6], ""))
            },
        ),
        (
            "error_mid",
            Expected {
                error: Some((Some("api_error"), None, "Internal server error")),
                dropped: 1,
                ..cut(expected([n(25), n(1), n(0), n(0), None, None], ""))
            },
        ),
        (
            "odd_usage",
            Expected {
                estimated: true,
                ..expected([n(77), n(12), None, None, None, None], "end_turn")
            },
        ),
        ("no_usage", Expected { estimated: true, ..expected([None; 6], "end_turn") }),
        ("usage_in_delta", expected([n(31), n(5), n(7), n(0), None, None], "end_turn")),
        ("usage_erased", expected([n(25), n(5), n(7), n(0), None, None], "end_turn")),
    ];
    check_all(MESSAGES, table);
}

#[test]
fn chat_streams() {
    let n = Some;
    let none: Counts = [None; 6];
    let usage: Counts = [n(19), n(10), n(0), None, None, n(0)];
    let unknown = |stop| Expected { estimated: true, ..expected(none, stop) };
    let cut = |e: Expected| Expected { stop: None, has_terminal: false, ..e };
    let failed = |kind, code, message, e: Expected| Expected {
        error: Some((kind, code, message)),
        ..cut(e)
    };
    let table = vec![
        ("text", unknown("stop")),
        ("crlf", unknown("stop")),
        ("mixed_ends", unknown("stop")),
        ("bom", unknown("stop")),
        ("unterminated", unknown("stop")),
        ("usage_chunk", expected(usage, "stop")),
        ("tools", expected(usage, "tool_calls")),
        ("parallel_tools", unknown("tool_calls")),
        ("reasoning", expected([n(10), n(40), n(20), None, None, n(33)], "stop")),
        ("comments", Expected { before_start: 2, ..expected(usage, "stop") }),
        ("n2", unknown("stop")),
        ("azure_filter", unknown("stop")),
        ("sloppy", unknown("eos")),
        ("usage_every_chunk", expected([n(7), n(4), None, None, None, None], "stop")),
        ("two_finish", expected([n(5), n(6), None, None, None, None], "stop")),
        ("refusal", unknown("content_filter")),
        ("logprobs", unknown("stop")),
        ("unicode", unknown("stop")),
        ("future", unknown("dreamed")),
        ("pretty", expected([n(3), n(1), None, None, None, None], "stop")),
        ("malformed", Expected { malformed: 2, ..unknown("stop") }),
        ("no_done", Expected { has_terminal: false, ..unknown("stop") }),
        ("no_finish", cut(unknown(""))),
        ("cut", Expected { is_truncated: true, ..cut(unknown("")) }),
        ("double_done", Expected { dropped: 2, ..unknown("stop") }),
        (
            "error_first",
            Expected {
                before_start: 2,
                ..failed(
                    Some("server_error"),
                    Some("overloaded"),
                    "The server is overloaded",
                    unknown(""),
                )
            },
        ),
        (
            "error_mid_string",
            Expected { dropped: 1, ..failed(None, None, "upstream connection lost", unknown("")) },
        ),
        (
            "error_object_name",
            Expected {
                before_start: 1,
                ..failed(Some("NotFoundError"), Some("404"), "No such model", unknown(""))
            },
        ),
        (
            "error_numeric_code",
            Expected {
                dropped: 1,
                ..failed(None, Some("502"), "Provider disconnected", unknown(""))
            },
        ),
        (
            "error_event_line",
            Expected {
                before_start: 1,
                ..failed(None, Some("1302"), "Too many requests", unknown(""))
            },
        ),
        (
            "odd_usage",
            Expected {
                estimated: true,
                ..expected([n(0), n(9), n(130), None, None, None], "stop")
            },
        ),
    ];
    check_all(CHAT, table);
}

#[test]
fn the_usage_chunk_we_asked_for_is_left_out() {
    let bytes = example(CHAT, "streams/usage_chunk.sse");
    let tapped = tap(CHAT, true, &[Bytes::copy_from_slice(&bytes)]);
    assert_eq!(tapped.dropped_events, 1);
    assert_eq!(tapped.usage.output, Some(10));
    let stream = text(&bytes);
    let at = stream.find("data: {\"id\":\"chatcmpl-Cq7LhT2vXw0pZ9nRk4sYbD6fGj1aE\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,\"model\":\"gpt-4.1-2025-04-14\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_0000\",\"choices\":[],").unwrap();
    assert_eq!(text(&tapped.written), format!("{}data: [DONE]\n\n", &stream[..at]));
    // Usage in a chunk with choices is content, and so is a chunk that only lacks choices.
    for name in ["usage_every_chunk", "azure_filter", "two_finish", "reasoning"] {
        let bytes = example(CHAT, &format!("streams/{name}.sse"));
        let tapped = tap(CHAT, true, &[Bytes::copy_from_slice(&bytes)]);
        assert_eq!((tapped.dropped_events, tapped.written == bytes), (0, true), "{name}");
    }
}

#[test]
fn f35_one_end_marker_and_nothing_behind_it() {
    for (format, name, marker) in
        [(MESSAGES, "double_stop", "event: message_stop"), (CHAT, "double_done", "data: [DONE]")]
    {
        let bytes = example(format, &format!("streams/{name}.sse"));
        let written = text(&tap(format, false, &[Bytes::from(bytes)]).written);
        assert_eq!(written.matches(marker).count(), 1);
        assert_eq!(written, text(&example(format, "streams/text.sse")));
    }
}

#[test]
fn f36_malformed_event_is_forwarded_and_counted() {
    for (format, name) in [(MESSAGES, "malformed_delta"), (CHAT, "malformed")] {
        let bytes = example(format, &format!("streams/{name}.sse"));
        let tapped = tap(format, false, &[Bytes::copy_from_slice(&bytes)]);
        assert!(tapped.written == bytes);
        assert_eq!(tapped.state.malformed_events, 2);
        assert!(tapped.state.terminal_seen);
        // On its own it does not make a stream that has started.
        let broken = Bytes::from_static(b"data: {\"a\":\n\ndata: <html>\n\n");
        let tapped = tap(format, false, &[broken]);
        assert_eq!((tapped.state.started, tapped.state.malformed_events), (false, 2));
    }
}

#[test]
fn f23_a_ping_does_not_start_a_stream() {
    let ping = MESSAGES.wire().keep_alive().unwrap();
    let tapped = tap(MESSAGES, false, &[Bytes::from_static(ping)]);
    assert!(!tapped.state.started);
    assert_eq!(tapped.state.events, 0);
    assert_eq!(tapped.written, ping);
    let comment = CHAT.wire().keep_alive().unwrap();
    let tapped = tap(CHAT, false, &[Bytes::from_static(comment)]);
    assert!(!tapped.state.started);
}

#[test]
fn f47_usage_values() {
    let values = [
        "null",
        "0",
        "-1",
        "1.5",
        "\"3\"",
        "\"x\"",
        "9223372036854775808",
        "1e999",
        "true",
        "[]",
        "{}",
        "-0",
        "18446744073709551616",
    ];
    for value in values {
        for format in Format::ALL {
            let usage = match format {
                MESSAGES => format!(
                    r#"{{"input_tokens":{value},"output_tokens":{value},"cache_read_input_tokens":{value},"cache_creation":{value}}}"#
                ),
                CHAT => format!(
                    r#"{{"prompt_tokens":{value},"completion_tokens":{value},"prompt_tokens_details":{{"cached_tokens":{value}}},"completion_tokens_details":{value}}}"#
                ),
            };
            for usage in [usage, value.to_owned()] {
                let body = format!(r#"{{"usage":{usage}}}"#);
                let verdict = format.wire().check_body(&Body::from(Bytes::from(body)));
                let BodyVerdict::Ok { usage, .. } = verdict else { panic!("{value}: {verdict:?}") };
                assert!(usage.estimated, "{value} in {format:?}");
                assert!(usage.prompt() < 1 << 40);
            }
        }
    }
}

// Whole answers

fn verdict(format: Format, bytes: &[u8]) -> BodyVerdict {
    let one = format.wire().check_body(&Body::from(Bytes::copy_from_slice(bytes)));
    let bytewise = Body::from_parts(bytes.chunks(1).map(Bytes::copy_from_slice));
    assert_eq!(one, format.wire().check_body(&bytewise));
    one
}

#[test]
fn answers_tell_usage_and_stop_reason() {
    let n = Some;
    let cases: [(Format, &str, Counts, bool, Option<&str>); 11] = [
        (MESSAGES, "text", [n(2095), n(503), None, None, None, None], false, Some("end_turn")),
        (MESSAGES, "tool_use", [n(345), n(88), n(0), n(0), None, None], false, Some("tool_use")),
        (
            MESSAGES,
            "thinking_cache",
            [n(100), n(50), n(600), n(300), n(200), n(20)],
            false,
            Some("max_tokens"),
        ),
        (MESSAGES, "refusal", [n(30), n(1), None, None, None, None], false, Some("refusal")),
        (MESSAGES, "future", [n(3), n(4), None, None, None, None], false, Some("model_dreamed")),
        (CHAT, "text", [n(19), n(10), n(0), None, None, n(0)], false, Some("stop")),
        (CHAT, "tools", [n(100), n(50), n(600), n(300), None, n(20)], false, Some("tool_calls")),
        (CHAT, "n2", [n(5), n(2), None, None, None, None], false, Some("length")),
        (CHAT, "reasoning", [n(10), n(40), n(20), None, None, None], false, Some("stop")),
        (CHAT, "no_usage", [None; 6], true, Some("eos")),
        (CHAT, "future", [n(1), n(1), None, None, None, None], false, Some("dreamed")),
    ];
    for (format, name, expected, estimated, stop) in cases {
        let found = verdict(format, &example(format, &format!("responses/{name}.json")));
        let BodyVerdict::Ok { usage, stop: found_stop } = found else {
            panic!("{name}: {found:?}")
        };
        assert_eq!(counts(&usage), expected, "{name}");
        assert_eq!((usage.estimated, found_stop.as_deref()), (estimated, stop), "{name}");
    }
}

#[test]
fn case_97_a_cache_larger_than_its_prompt_is_not_believed() {
    let body = br#"{"usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":130}}}"#;
    let BodyVerdict::Ok { usage, .. } = verdict(CHAT, body) else { panic!() };
    assert_eq!((usage.input, usage.cache_read, usage.estimated), (Some(0), Some(130), true));
}

#[test]
fn f22_an_error_object_with_a_good_status_is_an_error() {
    let found = verdict(CHAT, &example(CHAT, "responses/error_in_200.json"));
    let BodyVerdict::Error(facts) = found else { panic!("{found:?}") };
    assert_eq!(
        (facts.code.as_deref(), &facts.message[..]),
        (Some("429"), "Provider returned error")
    );
    for format in Format::ALL {
        for (name, bytes) in corpus(format, "responses/errors") {
            let found = verdict(format, &bytes);
            let is_expected = match name.rsplit_once('.').unwrap().1 {
                "html" => found == BodyVerdict::NotJson,
                "txt" => found == BodyVerdict::Empty,
                _ if name.starts_with("detail") => matches!(found, BodyVerdict::Ok { .. }),
                _ => matches!(found, BodyVerdict::Error(_)),
            };
            assert!(is_expected, "{name}: {found:?}");
        }
        for hollow in ["null", "false", "\"\"", "{}", "[ ]", "0"] {
            let body = format!("{{\"error\":{hollow},\"content\":[]}}");
            assert!(matches!(verdict(format, body.as_bytes()), BodyVerdict::Ok { .. }), "{body}");
        }
    }
}

#[test]
fn f26_empty_and_broken_answers() {
    for format in Format::ALL {
        for empty in ["", " \r\n"] {
            assert_eq!(verdict(format, empty.as_bytes()), BodyVerdict::Empty);
        }
        for broken in ["{", "{\"a\":1", "[]", "[{}]", "null", "\"text\"", "<html>", "{}{}", "{a}"] {
            assert_eq!(verdict(format, broken.as_bytes()), BodyVerdict::NotJson, "{broken}");
        }
        let whole = example(format, "responses/text.json");
        for end in 1..whole.len() {
            assert_eq!(verdict(format, &whole[..end]), BodyVerdict::NotJson, "{end}");
        }
    }
}

// Errors

fn facts(format: Format, status: u16, name: &str) -> ErrorFacts {
    let bytes = example(format, &format!("responses/errors/{name}"));
    format.wire().read_error(status, &bytes)
}

#[test]
fn errors_of_every_shape_are_read() {
    let cases = [
        (
            MESSAGES,
            "invalid_request.json",
            Some("invalid_request_error"),
            None,
            "max_tokens: must be ≥ 1",
        ),
        (
            MESSAGES,
            "spend_limit.json",
            Some("rate_limit_error"),
            None,
            "You have reached your specified API usage limits.",
        ),
        (MESSAGES, "overloaded.json", Some("overloaded_error"), None, "Overloaded"),
        (MESSAGES, "only_type.json", None, None, "the upstream answered 418 and gave no reason"),
        (
            CHAT,
            "object.json",
            Some("invalid_request_error"),
            Some("invalid_api_key"),
            "The key sk-*** is not one of ours.",
        ),
        (
            CHAT,
            "context_length.json",
            Some("invalid_request_error"),
            Some("context_length_exceeded"),
            "This model's maximum context length is 128000 tokens.",
        ),
        (CHAT, "string.json", None, None, "model 'x' not found, try pulling it first"),
        (CHAT, "numeric_code.json", None, Some("429"), "Rate limit exceeded"),
        (CHAT, "detail.json", None, None, "Not authenticated"),
        (
            CHAT,
            "detail_list.json",
            None,
            None,
            r#"[{"loc":["body","model"],"msg":"field required","type":"value_error.missing"}]"#,
        ),
        (CHAT, "top_level.json", Some("NotFoundError"), Some("404"), "The model does not exist."),
        (
            CHAT,
            "google_array.json",
            Some("RESOURCE_EXHAUSTED"),
            Some("429"),
            "You exceeded your current quota.",
        ),
    ];
    for (format, name, kind, code, message) in cases {
        let facts = facts(format, 418, name);
        assert!(facts.is_json_error, "{name}");
        let found = (facts.kind.as_deref(), facts.code.as_deref(), &facts.message[..]);
        assert_eq!(found, (kind, code, message), "{name}");
    }
    let spend = facts(MESSAGES, 429, "spend_limit.json");
    assert_eq!(spend.error_code.as_deref(), Some("enforced_spend_limit_reached"));
    assert_eq!(facts(CHAT, 400, "context_length.json").param.as_deref(), Some("messages"));
}

#[test]
fn case_103_an_html_page_becomes_a_snippet() {
    for (format, name) in [(MESSAGES, "edge_413.html"), (CHAT, "gateway_502.html")] {
        let facts = facts(format, 502, name);
        assert!(!facts.is_json_error);
        assert_eq!((&facts.kind, &facts.code), (&None, &None));
        assert_eq!(facts.message.chars().count(), 200);
        assert!(!facts.message.contains(char::is_control), "{:?}", facts.message);
    }
    let empty = facts(CHAT, 503, "empty.txt");
    assert_eq!(empty.message, "the upstream answered 503 and gave no reason");
    let binary = CHAT.wire().read_error(500, b"\xFF\xFE\x00\x1B[31mred\xE2\x80\xA8");
    assert_eq!(binary.message, "\u{FFFD}\u{FFFD}  [31mred");
}

#[test]
fn long_upstream_messages_are_cut() {
    let body = json!({"error": {"message": "漢".repeat(100_000), "type": "t".repeat(9000)}});
    let facts = CHAT.wire().read_error(500, body.to_string().as_bytes());
    assert_eq!(facts.message.chars().count(), 2000);
    assert_eq!(facts.kind.unwrap().len(), 200);
}

fn reply(status: u16) -> ErrorReply<'static> {
    ErrorReply { status, code: "our_code", message: "say \"no\"\n", request_id: Some("req_1") }
}

#[test]
fn messages_errors_have_the_type_of_their_status() {
    for (status, kind) in [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (402, "billing_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (409, "conflict_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ] {
        let body = parsed(&MESSAGES.wire().error_body(&reply(status)));
        let error = json!({"type": kind, "message": "say \"no\"\n"});
        assert_eq!(body, json!({"type": "error", "error": error, "request_id": "req_1"}));
    }
    let without_id = ErrorReply { request_id: None, ..reply(500) };
    assert!(parsed(&MESSAGES.wire().error_body(&without_id)).get("request_id").is_none());
}

#[test]
fn chat_errors_have_the_type_and_code_of_their_status() {
    for (status, code, kind, expected) in [
        (400, "bad_json", "invalid_request_error", json!("bad_json")),
        (401, "unauthorized", "invalid_request_error", json!("invalid_api_key")),
        (402, "x", "insufficient_quota", json!("insufficient_quota")),
        (404, "model_not_found", "invalid_request_error", json!("model_not_found")),
        (429, "rate_limited", "rate_limit_error", json!("rate_limit_exceeded")),
        (429, "budget_exceeded", "insufficient_quota", json!("insufficient_quota")),
        (502, "upstream_connect", "server_error", json!("upstream_connect")),
        (503, "", "server_error", json!(null)),
    ] {
        let body = parsed(&CHAT.wire().error_body(&ErrorReply { code, ..reply(status) }));
        let error =
            json!({"message": "say \"no\"\n", "type": kind, "param": null, "code": expected});
        assert_eq!(body, json!({ "error": error }), "{status} {code}");
    }
}

#[test]
fn error_events_end_a_stream_in_its_dialect() {
    let event = MESSAGES.wire().error_event(Some("overloaded_error"), &reply(502));
    let event = text(&event);
    let data = event.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
    assert_eq!(parsed(data.as_bytes())["error"]["type"], "overloaded_error");
    let unknown = text(&MESSAGES.wire().error_event(Some("server_error"), &reply(504)));
    assert!(unknown.contains("\"timeout_error\""), "{unknown}");
    let event = text(&CHAT.wire().error_event(None, &reply(502)));
    let data = event.strip_prefix("data: ").unwrap().strip_suffix("\n\n").unwrap();
    assert_eq!(parsed(data.as_bytes())["error"]["type"], "server_error");
    assert!(!event.contains("[DONE]"));
    // What we write, a tap of the same format reads as an error.
    for format in Format::ALL {
        for kind in [None, Some("overloaded_error"), Some("odd \"kind\"\n")] {
            let event = format.wire().error_event(kind, &reply(529));
            let tapped = tap(format, false, &[Bytes::from(event)]);
            let facts = tapped.error.expect("an error");
            assert_eq!(facts.message, "say \"no\"");
            assert!(!tapped.state.started);
        }
    }
}
