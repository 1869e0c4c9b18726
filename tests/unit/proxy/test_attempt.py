"""The table of what each upstream result means, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from codegate.proxy.attempt import Effect, Step, decide, outcome_error


@dataclass(frozen=True, kw_only=True)
class Result:
    """Facts of an attempt, as the extension gives them."""

    status: int = 0
    failure: str | None = None
    is_committable: bool = False
    message: str = "it failed"
    error_type: str | None = None
    error_code: str | None = None
    is_error_passable: bool = True
    retry_after_ms: int | None = None


N, A = Step.NEXT, Step.ANSWER
ROWS = [
    ("dns", Result(failure="dns"), N, Effect.FAULT, None),
    ("refused", Result(failure="connect"), N, Effect.FAULT, None),
    ("connect timeout", Result(failure="connect_timeout"), N, Effect.FAULT, None),
    ("tls", Result(failure="tls"), N, Effect.FAULT, None),
    ("reset before status", Result(failure="reset"), N, Effect.FAULT, None),
    ("first byte timeout", Result(failure="first_byte_timeout"), N, Effect.FAULT, None),
    ("html or broken json", Result(failure="bad_body"), N, Effect.FAULT, None),
    ("empty", Result(failure="empty_body"), N, Effect.FAULT, None),
    ("over our limit", Result(failure="too_large"), A, Effect.NONE, None),
    ("408", Result(status=408), N, Effect.FAULT, 0.0),
    ("500", Result(status=500), N, Effect.FAULT, 0.0),
    ("502", Result(status=502), N, Effect.FAULT, 0.0),
    ("504", Result(status=504), N, Effect.FAULT, 0.0),
    ("522", Result(status=522), N, Effect.FAULT, 0.0),
    ("529", Result(status=529), N, Effect.OVERLOADED, 1.0),
    ("overloaded", Result(status=503, error_type="overloaded_error"), N, Effect.OVERLOADED, 1.0),
    ("529 soon", Result(status=529, retry_after_ms=3000), N, Effect.OVERLOADED, 3.0),
    ("529 later", Result(status=529, retry_after_ms=30_000), N, Effect.OVERLOADED, None),
    ("429 short", Result(status=429, retry_after_ms=2000), N, Effect.LIMITED, 2.0),
    ("429 long", Result(status=429, retry_after_ms=6000), N, Effect.LIMITED, None),
    ("429 untold", Result(status=429), N, Effect.LIMITED, None),
    (
        "429 spend limit",
        Result(status=429, error_code="enforced_spend_limit_reached"),
        N,
        Effect.EXHAUSTED,
        None,
    ),
    ("429 quota", Result(status=429, error_code="insufficient_quota"), N, Effect.EXHAUSTED, None),
    ("402", Result(status=402), N, Effect.EXHAUSTED, None),
    (
        "billing text in a 400",
        Result(status=400, message="Your credit balance is too low to use this"),
        N,
        Effect.EXHAUSTED,
        None,
    ),
    ("on hold", Result(status=400, error_code="organization_on_hold"), N, Effect.REFUSED, None),
    ("401", Result(status=401), N, Effect.REFUSED, None),
    ("403", Result(status=403, message="not allowed here"), N, Effect.NONE, None),
    (
        "403 of the end user",
        Result(status=403, error_code="user_profile_suspended"),
        A,
        Effect.NONE,
        None,
    ),
    ("403 key", Result(status=403, message="This API key is disabled"), N, Effect.REFUSED, None),
    ("400", Result(status=400), A, Effect.NONE, None),
    ("404", Result(status=404, message="no such path"), A, Effect.NONE, None),
    ("404 model", Result(status=404, error_code="model_not_found"), N, Effect.NONE, None),
    ("409", Result(status=409), A, Effect.NONE, None),
    ("413", Result(status=413), A, Effect.NONE, None),
    ("422", Result(status=422), A, Effect.NONE, None),
    ("thread_not_found", Result(status=404, error_code="thread_gone"), A, Effect.NONE, None),
]


@pytest.mark.parametrize(
    ("result", "step", "effect", "again_s"), [r[1:] for r in ROWS], ids=[r[0] for r in ROWS]
)
def test_row(result: Result, step: Step, effect: Effect, again_s: float | None) -> None:
    decision = decide(result)
    assert (decision.step, decision.effect, decision.again_s) == (step, effect, again_s)


def test_a_good_answer_commits() -> None:
    decision = decide(Result(status=200, is_committable=True))
    assert (decision.step, decision.effect) == (Step.COMMIT, Effect.SUCCESS)


def test_a_refused_credential_is_not_the_clients_401() -> None:
    error = outcome_error(Result(status=401), "anthropic_messages")
    assert error is not None
    assert (error.status, error.code, error.is_retryable) == (502, "account_login_required", False)


def test_another_403_keeps_its_status() -> None:
    assert outcome_error(Result(status=403, message="not in your region"), "openai_chat") is None
    error = outcome_error(Result(status=403, message="this API key is disabled"), "openai_chat")
    assert error is not None
    assert error.code == "account_login_required"


def test_overload_is_spelled_as_the_dialect_knows_it() -> None:
    assert outcome_error(Result(status=529), "anthropic_messages") is None
    error = outcome_error(Result(status=529), "openai_chat")
    assert error is not None
    assert (error.status, error.retry_after_s) == (503, 1.0)
