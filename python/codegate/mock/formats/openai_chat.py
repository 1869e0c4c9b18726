"""OpenAI Chat Completions: answers, streams, errors and the model list."""

import json
from collections.abc import Iterator, Mapping, Sequence

from codegate.mock.formats.base import Call, Format, RefusalError, read_object
from codegate.mock.formats.openai_rules import read_prompt
from codegate.mock.prompt import Prompt
from codegate.mock.reply import (
    Reply,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    Usage,
    argument_pieces,
    text_pieces,
)
from codegate.mock.request import HttpRequest, RequestHead
from codegate.mock.sse import Event, Kind, Payload
from codegate.mock.steps import Header

_FINISH_REASONS = {"end": "stop", "tools": "tool_calls", "length": "length", "sequence": "stop"}
_ERROR_TYPES = {429: "requests", 403: "permission_error"}
_ERROR_CODES = {429: "rate_limit_exceeded"}
_MODEL_CREATED = 1_788_000_000


class OpenAIChat(Format):
    """The Chat Completions API. It has no token count."""

    name = "openai_chat"

    def match(self, path: str) -> Call | None:
        """One path."""
        return Call("generate") if path == "/chat/completions" else None

    def claims(self, head: RequestHead) -> bool:
        """Clients that say nothing about themselves are taken for OpenAI's."""
        return True

    def read_key(self, head: RequestHead) -> str | None:
        """Bearer only."""
        scheme, _, token = (head.header("authorization") or "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def key_refusal(self, key: str | None) -> RefusalError:
        """401; a wrong key has a code, a missing one has none."""
        if not key:
            return RefusalError(
                401,
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        return RefusalError(
            401, f"Incorrect API key provided: {key[:8]}***.", code="invalid_api_key"
        )

    def read(self, call: Call, request: HttpRequest) -> Prompt:
        """See `openai_rules`."""
        try:
            body = read_object(request.body)
        except ValueError:
            raise RefusalError(
                400,
                "We could not parse the JSON body of your request. The OpenAI API expects a JSON "
                "payload, but what was sent was not valid JSON.",
            ) from None
        return read_prompt(body, raw=request.body)

    def tools_missing(self, name: str) -> RefusalError:
        """The form of a missing parameter."""
        return RefusalError(
            400,
            f"Missing required parameter: 'tools'. It must offer '{name}' to have it called.",
            code="missing_required_parameter",
            param="tools",
        )

    def whole(self, prompt: Prompt, reply: Reply) -> Payload:
        """A complete chat.completion."""
        choices = [
            {
                "index": index,
                "message": _message(reply),
                "logprobs": None,
                "finish_reason": _FINISH_REASONS[reply.stop],
            }
            for index in range(prompt.choices)
        ]
        return {
            **_envelope(prompt, reply, "chat.completion"),
            "choices": choices,
            "usage": _usage(reply.usage),
        }

    def events(self, prompt: Prompt, reply: Reply) -> Iterator[Event]:
        """Role chunk, deltas, finish chunk, usage chunk if asked for, [DONE]."""
        common = _envelope(prompt, reply, "chat.completion.chunk")
        if prompt.wants_usage:
            common["usage"] = None

        def chunk(
            delta: Payload, kind: Kind, *, finish: str | None = None, block: int | None = None
        ) -> Iterator[Event]:
            for index in range(prompt.choices):
                choice = {
                    "index": index,
                    "delta": delta,
                    "logprobs": None,
                    "finish_reason": finish,
                }
                yield Event({**common, "choices": [choice]}, kind=kind, block=block)

        yield from chunk({"role": "assistant", "content": "", "refusal": None}, Kind.START)
        for block, delta in _deltas(reply):
            yield from chunk(delta, Kind.DELTA, block=block)
        yield from chunk({}, Kind.FINISH, finish=_FINISH_REASONS[reply.stop])
        if prompt.wants_usage:
            yield Event({**common, "choices": [], "usage": _usage(reply.usage)})
        yield Event(b"[DONE]", kind=Kind.END)

    def count(self, prompt: Prompt, tokens: int) -> Payload:
        """Never asked for: no path of this format leads here."""
        raise NotImplementedError("Chat Completions has no token count")

    def error(self, refusal: RefusalError, seed: str) -> Payload:
        """The error object; the request's id is in the header only."""
        return _error(refusal)

    def error_event(self, refusal: RefusalError) -> Event:
        """An error object in place of a chunk."""
        return Event(_error(refusal))

    def unknown_event(self) -> Event:
        """A chunk of an object type that is not in the documentation."""
        return Event({"object": "chat.completion.telemetry", "choices": [], "phase": "sampling"})

    def headers(self, seed: str) -> tuple[Header, ...]:
        """The request's id, under the name that the SDKs read."""
        return (("x-request-id", f"req_{seed[:32]}"), ("openai-version", "2020-10-01"))

    def limit_headers(self, seconds: float) -> tuple[Header, ...]:
        """Resets are durations such as `6m0s`."""
        minutes, rest = divmod(max(seconds, 0), 60)
        reset = f"{int(minutes)}m{rest:g}s" if minutes else f"{rest:g}s"
        return (
            ("x-ratelimit-limit-requests", "500"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", reset),
        )

    def spend_refusal(self) -> RefusalError:
        """The quota error shares 429 with rate limits; the code tells them apart."""
        return RefusalError(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            kind="insufficient_quota",
            code="insufficient_quota",
        )

    def models(self, names: Sequence[str], query: Mapping[str, str]) -> Payload:
        """All of them; the API does not page."""
        return {"object": "list", "data": [self.model(name) for name in names]}

    def model(self, name: str) -> Payload:
        """The four members."""
        return {"id": name, "object": "model", "created": _MODEL_CREATED, "owned_by": "system"}

    def model_refusal(self, name: str) -> RefusalError:
        """404 with a code."""
        return RefusalError(
            404,
            f"The model '{name}' does not exist or you do not have access to it.",
            kind="invalid_request_error",
            code="model_not_found",
            param="model",
        )


def _envelope(prompt: Prompt, reply: Reply, kind: str) -> Payload:
    return {
        "id": f"chatcmpl-{reply.seed[:29]}",
        "object": kind,
        "created": reply.created,
        "model": prompt.model,
        "service_tier": "default",
        "system_fingerprint": "fp_mock",
    }


def _message(reply: Reply) -> Payload:
    text = "".join(part.text for part in reply.parts if isinstance(part, TextPart))
    thinking = "".join(part.text for part in reply.parts if isinstance(part, ThinkingPart))
    calls = [
        {
            "id": f"call_{part.key}",
            "type": "function",
            "function": {
                "name": part.name,
                "arguments": json.dumps(part.arguments, separators=(",", ":")),
            },
        }
        for part in reply.parts
        if isinstance(part, ToolCallPart)
    ]
    message: Payload = {
        "role": "assistant",
        "content": text or (None if calls else ""),
        "refusal": None,
        "annotations": [],
    }
    if thinking:
        message["reasoning_content"] = thinking
    if calls:
        message["tool_calls"] = calls
    return message


def _deltas(reply: Reply) -> Iterator[tuple[int, Payload]]:
    """The deltas, each with the number of the part it belongs to."""
    position = 0
    for block, part in enumerate(reply.parts):
        if isinstance(part, ToolCallPart):
            function: Payload = {"name": part.name, "arguments": ""}
            first = {
                "index": position,
                "id": f"call_{part.key}",
                "type": "function",
                "function": function,
            }
            yield block, {"tool_calls": [first]}
            for piece in argument_pieces(part.arguments, reply.deltas):
                call = {"index": position, "function": {"arguments": piece}}
                yield block, {"tool_calls": [call]}
            position += 1
        else:
            name = "content" if isinstance(part, TextPart) else "reasoning_content"
            for piece in text_pieces(part.text, reply.deltas):
                yield block, {name: piece}


def _usage(usage: Usage) -> Payload:
    total = usage.input + usage.cache_read + usage.cache_write
    return {
        "prompt_tokens": total,
        "completion_tokens": usage.output,
        "total_tokens": total + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _error(refusal: RefusalError) -> Payload:
    kind = refusal.kind or _ERROR_TYPES.get(refusal.status)
    if kind is None:
        kind = "server_error" if refusal.status >= 500 else "invalid_request_error"
    code = refusal.code or _ERROR_CODES.get(refusal.status)
    return {
        "error": {
            "message": refusal.message,
            "type": kind,
            "param": refusal.param,
            "code": code,
        }
    }


FORMAT = OpenAIChat()
