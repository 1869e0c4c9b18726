//! A target, and what its service takes, as handles.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::format_named;
use crate::canonical::{Echo, Effort, Profile};
use crate::transport::Target;

#[pyclass(frozen, name = "Target", module = "codegate._native")]
pub struct PyTarget(pub(super) Arc<Target>);

#[pymethods]
impl PyTarget {
    #[new]
    #[pyo3(signature = (wire_format, base_url, auth, headers, profile=None))]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(
        wire_format: &str,
        base_url: &str,
        auth: Option<(String, String, String)>,
        headers: Vec<(String, String)>,
        profile: Option<&PyProfile>,
    ) -> PyResult<Self> {
        let profile = profile.map(|profile| profile.0.clone()).unwrap_or_default();
        let auth = auth
            .as_ref()
            .map(|(name, prefix, value)| (name.as_str(), prefix.as_str(), value.as_str()));
        Target::new(format_named(wire_format)?, base_url, auth, &headers, profile)
            .map(|target| Self(Arc::new(target)))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

#[pyclass(frozen, name = "Profile", module = "codegate._native")]
pub struct PyProfile(Profile);

#[pymethods]
impl PyProfile {
    #[new]
    #[pyo3(signature = (
        *, vendor, is_limit_completion, takes_stream_usage, takes_text_parts, takes_late_system,
        takes_effort, efforts, has_thinking_switch, echo, has_think_tags, takes_images, refused
    ))]
    #[expect(clippy::too_many_arguments, reason = "facts by name")]
    #[expect(clippy::fn_params_excessive_bools, reason = "facts by name")]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(
        vendor: String,
        is_limit_completion: bool,
        takes_stream_usage: bool,
        takes_text_parts: bool,
        takes_late_system: bool,
        takes_effort: bool,
        efforts: Vec<String>,
        has_thinking_switch: bool,
        echo: String,
        has_think_tags: bool,
        takes_images: Option<bool>,
        refused: Vec<String>,
    ) -> PyResult<Self> {
        let echo = Echo::parse(&echo)
            .ok_or_else(|| PyValueError::new_err("echo is never, calls or always"))?;
        let efforts = efforts.iter().map(|name| Effort::parse(name)).collect::<Option<Vec<_>>>();
        let efforts =
            efforts.ok_or_else(|| PyValueError::new_err("no level of reasoning has that name"))?;
        Ok(Self(Profile {
            vendor,
            is_limit_completion,
            takes_stream_usage,
            takes_text_parts,
            takes_late_system,
            takes_effort,
            efforts,
            has_thinking_switch,
            echo,
            has_think_tags,
            takes_images,
            refused,
            ..Profile::default()
        }))
    }
}
