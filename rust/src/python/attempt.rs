//! The result of one try, and the stream it may hold.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderMap;
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

use super::bridge::{Bridge, Build, Pending};
use super::sink::{AsgiSink, RsgiSink, Sink, Taken};
use crate::attempt::{Attempted, Outcome};
use crate::canonical::Losses;
use crate::formats::{ErrorFacts, Usage};
use crate::relay::{Batch, End, Progress, Stop, Stream};
use crate::transport::Failure;

#[pyclass(frozen, name = "Usage", module = "codegate._native")]
pub struct PyUsage(Usage);

#[pymethods]
impl PyUsage {
    #[getter]
    fn input(&self) -> Option<u64> {
        self.0.input
    }

    #[getter]
    fn output(&self) -> Option<u64> {
        self.0.output
    }

    #[getter]
    fn cache_read(&self) -> Option<u64> {
        self.0.cache_read
    }

    #[getter]
    fn cache_write(&self) -> Option<u64> {
        self.0.cache_write
    }

    #[getter]
    fn reasoning(&self) -> Option<u64> {
        self.0.reasoning
    }

    #[getter]
    fn is_estimated(&self) -> bool {
        self.0.estimated
    }
}

#[pyclass(frozen, name = "Progress", module = "codegate._native")]
pub struct PyProgress {
    bytes_out: u64,
    usage: Usage,
    malformed_events: u32,
    delivered: Option<End>,
}

#[pymethods]
impl PyProgress {
    #[getter]
    fn delivered(&self) -> Option<&'static str> {
        self.delivered.map(End::name)
    }

    #[getter]
    fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    #[getter]
    fn usage(&self) -> Option<PyUsage> {
        self.usage.is_known().then_some(PyUsage(self.usage))
    }

    #[getter]
    fn malformed_events(&self) -> u32 {
        self.malformed_events
    }
}

/// How a stream ended.
#[pyclass(frozen, module = "codegate._native")]
pub struct Relayed(End);

#[pymethods]
impl Relayed {
    #[getter]
    fn reason(&self) -> &'static str {
        self.0.name()
    }
}

enum Held {
    Plain { body: Vec<Bytes>, usage: Usage },
    Stream,
    Refused { facts: Box<ErrorFacts>, body: Vec<Bytes>, is_passable: bool, status: Option<u16> },
    Failed(Failure),
}

#[pyclass(frozen, module = "codegate._native")]
pub struct Attempt {
    bridge: Py<Bridge>,
    held: Held,
    status: u16,
    headers: HeaderMap,
    retry_after_ms: Option<u64>,
    was_sent: bool,
    losses: Losses,
    /// Taken out while somebody reads from it.
    stream: Arc<Mutex<Option<Box<Stream>>>>,
    progress: Arc<Progress>,
    stop: Arc<Stop>,
}

impl Attempt {
    pub(super) fn new(bridge: Py<Bridge>, attempted: Attempted) -> Self {
        let mut stream = None;
        let held = match attempted.result {
            Outcome::Plain { body, usage } => Held::Plain { body, usage },
            Outcome::Stream(taken) => {
                stream = Some(taken);
                Held::Stream
            }
            Outcome::Refused { facts, body, is_passable, status } => {
                Held::Refused { facts, body, is_passable, status }
            }
            Outcome::Failed(failure) => Held::Failed(failure),
        };
        let (progress, stop) = match &stream {
            Some(stream) => (Arc::clone(&stream.progress), Arc::clone(&stream.stop)),
            None => (Arc::default(), Arc::default()),
        };
        Self {
            bridge,
            held,
            status: attempted.status,
            headers: attempted.headers,
            retry_after_ms: attempted.retry_after_ms,
            was_sent: attempted.was_sent,
            losses: attempted.losses,
            stream: Arc::new(Mutex::new(stream)),
            progress,
            stop,
        }
    }

    fn facts(&self) -> Option<&ErrorFacts> {
        match &self.held {
            Held::Refused { facts, .. } => Some(facts),
            _ => None,
        }
    }

    fn take_stream(&self) -> PyResult<Box<Stream>> {
        self.stream
            .lock()
            .take()
            .ok_or_else(|| PyRuntimeError::new_err("there is no stream, or it is being read"))
    }

    fn relay_to<S: Sink>(&self, py: Python<'_>, sink: S) -> PyResult<Py<Pending>> {
        let mut stream = self.take_stream()?;
        let bridge = self.bridge.bind(py);
        let pace = bridge.get().pace();
        Bridge::submit(bridge, async move {
            let end = loop {
                let Batch { parts, end } = stream.next_batch().await;
                pace.note();
                let written = sink.write(&parts, end);
                drop(parts);
                let written = match written {
                    Ok(Some(taken)) => within(stream.deadlines().write, taken).await,
                    Ok(None) => Ok(()),
                    Err(end) => Err(end),
                };
                match (written, end) {
                    (Err(end), _) | (Ok(()), Some(end)) => break end,
                    (Ok(()), None) => {}
                }
            };
            // The upstream goes before the client's task goes on.
            drop(stream);
            sink.close();
            relayed(end)
        })
    }
}

#[pymethods]
impl Attempt {
    #[getter]
    fn is_committable(&self) -> bool {
        matches!(self.held, Held::Plain { .. } | Held::Stream)
    }

    #[getter]
    fn is_stream(&self) -> bool {
        matches!(self.held, Held::Stream)
    }

    #[getter]
    fn failure(&self) -> Option<&'static str> {
        match &self.held {
            Held::Failed(failure) => Some(failure.kind.name()),
            _ => None,
        }
    }

    #[getter]
    fn message(&self) -> &str {
        match &self.held {
            Held::Failed(failure) => &failure.message,
            Held::Refused { facts, .. } => &facts.message,
            _ => "",
        }
    }

    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    /// The status that goes to the client with `body`.
    #[getter]
    fn answer_status(&self) -> u16 {
        match &self.held {
            Held::Refused { status: Some(status), .. } => *status,
            _ => self.status,
        }
    }

    #[getter]
    fn losses(&self) -> Vec<String> {
        self.losses.each()
    }

    #[getter]
    fn error_type(&self) -> Option<&str> {
        self.facts().and_then(|facts| facts.kind.as_deref())
    }

    #[getter]
    fn error_code(&self) -> Option<&str> {
        self.facts().and_then(|facts| facts.error_code.as_deref().or(facts.code.as_deref()))
    }

    #[getter]
    fn is_error_passable(&self) -> bool {
        matches!(self.held, Held::Refused { is_passable: true, .. })
    }

    #[getter]
    fn retry_after_ms(&self) -> Option<u64> {
        self.retry_after_ms
    }

    #[getter]
    fn was_sent(&self) -> bool {
        self.was_sent
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (name, value) in &self.headers {
            let name = PyBytes::new(py, name.as_str().as_bytes());
            let value = PyBytes::new(py, value.as_bytes());
            list.append(PyTuple::new(py, [name, value])?)?;
        }
        Ok(list)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        match &self.held {
            Held::Plain { body, .. } | Held::Refused { body, .. } => join(py, body),
            _ => Ok(PyBytes::new(py, b"")),
        }
    }

    #[getter]
    fn usage(&self) -> Option<PyUsage> {
        match &self.held {
            Held::Plain { usage, .. } if usage.is_known() => Some(PyUsage(*usage)),
            _ => None,
        }
    }

    /// The bytes of a stream that is here to its end already, and how it ended.
    fn whole<'py>(&self, py: Python<'py>) -> PyResult<Option<(Bound<'py, PyBytes>, &'static str)>> {
        let mut place = self.stream.lock();
        let Some(batch) = place.as_mut().and_then(|stream| stream.whole()) else { return Ok(None) };
        *place = None;
        let Some(end) = batch.end else { return Ok(None) };
        Ok(Some((join(py, &batch.parts)?, end.name())))
    }

    /// Sends the stream by the server's own `send`, from the runtime thread.
    fn relay(&self, py: Python<'_>, send: Py<PyAny>) -> PyResult<Py<Pending>> {
        let sink = AsgiSink::new(py, send, Arc::clone(&self.progress))?;
        self.relay_to(py, sink)
    }

    /// The same by the transport of an RSGI stream, which ends with it.
    fn relay_bytes(&self, py: Python<'_>, transport: Py<PyAny>) -> PyResult<Py<Pending>> {
        self.relay_to(py, RsgiSink::new(transport, Arc::clone(&self.progress)))
    }

    /// The next piece as bytes, then how the stream ended.
    fn next_chunk(&self, py: Python<'_>) -> PyResult<Py<Pending>> {
        let mut stream = self.take_stream()?;
        let place = Arc::clone(&self.stream);
        Bridge::submit(self.bridge.bind(py), async move {
            if let Some(end) = stream.over() {
                return relayed(end);
            }
            let batch = stream.next_batch().await;
            if batch.parts.is_empty()
                && let Some(end) = batch.end
            {
                return relayed(end);
            }
            *place.lock() = Some(stream);
            Box::new(move |py: Python<'_>| Ok(join(py, &batch.parts)?.into_any().unbind())) as Build
        })
    }

    fn progress(&self) -> PyProgress {
        let (usage, malformed_events) = self.progress.counts();
        PyProgress {
            bytes_out: self.progress.bytes_out(),
            usage,
            malformed_events,
            delivered: self.progress.delivered(),
        }
    }

    /// Ends a running relay with an error event.
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn stop(&self, reason: String) -> PyResult<()> {
        if reason != End::Drained.name() {
            return Err(pyo3::exceptions::PyValueError::new_err("a stream stops for a drain only"));
        }
        self.stop.set();
        Ok(())
    }
}

/// Waits until the server took a batch, at most for `limit` where that is not zero.
async fn within(limit: Duration, taken: Taken) -> Result<(), End> {
    let taken = if limit.is_zero() {
        taken.await
    } else {
        tokio::time::timeout(limit, taken).await.map_err(|_| End::WriteTimeout)?
    };
    taken.map_err(|_| End::ClientClosed)
}

fn relayed(end: End) -> Build {
    Box::new(move |py: Python<'_>| Ok(Py::new(py, Relayed(end))?.into_any()))
}

/// All parts as one Python object, copied once.
pub(super) fn join<'py>(py: Python<'py>, parts: &[Bytes]) -> PyResult<Bound<'py, PyBytes>> {
    if let [only] = parts {
        return Ok(PyBytes::new(py, only));
    }
    let size = parts.iter().map(Bytes::len).sum();
    PyBytes::new_with(py, size, |mut out| {
        for part in parts {
            let (target, rest) = out.split_at_mut(part.len());
            target.copy_from_slice(part);
            out = rest;
        }
        Ok(())
    })
}
