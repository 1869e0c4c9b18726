"""What a model's name means, and which accounts a route has."""

from __future__ import annotations

import pytest

from codegate.errors import BadRequest, NoUpstream
from codegate.routing.router import Routes
from tests.support.routing import FORMAT, account, chosen, config


def test_the_default_route_goes_by_priority_then_age() -> None:
    routes = Routes(
        accounts=(
            account("young", created=3),
            account("old", created=1),
            account("first", created=9, priority=5),
            account("other", models=["something-else"]),
            account("mute", formats=["anthropic_messages"]),
        )
    )
    # Whoever has to be translated for comes behind its equals.
    assert [name for name, _ in chosen(routes, "m")] == ["first", "old", "young", "mute"]


def test_listed_mapped_and_default_models_are_taken() -> None:
    routes = Routes(
        accounts=(
            account("lists", models=["m"]),
            account("maps", models=["x"], model_map={"m": "theirs"}),
            account("defaults", models=["x"], default_model="m"),
            account("neither", models=["x"]),
        )
    )
    assert chosen(routes, "m") == [("lists", "m"), ("maps", "theirs"), ("defaults", "m")]


def test_a_pin_allows_no_other_account_and_comes_before_everything() -> None:
    routes = Routes(
        accounts=(account("a", priority=9), account("b", model_map={"real": "theirs"})),
        aliases={"short": "real"},
        config=config(opus=["a"]),
    )
    assert chosen(routes, "claude-opus-4", pin="b") == [("b", "claude-opus-4")]
    assert chosen(routes, "short", pin="b") == [("b", "theirs")]
    assert chosen(routes, "b/real", pin="b") == [("b", "theirs")]
    with pytest.raises(BadRequest):
        chosen(routes, "m", pin="nobody")


def test_the_name_of_an_account_that_is_not_in_use_leads_to_no_other() -> None:
    routes = Routes(accounts=(account("other"),), unused=frozenset({"work"}))
    with pytest.raises(BadRequest):
        chosen(routes, "work/gpt-6-sol")
    assert chosen(routes, "else/gpt-6-sol") == [("other", "else/gpt-6-sol")]
    lists = Routes(accounts=(account("other", models=["work/m"]),), unused=frozenset({"work"}))
    assert chosen(lists, "work/m") == [("other", "work/m")]


def test_an_alias_comes_before_the_tier_of_its_own_name() -> None:
    routes = Routes(
        accounts=(account("a"), account("b")),
        aliases={"my-opus": "claude-haiku-4-5"},
        config=config(opus=["a"], haiku=["b"]),
    )
    assert chosen(routes, "my-opus") == [("b", "claude-haiku-4-5")]


def test_a_tier_comes_before_a_listed_name_and_an_account_in_front() -> None:
    routes = Routes(
        accounts=(account("a"), account("b", models=["claude-opus-4"])),
        config=config(opus=["a:target"]),
    )
    assert chosen(routes, "claude-opus-4") == [("a", "target")]
    assert chosen(routes, "b/claude-opus-4") == [("a", "target")]


def test_an_assignment_without_a_model_keeps_the_name() -> None:
    routes = Routes(
        accounts=(account("a", model_map={"claude-opus-4": "theirs"}), account("b")),
        config=config("round-robin", opus=["b", "a", "gone"]),
    )
    assert chosen(routes, "claude-opus-4") == [("b", "claude-opus-4"), ("a", "theirs")]
    survey = routes.survey(wire_format=FORMAT, model="claude-opus-4")
    assert survey.strategy == "round-robin"
    assert [(e.account, e.why) for e in survey.entries if e.upstream is None] == [
        ("gone", "not in use")
    ]
    # The account's own name in front of a model is no part of the model.
    assert chosen(routes, "b/claude-opus-4") == [("b", "claude-opus-4"), ("a", "b/claude-opus-4")]


def test_codegate_is_whatever_the_route_picks() -> None:
    accounts = (
        account("a", default_model="a-model"),
        account("b", models=["b-model", "b-other"]),
        account("c"),
    )
    assert chosen(Routes(accounts=accounts), "codegate") == [("a", "a-model"), ("b", "b-model")]
    routes = Routes(accounts=accounts, config=config(opus=["c:target"], haiku=["b", "c"]))
    assert chosen(routes, "codegate") == [("c", "target"), ("b", "b-model")]
    with pytest.raises(NoUpstream, match="--default-model"):
        chosen(Routes(accounts=(account("c"),)), "codegate")


def test_a_bare_tier_without_a_config_is_the_accounts_own_model_of_it() -> None:
    routes = Routes(
        accounts=(
            account("lists", models=["claude-haiku-4-5", "claude-opus-4-8"]),
            account("open"),
            account("defaults", models=["x"], default_model="d"),
            account("nothing", models=["x"]),
        )
    )
    assert chosen(routes, "opus") == [
        ("lists", "claude-opus-4-8"),
        ("open", "opus"),
        ("defaults", "d"),
    ]


def test_a_listed_name_comes_before_an_account_in_front() -> None:
    lists = account("openrouter", models=["deepseek/deepseek-chat"])
    routes = Routes(accounts=(account("deepseek", priority=1, models=["other"]), lists))
    assert chosen(routes, "deepseek/deepseek-chat") == [("openrouter", "deepseek/deepseek-chat")]
    routes = Routes(accounts=(account("deepseek"), account("openrouter")))
    assert chosen(routes, "deepseek/deepseek-chat") == [("deepseek", "deepseek-chat")]
    assert routes.survey(wire_format=FORMAT, model="deepseek/x").is_pinned
    assert [n for n, _ in chosen(routes, "nobody/x")] == ["deepseek", "openrouter"]


def test_an_account_in_front_comes_before_assignments_for_names_of_no_tier() -> None:
    routes = Routes(accounts=(account("a"), account("b")), config=config(opus=["a:target"]))
    assert chosen(routes, "b/some-model") == [("b", "some-model")]
    assert chosen(routes, "some-model") == [("a", "target")]


def test_a_name_of_no_tier_goes_where_somebody_knows_it() -> None:
    routes = Routes(
        accounts=(account("a"), account("b", models=["qwen3"]), account("c", models=["other"])),
        config=config(opus=["a"], haiku=["b", "c"]),
    )
    assert chosen(routes, "qwen3") == [("b", "qwen3")]
    assert chosen(routes, "unknown") == [("a", "unknown")]


def test_what_is_missing_is_said() -> None:
    with pytest.raises(NoUpstream, match="no account speaks"):
        chosen(Routes(accounts=()), "m")
    with pytest.raises(NoUpstream, match="offers this model"):
        chosen(Routes(accounts=(account("a", models=["x"]),)), "m")
    with pytest.raises(NoUpstream, match="config c"):
        chosen(Routes(accounts=(account("a"),), config=config(opus=["gone"])), "claude-opus-4")
