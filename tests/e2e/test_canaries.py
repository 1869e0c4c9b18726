"""G29, G30: canaries of every kind, in every place, on every route; none of them leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from benches.guardrails.corpus import CATEGORIES

from codegate.mock.journal import Entry
from codegate.mock.provider import ThreadedMock
from tests.support.canaries import Cage, Canary
from tests.support.carriers import KEPT, ordinary
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import headers_of, model_request, path_of, post, request
from tests.support.sdk_types import Canaries, bodies

FORMATS = ("anthropic_messages", "openai_chat")
COUNT_TOKENS = "/v1/messages/count_tokens"


@pytest.fixture(scope="module")
def guarded(shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with guardrails on and two accounts of each format."""
    proxy = Proxy(
        tmp_path_factory.mktemp("canaries") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in (*FORMATS, *FORMATS)],
        settings={"guardrails": "on", "cooldown_base_s": 0},
    )
    yield proxy
    proxy.stop()
    proxy.check_log()


def sent_since(mock: ThreadedMock, count: int) -> list[Entry]:
    """What the upstream received after its first ``count`` requests."""
    return list(mock.requests)[count:]


def seen_in(canaries: Sequence[Canary], data: str) -> list[str]:
    """The values of those that can be seen."""
    return [c.value for c in canaries if any(trace in data for trace in c.traces)]


def text_of(entries: Sequence[Entry]) -> str:
    """The bodies as they came, and once more without JSON's escapes."""
    raw = "\n".join((entry.body or b"").decode() for entry in entries)
    return raw + "\n" + raw.replace("\\\\", "\\").replace('\\"', '"').replace("\\n", "\n")


@pytest.mark.parametrize("account", FORMATS)
def test_g29_no_canary_reaches_an_upstream(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str, account: str, stream: bool
) -> None:
    for category in CATEGORIES:
        cage = Cage(category)
        body = json.dumps(ordinary(wire_format, cage.canary, stream=stream)).encode()
        count = len(shared_mock.requests)
        headers = [*headers_of(wire_format, guarded.key), ("x-codegate-account", account)]
        answer = request(guarded.port, "POST", path_of(wire_format), headers, body)
        assert answer.status == 200, (category, answer.body)
        entries = sent_since(shared_mock, count)
        assert len(entries) == 1
        assert seen_in(cage.canaries, text_of(entries)) == [], category
        assert text_of(entries).count("XQZ") >= len(cage.canaries) > 10


def test_g29_no_canary_reaches_an_upstream_that_counts_tokens(
    guarded: Proxy, shared_mock: ThreadedMock
) -> None:
    for category in CATEGORIES:
        cage = Cage(category)
        turn = ordinary(FORMATS[0], cage.canary, stream=False)
        body = {name: turn[name] for name in ("model", "system", "tools", "messages")}
        count = len(shared_mock.requests)
        headers = headers_of(FORMATS[0], guarded.key)
        answer = request(guarded.port, "POST", COUNT_TOKENS, headers, json.dumps(body).encode())
        assert answer.status == 200, (category, answer.body)
        entries = sent_since(shared_mock, count)
        assert len(entries) == 1
        assert seen_in(cage.canaries, text_of(entries)) == [], category


def test_g29_no_canary_reaches_any_of_several_attempts(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    for category in CATEGORIES:
        cage = Cage(category)
        body = ordinary(wire_format, cage.canary, stream=stream, model="fault:status-529")
        count = len(shared_mock.requests)
        answer = post(guarded.port, guarded.key, wire_format, json.dumps(body).encode())
        assert answer.status >= 500
        entries = sent_since(shared_mock, count)
        assert len(entries) >= 2
        assert seen_in(cage.canaries, text_of(entries)) == [], category


def test_g29_no_place_that_the_types_know_is_forgotten(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    cages = [Cage(category, seed=1) for category in CATEGORIES]
    canaries = Canaries(lambda number: cages[number % len(cages)].canary(), KEPT)
    headers = [*headers_of(wire_format, guarded.key), ("x-codegate-account", wire_format)]
    count = len(shared_mock.requests)
    sent = 0
    for body in bodies(wire_format, canaries):
        data = json.dumps({**body, "model": "mock-large", "stream": False}).encode()
        # The upstream may refuse what no client would say at once; it has read it by then.
        request(guarded.port, "POST", path_of(wire_format), headers, data)
        sent += 1
    entries = sent_since(shared_mock, count)
    assert len(entries) == sent > 10
    made = [canary for cage in cages for canary in cage.canaries]
    assert len(made) > 30
    assert seen_in(made, text_of(entries)) == []


def outputs(proxy: Proxy) -> dict[str, str]:
    """Everything that the proxy writes down or tells anybody but its client."""
    files = [file for file in proxy.data_dir.rglob("*") if file.is_file()]
    return {
        "log": proxy.log,
        "rows": Cli(proxy.data_dir).run("logs", "--json", "--limit", "500").out,
        "usage": Cli(proxy.data_dir).run("usage", "--json").out,
        "metrics": request(proxy.port, "GET", "/metrics").body.decode(),
        **{file.name: file.read_bytes().decode("latin-1") for file in files},
    }


def test_g30_no_canary_stands_in_logs_rows_metrics_and_errors(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(
        upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
        settings={"guardrails": "on", "cooldown_base_s": 0},
        env={"LOG_LEVEL": "debug"},
    )
    cli = Cli(proxy.data_dir)
    cli.run("guardrails", "mode", "ssn", "block")
    cages = [Cage(category, seed=2) for category in CATEGORIES]
    errors = []

    def told(model: str, text: str) -> None:
        body = model_request(wire_format, model, stream=False, text=text)
        answer = post(proxy.port, proxy.key, wire_format, body)
        if answer.header("x-codegate-error"):
            errors.append(answer.body.decode())

    for cage in cages:
        told("mock-large", cage.canary())
        broken = b'{"model": "mock-large", "messages": ["' + cage.canary().encode() + b'"'
        errors.append(post(proxy.port, proxy.key, wire_format, broken).body.decode())
    for model in ("fault:status-400", "fault:status-529", "fault:reset-after-3", "no-such-model"):
        told(model, "\n".join(cage.canary() for cage in cages if cage.category != "ssn"))
    wait_until(lambda: '"passport":' in cli.run("logs", "--json").out, 5, "the last row")
    made = [canary for cage in cages for canary in cage.canaries]
    assert len(errors) > len(cages)
    assert seen_in(made, "\n".join(errors)) == []
    found = {name: seen_in(made, text) for name, text in outputs(proxy).items()}
    assert {name: values for name, values in found.items() if values} == {}
    assert any(name.endswith(".db") for name in found)
