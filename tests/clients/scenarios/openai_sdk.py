"""The ``openai`` Python package on an upstream that speaks Chat Completions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.clients.claims import came_in_pieces, came_through
from tests.clients.install import Client
from tests.clients.pictures import PICTURE_BASE64
from tests.clients.prompts import THEN, call, say, script
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.sdk import SDK
from tests.clients.stage import Endpoint, Stage
from tests.clients.texts import SENTENCES

_PATH = "/v1/chat/completions"
_MODEL = "gpt-6-sol"
_TOGETHER = 12
_CUT = "fault:reset-after-6"
_ODD = "fault:unknown-fields+unknown-event+comments+split-random-7"
_USAGE = {"stream_options": {"include_usage": True}}


def _tool(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


_TOOLS = [
    _tool("get_weather", {"city": {"type": "string"}, "days": {"type": "integer"}}),
    _tool("get_time", {"zone": {"type": "string"}}),
]


def _environment(endpoint: Endpoint) -> dict[str, str]:
    return {"OPENAI_BASE_URL": f"{endpoint.url}/v1", "OPENAI_API_KEY": endpoint.key}


OPENAI = SDK(client=Client.OPENAI_SDK, environment=_environment)


def _request(prompt: str, **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}]
    return {"model": _MODEL, "messages": messages, **more}


def _answers(stage: Stage) -> None:
    facts = OPENAI.use_both(stage, {"task": "create", "request": _request(script(say(SENTENCES)))})
    require_equal(facts.answer["choices"][0]["message"]["content"], SENTENCES, "the answer")
    require(facts.answer["usage"]["completion_tokens"] > 0, "no output tokens were counted")
    require("x-codegate-request-id" in facts.headers, "no x-codegate-request-id")
    came_through(stage, path=_PATH, at_least=2)


def _streams(stage: Stage) -> None:
    request = _request(script(say(SENTENCES)), **_USAGE)
    OPENAI.use_both(stage, {"task": "events", "request": request})
    facts = OPENAI.use_both(stage, {"task": "stream", "request": request})
    final = facts.answer["final"]
    require_equal(final["choices"][0]["message"]["content"], SENTENCES, "the accumulated answer")
    require(final["usage"]["completion_tokens"] > 0, "no output tokens were counted")
    came_in_pieces(facts.arrivals_s)
    arrivals = came_through(stage, path=_PATH, at_least=4)
    require(all(arrival.is_streaming for arrival in arrivals), "no stream was asked for")


def _hides_usage(stage: Stage) -> None:
    """Usage that the caller did not ask for does not reach it, whatever the proxy needs itself."""
    request = _request(script(say(SENTENCES)))
    facts = OPENAI.use(stage, stage.through, {"task": "events", "request": request})
    usages = [chunk["usage"] for chunk in facts.answer]
    require_equal([usage for usage in usages if usage is not None], [], "usage in the stream")
    require(all(chunk["choices"] for chunk in facts.answer), "a chunk came without choices")
    pieces = [chunk["choices"][0]["delta"]["content"] or "" for chunk in facts.answer]
    require_equal("".join(pieces), SENTENCES, "the answer")
    (arrival,) = came_through(stage, path=_PATH, at_least=1)
    # Without this the rest would hold for a proxy that never learns what a stream cost.
    require_equal(arrival.body.get("stream_options"), {"include_usage": True}, "asked upstream")


def _calls_tools(stage: Stage) -> None:
    prompt = script(
        say("I look it up."),
        call("get_weather", {"city": "Zürich 🙂", "days": 2}),
        call("get_time", {"zone": "Europe/Zurich"}),
        THEN,
        call("get_weather", {"city": 'a "quoted"\\ town\n'}),
        THEN,
        say("Everything is known."),
    )
    request = _request(prompt, tools=_TOOLS, **_USAGE)
    facts = OPENAI.use_both(stage, {"task": "loop", "request": request})
    reasons = [turn["choices"][0]["finish_reason"] for turn in facts.answer]
    require_equal(reasons, ["tool_calls", "tool_calls", "stop"], "finish reasons")
    messages = [turn["choices"][0]["message"] for turn in facts.answer]
    calls = [len(message["tool_calls"] or ()) for message in messages]
    require_equal(calls, [2, 1, 0], "tool calls of the three turns")
    require_equal(messages[-1]["content"], "Everything is known.", "the last answer")
    arrivals = came_through(stage, path=_PATH, at_least=6)
    require_equal([arrival.status for arrival in arrivals], [200] * 6, "statuses upstream")


def _sends_images(stage: Stage) -> None:
    urls = (f"data:image/png;base64,{PICTURE_BASE64}", "https://images.example/a.png")
    images = [{"type": "image_url", "image_url": {"url": url, "detail": "low"}} for url in urls]
    request = _request("unused")
    content = [*images, {"type": "text", "text": script(say("Two pictures."))}]
    request["messages"] = [{"role": "user", "content": content}]
    OPENAI.use_both(stage, {"task": "create", "request": request})
    for arrival in came_through(stage, path=_PATH, at_least=2):
        require_equal(arrival.body["messages"][0]["content"][:2], images, "images upstream")


def _refuses_wrong_key(stage: Stage) -> None:
    wrong = Endpoint(url=stage.through.url, key="cgk_not_a_key_of_this_proxy")
    request = _request(script(say("never")))
    facts = OPENAI.use(stage, wrong, {"task": "error", "request": request})
    require("AuthenticationError" in facts.answer["classes"], f"raised {facts.answer}")
    require_equal(len(facts.requests), 1, "tries")
    require_equal(facts.headers.get("x-should-retry"), "false", "x-should-retry")
    require_equal(len(stage.arrivals()), 0, "requests at the upstream")


def _refuses_bad_request(stage: Stage) -> None:
    request = _request(script(say("never")), messages=[])
    facts = OPENAI.use_both(stage, {"task": "error", "request": request})
    require("BadRequestError" in facts.answer["classes"], f"raised {facts.answer}")
    require_equal(len(facts.requests), 1, "tries")
    came_through(stage, path=_PATH, at_least=2)


def _lists_models(stage: Stage) -> None:
    facts = OPENAI.use(stage, stage.through, {"task": "models", "model": _MODEL})
    require(_MODEL in facts.answer["listed"], f"{_MODEL} is not among {facts.answer['listed']}")
    require_equal(facts.answer["one"]["id"], _MODEL, "the model that was asked for")
    require_equal(facts.answer["one"]["object"], "model", "its type")
    came_through(stage, path="/v1/models", at_least=1)


def _streams_together(stage: Stage) -> None:
    texts = [f"Stream {number}: {SENTENCES}" for number in range(_TOGETHER)]
    requests = [_request(script(say(text))) for text in texts]
    facts = OPENAI.use(stage, stage.through, {"task": "together", "requests": requests})
    require_equal(facts.answer, texts, "the answers")
    came_through(stage, path=_PATH, at_least=_TOGETHER)


def _notices_cut(stage: Stage) -> None:
    """A stream that breaks off must not look complete."""
    request = _request(script(say(SENTENCES)), model=_CUT)
    facts = OPENAI.use(stage, stage.through, {"task": "broken", "request": request})
    text = "".join(facts.answer["texts"])
    require(bool(facts.answer["raised"]), f"no error was raised after {text!r}")
    require(0 < len(text) < len(SENTENCES), f"it had {len(text)} characters of the answer")
    require(SENTENCES.startswith(text), f"it had {text!r}")
    came_through(stage, path=_PATH, at_least=1)


def _takes_odd_streams(stage: Stage) -> None:
    request = _request(script(say(SENTENCES)), model=_ODD, **_USAGE)
    facts = OPENAI.use_both(stage, {"task": "events", "request": request})
    require(len(facts.answer) > 8, f"only {len(facts.answer)} events came")
    came_through(stage, path=_PATH, at_least=2)


def _waits_as_told(stage: Stage) -> None:
    request = _request(script(say("never")), model="fault:status-429-after-1")
    task = {"task": "error", "request": request}
    straight = OPENAI.use(stage, stage.straight, task)
    through = OPENAI.use(stage, stage.through, task)
    require("RateLimitError" in through.answer["classes"], f"raised {through.answer}")
    require_equal(through.answer["classes"], straight.answer["classes"], "what was raised")
    require_equal(len(through.requests), len(straight.requests), "tries")
    require("retry-after" in through.headers, "it was not told when to come back")
    require(through.elapsed_s >= 2, f"two waits of a second took {through.elapsed_s:.1f} s")
    came_through(stage, path=_PATH, at_least=len(straight.requests) + 1)


def _survives_overload(stage: Stage) -> None:
    request = _request(script(say(SENTENCES)), model="fault:fail-1-then-ok:529")
    facts = OPENAI.use(stage, stage.through, {"task": "create", "request": request})
    message = facts.answer["choices"][0]["message"]
    require_equal(message["content"], SENTENCES, "the answer")
    came_through(stage, path=_PATH, at_least=2)


def _scenario(title: str, play: Callable[[Stage], None]) -> Scenario:
    return Scenario(client=Client.OPENAI_SDK, title=title, play=play)


SCENARIOS: Sequence[Scenario] = (
    _scenario("a plain answer is the upstream's own", _answers),
    _scenario("streamed chunks are the upstream's own", _streams),
    _scenario("usage stays out of a stream that did not ask", _hides_usage),
    _scenario("parallel tools over three turns", _calls_tools),
    _scenario("images reach the upstream unchanged", _sends_images),
    _scenario("a wrong key is refused once", _refuses_wrong_key),
    _scenario("a bad request is refused in the upstream's words", _refuses_bad_request),
    _scenario("a stream that breaks off raises an error", _notices_cut),
    _scenario("unknown members and events pass unchanged", _takes_odd_streams),
    _scenario("a rate limit is waited for as told", _waits_as_told),
    _scenario("an overloaded upstream is tried again", _survives_overload),
    _scenario("models are listed and retrieved", _lists_models),
    _scenario("streams at the same time stay apart", _streams_together),
)
