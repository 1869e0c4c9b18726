"""What an attempt's result means: commit, go to the next upstream, or tell the client."""

from __future__ import annotations

from enum import Enum

from codegate import native
from codegate.errors import UpstreamError

_TIMEOUTS = frozenset({"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout"})
_CLIENT_FAULTS = frozenset({400, 404, 405, 409, 413, 415, 422})


class Verdict(Enum):
    """What to do after an attempt."""

    COMMIT = "commit"
    NEXT = "next"
    GIVE_UP = "give_up"


def classify(attempt: native.Attempt) -> Verdict:
    """Reads only facts. A failure of the client's own making is never tried elsewhere."""
    if attempt.is_committable:
        return Verdict.COMMIT
    if attempt.failure is not None:
        return Verdict.NEXT
    status = attempt.status
    if status in _CLIENT_FAULTS and not (status == 404 and _is_unknown_model(attempt)):
        return Verdict.GIVE_UP
    return Verdict.NEXT


def reason(attempt: native.Attempt) -> str:
    """A short stable name of how the attempt ended, for records and metrics."""
    if attempt.is_committable:
        return "ok"
    if attempt.failure is not None:
        return attempt.failure
    return f"status_{attempt.status}"


def outcome_error(attempt: native.Attempt) -> UpstreamError | None:
    """The error to render ourselves, or ``None`` when the upstream's own body goes through.

    An upstream's refusal of our credential is not the client's 401: clients would drop their
    own log-in.
    """
    if attempt.failure is not None:
        is_timeout = attempt.failure in _TIMEOUTS
        return UpstreamError(
            attempt.message,
            status=504 if is_timeout else 502,
            code=f"upstream_{attempt.failure}",
            is_retryable=attempt.failure not in {"redirect", "tls"},
        )
    if attempt.status in {401, 403}:
        return UpstreamError(
            "the upstream refused this account's credential; "
            "the operator of the proxy has to renew it",
            status=502,
            code="account_login_required",
            is_retryable=False,
        )
    if attempt.is_error_passable:
        return None
    return UpstreamError(
        attempt.message or "the upstream failed",
        status=attempt.status if attempt.status >= 400 else 502,
        code="upstream_error",
        is_retryable=attempt.status in {408, 409, 429} or attempt.status >= 500,
        retry_after_s=_seconds(attempt.retry_after_ms),
    )


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _is_unknown_model(attempt: native.Attempt) -> bool:
    names = (attempt.error_code, attempt.error_type)
    return any("model" in (name or "") or name == "not_found_error" for name in names)
