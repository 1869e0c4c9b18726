//! Writing a stream through the server's ASGI `send`, straight from the runtime thread.
//!
//! Granian's `send` may be called from any thread. It returns an awaitable that is either done
//! already, or pending while the client is slow: then its done-callback, which the event loop
//! calls, lets the relay go on. That is the back-pressure.

use bytes::Bytes;
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tokio::sync::oneshot;

use super::attempt::join;
use crate::relay::{End, Progress};

pub(super) struct AsgiSink {
    send: Py<PyAny>,
    context: Py<PyAny>,
}

/// Called by the event loop when a pending write was taken.
#[pyclass(frozen, module = "codegate._native")]
struct Written(Mutex<Option<oneshot::Sender<()>>>);

#[pymethods]
impl Written {
    fn __call__(&self, _done: &Bound<'_, PyAny>) {
        if let Some(sender) = self.0.lock().take() {
            let _ = sender.send(());
        }
    }
}

impl AsgiSink {
    pub(super) fn new(py: Python<'_>, send: Py<PyAny>) -> PyResult<Self> {
        let context = py.import(intern!(py, "contextvars"))?.getattr("copy_context")?.call0()?;
        Ok(Self { send, context: context.unbind() })
    }

    /// Hands `parts` to the server as one message and waits until it took them.
    /// With an `end` it is the stream's last, which `progress` notes as soon as it was taken.
    pub(super) async fn write(
        &self,
        parts: Vec<Bytes>,
        end: Option<End>,
        progress: &Progress,
    ) -> Result<(), End> {
        let note = || {
            if let Some(end) = end {
                progress.set_ended(end);
            }
        };
        let waiting = Python::attach(|py| {
            let waiting = self.send(py, &parts, end.is_some());
            if matches!(waiting, Ok(None)) {
                // Before the event loop can run again: the client may leave as soon as it has all.
                note();
            }
            waiting
        });
        drop(parts);
        match waiting {
            Ok(None) => Ok(()),
            // A dropped sender means that the event loop is gone.
            Ok(Some(taken)) => taken.await.map(|()| note()).map_err(|_| End::ClientClosed),
            Err(_) => Err(End::ClientClosed),
        }
    }

    fn send(
        &self,
        py: Python<'_>,
        parts: &[Bytes],
        is_last: bool,
    ) -> PyResult<Option<oneshot::Receiver<()>>> {
        let message = PyDict::new(py);
        message.set_item(intern!(py, "type"), intern!(py, "http.response.body"))?;
        message.set_item(intern!(py, "body"), join(py, parts)?)?;
        message.set_item(intern!(py, "more_body"), !is_last)?;
        let awaitable = self.send.bind(py).call1((message,))?;
        if is_done(&awaitable)? {
            return Ok(None);
        }
        let (sender, taken) = oneshot::channel();
        let written = Py::new(py, Written(Mutex::new(Some(sender))))?;
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "context"), &self.context)?;
        awaitable.call_method(intern!(py, "add_done_callback"), (written,), Some(&keywords))?;
        Ok(Some(taken))
    }
}

/// Granian marks a write that was taken at once by the type of what it returns.
fn is_done(awaitable: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = awaitable.py();
    let name: Bound<'_, PyString> = awaitable.get_type().name()?;
    name.as_any().eq(intern!(py, "PyEmptyAwaitable"))
}
