//! Server-sent events: the same frames for every cut, and the same bytes out as in.

use bytes::Bytes;
use codegate::formats::{Format, TapState, Verdict};
use codegate::sse::{FrameKind, Framer};

use crate::input::{Input, seeds as corpus};

type Event = (Option<Vec<u8>>, Vec<u8>, bool);

#[derive(Default)]
struct Framed {
    events: Vec<Event>,
    raw: Vec<u8>,
    /// What each format's tap lets through of the events.
    forwarded: Vec<Vec<u8>>,
    states: Vec<TapState>,
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    Format::ALL.into_iter().flat_map(|format| corpus(format, "streams")).collect()
}

pub(crate) fn run(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    let whole = framed(&[Bytes::copy_from_slice(input.text)]);
    let cut = framed(&input.pieces());
    assert_eq!(whole.events, cut.events);
    let expected = input.text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(input.text);
    assert!(whole.raw == expected, "bytes changed");
    assert!(cut.raw == expected, "bytes changed between the cuts");
    assert_eq!(whole.forwarded, cut.forwarded);
    for (whole, cut) in whole.states.iter().zip(&cut.states) {
        assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    }
}

fn framed(chunks: &[Bytes]) -> Framed {
    let mut framer = Framer::new(usize::MAX);
    let mut taps: Vec<_> = Format::ALL.iter().map(|f| f.wire().stream_tap(true)).collect();
    let mut out = Framed { forwarded: vec![Vec::new(); taps.len()], ..Framed::default() };
    let mut take = |frame: &codegate::sse::Frame<'_>| {
        out.raw.extend_from_slice(&frame.raw());
        if let Some(range) = frame.data_range() {
            assert_eq!(frame.raw().get(range), Some(frame.data()));
        }
        if frame.kind == FrameKind::Event {
            let event = frame.event().map(<[u8]>::to_vec);
            out.events.push((event, frame.data().to_vec(), frame.is_terminated));
        }
        for (tap, forwarded) in taps.iter_mut().zip(&mut out.forwarded) {
            let verdict = tap.frame(frame);
            if matches!(verdict, Verdict::Forward | Verdict::Terminal) {
                forwarded.extend_from_slice(frame.data());
            }
        }
    };
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Ok(Some(frame)) = framer.next() {
            if let Some(span) = frame.span() {
                assert_eq!(frame.raw(), chunk.slice(span));
            }
            take(&frame);
        }
    }
    if let Some(frame) = framer.finish() {
        take(&frame);
    }
    assert!(framer.finish().is_none());
    out.states = taps.iter().map(|tap| tap.state().clone()).collect();
    out
}
