"""What must not leave never leaves, and comes back whole: through a real proxy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.cli import Cli
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import Answer, call, events, headers_of, path_of, request

EMAIL = "ada.lovelace@example.org"
PASSWORD = 'p"q\\w0rd/é🦀'
SECRET = "sk-proj-Zx81kLmN0pQrStUvWxYz12AbCdEf"
VALUES = (EMAIL, SECRET, "Tr0ub4dor&3")
TOKEN = re.compile(r"XQZ[A-Z]+[0-9A-Z]{29}Z")
FORMATS = ("anthropic_messages", "openai_chat")


@pytest.fixture(scope="module")
def guarded(shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """A proxy with guardrails on; the first account of each format always fails over."""
    proxy = Proxy(
        tmp_path_factory.mktemp("guarded") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
        settings={"guardrails": "on"},
    )
    yield proxy
    proxy.stop()
    proxy.check_log()
    assert not [value for value in VALUES if value in proxy.log]


def text_of(answer: Answer, wire_format: str, *, stream: bool) -> str:
    """All text of an answer, joined."""
    if not stream:
        value = answer.json()
        if wire_format == "anthropic_messages":
            return "".join(b["text"] for b in value["content"] if b["type"] == "text")
        return str(value["choices"][0]["message"]["content"])
    return "".join(
        part
        for event in data_of(answer)
        for part in (
            event.get("delta", {}).get("text", ""),
            *((c["delta"].get("content") or "") for c in event.get("choices", ())),
        )
    )


def arguments_of(answer: Answer, wire_format: str, *, stream: bool) -> Any:
    """The arguments of the one tool call of an answer."""
    if not stream:
        value = answer.json()
        if wire_format == "anthropic_messages":
            return next(b["input"] for b in value["content"] if b["type"] == "tool_use")
        call = value["choices"][0]["message"]["tool_calls"][0]
        return json.loads(call["function"]["arguments"])
    pieces = []
    for event in data_of(answer):
        pieces.append(event.get("delta", {}).get("partial_json", ""))
        for choice in event.get("choices", ()):
            for piece in choice["delta"].get("tool_calls", ()):
                pieces.append(piece["function"].get("arguments", ""))
    return json.loads("".join(pieces))


def data_of(answer: Answer) -> list[dict[str, Any]]:
    """The JSON of each event."""
    return [json.loads(data) for _, data in events(answer.body) if data != "[DONE]"]


def body_of(mock: ThreadedMock) -> str:
    """What the upstream received last."""
    body = mock.requests[-1].body
    assert body is not None
    return body.decode()


@pytest.mark.parametrize("account", FORMATS)
@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
def test_g13_text_goes_up_as_tokens_and_comes_back(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, account: str
) -> None:
    said = f"mail {EMAIL}, use {SECRET}"
    answer = call(
        guarded.port,
        guarded.key,
        wire_format,
        "mock-large",
        stream=stream,
        text=f"mock:say {json.dumps(said)}",
        headers=[("x-codegate-account", account)],
    )
    assert answer.status == 200
    assert answer.header("x-codegate-account") == account
    assert text_of(answer, wire_format, stream=stream) == said
    assert answer.header("x-codegate-masked") == "api_key=1, email=1"
    sent = body_of(shared_mock)
    assert not [value for value in VALUES if value in sent]
    assert len(TOKEN.findall(sent)) == 2


def write_back(wire_format: str, file: str, *, stream: bool) -> bytes:
    """A turn in which a tool has read ``file`` and the model is to write it to another."""
    script = (
        'mock:tool read {"path": "b.json"}\nmock:then\n'
        'mock:tool write {"path": "a.json", "content": "{{last_result}}"}'
    )
    user = {"role": "user", "content": script}
    names = ("read", "write")
    schema: dict[str, object] = {"type": "object", "properties": {}}
    if wire_format == "anthropic_messages":
        call = {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": "b.json"}}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": file}
        body: dict[str, object] = {
            "max_tokens": 4096,
            "tools": [{"name": n, "description": "d", "input_schema": schema} for n in names],
            "messages": [
                user,
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
            ],
        }
    else:
        function = {"name": "read", "arguments": '{"path": "b.json"}'}
        body = {
            "tools": [
                {"type": "function", "function": {"name": n, "parameters": schema}} for n in names
            ],
            "messages": [
                user,
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
                },
                {"role": "tool", "tool_call_id": "call_1", "content": file},
            ],
        }
    return json.dumps({"model": "mock-large", "stream": stream, **body}).encode()


@pytest.mark.parametrize("account", FORMATS)
@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
def test_g16_g17_tools_get_the_values(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, account: str
) -> None:
    inner = json.dumps({"password": PASSWORD, "to": EMAIL})
    file = json.dumps({"config": inner, "text": f"to {EMAIL}\npassword: {VALUES[2]}\n"})
    body = write_back(wire_format, file, stream=stream)
    headers = [*headers_of(wire_format, guarded.key), ("x-codegate-account", account)]
    answer = request(guarded.port, "POST", path_of(wire_format), headers, body)
    assert arguments_of(answer, wire_format, stream=stream) == {
        "path": "a.json",
        "content": file,
    }
    sent = body_of(shared_mock)
    assert EMAIL not in sent
    assert VALUES[2] not in sent
    assert "w0rd" not in sent


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g30_nothing_of_it_stands_in_rows_and_metrics(guarded: Proxy, wire_format: str) -> None:
    call(guarded.port, guarded.key, wire_format, "mock-large", stream=False, text=f"to {EMAIL}")
    wait_until(lambda: 'category="email"' in metrics_of(guarded), 5, "the count of e-mails")
    cli = Cli(guarded.data_dir)
    wait_until(lambda: '"email":' in cli.run("logs", "--json").out, 5, "the row's counts")
    assert EMAIL not in metrics_of(guarded)
    assert EMAIL not in cli.run("logs", "--json").out


def test_g30_usage_has_the_counts_and_nothing_else(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(
        upstreams=[f"{wire_format}={shared_mock.url}"], settings={"guardrails": "on"}
    )
    for text in (f"to {EMAIL}", f"to {EMAIL}, password: {VALUES[2]}", "to nobody"):
        call(proxy.port, proxy.key, wire_format, "mock-large", stream=False, text=text)
    cli = Cli(proxy.data_dir)
    wanted = {"email": 2, "password": 1}
    wait_until(lambda: cli.run("usage", "--json").json()["masked"] == wanted, 5, "the sums")
    shown = cli.run("usage").out
    assert "email=2, password=1" in shown
    assert EMAIL not in shown


def test_g34_what_a_model_makes_up_is_passed_on_and_not_kept(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    made_up = "ghp_99C7e42F292c6912E7710c838347Ae178B4a"
    # The scanner sees an escape inside the script's own JSON, the model's words do not have it.
    said = f'mock:say "use \\u0067{made_up[1:]} now"'
    answer = call(guarded.port, guarded.key, wire_format, "mock-large", stream=stream, text=said)
    assert text_of(answer, wire_format, stream=stream) == f"use {made_up} now"
    assert "XQZ" not in body_of(shared_mock)
    assert made_up not in guarded.log
    assert made_up not in Cli(guarded.data_dir).run("logs", "--json").out


def test_g39_an_old_key_opens_and_the_new_one_masks(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(
        upstreams=[f"{wire_format}={shared_mock.url}"],
        settings={"guardrails": "on", "guardrail_portable": "on"},
    )

    def said(text: str) -> str:
        script = f"mock:say {json.dumps(text)}"
        answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=False, text=script)
        return text_of(answer, wire_format, stream=False)

    def token() -> str:
        call(proxy.port, proxy.key, wire_format, "mock-large", stream=False, text=f"to {EMAIL}")
        return str(re.findall(r"XQZEMAIL[0-9A-Z]+Z", body_of(shared_mock))[-1])

    old = token()
    assert token() == old
    Cli(proxy.data_dir).run("keys", "rotate", "guardrail")
    wait_until(lambda: token() != old, 2, "the new key")
    assert said(f"write to {old}") == f"write to {EMAIL}"
    assert said(f"write to {token()}") == f"write to {EMAIL}"
    (proxy.data_dir / ".guardrail-key.old").unlink()
    Cli(proxy.data_dir).run("guardrails", "allow", "add", "nothing")
    wait_until(lambda: said(f"write to {old}") == f"write to {old}", 2, "the old key's end")


BROKEN = """
import codegate.guardrails.guards as guards

made = guards.make

def broken(*positional, **named):
    guard = made(*positional, **named)
    guard.break_probe()
    return guard

guards.make = broken
"""


@pytest.mark.parametrize("size", [10, 10_000, 400_000])
def test_g33_a_detector_that_panics_lets_nothing_out(
    start_proxy: Any,
    shared_mock: ThreadedMock,
    wire_format: str,
    stream: bool,
    size: int,
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(BROKEN)
    proxy = start_proxy(
        upstreams=[f"{wire_format}={shared_mock.url}", f"{wire_format}={shared_mock.url}"],
        settings={"guardrails": "on"},
        env={"PYTHONPATH": str(tmp_path)},
    )
    count = len(shared_mock.requests)
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream, text="a " * size)
    assert answer.status == 503
    assert answer.header("x-codegate-error") == "guardrail_unavailable"
    assert answer.json()["error"]["message"].startswith("guardrails: a detector failed")
    assert len(shared_mock.requests) == count
    assert proxy.get("/health")[0] == 200


def metrics_of(proxy: Proxy) -> str:
    return request(proxy.port, "GET", "/metrics").body.decode()


@pytest.mark.parametrize("wire_format", FORMATS)
@pytest.mark.parametrize("stream", [False, True])
def test_g29_the_second_try_sends_the_same_masked_bytes(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(
        upstreams=[f"{wire_format}={shared_mock.url}", f"{wire_format}={shared_mock.url}"],
        settings={"guardrails": "on"},
    )
    count = len(shared_mock.requests)
    call(proxy.port, proxy.key, wire_format, "fault:status-529", stream=stream, text=f"to {EMAIL}")
    bodies = {entry.body for entry in list(shared_mock.requests)[count:]}
    assert len(list(shared_mock.requests)[count:]) >= 2
    assert len(bodies) == 1
    assert EMAIL.encode() not in (bodies.pop() or b"")


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g8_rules_are_in_force_within_a_second(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={shared_mock.url}"])
    cli = Cli(proxy.data_dir)

    def sent(text: str) -> str:
        assert call(
            proxy.port, proxy.key, wire_format, "mock-large", stream=False, text=text
        ).status in {200, 400}
        return body_of(shared_mock)

    assert EMAIL in sent(f"to {EMAIL}")
    cli.run("guardrails", "enable")
    wait_until(lambda: EMAIL not in sent(f"to {EMAIL}"), 1.5, "guardrails on")
    cli.run("guardrails", "allow", "add", "*@example.org")
    wait_until(lambda: EMAIL in sent(f"to {EMAIL}"), 1.5, "an allowed value")
    cli.run("guardrails", "pattern", "add", "ticket", r"ACME-\d{6}")
    wait_until(lambda: "ACME-123456" not in sent("see ACME-123456"), 1.5, "a pattern")
    cli.run("guardrails", "mode", "credit_card", "block")

    def refused() -> bool:
        answer = call(
            proxy.port,
            proxy.key,
            wire_format,
            "mock-large",
            stream=False,
            text="card 4111 1111 1111 1111",
        )
        return answer.header("x-codegate-error") == "guardrail_blocked" and answer.status == 400

    wait_until(refused, 1.5, "a refusal")


def test_g33_what_takes_too_long_is_refused_and_not_sent(
    start_proxy: Any, shared_mock: ThreadedMock, wire_format: str, stream: bool
) -> None:
    proxy = start_proxy(
        upstreams=[f"{wire_format}={shared_mock.url}"],
        settings={"guardrails": "on", "guardrail_timeout_s": "0.000001"},
    )
    count = len(shared_mock.requests)
    answer = call(
        proxy.port, proxy.key, wire_format, "mock-large", stream=stream, text="word " * 40_000
    )
    assert answer.status == 503
    assert answer.header("x-codegate-error") == "guardrail_unavailable"
    assert len(shared_mock.requests) == count


@pytest.mark.parametrize("wire_format", FORMATS)
def test_g21_g22_tokens_of_others_stay_text(
    guarded: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    call(guarded.port, guarded.key, wire_format, "mock-large", stream=False, text=f"to {EMAIL}")
    token = TOKEN.findall(body_of(shared_mock))[0]
    said = f'mock:say "{token} x"'
    answer = call(guarded.port, guarded.key, wire_format, "mock-large", stream=True, text=said)
    assert text_of(answer, wire_format, stream=True) == f"{token} x"
