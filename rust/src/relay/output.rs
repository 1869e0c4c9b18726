//! Putting a batch together: frames as slices of what came in, and what is written in their place.

use std::ops::Range;

use bytes::Bytes;

use crate::guardrails::StreamRestorer;
use crate::guardrails::frames::Rewrite;
use crate::sse::{Frame, FrameKind};

/// Bytes in all of `parts`.
pub(super) fn size_of(parts: &[Bytes]) -> usize {
    parts.iter().map(Bytes::len).sum()
}

/// Leaves the first `size` bytes in `parts` and returns the rest. The server queues a few writes
/// for a slow client; that they are small is what bounds its memory.
pub(super) fn split_off(parts: &mut Vec<Bytes>, size: usize) -> Vec<Bytes> {
    let mut left = size;
    for (index, part) in parts.iter_mut().enumerate() {
        if part.len() > left {
            let tail = part.split_off(left);
            let mut rest = parts.split_off(index + 1);
            rest.insert(0, tail);
            return rest;
        }
        left -= part.len();
    }
    Vec::new()
}

/// Adds a frame to the output. Frames side by side in one chunk become one slice of it. With
/// `dropped_cr` an LF at its start belongs to a frame that was left out.
pub(super) fn add(
    base: &Bytes,
    run: &mut Range<usize>,
    frame: &Frame<'_>,
    dropped_cr: bool,
    out: &mut Vec<Bytes>,
) {
    if dropped_cr && let Some(rest) = frame.raw().strip_prefix(b"\n") {
        flush(base, run, out);
        out.push(frame.raw().slice_ref(rest));
        return;
    }
    match frame.span() {
        Some(span) if span.start == run.end && run.end > run.start => run.end = span.end,
        Some(span) => {
            flush(base, run, out);
            *run = span;
        }
        None => {
            flush(base, run, out);
            let raw = frame.raw();
            if !raw.is_empty() {
                out.push(raw);
            }
        }
    }
}

/// A frame with tokens put back.
pub(super) enum Rewritten {
    Same,
    /// The frame as it is behind these bytes.
    Before(Bytes),
    /// These bytes instead of it.
    Other(Vec<Bytes>),
}

pub(super) fn rewrite(restorer: &mut StreamRestorer, frame: &Frame<'_>) -> Rewritten {
    if frame.kind != FrameKind::Event {
        return Rewritten::Same;
    }
    let (before, data) = match restorer.event(frame.data()) {
        Rewrite::Unchanged => return Rewritten::Same,
        Rewrite::Before(before) => return Rewritten::Before(before),
        Rewrite::Dropped(before) => return Rewritten::Other(vec![before]),
        Rewrite::Data { before, data } => (before, data),
    };
    let raw = frame.raw();
    let parts = match frame.data_range() {
        Some(range) if range.end <= raw.len() => {
            vec![before, raw.slice(..range.start), data.into(), raw.slice(range.end..)]
        }
        _ => {
            // Its lines cannot be told apart any more; as one it means the same.
            let mut text = Vec::with_capacity(data.len() + 32);
            if let Some(event) = frame.event() {
                text.extend_from_slice(b"event: ");
                text.extend_from_slice(event);
                text.push(b'\n');
            }
            text.extend_from_slice(b"data: ");
            text.extend(data.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }));
            text.extend_from_slice(b"\n\n");
            vec![before, text.into()]
        }
    };
    Rewritten::Other(parts)
}

/// Writes what was gathered, then what the restorer held back.
pub(super) fn release(
    restorer: Option<&mut StreamRestorer>,
    base: &Bytes,
    run: &mut Range<usize>,
    out: &mut Vec<Bytes>,
) {
    if let Some(restorer) = restorer {
        flush(base, run, out);
        let held = restorer.finish();
        if !held.is_empty() {
            out.push(held);
        }
    }
}

pub(super) fn flush(base: &Bytes, run: &mut Range<usize>, out: &mut Vec<Bytes>) {
    if run.end > run.start {
        out.push(base.slice(run.clone()));
    }
    *run = 0..0;
}
