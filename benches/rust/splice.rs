//! Scan and splice of request bodies: ns per byte on the bodies that agents send.

mod work;

use std::hint::black_box;

use bytes::Bytes;
use codegate::formats::{Format, TargetOptions};
use codegate::json::{Body, MAX_DEPTH, scan, splice};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use work::{agent_body, small_body};

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
