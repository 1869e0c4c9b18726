"""Bodies are looked into only where that would change the plan."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from codegate import native
from codegate.accounts.abilities import Abilities
from codegate.accounts.account import Account
from codegate.proxy.exchange import Exchange
from codegate.proxy.planned import fitted
from codegate.routing.router import Plan
from codegate.settings.settings import Settings
from codegate.snapshot import build
from tests.support.routing import FORMAT, account


@dataclass
class Asked:
    """A request that counts how often it is looked into."""

    model: str = "m"
    body_bytes: int = 100
    looks: list[str] = field(default_factory=list)
    is_elsewhere: bool = False
    """Whether images were looked for on another thread than the event loop's."""

    def has_images(self) -> bool:
        self.looks.append("images")
        self.is_elsewhere = threading.current_thread() is not threading.main_thread()
        return True

    def has_tools(self) -> bool:
        self.looks.append("tools")
        return True


def plan_of(request: Asked, *accounts: Account) -> Plan:
    snapshot = build(settings=Settings(), accounts=accounts, keys={})
    exchange = Exchange(request_id="r", snapshot=snapshot, wire_format=FORMAT, path="/")
    plan = snapshot.plan(wire_format=FORMAT, model=request.model)
    return asyncio.run(fitted(exchange, cast(native.Request, request), None, plan))


BLIND = {"m": Abilities(has_vision=False)}


def test_a_request_is_not_looked_into_where_nobody_is_known_to_lack_anything() -> None:
    request = Asked()
    seeing = {"m": Abilities(has_vision=True, has_tools=True)}
    plan_of(request, account("a"), replace(account("b"), abilities=seeing))
    assert request.looks == []


def test_nor_where_there_is_only_one_place_to_go_to() -> None:
    request = Asked()
    assert len(plan_of(request, replace(account("a"), abilities=BLIND)).upstreams) == 1
    assert request.looks == []


@pytest.mark.parametrize(("size", "is_elsewhere"), [(100, False), (10_000_000, True)])
def test_what_is_lacking_is_looked_for(size: int, is_elsewhere: bool) -> None:
    """In large bodies that takes a while, for which the event loop does not wait."""
    request = Asked(body_bytes=size)
    plan = plan_of(request, replace(account("a"), abilities=BLIND), account("b"))
    assert [upstream.account.name for upstream in plan.upstreams] == ["b"]
    assert request.looks == ["images"]
    assert request.is_elsewhere is is_elsewhere
