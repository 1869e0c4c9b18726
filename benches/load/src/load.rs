//! The closed-loop client: each connection sends the next request when it has checked the whole
//! answer to the last one.

use std::io;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use crate::answers::Format;
use crate::args::Args;
use crate::clock::{cpu_ns, monotonic_ns};
use crate::expect::{Expected, Progress, excerpt};
use crate::report::{Tally, render};
use crate::wire::{Body, Head, response_head};

const BUFFER_BYTES: usize = 64 * 1024;
/// Pause after a failed exchange, so that a dead gateway is not hammered.
const PAUSE: Duration = Duration::from_millis(5);

const OPTIONS: [&str; 13] = [
    "port",
    "path",
    "format",
    "body",
    "header",
    "connections",
    "duration-ms",
    "total",
    "stream",
    "deltas",
    "expect",
    "stagger-ms",
    "grace-ms",
];

/// What every connection does, and until when.
struct Plan {
    address: SocketAddr,
    request: Vec<u8>,
    expected: Expected,
    /// No exchange starts after this; `None` when exchanges are counted instead.
    until: Option<Instant>,
    /// Exchanges left to start, when they are counted.
    left: AtomicU64,
    /// What has not ended by then counts as failed.
    deadline: Instant,
}

impl Plan {
    fn may_start(&self) -> bool {
        match self.until {
            Some(until) => Instant::now() < until,
            None => self
                .left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
                .is_ok(),
        }
    }
}

pub(crate) fn run(args: &Args) -> Result<(), String> {
    args.only(&OPTIONS)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("no runtime: {e}"))?;
    let report = runtime.block_on(load(args))?;
    writeln!(io::stdout(), "{report}").map_err(|e| format!("report: {e}"))
}

async fn load(args: &Args) -> Result<String, String> {
    let connections: usize = args.number("connections", 8)?;
    let stagger = Duration::from_millis(args.number("stagger-ms", 0)?);
    let plan = Arc::new(plan(args)?);
    let (started, cpu_before) = (monotonic_ns(), cpu_ns());
    let tasks: Vec<_> = (0..connections)
        .map(|index| {
            let delay = stagger.mul_f64(index as f64 / connections as f64);
            tokio::spawn(Client::new(Arc::clone(&plan)).run(delay))
        })
        .collect();
    let mut tally = Tally::default();
    for task in tasks {
        tally.add(task.await.map_err(|e| format!("a connection failed: {e}"))?);
    }
    let seconds = (monotonic_ns() - started) as f64 / 1e9;
    Ok(render(tally, seconds, cpu_ns() - cpu_before))
}

fn plan(args: &Args) -> Result<Plan, String> {
    let port: u16 = args.text("port")?.parse().map_err(|_| "--port: not a port".to_owned())?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let format = Format::named(args.text("format")?)?;
    let deltas = args.number("deltas", 300)?;
    let expected = if args.has("expect") {
        let file = args.text("expect")?;
        let answer = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
        Expected::template(answer, args.has("stream"))
    } else if args.has("stream") {
        Expected::stream(format, deltas)
    } else {
        Expected::json(format)
    };
    let file = args.text("body")?;
    let body = std::fs::read(file).map_err(|e| format!("{file}: {e}"))?;
    let mut request = format!(
        "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n",
        args.text("path")?,
        body.len()
    );
    for header in args.all("header") {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let total: u64 = args.number("total", 0)?;
    let lasts = Duration::from_millis(args.number("duration-ms", 1_000)?);
    let now = Instant::now();
    let until = (total == 0).then(|| now + lasts);
    let grace = Duration::from_millis(args.number("grace-ms", 30_000)?);
    Ok(Plan {
        address,
        request: [request.as_bytes(), &body].concat(),
        expected,
        until,
        left: AtomicU64::new(total),
        deadline: until.unwrap_or(now) + grace,
    })
}

/// Why an exchange failed: a kind to count by and one case told in full.
struct Failure {
    kind: &'static str,
    detail: String,
}

fn failed<T>(kind: &'static str, detail: &(impl ToString + ?Sized)) -> Result<T, Failure> {
    Err(Failure { kind, detail: detail.to_string() })
}

struct Client {
    plan: Arc<Plan>,
    socket: Option<TcpStream>,
    buffer: Vec<u8>,
    tally: Tally,
}

impl Client {
    fn new(plan: Arc<Plan>) -> Self {
        Self { plan, socket: None, buffer: vec![0; BUFFER_BYTES], tally: Tally::default() }
    }

    async fn run(mut self, delay: Duration) -> Tally {
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let deadline = self.plan.deadline;
        if timeout_at(deadline, self.exchanges()).await.is_err() {
            self.tally.fail("timeout", "no whole answer before the deadline");
        }
        self.tally
    }

    async fn exchanges(&mut self) {
        while self.plan.may_start() {
            if let Err(failure) = self.exchange().await {
                self.socket = None;
                self.tally.fail(failure.kind, &failure.detail);
                sleep(PAUSE).await;
            }
        }
    }

    async fn exchange(&mut self) -> Result<(), Failure> {
        let plan = Arc::clone(&self.plan);
        let mut socket = match self.socket.take() {
            Some(socket) => socket,
            None => self.connect().await?,
        };
        let started = monotonic_ns();
        // A gateway may refuse a body before it has read it all: its answer says more.
        let unsent = socket.write_all(&plan.request).await.err();
        let (head, filled) = self.read_head(&mut socket, unsent).await?;
        self.check_head(&head, filled)?;
        let mut answer = Answer::new(&head);
        let mut input = head.len..filled;
        let mut read_at = monotonic_ns();
        loop {
            let used = answer.feed(&plan.expected, &self.buffer[input.clone()], |sent| {
                self.tally.ages.push(read_at.saturating_sub(sent));
            });
            let used = match used {
                Ok(used) => used,
                Err(detail) => return failed("content", &detail),
            };
            if answer.has_begun && answer.first_byte_at == 0 {
                answer.first_byte_at = read_at;
            }
            if answer.body.is_done() {
                if used < input.len() {
                    return failed("framing", "bytes after the end of the answer");
                }
                break;
            }
            let read = match socket.read(&mut self.buffer).await {
                Ok(read) => read,
                Err(error) => return failed("cut", &error),
            };
            read_at = monotonic_ns();
            if read == 0 {
                break;
            }
            input = 0..read;
        }
        if let Err(detail) = answer.progress.finish(&plan.expected) {
            return failed("content", &detail);
        }
        if !answer.body.may_close() {
            return failed("framing", "the connection closed before the end of the body");
        }
        self.tally.succeed(
            read_at - started,
            answer.first_byte_at.saturating_sub(started),
            answer.progress.deltas,
            plan.expected.len(),
        );
        if head.keep_alive && answer.body.is_done() {
            self.socket = Some(socket);
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<TcpStream, Failure> {
        self.tally.connects += 1;
        let connected = TcpStream::connect(self.plan.address).await;
        let nodelay = connected.and_then(|socket| socket.set_nodelay(true).map(|()| socket));
        nodelay.map_err(|e| Failure { kind: "connect", detail: e.to_string() })
    }

    /// The response head and how many bytes stand in the buffer, the head included.
    async fn read_head(
        &mut self,
        socket: &mut TcpStream,
        unsent: Option<io::Error>,
    ) -> Result<(Head, usize), Failure> {
        let mut filled = 0;
        loop {
            match socket.read(&mut self.buffer[filled..]).await {
                Ok(0) if unsent.is_none() => return failed("cut", "closed before an answer"),
                Ok(0) | Err(_) if unsent.is_some() => {
                    return failed("send", &unsent.map_or_else(String::new, |e| e.to_string()));
                }
                Ok(read) => filled += read,
                Err(error) => return failed("cut", &error),
            }
            match response_head(&self.buffer[..filled]) {
                Ok(Some(head)) if head.status == 100 => {
                    self.buffer.copy_within(head.len..filled, 0);
                    filled -= head.len;
                }
                Ok(Some(head)) => return Ok((head, filled)),
                Ok(None) => {}
                Err(error) => return failed("framing", &error),
            }
        }
    }

    fn check_head(&self, head: &Head, filled: usize) -> Result<(), Failure> {
        if head.status != 200 {
            let body = excerpt(&self.buffer[head.len..filled]);
            return failed("status", &format!("{}: {body}", head.status));
        }
        if head.is_event_stream != self.plan.expected.is_stream() {
            return failed("content", "JSON and event stream are confused");
        }
        Ok(())
    }
}

/// One answer on its way in.
struct Answer {
    body: Body,
    progress: Progress,
    has_begun: bool,
    /// When the first byte of the body was read; 0 before.
    first_byte_at: u64,
}

impl Answer {
    fn new(head: &Head) -> Self {
        Self {
            body: Body::new(head.framing),
            progress: Progress::default(),
            has_begun: false,
            first_byte_at: 0,
        }
    }

    /// Takes what belongs to the answer and compares it; returns how many bytes that were.
    fn feed(
        &mut self,
        expected: &Expected,
        input: &[u8],
        mut age: impl FnMut(u64),
    ) -> Result<usize, String> {
        let (progress, mut compared) = (&mut self.progress, Ok(()));
        let has_begun = &mut self.has_begun;
        let used = self.body.feed(input, |data| {
            *has_begun = true;
            if compared.is_ok() {
                compared = progress.feed(expected, data, &mut age);
            }
        });
        compared?;
        used.ok_or_else(|| "broken chunked framing".to_owned())
    }
}
