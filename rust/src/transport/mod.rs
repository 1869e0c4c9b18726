//! The pooled upstream client: HTTP/1.1 of our own, HTTP/2 on hyper, TLS on rustls.
//!
//! One [`Transport`] serves one process, on one single-threaded runtime. A connection belongs to
//! exactly one HTTP/1.1 exchange at a time; HTTP/2 connections are shared up to the stream limit
//! that the upstream announced. A request is repeated once where nothing was answered and trying
//! again is safe: its pooled connection turned out to be dead before the first byte of an answer,
//! or an HTTP/2 upstream says that it never began with it.

mod body;
mod connect;
mod decode;
mod failure;
pub mod http1;
mod io;
mod pool;
mod proxy;
mod target;

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http::{Method, Request, StatusCode, Uri};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

pub use body::{AnswerBody, GatherBody};
pub use decode::{ACCEPT_ENCODING, Decoder};
pub use failure::{Failure, FailureKind};
pub use proxy::ProxyRules;
pub use target::{Target, TargetError};

use body::Source;
use connect::Connector;
use failure::{from_cut, from_hyper};
use http1::Cut;
use pool::{Pool, Shared, Slot};

/// An upstream's header block may be this large.
const MAX_HEADER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 256;
/// HTTP/2 receive windows: small for a stream, so that a slow client stops its upstream; large for
/// the connection, so that slow clients do not stop the others on it.
const H2_STREAM_WINDOW: u32 = 256 * 1024;
const H2_CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;

/// One request, ready to be written: may be sent twice, so everything in it is shared.
pub struct Outgoing {
    pub method: Method,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: Arc<[Bytes]>,
}

/// The head of an answer and its body, not yet read.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: AnswerBody,
}

/// Why no head of an answer came, and whether the request may have reached the upstream.
#[derive(Debug)]
pub struct NotAnswered {
    pub failure: Failure,
    pub was_sent: bool,
}

/// The process-wide upstream client.
pub struct Transport {
    connector: Connector,
    rules: ProxyRules,
    pool: Pool,
}

/// A connection of our own HTTP/1.1.
type Connection = http1::Connection<io::Socket>;

enum Sender {
    Http1(Box<Connection>),
    Http2(Shared),
}

impl Transport {
    pub fn new(rules: ProxyRules) -> Self {
        Self { connector: Connector::default(), rules, pool: Pool::default() }
    }

    /// Closes pooled connections that were not used lately; call it now and then.
    pub fn reap(&self) {
        self.pool.reap();
    }

    /// Sends `outgoing` and waits for the head of the answer. Dropping the future, or the answer's
    /// body before its end, closes the HTTP/1.1 connection or resets the HTTP/2 stream at once.
    pub async fn send(
        &self,
        target: &Target,
        outgoing: &Outgoing,
        connect_timeout: Duration,
    ) -> Result<Answer, NotAnswered> {
        let slot = self.pool.slot(&target.origin);
        let sender = match slot.checkout() {
            Some(sender) => sender,
            None => self.open_within(connect_timeout, target, &slot).await?,
        };
        match exchange(sender, target, outgoing, &slot).await {
            Err(Broken { is_repeatable: true, .. }) => {}
            other => return other.map_err(Broken::into_not_answered),
        }
        let sender = self.open_within(connect_timeout, target, &slot).await?;
        exchange(sender, target, outgoing, &slot).await.map_err(Broken::into_not_answered)
    }

    async fn open_within(
        &self,
        time: Duration,
        target: &Target,
        slot: &Arc<Slot>,
    ) -> Result<Sender, NotAnswered> {
        tokio::time::timeout(time, self.open(target, slot))
            .await
            .unwrap_or_else(|_| {
                Err(Failure::new(
                    FailureKind::ConnectTimeout,
                    "connecting to the upstream took too long",
                ))
            })
            .map_err(|failure| NotAnswered { failure, was_sent: false })
    }

    /// Opens a connection. While it is not known whether a TLS origin speaks HTTP/2, callers wait
    /// for the first connection: a burst of first requests must not open one connection each.
    async fn open(&self, target: &Target, slot: &Arc<Slot>) -> Result<Sender, Failure> {
        let origin = &target.origin;
        let _gate = if origin.is_tls && slot.may_be_h2() {
            let gate = slot.gate.lock().await;
            if let Some(shared) = slot.shared() {
                return Ok(Sender::Http2(shared));
            }
            Some(gate)
        } else {
            None
        };
        let connected = self.connector.connect(origin, self.rules.for_origin(origin)).await?;
        slot.learn(connected.is_h2);
        if connected.is_h2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .initial_stream_window_size(H2_STREAM_WINDOW)
                .initial_connection_window_size(H2_CONNECTION_WINDOW)
                .max_header_list_size(MAX_HEADER_BYTES as u32)
                .keep_alive_interval(Duration::from_secs(20))
                .keep_alive_timeout(Duration::from_secs(10))
                .handshake(TokioIo::new(connected.socket))
                .await
                .map_err(|e| from_hyper(&e, false))?;
            let limit = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
            let announced = Arc::clone(&limit);
            let mut connection = connection;
            // How a connection ended shows in the exchanges on it.
            tokio::spawn(poll_fn(move |cx| {
                let state = Pin::new(&mut connection).poll(cx);
                announced.store(connection.current_max_send_streams(), Ordering::Relaxed);
                state.map(|_| ())
            }));
            return Ok(Sender::Http2(slot.share(sender, limit)));
        }
        // Of TLS a read brings one record, however many are there.
        let reads_all = matches!(connected.socket, io::Socket::Plain(_));
        Ok(Sender::Http1(Box::new(Connection::new(connected.socket, reads_all))))
    }
}

/// Why an HTTP/2 stream ended before its first byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamEnd {
    /// The upstream refused it unprocessed.
    Refused,
    /// The upstream takes no more on this connection, and never began with this one.
    GoneAway,
    /// The connection under it is gone.
    Disconnected,
    /// It was begun and broken off.
    Other,
}

fn stream_end(error: &hyper::Error) -> StreamEnd {
    let source = error.source();
    if let Some(error) = source.and_then(|e| e.downcast_ref::<h2::Error>()) {
        // A GOAWAY ends only streams beyond the last one that the upstream took up.
        return if !error.is_remote() {
            StreamEnd::Other
        } else if error.is_go_away() {
            StreamEnd::GoneAway
        } else if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
            StreamEnd::Refused
        } else {
            StreamEnd::Other
        };
    }
    let is_io = source.is_some_and(|e| e.downcast_ref::<std::io::Error>().is_some());
    if is_io || error.is_closed() || error.is_canceled() {
        StreamEnd::Disconnected
    } else {
        StreamEnd::Other
    }
}

struct Broken {
    failure: Failure,
    was_sent: bool,
    /// Nothing was answered and the same request may go out once more.
    is_repeatable: bool,
}

impl Broken {
    fn into_not_answered(self) -> NotAnswered {
        NotAnswered { failure: self.failure, was_sent: self.was_sent }
    }
}

async fn exchange(
    sender: Sender,
    target: &Target,
    outgoing: &Outgoing,
    slot: &Arc<Slot>,
) -> Result<Answer, Broken> {
    let (status, headers, source) = match sender {
        Sender::Http1(connection) => exchange_http1(connection, target, outgoing, slot).await?,
        Sender::Http2(shared) => exchange_http2(shared, target, outgoing, slot).await?,
    };
    let encoding = headers.get(CONTENT_ENCODING).map_or("", |v| v.to_str().unwrap_or("?"));
    let decoder = Decoder::for_encoding(encoding).map_err(|failure| Broken {
        failure,
        was_sent: true,
        is_repeatable: false,
    })?;
    Ok(Answer { status, headers, body: AnswerBody::new(source, decoder) })
}

type Head = (StatusCode, HeaderMap, Source);

async fn exchange_http1(
    mut connection: Box<Connection>,
    target: &Target,
    outgoing: &Outgoing,
    slot: &Arc<Slot>,
) -> Result<Head, Broken> {
    let path: Uri = outgoing.path.parse().map_err(|_| unwritable())?;
    let path = path.path_and_query().ok_or_else(unwritable)?;
    let size = outgoing.body.iter().map(Bytes::len).sum();
    let (method, host) = (&outgoing.method, &target.host_header);
    let head = http1::request_head(method, path.as_str(), host, &outgoing.headers, size);
    connection.begin(head, &outgoing.body);
    match poll_fn(|cx| connection.poll_head(cx)).await {
        Ok((status, headers)) => {
            Ok((status, headers, Source::Http1 { connection, slot: Arc::clone(slot) }))
        }
        Err(cut) => Err(Broken {
            failure: from_cut(cut),
            was_sent: connection.has_written(),
            is_repeatable: connection.is_reused() && cut == Cut::Unanswered,
        }),
    }
}

async fn exchange_http2(
    mut shared: Shared,
    target: &Target,
    outgoing: &Outgoing,
    slot: &Arc<Slot>,
) -> Result<Head, Broken> {
    let request = http2_request(target, outgoing).ok_or_else(unwritable)?;
    let is_reused = shared.is_reused;
    match shared.sender.try_send_request(request).await {
        Ok(response) => {
            let (parts, incoming) = response.into_parts();
            Ok((parts.status, parts.headers, Source::Http2 { incoming, _shared: shared }))
        }
        Err(mut error) => {
            let was_sent = error.take_message().is_none();
            let error = error.into_error();
            let end = stream_end(&error);
            if matches!(end, StreamEnd::GoneAway | StreamEnd::Disconnected) {
                slot.retire(&shared);
            }
            Err(Broken {
                failure: from_hyper(&error, false),
                was_sent,
                is_repeatable: match end {
                    StreamEnd::Refused | StreamEnd::GoneAway => true,
                    StreamEnd::Disconnected => is_reused,
                    StreamEnd::Other => false,
                },
            })
        }
    }
}

fn http2_request(target: &Target, outgoing: &Outgoing) -> Option<Request<GatherBody>> {
    let mut request = Request::new(GatherBody::new(Arc::clone(&outgoing.body)));
    *request.method_mut() = outgoing.method.clone();
    *request.uri_mut() = Uri::builder()
        .scheme(if target.origin.is_tls { "https" } else { "http" })
        .authority(target.host_header.as_bytes())
        .path_and_query(outgoing.path.as_str())
        .build()
        .ok()?;
    *request.headers_mut() = outgoing.headers.clone();
    Some(request)
}

fn unwritable() -> Broken {
    Broken {
        failure: Failure::new(FailureKind::Protocol, "the request cannot be written as valid HTTP"),
        was_sent: false,
        is_repeatable: false,
    }
}

/// Counts what is under way; a clone held by each exchange.
#[derive(Clone, Default)]
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
