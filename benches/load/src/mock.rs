//! The mock upstream: reads a request, throws its body away, writes a prebuilt answer. Streams go
//! out as chunked events, either all at once or one delta per tick with its send time inside.
//! `GET /keep` has the body of the next request kept, and `GET /kept` tells it.

use std::io;
use std::io::Write as _;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memchr::memmem;
use rustix::net::RecvFlags;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{TcpListener, TcpStream};

use crate::answers::{Format, STAMP_LEN, Stream, json};
use crate::args::Args;
use crate::clock::{Ticker, monotonic_ns};
use crate::wire::{Body, Head, request_head};

/// Room for a head and the part of a body that is looked at; the rest is discarded unread.
const BUFFER_BYTES: usize = 16 * 1024;
/// How much of either end of a body is searched for the stream flag.
const WINDOW_BYTES: usize = 512;
/// The most that is discarded in one call.
const DISCARD_BYTES: usize = 1024 * 1024;

pub(crate) fn run(args: &Args) -> Result<(), String> {
    args.only(&["port", "deltas", "pace-us", "delay-ms"])?;
    let port: u16 = args.number("port", 0)?;
    let deltas = args.number("deltas", 300)?;
    let pace_us = args.number("pace-us", 0)?;
    let delay = Duration::from_millis(args.number("delay-ms", 0)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("no runtime: {e}"))?;
    runtime
        .block_on(listen(port, Answers::new(deltas, pace_us, delay)))
        .map_err(|e| format!("mock on port {port}: {e}"))
}

async fn listen(port: u16, answers: Answers) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening {}", listener.local_addr()?)?;
    stdout.flush()?;
    let (answers, counters) = (Arc::new(answers), Arc::new(Counters::default()));
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let connection = Connection::new(socket, Arc::clone(&answers), Arc::clone(&counters));
        tokio::spawn(connection.serve());
    }
}

/// What reached the mock, so that a run can tell lost, repeated or shortened requests.
#[derive(Default)]
struct Counters {
    requests: AtomicU64,
    body_bytes: AtomicU64,
    deltas: AtomicU64,
    /// The next body is wanted whole.
    keeps_next: AtomicBool,
    kept: Mutex<Vec<u8>>,
}

/// The answers of one format, as bytes on the wire.
struct FormatAnswers {
    json: Vec<u8>,
    /// Head and opening events.
    opening: Vec<u8>,
    /// One delta in its chunk.
    delta: Vec<u8>,
    /// Where in `delta` the send time stands.
    stamp: usize,
    /// Closing events and the last chunk.
    closing: Vec<u8>,
}

impl FormatAnswers {
    fn new(format: Format, deltas: usize) -> Self {
        let stream = Stream::new(format, deltas);
        let mut opening = head("text/event-stream; charset=utf-8", "transfer-encoding: chunked");
        stream.opening.iter().for_each(|event| push_chunk(&mut opening, event));
        let mut delta = Vec::new();
        push_chunk(&mut delta, &stream.delta);
        let stamp = delta.len() - b"\r\n".len() - stream.delta.len() + stream.stamp.start;
        let mut closing = Vec::new();
        stream.closing.iter().for_each(|event| push_chunk(&mut closing, event));
        closing.extend_from_slice(b"0\r\n\r\n");
        Self { json: json_answer("200 OK", &json(format)), opening, delta, stamp, closing }
    }

    /// A whole stream in one piece.
    fn burst(&self, deltas: usize) -> Vec<u8> {
        [self.opening.as_slice(), &self.delta.repeat(deltas), &self.closing].concat()
    }
}

struct Answers {
    messages: FormatAnswers,
    chat: FormatAnswers,
    messages_burst: Vec<u8>,
    chat_burst: Vec<u8>,
    not_found: Vec<u8>,
    deltas: usize,
    /// Time between two deltas; 0 sends a stream in one piece.
    pace_us: u64,
    /// Time between a request and its JSON answer.
    delay: Duration,
    stream_flag: memmem::Finder<'static>,
}

impl Answers {
    fn new(deltas: usize, pace_us: u64, delay: Duration) -> Self {
        let messages = FormatAnswers::new(Format::AnthropicMessages, deltas);
        let chat = FormatAnswers::new(Format::OpenaiChat, deltas);
        Self {
            messages_burst: messages.burst(deltas),
            chat_burst: chat.burst(deltas),
            messages,
            chat,
            not_found: json_answer("404 Not Found", "{\"error\":{\"message\":\"no such path\"}}"),
            deltas,
            pace_us,
            delay,
            stream_flag: memmem::Finder::new("\"stream\""),
        }
    }

    fn of(&self, format: Format) -> (&FormatAnswers, &[u8]) {
        match format {
            Format::AnthropicMessages => (&self.messages, &self.messages_burst),
            Format::OpenaiChat => (&self.chat, &self.chat_burst),
        }
    }

    fn asks_for_stream(&self, bytes: &[u8]) -> bool {
        self.stream_flag.find_iter(bytes).any(|at| {
            let value = &bytes[at + self.stream_flag.needle().len()..];
            let start = value.iter().position(|b| !matches!(b, b' ' | b':'));
            start.is_some_and(|start| value[start..].starts_with(b"true"))
        })
    }
}

fn head(content_type: &str, framing: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: {content_type}\r\n\
         {framing}\r\nrequest-id: req_011BenchBenchBenchBench\r\ncache-control: no-cache\r\n\r\n"
    )
    .into_bytes()
}

fn json_answer(status: &str, body: &str) -> Vec<u8> {
    let head = head("application/json", &format!("content-length: {}", body.len()));
    let head = String::from_utf8_lossy(&head).replacen("200 OK", status, 1);
    [head.as_bytes(), body.as_bytes()].concat()
}

fn push_chunk(out: &mut Vec<u8>, data: &str) {
    out.extend_from_slice(format!("{:x}\r\n{data}\r\n", data.len()).as_bytes());
}

/// Both ends of a body: the parts in which clients and gateways write the stream flag.
#[derive(Default)]
struct Window {
    head: Vec<u8>,
    tail: Vec<u8>,
    seen: u64,
}

impl Window {
    fn push(&mut self, data: &[u8]) {
        self.seen += data.len() as u64;
        let room = WINDOW_BYTES - self.head.len();
        let (first, rest) = data.split_at(room.min(data.len()));
        self.head.extend_from_slice(first);
        self.tail.extend_from_slice(&rest[rest.len().saturating_sub(WINDOW_BYTES)..]);
        let surplus = self.tail.len().saturating_sub(WINDOW_BYTES);
        self.tail.drain(..surplus);
    }

    fn clear(&mut self) {
        self.head.clear();
        self.tail.clear();
        self.seen = 0;
    }
}

enum Target {
    Answer(Format),
    Counters,
    Keep,
    Kept,
    Nothing,
}

impl Target {
    fn new(method: &str, path: &str) -> Self {
        match (method, Format::of_path(path)) {
            ("POST", Some(format)) => Self::Answer(format),
            ("GET", _) if path == "/counters" => Self::Counters,
            ("GET", _) if path == "/keep" => Self::Keep,
            ("GET", _) if path == "/kept" => Self::Kept,
            _ => Self::Nothing,
        }
    }
}

struct Connection {
    socket: TcpStream,
    answers: Arc<Answers>,
    counters: Arc<Counters>,
    buffer: Vec<u8>,
    filled: usize,
    /// Never written by the kernel, and so never in memory.
    discard: Vec<u8>,
    window: Window,
}

impl Connection {
    fn new(socket: TcpStream, answers: Arc<Answers>, counters: Arc<Counters>) -> Self {
        Self {
            socket,
            answers,
            counters,
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
            discard: vec![0; DISCARD_BYTES],
            window: Window::default(),
        }
    }

    /// Answers requests until the peer leaves. A peer that breaks off is no fault of the mock: the
    /// client sees it in the answer that is missing.
    async fn serve(mut self) {
        while let Ok(true) = self.exchange().await {}
    }

    async fn exchange(&mut self) -> io::Result<bool> {
        let Some((head, target)) = self.read_head().await? else {
            return Ok(false);
        };
        if head.expects_continue {
            self.socket.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let is_answer = matches!(target, Target::Answer(_));
        let is_kept = is_answer && self.counters.keeps_next.swap(false, Ordering::Relaxed);
        self.read_body(&head, is_kept).await?;
        let answers = Arc::clone(&self.answers);
        match target {
            Target::Answer(format) => self.answer(&answers, format).await?,
            Target::Counters => self.tell_counters().await?,
            Target::Keep => {
                self.counters.keeps_next.store(true, Ordering::Relaxed);
                self.socket.write_all(&json_answer("200 OK", "{}")).await?;
            }
            Target::Kept => self.tell_kept().await?,
            Target::Nothing => self.socket.write_all(&answers.not_found).await?,
        }
        Ok(head.keep_alive)
    }

    async fn read_head(&mut self) -> io::Result<Option<(Head, Target)>> {
        loop {
            let found = request_head(&self.buffer[..self.filled], Target::new);
            if let Some(found) = found.map_err(io::Error::other)? {
                return Ok(Some(found));
            }
            let read = self.socket.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                return Ok(None);
            }
            self.filled += read;
        }
    }

    async fn read_body(&mut self, head: &Head, is_kept: bool) -> io::Result<()> {
        let mut body = Body::new(head.framing);
        let mut kept = Vec::new();
        self.window.clear();
        let window = &mut self.window;
        let mut take = |window: &mut Window, data: &[u8]| {
            window.push(data);
            if is_kept {
                kept.extend_from_slice(data);
            }
        };
        let broken = || io::Error::other("broken chunk");
        let rest = &self.buffer[head.len..self.filled];
        let used = body.feed(rest, |data| take(window, data)).ok_or_else(broken)?;
        self.buffer.copy_within(head.len + used..self.filled, 0);
        self.filled -= head.len + used;
        let mut skipped = 0;
        while !body.is_done() {
            let spare = body.plain_run().saturating_sub(BUFFER_BYTES as u64);
            if spare > 0 && !is_kept && self.window.head.len() == WINDOW_BYTES {
                let count = self.skip(spare).await?;
                skipped += count;
                body.skip(count);
                continue;
            }
            let read = self.socket.read(&mut self.buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let window = &mut self.window;
            let used =
                body.feed(&self.buffer[..read], |data| take(window, data)).ok_or_else(broken)?;
            self.buffer.copy_within(used..read, 0);
            self.filled = read - used;
        }
        self.counters.body_bytes.fetch_add(self.window.seen + skipped, Ordering::Relaxed);
        if is_kept {
            *self.counters.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
        }
        Ok(())
    }

    async fn tell_kept(&mut self) -> io::Result<()> {
        let kept = {
            let mut kept = self.counters.kept.lock().unwrap_or_else(PoisonError::into_inner);
            String::from_utf8_lossy(&mem::take(&mut *kept)).into_owned()
        };
        self.socket.write_all(&json_answer("200 OK", &kept)).await
    }

    /// Throws away up to `count` received bytes without copying them.
    async fn skip(&mut self, count: u64) -> io::Result<u64> {
        let room = self.discard.len().min(usize::try_from(count).unwrap_or(usize::MAX));
        let (socket, discard) = (&self.socket, &mut self.discard[..room]);
        let skipped = socket
            .async_io(Interest::READABLE, || {
                Ok(rustix::net::recv(socket, &mut *discard, RecvFlags::TRUNC)?.1)
            })
            .await?;
        if skipped == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(skipped as u64) }
    }

    async fn answer(&mut self, answers: &Answers, format: Format) -> io::Result<()> {
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let (parts, burst) = answers.of(format);
        let is_stream = answers.asks_for_stream(&self.window.head)
            || answers.asks_for_stream(&self.window.tail);
        if !is_stream {
            if !answers.delay.is_zero() {
                tokio::time::sleep(answers.delay).await;
            }
            return self.socket.write_all(&parts.json).await;
        }
        if answers.pace_us > 0 {
            return self.pace(answers, parts).await;
        }
        self.counters.deltas.fetch_add(answers.deltas as u64, Ordering::Relaxed);
        self.socket.write_all(burst).await
    }

    async fn pace(&mut self, answers: &Answers, parts: &FormatAnswers) -> io::Result<()> {
        self.socket.write_all(&parts.opening).await?;
        let ticker = Ticker::new(answers.pace_us)?;
        let mut delta = parts.delta.clone();
        let mut left = answers.deltas as u64;
        while left > 0 {
            // A late mock keeps to the schedule, and each delta carries its true send time.
            for _ in 0..ticker.tick().await?.min(left) {
                write_stamp(&mut delta[parts.stamp..parts.stamp + STAMP_LEN], monotonic_ns());
                self.socket.write_all(&delta).await?;
                self.counters.deltas.fetch_add(1, Ordering::Relaxed);
                left -= 1;
            }
        }
        self.socket.write_all(&parts.closing).await
    }

    async fn tell_counters(&mut self) -> io::Result<()> {
        let counters = serde_json::json!({
            "requests": self.counters.requests.load(Ordering::Relaxed),
            "body_bytes": self.counters.body_bytes.load(Ordering::Relaxed),
            "deltas": self.counters.deltas.load(Ordering::Relaxed),
        });
        self.socket.write_all(&json_answer("200 OK", &counters.to_string())).await
    }
}

fn write_stamp(digits: &mut [u8], stamp: u64) {
    let mut rest = stamp;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_flag_is_found_however_it_is_spaced() {
        let answers = Answers::new(1, 0, Duration::ZERO);
        assert!(answers.asks_for_stream(b"{\"model\":\"m\",\"stream\":true}"));
        assert!(answers.asks_for_stream(b"{\"stream\" : true}"));
        assert!(!answers.asks_for_stream(b"{\"stream\":false,\"stop\":true}"));
        assert!(!answers.asks_for_stream(b"{\"text\":\"\\\"stream\\\":true\"}"));
        assert!(!answers.asks_for_stream(b"{\"stream\""));
    }

    #[test]
    fn the_stamp_stands_where_the_delta_holds_zeros() {
        for format in [Format::AnthropicMessages, Format::OpenaiChat] {
            let parts = FormatAnswers::new(format, 1);
            let mut delta = parts.delta.clone();
            let digits = &mut delta[parts.stamp..parts.stamp + STAMP_LEN];
            assert_eq!(digits, [b'0'; STAMP_LEN]);
            write_stamp(digits, 12_345);
            assert!(String::from_utf8_lossy(&delta).contains("\"00000000000000012345 lock\""));
        }
    }

    #[test]
    fn both_ends_of_a_body_are_kept() {
        let mut window = Window::default();
        let body: Vec<u8> = (0..3_000_u32).map(|n| (n % 251) as u8).collect();
        for piece in body.chunks(700) {
            window.push(piece);
        }
        assert_eq!(window.head, &body[..WINDOW_BYTES]);
        assert_eq!(window.tail, &body[body.len() - WINDOW_BYTES..]);
        assert_eq!(window.seen, 3_000);
    }
}
