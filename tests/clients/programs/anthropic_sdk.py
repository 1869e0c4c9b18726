"""Uses the ``anthropic`` package as one task asks, and prints what came back as JSON."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import anthropic

from tests.clients.programs.task import Facts, Hooks, Task, broken, carry_out, refused

_TURN_LIMIT = 6


def _create(client: anthropic.Anthropic, task: Task) -> Facts:
    raw = client.messages.with_raw_response.create(**task["request"])
    return {"answer": raw.parse().model_dump(mode="json"), "headers": dict(raw.headers)}


def _events(client: anthropic.Anthropic, task: Task) -> Facts:
    with client.messages.create(stream=True, **task["request"]) as stream:
        return {"answer": [event.model_dump(mode="json") for event in stream]}


def _stream(client: anthropic.Anthropic, task: Task) -> Facts:
    arrivals: list[float] = []
    texts: list[str] = []
    with client.messages.stream(**task["request"]) as stream:
        for text in stream.text_stream:
            arrivals.append(time.monotonic())
            texts.append(text)
        final = stream.get_final_message()
    answer = {"texts": texts, "final": final.model_dump(mode="json")}
    return {"answer": answer, "arrivals": arrivals}


def _loop(client: anthropic.Anthropic, task: Task) -> Facts:
    """Streams turn after turn and answers each tool call with what it was given."""
    request = dict(task["request"])
    turns: list[Any] = []
    for _ in range(_TURN_LIMIT):
        with client.messages.stream(**request) as stream:
            final = stream.get_final_message()
        turns.append(final.model_dump(mode="json"))
        results = [
            {
                "type": "tool_result",
                "tool_use_id": block.id,
                "content": f"{block.name}: {json.dumps(block.input, sort_keys=True)}",
            }
            for block in final.content
            if block.type == "tool_use"
        ]
        if not results:
            break
        request["messages"] = [
            *request["messages"],
            {"role": "assistant", "content": [block.to_dict() for block in final.content]},
            {"role": "user", "content": results},
        ]
    return {"answer": turns}


def _error(client: anthropic.Anthropic, task: Task) -> Facts:
    return refused(lambda: client.messages.create(**task["request"]), anthropic.APIStatusError)


def _broken(client: anthropic.Anthropic, task: Task) -> Facts:
    def texts() -> Iterator[str]:
        with client.messages.stream(**task["request"]) as stream:
            yield from stream.text_stream

    return broken(texts())


def _models(client: anthropic.Anthropic, task: Task) -> Facts:
    listed = [model.id for model in client.models.list(limit=100)]
    one = client.models.retrieve(task["model"])
    return {"answer": {"listed": listed, "one": one.model_dump(mode="json")}}


def _count(client: anthropic.Anthropic, task: Task) -> Facts:
    return {"answer": client.messages.count_tokens(**task["request"]).model_dump(mode="json")}


def _together(client: anthropic.Anthropic, task: Task) -> Facts:
    """One asynchronous stream for each request, all at the same time."""

    async def one(asynchronous: anthropic.AsyncAnthropic, request: Task) -> str:
        async with asynchronous.messages.stream(**request) as stream:
            return await stream.get_final_text()

    async def every() -> list[str]:
        async with anthropic.AsyncAnthropic() as asynchronous:
            return await asyncio.gather(*(one(asynchronous, each) for each in task["requests"]))

    return {"answer": asyncio.run(every())}


_TASKS: dict[str, Callable[[anthropic.Anthropic, Task], Facts]] = {
    "broken": _broken,
    "count": _count,
    "create": _create,
    "error": _error,
    "events": _events,
    "loop": _loop,
    "models": _models,
    "stream": _stream,
    "together": _together,
}


def _open(hooks: Hooks) -> anthropic.Anthropic:
    http_client = anthropic.DefaultHttpxClient(event_hooks=dict(hooks))
    return anthropic.Anthropic(http_client=http_client)


if __name__ == "__main__":
    carry_out(_TASKS, _open)
