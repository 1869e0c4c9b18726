//! A request's headers, read once.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};

#[pyclass(frozen, module = "codegate._native")]
pub struct Head {
    pub(super) headers: Arc<[(HeaderName, HeaderValue)]>,
    keys: Py<PyTuple>,
    content_length: Option<u64>,
    content_encoding: Option<Py<PyBytes>>,
    host: Option<Py<PyBytes>>,
    host_count: usize,
    is_anthropic: bool,
    session: Option<String>,
    account: Option<String>,
}

/// Headers by which clients name their session, the surest first.
const SESSION: [&[u8]; 3] = [b"x-claude-code-session-id", b"session-id", b"x-session-id"];
/// Longest name of a session that is taken, in bytes.
const NAME_BYTES: usize = 1024;

#[pymethods]
impl Head {
    #[new]
    fn new(headers: &Bound<'_, PyList>) -> PyResult<Self> {
        let py = headers.py();
        let mut kept = Vec::with_capacity(headers.len());
        let mut keys: Vec<Bound<'_, PyBytes>> = Vec::new();
        let mut head = Self {
            headers: Arc::from([]),
            keys: PyTuple::empty(py).unbind(),
            content_length: None,
            content_encoding: None,
            host: None,
            host_count: 0,
            is_anthropic: false,
            session: None,
            account: None,
        };
        let mut rank = SESSION.len();
        for pair in headers.iter() {
            let (name, value): (Bound<'_, PyBytes>, Bound<'_, PyBytes>) = pair.extract()?;
            let (name, text) = (name.as_bytes(), value.as_bytes());
            match name {
                b"x-api-key" | b"x-goog-api-key" => add_key(&mut keys, PyBytes::new(py, text)),
                b"authorization" => {
                    if let Some(key) = bearer(text) {
                        add_key(&mut keys, PyBytes::new(py, key));
                    }
                }
                b"host" => {
                    head.host_count += 1;
                    head.host = Some(value.unbind());
                }
                b"content-length" => {
                    head.content_length =
                        std::str::from_utf8(text).ok().and_then(|t| t.trim().parse().ok());
                }
                b"content-encoding" => head.content_encoding = Some(value.unbind()),
                // One that cannot be read must not count as absent: it allows no other account.
                b"x-codegate-account" if !text.is_empty() => {
                    head.account = Some(String::from_utf8_lossy(text).trim().to_owned());
                }
                _ => {
                    if let Some(at) = SESSION.iter().position(|known| *known == name)
                        && at < rank
                        && let Some(session) = name_of(text)
                    {
                        (rank, head.session) = (at, Some(session));
                    }
                    head.is_anthropic |= name == b"anthropic-version";
                    // What cannot be written again cannot be forwarded either.
                    if let (Ok(name), Ok(value)) =
                        (HeaderName::from_bytes(name), HeaderValue::from_bytes(text))
                    {
                        kept.push((name, value));
                    }
                }
            }
        }
        head.headers = kept.into();
        head.keys = PyTuple::new(py, keys)?.unbind();
        Ok(head)
    }

    #[getter]
    fn keys(&self, py: Python<'_>) -> Py<PyTuple> {
        self.keys.clone_ref(py)
    }

    #[getter]
    fn content_length(&self) -> Option<u64> {
        self.content_length
    }

    #[getter]
    fn content_encoding(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.content_encoding.as_ref().map(|value| value.clone_ref(py))
    }

    #[getter]
    fn host(&self, py: Python<'_>) -> Option<Py<PyBytes>> {
        self.host.as_ref().map(|value| value.clone_ref(py))
    }

    #[getter]
    fn host_count(&self) -> usize {
        self.host_count
    }

    #[getter]
    fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    #[getter]
    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    #[getter]
    fn is_anthropic(&self) -> bool {
        self.is_anthropic
    }
}

/// Clients that send two headers mostly send one key twice.
fn add_key<'py>(keys: &mut Vec<Bound<'py, PyBytes>>, key: Bound<'py, PyBytes>) {
    if !keys.iter().any(|known| known.as_bytes() == key.as_bytes()) {
        keys.push(key);
    }
}

/// Header values that are fit to be a name.
fn name_of(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    (1..=NAME_BYTES).contains(&text.len()).then(|| text.to_owned())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}
