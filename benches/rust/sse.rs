//! Framing and tapping of streams: time for one answer of 300 deltas.

mod work;

use std::hint::black_box;

use bytes::Bytes;
use codegate::formats::{Format, Verdict};
use codegate::sse::Framer;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const LIMIT: usize = 64 << 20;

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
    let streams = [
        (Format::AnthropicMessages, work::messages_stream()),
        (Format::OpenaiChat, work::chat_stream()),
    ];
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
