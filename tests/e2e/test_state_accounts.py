"""Accounts by command, in force in a running proxy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, call

KEY = "sk-canary-account-5b1e"
FORCE_S = 3.0
"""A change is in force within a second; a busy machine may take longer to get round to it."""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy without any account."""
    with running(tmp_path_factory.mktemp("state") / "data", upstream_key=KEY) as proxy:
        yield proxy


@pytest.fixture
def cli(live: Proxy) -> Iterator[Cli]:
    """Commands on the live proxy's data; every account is gone afterwards."""
    commands = Cli(live.data_dir)
    yield commands
    for item in commands.ok("accounts", "list", "--json").json()["items"]:
        commands.ok("accounts", "remove", item["name"])
    wait_until(lambda: live.health()["accounts"] == 0, FORCE_S, "no account")


def add(cli: Cli, mock: ThreadedMock, name: str, *flags: str, wire: str = "openai_chat") -> None:
    cli.ok(
        *("accounts", "add", name, "--provider", "custom", "--api-key-stdin"),
        *("--base-url", mock.url, "--format", wire, *flags),
        stdin=KEY + "\n",
    )


def ask(proxy: Proxy, model: str = "mock-large", wire: str = "openai_chat") -> Answer:
    return call(proxy.port, proxy.key, wire, model, stream=False)


def in_force(live: Proxy, count: int) -> None:
    wait_until(lambda: live.health()["accounts"] == count, FORCE_S, f"{count} accounts")


def test_an_account_works_a_moment_after_it_was_added(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    answer = call(live.port, live.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 503
    assert answer.header("x-codegate-error") == "no_account"
    add(cli, shared_mock, "mine", wire=wire_format)
    in_force(live, 1)
    answer = call(live.port, live.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.header("x-codegate-account") == "mine"
    seen = shared_mock.requests[-1]
    sent = seen.header("x-api-key") or (seen.header("authorization") or "")
    assert sent.removeprefix("Bearer ") == KEY


def test_disabling_and_enabling_are_in_force_at_once(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "one")
    in_force(live, 1)
    cli.ok("accounts", "disable", "one")
    in_force(live, 0)
    assert ask(live, "m").status == 503
    cli.ok("accounts", "enable", "one")
    in_force(live, 1)
    assert ask(live, "m").status == 200


def test_a_mapped_model_goes_up_under_its_other_name(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "mapped", "--model-map", "wanted=mock-small", "--header", "x-team=blue")
    in_force(live, 1)
    answer = ask(live, "wanted")
    assert answer.status == 200
    assert answer.header("x-codegate-upstream-model") == "mock-small"
    assert shared_mock.requests[-1].header("x-team") == "blue"


def test_an_account_with_a_list_takes_only_what_it_names(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "few", "--model", "mock-large", "--model-map", "a=mock-small")
    in_force(live, 1)
    for model, status in {"mock-large": 200, "a": 200, "other": 503}.items():
        assert ask(live, model).status == status, model


def test_one_account_may_speak_both_formats(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire_format: str
) -> None:
    add(cli, shared_mock, "both", "--endpoint", f"anthropic_messages={shared_mock.url}")
    in_force(live, 1)
    assert ask(live, wire=wire_format).status == 200


def test_the_higher_priority_goes_first_and_an_edit_changes_it(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "low", "--priority", "1")
    add(cli, shared_mock, "high", "--priority", "5")
    in_force(live, 2)

    def first() -> str | None:
        return ask(live, "m").header("x-codegate-account")

    assert first() == "high"
    cli.ok("accounts", "edit", "low", "--priority", "9")
    wait_until(lambda: first() == "low", FORCE_S, "the edit to be in force")


def test_an_account_s_own_timeout_is_kept(live: Proxy, cli: Cli, shared_mock: ThreadedMock) -> None:
    add(cli, shared_mock, "quick", "--timeout", "0.3")
    in_force(live, 1)
    started = time.monotonic()
    answer = ask(live, "fault:hang")
    assert answer.status == 504
    assert time.monotonic() - started < 5


def test_a_refused_account_is_asked_again_once_it_has_a_new_key(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "worn")
    in_force(live, 1)
    assert ask(live, "fault:status-401").status == 502
    assert ask(live).status != 200
    cli.ok("accounts", "edit", "worn", "--api-key", KEY + "-renewed")
    wait_until(lambda: ask(live).status == 200, FORCE_S, "the renewed account")
    cli.ok("accounts", "remove", "worn")
    in_force(live, 0)


def test_an_account_is_probed_at_its_own_address(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "probed", "--endpoint", f"anthropic_messages={shared_mock.url}")
    done = cli.ok("accounts", "test", "probed", "--json").json()
    assert done["ok"] is True
    assert [r["format"] for r in done["results"]] == ["openai_chat", "anthropic_messages"]
    models = cli.ok("accounts", "models", "probed", "--json").json()["models"]
    assert "mock-large" in models
    add(cli, shared_mock, "gone")
    cli.ok(
        *("accounts", "edit", "gone", "--base-url", "http://127.0.0.1:9", "--api-key-stdin"),
        stdin=KEY,
    )
    failed = cli.run("accounts", "test", "gone", "--json")
    assert failed.code == 1
    assert failed.json()["results"][0]["code"] == "connection_refused"


def test_s28_a_new_address_needs_the_key_again(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "moving", "--header", "x-secret=canary-header-77")
    for flags in (
        ("--base-url", mock.url),
        ("--endpoint", f"anthropic_messages={mock.url}"),
        ("--base-url", shared_mock.url, "--format", "anthropic_messages"),
    ):
        refused = cli.run("accounts", "edit", "moving", *flags)
        assert refused.code == 1
        assert "needs the key again" in refused.err
    cli.run("accounts", "test", "moving")
    assert mock.requests == []
    cli.ok("accounts", "edit", "moving", "--base-url", mock.url, "--api-key", "sk-new-key")
    cli.ok("accounts", "test", "moving")
    view = cli.ok("accounts", "show", "moving", "--json").json()
    assert view["headers"] == []
    text = str([request.headers for request in mock.requests])
    assert "sk-new-key" in text
    assert KEY not in text
    assert "canary-header-77" not in text


def test_s31_a_stored_secret_is_never_shown_again(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    header = "canary-header-4d2a91"
    add(cli, shared_mock, "quiet", "--header", f"x-token={header}", "--api-key", KEY + "-second")
    in_force(live, 1)
    ask(live, "mock-large")
    shown = "".join(
        cli.run(*arguments).out
        for arguments in (
            ("accounts", "list"),
            ("accounts", "list", "--json"),
            ("accounts", "show", "quiet"),
            ("accounts", "show", "quiet", "--json"),
            ("accounts", "test", "quiet", "--json"),
        )
    )
    stored = b"".join(p.read_bytes() for p in live.data_dir.iterdir() if p.is_file())
    for secret in (KEY, header):
        assert secret not in shown + live.log
        assert secret.encode() not in stored
    view = cli.ok("accounts", "show", "quiet", "--json").json()
    assert len(view["keys"]) == 2
    assert all(len(fingerprint) == 6 for fingerprint in view["keys"])


def test_names_and_flags_that_cannot_work_are_refused(cli: Cli, shared_mock: ThreadedMock) -> None:
    add(cli, shared_mock, "twice")
    url = shared_mock.url
    for code, flags, words in (
        (1, ("twice", "--provider", "custom", "--base-url", url), "exists"),
        (2, ("a/b", "--provider", "custom", "--base-url", url), "cannot be an account's name"),
        (2, ("x", "--provider", "custom"), "give --base-url"),
        (2, ("x", "--provider", "openai"), "needs a key"),
        (2, ("x", "--provider", "demo"), "no account can be added"),
        (2, ("x", "--api-key", "unheard-of"), "--provider is needed"),
        (2, ("x", "--api-key", "sk-" + "ab" * 16), "add --provider (openai, deepseek)"),
        (2, ("x", "--provider", "custom", "--base-url", "ftp://h"), "is not an http"),
        (2, ("x", "--provider", "custom", "--base-url", url, "--format", "soap"), "not a format"),
        (1, ("x", "--provider", "openai", "--api-key-env", "NOT_SET_1"), "is not set"),
        (2, ("x", "--provider", "custom", "--base-url", url, "--model-map", "a"), "FROM=TO"),
        (2, ("x", "--provider", "custom", "--priority", "many"), "--priority"),
        (2, (), "name"),
    ):
        done = cli.run("accounts", "add", *flags)
        assert done.code == code, (flags, done)
        assert words in done.err, (flags, done.err)
    for command in ("show", "edit", "remove", "enable", "disable", "test", "models"):
        done = cli.run("accounts", command, "nobody")
        assert done.code == 1
        assert "no account is called 'nobody'" in done.err


def test_keys_come_from_the_environment_as_well(cli: Cli) -> None:
    env = {"OPENAI_API_KEY": "sk-proj-canary-1", "DEEPSEEK_API_KEY": "canary-2"}
    offered = cli.ok("accounts", "import-env", "--json", env=env)
    assert [(i["account"], i["added"]) for i in offered.json()["items"]] == [
        ("deepseek", False),
        ("openai", False),
    ]
    assert cli.ok("accounts", "list", "--json").json() == {"items": []}
    cli.ok("accounts", "import-env", "--apply", env=env)
    again = cli.ok("accounts", "import-env", "--apply", "--json", env=env).json()
    assert all(item["exists"] and not item["added"] for item in again["items"])
    names = [i["name"] for i in cli.ok("accounts", "list", "--json").json()["items"]]
    assert sorted(names) == ["deepseek", "openai"]


def test_clearing_and_keeping_fields(cli: Cli, shared_mock: ThreadedMock) -> None:
    add(
        *(cli, shared_mock, "full"),
        *("--default-model", "m1", "--reasoning-model", "m2", "--rpm", "30", "--timeout", "7"),
        *("--monthly-budget", "12.50", "--model", "m1", "--model-map", "a=b"),
    )
    before = cli.ok("accounts", "show", "full", "--json").json()
    assert before["monthly_budget_usd"] == "12.5"
    assert (before["rpm"], before["timeout_s"]) == (30, 7.0)
    cli.ok(
        *("accounts", "edit", "full", "--monthly-budget", "none", "--default-model", "none"),
        *("--model", "none", "--timeout", "none", "--model-map", "none", "--rpm", "none"),
    )
    after = cli.ok("accounts", "show", "full", "--json").json()
    changed = {k for k in before if before[k] != after[k]} - {"updated"}
    assert changed == {
        *("monthly_budget_usd", "default_model", "models", "model_map", "timeout_s", "rpm"),
    }
    assert after["monthly_budget_usd"] is None
    assert after["rpm"] == 0
    assert after["models"] == []


def test_the_demo_answers_only_while_no_account_does(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock, tmp_path: Path
) -> None:
    proxy = start_proxy(args=["--demo"], upstream_key=KEY)
    assert proxy.key in proxy.out
    cli = Cli(proxy.data_dir)

    def account() -> str | None:
        return ask(proxy, "m").header("x-codegate-account")

    assert account() == "demo"
    add(cli, shared_mock, "real")
    wait_until(lambda: account() == "real", FORCE_S, "the real account")
    cli.ok("accounts", "disable", "real")
    wait_until(lambda: account() == "demo", FORCE_S, "the demo again")
