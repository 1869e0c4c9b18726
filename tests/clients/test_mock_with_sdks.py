"""The vendors' own Python SDKs straight at the mock: what they read is what was meant."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from codegate.mock import ThreadedMock, run_in_thread

WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
WEATHER: Any = {"name": "weather", "input_schema": WEATHER_SCHEMA}
FUNCTION: Any = {"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}
PIXEL = base64.b64encode(b"\x89PNG\r\n").decode()
TWO_CALLS = 'mock:tool weather {"city": "Zürich\\n\\"a\\""}\nmock:tool weather {"city": "Łódź"}'
CITIES = ['Zürich\n"a"', "Łódź"]


@pytest.fixture(scope="module")
def mock() -> Iterator[ThreadedMock]:
    with run_in_thread() as running:
        yield running


@pytest.fixture
def claude(mock: ThreadedMock) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=mock.url, api_key="key", max_retries=0) as client:
        yield client


@pytest.fixture
def gpt(mock: ThreadedMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="key", max_retries=0) as client:
        yield client


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def claude_message(
    client: anthropic.Anthropic, *, streams: bool, **members: Any
) -> anthropic.types.Message:
    arguments: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 1000, **members}
    if not streams:
        message: anthropic.types.Message = client.messages.create(**arguments)
        return message
    with client.messages.stream(**arguments) as stream:
        final: anthropic.types.Message = stream.get_final_message()
        return final


def completion(
    client: openai.OpenAI, *, streams: bool, **members: Any
) -> openai.types.chat.ChatCompletion:
    arguments: dict[str, Any] = {"model": "gpt-6-sol", **members}
    if not streams:
        whole: openai.types.chat.ChatCompletion = client.chat.completions.create(**arguments)
        return whole
    arguments["stream_options"] = {"include_usage": True}
    with client.chat.completions.stream(**arguments) as stream:
        final: openai.types.chat.ChatCompletion = stream.get_final_completion()
        return final


streamed = pytest.mark.parametrize("streams", [False, True], ids=["whole", "stream"])


@streamed
def test_claude_text(claude: anthropic.Anthropic, mock: ThreadedMock, streams: bool) -> None:
    message = claude_message(claude, streams=streams, messages=user("Grüße 😀"))
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert block.text == "You said: Grüße 😀"
    assert message.stop_reason == "end_turn"
    assert message.model == "claude-sonnet-5-5"
    entry = mock.requests[-1]
    assert entry.usage is not None
    assert message.usage.input_tokens == entry.usage["input"] == -(-entry.body_bytes // 4)
    assert message.usage.output_tokens == 4


@streamed
def test_claude_tools(claude: anthropic.Anthropic, streams: bool) -> None:
    turns = user(TWO_CALLS)
    message = claude_message(claude, streams=streams, messages=turns, tools=[WEATHER])
    assert message.stop_reason == "tool_use"
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": city} for city in CITIES]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"sunny in {number}"}
        for number, call in enumerate(calls)
    ]
    turns += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": results},
    ]
    final = claude_message(claude, streams=streams, messages=turns, tools=[WEATHER])
    (block,) = final.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert block.text == "Tool result 1: sunny in 0\nTool result 2: sunny in 1"


@streamed
def test_claude_thinking_is_replayed(claude: anthropic.Anthropic, streams: bool) -> None:
    turns = user('mock:think "let me see"\nmock:tool weather {"city": "Bern"}')
    more = {"tools": [WEATHER], "thinking": {"type": "adaptive"}}
    message = claude_message(claude, streams=streams, messages=turns, **more)
    thinking, call = message.content
    assert isinstance(thinking, anthropic.types.ThinkingBlock)
    assert isinstance(call, anthropic.types.ToolUseBlock)
    assert thinking.thinking == "let me see"
    assert message.usage.output_tokens_details is not None
    assert message.usage.output_tokens_details.thinking_tokens == 3
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "rain"}
    turns += [
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    claude_message(claude, streams=streams, messages=turns, **more)
    thinking.thinking = "something else"
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature`"):
        claude_message(claude, streams=streams, messages=turns, **more)


@streamed
def test_claude_images_and_cache(claude: anthropic.Anthropic, streams: bool) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    text = {"type": "text", "text": "see", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    turns: list[Any] = [{"role": "user", "content": [{"type": "image", "source": source}, text]}]
    usage = claude_message(claude, streams=streams, messages=turns).usage
    assert usage.cache_creation_input_tokens
    assert usage.cache_read_input_tokens == 0
    if not streams:
        assert usage.cache_creation is not None
        assert usage.cache_creation.ephemeral_1h_input_tokens == usage.cache_creation_input_tokens


@streamed
def test_claude_stops(claude: anthropic.Anthropic, streams: bool) -> None:
    turns = user('mock:say "one two END three"')
    cut = claude_message(claude, streams=streams, messages=turns, max_tokens=1)
    assert cut.stop_reason == "max_tokens"
    stopped = claude_message(claude, streams=streams, messages=turns, stop_sequences=["END"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "END")


@streamed
def test_claude_usage_directive(claude: anthropic.Anthropic, streams: bool) -> None:
    turns = user('mock:usage {"input": 11, "output": 22, "cache_read": 33, "cache_write": 44}')
    usage = claude_message(claude, streams=streams, messages=turns).usage
    assert (usage.input_tokens, usage.output_tokens) == (11, 22)
    assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (33, 44)


def test_claude_lists_and_counts(claude: anthropic.Anthropic) -> None:
    names = [model.id for model in claude.models.list(limit=3)]
    assert "claude-opus-5-5" in names
    assert len(names) == len(set(names)) > 3
    assert claude.models.retrieve("mock-large").display_name == "Mock Large"
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("absent")
    assert claude.messages.count_tokens(model="m", messages=user("x" * 400)).input_tokens > 100


@streamed
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("status-400", anthropic.BadRequestError),
        ("status-401", anthropic.AuthenticationError),
        ("status-403", anthropic.PermissionDeniedError),
        ("status-404", anthropic.NotFoundError),
        ("status-429-after-7", anthropic.RateLimitError),
        ("status-500", anthropic.InternalServerError),
        ("status-529", anthropic.APIStatusError),
    ],
)
def test_claude_errors(
    claude: anthropic.Anthropic, fault: str, kind: type[anthropic.APIStatusError], streams: bool
) -> None:
    with pytest.raises(kind) as caught:
        claude_message(claude, streams=streams, model=f"fault:{fault}", messages=user("x"))
    error = caught.value
    assert error.status_code == int(fault[7:10])
    assert (error.request_id or "").startswith("req_")
    assert isinstance(error.body, dict)
    assert error.body["request_id"] == error.request_id
    if "after" in fault:
        assert error.response.headers["retry-after"] == "7"


def test_claude_keys_and_rules(mock: ThreadedMock, claude: anthropic.Anthropic) -> None:
    with (
        anthropic.Anthropic(base_url=mock.url, api_key="bad-key", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError, match="invalid x-api-key"),
    ):
        claude_message(stranger, streams=False, messages=user("x"))
    with pytest.raises(anthropic.BadRequestError, match="temperature: Extra inputs"):
        claude_message(claude, streams=False, messages=user("x"), extra_body={"temperature": 1})
    with pytest.raises(anthropic.BadRequestError, match="non-empty"):
        claude_message(claude, streams=False, messages=user(""))


def test_claude_error_events(claude: anthropic.Anthropic) -> None:
    for fault in ("error-first-event", "error-after-3"):
        with pytest.raises(anthropic.APIStatusError, match="Overloaded"):
            claude_message(claude, streams=True, model=f"fault:{fault}", messages=user("x"))


def test_claude_retries(mock: ThreadedMock) -> None:
    before = len(mock.requests)
    with anthropic.Anthropic(base_url=mock.url, api_key="key", max_retries=2) as client:
        model = "fault:status-529-after-ms-1"
        with pytest.raises(anthropic.APIStatusError):
            claude_message(client, streams=False, model=model, messages=user("x"))
    assert len(mock.requests) == before + 3


@pytest.mark.parametrize(
    "fault",
    ["crlf", "cr", "mixed-eol", "multi-data-lines", "comments", "id-retry-lines", "gzip"],
)
def test_claude_reads_every_spelling(claude: anthropic.Anthropic, fault: str) -> None:
    message = claude_message(claude, streams=True, model=f"fault:{fault}", messages=user("x y"))
    (block,) = message.content
    assert isinstance(block, anthropic.types.TextBlock)
    assert block.text == "You said: x y"


def test_claude_asynchronous(mock: ThreadedMock) -> None:
    async def main() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=mock.url, api_key="key") as client:
            calls = [
                client.messages.create(
                    model="claude-haiku-5-5", max_tokens=50, messages=user(f"number {number}")
                )
                for number in range(20)
            ]
            found = await asyncio.gather(*calls)
        return [message.content[0].text for message in found if message.content[0].type == "text"]

    assert asyncio.run(main()) == [f"You said: number {number}" for number in range(20)]


@streamed
def test_gpt_text(gpt: openai.OpenAI, mock: ThreadedMock, streams: bool) -> None:
    found = completion(gpt, streams=streams, messages=user("Grüße 😀"))
    (choice,) = found.choices
    assert choice.message.content == "You said: Grüße 😀"
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert found.model == "gpt-6-sol"
    assert found.usage is not None
    entry = mock.requests[-1]
    assert entry.usage is not None
    assert found.usage.prompt_tokens == entry.usage["input"]
    assert found.usage.completion_tokens == 4


@streamed
def test_gpt_tools(gpt: openai.OpenAI, streams: bool) -> None:
    turns = user(TWO_CALLS)
    found = completion(gpt, streams=streams, messages=turns, tools=[FUNCTION])
    (choice,) = found.choices
    assert choice.finish_reason == "tool_calls"
    calls = choice.message.tool_calls or []
    assert [call.type for call in calls] == ["function", "function"]
    arguments = [call.function.arguments for call in calls if call.type == "function"]
    assert [parsed(text) for text in arguments] == [{"city": city} for city in CITIES]
    turns.append(choice.message.model_dump(exclude_none=True, exclude={"parsed", "annotations"}))
    for call in turns[-1]["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    for number, call in reversed(list(enumerate(calls))):
        turns.append({"role": "tool", "tool_call_id": call.id, "content": f"sunny in {number}"})
    final = completion(gpt, streams=streams, messages=turns, tools=[FUNCTION])
    assert final.choices[0].message.content == (
        "Tool result 1: sunny in 1\nTool result 2: sunny in 0"
    )


def parsed(text: str) -> object:
    value: object = json.loads(text)
    return value


@streamed
def test_gpt_reasoning_and_image(gpt: openai.OpenAI, streams: bool) -> None:
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    text = {"type": "text", "text": 'mock:think "let me see"\nmock:say "done"'}
    turns: list[Any] = [{"role": "user", "content": [url, text]}]
    found = completion(gpt, streams=streams, messages=turns)
    (choice,) = found.choices
    assert choice.message.content == "done"
    extra = choice.message.model_extra or {}
    assert extra["reasoning_content"] == "let me see"
    assert found.usage is not None
    assert found.usage.completion_tokens_details is not None
    assert found.usage.completion_tokens_details.reasoning_tokens == 3


def test_gpt_usage_chunk_only_if_asked_for(gpt: openai.OpenAI) -> None:
    chunks = list(gpt.chat.completions.create(model="gpt-6-sol", messages=user("x"), stream=True))
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in chunks)


def test_gpt_structured_answer(gpt: openai.OpenAI) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "place", "schema": WEATHER_SCHEMA}}
    found = completion(gpt, streams=False, messages=user("Rome"), response_format=schema)
    assert parsed(found.choices[0].message.content or "") == {"city": "Rome"}


def test_gpt_lists(gpt: openai.OpenAI) -> None:
    assert "gpt-6-sol" in [model.id for model in gpt.models.list()]
    assert gpt.models.retrieve("mock-large").object == "model"
    with pytest.raises(openai.NotFoundError, match="absent"):
        gpt.models.retrieve("absent")


@streamed
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("status-400", openai.BadRequestError),
        ("status-401", openai.AuthenticationError),
        ("status-403", openai.PermissionDeniedError),
        ("status-404", openai.NotFoundError),
        ("status-429-after-7", openai.RateLimitError),
        ("status-500", openai.InternalServerError),
        ("status-503", openai.InternalServerError),
    ],
)
def test_gpt_errors(
    gpt: openai.OpenAI, fault: str, kind: type[openai.APIStatusError], streams: bool
) -> None:
    with pytest.raises(kind) as caught:
        completion(gpt, streams=streams, model=f"fault:{fault}", messages=user("x"))
    error = caught.value
    assert error.status_code == int(fault[7:10])
    assert (error.request_id or "").startswith("req_")
    assert error.type
    if "after" in fault:
        assert error.code == "rate_limit_exceeded"
        assert error.response.headers["retry-after"] == "7"


def test_gpt_keys_and_rules(mock: ThreadedMock, gpt: openai.OpenAI) -> None:
    with (
        openai.OpenAI(base_url=f"{mock.url}/v1", api_key="bad-key", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        completion(stranger, streams=False, messages=user("x"))
    assert caught.value.code == "invalid_api_key"
    turns = [{"role": "tool", "tool_call_id": "call_1", "content": "x"}]
    with pytest.raises(openai.BadRequestError, match="must be a response to a preceeding"):
        completion(gpt, streams=False, messages=turns)


def test_gpt_error_events(gpt: openai.OpenAI) -> None:
    for fault in ("error-first-event", "error-after-3"):
        with pytest.raises(openai.APIError, match="Overloaded"):
            completion(gpt, streams=True, model=f"fault:{fault}", messages=user("x"))


def test_gpt_retries_then_passes(mock: ThreadedMock) -> None:
    before = len(mock.requests)
    with openai.OpenAI(base_url=f"{mock.url}/v1", api_key="key", max_retries=1) as client:
        found = completion(
            client, streams=False, model="fault:fail-1-then-ok:503", messages=user("x")
        )
    assert found.choices[0].message.content == "You said: x"
    statuses = [entry.status for entry in mock.requests[before:]]
    assert statuses[0] == 503
    assert len(statuses) == 2


@pytest.mark.parametrize("fault", ["crlf", "cr", "mixed-eol", "multi-data-lines", "comments"])
def test_gpt_reads_every_spelling(gpt: openai.OpenAI, fault: str) -> None:
    found = completion(gpt, streams=True, model=f"fault:{fault}", messages=user("x y"))
    assert found.choices[0].message.content == "You said: x y"
