"""The official Python SDKs on accounts of the other format, judged by their own accumulators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS, ONE_SECOND
from tests.support.proxy import Proxy

MESSAGES, CHAT = FORMATS
PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
SCRIPT = """mock:think "let me see"
mock:say "Looking, 漢字 🦀."
mock:tool get_weather {"city": "Zürich", "days": 3}
mock:tool get_time {"zone": "CET"}
mock:usage {"input": 1200, "output": 80, "cache_read": 200}"""
SCHEMA: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}
CALLS = [
    ("get_weather", {"city": "Zürich", "days": 3}),
    ("get_time", {"zone": "CET"}),
]


@pytest.fixture(scope="module")
def on_chat(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[anthropic.Anthropic]:
    """Anthropic's SDK at a proxy whose one account speaks Chat Completions."""
    data = tmp_path_factory.mktemp("on-chat") / "data"
    proxy = Proxy(data, upstreams=[f"{CHAT}={shared_mock.url}"], settings=ONE_SECOND)
    with anthropic.Anthropic(base_url=proxy.url, api_key=proxy.key, max_retries=0) as client:
        yield client
    proxy.stop()
    proxy.check_log()


@pytest.fixture(scope="module")
def on_messages(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[openai.OpenAI]:
    """OpenAI's SDK at a proxy whose one account speaks Messages."""
    data = tmp_path_factory.mktemp("on-messages") / "data"
    proxy = Proxy(data, upstreams=[f"{MESSAGES}={shared_mock.url}"], settings=ONE_SECOND)
    base_url = f"{proxy.url}/v1"
    with openai.OpenAI(base_url=base_url, api_key=proxy.key, max_retries=0) as client:
        yield client
    proxy.stop()
    proxy.check_log()


def _anthropic_message(
    client: anthropic.Anthropic, stream: bool, model: str = "mock-large"
) -> anthropic.types.Message:
    image = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    request: dict[str, Any] = {
        "model": model,
        "max_tokens": 4000,
        "messages": [
            {
                "role": "user",
                "content": [{"type": "image", "source": image}, {"type": "text", "text": SCRIPT}],
            }
        ],
        "tools": [{"name": name, "input_schema": SCHEMA} for name, _ in CALLS],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    }
    if not stream:
        message: anthropic.types.Message = client.messages.create(**request)
        return message
    with client.messages.stream(**request) as events:
        final: anthropic.types.Message = events.get_final_message()
        return final


def test_anthropics_sdk_on_a_chat_account(on_chat: anthropic.Anthropic, stream: bool) -> None:
    message = _anthropic_message(on_chat, stream)
    thinking, text, *calls = message.content
    assert thinking.type == "thinking"
    assert thinking.thinking == "let me see"
    assert thinking.signature.startswith("cg1.")
    assert text.type == "text"
    assert text.text == "Looking, 漢字 🦀."
    assert [(c.name, c.input) for c in calls if c.type == "tool_use"] == CALLS
    assert message.stop_reason == "tool_use"
    assert message.model == "mock-large"
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (
        *(1200, 200),
        80,
    )


def test_openais_sdk_on_a_messages_account(on_messages: openai.OpenAI, stream: bool) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    request: dict[str, Any] = {
        "model": "mock-large",
        "messages": [{"role": "user", "content": [picture, {"type": "text", "text": SCRIPT}]}],
        "tools": [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
            for name, _ in CALLS
        ],
    }
    if stream:
        request["stream_options"] = {"include_usage": True}
        with on_messages.chat.completions.stream(**request) as chunks:
            completion: Any = chunks.get_final_completion()
    else:
        completion = on_messages.chat.completions.create(**request)
    choice = completion.choices[0]
    assert choice.message.content == "Looking, 漢字 🦀."
    assert choice.message.model_extra["reasoning_content"] == "let me see"
    calls = [c.function for c in choice.message.tool_calls]
    assert [(c.name, json.loads(c.arguments)) for c in calls] == CALLS
    assert choice.finish_reason == "tool_calls"
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (1400, 80)
    assert usage.prompt_tokens_details.cached_tokens == 200


def test_errors_are_of_the_sdks_own_classes(
    on_chat: anthropic.Anthropic, on_messages: openai.OpenAI, stream: bool
) -> None:
    with pytest.raises(anthropic.BadRequestError):
        _anthropic_message(on_chat, stream, model="fault:status-400")
    with pytest.raises(anthropic.InternalServerError) as overloaded:
        _anthropic_message(on_chat, stream, model="fault:status-529")
    assert overloaded.value.status_code == 529
    with pytest.raises(openai.BadRequestError):
        on_messages.chat.completions.create(
            model="fault:status-400", messages=[{"role": "user", "content": "x"}], stream=stream
        )


def test_a_stream_that_breaks_raises(on_chat: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.APIStatusError):
        _anthropic_message(on_chat, True, model="fault:deltas-9+reset-after-5")
