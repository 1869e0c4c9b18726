//! A target as a handle.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::format_named;
use crate::transport::Target;

#[pyclass(frozen, name = "Target", module = "codegate._native")]
pub struct PyTarget(pub(super) Arc<Target>);

#[pymethods]
impl PyTarget {
    #[new]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(
        wire_format: &str,
        base_url: &str,
        auth: Option<(String, String, String)>,
        headers: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let auth = auth
            .as_ref()
            .map(|(name, prefix, value)| (name.as_str(), prefix.as_str(), value.as_str()));
        Target::new(format_named(wire_format)?, base_url, auth, &headers)
            .map(|target| Self(Arc::new(target)))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }
}
