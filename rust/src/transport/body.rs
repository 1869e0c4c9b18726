//! Bodies of the transport: a request as a list of shared parts, an answer as decoded chunks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::decode::Decoder;
use super::failure::{Failure, from_hyper};
use super::pool::Lease;

/// Decoded output is handed on in pieces of about this size.
const DECODED_CHUNK: usize = 64 * 1024;

/// A request body that is written part by part and never joined.
pub struct GatherBody {
    parts: Arc<[Bytes]>,
    next: usize,
    remaining: u64,
}

impl GatherBody {
    pub(super) fn new(parts: Arc<[Bytes]>) -> Self {
        let remaining = parts.iter().map(|p| p.len() as u64).sum();
        Self { parts, next: 0, remaining }
    }
}

impl Body for GatherBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        loop {
            let Some(part) = self.parts.get(self.next).cloned() else { return Poll::Ready(None) };
            self.next += 1;
            if !part.is_empty() {
                self.remaining -= part.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(part))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

/// An answer's body, decoded. At its clean end the connection goes back to the pool; dropped
/// earlier, the connection is closed (HTTP/1.1) or the stream reset (HTTP/2).
pub struct AnswerBody {
    incoming: Incoming,
    lease: Option<Lease>,
    decoder: Option<Decoder>,
    encoded: Bytes,
    has_data: bool,
    is_finished: bool,
}

impl AnswerBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, decoder: Option<Decoder>) -> Self {
        Self {
            incoming,
            lease: Some(lease),
            decoder,
            encoded: Bytes::new(),
            has_data: false,
            is_finished: false,
        }
    }

    /// The next decoded chunk; `None` at the end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// A chunk if one is there without waiting; the outer `None` says "not yet".
    pub async fn ready_chunk(&mut self) -> Option<Option<Result<Bytes, Failure>>> {
        poll_fn(|cx| {
            Poll::Ready(match self.poll_chunk(cx) {
                Poll::Ready(chunk) => Some(chunk),
                Poll::Pending => None,
            })
        })
        .await
    }

    pub fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        loop {
            if self.is_finished {
                return Poll::Ready(None);
            }
            if let Some(decoder) = &mut self.decoder
                && !self.encoded.is_empty()
            {
                let mut out = Vec::new();
                while !self.encoded.is_empty() && out.len() < DECODED_CHUNK {
                    match decoder.step(&self.encoded, &mut out) {
                        Ok(taken) => self.encoded.advance(taken),
                        Err(failure) => return self.fail(failure),
                    }
                }
                if !out.is_empty() {
                    return Poll::Ready(Some(Ok(out.into())));
                }
            }
            match self.poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers end here: nothing downstream asked for them.
                    let Ok(data) = frame.into_data() else { continue };
                    if data.is_empty() {
                        continue;
                    }
                    self.has_data = true;
                    if self.decoder.is_none() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                    self.encoded = data;
                }
                Poll::Ready(Some(Err(error))) => return self.fail(from_hyper(&error, true)),
                Poll::Ready(None) => return self.end(),
            }
        }
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let first = Pin::new(&mut self.incoming).poll_frame(cx);
        match &mut self.lease {
            Some(lease) if first.is_pending() => lease.drive(cx),
            _ => return first,
        }
        Pin::new(&mut self.incoming).poll_frame(cx)
    }

    fn end(&mut self) -> Poll<Option<Result<Bytes, Failure>>> {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        let mut out = Vec::new();
        // An empty body is no truncated one: HEAD-like answers name an encoding too.
        if let Some(mut decoder) = self.decoder.take()
            && self.has_data
            && let Err(failure) = decoder.finish(&mut out)
        {
            return self.fail(failure);
        }
        self.is_finished = true;
        Poll::Ready(if out.is_empty() { None } else { Some(Ok(out.into())) })
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Bytes, Failure>>> {
        self.is_finished = true;
        self.lease = None;
        Poll::Ready(Some(Err(failure)))
    }
}
