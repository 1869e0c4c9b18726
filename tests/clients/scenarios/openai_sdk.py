"""The ``openai`` Python package on an upstream that speaks Chat Completions."""

from __future__ import annotations

from typing import Any

from tests.clients.claims import came_in_pieces, came_through
from tests.clients.install import Client
from tests.clients.pictures import PICTURE_BASE64
from tests.clients.prompts import THEN, call, say, script
from tests.clients.scenario import require, require_equal
from tests.clients.scenarios.either_sdk import Dialect, scenarios
from tests.clients.sdk import SDK
from tests.clients.stage import Endpoint, Stage
from tests.clients.texts import SENTENCES


def _tool(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


_TOOLS = [
    _tool("get_weather", {"city": {"type": "string"}, "days": {"type": "integer"}}),
    _tool("get_time", {"zone": {"type": "string"}}),
]
_IMAGES = (f"data:image/png;base64,{PICTURE_BASE64}", "https://images.example/a.png")


def _environment(endpoint: Endpoint) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{endpoint.url}/v1", "OPENAI_API_KEY": endpoint.key}


CHAT = Dialect(
    sdk=SDK(client=Client.OPENAI_SDK, environment=_environment),
    path="/v1/chat/completions",
    model="gpt-6-sol",
    streamed={"stream_options": {"include_usage": True}},
    images=[{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in _IMAGES],
    text=lambda answer: str(answer["choices"][0]["message"]["content"]),
    # The package takes the body's outer member off.
    error_type=lambda body: str(body["type"]),
    unauthorized="invalid_request_error",
)


def _answers(dialect: Dialect, stage: Stage) -> None:
    request = dialect.request(script(say(SENTENCES)))
    facts = dialect.sdk.use_both(stage, {"task": "create", "request": request})
    require_equal(dialect.text(facts.answer), SENTENCES, "the answer")
    require(facts.answer["usage"]["completion_tokens"] > 0, "no output tokens were counted")
    require("x-codegate-request-id" in facts.headers, "no x-codegate-request-id")
    came_through(stage, path=dialect.path, at_least=2)


def _streams(dialect: Dialect, stage: Stage) -> None:
    request = dialect.request(script(say(SENTENCES)), **dialect.streamed)
    dialect.sdk.use_both(stage, {"task": "events", "request": request})
    facts = dialect.sdk.use_both(stage, {"task": "stream", "request": request})
    final = facts.answer["final"]
    require_equal(dialect.text(final), SENTENCES, "the accumulated answer")
    require(final["usage"]["completion_tokens"] > 0, "no output tokens were counted")
    came_in_pieces(facts.arrivals_s)
    arrivals = came_through(stage, path=dialect.path, at_least=4)
    require(all(arrival.is_streaming for arrival in arrivals), "no stream was asked for")


def _hides_usage(dialect: Dialect, stage: Stage) -> None:
    """Usage that the caller did not ask for does not reach it, whatever the proxy needs itself."""
    request = dialect.request(script(say(SENTENCES)))
    facts = dialect.sdk.use(stage, stage.through, {"task": "events", "request": request})
    usages = [chunk["usage"] for chunk in facts.answer]
    require_equal([usage for usage in usages if usage is not None], [], "usage in the stream")
    require(all(chunk["choices"] for chunk in facts.answer), "a chunk came without choices")
    pieces = [chunk["choices"][0]["delta"]["content"] or "" for chunk in facts.answer]
    require_equal("".join(pieces), SENTENCES, "the answer")
    (arrival,) = came_through(stage, path=dialect.path, at_least=1)
    # Without this the rest would hold for a proxy that never learns what a stream cost.
    require_equal(arrival.body.get("stream_options"), {"include_usage": True}, "asked upstream")


def _calls_tools(dialect: Dialect, stage: Stage) -> None:
    prompt = script(
        say("I look it up."),
        call("get_weather", {"city": "Zürich 🙂", "days": 2}),
        call("get_time", {"zone": "Europe/Zurich"}),
        THEN,
        call("get_weather", {"city": 'a "quoted"\\ town\n'}),
        THEN,
        say("Everything is known."),
    )
    request = dialect.request(prompt, tools=_TOOLS, **dialect.streamed)
    facts = dialect.sdk.use_both(stage, {"task": "loop", "request": request})
    reasons = [turn["choices"][0]["finish_reason"] for turn in facts.answer]
    require_equal(reasons, ["tool_calls", "tool_calls", "stop"], "finish reasons")
    messages = [turn["choices"][0]["message"] for turn in facts.answer]
    calls = [len(message["tool_calls"] or ()) for message in messages]
    require_equal(calls, [2, 1, 0], "tool calls of the three turns")
    require_equal(messages[-1]["content"], "Everything is known.", "the last answer")
    arrivals = came_through(stage, path=dialect.path, at_least=6)
    require_equal([arrival.status for arrival in arrivals], [200] * 6, "statuses upstream")


SCENARIOS = scenarios(
    CHAT,
    {
        "a plain answer is the upstream's own": _answers,
        "streamed chunks are the upstream's own": _streams,
        "usage stays out of a stream that did not ask": _hides_usage,
        "parallel tools over three turns": _calls_tools,
    },
)
