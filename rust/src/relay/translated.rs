//! A stream whose frames are written anew, in the client's format.

use bytes::Bytes;

use super::output::{Rewritten, release, rewrite};
use super::{End, ErrorFrame, Stream, too_large};
use crate::formats::{Usage, Verdict};
use crate::sse::{FrameKind, Framer};
use crate::translate::Broken;
use crate::transport::{Failure, FailureKind};

impl Stream {
    /// Streams an answer that came whole.
    pub fn replay(&mut self, body: &[u8], usage: Usage) {
        let Some(translator) = &mut self.translator else { return };
        let mut out = Vec::new();
        translator.replay(body, &mut out);
        self.replayed = Some(usage);
        self.end = Some(End::Complete);
        let mut ready = std::mem::take(&mut self.ready);
        self.push_own(out, &mut ready);
        self.ready = ready;
    }

    /// As [`absorb`](Self::absorb), with frames of our own in place of the upstream's.
    pub(super) fn absorb_translated(
        &mut self,
        chunk: Bytes,
        out: &mut Vec<Bytes>,
    ) -> Result<Option<ErrorFrame>, Failure> {
        let Some(translator) = &mut self.translator else { return Ok(None) };
        let mut written = Vec::new();
        let mut result = Ok(None);
        self.framer.push(chunk);
        while self.end.is_none() {
            let frame = match self.framer.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => {
                    result = Err(too_large(self.deadlines.max_answer));
                    break;
                }
            };
            let verdict = self.tap.frame(&frame);
            if let Verdict::Error(facts) = verdict {
                result = Ok(Some(ErrorFrame::new(*facts, &frame)));
                break;
            }
            if matches!(verdict, Verdict::Forward | Verdict::Terminal)
                && frame.kind == FrameKind::Event
                && let Err(broken) = translator.frame(frame.event(), frame.data(), &mut written)
                // An end marker need not be JSON.
                && verdict != Verdict::Terminal
            {
                result = Err(failure(broken));
                break;
            }
            if verdict == Verdict::Terminal || translator.is_cut() {
                translator.finish(&mut written);
                self.end = Some(End::Complete);
            }
            if verdict != Verdict::Terminal && translator.is_cut() {
                // It would go on writing what nobody reads and somebody pays for.
                self.body = None;
            }
        }
        self.push_own(written, out);
        if !matches!(result, Ok(None)) {
            release(self.restorer.as_mut(), &Bytes::new(), &mut (0..0), out);
        }
        result
    }

    /// Frames of our own, with what was masked put back.
    fn push_own(&mut self, written: Vec<u8>, out: &mut Vec<Bytes>) {
        let is_over = self.end.is_some() || self.body.is_none();
        let Some(restorer) = self.restorer.as_mut().filter(|_| !written.is_empty()) else {
            out.extend((!written.is_empty()).then(|| Bytes::from(written)));
            return;
        };
        let len = written.len();
        let mut framer = Framer::new(usize::MAX);
        framer.push(written.into());
        while let Ok(Some(frame)) = framer.next() {
            if is_over && frame.span().is_some_and(|span| span.end == len) {
                // The end marker: nothing may be held back any more.
                release(Some(&mut *restorer), &Bytes::new(), &mut (0..0), out);
            }
            match rewrite(restorer, &frame) {
                Rewritten::Same => out.push(frame.raw()),
                Rewritten::Before(before) => out.extend([before, frame.raw()]),
                Rewritten::Other(parts) => {
                    out.extend(parts.into_iter().filter(|part| !part.is_empty()));
                }
            }
        }
    }

    /// The last frame of a stream that is translated.
    pub(super) fn absorb_end_translated(&mut self, out: &mut Vec<Bytes>) -> Option<ErrorFrame> {
        let translator = self.translator.as_mut()?;
        let mut written = Vec::new();
        if let Some(frame) = self.framer.finish() {
            match self.tap.frame(&frame) {
                Verdict::Error(facts) => {
                    let error = ErrorFrame::new(*facts, &frame);
                    release(self.restorer.as_mut(), &Bytes::new(), &mut (0..0), out);
                    return Some(error);
                }
                Verdict::Drop | Verdict::Truncated => {}
                verdict @ (Verdict::Forward | Verdict::Terminal) => {
                    // White space without end has ended.
                    let _ = translator.frame(frame.event(), frame.data(), &mut written);
                    if verdict == Verdict::Terminal {
                        self.end = Some(End::Complete);
                    }
                }
            }
        }
        if self.end.is_some() || self.tap.state().finish_seen {
            translator.finish(&mut written);
            self.body = None;
        }
        self.push_own(written, out);
        None
    }
}

fn failure(broken: Broken) -> Failure {
    let words = match broken {
        Broken::Endless => {
            "the upstream wrote white space without end where a tool's input belongs"
        }
        Broken::NotJson => "the upstream sent an event that is not JSON",
    };
    Failure::new(FailureKind::BadBody, words)
}
