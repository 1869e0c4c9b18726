//! Writing a stream to the server, straight from the runtime thread.
//!
//! Granian's ASGI `send` may be called from any thread. It returns an awaitable that is either
//! done already, or pending while the client is slow: then its done-callback, which the event loop
//! calls, lets the relay go on. That is the back-pressure. An RSGI transport has none: it takes
//! everything at once.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyType};
use tokio::sync::oneshot;

use super::attempt::join;
use crate::relay::{End, Progress};

/// Resolves when the server took what it had no room for; fails where the event loop is gone.
pub(super) type Taken = oneshot::Receiver<()>;

/// Where the batches of a stream go.
pub(super) trait Sink: Send + 'static {
    /// Hands `parts` to the server; with an `end` they are the last. Where it has no room for
    /// them yet, it says so when it took them.
    fn write(&self, parts: &[Bytes], end: Option<End>) -> Result<Option<Taken>, End>;

    /// Nothing more will be written.
    fn close(self);
}

pub(super) struct AsgiSink {
    send: Py<PyAny>,
    context: Py<PyAny>,
    progress: Arc<Progress>,
}

/// Called by the event loop when a pending write was taken.
#[pyclass(frozen, module = "codegate._native")]
struct Written {
    sender: Mutex<Option<oneshot::Sender<()>>>,
    progress: Arc<Progress>,
    end: Option<End>,
}

#[pymethods]
impl Written {
    fn __call__(&self, _done: &Bound<'_, PyAny>) {
        self.progress.set_delivered(self.end);
        if let Some(sender) = self.sender.lock().take() {
            let _ = sender.send(());
        }
    }
}

impl AsgiSink {
    pub(super) fn new(py: Python<'_>, send: Py<PyAny>, progress: Arc<Progress>) -> PyResult<Self> {
        let context = py.import(intern!(py, "contextvars"))?.getattr("copy_context")?.call0()?;
        Ok(Self { send, context: context.unbind(), progress })
    }

    fn send(&self, py: Python<'_>, parts: &[Bytes], end: Option<End>) -> PyResult<Option<Taken>> {
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "http.response.body"))?;
        message.set_item(intern!(py, "body"), join(py, parts)?)?;
        message.set_item(intern!(py, "more_body"), end.is_none())?;
        // Noted before the call, in which the server may let other threads run: a client that has
        // everything may leave at once, and its watcher must find this here.
        self.progress.set_delivered(end);
        let awaitable = match self.send.bind(py).call1((message,)) {
            Ok(awaitable) => awaitable,
            Err(error) => {
                self.progress.set_delivered(None);
                return Err(error);
            }
        };
        if is_done(&awaitable)? {
            return Ok(None);
        }
        self.progress.set_delivered(None);
        let (sender, taken) = oneshot::channel();
        let written = Py::new(
            py,
            Written { sender: Mutex::new(Some(sender)), progress: Arc::clone(&self.progress), end },
        )?;
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "context"), &self.context)?;
        awaitable.call_method(intern!(py, "add_done_callback"), (written,), Some(&keywords))?;
        Ok(Some(taken))
    }
}

impl Sink for AsgiSink {
    fn write(&self, parts: &[Bytes], end: Option<End>) -> Result<Option<Taken>, End> {
        Python::attach(|py| self.send(py, parts, end)).map_err(|_| End::ClientClosed)
    }

    fn close(self) {}
}

/// The transport of an RSGI stream. Its end is that nobody holds it any more.
pub(super) struct RsgiSink {
    transport: Mutex<Option<Py<PyAny>>>,
    progress: Arc<Progress>,
}

impl RsgiSink {
    pub(super) fn new(transport: Py<PyAny>, progress: Arc<Progress>) -> Self {
        Self { transport: Mutex::new(Some(transport)), progress }
    }

    fn send(&self, py: Python<'_>, parts: &[Bytes], end: Option<End>) -> PyResult<bool> {
        let mut held = self.transport.lock();
        let Some(transport) = &*held else { return Ok(false) };
        self.progress.set_delivered(end);
        let taken = if parts.is_empty() {
            Ok(true)
        } else {
            transport
                .bind(py)
                .call_method1(intern!(py, "send_bytes"), (join(py, parts)?,))
                .and_then(|awaitable| is_done(&awaitable))
        };
        if !matches!(taken, Ok(true)) {
            self.progress.set_delivered(None);
        }
        if end.is_some() {
            // While the interpreter is held, or the end would wait for whoever holds it next.
            drop(held.take());
        }
        taken
    }
}

impl Sink for RsgiSink {
    fn write(&self, parts: &[Bytes], end: Option<End>) -> Result<Option<Taken>, End> {
        match Python::attach(|py| self.send(py, parts, end)) {
            Ok(true) => Ok(None),
            Ok(false) | Err(_) => Err(End::ClientClosed),
        }
    }

    fn close(self) {
        if self.transport.lock().is_some() {
            Python::attach(|_| drop(self));
        }
    }
}

/// Granian marks a write that was taken at once by the type of what it returns.
fn is_done(awaitable: &Bound<'_, PyAny>) -> PyResult<bool> {
    static DONE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let (py, kind) = (awaitable.py(), awaitable.get_type());
    if DONE.get(py).is_some_and(|done| kind.is(done)) {
        return Ok(true);
    }
    let name: Bound<'_, PyString> = kind.name()?;
    let is_done = name.as_any().eq(intern!(py, "PyEmptyAwaitable"))?;
    if is_done {
        let _ = DONE.set(py, kind.unbind());
    }
    Ok(is_done)
}
