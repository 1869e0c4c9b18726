"""Routes over several accounts of a running proxy: names, strategies, keys, limits, health."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from codegate.mock.options import Options
from codegate.mock.provider import ThreadedMock, run_in_thread
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import (
    Answer,
    call,
    check_error,
    headers_of,
    model_request,
    path_of,
    request,
)

KEY = "sk-canary-routing-90cd"
FORCE_S = 3.0
ACCOUNTS = ("one", "two", "three")


@pytest.fixture(scope="module")
def mocks() -> Iterator[dict[str, ThreadedMock]]:
    """An upstream for each account."""
    with (
        run_in_thread(Options()) as one,
        run_in_thread(Options()) as two,
        run_in_thread(Options()) as three,
    ):
        yield dict(zip(ACCOUNTS, (one, two, three), strict=True))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running(tmp_path_factory.mktemp("routing") / "data", upstream_key=KEY) as proxy:
        yield proxy


@pytest.fixture
def cli(live: Proxy, mocks: dict[str, ThreadedMock]) -> Iterator[Cli]:
    """Commands on the live proxy's data; whatever a test stored is gone afterwards."""
    commands = Cli(live.data_dir)
    yield commands
    for mock in mocks.values():
        mock.fault = None
        mock.journal.clear()
    for item in commands.ok("configs", "list", "--json").json()["items"]:
        commands.ok("configs", "remove", item["name"])
    for item in commands.ok("aliases", "list", "--json").json()["items"]:
        commands.ok("aliases", "unset", item["name"])
    for item in commands.ok("accounts", "list", "--json").json()["items"]:
        commands.ok("accounts", "remove", item["name"])
    wait_until(lambda: live.health()["accounts"] == 0, FORCE_S, "no account")


def add(
    cli: Cli,
    mocks: dict[str, ThreadedMock],
    name: str,
    *flags: str,
    wire: str,
    keys: tuple[str, ...] = (KEY,),
    called: str = "",
) -> None:
    cli.ok(
        *("accounts", "add", called or name, "--provider", "custom", "--api-key-stdin"),
        *("--base-url", mocks[name].url, "--format", wire, *flags),
        stdin="\n".join(keys) + "\n",
    )


def in_force(live: Proxy, cli: Cli, count: int = 3) -> None:
    """What was stored is in force; the last change decides."""
    wait_until(lambda: live.health()["accounts"] == count, FORCE_S, f"{count} accounts")
    time.sleep(0.6)


def ask(
    live: Proxy, wire: str, model: str = "mock-large", *, stream: bool = False, **headers: str
) -> Answer:
    extra = [(name.replace("_", "-"), value) for name, value in headers.items()]
    body = model_request(wire, model, stream=stream)
    return request(live.port, "POST", path_of(wire), headers_of(wire, live.key) + extra, body)


def account_of(answer: Answer) -> str:
    assert answer.status == 200, answer.body
    return answer.header("x-codegate-account") or ""


def test_round_robin_in_turn_and_a_session_at_home(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str, stream: bool
) -> None:
    for name in ACCOUNTS:
        add(cli, mocks, name, wire=wire_format)
    tiers = [flag for name in ACCOUNTS for flag in ("--tier", f"opus={name}")]
    cli.ok("configs", "add", "c", "--strategy", "round-robin", *tiers)
    cli.ok("configs", "activate", "c")
    in_force(live, cli)
    served = [account_of(ask(live, wire_format, "claude-opus-x", stream=stream)) for _ in range(9)]
    assert Counter(served) == dict.fromkeys(ACCOUNTS, 3)
    assert served[:3] == served[3:6] == served[6:]
    homes = [
        account_of(ask(live, wire_format, "claude-opus-x", stream=stream, x_session_id="s1"))
        for _ in range(4)
    ]
    assert len(set(homes)) == 1
    home = mocks[homes[0]]
    home.fault = "status-500"
    moved = account_of(ask(live, wire_format, "claude-opus-x", stream=stream, x_session_id="s1"))
    assert moved != homes[0]
    home.fault = None
    again = [
        account_of(ask(live, wire_format, "claude-opus-x", stream=stream, x_session_id="s1"))
        for _ in range(3)
    ]
    assert again == [moved] * 3


def test_a_long_beginning_names_a_conversation(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str
) -> None:
    for name in ACCOUNTS:
        add(cli, mocks, name, wire=wire_format)
    tiers = [flag for name in ACCOUNTS for flag in ("--tier", f"opus={name}")]
    cli.ok("configs", "add", "c", "--strategy", "round-robin", *tiers)
    cli.ok("configs", "activate", "c")
    in_force(live, cli)

    def turn(text: str) -> str:
        body = model_request(wire_format, "claude-opus-x", stream=False, text=text)
        path, headers = path_of(wire_format), headers_of(wire_format, live.key)
        return account_of(request(live.port, "POST", path, headers, body))

    assert len({turn("x" * 5000) for _ in range(6)}) == 1
    assert len({turn("short") for _ in range(6)}) == 3
    cli.ok("settings", "set", "affinity", "off")
    time.sleep(0.6)
    assert len({turn("x" * 5000) for _ in range(6)}) == 3
    cli.ok("settings", "unset", "affinity")


def test_a_pin_allows_no_other_account(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str, stream: bool
) -> None:
    for name in ACCOUNTS:
        add(cli, mocks, name, wire=wire_format)
    in_force(live, cli)
    for _ in range(3):
        answer = ask(live, wire_format, stream=stream, x_codegate_account="two")
        assert account_of(answer) == "two"
        assert account_of(ask(live, wire_format, "three/mock-large", stream=stream)) == "three"
    mocks["two"].fault = "status-429-after-30"
    answer = ask(live, wire_format, stream=stream, x_codegate_account="two")
    check_error(answer, wire_format, 429)
    assert answer.header("retry-after") == "30"
    answer = ask(live, wire_format, stream=stream, x_codegate_account="two")
    check_error(answer, wire_format, 429)
    assert 25 <= int(answer.header("retry-after") or 0) <= 30
    assert account_of(ask(live, wire_format, stream=stream)) == "one"
    check_error(ask(live, wire_format, x_codegate_account="nobody"), wire_format, 400)


def test_the_name_of_a_disabled_account_leads_to_no_other(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str
) -> None:
    add(cli, mocks, "one", wire=wire_format)
    add(cli, mocks, "two", wire=wire_format)
    cli.ok("accounts", "disable", "two")
    in_force(live, cli, 1)
    check_error(ask(live, wire_format, "two/mock-large"), wire_format, 400)
    assert not mocks["one"].requests
    assert not mocks["two"].requests
    assert account_of(ask(live, wire_format, "else/mock-large")) == "one"


def test_an_accounts_rpm_is_held_and_the_next_takes_over(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str
) -> None:
    add(cli, mocks, "one", "--rpm", "3", wire=wire_format)
    add(cli, mocks, "two", "--rpm", "2", wire=wire_format)
    in_force(live, cli, 2)
    served = [account_of(ask(live, wire_format)) for _ in range(5)]
    assert served == ["one", "one", "one", "two", "two"]
    answer = ask(live, wire_format)
    check_error(answer, wire_format, 429)
    assert answer.header("x-codegate-error") == "rate_limited"
    assert 50 <= int(answer.header("retry-after") or 0) <= 60
    assert len(mocks["one"].requests) == 3
    assert len(mocks["two"].requests) == 2


def test_n15_a_budget_is_held_and_clients_do_not_wait_for_next_month(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str, stream: bool
) -> None:
    # Spend stays with an account's name.
    name = f"budget-{wire_format}-{stream}"
    add(cli, mocks, "one", "--monthly-budget", "0.01", wire=wire_format, called=name)
    cli.ok("prices", "set", "mock-large", "--input", "1000", "--output", "1000")
    in_force(live, cli, 1)
    assert account_of(ask(live, wire_format, stream=stream)) == name
    time.sleep(0.1)
    answer = ask(live, wire_format, stream=stream)
    check_error(answer, wire_format, 429)
    assert answer.header("x-codegate-error") == "budget_exceeded"
    assert answer.header("x-should-retry") == "false"
    assert int(answer.header("retry-after") or 0) > 60
    add(cli, mocks, "two", wire=wire_format)
    in_force(live, cli, 2)
    assert account_of(ask(live, wire_format, stream=stream)) == "two"
    assert len(mocks["one"].requests) == 1
    cli.ok("prices", "unset", "mock-large")
    wait_until(
        lambda: cli.ok("accounts", "show", name, "--json").json()["state"] == "over_budget",
        FORCE_S,
        "the record is written",
    )


def test_keys_of_an_account_take_turns_and_cool_for_themselves(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str, stream: bool
) -> None:
    keys = ("sk-first-0001", "sk-second-0002", "sk-third-0003")
    add(cli, mocks, "one", wire=wire_format, keys=keys)
    in_force(live, cli, 1)
    mock = mocks["one"]

    def used(count: int) -> list[str]:
        return [key_of(entry.headers) for entry in list(mock.requests)[-count:]]

    for _ in range(6):
        account_of(ask(live, wire_format, stream=stream))
    assert Counter(used(6)) == dict.fromkeys(keys, 2)
    for _ in range(4):
        account_of(ask(live, wire_format, stream=stream, session_id="s"))
    (home,) = set(used(4))
    mock.script("status-429-after-30", None)
    answer = ask(live, wire_format, stream=stream, session_id="s")
    assert account_of(answer) == "one"
    assert answer.header("x-codegate-attempts") == "2"
    assert used(2)[0] == home
    moved = used(1)[0]
    assert moved != home
    for _ in range(3):
        account_of(ask(live, wire_format, stream=stream, session_id="s"))
    assert set(used(3)) == {moved}
    mock.script("status-401", None)
    assert account_of(ask(live, wire_format, stream=stream, session_id="s")) == "one"
    last = used(1)[0]
    assert last not in {home, moved}
    for _ in range(3):
        assert account_of(ask(live, wire_format, stream=stream)) == "one"
    assert set(used(3)) == {last}
    mock.script("status-429-after-20")
    check_error(ask(live, wire_format, stream=stream), wire_format, 429)
    answer = ask(live, wire_format, stream=stream)
    check_error(answer, wire_format, 429)
    assert 10 <= int(answer.header("retry-after") or 0) <= 20

    def shown() -> dict[str, object]:
        value: dict[str, object] = cli.ok("accounts", "show", "one", "--json").json()
        return value

    wait_until(lambda: shown()["state"] == "cooling", FORCE_S, "the account cools")
    health = shown()["health"]
    assert isinstance(health, dict)
    assert [key["state"] for key in health["keys"]].count("needs_login") == 1
    assert [key["state"] for key in health["keys"]].count("cooling") == 2


def key_of(headers: Iterable[tuple[str, str]]) -> str:
    """The credential that an upstream got."""
    values = {name.lower(): value for name, value in headers}
    return values.get("x-api-key") or values["authorization"].removeprefix("Bearer ")


def test_what_cools_is_listed_with_reason_and_end_and_enable_ends_it(
    live: Proxy, cli: Cli, mocks: dict[str, ThreadedMock], wire_format: str
) -> None:
    add(cli, mocks, "one", wire=wire_format)
    add(cli, mocks, "two", wire=wire_format)
    in_force(live, cli, 2)
    mocks["one"].fault = "status-429-after-90"
    assert account_of(ask(live, wire_format)) == "two"

    def state_of(name: str) -> dict[str, object]:
        items = cli.ok("accounts", "list", "--json").json()["items"]
        return next(item for item in items if item["name"] == name)

    wait_until(lambda: state_of("one")["state"] == "cooling", FORCE_S, "the cooldown is shown")
    health = state_of("one")["health"]
    assert isinstance(health, dict)
    assert health["reason"] == "status_429"
    assert str(health["until"]).startswith("20")
    assert state_of("two")["state"] == "healthy"
    assert "cooling" in cli.ok("accounts", "list").out
    explained = cli.ok("route", "explain", "mock-large", "--format", wire_format, "--json").json()
    (route,) = explained["routes"]
    assert [(a["order"], a["account"], a["state"]) for a in route["accounts"]] == [
        (1, "two", "healthy"),
        (None, "one", "cooling"),
    ]
    mocks["one"].fault = None
    cli.ok("accounts", "enable", "one")
    wait_until(lambda: state_of("one")["state"] == "healthy", FORCE_S, "the cooldown is forgotten")
    assert account_of(ask(live, wire_format)) == "one"


def test_nothing_is_shown_of_a_proxy_that_ended(
    tmp_path: Path, start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    proxy = start_proxy(upstreams=[f"openai_chat={mock.url}"])
    shown = proxy.data_dir / "health.json"
    assert shown.stat().st_mode & 0o777 == 0o600
    call(proxy.port, proxy.key, "openai_chat", "m", stream=False)
    proxy.stop()
    assert not shown.exists()
