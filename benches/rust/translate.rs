//! Translation of requests and answers between formats, by the size of the body.

#![allow(clippy::expect_used, reason = "a bench on bodies of its own")]

mod work;

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use codegate::formats::Format;
use codegate::translate::{self, AnswerStream, Plan, Seals};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use work::session;

const MESSAGES: Format = Format::AnthropicMessages;
const CHAT: Format = Format::OpenaiChat;

fn encoded(client: Format, target: Format, body: &Bytes, seals: &Arc<Seals>) -> Arc<Plan> {
    let encoded = work::encoded(client, target, body, seals).expect("a translation");
    encoded.plan.expect("a plan")
}

fn bench_requests(criterion: &mut Criterion) {
    let seals = Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"));
    let mut group = criterion.benchmark_group("translate request");
    for (client, target) in [(MESSAGES, CHAT), (CHAT, MESSAGES)] {
        for len in [1_000, 64 << 10, 128 << 10, 1 << 20] {
            let body = Bytes::from(session(client, len));
            group.throughput(Throughput::Bytes(body.len() as u64));
            group.bench_function(format!("{} {} KB", client.name(), len / 1000), |bencher| {
                bencher.iter(|| black_box(encoded(client, target, &body, &seals)));
            });
        }
    }
    group.finish();
}

fn bench_stream(criterion: &mut Criterion) {
    let seals = Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"));
    let mut group = criterion.benchmark_group("translate stream");
    let chat = br#"{"id":"c","choices":[{"index":0,"delta":{"content":" word"}}]}"#.as_slice();
    let messages =
        br#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" word"}}"#
            .as_slice();
    let open =
        br#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#
            .as_slice();
    for (client, target, data) in [(MESSAGES, CHAT, chat), (CHAT, MESSAGES, messages)] {
        let plan = encoded(client, target, &session(client, 1000).into(), &seals);
        let mut answer = AnswerStream::new(plan);
        let mut out = Vec::new();
        if target == MESSAGES {
            answer.frame(Some(b"content_block_start"), open, &mut out).expect("sound");
        }
        group.bench_function(format!("{} delta", client.name()), |bencher| {
            bencher.iter(|| {
                out.clear();
                answer.frame(Some(b"content_block_delta"), data, &mut out).expect("sound");
                black_box(out.len())
            });
        });
    }
    group.finish();
}

fn bench_answers(criterion: &mut Criterion) {
    let seals = Arc::new(Seals::new(b"0123456789abcdef0123456789abcdef"));
    let mut group = criterion.benchmark_group("translate answer");
    let text = r#"line \"of\" code\n"#.repeat(4096);
    let body = Bytes::from(format!(
        r#"{{"id":"c","choices":[{{"index":0,"finish_reason":"stop","message":{{"role":"assistant","content":"{text}"}}}}]}}"#
    ));
    let plan = encoded(MESSAGES, CHAT, &session(MESSAGES, 1000).into(), &seals);
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("64 KB", |bencher| {
        bencher.iter(|| black_box(translate::whole(&plan, body.clone())));
    });
    group.finish();
}

criterion_group!(benches, bench_requests, bench_stream, bench_answers);
criterion_main!(benches);
