"""Looking models up, and what tokens cost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegate.catalog.catalog import Limit, shipped
from codegate.catalog.price import (
    PICO,
    Price,
    as_per_million,
    as_usd,
    from_usd,
    per_million,
)
from codegate.errors import ConfigError

CASES = json.loads(Path("tests/fixtures/models.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES["cost"], ids=lambda c: f"{c['model']}-{c['input_tokens']}")
def test_cost_is_exact(case: dict[str, Any]) -> None:
    paid, made = CASES["prices"][case["model"]]
    own = {case["model"]: Price(input=per_million(paid), output=per_million(made))}
    price = shipped().with_overrides({}, own).price(case["model"])
    assert price is not None
    cost = price.cost(case["input_tokens"], case["output_tokens"], 0, 0)
    assert as_usd(cost) == f"{Decimal(case['cost_usd']).normalize():f}"


def test_cache_tokens_have_their_own_prices() -> None:
    price = shipped().price("claude-sonnet-4-5")
    assert price is not None
    cost = price.cost(new=10, output=20, cache_read=1000, cache_write=100)
    assert as_usd(cost) == "0.001005"
    # By place as by name: records give them by place.
    assert price.cost(10, 20, 1000, 100) == cost
    # 10 x 3 + 20 x 15 + 1000 x 0.30 + 100 x 3.75 USD per million


def test_cache_tokens_without_a_price_cost_what_input_costs() -> None:
    price = Price(input=per_million("2"), output=per_million("8"))
    assert price.cost(0, 0, 1_000_000, 0) == 2 * PICO
    assert price.cost(0, 0, 0, 1_000_000) == 2 * PICO


def test_a_long_prompt_pays_its_own_price_for_everything() -> None:
    price = shipped().price("claude-haiku-5-5")
    assert price is not None
    assert price.cost(100_000, 100, 0, 0) == from_usd("0.01005")
    assert price.cost(100_000, 100, 1, 0) == from_usd("0.05025005")


@pytest.mark.parametrize("case", CASES["limits"], ids=lambda c: c["id"])
def test_the_output_limit_is_lowered_by_exact_name_then_longest_beginning(
    case: dict[str, Any],
) -> None:
    own = {name: Limit(max_output=value) for name, value in case["limits"].items()}
    limit = shipped().with_overrides(own, {}).max_output(case["model"], asked=case["model"])
    assert min(case["value"], limit or case["value"]) == case["expect"]


def test_the_longest_entry_of_the_operator_wins_over_shipped_ones() -> None:
    own = {"gpt": Limit(max_output=1), "gpt-4o": Limit(max_output=2)}
    catalog = shipped().with_overrides(own, {})
    assert catalog.max_output("gpt-4o-mini", asked="gpt-4o-mini") == 2
    assert catalog.max_output("gpt-5", asked="other") == 1
    assert catalog.limit("gpt-5").has_tools is True


def test_a_shipped_limit_holds_only_for_a_model_that_the_client_did_not_name() -> None:
    catalog = shipped()
    assert catalog.max_output("gpt-4o", asked="gpt-4o") is None
    assert catalog.max_output("gpt-4o", asked="team") == 16384
    assert catalog.max_output("nobody-knows-this", asked="team") is None
    tools_only = catalog.with_overrides({"gpt-4o": Limit(has_tools=False)}, {})
    assert tools_only.max_output("gpt-4o", asked="team") == 16384


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-opus-4-6[1m]", "claude-opus-4-6"),
        ("anthropic/claude-opus-4-6", "claude-opus-4-6"),
        ("openai/gpt-5:free", "gpt-5"),
        ("gpt-5.9-turbo", None),
        ("gpt-5-pro", None),
        ("claude-opus-4-9", None),
        ("my-claude-opus-4-6", None),
        ("", None),
    ],
)
def test_a_shipped_entry_holds_for_dated_names_only(model: str, entry: str | None) -> None:
    found = shipped().find(model)
    assert (found.name if found else None) == entry


def test_an_unknown_price_is_none_never_zero() -> None:
    assert shipped().price("nobody-knows-this") is None


@pytest.mark.parametrize(
    ("model", "tier"),
    [
        ("claude-opus-4-6", "opus"),
        ("OPUS", "opus"),
        ("octopus-1", None),
        ("sonnet2", "sonnet"),
        ("anthropic.claude-3-haiku", "haiku"),
        ("gpt-5-mini", "haiku"),
        ("unheard-of", None),
    ],
)
def test_the_tier_is_a_word_of_the_name_or_the_catalog_s(model: str, tier: str | None) -> None:
    assert shipped().tier(model) == tier


@pytest.mark.parametrize("case", CASES["default_models"], ids=lambda c: c["tier"])
def test_former_default_models_are_of_their_tiers(case: dict[str, Any]) -> None:
    assert shipped().tier(case["model"]) == case["tier"]
    found = shipped().find(case["model"])
    assert found is not None
    assert found.tier == case["tier"]


def test_every_shipped_entry_is_plausible() -> None:
    catalog = shipped()
    assert len(catalog.checked) == 10
    for name, model in catalog.models.items():
        assert model.price is not None, name
        assert 0 < model.price.input <= model.price.output, name
        assert (model.price.cache_read or 1) < model.price.input, name
        assert catalog.find(name) is model


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "1e99", "0.0000001"])
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        per_million(text)


@given(st.integers(0, 10**15))
def test_amounts_read_back_as_they_were_written(amount: int) -> None:
    assert from_usd(as_usd(amount)) == amount
    assert per_million(as_per_million(amount % 10**12)) == amount % 10**12
