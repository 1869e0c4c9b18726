"""Trying upstreams until one commits."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

from codegate import native
from codegate.proxy.exchange import Exchange
from codegate.proxy.services import Services
from codegate.proxy.tries import try_upstreams
from codegate.settings.settings import Settings
from codegate.snapshot import build
from tests.support.routing import FORMAT, Clock, account, plan_of, traffic

# A refusal that says nothing about the account, which so stays free.
UNKNOWN_MODEL = SimpleNamespace(
    is_committable=False,
    failure=None,
    status=404,
    message="no such model",
    error_type="not_found_error",
    error_code=None,
    is_error_passable=True,
    retry_after_ms=None,
    losses=[],
)


def test_the_only_account_is_not_asked_again_for_what_it_does_not_know() -> None:
    asked: list[object] = []

    async def send(*order: object) -> object:
        asked.append(order)
        assert len(asked) < 3
        return UNKNOWN_MODEL

    plan = plan_of(account("a"))
    assert plan.is_plain
    services = SimpleNamespace(traffic=traffic(Clock()), client=SimpleNamespace(send=send))
    snapshot = build(settings=Settings(), accounts=(), keys={})
    exchange = Exchange("req_1", snapshot, FORMAT, "/v1/messages")
    nothing = SimpleNamespace()
    asyncio.run(
        try_upstreams(
            cast(Services, services),
            exchange,
            cast(native.Request, nothing),
            cast(native.Head, nothing),
            "",
            plan,
        )
    )
    assert len(asked) == 1
    assert [one.reason for one in exchange.attempts] == ["status_404"]
    assert services.traffic.spend.requests("a") == 0
