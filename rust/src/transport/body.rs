//! Bodies of the transport: a request as a list of shared parts, an answer as decoded chunks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::Connection;
use super::decode::Decoder;
use super::failure::{Failure, from_cut, from_hyper};
use super::pool::{Shared, Slot};

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

/// What a body comes from, held until its end.
pub(super) enum Source {
    Http1 { connection: Box<Connection>, slot: Arc<Slot> },
    Http2 { incoming: Incoming, _shared: Shared },
}

impl Source {
    /// The next piece that is not empty.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        match self {
            Self::Http1 { connection, .. } => {
                connection.poll_body(cx).map(|piece| piece.map(|piece| piece.map_err(from_cut)))
            }
            Self::Http2 { incoming, .. } => loop {
                match ready!(Pin::new(&mut *incoming).poll_frame(cx)) {
                    // Trailers end here: nothing downstream asked for them.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                        _ => {}
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(from_hyper(&error, true)))),
                    None => return Poll::Ready(None),
                }
            },
        }
    }
}

/// An answer's body, decoded. At its clean end the connection goes back to the pool; dropped
/// earlier, the connection is closed (HTTP/1.1) or the stream reset (HTTP/2).
pub struct AnswerBody {
    /// Nothing once the body has ended.
    source: Option<Source>,
    decoder: Option<Decoder>,
    encoded: Bytes,
    has_data: bool,
}

impl AnswerBody {
    pub(super) fn new(source: Source, decoder: Option<Decoder>) -> Self {
        Self { source: Some(source), decoder, encoded: Bytes::new(), has_data: false }
    }

    /// A body of which nothing is left.
    #[cfg(test)]
    pub(crate) fn ended() -> Self {
        Self { source: None, decoder: None, encoded: Bytes::new(), has_data: false }
    }

    /// The next decoded chunk; `None` at the end.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Failure>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Whether the last chunk was all that had arrived: asking for more at once would be in vain.
    pub fn is_drained(&self) -> bool {
        match &self.source {
            Some(Source::Http1 { connection, .. }) => {
                self.encoded.is_empty() && connection.is_drained()
            }
            Some(Source::Http2 { .. }) | None => false,
        }
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
            let Some(source) = &mut self.source else { return Poll::Ready(None) };
            match ready!(source.poll_piece(cx)) {
                Some(Ok(data)) => {
                    self.has_data = true;
                    if self.decoder.is_none() {
                        return Poll::Ready(Some(Ok(data)));
                    }
                    self.encoded = data;
                }
                Some(Err(failure)) => return self.fail(failure),
                None => return self.end(),
            }
        }
    }

    fn end(&mut self) -> Poll<Option<Result<Bytes, Failure>>> {
        if let Some(Source::Http1 { connection, slot }) = self.source.take() {
            slot.give_back(connection);
        }
        let mut out = Vec::new();
        // An empty body is no truncated one: HEAD-like answers name an encoding too.
        if let Some(mut decoder) = self.decoder.take()
            && self.has_data
            && let Err(failure) = decoder.finish(&mut out)
        {
            return self.fail(failure);
        }
        Poll::Ready(if out.is_empty() { None } else { Some(Ok(out.into())) })
    }

    fn fail(&mut self, failure: Failure) -> Poll<Option<Result<Bytes, Failure>>> {
        self.source = None;
        self.encoded = Bytes::new();
        Poll::Ready(Some(Err(failure)))
    }
}
