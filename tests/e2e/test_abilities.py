"""What models can do: tried once, kept, shown, and routed by."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from codegate.accounts.trial import _png
from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, call, post, request

MESSAGES, CHAT = FORMATS
KEY = "sk-canary-abilities-2d7f"
FORCE_S = 3.0
NOTICE = "[image left out: this model cannot see images]"
IMAGE = base64.b64encode(_png()).decode()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy without any account."""
    with running(tmp_path_factory.mktemp("abilities") / "data", upstream_key=KEY) as proxy:
        yield proxy


@pytest.fixture
def cli(live: Proxy) -> Iterator[Cli]:
    """Commands on the live proxy's data; every account is gone afterwards."""
    commands = Cli(live.data_dir)
    yield commands
    for item in commands.ok("accounts", "list", "--json").json()["items"]:
        commands.ok("accounts", "remove", item["name"])
    for item in commands.ok("limits", "list", "--json").json()["items"]:
        commands.ok("limits", "unset", item["model"])
    wait_until(lambda: live.health()["accounts"] == 0, FORCE_S, "no account")


def add(cli: Cli, mock: ThreadedMock, name: str, *flags: str, wire: str = CHAT) -> None:
    cli.ok(
        *("accounts", "add", name, "--provider", "custom", "--api-key-stdin"),
        *("--base-url", mock.url, "--format", wire, *flags),
        stdin=KEY + "\n",
    )


def settled(live: Proxy, accounts: int) -> None:
    wait_until(lambda: live.health()["accounts"] == accounts, FORCE_S, f"{accounts} accounts")


def body_of(wire: str, model: str, *, image: bool = True, tool: bool = False) -> dict[str, Any]:
    block: dict[str, Any]
    if wire == MESSAGES:
        source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
        block = {"type": "image", "source": source}
    else:
        block = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
    content = [{"type": "text", "text": "look"}, *([block] if image else [])]
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": content}]}
    schema = {"type": "object", "properties": {}}
    if wire == MESSAGES:
        body["max_tokens"] = 100
        if tool:
            body["tools"] = [{"name": "t", "input_schema": schema}]
    elif tool:
        function = {"name": "t", "parameters": schema}
        body["tools"] = [{"type": "function", "function": function}]
    return body


def ask(live: Proxy, wire: str, model: str, **more: bool) -> Answer:
    body = json.dumps(body_of(wire, model, **more)).encode()
    return post(live.port, live.key, wire, body)


def account_of(answer: Answer) -> str | None:
    assert answer.status == 200, answer.body
    return answer.header("x-codegate-account")


def until_it_goes_to(live: Proxy, wire: str, model: str, account: str, **more: bool) -> Answer:
    """A change is in force within a second."""
    wait_until(
        lambda: ask(live, wire, model, **more).header("x-codegate-account") == account,
        FORCE_S,
        f"requests to reach {account}",
    )
    return ask(live, wire, model, **more)


@pytest.mark.parametrize("wire", FORMATS)
def test_a_trial_tells_and_keeps_what_models_can_do(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire: str
) -> None:
    models = ("mock-large", "mock-no-vision", "mock-no-tools", "fault:status-500")
    flags = [word for model in models for word in ("--model", model)]
    add(cli, shared_mock, "tried", *flags, wire=wire)
    before = len(shared_mock.requests)
    done = cli.ok("accounts", "test", "tried", "--json").json()
    found = {model: (f["images"], f["tools"]) for model, f in done["models"].items()}
    assert found == {
        "mock-large": (True, True),
        "mock-no-vision": (False, True),
        "mock-no-tools": (True, False),
        "fault:status-500": (None, None),
    }
    sent = [json.loads(r.body or b"{}") for r in shared_mock.requests[before:] if r.body]
    asked = [body["model"] for body in sent]
    # The plain request is sent only where something was refused.
    assert [asked.count(model) for model in models] == [2, 3, 3, 2]
    shown = cli.ok("accounts", "show", "tried", "--json").json()["abilities"]
    assert {m: (f["images"], f["tools"]) for m, f in shown.items()} == found
    assert "mock-no-vision: images no, tools yes" in cli.ok("accounts", "show", "tried").out
    assert cli.ok("accounts", "list").out.rstrip().endswith("some")
    cli.ok("accounts", "edit", "tried", "--base-url", shared_mock.url + "/v1", "--api-key", KEY)
    assert cli.ok("accounts", "show", "tried", "--json").json()["abilities"] == {}


def test_a_trial_may_be_left_out_or_aimed(live: Proxy, cli: Cli, shared_mock: ThreadedMock) -> None:
    add(cli, shared_mock, "aimed", "--model", "mock-large")
    done = cli.ok("accounts", "test", "aimed", "--no-trial", "--json").json()
    assert done["models"] == {}
    done = cli.ok("accounts", "test", "aimed", "--model", "mock-no-tools", "--json").json()
    assert list(done["models"]) == ["mock-no-tools"]


def test_a_trial_at_an_address_that_is_left_meanwhile_is_not_kept(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "moving", "--model", "fault:slow-first-1000")
    before = len(shared_mock.requests)
    with ThreadPoolExecutor(1) as pool:
        trial = pool.submit(cli.ok, "accounts", "test", "moving", "--json")
        wait_until(lambda: any(r.body for r in shared_mock.requests[before:]), 10, "the trial")
        cli.ok(
            *("accounts", "edit", "moving", "--base-url", shared_mock.url + "/v1"),
            *("--api-key", KEY),
        )
        assert list(trial.result().json()["models"]) == ["fault:slow-first-1000"]
    assert cli.ok("accounts", "show", "moving", "--json").json()["abilities"] == {}


def test_images_go_only_to_accounts_that_may_see(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire_format: str
) -> None:
    blind = ("--model-map", "m=mock-no-vision", "--priority", "9")
    add(cli, shared_mock, "blind", *blind, wire=wire_format)
    add(cli, shared_mock, "unknown", "--model-map", "m=mock-large", wire=wire_format)
    settled(live, 2)
    # Nobody knows yet that the first is blind.
    refused = ask(live, wire_format, "m")
    assert refused.status == 400
    assert refused.header("x-codegate-account") == "blind"
    cli.ok("accounts", "test", "blind")
    answer = until_it_goes_to(live, wire_format, "m", "unknown")
    assert answer.header("x-codegate-conversion-loss") is None
    assert account_of(ask(live, wire_format, "m", image=False)) == "blind"
    explained = cli.ok(
        *("route", "explain", "m", "--format", wire_format, "--images", "--json")
    ).json()["routes"][0]["accounts"]
    assert [(a["account"], a["order"], a["images"]) for a in explained] == [
        ("unknown", 1, None),
        ("blind", None, False),
    ]
    assert explained[1]["why"] == "cannot see images"
    plain = cli.ok("route", "explain", "m", "--format", wire_format, "--json").json()
    assert [a["account"] for a in plain["routes"][0]["accounts"]] == ["blind", "unknown"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("target", FORMATS)
def test_d04_where_nobody_sees_a_notice_stands_for_the_image(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire_format: str, target: str, stream: bool
) -> None:
    add(cli, shared_mock, "blind", wire=target)
    cli.ok("limits", "set", "mock-no-vision", "--no-vision")
    settled(live, 1)
    body = {**body_of(wire_format, "mock-no-vision"), "stream": stream}
    text = json.dumps(body).encode()

    def served() -> bool:
        return post(live.port, live.key, wire_format, text).status == 200

    wait_until(served, FORCE_S, "the limit to be in force")
    answer = post(live.port, live.key, wire_format, text)
    assert answer.header("x-codegate-conversion-loss") == "image"
    sent = (shared_mock.requests[-1].body or b"").decode()
    assert NOTICE in sent
    assert IMAGE not in sent
    assert "look" in sent
    # Large bodies are read on another thread.
    body["messages"][0]["content"].append({"type": "text", "text": "x" * 400_000})
    answer = post(live.port, live.key, wire_format, json.dumps(body).encode())
    assert answer.status == 200
    assert answer.header("x-codegate-conversion-loss") == "image"
    wait_until(lambda: "image" in cli.ok("logs", "--json").out, FORCE_S, "the loss in the record")


def test_requests_with_tools_pass_models_that_call_none(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock, wire_format: str
) -> None:
    flags = ("--model-map", "m=mock-no-tools", "--priority", "9")
    add(cli, shared_mock, "toolless", *flags, wire=wire_format)
    add(cli, shared_mock, "able", "--model-map", "m=mock-large", wire=wire_format)
    cli.ok("limits", "set", "mock-no-tools", "--no-tools")
    settled(live, 2)
    until_it_goes_to(live, wire_format, "m", "able", image=False, tool=True)
    assert account_of(ask(live, wire_format, "m", image=False)) == "toolless"
    line = cli.ok("route", "explain", "m", "--format", wire_format, "--tools").out
    assert "calls no tools" in line


def test_a_pinned_account_that_cannot_see_gets_the_notice(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    add(cli, shared_mock, "blind", "--model", "mock-no-vision", wire=MESSAGES)
    add(cli, shared_mock, "seeing")
    settled(live, 2)
    cli.ok("accounts", "test", "blind")
    until_it_goes_to(live, MESSAGES, "mock-no-vision", "seeing")
    answer = ask(live, MESSAGES, "blind/mock-no-vision")
    assert account_of(answer) == "blind"
    assert answer.header("x-codegate-conversion-loss") == "image"


def test_counting_asks_whom_the_request_would_go_to(
    live: Proxy, cli: Cli, shared_mock: ThreadedMock
) -> None:
    """The native account is blind, the other does not count: the answer is a guess."""
    add(cli, shared_mock, "blind", "--model-map", "m=mock-no-vision", wire=MESSAGES)
    add(cli, shared_mock, "seeing", "--model-map", "m=mock-large")
    cli.ok("limits", "set", "mock-no-vision", "--no-vision")
    settled(live, 2)
    until_it_goes_to(live, MESSAGES, "m", "seeing")
    body = {k: v for k, v in body_of(MESSAGES, "m").items() if k != "max_tokens"}
    answer = call_count(live, body)
    assert answer.status == 200, answer.body
    assert answer.header("x-codegate-estimated") == "input_tokens"
    plain = {k: v for k, v in body_of(MESSAGES, "m", image=False).items() if k != "max_tokens"}
    assert call_count(live, plain).header("x-codegate-estimated") is None


def call_count(live: Proxy, body: dict[str, Any]) -> Answer:
    headers = [("x-api-key", live.key), ("content-type", "application/json")]
    path = "/v1/messages/count_tokens"
    return request(live.port, "POST", path, headers, json.dumps(body).encode())


def test_text_goes_on_as_before(live: Proxy, cli: Cli, shared_mock: ThreadedMock) -> None:
    add(cli, shared_mock, "blind", "--model-map", "m=mock-no-vision")
    cli.ok("limits", "set", "mock-no-vision", "--no-vision")
    settled(live, 1)
    loss = "x-codegate-conversion-loss"
    wait_until(lambda: ask(live, CHAT, "m").header(loss) == "image", FORCE_S, "the limit")
    answer = call(live.port, live.key, CHAT, "m", stream=False)
    assert answer.status == 200
    assert answer.header("x-codegate-conversion-loss") is None
