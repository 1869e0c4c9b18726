"""Bodies that Chat Completions takes, and those it refuses, with its words."""

import orjson
import pytest

from codegate.mock.formats.base import Call, RefusalError
from codegate.mock.formats.openai_chat import FORMAT
from codegate.mock.prompt import Prompt
from codegate.mock.request import HttpRequest, RequestHead

USER = {"role": "user", "content": "hi"}
FUNCTION = {"type": "function", "function": {"name": "Read", "parameters": {"properties": {}}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "text"}


def read(body: object, *, raw: bytes = b"") -> Prompt:
    head = RequestHead(method="POST", target="/v1/chat/completions", headers=())
    return FORMAT.read(Call("generate"), HttpRequest(head=head, body=raw or orjson.dumps(body)))


def body(*messages: object, **members: object) -> dict[str, object]:
    document: dict[str, object] = {"model": "mock-large", "messages": list(messages or (USER,))}
    document.update(members)
    return {name: value for name, value in document.items() if value is not ...}


def function(**members: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "Read", **members}}


@pytest.mark.parametrize(
    ("document", "code", "param", "words"),
    [
        (body(model=...), None, None, "you must provide a model parameter"),
        (
            body(messages=...),
            "missing_required_parameter",
            "messages",
            "Missing required parameter: 'messages'.",
        ),
        (body(messages="hi"), "invalid_type", "messages", "but got a string instead"),
        (body(messages=[]), "empty_array", "messages", "Invalid 'messages': empty array."),
        (body(thinking={}), "unknown_parameter", "thinking", "Unknown parameter: 'thinking'."),
        (body(stream=1), "invalid_type", "stream", "expected a boolean"),
        (body(stream_options={}), None, "stream_options", "only allowed when 'stream' is enabled"),
        (body("x"), "invalid_type", "messages[0]", "expected an object"),
        (body({"content": "x"}), "missing_required_parameter", "messages[0].role", "role"),
        (
            body({"role": "bot", "content": "x"}),
            "invalid_value",
            "messages[0].role",
            "Invalid value: 'bot'. Supported values are: 'system', 'assistant', 'user',",
        ),
        (body({"role": "user"}), None, "messages[0].content", "expected a string, got null"),
        (body({"role": "assistant"}), None, "messages[0].content", "expected a string, got null"),
        (body({"role": "user", "content": 5}), "invalid_type", "messages[0].content", "one of a"),
        (
            body({"role": "user", "content": [{"type": "image"}]}),
            "invalid_value",
            "messages[0].content[0].type",
            "Supported values are: 'text', 'image_url', 'input_audio', and 'file'.",
        ),
        (
            body({"role": "user", "content": [{"type": "text"}]}),
            "invalid_type",
            "messages[0].content[0].text",
            "expected a string, but got null",
        ),
        (
            body({"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}),
            "invalid_type",
            "messages[0].content[0].image_url",
            "expected an object",
        ),
        (
            body({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}),
            "invalid_image_url",
            "messages[0].content[0].image_url.url",
            "Invalid image URL",
        ),
        (
            body(USER, CALLS, {**RESULT, "content": [{"type": "image_url"}]}),
            "invalid_value",
            "messages[2].content[0].type",
            "Supported values are: 'text'.",
        ),
        (body(RESULT), None, "messages.[0].role", "must be a response to a preceeding message"),
        (body(USER, CALLS, RESULT, RESULT), None, "messages.[3].role", "must be a response"),
        (body(USER, CALLS, USER, RESULT), None, "messages.[2].role", "did not have response"),
        (body(USER, CALLS), None, "messages.[2].role", "did not have response messages: call_1"),
        (
            body(USER, CALLS, {"role": "tool", "content": "x"}),
            "missing_required_parameter",
            "messages[2].tool_call_id",
            "tool_call_id",
        ),
        (
            body(USER, {**CALLS, "tool_calls": []}),
            "empty_array",
            "messages[1].tool_calls",
            "empty array",
        ),
        (
            body(USER, {**CALLS, "tool_calls": [{**CALL, "id": "c" * 41}]}),
            "string_above_max_length",
            "messages[1].tool_calls[0].id",
            "Expected a string with maximum length 40, but got a string with length 41 instead.",
        ),
        (
            body(USER, {**CALLS, "tool_calls": [{**CALL, "type": "x"}]}),
            "invalid_value",
            "messages[1].tool_calls[0].type",
            "'function', and 'custom'",
        ),
        (
            body(USER, {**CALLS, "tool_calls": [{**CALL, "id": None}]}),
            "invalid_type",
            "messages[1].tool_calls[0].id",
            "but got null",
        ),
        (
            body(USER, {**CALLS, "tool_calls": [{**CALL, "function": {"name": "x"}}]}),
            "invalid_type",
            "messages[1].tool_calls[0].function",
            "an object with a name and arguments",
        ),
        (
            body(
                USER,
                {
                    **CALLS,
                    "tool_calls": [{**CALL, "function": {"name": "x", "arguments": "{bad"}}],
                },
            ),
            "invalid_value",
            "messages[1].tool_calls[0].function.arguments",
            "expected a JSON document",
        ),
        (body(tools=[]), "empty_array", "tools", "Invalid 'tools': empty array."),
        (body(tools={}), "invalid_type", "tools", "expected an array of objects"),
        (body(tools=[{"name": "x"}]), "invalid_value", "tools[0].type", "'function', and"),
        (
            body(tools=[{"type": "function", "function": {}}]),
            "missing_required_parameter",
            "tools[0].function.name",
            "name",
        ),
        (
            body(tools=[function(name="a.b")]),
            "invalid_value",
            "tools[0].function.name",
            "string does not match pattern",
        ),
        (
            body(tools=[function(name="a" * 65)]),
            "string_above_max_length",
            "tools[0].function.name",
            "maximum length 64",
        ),
        (
            body(tools=[function(parameters={"type": "object"})]),
            "invalid_function_parameters",
            "tools[0].function.parameters",
            "object schema missing properties",
        ),
        (body(tool_choice="auto"), None, "tool_choice", "only allowed when 'tools' are specified"),
        (body(tools=[FUNCTION], tool_choice="any"), "invalid_value", "tool_choice", "'none', "),
        (
            body(tools=[FUNCTION], tool_choice={"type": "x"}),
            "invalid_value",
            "tool_choice.type",
            "'allowed_tools'",
        ),
        (
            body(tools=[FUNCTION], tool_choice={"type": "function", "function": {"name": "Write"}}),
            None,
            "tool_choice",
            "'Write' is not among",
        ),
        (
            body(model="gpt-6-sol", max_tokens=5),
            "unsupported_parameter",
            "max_tokens",
            "Use 'max_completion_tokens' instead.",
        ),
        (body(model="o3-mini", max_tokens=5), "unsupported_parameter", "max_tokens", "Use"),
        (
            body(max_tokens=0),
            "integer_below_min_value",
            "max_tokens",
            "Expected a value >= 1, but got 0 instead.",
        ),
        (body(max_completion_tokens="1"), "invalid_type", "max_completion_tokens", "an integer"),
        (body(n=0), "integer_out_of_range", "n", "between 1 and 128"),
        (body(n="1"), "invalid_type", "n", "an integer"),
        (body(stop=["a"] * 5), "array_above_max_length", "stop", "maximum length 4"),
        (body(response_format={"type": "xml"}), "invalid_value", "response_format.type", "'text'"),
        (
            body(response_format={"type": "json_schema"}),
            "missing_required_parameter",
            "response_format.json_schema.name",
            "json_schema.name",
        ),
    ],
)
def test_refused(
    document: dict[str, object], code: str | None, param: str | None, words: str
) -> None:
    with pytest.raises(RefusalError) as caught:
        read(document)
    assert caught.value.status == 400
    assert words in caught.value.message
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("raw", [b" ", b"{", b"[]", b"null", b"0"])
def test_bodies_that_are_no_json_object(raw: bytes) -> None:
    with pytest.raises(RefusalError, match="could not parse the JSON body"):
        read(None, raw=raw)


def test_what_a_coding_agent_sends_is_taken() -> None:
    prompt = read(
        body(
            {"role": "system", "content": [{"type": "text", "text": "s"}]},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                    {"type": "text", "text": "b", "prompt_cache_breakpoint": {"mode": "explicit"}},
                ],
            },
            {**CALLS, "tool_calls": [CALL, {**CALL, "id": "call_2"}], "reasoning_content": "r"},
            {**RESULT, "tool_call_id": "call_2", "content": "second"},
            RESULT,
            {"role": "assistant", "content": "done"},
            {"role": "developer", "content": "d"},
            tools=[FUNCTION, {"type": "custom", "custom": {"name": "patch"}}],
            tool_choice="required",
            parallel_tool_calls=True,
            stream=True,
            stream_options={"include_usage": True},
            max_completion_tokens=100,
            stop="END",
            n=2,
            response_format={
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "object"}},
            },
        )
    )
    assert prompt.is_streaming
    assert prompt.wants_usage
    assert prompt.turns[1].texts == ("a", "b")
    assert prompt.turns[2].call_ids == ("call_1", "call_2")
    assert prompt.last_result == "text"
    assert [tool.name for tool in prompt.tools] == ["Read", "patch"]
    assert (prompt.forced_tool, prompt.max_output, prompt.choices) == ("", 100, 2)
    assert prompt.stop == ("END",)
    assert prompt.answer_schema == {"type": "object"}
    assert prompt.cache_markers == 1


def test_defaults() -> None:
    prompt = read(body(max_tokens=7))
    assert not prompt.is_streaming
    assert not prompt.wants_usage
    assert (prompt.choices, prompt.max_output, prompt.forced_tool) == (1, 7, None)
    assert prompt.answer_schema is None


@pytest.mark.parametrize(
    ("choice", "forced"),
    [
        ("auto", None),
        ("none", None),
        ({"type": "function", "function": {"name": "Read"}}, "Read"),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}, ""),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}, None),
    ],
)
def test_tool_choices(choice: object, forced: str | None) -> None:
    assert read(body(tools=[FUNCTION], tool_choice=choice)).forced_tool == forced


def test_hosts_with_a_switch_take_it() -> None:
    switch = {"type": "enabled"}
    assert read(body(model="kimi-k3", thinking=switch)).model == "kimi-k3"
    with pytest.raises(RefusalError):
        read(body(model="my-kimi-k3", thinking=switch))
