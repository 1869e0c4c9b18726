//! How much memory a huge event takes, counted by the allocator.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use codegate::sse::Framer;

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grow(by: usize) {
    let live = LIVE.fetch_add(by, Ordering::Relaxed) + by;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promises are those this call asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Large blocks are moved by the kernel page by page, never held twice.
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        grow(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
