"""Clients on ``@copilotkit/aimock``, a mock provider that this project did not write."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.clients.claims import came_in_pieces, came_through
from tests.clients.install import Client
from tests.clients.scenario import Scenario, require_equal
from tests.clients.scenarios.anthropic_sdk import MESSAGES
from tests.clients.scenarios.claude_code import deltas, result, run_claude
from tests.clients.scenarios.openai_sdk import CHAT
from tests.clients.stage import Stage
from tests.clients.upstreams import AIMOCK_FIXTURES, UpstreamName

_PROMPT = "Say something."
_ASK_WEATHER = "What is the weather?"
_TOOL_NAMES = ("get_weather", "get_time")


def _fixture_text(path: Path, number: int) -> str:
    text: str = json.loads(path.read_text())["fixtures"][number]["response"]["content"]
    return text


_TEXT = _fixture_text(AIMOCK_FIXTURES, -1)
_WEATHER_TEXT = _fixture_text(AIMOCK_FIXTURES, 1)


def _messages_request(prompt: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": "claude-sonnet-5", "max_tokens": 1000, "messages": messages, **more}


def _chat_request(prompt: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.2", "messages": [{"role": "user", "content": prompt}], **more}


def _anthropic_answers(stage: Stage) -> None:
    task = {"task": "create", "request": _messages_request(_PROMPT)}
    answer = MESSAGES.sdk.use(stage, stage.through, task).answer
    require_equal(answer["content"][0]["text"], _TEXT, "the answer")
    task = {"task": "stream", "request": _messages_request(_PROMPT)}
    facts = MESSAGES.sdk.use(stage, stage.through, task)
    require_equal("".join(facts.answer["texts"]), _TEXT, "the streamed answer")
    came_in_pieces(facts.arrivals_s)
    came_through(stage, path="/v1/messages", at_least=2)


def _anthropic_calls_tools(stage: Stage) -> None:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in _TOOL_NAMES]
    task = {"task": "loop", "request": _messages_request(_ASK_WEATHER, tools=tools)}
    turns = MESSAGES.sdk.use(stage, stage.through, task).answer
    names = [block["name"] for block in turns[0]["content"] if block["type"] == "tool_use"]
    require_equal(names, list(_TOOL_NAMES), "tools that were called")
    require_equal(turns[-1]["content"][0]["text"], _WEATHER_TEXT, "the last answer")
    came_through(stage, path="/v1/messages", at_least=2)


def _openai_answers(stage: Stage) -> None:
    task = {"task": "create", "request": _chat_request(_PROMPT)}
    answer = CHAT.sdk.use(stage, stage.through, task).answer
    require_equal(answer["choices"][0]["message"]["content"], _TEXT, "the answer")
    task = {"task": "stream", "request": _chat_request(_PROMPT)}
    facts = CHAT.sdk.use(stage, stage.through, task)
    require_equal("".join(facts.answer["texts"]), _TEXT, "the streamed answer")
    came_in_pieces(facts.arrivals_s)
    came_through(stage, path="/v1/chat/completions", at_least=2)


def _openai_calls_tools(stage: Stage) -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in _TOOL_NAMES]
    task = {"task": "loop", "request": _chat_request(_ASK_WEATHER, tools=tools)}
    turns = CHAT.sdk.use(stage, stage.through, task).answer
    messages = [turn["choices"][0]["message"] for turn in turns]
    names = [call["function"]["name"] for call in messages[0]["tool_calls"]]
    require_equal(names, list(_TOOL_NAMES), "tools that were called")
    require_equal(messages[-1]["content"], _WEATHER_TEXT, "the last answer")
    came_through(stage, path="/v1/chat/completions", at_least=2)


def _claude_code_answers(stage: Stage) -> None:
    done = run_claude(stage, _PROMPT)
    require_equal(result(done)["result"], _TEXT, "the answer")
    pieces = deltas(done)
    require_equal("".join(text for _, text in pieces), _TEXT, "the deltas")
    came_in_pieces([at_s for at_s, _ in pieces])
    came_through(stage, path="/v1/messages", at_least=1)


def _scenario(client: Client, title: str, play: Callable[[Stage], None]) -> Scenario:
    return Scenario(client=client, title=title, play=play, upstream=UpstreamName.AIMOCK)


SCENARIOS: Sequence[Scenario] = (
    _scenario(Client.CLAUDE_CODE, "a plain turn on aimock", _claude_code_answers),
    _scenario(Client.ANTHROPIC_SDK, "a plain and a streamed answer on aimock", _anthropic_answers),
    _scenario(Client.ANTHROPIC_SDK, "parallel tools on aimock", _anthropic_calls_tools),
    _scenario(Client.OPENAI_SDK, "a plain and a streamed answer on aimock", _openai_answers),
    _scenario(Client.OPENAI_SDK, "parallel tools on aimock", _openai_calls_tools),
)
