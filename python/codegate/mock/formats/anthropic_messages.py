"""Anthropic Messages: answers, streams, errors and the model list."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from codegate.mock.formats.anthropic_rules import NEW_VERSION, OLD_VERSIONS, read_prompt
from codegate.mock.formats.base import Call, Format, RefusalError, read_object
from codegate.mock.prompt import Prompt
from codegate.mock.reply import (
    Part,
    Reply,
    TextPart,
    ThinkingPart,
    Usage,
    argument_pieces,
    text_pieces,
)
from codegate.mock.request import HttpRequest, RequestHead
from codegate.mock.sse import Event, Kind, Payload
from codegate.mock.steps import Header

_STOP_REASONS = {
    "end": "end_turn",
    "tools": "tool_use",
    "length": "max_tokens",
    "sequence": "stop_sequence",
}
_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# message_delta repeats the counts, not the split by cache life nor the tier.
_FINAL_USAGE = (
    "input_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
    "output_tokens",
    "output_tokens_details",
)
_PAGE = 20


class AnthropicMessages(Format):
    """The Messages API."""

    name = "anthropic_messages"

    def match(self, path: str) -> Call | None:
        """The path names the operation; the model is in the body."""
        if path == "/messages":
            return Call("generate")
        return Call("count_tokens") if path == "/messages/count_tokens" else None

    def claims(self, head: RequestHead) -> bool:
        """Only Anthropic clients send a version header."""
        return head.header("anthropic-version") is not None

    def read_key(self, head: RequestHead) -> str | None:
        """x-api-key wins over a bearer token."""
        key = head.header("x-api-key")
        if key is not None:
            return key
        scheme, _, token = (head.header("authorization") or "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    def key_refusal(self, key: str | None) -> RefusalError:
        """401 in either case."""
        return RefusalError(401, "invalid x-api-key" if key else "x-api-key header is required")

    def read(self, call: Call, request: HttpRequest) -> Prompt:
        """See `anthropic_rules`; the version header is checked here."""
        version = request.head.header("anthropic-version")
        if version is None:
            raise RefusalError(400, "anthropic-version: header is required")
        if version != NEW_VERSION and version not in OLD_VERSIONS:
            raise RefusalError(400, f'anthropic-version: "{version}" is not a valid version')
        try:
            body = read_object(request.body)
        except ValueError as error:
            raise RefusalError(400, f"The request body is not valid JSON: {error}") from None
        return read_prompt(
            body, raw=request.body, version=version, counts=call.operation == "count_tokens"
        )

    def tools_missing(self, name: str) -> RefusalError:
        """The API has no such case of its own; this is its form for a tool that is not there."""
        return RefusalError(400, f"tools: Field required to call '{name}'")

    def whole(self, prompt: Prompt, reply: Reply) -> Payload:
        """A complete message."""
        return {
            **_message(prompt, reply),
            "content": [_block(part) for part in reply.parts],
            "stop_reason": _STOP_REASONS[reply.stop],
            "stop_sequence": reply.stop_sequence,
            "usage": _usage(reply.usage),
        }

    def events(self, prompt: Prompt, reply: Reply) -> Iterator[Event]:
        """message_start, the blocks one after the other, message_delta, message_stop."""
        usage = _usage(reply.usage)
        start = {
            **_message(prompt, reply),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**usage, "output_tokens": 1},
        }
        yield _event("message_start", Kind.START, message=start)
        for index, part in enumerate(reply.parts):
            yield _event(
                "content_block_start", block=index, index=index, content_block=_empty_block(part)
            )
            if index == 0:
                yield _event("ping")
            for delta in _deltas(part, reply.deltas):
                yield _event(
                    "content_block_delta", Kind.DELTA, block=index, index=index, delta=delta
                )
            yield _event("content_block_stop", block=index, index=index)
        yield _event(
            "message_delta",
            Kind.FINISH,
            delta={
                "stop_reason": _STOP_REASONS[reply.stop],
                "stop_sequence": reply.stop_sequence,
            },
            usage={name: value for name, value in usage.items() if name in _FINAL_USAGE},
        )
        yield _event("message_stop", Kind.END)

    def count(self, prompt: Prompt, tokens: int) -> Payload:
        """The number alone."""
        return {"input_tokens": tokens}

    def error(self, refusal: RefusalError, seed: str) -> Payload:
        """The error with the request's id."""
        return {"type": "error", "error": _error(refusal), "request_id": f"req_{seed[:24]}"}

    def error_event(self, refusal: RefusalError) -> Event:
        """An `error` event."""
        return _event("error", error=_error(refusal))

    def unknown_event(self) -> Event:
        """An event name that is not in the documentation."""
        return _event("message_telemetry", detail={"phase": "sampling"})

    def headers(self, seed: str) -> tuple[Header, ...]:
        """The request's id, under the name that the SDKs read."""
        return (("request-id", f"req_{seed[:24]}"),)

    def limit_headers(self, seconds: float) -> tuple[Header, ...]:
        """Resets are RFC 3339 moments."""
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        reset = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
        return (
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", reset),
        )

    def spend_refusal(self) -> RefusalError:
        """A spend limit comes as 429 with a code."""
        return RefusalError(
            429,
            "This organization has reached its monthly spend limit.",
            code="enforced_spend_limit_reached",
        )

    def models(self, names: Sequence[str], query: Mapping[str, str]) -> Payload:
        """One page; `limit`, `after_id` and `before_id` as in the API."""
        limit = int(query["limit"]) if query.get("limit", "").isdecimal() else _PAGE
        if not 1 <= limit <= 1000:
            raise RefusalError(400, "limit: Input should be between 1 and 1000")
        before, after = query.get("before_id"), query.get("after_id")
        if before in names:
            last = names.index(before)
            first = max(0, last - limit)
            has_more = first > 0
        else:
            first = names.index(after) + 1 if after in names else 0
            last = first + limit
            has_more = last < len(names)
        page = names[first:last]
        return {
            "data": [self.model(name) for name in page],
            "has_more": has_more,
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }

    def model(self, name: str) -> Payload:
        """The members that every model has."""
        return {
            "type": "model",
            "id": name,
            "display_name": name.replace("-", " ").title(),
            "created_at": "2026-09-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": 200_000,
            "max_tokens": 64_000,
        }

    def model_refusal(self, name: str) -> RefusalError:
        """404 with the name."""
        return RefusalError(404, f"model: {name}")


def _event(
    name: str, kind: Kind = Kind.OTHER, block: int | None = None, **members: object
) -> Event:
    return Event({"type": name, **members}, name=name, kind=kind, block=block)


def _message(prompt: Prompt, reply: Reply) -> Payload:
    return {
        "id": f"msg_{reply.seed[:24]}",
        "type": "message",
        "role": "assistant",
        "model": prompt.model,
    }


def _block(part: Part) -> Payload:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if isinstance(part, ThinkingPart):
        return {"type": "thinking", "thinking": part.text, "signature": part.signature}
    return {
        "type": "tool_use",
        "id": f"toolu_{part.key}",
        "name": part.name,
        "input": part.arguments,
    }


def _empty_block(part: Part) -> Payload:
    if isinstance(part, TextPart):
        return {"type": "text", "text": ""}
    if isinstance(part, ThinkingPart):
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {**_block(part), "input": {}}


def _deltas(part: Part, count: int) -> Iterator[Payload]:
    if isinstance(part, TextPart):
        for piece in text_pieces(part.text, count):
            yield {"type": "text_delta", "text": piece}
    elif isinstance(part, ThinkingPart):
        for piece in text_pieces(part.text, count):
            yield {"type": "thinking_delta", "thinking": piece}
        yield {"type": "signature_delta", "signature": part.signature}
    else:
        yield {"type": "input_json_delta", "partial_json": ""}
        for piece in argument_pieces(part.arguments, count):
            yield {"type": "input_json_delta", "partial_json": piece}


def _usage(usage: Usage) -> Payload:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_hour,
            "ephemeral_1h_input_tokens": usage.cache_write_hour,
        },
        "output_tokens": usage.output,
        "output_tokens_details": {"thinking_tokens": usage.reasoning},
        "service_tier": "standard",
    }


def _error(refusal: RefusalError) -> Payload:
    kind = refusal.kind or _ERROR_TYPES.get(refusal.status)
    if kind is None:
        kind = "api_error" if refusal.status >= 500 else "invalid_request_error"
    error: Payload = {"type": kind, "message": refusal.message}
    if refusal.code is not None:
        error["details"] = {"error_code": refusal.code}
    return error


FORMAT = AnthropicMessages()
