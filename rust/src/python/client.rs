//! The upstream client of one worker.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use super::attempt::{Attempt, join};
use super::bridge::{Bridge, Build, Pending};
use super::format_named;
use super::guardrails::{self, Guard, GuardrailError};
use super::head::Head;
use super::request::{self, Request};
use super::target::PyTarget;
use crate::attempt::{self, Deadlines, Order};
use crate::canonical::Abilities;
use crate::translate::Seals;
use crate::transport::{Failure, ProxyRules, Transport};

const REAP_EVERY: Duration = Duration::from_secs(15);
/// Editing or translating more than this, which nothing else in the interpreter runs beside, would
/// take longer than to wake up another thread.
const SHORT_BYTES: usize = 16 * 1024;

#[pyclass(frozen, name = "Deadlines", module = "codegate._native")]
pub struct PyDeadlines(Arc<Deadlines>);

#[pymethods]
impl PyDeadlines {
    #[new]
    #[pyo3(signature = (*, connect_s, first_byte_s, idle_s, total_s, write_s, keep_alive_s, max_answer_bytes))]
    fn new(
        connect_s: f64,
        first_byte_s: f64,
        idle_s: f64,
        total_s: f64,
        write_s: f64,
        keep_alive_s: f64,
        max_answer_bytes: usize,
    ) -> PyResult<Self> {
        Ok(Self(Arc::new(Deadlines {
            connect: duration(connect_s)?,
            first_byte: duration(first_byte_s)?,
            idle: duration(idle_s)?,
            total: duration(total_s)?,
            write: duration(write_s)?,
            keep_alive: duration(keep_alive_s)?,
            max_answer: max_answer_bytes,
        })))
    }
}

fn duration(seconds: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err("a time must be a number of seconds from 0 on"))
}

/// The answer to a small request of our own.
#[pyclass(frozen, module = "codegate._native")]
pub struct Fetched {
    failure: Option<&'static str>,
    status: u16,
    parts: Vec<Bytes>,
}

#[pymethods]
impl Fetched {
    #[getter]
    fn failure(&self) -> Option<&'static str> {
        self.failure
    }

    #[getter]
    fn status(&self) -> u16 {
        self.status
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        join(py, &self.parts)
    }
}

#[pyclass(frozen, module = "codegate._native")]
pub struct Client {
    bridge: Py<Bridge>,
    transport: Arc<Transport>,
    seals: Arc<Seals>,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (bridge, https_proxy, no_proxy, seal_key=None))]
    fn new(
        bridge: Py<Bridge>,
        https_proxy: Option<&str>,
        no_proxy: &str,
        seal_key: Option<&[u8]>,
    ) -> PyResult<Self> {
        let rules = ProxyRules::new(https_proxy, no_proxy).map_err(|_| {
            PyValueError::new_err("HTTPS_PROXY must be http://[user:password@]host:port")
        })?;
        let transport = Arc::new(Transport::new(rules));
        let reaped = Arc::downgrade(&transport);
        bridge.get().spawn(async move {
            while let Some(transport) = reaped.upgrade() {
                transport.reap();
                drop(transport);
                tokio::time::sleep(REAP_EVERY).await;
            }
        });
        Ok(Self { bridge, transport, seals: Arc::new(Seals::new(seal_key.unwrap_or_default())) })
    }

    /// `Request.parse` on another thread.
    fn parse(
        &self,
        py: Python<'_>,
        wire_format: &str,
        parts: Vec<PyBackedBytes>,
    ) -> PyResult<Py<Pending>> {
        let format = format_named(wire_format)?;
        Bridge::submit(self.bridge.bind(py), async move {
            let parsed = tokio::task::spawn_blocking(move || request::parse(format, parts)).await;
            Box::new(move |py: Python<'_>| match parsed {
                Ok(parsed) => Ok(Py::new(py, Request(parsed?))?.into_any()),
                Err(_) => Err(pyo3::exceptions::PyRuntimeError::new_err("parsing failed")),
            }) as Build
        })
    }

    /// `Guard.mask` on another thread.
    fn mask(&self, py: Python<'_>, guard: &Guard, request: &Request) -> PyResult<Py<Pending>> {
        let (guard, is_broken) = (Arc::clone(&guard.0), Arc::clone(&guard.1));
        let request = Arc::clone(&request.0);
        Bridge::submit(self.bridge.bind(py), async move {
            let work =
                tokio::task::spawn_blocking(move || guardrails::mask(&guard, &is_broken, &request));
            let masked = work.await;
            Box::new(move |py: Python<'_>| match masked {
                Ok(masked) => Ok(Py::new(py, masked?)?.into_any()),
                Err(_) => Err(GuardrailError::new_err("a detector failed")),
            }) as Build
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one crossing of the boundary per attempt")]
    #[pyo3(signature = (
        target, path, request, head, model, max_output, deadlines, within_s, abilities="",
        is_strict=false
    ))]
    fn send(
        &self,
        py: Python<'_>,
        target: &PyTarget,
        path: String,
        request: &Request,
        head: &Head,
        model: String,
        max_output: Option<u64>,
        deadlines: &PyDeadlines,
        within_s: f64,
        abilities: &str,
        is_strict: bool,
    ) -> PyResult<Py<Pending>> {
        let order = Order {
            target: Arc::clone(&target.0),
            path,
            request: Arc::clone(&request.0),
            client_headers: Arc::clone(&head.headers),
            model,
            max_output,
            deadlines: Arc::clone(&deadlines.0),
            // Nothing left still gets a moment: a zero would mean no limit.
            within: duration(within_s.max(0.001))?,
            abilities: Abilities::parse(abilities),
            is_strict,
            seals: Arc::clone(&self.seals),
        };
        let order = Arc::new(order);
        let transport = Arc::clone(&self.transport);
        let bridge = self.bridge.clone_ref(py);
        let is_short = order.request.body_bytes() <= SHORT_BYTES;
        let work = async move {
            let attempted = attempt::run(&transport, &order).await;
            Box::new(move |py: Python<'_>| {
                Ok(Py::new(py, Attempt::new(bridge, attempted))?.into_any())
            }) as Build
        };
        let bridge = self.bridge.bind(py);
        if is_short { Bridge::submit_short(bridge, work) } else { Bridge::submit(bridge, work) }
    }

    #[pyo3(signature = (target, path, *, timeout_s, max_bytes))]
    fn fetch(
        &self,
        py: Python<'_>,
        target: &PyTarget,
        path: String,
        timeout_s: f64,
        max_bytes: usize,
    ) -> PyResult<Py<Pending>> {
        let (target, transport) = (Arc::clone(&target.0), Arc::clone(&self.transport));
        let time = duration(timeout_s)?;
        Bridge::submit(self.bridge.bind(py), async move {
            let fetched = match attempt::fetch(&transport, &target, path, time, max_bytes).await {
                Ok((status, parts)) => Fetched { failure: None, status, parts },
                Err(Failure { kind, .. }) => {
                    Fetched { failure: Some(kind.name()), status: 0, parts: Vec::new() }
                }
            };
            Box::new(move |py: Python<'_>| Ok(Py::new(py, fetched)?.into_any())) as Build
        })
    }
}
