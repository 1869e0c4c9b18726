"""What an attempt's result means: one table from facts to what is done about it.

The extension gives facts (status, error type and code, failure, delay); this table alone decides
whether the answer is committed, the next account is tried, the same one again, or the client is
told, and what the result says about the account's health.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from codegate.errors import UpstreamError

_TIMEOUTS = frozenset({"connect_timeout", "first_byte_timeout", "idle_timeout", "total_timeout"})
_SHORT_DELAY_S = 5.0
_CONVERSION = "conversion"
_OVERLOAD_WAIT_S = 1.0

# Codes of the vendors' errors, as their SDKs and documentation name them (November 2026).
_EXHAUSTED = frozenset(
    {
        "enforced_spend_limit_reached",
        "contract_spend_limit_reached",
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_error",
        "quota_exceeded",
    }
)
_BROKEN_ACCOUNT = frozenset(
    {
        "organization_on_hold",
        "cmek_key_disabled",
        "cmek_key_network_blocked",
        "account_deactivated",
        "invalid_api_key",
    }
)
_END_USER = "user_profile_"
_BILLING_WORDS = ("credit balance is too low", "exceeded your current quota", "billing details")
_KEY_WORDS = ("api key", "api_key", "x-api-key", "authentication", "oauth token")


class Facts(Protocol):
    """What the table reads of a ``native.Attempt``."""

    @property
    def is_committable(self) -> bool:
        """A good answer, or a stream that began well."""

    @property
    def failure(self) -> str | None:
        """What went wrong below the status."""

    @property
    def message(self) -> str:
        """One sentence about it."""

    @property
    def status(self) -> int:
        """The status, or the one an error event stands for."""

    @property
    def error_type(self) -> str | None:
        """The error's type."""

    @property
    def error_code(self) -> str | None:
        """The error's code."""

    @property
    def is_error_passable(self) -> bool:
        """Whether the upstream's own error body may go to the client."""

    @property
    def retry_after_ms(self) -> int | None:
        """The delay that the upstream asked for."""


class Effect(Enum):
    """What a result says about the account."""

    NONE = "none"
    SUCCESS = "success"
    FAULT = "fault"
    LIMITED = "limited"
    OVERLOADED = "overloaded"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"


class Step(Enum):
    """What comes after the attempt."""

    COMMIT = "commit"
    NEXT = "next"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``again_s`` is the least pause before the same account may be tried once more, where that
    is allowed at all when no other is free; ``None`` where it is not. ``is_backoff`` says that
    the pause grows with the attempts. ``delay_s`` is the upstream's own word."""

    step: Step
    effect: Effect
    again_s: float | None = None
    is_backoff: bool = False
    delay_s: float | None = None
    is_rate_limit: bool = False


_COMMIT = Decision(step=Step.COMMIT, effect=Effect.SUCCESS)
_CLIENT_FAULT = Decision(step=Step.ANSWER, effect=Effect.NONE)
_NEXT_FAULT = Decision(step=Step.NEXT, effect=Effect.FAULT)
_NEXT = Decision(step=Step.NEXT, effect=Effect.NONE)
_REFUSED = Decision(step=Step.NEXT, effect=Effect.REFUSED)


def decide(facts: Facts) -> Decision:
    """The row of the table that ``facts`` fall under."""
    if facts.is_committable:
        return _COMMIT
    if facts.failure is not None:
        if facts.failure == _CONVERSION:
            return _NEXT
        # An answer over our own limit would be that everywhere.
        return _CLIENT_FAULT if facts.failure == "too_large" else _NEXT_FAULT
    delay_s = None if facts.retry_after_ms is None else facts.retry_after_ms / 1000
    names = {name for name in (facts.error_code, facts.error_type) if name}
    status = facts.status
    if _is_exhausted(facts, names):
        return Decision(
            step=Step.NEXT, effect=Effect.EXHAUSTED, delay_s=delay_s, is_rate_limit=True
        )
    if names & _BROKEN_ACCOUNT or status == 401:
        return _REFUSED
    if status == 403 and any(name.startswith(_END_USER) for name in names):
        return _CLIENT_FAULT
    if status == 403:
        return _REFUSED if _names_key(facts) else _NEXT
    if status == 429:
        return _limited(delay_s)
    if status == 529 or "overloaded_error" in names:
        return _overloaded(delay_s)
    if status >= 500 or status == 408:
        return Decision(step=Step.NEXT, effect=Effect.FAULT, again_s=0.0, is_backoff=True)
    if status == 404 and _is_unknown_model(facts, names):
        return _NEXT
    return _CLIENT_FAULT


def _limited(delay_s: float | None) -> Decision:
    return Decision(
        step=Step.NEXT,
        effect=Effect.LIMITED,
        again_s=delay_s if delay_s is not None and delay_s <= _SHORT_DELAY_S else None,
        delay_s=delay_s,
        is_rate_limit=True,
    )


def _overloaded(delay_s: float | None) -> Decision:
    wait_s = max(_OVERLOAD_WAIT_S, delay_s or 0.0)
    return Decision(
        step=Step.NEXT,
        effect=Effect.OVERLOADED,
        # Nobody is asked earlier than it said, and no client waits long for it.
        again_s=wait_s if wait_s <= _SHORT_DELAY_S else None,
        delay_s=delay_s,
    )


def reason(facts: Facts) -> str:
    """A short stable name of how the attempt ended, for records and metrics."""
    if facts.is_committable:
        return "ok"
    if facts.failure is not None:
        return facts.failure
    return f"status_{facts.status}"


def outcome_error(facts: Facts, wire_format: str) -> UpstreamError | None:
    """The error to render ourselves, or ``None`` when the upstream's own body goes through.

    An upstream's refusal of our credential is not the client's 401: clients would drop their
    own log-in.
    """
    if facts.failure == _CONVERSION:
        return UpstreamError(
            facts.message, status=400, code=f"upstream_{_CONVERSION}", is_retryable=False
        )
    if facts.failure is not None:
        return UpstreamError(
            facts.message,
            status=504 if facts.failure in _TIMEOUTS else 502,
            code=f"upstream_{facts.failure}",
            is_retryable=facts.failure not in {"redirect", "tls"},
        )
    if facts.status == 401 or (facts.status == 403 and _names_key(facts)):
        return UpstreamError(
            "the upstream refused this account's credential; "
            "the operator of the proxy has to renew it",
            status=502,
            code="account_login_required",
            is_retryable=False,
        )
    delay_s = None if facts.retry_after_ms is None else facts.retry_after_ms / 1000
    if facts.status == 529 and wire_format != "anthropic_messages":
        # Only one dialect knows 529; elsewhere clients take it for a broken answer.
        return UpstreamError(
            "the upstream is overloaded",
            status=503,
            code="server_is_overloaded",
            is_retryable=True,
            retry_after_s=delay_s or _OVERLOAD_WAIT_S,
        )
    if facts.is_error_passable:
        return None
    return UpstreamError(
        facts.message or "the upstream failed",
        status=facts.status if facts.status >= 400 else 502,
        code="upstream_error",
        is_retryable=facts.status in {408, 409, 429} or facts.status >= 500,
        retry_after_s=delay_s,
    )


def _is_exhausted(facts: Facts, names: set[str]) -> bool:
    if facts.status == 402 or names & _EXHAUSTED:
        return True
    message = facts.message.lower()
    return facts.status in {400, 403, 429} and any(words in message for words in _BILLING_WORDS)


def _names_key(facts: Facts) -> bool:
    message = facts.message.lower()
    return any(words in message for words in _KEY_WORDS)


def _is_unknown_model(facts: Facts, names: set[str]) -> bool:
    return any("model" in name for name in names) or "model" in facts.message.lower()
