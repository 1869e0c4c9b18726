//! A parsed request body as a handle.

use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use super::{BodyError, format_named};
use crate::formats::Format;
use crate::request::ParsedRequest;

/// Bodies below this are scanned faster than the interpreter lock is given up and taken again.
const DETACH_BYTES: usize = 16 * 1024;

#[pyclass(frozen, module = "codegate._native")]
pub struct Request(pub(super) Arc<ParsedRequest>);

#[pymethods]
impl Request {
    #[staticmethod]
    fn parse(py: Python<'_>, wire_format: &str, parts: Vec<PyBackedBytes>) -> PyResult<Self> {
        let format = format_named(wire_format)?;
        let size: usize = parts.iter().map(|part| part.len()).sum();
        let parsed = if size > DETACH_BYTES {
            py.detach(|| parse(format, parts))
        } else {
            parse(format, parts)
        };
        parsed.map(Self)
    }

    #[getter]
    fn model(&self) -> &str {
        &self.0.facts.model
    }

    #[getter]
    fn is_streaming(&self) -> bool {
        self.0.facts.is_streaming
    }

    #[getter]
    fn max_output(&self) -> Option<u64> {
        self.0.facts.max_output
    }

    #[getter]
    fn session_hint(&self) -> Option<&str> {
        self.0.facts.session_hint.as_deref()
    }

    fn prefix_hash(&self) -> Option<u64> {
        self.0.prefix_hash()
    }

    fn asks_long_cache(&self) -> bool {
        self.0.asks_long_cache()
    }

    fn has_images(&self, py: Python<'_>) -> bool {
        if self.0.body_bytes() > DETACH_BYTES {
            py.detach(|| self.0.has_images())
        } else {
            self.0.has_images()
        }
    }

    fn has_tools(&self) -> bool {
        self.0.has_tools()
    }

    /// Tokens of the prompt as far as its length tells.
    fn estimated_tokens(&self, py: Python<'_>) -> PyResult<u64> {
        py.detach(|| self.0.estimated_tokens()).map_err(BodyError::new_err)
    }

    #[getter]
    fn body_bytes(&self) -> usize {
        self.0.body_bytes()
    }
}

/// The parts stay the interpreter's own objects: nothing is copied.
pub(super) fn parse(format: Format, parts: Vec<PyBackedBytes>) -> PyResult<Arc<ParsedRequest>> {
    ParsedRequest::parse(format, parts.into_iter().map(Bytes::from_owner))
        .map(Arc::new)
        .map_err(|error| BodyError::new_err(error.message()))
}
