//! What several suites need: the corpus, streams run through framer and tap, bodies in parts.

#![allow(dead_code, reason = "each suite uses a part of it")]

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use codegate::formats::{ErrorFacts, Format, TapState, Usage, Verdict};
use codegate::json::Body;
use codegate::sse::{FrameKind, Framer};

/// More than any event of the corpus.
pub(crate) const LIMIT: usize = 1 << 20;

fn folder(format: Format, kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(format.name()).join(kind)
}

/// The files of one folder of the corpus, in name order.
pub(crate) fn corpus(format: Format, kind: &str) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(folder(format, kind))
        .expect("a folder of the corpus")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_file = entry.file_type().ok()?.is_file();
            let name = entry.file_name().into_string().ok()?;
            is_file.then(|| (name, fs::read(entry.path()).expect("a readable file")))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "nothing in {kind}");
    files
}

/// One file of the corpus.
pub(crate) fn example(format: Format, path: &str) -> Vec<u8> {
    fs::read(folder(format, path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A body cut at `cuts`.
pub(crate) fn body_cut(bytes: &[u8], cuts: &[usize]) -> Body {
    Body::from_parts(cut(bytes, cuts))
}

/// `bytes` in pieces, cut at each of `cuts`.
pub(crate) fn cut(bytes: &[u8], cuts: &[usize]) -> Vec<Bytes> {
    let mut cuts: Vec<usize> = cuts.iter().map(|at| at % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).collect()
}

/// A frame that outlives its framer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) event: Option<Vec<u8>>,
    pub(crate) data: Vec<u8>,
    pub(crate) kind: FrameKind,
    pub(crate) is_terminated: bool,
}

impl fmt::Debug for Kept {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.event.as_deref().map(String::from_utf8_lossy);
        let data = String::from_utf8_lossy(&self.data);
        write!(out, "{:?} {event:?} {data:?} {}", self.kind, self.is_terminated)
    }
}

/// All that came out of framing a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Framed {
    pub(crate) frames: Vec<Kept>,
    pub(crate) raw: Vec<u8>,
}

impl Framed {
    /// The events alone: what a client would dispatch.
    pub(crate) fn events(&self) -> Vec<&Kept> {
        self.frames.iter().filter(|frame| frame.kind == FrameKind::Event).collect()
    }
}

/// Frame a stream given in chunks; checks that boundaries are told right.
pub(crate) fn frame(chunks: &[Bytes]) -> Framed {
    let mut framer = Framer::new(LIMIT);
    let mut out = Framed::default();
    let mut keep = |frame: &codegate::sse::Frame<'_>| {
        out.raw.extend_from_slice(&frame.raw());
        out.frames.push(Kept {
            event: frame.event().map(<[u8]>::to_vec),
            data: frame.data().to_vec(),
            kind: frame.kind,
            is_terminated: frame.is_terminated,
        });
    };
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Some(frame) = framer.next().expect("frames below the limit") {
            if let Some(span) = frame.span() {
                assert_eq!(frame.raw(), chunk.slice(span));
            }
            keep(&frame);
        }
    }
    if let Some(frame) = framer.finish() {
        keep(&frame);
    }
    assert!(framer.finish().is_none());
    out
}

/// What a tap made of a stream.
#[derive(Debug)]
pub(crate) struct Tapped {
    /// What a relay would write: everything forwarded, and errors as they came.
    pub(crate) written: Vec<u8>,
    pub(crate) error: Option<ErrorFacts>,
    /// State of the tap when the first verdict other than `Drop` came for an event.
    pub(crate) state: TapState,
    pub(crate) usage: Usage,
    pub(crate) dropped_events: usize,
    pub(crate) truncated: bool,
    /// Frames seen before the stream counted as started.
    pub(crate) frames_before_start: usize,
}

pub(crate) fn tap(format: Format, usage_added: bool, chunks: &[Bytes]) -> Tapped {
    let mut framer = Framer::new(LIMIT);
    let mut tap = format.wire().stream_tap(usage_added);
    let mut out = Tapped {
        written: Vec::new(),
        error: None,
        state: TapState::default(),
        usage: Usage::default(),
        dropped_events: 0,
        truncated: false,
        frames_before_start: 0,
    };
    let mut see = |frame: &codegate::sse::Frame<'_>| {
        let verdict = tap.frame(frame);
        if !tap.state().started {
            out.frames_before_start += 1;
        }
        match verdict {
            Verdict::Forward | Verdict::Terminal => out.written.extend_from_slice(&frame.raw()),
            Verdict::Drop => {
                out.dropped_events += usize::from(frame.kind == FrameKind::Event);
            }
            Verdict::Error(facts) => {
                assert!(out.error.is_none(), "two errors");
                out.written.extend_from_slice(&frame.raw());
                out.error = Some(*facts);
            }
            Verdict::Truncated => out.truncated = true,
        }
    };
    for chunk in chunks {
        framer.push(chunk.clone());
        while let Some(frame) = framer.next().expect("frames below the limit") {
            see(&frame);
        }
    }
    if let Some(frame) = framer.finish() {
        see(&frame);
    }
    out.state = tap.state().clone();
    out.usage = tap.usage();
    out
}
