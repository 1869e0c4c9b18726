"""Settings, limits, prices, aliases and configs by command."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from codegate.settings.settings import Settings
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, call

FORCE_S = 3.0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, shared_mock: ThreadedMock) -> Iterator[Proxy]:
    """A proxy with two accounts and one setting from the command line."""
    data_dir = tmp_path_factory.mktemp("settings") / "data"
    cli = Cli(data_dir)
    for name, flags in {"big": ("--model", "mock-large"), "small": ()}.items():
        cli.ok(
            *("accounts", "add", name, "--provider", "custom", "--base-url", shared_mock.url),
            *("--api-key", f"sk-{name}", *flags),
        )
    with running(data_dir, settings={"connect_timeout_s": 1}) as proxy:
        yield proxy


@pytest.fixture
def cli(live: Proxy) -> Cli:
    """Commands on the live proxy's data."""
    return Cli(live.data_dir)


@pytest.fixture
def own(tmp_path: Path) -> Cli:
    """Commands on a directory that nobody else uses."""
    return Cli(tmp_path / "data")


def ask(proxy: Proxy, model: str) -> Answer:
    return call(proxy.port, proxy.key, "openai_chat", model, stream=False)


def test_every_setting_is_listed_with_its_default(own: Cli) -> None:
    items = own.ok("settings", "list", "--json").json()["items"]
    assert {i["name"] for i in items} == {f.name for f in fields(Settings)}
    assert all(set(i) == {"name", "value", "default", "is_set"} for i in items)
    assert all(i["value"] == i["default"] and not i["is_set"] for i in items)
    text = own.ok("settings", "list").out
    assert "max_body_bytes" in text


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("metrics_public", "true", "on"),
        ("request_logging", "0", "off"),
        ("idle_timeout_s", "2.5", "2.5"),
        ("idle_timeout_s", "30", "30"),
        ("max_body_bytes", "1048576", "1048576"),
    ],
)
def test_a_setting_is_set_shown_and_unset(own: Cli, name: str, given: str, shown: str) -> None:
    own.ok("settings", "set", name, given)
    assert own.ok("settings", "get", name).out.strip() == shown
    got = own.ok("settings", "get", name, "--json").json()
    assert (got["value"], got["is_set"]) == (shown, True)
    own.ok("settings", "unset", name)
    assert own.ok("settings", "get", name, "--json").json()["is_set"] is False
    assert own.run("settings", "unset", name).code == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("nope", "1"), ("idle_timeout_s", "x"), ("idle_timeout_s", "-1"), ("metrics_public", "2")],
)
def test_what_is_no_setting_is_refused(own: Cli, name: str, value: str) -> None:
    done = own.run("settings", "set", name, "--", value)
    assert done.code == 2
    assert name in done.err
    assert all(not i["is_set"] for i in own.ok("settings", "list", "--json").json()["items"])


def test_a_setting_is_in_force_while_the_proxy_runs(live: Proxy, cli: Cli) -> None:
    assert ask(live, "mock-large").status == 200
    cli.ok("settings", "set", "max_body_bytes", "10")
    wait_until(lambda: ask(live, "mock-large").status == 413, FORCE_S, "the limit")
    cli.ok("settings", "unset", "max_body_bytes")
    wait_until(lambda: ask(live, "mock-large").status == 200, FORCE_S, "the default")


def test_a_flag_beats_what_is_stored(live: Proxy, cli: Cli) -> None:
    cli.ok("settings", "set", "connect_timeout_s", "77")
    cli.ok("settings", "set", "max_body_bytes", "10")
    wait_until(lambda: ask(live, "mock-large").status == 413, FORCE_S, "the other setting")
    cli.ok("settings", "unset", "max_body_bytes")
    wait_until(lambda: ask(live, "mock-large").status == 200, FORCE_S, "the default")


def test_a_stored_setting_that_is_not_known_any_more_does_no_harm(live: Proxy, cli: Cli) -> None:
    import sqlalchemy as sa

    from codegate.storage.prepare import open_database
    from codegate.storage.schema import settings

    database = open_database(cli.data_dir)
    with database.change() as connection:
        connection.execute(sa.insert(settings).values(name="from_the_future", value="1"))
    wait_until(lambda: "a stored setting is not used" in live.log, FORCE_S, "the warning")
    assert ask(live, "mock-large").status == 200
    with database.change() as connection:
        connection.execute(sa.delete(settings))
    database.close()


def test_an_alias_is_in_force_while_the_proxy_runs(live: Proxy, cli: Cli) -> None:
    cli.ok("aliases", "set", "fast", "mock-small")
    wait_until(
        lambda: ask(live, "fast").header("x-codegate-upstream-model") == "mock-small",
        FORCE_S,
        "the alias",
    )
    assert cli.ok("aliases", "list", "--json").json() == {
        "items": [{"name": "fast", "model": "mock-small"}]
    }
    cli.ok("aliases", "unset", "fast")
    wait_until(
        lambda: ask(live, "fast").header("x-codegate-upstream-model") == "fast", FORCE_S, "no alias"
    )
    assert cli.run("aliases", "unset", "fast").code == 1
    assert cli.run("aliases", "set", "", "x").code == 2


def test_limits_and_prices_are_kept(own: Cli) -> None:
    own.ok("limits", "set", "gpt", "--max-output", "100", "--no-tools")
    own.ok("limits", "set", "gpt", "--reasoning")
    (limit,) = own.ok("limits", "list", "--json").json()["items"]
    assert limit == {
        "model": "gpt",
        "max_output": 100,
        "tools": False,
        "reasoning": True,
        "vision": None,
        "source": "own",
    }
    own.ok("prices", "set", "gpt", "--input", "1.25", "--output", "10", "--cache-read", "0.125")
    (price,) = own.ok("prices", "list", "--json").json()["items"]
    assert price == {
        "model": "gpt",
        "input": "1.25",
        "output": "10",
        "cache_read": "0.125",
        "cache_write": None,
        "source": "own",
    }
    for group in ("limits", "prices"):
        everything = own.ok(group, "list", "--all", "--json").json()["items"]
        assert any(item["model"] == "claude-opus-4-6" for item in everything)
        own.ok(group, "unset", "gpt")
        assert own.run(group, "unset", "gpt").code == 1
        assert own.ok(group, "list", "--json").json() == {"items": []}
    assert own.run("limits", "set", "gpt").code == 2
    assert own.run("limits", "set", "gpt", "--max-output", "0").code == 2
    assert own.run("prices", "set", "gpt", "--input", "x", "--output", "1").code == 2
    assert own.run("prices", "set", "gpt", "--input", "1").code == 2


def test_a_config_routes_by_tier(live: Proxy, cli: Cli) -> None:
    cli.ok(
        *("configs", "add", "work", "--tier", "opus=small:mock-large", "--tier", "opus=big"),
        *("--tier", "haiku=small:mock-small"),
    )
    assert ask(live, "claude-opus-9").header("x-codegate-account") == "small"
    cli.ok("configs", "activate", "work")

    def route(model: str) -> tuple[str | None, str | None]:
        answer = ask(live, model)
        return answer.header("x-codegate-account"), answer.header("x-codegate-upstream-model")

    wait_until(lambda: route("claude-opus-9") == ("small", "mock-large"), FORCE_S, "the opus tier")
    assert route("my-haiku") == ("small", "mock-small")
    # No assignment for this tier, and a name of no tier that one account lists.
    assert route("claude-sonnet-9")[0] == "small"
    assert route("mock-large") == ("small", "mock-large")
    cli.ok("configs", "edit", "work", "--tier", "opus=big:mock-large")
    wait_until(lambda: route("claude-opus-9")[0] == "big", FORCE_S, "the edited tier")
    cli.ok("accounts", "disable", "big")
    wait_until(lambda: ask(live, "claude-opus-9").status == 503, FORCE_S, "nothing to use")
    cli.ok("accounts", "enable", "big")
    cli.ok("configs", "deactivate")
    wait_until(lambda: route("claude-opus-9")[0] == "small", FORCE_S, "the default route")
    cli.ok("configs", "remove", "work")


def test_one_config_is_active_and_an_account_takes_its_places_along(own: Cli) -> None:
    for name in ("a", "b"):
        own.ok(
            *("accounts", "add", name, "--provider", "custom"),
            *("--base-url", "http://127.0.0.1:9"),
        )
    own.ok("configs", "add", "one", "--tier", "opus=a", "--tier", "opus=b:x:y")
    own.ok("configs", "add", "two", "--tier", "sonnet=b")
    own.ok("configs", "activate", "one")
    own.ok("configs", "activate", "two")
    items = own.ok("configs", "list", "--json").json()["items"]
    assert [(i["name"], i["active"]) for i in items] == [("one", False), ("two", True)]
    assert items[0]["tiers"] == {
        "opus": [{"account": "a", "model": None}, {"account": "b", "model": "x:y"}]
    }
    own.ok("accounts", "remove", "b")
    items = own.ok("configs", "list", "--json").json()["items"]
    assert items[0]["tiers"] == {"opus": [{"account": "a", "model": None}]}
    assert items[1]["tiers"] == {}


@pytest.mark.parametrize(
    ("code", "arguments", "words"),
    [
        (1, ("add", "x", "--tier", "opus=nobody"), "no account is called 'nobody'"),
        (2, ("add", "x", "--tier", "huge=a"), "no tier is called 'huge'"),
        (2, ("add", "x", "--strategy", "luck"), "no strategy is called 'luck'"),
        (2, ("add", "a b"), "cannot be a config's name"),
        (2, ("add", "x", "--tier", "opus"), "TIER=ACCOUNT"),
        (1, ("activate", "x"), "no config is called 'x'"),
        (1, ("show", "x"), "no config is called 'x'"),
        (1, ("remove", "x"), "no config is called 'x'"),
        (1, ("edit", "x"), "no config is called 'x'"),
    ],
)
def test_a_config_that_cannot_be_is_refused(
    own: Cli, code: int, arguments: tuple[str, ...], words: str
) -> None:
    done = own.run("configs", *arguments)
    assert done.code == code
    assert words in done.err
    assert own.ok("configs", "list", "--json").json() == {"items": []}
