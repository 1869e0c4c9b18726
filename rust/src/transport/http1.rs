//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! It is no task of its own: an exchange that polls its connection itself is woken once for what
//! arrives, and takes everything that has arrived in one go.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::body::GatherBody;
use super::connect::Connected;
use super::failure::{Failure, from_hyper};
use super::io::{Counted, Traffic};
use super::{MAX_HEADER_BYTES, MAX_HEADERS, READ_BUFFER_BYTES};

type Wire = http1::Connection<TokioIo<Counted>, GatherBody>;

pub(super) struct Http1 {
    sender: SendRequest<GatherBody>,
    /// Nothing once it has ended.
    wire: Option<Pin<Box<Wire>>>,
    pub(super) traffic: Arc<Traffic>,
}

impl Http1 {
    pub(super) async fn new(connected: Connected) -> Result<Self, Failure> {
        let traffic = Arc::new(Traffic::default());
        let io = TokioIo::new(Counted { socket: connected.socket, traffic: Arc::clone(&traffic) });
        let (sender, wire) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEADER_BYTES)
            .max_buf_size(READ_BUFFER_BYTES)
            .handshake(io)
            .await
            .map_err(|e| from_hyper(&e, false))?;
        Ok(Self { sender, wire: Some(Box::pin(wire)), traffic })
    }

    /// Reads and writes what can be; how the connection ended shows in the exchange on it.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.wire, cx);
    }

    /// Whether another request can be sent now.
    pub(super) fn is_ready(&mut self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        self.drive(cx);
        self.wire.is_some() && matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())))
    }

    /// Sends `request` and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<GatherBody>,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let mut sending = std::pin::pin!(self.sender.try_send_request(request));
        let wire = &mut self.wire;
        std::future::poll_fn(|cx| {
            if let Poll::Ready(answer) = sending.as_mut().poll(cx) {
                return Poll::Ready(answer);
            }
            drive(wire, cx);
            sending.as_mut().poll(cx)
        })
        .await
        .map_err(TrySendError::into_error)
    }
}

fn drive(place: &mut Option<Pin<Box<Wire>>>, cx: &mut Context<'_>) {
    if let Some(wire) = place
        && wire.as_mut().poll(cx).is_ready()
    {
        *place = None;
    }
}
