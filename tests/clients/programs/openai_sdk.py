"""Uses the ``openai`` package as one task asks, and prints what came back as JSON."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import openai

from tests.clients.programs.task import Facts, Hooks, Task, broken, carry_out, refused

_TURN_LIMIT = 6


def _create(client: openai.OpenAI, task: Task) -> Facts:
    raw = client.chat.completions.with_raw_response.create(**task["request"])
    return {"answer": raw.parse().model_dump(mode="json"), "headers": dict(raw.headers)}


def _events(client: openai.OpenAI, task: Task) -> Facts:
    with client.chat.completions.create(stream=True, **task["request"]) as stream:
        return {"answer": [chunk.model_dump(mode="json") for chunk in stream]}


def _stream(client: openai.OpenAI, task: Task) -> Facts:
    arrivals: list[float] = []
    texts: list[str] = []
    with client.chat.completions.stream(**task["request"]) as stream:
        for event in stream:
            if event.type == "content.delta":
                arrivals.append(time.monotonic())
                texts.append(event.delta)
        final = stream.get_final_completion()
    answer = {"texts": texts, "final": final.model_dump(mode="json")}
    return {"answer": answer, "arrivals": arrivals}


def _loop(client: openai.OpenAI, task: Task) -> Facts:
    """Streams turn after turn and answers each tool call with what it was given."""
    request = dict(task["request"])
    turns: list[Any] = []
    for _ in range(_TURN_LIMIT):
        with client.chat.completions.stream(**request) as stream:
            final = stream.get_final_completion()
        turns.append(final.model_dump(mode="json"))
        message = final.choices[0].message
        calls = message.tool_calls or []
        if not calls:
            break
        results = [
            {
                "role": "tool",
                "tool_call_id": call.id,
                "content": f"{call.function.name}: {_sorted(call.function.arguments)}",
            }
            for call in calls
        ]
        said = {
            "role": "assistant",
            "content": message.content,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
                for call in calls
            ],
        }
        request["messages"] = [*request["messages"], said, *results]
    return {"answer": turns}


def _sorted(arguments: str) -> str:
    return json.dumps(json.loads(arguments), sort_keys=True)


def _error(client: openai.OpenAI, task: Task) -> Facts:
    create = client.chat.completions.create
    return refused(lambda: create(**task["request"]), openai.APIStatusError)


def _broken(client: openai.OpenAI, task: Task) -> Facts:
    def texts() -> Iterator[str]:
        with client.chat.completions.create(stream=True, **task["request"]) as stream:
            for chunk in stream:
                yield chunk.choices[0].delta.content or ""

    return broken(texts())


def _models(client: openai.OpenAI, task: Task) -> Facts:
    listed = [model.id for model in client.models.list()]
    one = client.models.retrieve(task["model"])
    return {"answer": {"listed": listed, "one": one.model_dump(mode="json")}}


def _together(client: openai.OpenAI, task: Task) -> Facts:
    """One asynchronous stream for each request, all at the same time."""

    async def one(asynchronous: openai.AsyncOpenAI, request: Task) -> str:
        async with asynchronous.chat.completions.stream(**request) as stream:
            final = await stream.get_final_completion()
        return final.choices[0].message.content or ""

    async def every() -> list[str]:
        async with openai.AsyncOpenAI() as asynchronous:
            return await asyncio.gather(*(one(asynchronous, each) for each in task["requests"]))

    return {"answer": asyncio.run(every())}


_TASKS: dict[str, Callable[[openai.OpenAI, Task], Facts]] = {
    "broken": _broken,
    "create": _create,
    "error": _error,
    "events": _events,
    "loop": _loop,
    "models": _models,
    "stream": _stream,
    "together": _together,
}


def _open(hooks: Hooks) -> openai.OpenAI:
    http_client = openai.DefaultHttpxClient(event_hooks=dict(hooks))
    return openai.OpenAI(http_client=http_client)


if __name__ == "__main__":
    carry_out(_TASKS, _open)
