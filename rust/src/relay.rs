//! The stream back: upstream chunks in, frames checked, the same bytes out, or the same answer in
//! the client's format.
//!
//! Output is always whole frames, except that a frame over 64 KiB is passed on while it grows. The
//! tap sees each frame before it is written; it decides what is dropped and where the stream ends.
//! Whatever is ready is taken in one batch, so that a burst costs one write.

mod output;
mod translated;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::attempt::{Deadlines, status_of};
use crate::formats::{ErrorFacts, ErrorReply, Format, StreamTap, Usage, Verdict};
use crate::guardrails::StreamRestorer;
use crate::sse::{Frame, Framer};
use crate::translate::{AnswerStream, Plan, recast};
use crate::transport::{AnswerBody, Failure, FailureKind, Target};
use output::{Rewritten, add, flush, release, rewrite, size_of, split_off};

/// At most this much is gathered before it is written.
const BATCH_BYTES: usize = 32 * 1024;
/// A stream that is here to its end goes down in one piece if it is no larger.
const WHOLE_BYTES: usize = 128 * 1024;
/// Comments and pings before the first event that are kept for the client.
const PRELUDE_BYTES: usize = 1024 * 1024;
/// After the end marker this much more is read, for this long, to save the connection.
const REST_BYTES: usize = 64 * 1024;
const REST_TIME: Duration = Duration::from_secs(1);

/// A last frame that ends in CR waits this long for the LF that may belong to it.
const LINE_END_TIME: Duration = Duration::from_millis(50);

/// How a stream ended; the name is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The format's end marker has passed.
    Complete,
    /// The upstream sent an error event, which was passed on.
    ErrorEvent,
    /// The upstream closed after a finish reason, without its end marker.
    NoEndMarker,
    /// The process is stopping.
    Drained,
    /// The client did not take what was sent.
    WriteTimeout,
    /// The client left.
    ClientClosed,
    /// Anything that is a failure before the first byte too.
    Failed(FailureKind),
}

impl End {
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "ok",
            Self::ErrorEvent => "error_event",
            Self::NoEndMarker => "no_end_marker",
            Self::Drained => "drained",
            Self::WriteTimeout => "write_timeout",
            Self::ClientClosed => "client_closed",
            Self::Failed(kind) => kind.name(),
        }
    }
}

/// What has gone down so far; readable from any thread while the stream runs.
#[derive(Default)]
pub struct Progress {
    bytes_out: AtomicU64,
    counts: Mutex<(Usage, u32)>,
    delivered: Mutex<Option<End>>,
}

impl Progress {
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// How the stream ended, once the server took its last byte. What the client does from then
    /// on, such as leaving at once, changes nothing about that.
    pub fn delivered(&self) -> Option<End> {
        *self.delivered.lock()
    }

    pub fn set_delivered(&self, end: Option<End>) {
        *self.delivered.lock() = end;
    }

    /// Usage as far as it was reported, and the number of events that were no JSON.
    pub fn counts(&self) -> (Usage, u32) {
        *self.counts.lock()
    }
}

/// Tells a running stream to end.
#[derive(Default)]
pub struct Stop {
    is_set: AtomicBool,
    waiting: Mutex<Option<Waker>>,
}

impl Stop {
    pub fn set(&self) {
        self.is_set.store(true, Ordering::Release);
        if let Some(waker) = self.waiting.lock().take() {
            waker.wake();
        }
    }

    fn is_set(&self) -> bool {
        self.is_set.load(Ordering::Acquire)
    }

    /// Whether it is set; else the task of `cx` is woken when it is.
    fn is_set_or_wakes(&self, cx: &Context<'_>) -> bool {
        let mut waiting = self.waiting.lock();
        if !waiting.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waiting = Some(cx.waker().clone());
        }
        drop(waiting);
        self.is_set()
    }
}

/// Bytes to write next, and whether they are the last.
pub struct Batch {
    pub parts: Vec<Bytes>,
    pub end: Option<End>,
}

/// One upstream stream on its way to a client.
pub struct Stream {
    target: Arc<Target>,
    body: Option<AnswerBody>,
    framer: Framer,
    tap: Box<dyn StreamTap>,
    /// The format that the client speaks.
    client: Format,
    /// Writes the answer anew where that is not the upstream's.
    translator: Option<AnswerStream>,
    /// Usage of an answer that came whole.
    replayed: Option<Usage>,
    deadlines: Arc<Deadlines>,
    /// Checked output that waits for the commit.
    ready: Vec<Bytes>,
    /// Unchecked input that `peek` has read.
    peeked: Option<Bytes>,
    end: Option<End>,
    /// Part of an unfinished frame has gone down.
    is_inside_frame: bool,
    /// The last frame was left out but for the LF of its last CRLF, which is still to come.
    dropped_cr: bool,
    /// The frame that ended the stream ends in CR.
    is_after_cr: bool,
    /// Puts back what was masked in the request; nothing where nothing was.
    restorer: Option<StreamRestorer>,
    last_input: Instant,
    last_output: Instant,
    total_until: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    pub progress: Arc<Progress>,
    pub stop: Arc<Stop>,
}

/// The error event that ended a stream, kept beyond its framer.
pub struct ErrorFrame {
    pub facts: ErrorFacts,
    pub data: Bytes,
    raw: Bytes,
    is_terminated: bool,
    /// A part of it has gone down while it grew.
    is_released: bool,
}

impl ErrorFrame {
    fn new(facts: ErrorFacts, frame: &Frame<'_>) -> Self {
        Self {
            facts,
            data: Bytes::copy_from_slice(frame.data()),
            raw: frame.raw(),
            is_terminated: frame.is_terminated,
            is_released: frame.released() > 0,
        }
    }
}

/// Why reading went on no further.
enum Event {
    Chunk(Option<Result<Bytes, Failure>>),
    Stopped,
    Timer,
}

impl Stream {
    pub fn new(
        target: Arc<Target>,
        body: AnswerBody,
        usage_added: bool,
        client: Format,
        plan: Option<Arc<Plan>>,
        deadlines: Arc<Deadlines>,
    ) -> Self {
        let now = Instant::now();
        let total_until = (!deadlines.total.is_zero()).then(|| now + deadlines.total);
        Self {
            body: Some(body),
            framer: Framer::new(deadlines.max_answer),
            tap: target.format.wire().stream_tap(usage_added),
            client,
            translator: plan.map(AnswerStream::new),
            replayed: None,
            timer: Box::pin(sleep_until(now + Duration::from_hours(1))),
            target,
            deadlines,
            ready: Vec::new(),
            peeked: None,
            end: None,
            is_inside_frame: false,
            dropped_cr: false,
            is_after_cr: false,
            restorer: None,
            last_input: now,
            last_output: now,
            total_until,
            progress: Arc::default(),
            stop: Arc::default(),
        }
    }

    /// Put back what was masked, from here on.
    pub fn restore(&mut self, restorer: StreamRestorer) {
        self.restorer = Some(restorer);
    }

    /// How the stream ended, once the last batch was given out.
    pub fn over(&self) -> Option<End> {
        self.end.filter(|_| self.ready.is_empty())
    }

    pub fn deadlines(&self) -> &Deadlines {
        &self.deadlines
    }

    /// The first bytes of the body, left to be read again.
    pub async fn peek(&mut self) -> Result<Bytes, Failure> {
        if self.peeked.is_none() {
            self.peeked = self.read().await.transpose()?;
        }
        Ok(self.peeked.clone().unwrap_or_default())
    }

    /// Gives the body away, with what `peek` took from it.
    pub fn take_body(&mut self) -> (Vec<Bytes>, AnswerBody) {
        let seen = self.peeked.take().into_iter().collect();
        match self.body.take() {
            Some(body) => (seen, body),
            None => unreachable!("a stream gives up its body only when it ends"),
        }
    }

    async fn read(&mut self) -> Option<Result<Bytes, Failure>> {
        if let Some(peeked) = self.peeked.take() {
            return Some(Ok(peeked));
        }
        match &mut self.body {
            Some(body) => body.chunk().await,
            None => None,
        }
    }

    /// Reads until the first real event. `None`: it is none but good, and what was read so far
    /// waits in `ready`. Otherwise the error that it is.
    pub async fn first_event(&mut self) -> Result<Option<ErrorFrame>, Failure> {
        loop {
            let Some(chunk) = self.read().await else { return self.first_event_at_end() };
            self.last_input = Instant::now();
            let mut out = std::mem::take(&mut self.ready);
            let error = match self.absorb(chunk?, &mut out) {
                Ok(error) => error.and_then(|error| self.first_error(error, &mut out)),
                // What came before it is good and goes down first, however the network cut it.
                Err(failure) if self.has_started() => {
                    self.broken(&failure, &mut out);
                    None
                }
                Err(failure) => return Err(failure),
            };
            self.ready = out;
            if error.is_some() || self.has_begun()? {
                if !self.is_after_cr {
                    self.let_go();
                }
                return Ok(error);
            }
        }
    }

    /// The error if it is the first event. One that came with good events before it is passed on
    /// behind them: how the network cut the stream must not decide what the client gets.
    fn first_error(&mut self, error: ErrorFrame, out: &mut Vec<Bytes>) -> Option<ErrorFrame> {
        if !self.tap.state().started {
            return Some(error);
        }
        self.pass_error(error, out);
        None
    }

    /// Whether the first real event has passed, and was a good one.
    fn has_started(&self) -> bool {
        let state = self.tap.state();
        state.started && !state.began_malformed
    }

    /// Whether the stream may be committed.
    fn has_begun(&self) -> Result<bool, Failure> {
        let state = self.tap.state();
        if self.has_started() || (!state.began_malformed && self.end.is_some()) {
            return Ok(true);
        }
        if size_of(&self.ready) > PRELUDE_BYTES {
            return Err(Failure::new(
                FailureKind::TooLarge,
                "the upstream sent too much before its first event",
            ));
        }
        if state.began_malformed {
            return Err(Failure::new(
                FailureKind::BadBody,
                "the upstream's stream does not begin with a valid event",
            ));
        }
        Ok(false)
    }

    fn first_event_at_end(&mut self) -> Result<Option<ErrorFrame>, Failure> {
        let mut out = std::mem::take(&mut self.ready);
        let error = self.absorb_end(&mut out);
        let error = error.and_then(|error| self.first_error(error, &mut out));
        self.ready = out;
        if error.is_some() {
            return Ok(error);
        }
        if self.tap.state().started || self.end.is_some() {
            self.body = None;
            return Ok(None);
        }
        Err(Failure::new(FailureKind::EmptyBody, "the upstream's stream ended without an event"))
    }

    /// The stream, where it came to its end with its first event and is no larger than what may
    /// be handed over at once.
    pub fn whole(&mut self) -> Option<Batch> {
        if self.end.is_none() || self.is_after_cr || size_of(&self.ready) > WHOLE_BYTES {
            return None;
        }
        let out = std::mem::take(&mut self.ready);
        self.settle(&out);
        Some(Batch { parts: out, end: self.end })
    }

    /// What to write next. Must not be called again after a batch with an end.
    /// Safe to drop while waiting: nothing that was read is lost but with the stream itself.
    pub async fn next_batch(&mut self) -> Batch {
        let mut out = std::mem::take(&mut self.ready);
        // What is left over may have grown in decoding or translation: it goes down before more
        // is read.
        if (1..BATCH_BYTES).contains(&size_of(&out))
            && self.end.is_none()
            && let Some(body) = &mut self.body
            && let Some(chunk) = body.ready_chunk().await
        {
            // It came while the server was told of the answer, or took the batch before.
            self.take(chunk, &mut out).await;
        }
        while out.is_empty() && self.end.is_none() {
            match self.wait().await {
                Event::Chunk(chunk) => self.take(chunk, &mut out).await,
                Event::Stopped => {
                    self.fail(&mut out, End::Drained, 529, "the proxy is stopping; send it again");
                }
                Event::Timer => self.on_timer(&mut out),
            }
        }
        self.finish_line(&mut out).await;
        self.ready = split_off(&mut out, BATCH_BYTES);
        self.settle(&out);
        Batch { parts: out, end: self.over() }
    }

    /// The LF of the CRLF that ends the last frame, where it was cut off and is still to come.
    async fn finish_line(&mut self, out: &mut Vec<Bytes>) {
        let is_open = self.end.is_some() && self.is_after_cr;
        if !is_open || !self.framer.ends_in_cr() || !self.framer.at_boundary() {
            return;
        }
        if let Some(body) = &mut self.body
            && let Ok(Some(Ok(chunk))) = tokio::time::timeout(LINE_END_TIME, body.chunk()).await
            && chunk.starts_with(b"\n")
        {
            out.push(Bytes::from_static(b"\n"));
        }
    }

    async fn wait(&mut self) -> Event {
        if self.peeked.is_some() || self.body.is_none() {
            return Event::Chunk(self.read().await);
        }
        if self.stop.is_set() {
            return Event::Stopped;
        }
        let wake = self.next_timer();
        if self.timer.deadline() > wake || self.timer.is_elapsed() {
            self.timer.as_mut().reset(wake);
        }
        let Self { body: Some(body), stop, timer, .. } = self else { return Event::Chunk(None) };
        poll_fn(|cx| {
            if let Poll::Ready(chunk) = body.poll_chunk(cx) {
                return Poll::Ready(Event::Chunk(chunk));
            }
            if stop.is_set_or_wakes(cx) {
                return Poll::Ready(Event::Stopped);
            }
            timer.as_mut().poll(cx).map(|()| Event::Timer)
        })
        .await
    }

    /// Everything that is ready now, up to one batch.
    async fn take(&mut self, first: Option<Result<Bytes, Failure>>, out: &mut Vec<Bytes>) {
        let mut next = Some(first);
        let mut size = size_of(out);
        self.last_input = Instant::now();
        while let Some(chunk) = next {
            match chunk {
                Some(Ok(chunk)) => {
                    size += chunk.len();
                    match self.absorb(chunk, out) {
                        Ok(None) => {}
                        Ok(Some(error)) => self.pass_error(error, out),
                        Err(failure) => self.broken(&failure, out),
                    }
                }
                Some(Err(failure)) => self.broken(&failure, out),
                None => self.on_end(out),
            }
            if self.end.is_some() || size >= BATCH_BYTES {
                break;
            }
            next = match &mut self.body {
                Some(body) if !body.is_drained() => body.ready_chunk().await,
                _ => None,
            };
        }
    }

    /// Checks the frames of one chunk. Returns the error event that ends the stream, if any.
    fn absorb(
        &mut self,
        chunk: Bytes,
        out: &mut Vec<Bytes>,
    ) -> Result<Option<ErrorFrame>, Failure> {
        if self.translator.is_some() {
            return self.absorb_translated(chunk, out);
        }
        let base = chunk.clone();
        let mut run = 0..0;
        self.framer.push(chunk);
        loop {
            let frame = match self.framer.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(_) => {
                    flush(&base, &mut run, out);
                    return Err(too_large(self.deadlines.max_answer));
                }
            };
            self.is_inside_frame = false;
            self.is_after_cr = false;
            let dropped_cr = std::mem::take(&mut self.dropped_cr);
            match self.tap.frame(&frame) {
                Verdict::Forward => {
                    match self.restorer.as_mut().map(|restorer| rewrite(restorer, &frame)) {
                        None | Some(Rewritten::Same) => {
                            add(&base, &mut run, &frame, dropped_cr, out);
                        }
                        Some(Rewritten::Before(before)) => {
                            flush(&base, &mut run, out);
                            out.push(before);
                            add(&base, &mut run, &frame, dropped_cr, out);
                        }
                        Some(Rewritten::Other(parts)) => {
                            flush(&base, &mut run, out);
                            self.dropped_cr = frame.raw().ends_with(b"\r");
                            out.extend(parts.into_iter().filter(|part| !part.is_empty()));
                        }
                    }
                }
                Verdict::Drop | Verdict::Truncated => {
                    if !dropped_cr && self.end.is_none() && frame.raw().starts_with(b"\n") {
                        // The LF ends the line of the frame before, which has gone out.
                        flush(&base, &mut run, out);
                        out.push(frame.raw().slice(..1));
                    }
                    self.dropped_cr = frame.raw().ends_with(b"\r");
                }
                Verdict::Terminal => {
                    release(self.restorer.as_mut(), &base, &mut run, out);
                    add(&base, &mut run, &frame, dropped_cr, out);
                    self.is_after_cr = frame.raw().ends_with(b"\r");
                    self.end = Some(End::Complete);
                }
                Verdict::Error(facts) => {
                    flush(&base, &mut run, out);
                    release(self.restorer.as_mut(), &base, &mut run, out);
                    return Ok(Some(ErrorFrame::new(*facts, &frame)));
                }
            }
        }
        flush(&base, &mut run, out);
        // Before the commit nothing of an unfinished frame may leave: it could be an error.
        if self.end.is_none()
            && self.tap.state().started
            && self.restorer.is_none()
            && let Some(partial) = self.framer.take_partial()
        {
            self.is_inside_frame = true;
            out.push(partial);
        }
        Ok(None)
    }

    /// The upstream closed: what is left may be a last frame without its blank line.
    fn absorb_end(&mut self, out: &mut Vec<Bytes>) -> Option<ErrorFrame> {
        if self.translator.is_some() {
            return self.absorb_end_translated(out);
        }
        let Some(frame) = self.framer.finish() else {
            release(self.restorer.as_mut(), &Bytes::new(), &mut (0..0), out);
            return None;
        };
        if frame.raw().as_ref() == b"\n" {
            // The second half of a CRLF whose frame has gone out already.
            out.push(frame.raw());
            return None;
        }
        let verdict = self.tap.frame(&frame);
        if let Verdict::Forward = verdict
            && let Some(restorer) = &mut self.restorer
            && let Rewritten::Other(parts) = rewrite(restorer, &frame)
        {
            out.extend(parts.into_iter().filter(|part| !part.is_empty()));
            out.push(restorer.finish());
            return None;
        }
        release(self.restorer.as_mut(), &Bytes::new(), &mut (0..0), out);
        match verdict {
            Verdict::Forward => {
                self.is_inside_frame = true;
                out.push(frame.raw());
            }
            Verdict::Terminal => {
                out.push(frame.raw());
                self.end = Some(End::Complete);
            }
            Verdict::Drop | Verdict::Truncated => {}
            Verdict::Error(facts) => return Some(ErrorFrame::new(*facts, &frame)),
        }
        None
    }

    fn on_end(&mut self, out: &mut Vec<Bytes>) {
        if let Some(error) = self.absorb_end(out) {
            self.pass_error(error, out);
        }
        self.body = None;
        if self.end.is_some() {
            return;
        }
        if self.tap.state().finish_seen {
            self.end = Some(End::NoEndMarker);
            return;
        }
        let message = "the upstream's stream ended before its end marker";
        self.fail(out, End::Failed(FailureKind::Truncated), 502, message);
    }

    /// An error event of the upstream goes down as it is: it is in the client's own format. One
    /// that repeats our credential is replaced.
    fn pass_error(&mut self, error: ErrorFrame, out: &mut Vec<Bytes>) {
        if self.target.is_leaked_in(&error.data) {
            self.is_inside_frame = error.is_released;
            let reply = ErrorReply {
                status: 502,
                code: "upstream_error_event",
                message: "the upstream ended its stream with an error",
                request_id: None,
            };
            self.own_error(error.facts.kind.as_deref(), &reply, out);
            self.end = Some(End::ErrorEvent);
            return;
        }
        if self.translator.is_some() {
            let own = recast(self.client, status_of(&error.facts), &error.facts);
            out.push(own.event(self.client).into());
            self.end = Some(End::ErrorEvent);
            return;
        }
        self.is_after_cr = error.raw.ends_with(b"\r");
        out.push(error.raw);
        if !error.is_terminated {
            out.push(Bytes::from_static(b"\n\n"));
        }
        self.end = Some(End::ErrorEvent);
    }

    fn broken(&mut self, failure: &Failure, out: &mut Vec<Bytes>) {
        let status = if failure.kind.is_timeout() { 504 } else { 502 };
        self.fail(out, End::Failed(failure.kind), status, &failure.message);
    }

    /// Ends the stream with an error event of our own.
    fn fail(&mut self, out: &mut Vec<Bytes>, end: End, status: u16, message: &str) {
        let code = match end {
            End::Drained => "draining".to_owned(),
            other => format!("upstream_{}", other.name()),
        };
        let reply = ErrorReply { status, code: &code, message, request_id: None };
        self.own_error(None, &reply, out);
        self.end = Some(end);
    }

    fn own_error(&mut self, kind: Option<&str>, reply: &ErrorReply<'_>, out: &mut Vec<Bytes>) {
        if self.is_inside_frame {
            // Half a frame is out: close it, or the client would read our event as its rest.
            out.push(Bytes::from_static(b"\n\n"));
        }
        // What was held back is no token any more; it still belongs to the answer.
        release(self.restorer.as_mut(), &Bytes::new(), &mut (0..0), out);
        out.push(self.client.wire().error_event(kind, reply).into());
    }

    fn on_timer(&mut self, out: &mut Vec<Bytes>) {
        let now = Instant::now();
        let idle = self.deadlines.idle;
        if self.total_until.is_some_and(|until| now >= until) {
            let message = "the stream took longer than the limit";
            self.fail(out, End::Failed(FailureKind::TotalTimeout), 504, message);
        } else if !idle.is_zero() && now >= self.last_input + idle {
            let message = "the upstream stopped sending in the middle of its stream";
            self.fail(out, End::Failed(FailureKind::IdleTimeout), 504, message);
        } else if self.keep_alive_at().is_some_and(|at| now >= at) {
            if let Some(text) = self.client.wire().keep_alive() {
                out.push(Bytes::from_static(text));
            }
            self.last_output = now;
        }
    }

    fn keep_alive_at(&self) -> Option<Instant> {
        let every = self.deadlines.keep_alive;
        let may_write = !every.is_zero() && !self.is_inside_frame;
        may_write.then(|| self.last_output + every)
    }

    fn next_timer(&self) -> Instant {
        let far = self.last_input + Duration::from_hours(1);
        let idle =
            if self.deadlines.idle.is_zero() { far } else { self.last_input + self.deadlines.idle };
        let keep_alive = self.keep_alive_at().unwrap_or(far);
        idle.min(keep_alive).min(self.total_until.unwrap_or(far))
    }

    /// Books a batch.
    fn settle(&mut self, out: &[Bytes]) {
        let size = size_of(out);
        if size > 0 {
            self.last_output = Instant::now();
        }
        self.progress.bytes_out.fetch_add(size as u64, Ordering::Relaxed);
        let usage = self.replayed.unwrap_or_else(|| self.tap.usage());
        *self.progress.counts.lock() = (usage, self.tap.state().malformed_events);
        self.let_go();
    }

    /// Lets go of the upstream once the stream is over.
    fn let_go(&mut self) {
        if let Some(end) = self.end
            && let Some(body) = self.body.take()
            && end == End::Complete
        {
            read_rest(body);
        }
    }
}

/// Reads what follows an end marker, within limits: a connection read to its end can serve again.
fn read_rest(mut body: AnswerBody) {
    let mut reading = Box::pin(async move {
        let mut size = 0;
        while let Some(Ok(chunk)) = body.chunk().await {
            size += chunk.len();
            if size > REST_BYTES {
                return;
            }
        }
    });
    // Mostly it is there already, and needs no task to wait for it.
    let cx = &mut Context::from_waker(Waker::noop());
    if reading.as_mut().poll(cx).is_pending() {
        tokio::spawn(tokio::time::timeout(REST_TIME, reading));
    }
}

fn too_large(limit: usize) -> Failure {
    Failure::new(
        FailureKind::TooLarge,
        format!("one event of the upstream is larger than the limit of {limit} bytes"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::Profile;

    const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

    /// The beginning of an answer, in one event of `size` bytes.
    fn start(size: usize) -> String {
        let (head, tail) = (
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"",
            "\"}}\n\n",
        );
        format!("{head}{}{tail}", "x".repeat(size - head.len() - tail.len()))
    }

    /// A stream of which the first read brings `text`, and then the upstream closes.
    fn stream(text: &str) -> Stream {
        let profile = Profile::default();
        let target =
            Target::new(Format::AnthropicMessages, "http://127.0.0.1:1", None, &[], profile)
                .unwrap();
        let hour = Duration::from_hours(1);
        let deadlines = Deadlines {
            connect: hour,
            first_byte: hour,
            idle: hour,
            total: hour,
            write: hour,
            keep_alive: hour,
            max_answer: 1024 * 1024,
        };
        let body = AnswerBody::ended();
        let mut stream = Stream::new(
            Arc::new(target),
            body,
            false,
            Format::AnthropicMessages,
            None,
            Arc::new(deadlines),
        );
        stream.peeked = Some(Bytes::copy_from_slice(text.as_bytes()));
        stream
    }

    /// The rest of a stream, batch by batch, and how it ended.
    async fn rest(stream: &mut Stream) -> (Vec<u8>, End) {
        let mut bytes = Vec::new();
        loop {
            let batch = stream.next_batch().await;
            bytes.extend(batch.parts.concat());
            if let Some(end) = batch.end {
                return (bytes, end);
            }
        }
    }

    #[tokio::test]
    async fn a_stream_that_is_here_goes_down_in_one_piece_up_to_a_limit() {
        for (size, is_one_piece) in [(WHOLE_BYTES, true), (WHOLE_BYTES + 1, false)] {
            let text = start(size - STOP.len()) + STOP;
            let mut stream = stream(&text);
            assert!(stream.first_event().await.unwrap().is_none());
            let Some(batch) = stream.whole() else {
                assert!(!is_one_piece);
                assert_eq!(rest(&mut stream).await, (text.into_bytes(), End::Complete));
                continue;
            };
            assert!(is_one_piece);
            assert_eq!(batch.parts.concat(), text.as_bytes());
            assert_eq!(batch.end, Some(End::Complete));
            assert_eq!(stream.progress.bytes_out(), size as u64);
            assert_eq!(stream.over(), Some(End::Complete));
        }
    }

    #[tokio::test]
    async fn a_stream_whose_end_is_not_here_does_not_go_down_in_one_piece() {
        let text = start(200);
        let mut stream = stream(&text);
        assert!(stream.first_event().await.unwrap().is_none());
        assert!(stream.whole().is_none());
        let (bytes, end) = rest(&mut stream).await;
        assert!(bytes.starts_with(text.as_bytes()) && bytes.len() > text.len());
        assert_eq!(end, End::Failed(FailureKind::Truncated));
    }

    #[tokio::test]
    async fn a_line_end_that_may_be_cut_in_half_is_waited_for() {
        let text = format!("{}{}", start(200), STOP.trim_end()).replace('\n', "\r\n") + "\r\n\r";
        let mut stream = stream(&text);
        assert!(stream.first_event().await.unwrap().is_none());
        assert!(stream.whole().is_none());
        assert_eq!(rest(&mut stream).await, (text.into_bytes(), End::Complete));
    }

    #[tokio::test]
    async fn an_error_event_behind_a_good_one_is_the_end_of_a_whole_stream() {
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\
                     \"overloaded_error\",\"message\":\"busy\"}}\n\n";
        let text = start(200) + error;
        let mut stream = stream(&(text.clone() + STOP));
        assert!(stream.first_event().await.unwrap().is_none());
        let batch = stream.whole().unwrap();
        assert_eq!(batch.parts.concat(), text.as_bytes());
        assert_eq!(batch.end, Some(End::ErrorEvent));
    }

    #[tokio::test]
    async fn a_stop_wakes_who_waits_for_it_and_is_not_missed_before() {
        let stop = Arc::<Stop>::default();
        let other = Arc::clone(&stop);
        let waiting = tokio::spawn(poll_fn(move |cx| {
            if other.is_set_or_wakes(cx) { Poll::Ready(()) } else { Poll::Pending }
        }));
        tokio::task::yield_now().await;
        stop.set();
        tokio::time::timeout(Duration::from_secs(5), waiting).await.unwrap().unwrap();
        assert!(stop.is_set_or_wakes(&Context::from_waker(Waker::noop())));
    }
}
