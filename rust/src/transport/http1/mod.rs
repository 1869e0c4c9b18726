//! HTTP/1.1 on one connection, read and written by whoever waits for the answer: there is no task
//! between them, and what arrived together is handed on together.

mod chunked;
mod head;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING};
use http::{HeaderValue, Method, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::MAX_HEADER_BYTES;
use chunked::Chunked;
use head::{Framing, Head};

/// Room for most answers, and for what a stream brings in one burst.
const READ_BYTES: usize = 64 * 1024;
/// Parts of a request that go into one system call.
const GATHERED: usize = 32;

thread_local! {
    /// What is read goes through here, so that a connection that waits for more, as a stream does
    /// most of its time, holds no room for it.
    static ROOM: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// What the upstream sent is not HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Invalid;

/// Why an answer, or the rest of it, did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The connection ended before the first byte of an answer.
    Unanswered,
    /// It ended inside the answer.
    Inside,
    Invalid,
}

impl From<Invalid> for Cut {
    fn from(_: Invalid) -> Self {
        Self::Invalid
    }
}

/// What is still to be read of an answer's body.
#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunked(Chunked),
    Close,
}

/// A request on its way out.
#[derive(Debug, Default)]
struct Output {
    /// The head, then the parts of the body.
    parts: Vec<Bytes>,
    next: usize,
    /// Of the next part this much was written.
    offset: usize,
    is_flushed: bool,
    /// Some of it has left.
    has_begun: bool,
}

impl Output {
    fn advance(&mut self, mut written: usize) {
        self.has_begun = true;
        while let Some(part) = self.parts.get(self.next) {
            let left = part.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            self.next += 1;
            self.offset = 0;
        }
    }
}

/// One connection, with one exchange at a time on it. Dropping it closes it.
pub struct Connection<S> {
    socket: S,
    /// What was read and not handed on.
    input: BytesMut,
    output: Output,
    rest: Rest,
    /// Something of the present answer has arrived.
    has_answer: bool,
    is_reused: bool,
    /// It may serve again after this answer, as far as the heads say.
    is_persistent: bool,
    /// Bytes that the last read brought.
    last_read: usize,
    /// A read of fewer bytes has brought all that had arrived.
    all_below: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// `reads_all`: whether a read of `socket` that leaves room has brought all that had arrived.
    pub fn new(socket: S, reads_all: bool) -> Self {
        Self {
            socket,
            input: BytesMut::new(),
            output: Output { is_flushed: true, ..Output::default() },
            rest: Rest::Length(0),
            has_answer: false,
            is_reused: false,
            is_persistent: false,
            last_read: 0,
            all_below: if reads_all { READ_BYTES } else { 0 },
        }
    }

    /// Whether an exchange before this one was answered on it.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Whether anything of the present request was written.
    pub fn has_written(&self) -> bool {
        self.output.has_begun
    }

    /// Begins an exchange; `poll_head` then sends it.
    pub fn begin(&mut self, head: Bytes, body: &[Bytes]) {
        let mut parts = Vec::with_capacity(body.len() + 1);
        parts.push(head);
        parts.extend(body.iter().filter(|part| !part.is_empty()).cloned());
        self.output = Output { parts, ..Output::default() };
        self.has_answer = false;
    }

    /// Sends the request and waits for the head of its answer. An upstream may answer before it
    /// has read everything, and the rest is then sent while its answer is read.
    pub fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(StatusCode, HeaderMap), Cut>> {
        let mut seen = 0;
        loop {
            if let Some(end) = head::end_of(&self.input, seen) {
                let text = self.input.split_to(end).freeze();
                seen = 0;
                let head = head::parse(&text)?;
                match head.status {
                    StatusCode::SWITCHING_PROTOCOLS => return Poll::Ready(Err(Cut::Invalid)),
                    // Interim answers: the one that counts is still to come.
                    status if status.is_informational() => continue,
                    _ => return Poll::Ready(Ok(self.take_head(head))),
                }
            }
            seen = self.input.len();
            if seen > MAX_HEADER_BYTES {
                return Poll::Ready(Err(Cut::Invalid));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) | Err(_) if self.has_answer => return Poll::Ready(Err(Cut::Inside)),
                Ok(0) | Err(_) => return Poll::Ready(Err(Cut::Unanswered)),
            }
        }
    }

    fn take_head(&mut self, head: Head) -> (StatusCode, HeaderMap) {
        self.is_persistent = head.is_persistent;
        self.rest = match head.framing {
            Framing::Length(size) => Rest::Length(size),
            Framing::Chunked => Rest::Chunked(Chunked::default()),
            Framing::Close => Rest::Close,
        };
        (head.status, head.headers)
    }

    /// The next piece of the answer's body; `None` at its end.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            match &mut self.rest {
                Rest::Length(0) => return Poll::Ready(None),
                Rest::Length(left) if !self.input.is_empty() => {
                    let take = usize::try_from(*left)
                        .map_or(self.input.len(), |left| left.min(self.input.len()));
                    *left -= take as u64;
                    return Poll::Ready(Some(Ok(self.input.split_to(take).freeze())));
                }
                Rest::Chunked(chunked) => {
                    if chunked.is_done() {
                        return Poll::Ready(None);
                    }
                    if let Some(out) = chunked.decode(&mut self.input).map_err(Cut::from)? {
                        return Poll::Ready(Some(Ok(out)));
                    }
                    if chunked.is_done() {
                        return Poll::Ready(None);
                    }
                }
                Rest::Close if !self.input.is_empty() => {
                    return Poll::Ready(Some(Ok(self.input.split().freeze())));
                }
                Rest::Length(_) | Rest::Close => {}
            }
            match ready!(self.poll_fill(cx)) {
                Ok(1..) => {}
                Ok(0) if matches!(self.rest, Rest::Close) => {
                    self.rest = Rest::Length(0);
                    return Poll::Ready(None);
                }
                Ok(0) | Err(_) => return Poll::Ready(Some(Err(Cut::Inside))),
            }
        }
    }

    /// Makes it ready for the next exchange, if this one left it as it found it; whether it did.
    pub fn renew(&mut self) -> bool {
        if !(self.is_at_end()
            && self.is_persistent
            && self.output.is_flushed
            && self.input.is_empty())
        {
            return false;
        }
        self.is_reused = true;
        // Nothing is held for a connection that rests.
        self.input = BytesMut::new();
        true
    }

    /// Whether all that had arrived when it was last read was handed on, and more is to come.
    pub(super) fn is_drained(&self) -> bool {
        self.last_read < self.all_below && self.input.is_empty() && !self.is_at_end()
    }

    /// Whether the answer's body is known to have ended.
    fn is_at_end(&self) -> bool {
        match &self.rest {
            Rest::Length(left) => *left == 0,
            Rest::Chunked(chunked) => chunked.is_done(),
            Rest::Close => false,
        }
    }

    /// How many bytes were read and not handed on.
    pub fn held(&self) -> usize {
        self.input.len()
    }

    /// Whether a resting connection is still open and silent, as far as can be known.
    pub fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.socket).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Reads what is there, after writing what can be written.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.output.is_flushed && matches!(self.poll_output(cx), Poll::Ready(Err(_))) {
            // It may have answered before it closed: reading tells.
            self.output.is_flushed = true;
            self.is_persistent = false;
        }
        let Self { socket, input, last_read, .. } = self;
        if input.is_empty() {
            // It may keep the memory of what was handed on.
            *input = BytesMut::new();
        }
        let read = ready!(ROOM.with_borrow_mut(|room| {
            let mut room = ReadBuf::new(room);
            ready!(Pin::new(socket).poll_read(cx, &mut room))?;
            let read = room.filled();
            input.extend_from_slice(read);
            *last_read = read.len();
            Poll::Ready(io::Result::Ok(read.len()))
        }))?;
        self.has_answer |= read > 0;
        Poll::Ready(Ok(read))
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let output = &mut self.output;
        while output.next < output.parts.len() {
            let mut slices = [IoSlice::new(&[]); GATHERED];
            let mut offset = output.offset;
            let waiting = output.parts.get(output.next..).unwrap_or_default();
            let count = waiting.len().min(GATHERED);
            for (slice, part) in slices.iter_mut().zip(waiting) {
                *slice = IoSlice::new(part.get(offset..).unwrap_or_default());
                offset = 0;
            }
            let slices = slices.get(..count).unwrap_or_default();
            let written = ready!(Pin::new(&mut self.socket).poll_write_vectored(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            output.advance(written);
        }
        ready!(Pin::new(&mut self.socket).poll_flush(cx))?;
        output.is_flushed = true;
        // Its answer may be a long stream.
        (output.parts, output.next) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }
}

/// The head of a request with a body of `size` bytes. `path` must be a valid target.
pub(super) fn request_head(
    method: &Method,
    path: &str,
    host: &HeaderValue,
    headers: &HeaderMap,
    size: usize,
) -> Bytes {
    let mut text = Vec::with_capacity(1024);
    for piece in [method.as_str(), " ", path, " HTTP/1.1\r\nhost: "] {
        text.extend_from_slice(piece.as_bytes());
    }
    text.extend_from_slice(host.as_bytes());
    for (name, value) in headers {
        if *name != HOST && *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING {
            text.extend_from_slice(b"\r\n");
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
        }
    }
    if size > 0 || *method == Method::POST {
        text.extend_from_slice(b"\r\ncontent-length: ");
        text.extend_from_slice(size.to_string().as_bytes());
    }
    text.extend_from_slice(b"\r\n\r\n");
    text.into()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::super::io::Socket;
    use super::*;

    #[tokio::test]
    async fn a_request_that_has_left_is_not_held_while_its_answer_goes_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connection =
            Connection::new(Socket::Plain(TcpStream::connect(address).await.unwrap()), true);
        let (mut upstream, _) = listener.accept().await.unwrap();
        let body = Bytes::from(vec![b'x'; 1000]);
        connection
            .begin(Bytes::from_static(b"POST / HTTP/1.1\r\n\r\n"), std::slice::from_ref(&body));
        upstream.write_all(b"HTTP/1.1 200 OK\r\n\r\nfirst").await.unwrap();
        let (status, _) = poll_fn(|cx| connection.poll_head(cx)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
        let piece = poll_fn(|cx| connection.poll_body(cx)).await;
        assert_eq!(piece, Some(Ok(Bytes::from_static(b"first"))));
        assert!(body.is_unique());
        assert!(connection.has_written());
    }

    #[tokio::test]
    async fn a_connection_that_waits_for_more_holds_no_room_for_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connection =
            Connection::new(Socket::Plain(TcpStream::connect(address).await.unwrap()), true);
        let (mut upstream, _) = listener.accept().await.unwrap();
        connection.begin(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"), &[]);
        upstream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n")
            .await
            .unwrap();
        poll_fn(|cx| connection.poll_head(cx)).await.unwrap();
        for piece in [b"one", b"two"] {
            let read = poll_fn(|cx| connection.poll_body(cx)).await;
            assert_eq!(read, Some(Ok(Bytes::from_static(piece))));
            poll_fn(|cx| {
                assert!(connection.poll_body(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            assert_eq!(connection.input.capacity(), 0);
            assert!(connection.is_drained());
            connection.all_below = 0;
            assert!(!connection.is_drained());
            connection.all_below = READ_BYTES;
            upstream.write_all(b"3\r\ntwo\r\n").await.unwrap();
        }
        poll_fn(|cx| connection.poll_body(cx)).await;
        upstream.write_all(b"3\r\nend\r\n0\r\n\r\n").await.unwrap();
        let read = poll_fn(|cx| connection.poll_body(cx)).await;
        assert_eq!(read, Some(Ok(Bytes::from_static(b"end"))));
        // Its end was read too, and is to be told at once.
        assert!(!connection.is_drained());
    }
}
