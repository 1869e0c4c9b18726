//! Guards as handles, and the scanner for tests and the command line.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use super::request::Request;
use crate::guardrails::policy::{self, Mode, Wishes};
use crate::guardrails::token::Spelling;
use crate::guardrails::{Categories, Category, Finding, Scanner, TooSlow};
use crate::request::{MaskedRequest, ParsedRequest};

create_exception!(
    codegate._native,
    GuardrailError,
    PyRuntimeError,
    "A request could not be looked through; nothing of it may go out."
);

/// Bodies below this are masked faster than the interpreter lock is given up and taken again.
const DETACH_BYTES: usize = 4 * 1024;

/// A category and where it stands, in characters.
type Place = (&'static str, usize, usize);

#[pyclass(frozen, module = "codegate._native")]
pub struct Guard(pub(super) Arc<policy::Guard>, pub(super) Arc<AtomicBool>);

#[pymethods]
impl Guard {
    #[new]
    #[pyo3(signature = (roots, tenant, *, modes, patterns, words, allowed, not_in_tool_args, is_portable, timeout_s))]
    #[expect(clippy::too_many_arguments, reason = "keywords in Python")]
    #[expect(clippy::needless_pass_by_value, reason = "extracted from Python")]
    fn new(
        py: Python<'_>,
        roots: Vec<Vec<u8>>,
        tenant: &str,
        modes: HashMap<String, String>,
        patterns: Vec<String>,
        words: Vec<String>,
        allowed: Vec<String>,
        not_in_tool_args: Vec<String>,
        is_portable: bool,
        timeout_s: f64,
    ) -> PyResult<Self> {
        let roots: Result<Vec<[u8; 32]>, _> = roots.into_iter().map(TryInto::try_into).collect();
        let roots = roots.map_err(|_| PyValueError::new_err("a root key has 32 bytes"))?;
        let mut wishes = Wishes {
            patterns,
            words,
            allowed,
            in_tool_args: Categories::ALL,
            spelling: if is_portable { Spelling::Portable } else { Spelling::Short },
            timeout: Duration::try_from_secs_f64(timeout_s).map_err(|_| {
                PyValueError::new_err("a time must be a number of seconds from 0 on")
            })?,
            ..Wishes::default()
        };
        for (name, mode) in &modes {
            let mode = Mode::parse(mode).ok_or_else(|| PyValueError::new_err("no such mode"))?;
            if let Some(place) = wishes.modes.get_mut(category(name)?.index()) {
                *place = mode;
            }
        }
        for name in &not_in_tool_args {
            wishes.in_tool_args.remove(category(name)?);
        }
        let seed: [u8; 32] = py.import("os")?.call_method1("urandom", (32,))?.extract()?;
        let (words, _) = seed.as_chunks::<8>();
        let seed = std::array::from_fn(|n| words.get(n).map_or(0, |w| u64::from_le_bytes(*w)));
        policy::Guard::new(&roots, tenant, wishes, seed)
            .map(|guard| Self(Arc::new(guard), Arc::default()))
            .map_err(|error| PyValueError::new_err(error.0))
    }

    /// `request` as it may go up.
    fn mask(&self, py: Python<'_>, request: &Request) -> PyResult<Masked> {
        if request.0.body_bytes() > DETACH_BYTES {
            py.detach(|| mask(&self.0, &self.1, &request.0))
        } else {
            mask(&self.0, &self.1, &request.0)
        }
    }

    /// From now on every look at a request panics: for tests of what happens then.
    fn break_probe(&self) {
        self.1.store(true, Ordering::Relaxed);
    }

    /// A text as a provider would see it, and what was found in it, in characters.
    fn mask_text(&self, text: &str) -> PyResult<(String, Vec<Place>)> {
        let found = self
            .0
            .find(text.as_bytes(), None)
            .map_err(|_| GuardrailError::new_err("the text took too long"))?;
        let masked = self.0.mask_text(text, &found);
        Ok((masked, in_chars(text, &found)))
    }
}

/// A request without what must not leave, and what that was.
#[pyclass(frozen, module = "codegate._native")]
pub struct Masked {
    request: Arc<ParsedRequest>,
    counts: Vec<(&'static str, u32)>,
    blocked: Option<&'static str>,
}

#[pymethods]
impl Masked {
    #[getter]
    fn request(&self) -> Request {
        Request(Arc::clone(&self.request))
    }

    #[getter]
    fn counts(&self) -> Vec<(&'static str, u32)> {
        self.counts.clone()
    }

    #[getter]
    fn blocked(&self) -> Option<&'static str> {
        self.blocked
    }
}

fn look(
    guard: &policy::Guard,
    is_broken: &AtomicBool,
    request: &Arc<ParsedRequest>,
) -> Result<MaskedRequest, TooSlow> {
    assert!(!is_broken.load(Ordering::Relaxed), "asked for");
    request.masked(guard)
}

/// A detector that fails or takes too long must not let anything out: both are errors.
pub(super) fn mask(
    guard: &policy::Guard,
    is_broken: &AtomicBool,
    request: &Arc<ParsedRequest>,
) -> PyResult<Masked> {
    let masked = catch_unwind(AssertUnwindSafe(|| look(guard, is_broken, request)))
        .map_err(|_| GuardrailError::new_err("a detector failed"))?
        .map_err(|_| GuardrailError::new_err("looking through the request took too long"))?;
    let MaskedRequest { request: made, counts, blocked } = masked;
    let counts = Category::ALL
        .into_iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .map(|(category, count)| (category.name(), count))
        .collect();
    Ok(Masked {
        request: made.unwrap_or_else(|| Arc::clone(request)),
        counts,
        blocked: blocked.map(Category::name),
    })
}

fn category(name: &str) -> PyResult<Category> {
    Category::parse(name).ok_or_else(|| PyValueError::new_err("no detector has this name"))
}

/// What the detectors find in a text with all of them on, in characters of the text.
#[pyfunction]
pub(super) fn scan(py: Python<'_>, text: &str) -> Vec<Place> {
    let findings =
        py.detach(|| Scanner::new(Categories::ALL).scan(text.as_bytes(), None)).unwrap_or_default();
    in_chars(text, &findings)
}

/// Whether a pattern can be used; an error says why not.
#[pyfunction]
pub(super) fn check_pattern(pattern: &str) -> PyResult<()> {
    policy::compile(pattern).map(drop).map_err(|error| PyValueError::new_err(error.0))
}

fn in_chars(text: &str, findings: &[Finding]) -> Vec<Place> {
    let mut at = (0, 0);
    let mut chars_to = |byte: usize| {
        let between = text.get(at.0..byte).unwrap_or_default();
        at = (byte, at.1 + between.chars().count());
        at.1
    };
    findings.iter().map(|f| (f.category.name(), chars_to(f.start), chars_to(f.end))).collect()
}
