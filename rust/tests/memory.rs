//! How much memory a huge event takes, counted by the allocator.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "support/allocator.rs"]
mod allocator;

use std::sync::atomic::Ordering;

use allocator::{LIVE, PEAK};
use bytes::Bytes;
use codegate::sse::Framer;

#[test]
fn f38_a_huge_event_takes_less_than_twice_its_size() {
    const CHUNK: usize = 256 * 1024;
    let event = 48 << 20;
    let mut framer = Framer::new(64 << 20);
    let before = LIVE.load(Ordering::Relaxed);
    let mut data_len = 0;
    let mut push = |framer: &mut Framer, bytes: Vec<u8>| {
        framer.push(Bytes::from(bytes));
        while let Some(frame) = framer.next().unwrap() {
            data_len = frame.data().len();
        }
        drop(framer.take_partial());
    };
    push(&mut framer, b"data: ".to_vec());
    for _ in 0..event / CHUNK {
        push(&mut framer, vec![b'x'; CHUNK]);
    }
    push(&mut framer, b"\n\n".to_vec());
    assert_eq!(data_len, event);
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(peak < 2 * event, "{peak} bytes");
    // Once it is through nothing of it stays.
    let left = LIVE.load(Ordering::Relaxed).saturating_sub(before);
    assert!(left < 4096, "{left} bytes");
}
