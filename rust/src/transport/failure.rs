//! What can go wrong between us and an upstream, in the words that routing and operators use.

use std::fmt;

use super::http1::Cut;

/// Why an attempt gave no usable answer. The name is stable: logs, metrics and routing read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// The host name did not resolve.
    Dns,
    /// The connection was refused, unreachable or reset while connecting.
    Connect,
    /// Resolving, connecting and the TLS handshake together took longer than allowed.
    ConnectTimeout,
    /// The TLS handshake failed: certificate, name or protocol version.
    Tls,
    /// The forward proxy refused or could not be understood.
    Proxy,
    /// The connection ended before a status line.
    Reset,
    /// No status or first event within its time.
    FirstByteTimeout,
    /// Nothing arrived for longer than the idle limit.
    IdleTimeout,
    /// The whole answer took longer than allowed.
    TotalTimeout,
    /// The answer broke HTTP, its own length, or its content encoding.
    Protocol,
    /// The connection ended inside the body.
    Truncated,
    /// The answer or one event is larger than the limit.
    TooLarge,
    /// The upstream asked to go elsewhere; credentials never follow.
    Redirect,
    /// A 200 whose body is not what the format promises.
    BadBody,
    /// A 200 without a body.
    EmptyBody,
    /// The request cannot be said in the upstream's format; nothing was sent.
    Conversion,
}

impl FailureKind {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Reset => "reset",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::Protocol => "protocol",
            Self::Truncated => "truncated",
            Self::TooLarge => "too_large",
            Self::Redirect => "redirect",
            Self::BadBody => "bad_body",
            Self::EmptyBody => "empty_body",
            Self::Conversion => "conversion",
        }
    }

    /// Whether waiting, not an answer, was the problem.
    pub fn is_timeout(self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::FirstByteTimeout | Self::IdleTimeout | Self::TotalTimeout
        )
    }
}

/// A failure with one plain sentence. The sentence never holds a credential, a URL or a library's
/// own error text, so it may be shown to the client.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// A hyper error, named by what happened rather than by where hyper noticed it.
/// `has_answer` says whether any byte of the answer had arrived.
pub(super) fn from_hyper(error: &hyper::Error, has_answer: bool) -> Failure {
    if error.is_parse() { not_http() } else { ended(has_answer) }
}

/// What an HTTP/1.1 connection says of the answer that did not come whole.
pub(super) fn from_cut(cut: Cut) -> Failure {
    match cut {
        Cut::Invalid => not_http(),
        Cut::Inside => ended(true),
        Cut::Unanswered => ended(false),
    }
}

fn not_http() -> Failure {
    Failure::new(
        FailureKind::Protocol,
        "the upstream's answer is not valid HTTP, or its header block is too large",
    )
}

fn ended(has_answer: bool) -> Failure {
    if has_answer {
        Failure::new(FailureKind::Truncated, "the upstream's connection ended inside its answer")
    } else {
        Failure::new(FailureKind::Reset, "the upstream closed the connection before answering")
    }
}
