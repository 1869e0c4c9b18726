//! Framing and tapping of streams: time for one answer of 300 deltas.

use std::hint::black_box;

use bytes::Bytes;
use codegate::formats::{Format, Verdict};
use codegate::sse::Framer;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const DELTAS: usize = 300;
const LIMIT: usize = 64 << 20;

fn messages_stream() -> Vec<u8> {
    let mut out = br#"event: message_start
data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-5","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":0,"cache_read_input_tokens":1200,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

"#.to_vec();
    for n in 0..DELTAS {
        let frame = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\" word {n}\"}}}}\n\n"
        );
        out.extend_from_slice(frame.as_bytes());
    }
    out.extend_from_slice(br#"event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":300}}

event: message_stop
data: {"type":"message_stop"}

"#);
    out
}

fn chat_stream() -> Vec<u8> {
    let chunk = |delta: &str, finish: &str| {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5\",\"system_fingerprint\":null,\"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish}}}],\"usage\":null}}\n\n"
        )
    };
    let mut out = chunk(r#"{"role":"assistant","content":""}"#, "null");
    for n in 0..DELTAS {
        out.push_str(&chunk(&format!("{{\"content\":\" word {n}\"}}"), "null"));
    }
    out.push_str(&chunk("{}", "\"stop\""));
    out.push_str("data: {\"id\":\"chatcmpl-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":300,\"total_tokens\":310}}\n\ndata: [DONE]\n\n");
    out.into_bytes()
}

fn frames(chunks: &[Bytes]) -> usize {
    let mut framer = Framer::new(LIMIT);
    let mut count = 0;
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Ok(Some(frame)) = framer.next() {
            count += black_box(frame.raw()).len();
        }
    }
    count
}

fn tapped(format: Format, chunks: &[Bytes]) -> u64 {
    let mut framer = Framer::new(LIMIT);
    let mut tap = format.wire().stream_tap(false);
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Ok(Some(frame)) = framer.next() {
            if tap.frame(&frame) == Verdict::Terminal {
                break;
            }
        }
    }
    tap.usage().output.unwrap_or_default()
}

fn bench(criterion: &mut Criterion) {
    let streams =
        [(Format::AnthropicMessages, messages_stream()), (Format::OpenaiChat, chat_stream())];
    for (format, bytes) in &streams {
        let mut group = criterion.benchmark_group(format.name());
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        for size in [64 * 1024, 4 * 1024, 100] {
            let chunks: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
            group.bench_with_input(BenchmarkId::new("frame", size), &chunks, |bencher, chunks| {
                bencher.iter(|| frames(black_box(chunks)));
            });
            group.bench_with_input(
                BenchmarkId::new("frame+tap", size),
                &chunks,
                |bencher, chunks| {
                    bencher.iter(|| tapped(*format, black_box(chunks)));
                },
            );
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
