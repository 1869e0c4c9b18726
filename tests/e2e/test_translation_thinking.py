"""Twenty turns of thinking and tools between providers that check what comes back to them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from codegate.mock import Options, run_in_thread
from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS
from tests.support.cli import Cli
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, events, headers_of, path_of, request

MESSAGES, CHAT = FORMATS
TURNS = 20
SEALING, INSISTING, PLAIN = "sealing", "insisting", "plain"
MIDDLE = [SEALING] * 10 + [INSISTING] * 10
THERE_AND_BACK = [SEALING] * 7 + [INSISTING] * 6 + [SEALING] * 7
IN_TURN = [SEALING, INSISTING] * 10
# Which members of a turn's answer a Chat client sends back.
KEEPS = {
    "all": ("reasoning_content", "reasoning_details"),
    "text": ("reasoning_content",),
    "nothing": (),
}


@pytest.fixture(scope="module")
def mocks() -> Iterator[dict[str, ThreadedMock]]:
    """Providers that refuse a history whose reasoning is missing or does not fit."""
    with (
        run_in_thread(Options(journal_size=10_000)) as sealing,
        run_in_thread(Options(journal_size=10_000)) as insisting,
        run_in_thread(Options(journal_size=10_000)) as plain,
    ):
        sealing.fault, insisting.fault = "bound-thinking", "needs-reasoning"
        yield {SEALING: sealing, INSISTING: insisting, PLAIN: plain}


@pytest.fixture(scope="module")
def live(
    mocks: dict[str, ThreadedMock], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy with an account at each; of the insisting one it knows that it insists."""
    with running(tmp_path_factory.mktemp("thinking") / "data") as proxy:
        cli = Cli(proxy.data_dir)
        for name, provider, wire in (
            (SEALING, "custom", MESSAGES),
            (INSISTING, "kimi", CHAT),
            (PLAIN, "custom", CHAT),
        ):
            cli.ok(
                *("accounts", "add", name, "--provider", provider, "--api-key-stdin"),
                *("--base-url", mocks[name].url, "--format", wire),
                stdin="sk-test\n",
            )
        wait_until(lambda: proxy.health()["accounts"] == len(mocks), 5, "three accounts")
        yield proxy


class Conversation:
    """A client's own history, which each turn adds to."""

    def __init__(self, live: Proxy, wire_format: str, keeps: tuple[str, ...]) -> None:
        self.live, self.wire_format, self.keeps = live, wire_format, keeps
        self.name = uuid.uuid4().hex
        schema = {"type": "object", "properties": {}}
        self.body: dict[str, Any] = {"model": "kimi-k3", "messages": []}
        if wire_format == MESSAGES:
            self.body |= {"system": "be good", "max_tokens": 4000, "thinking": {"type": "adaptive"}}
            self.body["tools"] = [{"name": "read", "input_schema": schema}]
        else:
            self.body["messages"] = [{"role": "system", "content": "be good"}]
            function = {"name": "read", "parameters": schema}
            self.body["tools"] = [{"type": "function", "function": function}]

    def turn(self, number: int, account: str, *, calls: bool) -> None:
        """One turn; every other one is a stream."""
        # Two clients that say the very same are one conversation to whoever remembers it.
        script = f"{self.name}\n"
        script += f'mock:think "thought \\"{number}\\" \u00e9"\nmock:say "turn {number}"'
        if calls:
            script += f'\nmock:tool read {{"n": {number}}}'
        self.body["messages"].append({"role": "user", "content": script})
        self.body["stream"] = bool(number % 2)
        headers = [*headers_of(self.wire_format, self.live.key), ("x-codegate-account", account)]
        answer = request(
            *(self.live.port, "POST", path_of(self.wire_format), headers),
            json.dumps(self.body).encode(),
        )
        assert answer.status == 200, (number, answer.body)
        assert answer.header("x-codegate-account") == account
        if self.wire_format == MESSAGES:
            self._add_message(answer)
        else:
            self._add_choice(answer)

    def _add_message(self, answer: Answer) -> None:
        blocks = _blocks(answer) if self.body["stream"] else json.loads(answer.body)["content"]
        self.body["messages"].append({"role": "assistant", "content": blocks})
        results = [
            {"type": "tool_result", "tool_use_id": block["id"], "content": "done"}
            for block in blocks
            if block["type"] == "tool_use"
        ]
        if results:
            self.body["messages"].append({"role": "user", "content": results})

    def _add_choice(self, answer: Answer) -> None:
        if self.body["stream"]:
            message = _message(answer)
        else:
            message = json.loads(answer.body)["choices"][0]["message"]
        kept = {"role", "content", "tool_calls", *self.keeps}
        message = {name: value for name, value in message.items() if name in kept}
        self.body["messages"].append(message)
        for called in message.get("tool_calls", []):
            result = {"role": "tool", "tool_call_id": called["id"], "content": "done"}
            self.body["messages"].append(result)


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    inputs: dict[int, str] = {}
    for _, data in events(answer.body):
        event = json.loads(data)
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta, index = event["delta"], event["index"]
            for member in {"text", "thinking", "signature"} & set(delta):
                blocks[index][member] += delta[member]
            inputs[index] = inputs.get(index, "") + delta.get("partial_json", "")
    for index, text in inputs.items():
        if text:
            blocks[index]["input"] = json.loads(text)
    return blocks


def _message(answer: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for _, data in events(answer.body):
        choices = [] if data == "[DONE]" else json.loads(data)["choices"]
        for delta in (choice["delta"] for choice in choices):
            for member in {"content", "reasoning_content"} & set(delta):
                message[member] = message.get(member, "") + (delta[member] or "")
            if "reasoning_details" in delta:
                message.setdefault("reasoning_details", []).extend(delta["reasoning_details"])
            for piece in delta.get("tool_calls", []):
                calls = message.setdefault("tool_calls", [])
                if piece["index"] == len(calls):
                    calls.append({"type": "function", "id": piece["id"], "function": {}})
                function = calls[piece["index"]]["function"]
                for member, text in piece["function"].items():
                    function[member] = function.get(member, "") + text
    return message


@pytest.mark.parametrize(
    "schedule", [MIDDLE, THERE_AND_BACK, IN_TURN], ids=["middle", "back", "turn"]
)
@pytest.mark.parametrize(
    ("wire_format", "keeps"),
    [(MESSAGES, "all"), (CHAT, "all"), (CHAT, "text"), (CHAT, "nothing")],
)
@pytest.mark.parametrize("calls", [True, False], ids=["tools", "text"])
def test_twenty_turns_are_never_refused(
    live: Proxy,
    mocks: dict[str, ThreadedMock],
    wire_format: str,
    keeps: str,
    schedule: list[str],
    calls: bool,
) -> None:
    """No refusal, no second try, and no thought is lost on the way to the one who had it."""
    if keeps == "nothing":
        # Such a client loses what only its own format's provider wants back: a plain one it is.
        schedule = [PLAIN if name == INSISTING else name for name in schedule]
    before = {name: len(mock.requests) for name, mock in mocks.items()}
    conversation = Conversation(live, wire_format, KEEPS[keeps])
    for number, account in enumerate(schedule):
        conversation.turn(number, account, calls=calls)
    live.wait_idle()
    seen = {name: mock.requests[before[name] :] for name, mock in mocks.items()}
    entries = [entry for some in seen.values() for entry in some]
    # The mock writes its own book a moment after its last byte.
    wait_until(lambda: all(entry.outcome != "open" for entry in entries), 5, "all were answered")
    assert {name: len(some) for name, some in seen.items()} == {
        name: schedule.count(name) for name in mocks
    }
    assert {entry.status for entry in entries} == {200}
    # What the sealing one thought is all there when its last turn begins, and nothing else.
    sent = json.loads(seen[SEALING][-1].body or b"")
    thoughts = [
        block["thinking"]
        for message in sent["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
        if block["type"] == "thinking"
    ]
    turns = [number for number, name in enumerate(schedule) if name == SEALING]
    assert thoughts == [f'thought "{number}" \u00e9' for number in turns[:-1]]
