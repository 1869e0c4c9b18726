//! The boundary to Python: arguments in, handles and finished bytes out. The only module that may
//! name `pyo3`. What crosses is documented in `python/codegate/_native.pyi`.

mod allocator;
mod attempt;
mod bridge;
mod client;
mod guardrails;
mod head;
mod request;
mod sink;
mod target;

use std::panic;
use std::task::{Context, Poll};

use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use crate::formats::{ErrorReply, Format};
use crate::guardrails::Category;

create_exception!(
    codegate._native,
    BodyError,
    PyValueError,
    "A request body that cannot be used; the text says what to do, for the client."
);

fn format_named(name: &str) -> PyResult<Format> {
    Format::parse(name).ok_or_else(|| PyValueError::new_err("no wire format has this name"))
}

/// An error in the format's own shape.
#[pyfunction]
fn error_body<'py>(
    py: Python<'py>,
    wire_format: &str,
    status: u16,
    code: &str,
    message: &str,
    request_id: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let request_id = Some(request_id).filter(|id| !id.is_empty());
    let reply = ErrorReply { status, code, message, request_id };
    Ok(PyBytes::new(py, &format_named(wire_format)?.wire().error_body(&reply)))
}

/// Panic on purpose, to show that a defect in the extension ends one call and nothing else: at
/// once, or with a bridge in a task of its runtime.
#[pyfunction]
#[pyo3(signature = (bridge=None))]
#[expect(clippy::panic, reason = "this is what it is for")]
fn panic_probe(bridge: Option<&Bound<'_, bridge::Bridge>>) -> PyResult<Py<bridge::Pending>> {
    let Some(bridge) = bridge else { panic!("asked for") };
    let fails = |_: &mut Context<'_>| -> Poll<bridge::Build> { panic!("asked for") };
    bridge::Bridge::submit(bridge, std::future::poll_fn(fails))
}

/// Panics become exceptions where they happen; the default report would put what was being
/// processed on standard error.
fn quiet_panics() {
    panic::set_hook(Box::new(|_| {}));
}

#[pymodule(name = "_native")]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    allocator::limit();
    quiet_panics();
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    module.add("BUILD_PROFILE", profile)?;
    module.add("FORMATS", PyTuple::new(py, Format::ALL.map(Format::name))?)?;
    module.add("BodyError", py.get_type::<BodyError>())?;
    module.add_class::<bridge::Bridge>()?;
    module.add_class::<bridge::Pending>()?;
    module.add_class::<head::Head>()?;
    module.add_class::<request::Request>()?;
    module.add_class::<target::PyTarget>()?;
    module.add_class::<target::PyProfile>()?;
    module.add_class::<client::PyDeadlines>()?;
    module.add_class::<client::Client>()?;
    module.add_class::<client::Fetched>()?;
    module.add_class::<attempt::Attempt>()?;
    module.add_class::<attempt::PyUsage>()?;
    module.add_class::<attempt::PyProgress>()?;
    module.add_class::<attempt::Relayed>()?;
    module.add_function(wrap_pyfunction!(error_body, module)?)?;
    module.add("GUARDRAIL_CATEGORIES", PyTuple::new(py, Category::ALL.map(Category::name))?)?;
    module.add("GuardrailError", py.get_type::<guardrails::GuardrailError>())?;
    module.add_class::<guardrails::Guard>()?;
    module.add_class::<guardrails::Masked>()?;
    module.add_function(wrap_pyfunction!(guardrails::check_pattern, module)?)?;
    module.add_function(wrap_pyfunction!(guardrails::scan, module)?)?;
    module.add_function(wrap_pyfunction!(panic_probe, module)?)?;
    module.add_function(wrap_pyfunction!(head::text_headers, module)?)?;
    Ok(())
}
