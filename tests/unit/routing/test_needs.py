"""Which facts about a model count, and what requests pass over because of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codegate.accounts.abilities import Abilities
from codegate.catalog.catalog import Catalog, Limit, Model, shipped
from codegate.routing.needs import known
from codegate.routing.router import Plan, Routes, Upstream
from tests.support.routing import FORMAT, account

Fact = bool | None


def catalog(own: Fact, listed: Fact) -> Catalog:
    """One that knows the model ``m``."""
    model = Model(name="m", limit=Limit(has_vision=listed), price=None, tier=None)
    return Catalog(checked="", models={"m": model}, limits={"m": Limit(has_vision=own)})


@pytest.mark.parametrize(
    ("own", "service", "tried", "listed", "found"),
    [
        (None, None, None, None, None),
        (None, None, None, True, True),
        (None, None, False, True, False),
        (None, False, True, False, True),
        (None, False, None, True, True),
        (None, False, None, None, False),
        (True, False, False, False, True),
        (False, None, True, True, False),
        (None, None, None, False, False),
    ],
)
def test_the_operator_counts_first_then_the_trial_then_the_list_then_the_service(
    own: Fact, service: Fact, tried: Fact, listed: Fact, found: Fact
) -> None:
    one = replace(account("a"), takes_images=service, abilities={"m": Abilities(has_vision=tried)})
    facts = known(catalog(own, listed), one, "m")
    assert facts.has_vision is found
    letters = {None: "", True: "V", False: "v"}
    assert facts.letters == letters[found]


def test_a_trial_of_another_model_says_nothing() -> None:
    one = replace(account("a"), abilities={"other": Abilities(has_vision=False, has_tools=False)})
    assert known(shipped(), one, "m").letters == ""


def plan(**abilities: str) -> Plan:
    routes = Routes(accounts=tuple(account(name) for name in abilities))
    made = routes.survey(wire_format=FORMAT, model="m").plan()
    upstreams = tuple(
        replace(upstream, abilities=abilities[upstream.account.name]) for upstream in made.upstreams
    )
    return replace(made, upstreams=upstreams)


def names(upstreams: tuple[Upstream, ...]) -> list[str]:
    return [upstream.account.name for upstream in upstreams]


@pytest.mark.parametrize(
    ("needs", "left"),
    [
        ("", ["blind", "toolless", "unknown", "able"]),
        ("v", ["toolless", "unknown", "able"]),
        ("t", ["blind", "unknown", "able"]),
        ("vt", ["unknown", "able"]),
    ],
)
def test_what_is_not_known_stands_in_nobodys_way(needs: str, left: list[str]) -> None:
    made = plan(blind="vT", toolless="Vt", unknown="", able="VTR")
    assert names(made.fitting(needs).upstreams) == left


def test_where_all_lack_something_those_that_lack_least_are_left() -> None:
    assert names(plan(a="vt", b="v", c="vT").fitting("vt").upstreams) == ["b", "c"]
    assert names(plan(a="v", b="v").fitting("v").upstreams) == ["a", "b"]


def test_a_plan_tells_what_its_upstreams_lack() -> None:
    accounts = (replace(account("a"), abilities={"m": Abilities(has_vision=False)}), account("b"))
    routes = Routes(accounts=accounts)
    assert routes.survey(wire_format=FORMAT, model="m").plan().lacking == "v"
    assert routes.survey(wire_format=FORMAT, model="other").plan().lacking == ""
