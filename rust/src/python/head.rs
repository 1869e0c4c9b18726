//! A request's headers, read once.

use std::sync::Arc;

use http::header::{HeaderName, HeaderValue};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};
use ring::digest::{SHA256, digest};

#[pyclass(frozen, module = "codegate._native")]
pub struct Head {
    pub(super) headers: Arc<[(HeaderName, HeaderValue)]>,
    key_digests: Py<PyTuple>,
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

/// Takes a request's headers one after the other.
struct Reader<'py> {
    head: Head,
    kept: Vec<(HeaderName, HeaderValue)>,
    digests: Vec<Bound<'py, PyBytes>>,
    /// The body comes in chunks, whatever length is declared beside it.
    is_chunked: bool,
    /// Place in `SESSION` of the header that the session was taken from.
    rank: usize,
}

impl<'py> Reader<'py> {
    fn new(py: Python<'py>, count: usize) -> Self {
        Self {
            head: Head {
                headers: Arc::from([]),
                key_digests: PyTuple::empty(py).unbind(),
                content_length: None,
                content_encoding: None,
                host: None,
                host_count: 0,
                is_anthropic: false,
                session: None,
                account: None,
            },
            kept: Vec::with_capacity(count),
            digests: Vec::new(),
            is_chunked: false,
            rank: SESSION.len(),
        }
    }

    fn add(&mut self, py: Python<'py>, name: &[u8], text: &[u8]) {
        let head = &mut self.head;
        match name {
            b"x-api-key" | b"x-goog-api-key" => self.add_key(py, text),
            b"authorization" => {
                if let Some(key) = bearer(text) {
                    self.add_key(py, key);
                }
            }
            b"host" => {
                head.host_count += 1;
                head.host = Some(PyBytes::new(py, text).unbind());
            }
            b"content-length" => {
                head.content_length =
                    std::str::from_utf8(text).ok().and_then(|t| t.trim().parse().ok());
            }
            b"transfer-encoding" => self.is_chunked = true,
            b"content-encoding" => head.content_encoding = Some(PyBytes::new(py, text).unbind()),
            // One that cannot be read must not count as absent: it allows no other account.
            b"x-codegate-account" if !text.is_empty() => {
                head.account = Some(String::from_utf8_lossy(text).trim().to_owned());
            }
            _ => {
                if let Some(at) = SESSION.iter().position(|known| *known == name)
                    && at < self.rank
                    && let Some(session) = name_of(text)
                {
                    (self.rank, head.session) = (at, Some(session));
                }
                head.is_anthropic |= name == b"anthropic-version";
                // What cannot be written again cannot be forwarded either.
                if let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name), HeaderValue::from_bytes(text))
                {
                    self.kept.push((name, value));
                }
            }
        }
    }

    fn add_key(&mut self, py: Python<'py>, key: &[u8]) {
        let digest = digest(&SHA256, key);
        // Clients that send two headers mostly send one key twice.
        if !self.digests.iter().any(|known| known.as_bytes() == digest.as_ref()) {
            self.digests.push(PyBytes::new(py, digest.as_ref()));
        }
    }

    fn finish(mut self, py: Python<'py>) -> PyResult<Head> {
        self.head.headers = self.kept.into();
        if self.is_chunked {
            self.head.content_length = None;
        }
        self.head.key_digests = PyTuple::new(py, self.digests)?.unbind();
        Ok(self.head)
    }
}

/// Stands for a header that is there and cannot be read.
const UNREADABLE: &[u8] = b"?";

#[pymethods]
impl Head {
    #[new]
    fn new(headers: &Bound<'_, PyList>) -> PyResult<Self> {
        let py = headers.py();
        let mut reader = Reader::new(py, headers.len());
        for pair in headers.iter() {
            let (name, value): (Bound<'_, PyBytes>, Bound<'_, PyBytes>) = pair.extract()?;
            reader.add(py, name.as_bytes(), value.as_bytes());
        }
        reader.finish(py)
    }

    /// From a server that gives headers as text and leaves out what is none.
    #[staticmethod]
    #[pyo3(signature = (headers, *, has_host, has_account))]
    fn of_text(headers: &Bound<'_, PyList>, has_host: bool, has_account: bool) -> PyResult<Self> {
        let py = headers.py();
        let mut reader = Reader::new(py, headers.len());
        for pair in headers.iter() {
            let (name, value): (Bound<'_, PyString>, Bound<'_, PyString>) = pair.extract()?;
            reader.add(py, name.to_str()?.as_bytes(), value.to_str()?.as_bytes());
        }
        if has_host && reader.head.host_count == 0 {
            reader.add(py, b"host", UNREADABLE);
        }
        if has_account && reader.head.account.is_none() {
            reader.add(py, b"x-codegate-account", UNREADABLE);
        }
        reader.finish(py)
    }

    #[getter]
    fn key_digests(&self, py: Python<'_>) -> Py<PyTuple> {
        self.key_digests.clone_ref(py)
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

/// Header values that are fit to be a name.
fn name_of(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    (1..=NAME_BYTES).contains(&text.len()).then(|| text.to_owned())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| rest.trim_ascii())
}

/// Headers of an answer as a server takes them that wants text. What is no visible ASCII is left
/// out: it would refuse the whole answer for it.
#[pyfunction]
pub(super) fn text_headers<'py>(headers: &Bound<'py, PyList>) -> PyResult<Bound<'py, PyList>> {
    let py = headers.py();
    let texts = PyList::empty(py);
    for pair in headers.iter() {
        let (name, value): (Bound<'_, PyBytes>, Bound<'_, PyBytes>) = pair.extract()?;
        let is_plain = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
        if value.as_bytes().iter().all(is_plain)
            && let (Ok(name), Ok(value)) =
                (std::str::from_utf8(name.as_bytes()), std::str::from_utf8(value.as_bytes()))
        {
            texts.append((name, value))?;
        }
    }
    Ok(texts)
}
