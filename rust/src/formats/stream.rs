//! What a tap on a passing stream tells the relay.

use super::{ErrorFacts, Usage};
use crate::sse::{Frame, FrameKind};

/// What to do with one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Write it as it is.
    Forward,
    /// Leave it out: it is what we ask for on our own account, or it comes after the end.
    Drop,
    /// Write it, then end the stream.
    Terminal,
    /// The upstream ended with an error; nothing follows. The frame itself is in the dialect of
    /// the stream and may be written as it is.
    Error(Box<ErrorFacts>),
    /// The stream was cut off inside this frame. Leave it out.
    Truncated,
}

/// What a tap has seen so far.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "five independent things may have been seen")]
pub struct TapState {
    /// A real event has passed that was no error. Comments, pings and events that are not JSON
    /// do not count.
    pub started: bool,
    /// The upstream said why the answer ended.
    pub finish_seen: bool,
    /// The format's end marker has passed.
    pub terminal_seen: bool,
    /// An error event has passed.
    pub error_seen: bool,
    /// Events forwarded although their data is not JSON.
    pub malformed_events: u32,
    /// One of them came before the first real event.
    pub began_malformed: bool,
    /// Events with data, pings not counted.
    pub events: u64,
    pub usage: Usage,
    pub stop: Option<String>,
}

impl TapState {
    /// Whether nothing may follow.
    pub fn is_over(&self) -> bool {
        self.terminal_seen || self.error_seen
    }

    pub(super) fn malformed(&mut self) -> Verdict {
        self.malformed_events = self.malformed_events.saturating_add(1);
        self.began_malformed |= !self.started;
        Verdict::Forward
    }

    pub(super) fn fail(&mut self, facts: ErrorFacts) -> Verdict {
        self.error_seen = true;
        Verdict::Error(Box::new(facts))
    }

    pub(super) fn end(&mut self) -> Verdict {
        self.terminal_seen = true;
        Verdict::Terminal
    }

    /// The verdict on frames whose data nobody needs to read.
    pub(super) fn without_data(&self, frame: &Frame<'_>) -> Option<Verdict> {
        if self.is_over() {
            return Some(Verdict::Drop);
        }
        match (frame.kind, frame.is_terminated) {
            (FrameKind::Event, _) => None,
            (_, true) => Some(Verdict::Forward),
            (FrameKind::CommentOnly, false) => Some(Verdict::Drop),
            (FrameKind::Empty, false) if frame.event().is_none() => Some(Verdict::Drop),
            (FrameKind::Empty, false) => Some(Verdict::Truncated),
        }
    }
}

/// Watches the frames of one answer. It keeps numbers, never text.
pub trait StreamTap: Send {
    /// Look at the next frame, complete or (as the very last) cut off.
    fn frame(&mut self, frame: &Frame<'_>) -> Verdict;

    fn state(&self) -> &TapState;

    /// The usage so far, with missing counts marked.
    fn usage(&self) -> Usage {
        self.state().usage.settled()
    }
}
