"""Accounts, plans and clocks for tests of routing that need no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from codegate import native
from codegate.accounts.account import Account, AccountEndpoint, credentials_of
from codegate.providers.base import endpoint
from codegate.providers.custom import PROVIDER
from codegate.routing.configs import Assignment, RoutingConfig
from codegate.routing.router import Plan, Routes, Upstream
from codegate.routing.traffic import Traffic

FORMAT = "openai_chat"


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def account(
    name: str,
    *,
    keys: int = 1,
    formats: Sequence[str] = (FORMAT,),
    models: Sequence[str] = (),
    model_map: Mapping[str, str] | None = None,
    default_model: str | None = None,
    priority: int = 0,
    created: int = 0,
    rpm: int = 0,
    budget: int | None = None,
) -> Account:
    """An account at an address where nobody listens."""
    address = endpoint(PROVIDER, "http://127.0.0.1:9")
    return Account(
        name=name,
        provider="custom",
        priority=priority,
        created=created,
        models=tuple(models),
        model_map=model_map or {},
        default_model=default_model,
        rpm=rpm,
        monthly_budget=budget,
        endpoints={
            wire_format: AccountEndpoint(
                format=wire_format,
                address=address,
                targets=tuple(
                    native.Target(wire_format, address.base_url, None, [])
                    for _ in range(max(1, keys))
                ),
                path="/x",
            )
            for wire_format in formats
        },
        credentials=credentials_of(name, keys),
    )


def plan_of(*accounts: Account, strategy: str = "priority", group: str = "g") -> Plan:
    """A plan over ``accounts`` in that order."""
    return Plan(
        upstreams=tuple(
            Upstream(account=a, endpoint=a.endpoints[FORMAT], model="m", strategy=strategy)
            for a in accounts
        ),
        strategy=strategy,
        group=group,
    )


def config(strategy: str = "priority", **tiers: Sequence[str]) -> RoutingConfig:
    """An active config; an assignment is ``ACCOUNT`` or ``ACCOUNT:MODEL``."""
    return RoutingConfig(
        name="c",
        strategy=strategy,
        is_active=True,
        tiers={
            tier: tuple(
                Assignment(account=text.partition(":")[0], model=text.partition(":")[2] or None)
                for text in texts
            )
            for tier, texts in tiers.items()
        },
    )


def chosen(routes: Routes, model: str, *, pin: str | None = None) -> list[tuple[str, str]]:
    """The accounts of a route with the model that each is asked for."""
    plan = routes.survey(wire_format=FORMAT, model=model, pin=pin).plan()
    return [(u.account.name, u.model) for u in plan.upstreams]


def traffic(clock: Clock, wall_clock: Clock | None = None, *, under_way: int = 0) -> Traffic:
    """A worker's knowledge on clocks of the test's."""
    wall = wall_clock or Clock(1_795_000_000.0)
    return Traffic(requests=lambda: under_way, clock=clock, wall_clock=wall)
