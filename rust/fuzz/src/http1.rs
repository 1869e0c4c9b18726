//! HTTP/1 answers: the same however they arrive, as long as a plainer reader says they are, and no
//! more of them in memory than is allowed.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use codegate::formats::Format;
use codegate::transport::http1::{Connection, Cut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::input::{Input, seeds as corpus};

/// A head that has not ended, and what one read may bring beside it.
const MOST_HELD: usize = 2 * 64 * 1024;
/// What an upstream without end has sent when it is cut off.
const ENDLESS_BYTES: usize = 512 * 1024;
const PIECE_BYTES: usize = 16 * 1024;

/// An upstream that sends what it was told, whatever it is asked, and then closes.
struct Upstream(VecDeque<Bytes>);

impl AsyncRead for Upstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        assert!(buf.remaining() <= MOST_HELD, "{} bytes of room", buf.remaining());
        if let Some(piece) = self.0.front_mut() {
            let taken = piece.split_to(piece.len().min(buf.remaining()));
            buf.put_slice(&taken);
            if !piece.has_remaining() {
                self.0.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upstream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Names and values.
type Lines = Vec<(String, Vec<u8>)>;

/// What was read of one answer.
struct Answer {
    head: Result<(u16, Lines), Cut>,
    body: Vec<u8>,
    /// Why there is no more of the body, where it has not come to its end.
    cut: Option<Cut>,
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let length = |text: &[u8]| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
        [head.as_bytes(), text].concat()
    };
    let mut texts = vec![
        length(b"{}"),
        length(&vec![b'x'; 2_000]),
        b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nto the end".to_vec(),
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: y\r\n\r\nHTTP/1.1 429 Slow\r\nretry-after: 1\r\ncontent-length: 1\r\n\r\nx".to_vec(),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\nx: y\n\nlines of one byte".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\nconnection: close\r\n\r\nhello".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n00\r\nx: y\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n3 \r\nabc\r\nzz\r\n".to_vec(),
        b"220 mail.example.org ESMTP\r\n\r\n".to_vec(),
    ];
    for format in Format::ALL {
        for stream in corpus(format, "streams").iter().step_by(3).take(12) {
            let events = stream.get(2..).unwrap_or_default();
            texts.push(chunked(events, 100));
            texts.push(chunked(events, 4_000));
        }
    }
    let choices = [(0, 0), (0, 60), (1, 200)];
    texts
        .iter()
        .flat_map(|text| choices.map(|(bits, cuts)| Input::write(bits, cuts, text)))
        .collect()
}

fn chunked(text: &[u8], size: usize) -> Vec<u8> {
    let mut out =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in text.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

pub(crate) fn run(data: &[u8]) {
    let Some(input) = Input::read(data) else { return };
    if input.choices & 1 == 1 {
        endless(&input);
        return;
    }
    let (whole, is_reusable) = read([Bytes::copy_from_slice(input.text)]);
    let (cut, is_cut_reusable) = read(input.pieces());
    assert_eq!(whole.head, cut.head);
    assert!(whole.body == cut.body, "{} bytes, cut: {}", whole.body.len(), cut.body.len());
    assert_eq!(whole.cut, cut.cut);
    assert!(!is_reusable || is_cut_reusable, "only whole it may serve again");
    if let (Ok(_), Some((body, cut))) = (&whole.head, plainly(input.text)) {
        assert!(whole.body == body, "another body: {:?}", String::from_utf8_lossy(&whole.body));
        assert_eq!(whole.cut, cut);
    }
}

/// The end of the text again and again, for longer than anything may be held.
fn endless(input: &Input<'_>) {
    let tail = input.text.get(input.text.len().saturating_sub(1024)..).unwrap_or_default();
    if tail.is_empty() {
        return;
    }
    let again = Bytes::from(tail.repeat(PIECE_BYTES / tail.len() + 1));
    let count = ENDLESS_BYTES / again.len() + 1;
    read(input.pieces().into_iter().chain(std::iter::repeat_n(again, count)));
}

/// Reads one answer; also whether its connection may serve again.
fn read(pieces: impl IntoIterator<Item = Bytes>) -> (Answer, bool) {
    let mut connection = Connection::new(Upstream(pieces.into_iter().collect()), true);
    connection.begin(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n"), &[]);
    let cx = &mut Context::from_waker(Waker::noop());
    let mut answer = Answer { head: Err(Cut::Unanswered), body: Vec::new(), cut: None };
    let Poll::Ready(head) = connection.poll_head(cx) else { panic!("waits for what is there") };
    assert!(connection.held() <= MOST_HELD, "{} bytes held of a head", connection.held());
    answer.head = head.map(|(status, headers)| {
        let lines = headers.iter();
        let lines = lines.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        (status.as_u16(), lines.collect())
    });
    if answer.head.is_err() {
        return (answer, false);
    }
    loop {
        let Poll::Ready(piece) = connection.poll_body(cx) else {
            panic!("waits for what is there")
        };
        assert!(connection.held() <= MOST_HELD, "{} bytes held of a body", connection.held());
        match piece {
            Some(Ok(piece)) => {
                assert!(!piece.is_empty(), "a piece of nothing");
                answer.body.extend_from_slice(&piece);
            }
            Some(Err(cut)) => {
                answer.cut = Some(cut);
                return (answer, false);
            }
            None => return (answer, connection.renew()),
        }
    }
}

/// Body and end of an answer as a plainer reader has them, which knows the plainest heads alone.
fn plainly(text: &[u8]) -> Option<(Vec<u8>, Option<Cut>)> {
    let end = text.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (std::str::from_utf8(text.get(..end)?).ok()?, text.get(end + 4..)?);
    let mut lines = head.split("\r\n");
    if lines.clone().any(|line| line.contains(['\r', '\n'])) {
        return None;
    }
    let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?;
    if !status.starts_with(['2', '4', '5']) || status == "204" {
        return None;
    }
    let (mut length, mut is_chunked) = (None, false);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_none() => length = Some(value.parse::<usize>().ok()?),
            "transfer-encoding" if value == "chunked" && !is_chunked => is_chunked = true,
            "content-length" | "transfer-encoding" => return None,
            _ => {}
        }
    }
    match (length, is_chunked) {
        (Some(_), true) => None,
        (None, true) => Some((dechunked(body)?, None)),
        (None, false) => Some((body.to_vec(), None)),
        (Some(length), false) => Some(match body.get(..length) {
            Some(body) => (body.to_vec(), None),
            None => (body.to_vec(), Some(Cut::Inside)),
        }),
    }
}

/// What whole and ordinary chunks without extensions hold.
fn dechunked(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = text.windows(2).position(|window| window == b"\r\n")?;
        let digits = std::str::from_utf8(text.get(..end)?).ok()?;
        if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let size = usize::from_str_radix(digits, 16).ok()?;
        text = text.get(end + 2..)?;
        if size == 0 {
            return text.starts_with(b"\r\n").then_some(out);
        }
        out.extend_from_slice(text.get(..size)?);
        text = text.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
