"""SDKs in front of an upstream of the other format, judged by their own accumulators.

What each SDK gives is compared, member by member, with ``crossed_table``, checked by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.clients.claims import came_through
from tests.clients.install import Client
from tests.clients.pictures import PICTURE_BASE64
from tests.clients.prompts import THEN, call, counts, say, script, think
from tests.clients.scenario import Scenario, require, require_equal
from tests.clients.scenarios import crossed_table as table
from tests.clients.sdk import SDK, Facts, first_difference
from tests.clients.stage import Endpoint, Stage

_MESSAGES, _CHAT = "anthropic_messages", "openai_chat"
_PATHS = {_MESSAGES: "/v1/messages", _CHAT: "/v1/chat/completions"}
_CUT = "fault:deltas-12+reset-after-6"
_TOOLS: Mapping[str, Mapping[str, Any]] = {
    "get_weather": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "get_time": {"zone": {"type": "string"}},
}
_PROMPT = script(
    think("let me see"),
    say("Looking, 漢字 🦀."),
    call("get_weather", {"city": 'Zürich "1"\\\n', "days": 3}),
    call("get_time", {"zone": "CET"}),
    counts(input=1200, output=80, cache_read=200, cache_write=100),
    THEN,
    think("enough"),
    say("Done."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """One SDK: how it is asked, the format it speaks, and what it must give."""

    sdk: SDK
    speaks: str
    whole: Sequence[Any]
    streamed: Sequence[Any]
    ends: Mapping[str, Any]
    errors: Mapping[str, Any]

    @property
    def target(self) -> str:
        """The one format that its upstream speaks."""
        return _CHAT if self.speaks == _MESSAGES else _MESSAGES

    @property
    def is_ai_sdk(self) -> bool:
        """Whether it is the program in JavaScript, which has tasks of its own."""
        return self.sdk.client in (Client.AI_SDK_ANTHROPIC, Client.AI_SDK_COMPATIBLE)

    def task(
        self, name: str, text: str, *, stream: bool = False, model: str = "mock-large", **more: Any
    ) -> dict[str, Any]:
        """A task with one request. ``tools``, ``image``, ``limit``, ``stop`` and ``thinks``
        are told to each SDK in its own words."""
        if self.is_ai_sdk:
            request = {"model": model, "text": text, **more}
            return {"task": name, "stream": stream, "request": request}
        request = _messages(text, more) if self.speaks == _MESSAGES else _chat(text, more)
        return {"task": name, "request": {"model": model, **request}}


def _messages(text: str, more: Mapping[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if image := more.get("image"):
        source = {"type": "base64", "media_type": "image/png", "data": image}
        content.insert(0, {"type": "image", "source": source})
    request: dict[str, Any] = {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": more.get("limit", 4000),
    }
    if tools := more.get("tools"):
        request["tools"] = [
            {"name": name, "input_schema": {"type": "object", "properties": members}}
            for name, members in tools.items()
        ]
    if stop := more.get("stop"):
        request["stop_sequences"] = stop
    if more.get("thinks"):
        request["thinking"] = {"type": "enabled", "budget_tokens": 2000}
    return request


def _chat(text: str, more: Mapping[str, Any]) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    if image := more.get("image"):
        url = f"data:image/png;base64,{image}"
        content.insert(0, {"type": "image_url", "image_url": {"url": url}})
    request: dict[str, Any] = {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": more.get("limit", 4000),
    }
    if tools := more.get("tools"):
        request["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "parameters": {"type": "object", "properties": members},
                },
            }
            for name, members in tools.items()
        ]
    if stop := more.get("stop"):
        request["stop"] = stop
    return request


def plain(value: Any, member: str = "") -> Any:
    """An answer without what is another each time: ids, moments and seals are only looked at."""
    if isinstance(value, dict):
        found = {name: plain(item, name) for name, item in value.items()}
        if found.get("kind") == "anthropic.message_start":
            usage = found["providerMetadata"]["anthropic"]["usage"]
            usage["input_tokens"] = "<guess>" if usage["input_tokens"] > 0 else "no guess"
        return found
    if isinstance(value, list):
        return [plain(item, member) for item in value]
    if member in ("id", "toolCallId") and isinstance(value, str) and value:
        return "<id>"
    if member == "created" and isinstance(value, int) and value > 1_700_000_000:
        return "<moment>"
    if isinstance(value, str) and value.startswith("cg1."):
        return "<sealed>"
    return value


def _compare(found: Any, wanted: Any, what: str) -> None:
    place = first_difference(plain(found), wanted, what)
    require(place is None, f"it differs at {place}")


def _use(crossed: Crossed, stage: Stage, task: Mapping[str, Any]) -> Facts:
    return crossed.sdk.use(stage, stage.through, task)


def _has_turns(crossed: Crossed, stage: Stage) -> None:
    """An image, thinking and parallel tools; the results bring the last turn."""
    asked: dict[str, Any] = {"image": PICTURE_BASE64, "tools": _TOOLS, "thinks": True}
    if crossed.is_ai_sdk:
        facts = _use(crossed, stage, crossed.task("turns", _PROMPT, **asked))
        _compare(facts.answer, crossed.whole, "whole")
        facts = _use(crossed, stage, crossed.task("turns", _PROMPT, stream=True, **asked))
    else:
        facts = _use(crossed, stage, crossed.task("create", _PROMPT, **asked))
        _compare([facts.answer], crossed.whole, "whole")
        task = crossed.task("loop", _PROMPT, **asked)
        if crossed.speaks == _CHAT:
            task["request"]["stream_options"] = {"include_usage": True}
        facts = _use(crossed, stage, task)
    _compare(facts.answer, crossed.streamed, "streamed")
    for arrival in came_through(stage, path=_PATHS[crossed.target], at_least=3):
        require_equal(arrival.status, 200, "status upstream")
        require_equal(_image(arrival.body), PICTURE_BASE64, "the image upstream")
        require("cg1." not in json.dumps(arrival.body), "a foreign seal went upstream")


def _image(body: Any) -> str:
    part = next(p for p in body["messages"][0]["content"] if p["type"] != "text")
    if part["type"] == "image":
        return str(part["source"]["data"])
    return str(part["image_url"]["url"]).removeprefix("data:image/png;base64,")


_ENDS: Mapping[str, Mapping[str, Any]] = {
    "end": {},
    "limit": {"limit": 3},
    "stop": {"stop": ["four"]},
}


def _ends_for_reasons(crossed: Crossed, stage: Stage) -> None:
    text = script(say("one two three four five"))
    for name, more in _ENDS.items():
        for stream in (False, True):
            if crossed.is_ai_sdk:
                task = crossed.task("turns", text, stream=stream, **more)
                (answer,) = _use(crossed, stage, task).answer
                said = [part["text"] for part in answer["content"] if part["type"] == "text"]
                found = [*said, answer["finishReason"]]
            elif crossed.speaks == _MESSAGES:
                task = crossed.task("stream" if stream else "create", text, **more)
                answer = _use(crossed, stage, task).answer
                answer = answer["final"] if stream else answer
                said = [block["text"] for block in answer["content"]]
                found = [*said, answer["stop_reason"], answer["stop_sequence"]]
            else:
                # Its own accumulator takes the end at a limit for an error.
                task = crossed.task("events" if stream else "create", text, **more)
                answer = _use(crossed, stage, task).answer
                found = _joined(answer) if stream else _ended(answer["choices"][0])
            require_equal(found, crossed.ends[name], f"{name}, {stream=}")


def _ended(choice: Any) -> list[Any]:
    return [choice["message"]["content"], choice["finish_reason"]]


def _joined(chunks: Any) -> list[Any]:
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    reasons = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
    return ["".join(choice["delta"]["content"] or "" for choice in choices), *reasons]


def _raises(faults: Sequence[str], crossed: Crossed, stage: Stage) -> None:
    for fault in faults:
        task = crossed.task("error", script(say("never")), model=f"fault:{fault}")
        answer = _use(crossed, stage, task).answer
        require(answer is not None, f"{fault}: nothing was raised")
        if crossed.is_ai_sdk:
            error = (answer["body"] or {}).get("error", {})
            found = [answer["name"], answer["status"], error.get("type"), answer["retryable"]]
        else:
            error = answer["body"].get("error", answer["body"])
            found = [answer["classes"][0], answer["status"], error.get("type"), error.get("code")]
        require_equal(found, crossed.errors[fault], fault)


def _notices_cut(crossed: Crossed, stage: Stage) -> None:
    text = script(say(" ".join(f"word{number}" for number in range(60))))
    if crossed.is_ai_sdk:
        facts = _use(crossed, stage, crossed.task("error", text, stream=True, model=_CUT))
        require(facts.answer is not None, "a stream that broke off looked complete")
        return
    facts = _use(crossed, stage, crossed.task("broken", text, model=_CUT))
    require(bool(facts.answer["raised"]), f"no error was raised after {facts.answer['texts']}")
    require(bool(facts.answer["texts"]), "nothing came before the cut")


def _environment(speaks: str, endpoint: Endpoint) -> dict[str, str]:
    if speaks == _MESSAGES:
        return {"ANTHROPIC_BASE_URL": endpoint.url, "ANTHROPIC_API_KEY": endpoint.key}
    return {"OPENAI_BASE_URL": f"{endpoint.url}/v1", "OPENAI_API_KEY": endpoint.key}


def _ai_environment(provider: str, endpoint: Endpoint) -> dict[str, str]:
    own = {"SDK_BASE_URL": endpoint.url, "SDK_API_KEY": endpoint.key, "SDK_PROVIDER": provider}
    # Its packages ask nobody, but the client's proxy settings are not Node's own.
    return {**own, "NO_PROXY": "127.0.0.1"}


CROSSED = (
    Crossed(
        sdk=SDK(client=Client.ANTHROPIC_SDK, environment=partial(_environment, _MESSAGES)),
        speaks=_MESSAGES,
        whole=table.ANTHROPIC[:1],
        streamed=table.ANTHROPIC,
        ends=table.ANTHROPIC_ENDS,
        errors=table.ANTHROPIC_ERRORS,
    ),
    Crossed(
        sdk=SDK(client=Client.OPENAI_SDK, environment=partial(_environment, _CHAT)),
        speaks=_CHAT,
        whole=table.OPENAI_WHOLE,
        streamed=table.OPENAI_STREAMED,
        ends=table.OPENAI_ENDS,
        errors=table.OPENAI_ERRORS,
    ),
    Crossed(
        sdk=SDK(client=Client.AI_SDK_ANTHROPIC, environment=partial(_ai_environment, "anthropic")),
        speaks=_MESSAGES,
        whole=table.AI_ANTHROPIC_WHOLE,
        streamed=table.AI_ANTHROPIC_STREAMED,
        ends=table.AI_ENDS,
        errors=table.AI_ANTHROPIC_ERRORS,
    ),
    Crossed(
        sdk=SDK(
            client=Client.AI_SDK_COMPATIBLE, environment=partial(_ai_environment, "compatible")
        ),
        speaks=_CHAT,
        whole=table.AI_COMPATIBLE,
        streamed=table.AI_COMPATIBLE,
        ends=table.AI_ENDS,
        errors=table.AI_COMPATIBLE_ERRORS,
    ),
)

_PLAYS: Mapping[str, Callable[[Crossed, Stage], None]] = {
    "an image, thinking and parallel tools": _has_turns,
    "each reason to stop": _ends_for_reasons,
    "errors of its own kinds": partial(_raises, ("status-400", "no-such-model", "status-413")),
    # Each of these rests the account, so each has a proxy of its own.
    "a rate limit": partial(_raises, ("status-429-after-1",)),
    "an overload": partial(_raises, ("status-529",)),
    "an account that has to log in": partial(_raises, ("status-401",)),
    "an account without money": partial(_raises, ("spend-limit",)),
    "a stream that is cut off raises": _notices_cut,
}

SCENARIOS: Sequence[Scenario] = [
    Scenario(
        client=crossed.sdk.client,
        title=f"crossed: {title}",
        play=partial(play, crossed),
        formats=(crossed.target,),
    )
    for crossed in CROSSED
    for title, play in _PLAYS.items()
]
