"""The ``anthropic`` Python package on an upstream that speaks Anthropic Messages."""

from __future__ import annotations

from tests.clients.claims import came_in_pieces, came_through
from tests.clients.install import Client
from tests.clients.pictures import PICTURE_BASE64
from tests.clients.prompts import THEN, call, say, script, think
from tests.clients.scenario import require, require_equal
from tests.clients.scenarios.either_sdk import Dialect, scenarios
from tests.clients.sdk import SDK
from tests.clients.stage import Endpoint, Stage
from tests.clients.texts import SENTENCES

_TOOLS = [
    {
        "name": "get_weather",
        "description": "The weather of a city.",
        "input_schema": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
    {
        "name": "get_time",
        "description": "The time in a zone.",
        "input_schema": {"type": "object", "properties": {"zone": {"type": "string"}}},
    },
]


def _environment(endpoint: Endpoint) -> dict[str, str]:
    return {"ANTHROPIC_BASE_URL": endpoint.url, "ANTHROPIC_API_KEY": endpoint.key}


MESSAGES = Dialect(
    sdk=SDK(client=Client.ANTHROPIC_SDK, environment=_environment),
    path="/v1/messages",
    model="claude-sonnet-5-5",
    required={"max_tokens": 2048},
    images=[
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": PICTURE_BASE64},
        },
        {"type": "image", "source": {"type": "url", "url": "https://images.example/a.png"}},
    ],
    text=lambda answer: str(answer["content"][0]["text"]),
    error_type=lambda body: str(body["error"]["type"]),
    unauthorized="authentication_error",
)


def _answers(dialect: Dialect, stage: Stage) -> None:
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    more = {"system": system, "metadata": {"user_id": "someone"}}
    request = dialect.request(script(say(SENTENCES)), **more)
    facts = dialect.sdk.use_both(stage, {"task": "create", "request": request})
    require_equal(dialect.text(facts.answer), SENTENCES, "the answer")
    require(facts.answer["usage"]["output_tokens"] > 0, "no output tokens were counted")
    require("x-codegate-request-id" in facts.headers, "no x-codegate-request-id")
    came_through(stage, path=dialect.path, at_least=2)


def _streams(dialect: Dialect, stage: Stage) -> None:
    request = dialect.request(script(say(SENTENCES)))
    dialect.sdk.use_both(stage, {"task": "events", "request": request})
    facts = dialect.sdk.use_both(stage, {"task": "stream", "request": request})
    require_equal(dialect.text(facts.answer["final"]), SENTENCES, "the accumulated answer")
    came_in_pieces(facts.arrivals_s)
    arrivals = came_through(stage, path=dialect.path, at_least=4)
    require(all(arrival.is_streaming for arrival in arrivals), "no stream was asked for")


def _calls_tools(dialect: Dialect, stage: Stage) -> None:
    prompt = script(
        think("Both can be asked at once."),
        say("I look it up."),
        call("get_weather", {"city": "Zürich 🙂", "days": 2}),
        call("get_time", {"zone": "Europe/Zurich"}),
        THEN,
        think("One question is left."),
        call("get_weather", {"city": 'a "quoted"\\ town\n'}),
        THEN,
        say("Everything is known."),
    )
    request = dialect.request(prompt, tools=_TOOLS, thinking={"type": "adaptive"})
    facts = dialect.sdk.use_both(stage, {"task": "loop", "request": request})
    kinds = [[block["type"] for block in turn["content"]] for turn in facts.answer]
    wanted = [
        ["thinking", "text", "tool_use", "tool_use"],
        ["thinking", "tool_use"],
        ["text"],
    ]
    require_equal(kinds, wanted, "content of the three turns")
    require_equal(facts.answer[0]["content"][2]["input"]["city"], "Zürich 🙂", "an argument")
    arrivals = came_through(stage, path=dialect.path, at_least=6)
    require_equal([arrival.status for arrival in arrivals], [200] * 6, "statuses upstream")


def _counts_tokens(dialect: Dialect, stage: Stage) -> None:
    messages = [{"role": "user", "content": SENTENCES}]
    request = {"model": dialect.model, "messages": messages, "tools": _TOOLS}
    facts = dialect.sdk.use_both(stage, {"task": "count", "request": request})
    require(facts.answer["input_tokens"] > 0, "no tokens were counted")
    came_through(stage, path=f"{dialect.path}/count_tokens", at_least=2)


SCENARIOS = scenarios(
    MESSAGES,
    {
        "a plain answer is the upstream's own": _answers,
        "streamed events are the upstream's own": _streams,
        "thinking and parallel tools over three turns": _calls_tools,
        "tokens are counted": _counts_tokens,
    },
)
