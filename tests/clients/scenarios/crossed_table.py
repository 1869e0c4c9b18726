"""What each SDK must give for an answer of the other format's upstream, checked by hand.

The upstream thinks, says one line, calls two tools, and says "Done." to their results. It counts
1200 tokens of input beside 200 read from and 100 written to its cache, 80 of output, and one of
thinking for each word thought. Everything else is what an SDK makes of a member that is not there.
"""

from __future__ import annotations

from typing import Any

_WEATHER = {"city": 'Zürich "1"\\\n', "days": 3}
_TIME = {"zone": "CET"}
_SAID = "Looking, 漢字 🦀."

# The first is as the proxy writes a whole answer, the second as the upstream streamed it.
_WEATHER_TEXT = r'{"city":"Zürich \"1\"\\\n","days":3}'
_WEATHER_STREAMED = r'{"city":"Z\u00fcrich \"1\"\\\n","days":3}'
_TIME_TEXT = '{"zone":"CET"}'


def _anthropic(stop: str, thought: int, *content: Any) -> dict[str, Any]:
    return {
        "id": "<id>",
        "container": None,
        "content": list(content),
        "diagnostics": None,
        "model": "mock-large",
        "role": "assistant",
        "stop_details": None,
        "stop_reason": stop,
        "stop_sequence": None,
        "type": "message",
        "usage": {
            "cache_creation": None,
            "cache_creation_input_tokens": 100,
            "cache_read_input_tokens": 200,
            "inference_geo": None,
            "input_tokens": 1200,
            "output_tokens": 80,
            "output_tokens_details": {"thinking_tokens": thought},
            "server_tool_use": None,
            "service_tier": None,
            "speed": None,
        },
    }


def _thinking(text: str) -> dict[str, Any]:
    return {"signature": "<sealed>", "thinking": text, "type": "thinking"}


def _text(text: str) -> dict[str, Any]:
    return {"citations": None, "text": text, "type": "text"}


def _tool_use(name: str, arguments: Any) -> dict[str, Any]:
    return {
        "id": "<id>",
        "caller": None,
        "input": arguments,
        "name": name,
        "type": "tool_use",
        "toolset_name": None,
    }


ANTHROPIC = [
    _anthropic(
        "tool_use",
        3,
        _thinking("let me see"),
        _text(_SAID),
        _tool_use("get_weather", _WEATHER),
        _tool_use("get_time", _TIME),
    ),
    _anthropic("end_turn", 1, _thinking("enough"), _text("Done.")),
]
ANTHROPIC_ENDS = {
    "end": ["one two three four five", "end_turn", None],
    "limit": ["one two three", "max_tokens", None],
    # Chat does not say which sequence it met, nor that it met one.
    "stop": ["one two three ", "end_turn", None],
}
"""Text, reason and sequence."""


def _openai(stop: str, thought: int, message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "<id>",
        "choices": [{"finish_reason": stop, "index": 0, "logprobs": None, "message": message}],
        "created": "<moment>",
        "model": "mock-large",
        "object": "chat.completion",
        "metadata": None,
        "moderation": None,
        "service_tier": None,
        "system_fingerprint": None,
        "usage": {
            "completion_tokens": 80,
            "prompt_tokens": 1500,
            "total_tokens": 1580,
            "completion_tokens_details": {
                "accepted_prediction_tokens": None,
                "audio_tokens": None,
                "reasoning_tokens": thought,
                "rejected_prediction_tokens": None,
                "text_tokens": None,
            },
            "prompt_tokens_details": {
                "audio_tokens": None,
                "cache_write_tokens": 100,
                "cached_tokens": 200,
                "image_tokens": None,
                "text_tokens": None,
            },
        },
    }


def _message(said: str, thought: str, calls: list[Any] | None, **more: Any) -> dict[str, Any]:
    sealed = {"type": "reasoning.encrypted", "format": "codegate-v1", "index": 0}
    return {
        "content": said,
        "refusal": None,
        "role": "assistant",
        "annotations": None,
        "audio": None,
        "function_call": None,
        "tool_calls": calls,
        "reasoning_content": thought,
        "reasoning_details": [{**sealed, "data": "<sealed>"}],
        **more,
    }


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"arguments": arguments, "name": name}
    return {"id": "<id>", "function": function, "type": "function"}


def _streamed_call(index: int, name: str, arguments: str) -> dict[str, Any]:
    call = _call(name, arguments)
    call["function"]["parsed_arguments"] = None
    return {**call, "index": index}


OPENAI_WHOLE = [
    _openai(
        "tool_calls",
        3,
        _message(
            _SAID,
            "let me see",
            [_call("get_weather", _WEATHER_TEXT), _call("get_time", _TIME_TEXT)],
        ),
    )
]
OPENAI_STREAMED = [
    _openai(
        "tool_calls",
        3,
        _message(
            _SAID,
            "let me see",
            [
                _streamed_call(0, "get_weather", _WEATHER_STREAMED),
                _streamed_call(1, "get_time", _TIME_TEXT),
            ],
            parsed=None,
        ),
    ),
    _openai("stop", 1, _message("Done.", "enough", None, parsed=None)),
]
OPENAI_ENDS = {
    "end": ["one two three four five", "stop"],
    "limit": ["one two three", "length"],
    "stop": ["one two three ", "stop"],
}
"""Text and reason."""


def _step(finish: str, raw: str, usage: dict[str, Any], *content: Any) -> dict[str, Any]:
    return {
        "content": list(content),
        "finishReason": finish,
        "rawFinishReason": raw,
        "usage": usage,
        "model": "mock-large",
        "id": "<id>",
        "warnings": [],
    }


def _ai_usage(thought: int, cache: dict[str, int], raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "inputTokens": 1500,
        "inputTokenDetails": cache,
        "outputTokens": 80,
        "outputTokenDetails": {"textTokens": 80 - thought, "reasoningTokens": thought},
        "totalTokens": 1580,
        "raw": raw,
    }


def _called(name: str, arguments: Any) -> dict[str, Any]:
    return {"type": "tool-call", "toolCallId": "<id>", "toolName": name, "input": arguments}


def _answered(name: str, arguments: Any, text: str) -> dict[str, Any]:
    return {
        "type": "tool-result",
        "toolCallId": "<id>",
        "toolName": name,
        "input": arguments,
        "output": f"{name}: {text}",
        "dynamic": False,
    }


_AI_CALLS = (
    {"type": "text", "text": _SAID},
    _called("get_weather", _WEATHER),
    _called("get_time", _TIME),
    _answered("get_weather", _WEATHER, _WEATHER_TEXT),
    _answered("get_time", _TIME, _TIME_TEXT),
)
_AI_DONE = {"type": "text", "text": "Done."}


def _ai_anthropic_usage(thought: int) -> dict[str, Any]:
    cache = {"noCacheTokens": 1200, "cacheReadTokens": 200, "cacheWriteTokens": 100}
    raw = {
        "input_tokens": 1200,
        "output_tokens": 80,
        "output_tokens_details": {"thinking_tokens": thought},
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 200,
    }
    return _ai_usage(thought, cache, raw)


def _ai_anthropic_thought(text: str) -> dict[str, Any]:
    sealed = {"anthropic": {"signature": "<sealed>"}}
    return {"type": "reasoning", "text": text, "providerMetadata": sealed}


# A stream begins before the upstream has counted: input is a guess until the last event.
_AI_STARTED = {
    "type": "custom",
    "kind": "anthropic.message_start",
    "providerMetadata": {
        "anthropic": {
            "id": "<id>",
            "model": "mock-large",
            "usage": {
                "input_tokens": "<guess>",
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 1,
            },
        }
    },
}


def _ai_anthropic(*first: Any) -> list[Any]:
    return [
        _step(
            "tool-calls",
            "tool_use",
            _ai_anthropic_usage(3),
            *first,
            _ai_anthropic_thought("let me see"),
            *_AI_CALLS,
        ),
        _step(
            "stop",
            "end_turn",
            _ai_anthropic_usage(1),
            *first,
            _ai_anthropic_thought("enough"),
            _AI_DONE,
        ),
    ]


AI_ANTHROPIC_WHOLE = _ai_anthropic()
AI_ANTHROPIC_STREAMED = _ai_anthropic(_AI_STARTED)


def _ai_compatible_usage(thought: int) -> dict[str, Any]:
    raw = {
        "prompt_tokens": 1500,
        "completion_tokens": 80,
        "total_tokens": 1580,
        "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    # This provider of the SDK does not know what was written to a cache.
    return _ai_usage(thought, {"noCacheTokens": 1300, "cacheReadTokens": 200}, raw)


AI_COMPATIBLE = [
    _step(
        "tool-calls",
        "tool_calls",
        _ai_compatible_usage(3),
        {"type": "reasoning", "text": "let me see"},
        *_AI_CALLS,
    ),
    _step(
        "stop",
        "stop",
        _ai_compatible_usage(1),
        {"type": "reasoning", "text": "enough"},
        _AI_DONE,
    ),
]
AI_ENDS = {
    "end": ["one two three four five", "stop"],
    "limit": ["one two three", "length"],
    "stop": ["one two three ", "stop"],
}
"""Text and reason."""

_CALL = "AI_APICallError"

# By what the upstream answers: the class, the status, and what the body says.
ANTHROPIC_ERRORS = {
    "status-400": ["BadRequestError", 400, "invalid_request_error", None],
    "no-such-model": ["NotFoundError", 404, "not_found_error", None],
    "status-413": ["ContentTooLargeError", 413, "request_too_large", None],
    "status-429-after-1": ["RateLimitError", 429, "rate_limit_error", None],
    "status-529": ["OverloadedError", 529, "overloaded_error", None],
    # The caller's own key is good: it must not be told to log in again.
    "status-401": ["InternalServerError", 502, "api_error", None],
    "spend-limit": ["PaymentRequiredError", 402, "billing_error", None],
}
OPENAI_ERRORS = {
    "status-400": ["BadRequestError", 400, "invalid_request_error", "invalid_request_error"],
    "no-such-model": ["NotFoundError", 404, "invalid_request_error", "model_not_found"],
    "status-413": ["APIStatusError", 413, "invalid_request_error", "invalid_request_error"],
    "status-429-after-1": ["RateLimitError", 429, "rate_limit_error", "rate_limit_exceeded"],
    "status-529": ["InternalServerError", 503, "server_error", "server_is_overloaded"],
    "status-401": ["InternalServerError", 502, "server_error", "account_login_required"],
    "spend-limit": ["RateLimitError", 429, "insufficient_quota", "insufficient_quota"],
}
"""Class, status, type and code."""

AI_ANTHROPIC_ERRORS = {
    "status-400": [_CALL, 400, "invalid_request_error", False],
    "no-such-model": [_CALL, 404, "not_found_error", False],
    "status-413": [_CALL, 413, "request_too_large", False],
    "status-429-after-1": [_CALL, 429, "rate_limit_error", True],
    "status-529": [_CALL, 529, "overloaded_error", True],
    "status-401": [_CALL, 502, "api_error", True],
    "spend-limit": [_CALL, 402, "billing_error", False],
}
AI_COMPATIBLE_ERRORS = {
    "status-400": [_CALL, 400, "invalid_request_error", False],
    "no-such-model": [_CALL, 404, "invalid_request_error", False],
    "status-413": [_CALL, 413, "invalid_request_error", False],
    "status-429-after-1": [_CALL, 429, "rate_limit_error", True],
    "status-529": [_CALL, 503, "server_error", True],
    "status-401": [_CALL, 502, "server_error", True],
    "spend-limit": [_CALL, 429, "insufficient_quota", True],
}
"""Name, status, type, and whether the SDK would try again."""
