"""The bench beside other gateways: when work is the same, and what a run adds up to."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from benches.answers import judge_request
from benches.bodies import CHAT, MESSAGES, body
from benches.cells import PEER_CELLS, QUICK, Cell
from benches.measure import Sample
from benches.peers.gateways import PEERS, Crabllm, Litellm, Portkey
from benches.peers.report import behind, leads, render
from benches.process import BenchError
from benches.results import CellResult, CellRun, RunResult
from benches.upstream import Address

AGENT = next(cell for cell in PEER_CELLS if cell.name == "A·J messages")
TRANSLATED = next(cell for cell in PEER_CELLS if cell.name == "A·J messages to chat")


def rewritten(wire_format: str, **changes: Any) -> bytes:
    """A body that says the same in another order of members, but for `changes`."""
    value = json.loads(body("A", wire_format)) | changes
    return json.dumps(dict(reversed(value.items())), indent=1).encode()


def chat_of_the_same_words() -> bytes:
    """The agent's body in Chat, as a translating peer might send it."""
    value = json.loads(body("A", MESSAGES))
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "".join(part["text"] for part in value["system"])}
    ]
    for message in value["messages"]:
        if isinstance(message["content"], str):
            messages.append(message)
            continue
        text, calls = None, []
        for block in message["content"]:
            if block["type"] == "text":
                text = block["text"]
            elif block["type"] == "tool_use":
                function = {"name": block["name"], "arguments": json.dumps(block["input"])}
                calls.append({"id": block["id"], "type": "function", "function": function})
            else:
                messages.append({"role": "tool", "content": block["content"]})
        if calls:
            messages.append({"role": "assistant", "content": text, "tool_calls": calls})
    tools = [{"type": "function", "function": {"name": t["name"]}} for t in value["tools"]]
    return json.dumps({"model": value["model"], "messages": messages, "tools": tools}).encode()


def test_a_body_in_another_order_or_format_asks_for_the_same() -> None:
    judge_request(AGENT, body("A", MESSAGES), rewritten(MESSAGES))
    judge_request(TRANSLATED, body("A", MESSAGES), chat_of_the_same_words())
    chat = replace(AGENT, wire_format=CHAT)
    judge_request(chat, body("A", CHAT), rewritten(CHAT))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"model": "another"}, "model"),
        ({"tools": []}, "tools"),
        ({"system": "short"}, "words"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "words"),
        ({"messages": None}, "cannot be read"),
    ],
)
def test_what_does_not_arrive_is_named(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(BenchError, match=what):
        judge_request(AGENT, body("A", MESSAGES), rewritten(MESSAGES, **changes))


def sample(gateway: str, number: int, cpu_us: float, *failures: str) -> Sample:
    void = Sample.void(gateway, "")
    return replace(void, round=number, cpu_us=cpu_us, failures=list(failures))


def run_of(samples: list[Sample], cell: Cell = AGENT) -> RunResult:
    result = CellResult(cell=cell, body_bytes=1, runs=[CellRun(samples=samples)])
    names = ("haproxy", "codegate", "crabllm", "portkey")
    return RunResult(
        date="2026-01-01",
        commit="c",
        mode=QUICK,
        seed=1,
        machine=dict.fromkeys(("cpu", "cores", "memory", "kernel", "load"), "x"),
        versions=dict.fromkeys(names, "1"),
        cells=[result],
        footprint={},
        seconds=1,
    )


ROUNDS = [
    sample(name, number, cpu)
    for number in (1, 2, 3)
    for name, cpu in (("haproxy", 10.0 * number), ("codegate", 30.0 * number))
]


def test_peers_are_compared_within_rounds_and_void_ones_not_at_all() -> None:
    crabllm = [sample("crabllm", number, 45.0 * number) for number in (1, 2, 3)]
    run = run_of([*ROUNDS, *crabllm, Sample.void("portkey", "500: no")])
    assert leads(run.cells[0]) == {"crabllm": 1.5}
    once_wrong = [*crabllm[:2], sample("crabllm", 3, 135.0, "wrong byte at 7")]
    assert leads(run_of([*ROUNDS, *once_wrong]).cells[0]) == {}
    assert behind(run) == []
    report = render(run)
    assert "| A·J messages (noisy) | 20.0 | 3.00 | 4.50 (1.50) | void | 1.50 |" in report
    assert "- A·J messages, portkey: 500: no" in report


def test_a_peer_ahead_and_our_own_wrong_answer_are_faults() -> None:
    ahead = [sample("crabllm", number, 24.0 * number) for number in (1, 2, 3)]
    assert behind(run_of([*ROUNDS, *ahead])) == [
        "A·J messages: crabllm takes 0.80 of codegate's CPU"
    ]
    wrong = sample("codegate", 4, 1.0, "short stream")
    assert behind(run_of([*ROUNDS, wrong])) == ["A·J messages: codegate is void: short stream"]


def test_a_peer_that_does_less_is_shown_and_not_judged() -> None:
    bare = [sample("crabllm-bare", number, 15.0 * number) for number in (1, 2, 3)]
    run = run_of([*ROUNDS, *bare])
    run.versions["crabllm-bare"] = "1"
    assert behind(run) == []
    report = render(run)
    assert "crabllm-bare does less" in report
    assert "1.50 (0.50) | no peer |" in report


def test_the_same_cells_are_run_as_beside_the_floors() -> None:
    names = [cell.name for cell in PEER_CELLS]
    assert len(names) == len(set(names)) == 14
    assert {"A·J messages", "L·J chat", "S·T messages", "S·T chat to messages"} <= set(names)


@pytest.mark.parametrize("wire_format", [MESSAGES, CHAT])
def test_each_peer_is_told_where_to_go_and_what_is_spoken_there(wire_format: str) -> None:
    upstream = Address(port=4711, wire_format=wire_format)
    provider = "anthropic" if wire_format == MESSAGES else "openai"
    filled = {peer.name: peer().filled(upstream) for peer in PEERS}
    assert f'kind = "{provider}"' in filled[Crabllm.name]
    assert f"x-portkey-provider: {provider}" in filled[Portkey.name]
    assert f"model: {provider}/gpt-4o" in filled[Litellm.name]
    for text in filled.values():
        assert "127.0.0.1:4711" in text
