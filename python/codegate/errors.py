"""Every exception of CodeGate, as one tree.

CodegateError
├── ClientError            the caller can mend it
│   ├── BadRequest         400
│   ├── BrokenBody         400
│   ├── GuardrailBlocked   400
│   ├── Unauthorized       401
│   ├── NotFound           404
│   ├── MethodNotAllowed   405
│   ├── BodyTimeout        408
│   ├── TooLarge           413
│   ├── Misdirected        421
│   ├── RateLimited        429
│   └── BudgetExceeded     429
├── UpstreamError          the upstream failed; status and retry depend on how
├── NoUpstream             no account can take the request
├── Overloaded             our own limits are reached
├── GuardrailUnavailable   a request could not be looked through, so nothing of it went out
├── Draining               this process is about to stop
├── StorageError           the database cannot be read or written at the moment
│   └── StorageConflict    what was written contradicts what is there
├── DecryptError           a stored value does not belong to the key or the place it is read with
├── InternalError          a defect in CodeGate
└── ConfigError            start-up: a flag, variable or file is wrong
    └── WrongUsage         what was given cannot be meant, whatever is stored
"""

from __future__ import annotations

from typing import ClassVar, Literal

Source = Literal["downstream", "upstream", "internal"]


class CodegateError(Exception):
    """Base of all. ``status`` is what the client sees, ``code`` is stable and machine-readable.

    ``is_retryable`` says whether the same request may pass later without anybody's help;
    ``retry_after_s`` when. Messages are written for the client: no secret, URL or file name.
    """

    status: int = 500
    code: str = "internal_error"
    source: ClassVar[Source] = "internal"
    is_retryable: bool = False

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        """Take the sentence for the client and, where known, the wait in seconds."""
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class ClientError(CodegateError):
    """The caller's fault."""

    status = 400
    code = "bad_request"
    source = "downstream"


class BadRequest(ClientError):
    """The body or a header cannot be used."""


class BrokenBody(ClientError):
    """The request body ended before its end; the connection cannot be used again."""

    code = "body_incomplete"


class GuardrailBlocked(ClientError):
    """The request holds what the operator does not let out."""

    code = "guardrail_blocked"


class Unauthorized(ClientError):
    """No key, or one that we did not issue."""

    status = 401
    code = "invalid_proxy_key"


class NotFound(ClientError):
    """No such path or model."""

    status = 404
    code = "not_found"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not; ``allow`` lists those that do."""

    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, *, allow: str) -> None:
        """``allow`` is the value of the Allow header."""
        super().__init__(message)
        self.allow = allow


class BodyTimeout(ClientError):
    """The request body did not arrive in time."""

    status = 408
    code = "body_timeout"


class TooLarge(ClientError):
    """The request body is over the limit."""

    status = 413
    code = "body_too_large"


class Misdirected(ClientError):
    """The Host header names a host that this server does not serve."""

    status = 421
    code = "unknown_host"


class RateLimited(ClientError):
    """A limit of ours was reached."""

    status = 429
    code = "rate_limited"
    is_retryable = True


class BudgetExceeded(ClientError):
    """What may be spent this month is spent."""

    status = 429
    code = "budget_exceeded"


class UpstreamError(CodegateError):
    """An upstream failed before anything was sent to the client."""

    source = "upstream"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        is_retryable: bool,
        retry_after_s: float | None = None,
    ) -> None:
        """``code`` is the stable name of what happened, e.g. ``upstream_timeout``."""
        super().__init__(message, retry_after_s=retry_after_s)
        self.status = status
        self.code = code
        self.is_retryable = is_retryable


class NoUpstream(CodegateError):
    """No account speaks the caller's format and takes the model."""

    status = 503
    code = "no_account"


class Overloaded(CodegateError):
    """Too much is in memory already; passes by itself."""

    status = 503
    code = "overloaded"
    is_retryable = True


class GuardrailUnavailable(CodegateError):
    """A detector failed or took too long; the upstream got nothing."""

    status = 503
    code = "guardrail_unavailable"


class Draining(CodegateError):
    """The process is about to stop and takes nothing new."""

    status = 503
    code = "draining"
    is_retryable = True


class StorageError(CodegateError):
    """The database is locked, full, damaged or gone; the message says which."""

    status = 503
    code = "storage_unavailable"
    is_retryable = True


class StorageConflict(StorageError):
    """A row with the same identity exists, or one that it refers to does not."""

    status = 409
    code = "storage_conflict"
    is_retryable = False


class DecryptError(CodegateError):
    """A ciphertext was changed, moved to another row, or made with another key."""

    code = "decrypt_failed"


class InternalError(CodegateError):
    """A defect; the log has the details under the request id."""


class ConfigError(CodegateError):
    """A wrong flag, variable or file, found at start."""

    code = "config_error"


class WrongUsage(ConfigError):
    """A value that somebody gave is wrong by itself, whatever is stored or runs."""
