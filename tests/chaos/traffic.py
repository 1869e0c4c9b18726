"""The clients: each asks, checks the answer against what it must be, and asks again."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.raw import events, headers_of, is_error_event, path_of

MODEL = "claude-sonnet-5-5"
_WORDS = "the quick brown fox jumps over a lazy dog while nobody looks at it "
_PAUSE_S = 0.12
_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one request looked like to its client. Times are ``time.monotonic()`` seconds."""

    name: str
    wire_format: str
    is_streaming: bool
    started: float
    ended: float
    status: int
    verdict: str
    """``whole``, ``cut`` (after the first byte, honestly), ``refused`` (before it) or ``wrong``."""
    detail: str
    attempts: int


class Clients:
    """``count`` clients of both formats, three of four requests streamed; ``seen`` grows."""

    def __init__(self, url: str, key: str, count: int) -> None:
        self._url = url
        self._key = key
        self._count = count
        self._stop = asyncio.Event()
        self.seen: list[Seen] = []

    async def run(self) -> None:
        """Until ``stop``."""
        limits = httpx.Limits(max_connections=self._count, max_keepalive_connections=self._count)
        async with httpx.AsyncClient(
            base_url=self._url, timeout=_TIMEOUT_S, limits=limits, trust_env=False
        ) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(self._count)))

    def stop(self) -> None:
        """Let each client finish its request."""
        self._stop.set()

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        wire_format = ("anthropic_messages", "openai_chat")[number % 2]
        turn = 0
        # Clients that begin together would stay together.
        await asyncio.sleep(number / self._count * _PAUSE_S)
        while not self._stop.is_set():
            turn += 1
            seen = await self._ask(client, f"c{number}-{turn}", wire_format, turn % 4 != 0)
            self.seen.append(seen)
            await asyncio.sleep(_PAUSE_S)

    async def _ask(
        self, client: httpx.AsyncClient, name: str, wire_format: str, is_streaming: bool
    ) -> Seen:
        text = f"{name} {_WORDS}{name}"
        body = {
            "model": MODEL,
            "max_tokens": 200,
            "stream": is_streaming,
            "messages": [{"role": "user", "content": text}],
        }
        headers = dict(headers_of(wire_format, self._key)) | {"content-type": "application/json"}
        status, attempts, data, broken = 0, 0, b"", ""
        started = time.monotonic()
        try:
            async with client.stream(
                "POST", path_of(wire_format), headers=headers, content=json.dumps(body)
            ) as answer:
                status = answer.status_code
                attempts = int(answer.headers.get("x-codegate-attempts", "0"))
                async for part in answer.aiter_raw():
                    data += part
        except httpx.HTTPError as error:
            broken = type(error).__name__
        verdict, detail = judge(
            wire_format, is_streaming, status, data, broken, f"You said: {text}"
        )
        return Seen(
            name=name,
            wire_format=wire_format,
            is_streaming=is_streaming,
            started=started,
            ended=time.monotonic(),
            status=status,
            verdict=verdict,
            detail=detail,
            attempts=attempts,
        )


def judge(
    wire_format: str, is_streaming: bool, status: int, data: bytes, broken: str, expected: str
) -> tuple[str, str]:
    """The verdict on one answer, and why."""
    if status != 200:
        return "refused", broken or f"status {status}"
    if not is_streaming:
        if broken:
            return "wrong", f"the connection broke: {broken}"
        text = _plain_text(wire_format, json.loads(data))
        return ("whole", "") if text == expected else ("wrong", f"text {text!r}")
    return _judge_stream(wire_format, data, broken, expected)


def _judge_stream(wire_format: str, data: bytes, broken: str, expected: str) -> tuple[str, str]:
    found = events(data)
    errors = [event for event in found if is_error_event(event, wire_format)]
    ends = [event for event in found if _is_end(event, wire_format)]
    good = [event for event in found if event not in errors and event not in ends]
    text = "".join(_delta(event[1], wire_format) for event in good)
    if broken:
        return "wrong", f"the connection broke without a word: {broken}"
    if not errors:
        if len(ends) == 1 and found[-1] == ends[0] and text == expected:
            return "whole", ""
        return "wrong", f"{len(ends)} ends, text {text!r}"
    if not good:
        return "refused", "an error as the first event"
    if len(errors) > 1 or found[-1] != errors[0] or ends:
        return "wrong", f"{len(errors)} errors and {len(ends)} ends"
    if not expected.startswith(text):
        return "wrong", f"a cut stream says {text!r}"
    return "cut", ""


def _is_end(event: tuple[str, str], wire_format: str) -> bool:
    if wire_format == "anthropic_messages":
        return event[0] == "message_stop"
    return event[1] == "[DONE]"


def _delta(data: str, wire_format: str) -> str:
    value: dict[str, Any] = json.loads(data)
    if wire_format == "anthropic_messages":
        return str(value.get("delta", {}).get("text", ""))
    return "".join(c["delta"].get("content") or "" for c in value.get("choices", ()))


def _plain_text(wire_format: str, answer: dict[str, Any]) -> str:
    if wire_format == "anthropic_messages":
        return "".join(block["text"] for block in answer["content"])
    return str(answer["choices"][0]["message"]["content"])
