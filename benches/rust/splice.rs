//! Scan and splice of request bodies: ns per byte on the bodies that agents send.

use std::hint::black_box;

use bytes::Bytes;
use codegate::formats::{Format, TargetOptions};
use codegate::json::{Body, MAX_DEPTH, scan, splice};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A Messages request of about `len` bytes whose history is files and tool results, so that a
/// good part of its bytes are `\"` and `\n`.
fn agent_body(len: usize) -> Vec<u8> {
    let line = r#"  {\"name\": \"read_file\", \"path\": \"src/main.rs\", \"ok\": true},\n"#;
    let mut body = br#"{"model":"claude-sonnet-4-5","max_tokens":32000,"stream":true,"system":[{"type":"text","text":"You are an agent.","cache_control":{"type":"ephemeral"}}],"messages":["#.to_vec();
    while body.len() < len {
        body.extend_from_slice(br#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01Rd7mWq2LkcVx9PfB3sYt6h","content":""#);
        for _ in 0..40 {
            body.extend_from_slice(line.as_bytes());
        }
        body.extend_from_slice(br#""}]},{"role":"assistant","content":[{"type":"text","text":"I will look at the next file."},{"type":"tool_use","id":"toolu_01Rd7mWq2LkcVx9PfB3sYt6h","name":"read_file","input":{"path":"src/lib.rs","lines":[1,200]}}]},"#);
    }
    body.extend_from_slice(br#"{"role":"user","content":"go on"}],"metadata":{"user_id":"user_1_account_2_session_3"}}"#);
    body
}

/// A chat request as a script sends it.
fn small_body() -> Vec<u8> {
    let question = "Explain in two sentences why the sky is blue. ".repeat(12);
    format!(
        r#"{{"model":"gpt-5","messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":"{question}"}}],"temperature":0.2,"top_p":1,"n":1,"max_completion_tokens":512,"stream":true,"stream_options":{{"include_usage":true}},"user":"u-1","seed":7,"metadata":{{"run":"a1"}}}}"#
    )
    .into_bytes()
}

/// One large base64 image: a string without a single quote inside.
fn image_body(len: usize) -> Vec<u8> {
    let mut body = br#"{"model":"claude-sonnet-4-5","max_tokens":1000,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":""#.to_vec();
    body.extend(b"iVBORw0KGgoAAAANSUhEUgAA".iter().cycle().take(len));
    body.extend_from_slice(br#""}}]}]}"#);
    body
}

/// Nothing but short tokens: many brackets, few bytes in strings.
fn dense_body(len: usize) -> Vec<u8> {
    let mut body = br#"{"model":"m","messages":["#.to_vec();
    while body.len() < len {
        body.extend_from_slice(br#"{"a":[1,{"b":[]}],"c":{"d":{}}},"#);
    }
    body.extend_from_slice(b"0]}");
    body
}

fn parts(body: &[u8], part: usize) -> Body {
    Body::from_parts(body.chunks(part).map(Bytes::copy_from_slice))
}

fn bench_scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    let cases = [
        ("small 1 KB", small_body()),
        ("agent 87 KB", agent_body(87_000)),
        ("agent 1.08 MB", agent_body(1_080_000)),
        ("image 1 MB", image_body(1_000_000)),
        ("brackets 1 MB", dense_body(1_000_000)),
    ];
    for (name, bytes) in cases {
        let body = parts(&bytes, 350_000);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| scan(black_box(&body), MAX_DEPTH).map(|object| object.members().len()));
        });
    }
    group.finish();
}

fn bench_splice(criterion: &mut Criterion) {
    let bytes = agent_body(1_080_000);
    let body = parts(&bytes, 350_000);
    let wire = Format::AnthropicMessages.wire();
    let options = TargetOptions {
        model: Some("claude-opus-4-6"),
        max_output: Some(8_000),
        include_usage: true,
    };
    let Ok(object) = scan(&body, MAX_DEPTH) else { return };
    criterion.bench_function("facts, edits and splice 1.08 MB", |bencher| {
        bencher.iter(|| {
            let facts = wire.read_request(black_box(&body), &object).ok()?;
            let edits = wire.request_edits(&body, &object, &facts, &options);
            Some(splice(&body, &object, &edits.edits).len())
        });
    });
}

criterion_group!(benches, bench_scan, bench_splice);
criterion_main!(benches);
