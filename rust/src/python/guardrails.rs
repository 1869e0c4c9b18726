//! The scanner for Python: for tests, scores and the command line; traffic never comes this way.

use pyo3::prelude::*;

use crate::guardrails::{Categories, Scanner};

/// What the detectors find in a text with all of them on, in characters of the text.
#[pyfunction]
pub(super) fn scan(py: Python<'_>, text: &str) -> Vec<(&'static str, usize, usize)> {
    let findings =
        py.detach(|| Scanner::new(Categories::ALL).scan(text.as_bytes(), None)).unwrap_or_default();
    let mut at = (0, 0);
    let mut chars_to = |byte: usize| {
        let between = text.get(at.0..byte).unwrap_or_default();
        at = (byte, at.1 + between.chars().count());
        at.1
    };
    findings.iter().map(|f| (f.category.name(), chars_to(f.start), chars_to(f.end))).collect()
}
