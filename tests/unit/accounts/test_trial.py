"""What a service's answers to a trial mean."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from codegate.accounts.record import AccountChange, AccountRecord, make
from codegate.accounts.trial import MOST_MODELS, _call_of, _Trial, models_of
from codegate.crypto.secret import Secret
from codegate.providers.known import provider_named

Answers = Callable[[dict[str, object]], httpx.Response]


def record(provider: str = "custom", **fields: object) -> AccountRecord:
    change = AccountChange(
        api_keys=(Secret("sk-secret"),),
        base_url="http://127.0.0.1:9",
        format="openai_chat",
        **fields,  # type: ignore[arg-type]  # by name
    )
    return make("a", provider_named(provider), change)


def trial(answers: Answers, provider: str = "custom") -> tuple[bool | None, bool | None, int]:
    """What was found of images and tools, and in how many requests."""
    seen: list[dict[str, object]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer sk-secret"
        assert str(request.url) == "http://127.0.0.1:9/v1/chat/completions"
        seen.append(json.loads(request.content))
        return answers(seen[-1])

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        made = _Trial(client, _call_of(record(provider)), "m")
        return made.vision(), made.tools(), len(seen)


def has_image(body: dict[str, object]) -> bool:
    return "image_url" in json.dumps(body)


@pytest.mark.parametrize("status", [400, 404, 415, 422, 501])
def test_a_refusal_counts_where_the_plain_request_is_answered(status: int) -> None:
    assert trial(lambda body: httpx.Response(status if has_image(body) else 200)) == (
        False,
        True,
        3,
    )
    assert trial(lambda body: httpx.Response(status if "tools" in body else 200)) == (
        True,
        False,
        3,
    )


@pytest.mark.parametrize("status", [401, 402, 403, 408, 413, 429, 500, 529, 302])
def test_other_failures_leave_it_unknown(status: int) -> None:
    assert trial(lambda _: httpx.Response(status)) == (None, None, 2)


def test_a_service_that_refuses_everything_leaves_it_unknown() -> None:
    assert trial(lambda _: httpx.Response(400)) == (None, None, 3)


def test_an_image_that_is_only_too_small_leaves_it_unknown() -> None:
    text = "Image dimensions are below the minimum"
    assert trial(
        lambda body: httpx.Response(400, text=text) if has_image(body) else httpx.Response(200)
    ) == (None, True, 2)


def test_nobody_at_the_address_leaves_it_unknown() -> None:
    def refuse(_: dict[str, object]) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert trial(refuse) == (None, None, 2)


def test_a_service_known_to_ignore_images_is_not_asked() -> None:
    assert trial(lambda _: httpx.Response(200), "deepseek") == (None, True, 1)


def test_the_models_of_an_account_are_those_that_it_sends() -> None:
    made = record(
        models=("a", "b"), default_model="d", reasoning_model="r", model_map={"a": "x", "q": "y"}
    )
    assert models_of(made) == ("d", "r", "x", "b", "y")
    many = record(models=tuple(str(n) for n in range(99)))
    assert len(models_of(many)) == MOST_MODELS
    assert models_of(record()) == ()
