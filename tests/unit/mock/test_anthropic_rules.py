"""Bodies that the Messages API takes, and those it refuses, with its words."""

import base64

import orjson
import pytest

from codegate.mock.formats.anthropic_messages import FORMAT
from codegate.mock.formats.base import Call, RefusalError
from codegate.mock.prompt import Prompt, ToolResult
from codegate.mock.request import HttpRequest, RequestHead
from codegate.mock.seals import seal

OLD, NEW = "2023-06-01", "2026-10-21"
USER = {"role": "user", "content": "hi"}
TOOL = {"name": "Read", "input_schema": {"type": "object", "properties": {}}}
USE = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "text"}
TEXT = {"type": "text", "text": "t"}
MARK = {"cache_control": {"type": "ephemeral"}}
PIXEL = base64.b64encode(b"\x89PNG").decode()


def image(**source: object) -> dict[str, object]:
    return {"type": "image", "source": source}


def read(
    body: object, *, version: str | None = OLD, operation: str = "generate", raw: bytes = b""
) -> Prompt:
    headers = (("anthropic-version", version),) if version is not None else ()
    head = RequestHead(method="POST", target="/v1/messages", headers=headers)
    return FORMAT.read(Call(operation), HttpRequest(head=head, body=raw or orjson.dumps(body)))


def body(*messages: object, **members: object) -> dict[str, object]:
    document: dict[str, object] = {
        "model": "mock-large",
        "max_tokens": 2000,
        "messages": list(messages or (USER,)),
    }
    document.update(members)
    return {name: value for name, value in document.items() if value is not ...}


def user(*blocks: object) -> dict[str, object]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: object) -> dict[str, object]:
    return {"role": "assistant", "content": list(blocks)}


def refusal(document: object, *, version: str | None = OLD, operation: str = "generate") -> str:
    with pytest.raises(RefusalError) as caught:
        read(document, version=version, operation=operation)
    assert caught.value.status == 400
    return caught.value.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (body(max_tokens=...), "max_tokens: Field required"),
        (body(max_tokens="5"), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=True), "max_tokens: Input should be a valid integer"),
        (body(max_tokens=-1), "max_tokens: Input should be greater than or equal to 0"),
        (body(model=...), "model: Field required"),
        (body(model=5), "model: Input should be a valid string"),
        (body(stream="yes"), "stream: Input should be a valid boolean"),
        (body(stream_options={}), "stream_options: Extra inputs are not permitted"),
        (body(temperature=2), "temperature: range: 0..1"),
        (body(temperature="x"), "temperature: Input should be a valid number"),
        (body(messages=...), "messages: Field required"),
        (body(messages={}), "messages: Input should be a valid list"),
        (body(messages=[]), "messages: at least one message is required"),
        (body("hi"), "messages.0: Input should be a valid dictionary or object"),
        (body({"content": "x"}), "messages.0.role: Field required"),
        (body({"role": "tool", "content": "x"}), "messages.0.role: Input should be"),
        (body({"role": "user"}), "messages.0.content: Field required"),
        (body({"role": "user", "content": 5}), "messages.0.content: Input should be a valid list"),
        (body({"role": "user", "content": ""}), "messages.0: user messages must have non-empty"),
        (body(user()), "messages.0: user messages must have non-empty content"),
        (body({"role": "assistant", "content": "x"}, USER), 'first message must use the "user"'),
        (body({"role": "system", "content": "x"}, USER), 'first message must use the "user"'),
        (
            body(USER, assistant(TEXT), {"role": "system", "content": "x"}, USER),
            "messages.2: a `system` message must follow a `user` message",
        ),
        (body(user({"type": "text", "text": ""})), "text content blocks must be non-empty"),
        (body(user({"type": "text", "text": " \n"})), "must contain non-whitespace text"),
        (body(user({"type": "text"})), "messages.0.content.0.text.text: Field required"),
        (body(user({"type": "text", "text": 1})), "text.text: Input should be a valid string"),
        (body(user("text")), "messages.0.content.0: Input should be a valid dictionary"),
        (body(user({"text": "x"})), "messages.0.content.0.type: Field required"),
        (body(user({"type": "video"})), "Input tag 'video' found using 'type' does not match"),
        (body(user(USE)), "`tool_use` blocks are not permitted in `user` messages"),
        (body(USER, assistant(RESULT)), "`tool_result` blocks are not permitted in `assistant`"),
        (body(user(TEXT, RESULT)), "messages.0.content.1: unexpected `tool_use_id` found"),
        (
            body(USER, assistant(USE), user({**RESULT, "tool_use_id": "other"})),
            "unexpected `tool_use_id` found in `tool_result` blocks: other",
        ),
        (
            body(USER, assistant(USE), user(RESULT, RESULT)),
            "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1",
        ),
        (
            body(USER, assistant(USE), user(TEXT)),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
        ),
        (
            body(USER, assistant(USE), user(TEXT, RESULT)),
            "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after",
        ),
        (body(USER, assistant(USE)), "`tool_use` ids were found without `tool_result`"),
        (body(USER, assistant(USE, USE), user(RESULT)), "`tool_use` ids must be unique"),
        (
            body(USER, assistant(USE), user(RESULT), assistant(USE), user(RESULT)),
            "`tool_use` ids must be unique",
        ),
        (
            body(USER, assistant({**USE, "id": "a b"}), user({**RESULT, "tool_use_id": "a b"})),
            "tool_use.id: String should match pattern",
        ),
        (body(USER, assistant({**USE, "input": "{}"})), "input: Input should be a valid dict"),
        (
            body(USER, assistant(USE), user({**RESULT, "content": 5})),
            "tool_result.content: Input should be a valid string",
        ),
        (
            body(USER, assistant(USE), user({**RESULT, "content": [{"type": "text", "text": ""}]})),
            "text content blocks must be non-empty",
        ),
        (
            body(USER, assistant({"type": "thinking", "thinking": "x", "signature": seal("y")})),
            "Invalid `signature` in `thinking` block",
        ),
        (
            body(user(image(type="base64", media_type="image/bmp", data=PIXEL))),
            "media_type: Input should be 'image/jpeg' or 'image/png'",
        ),
        (
            body(user(image(type="base64", media_type="image/png", data="-_-_"))),
            "image cannot be decoded from base64",
        ),
        (
            body(user(image(type="base64", media_type="image/png", data=""))),
            "image cannot be decoded from base64",
        ),
        (body(user(image(type="url", url="http://x"))), "Only HTTPS URLs are supported."),
        (body(user(image(type="other"))), "Input should be an image source"),
        (body(system=[{"type": "image"}]), "system.0.type: Input should be 'text'"),
        (body(system=[{"type": "text", "text": ""}]), "system: text content blocks must be non-"),
        (body(system=[{"type": "text"}]), "system.0.text: Field required"),
        (body(system=5), "system: Input should be a valid list"),
        (body(tools=[{"name": "a b", "input_schema": {}}]), "String should match pattern"),
        (body(tools=[{"name": "a" * 129, "input_schema": {}}]), "String should match pattern"),
        (body(tools=[{"input_schema": {}}]), "tools.0.custom.name: Field required"),
        (body(tools=[{"name": "a"}]), "tools.0.custom.input_schema: Field required"),
        (body(tools=[{"name": "a", "input_schema": {}}]), "input_schema.type: Input should be"),
        (body(tools=[TOOL, TOOL]), "tools: Tool names must be unique."),
        (body(tool_choice={"type": "any"}), "tool_choice may only be specified while providing"),
        (body(tools=[TOOL], tool_choice={"type": "required"}), "Input tag 'required' found"),
        (
            body(tools=[TOOL], tool_choice={"type": "tool", "name": "Write"}),
            "Tool 'Write' not found in provided tools",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": 100}),
            "budget_tokens: Input should be greater than or equal to 1024",
        ),
        (
            body(thinking={"type": "enabled", "budget_tokens": 2000}),
            "`max_tokens` must be greater than `thinking.budget_tokens`",
        ),
        (
            body(
                user(*[{**TEXT, **MARK}] * 3), system=[{**TEXT, **MARK}], tools=[{**TOOL, **MARK}]
            ),
            "A maximum of 4 blocks with cache_control may be provided. Found 5.",
        ),
    ],
)
def test_refused(document: dict[str, object], words: str) -> None:
    assert words in refusal(document)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_the_new_version_has_no_sampling(name: str) -> None:
    document = body(**{name: 1})
    assert refusal(document, version=NEW) == f"{name}: Extra inputs are not permitted"
    assert read(document, version=OLD).model == "mock-large"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (body(user({**TEXT, "citations": [{}]})), "text.citations: Extra inputs"),
        (body(USER, assistant({"type": "document", "source": {}})), "`document` blocks are not"),
    ],
)
def test_the_new_version_is_stricter(document: dict[str, object], words: str) -> None:
    assert words in refusal(document, version=NEW)
    read(document, version=OLD)


@pytest.mark.parametrize(
    ("model", "members", "words"),
    [
        ("claude-opus-4-7", {"temperature": 0.5}, "`temperature` is deprecated for this model."),
        ("claude-opus-5", {"top_p": 0.5}, "`top_p` is deprecated for this model."),
        ("claude-opus-5", {"top_k": 1}, "`top_k` is deprecated for this model."),
        (
            "claude-sonnet-5-5",
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            "thinking.type.enabled is not supported",
        ),
        ("claude-sonnet-4-5", {"thinking": {"type": "adaptive"}}, "adaptive thinking is not"),
        ("claude-opus-5-5", {"thinking": {"type": "disabled"}}, "thinking.type.disabled"),
        ("claude-fable-5", {"thinking": {"type": "disabled"}}, "thinking.type.disabled"),
        (
            "claude-opus-5-5",
            {"tools": [TOOL], "tool_choice": {"type": "any"}},
            "forced tool use is not supported",
        ),
        (
            "claude-opus-4-6",
            {"messages": [USER, {"role": "assistant", "content": "{"}]},
            "does not support assistant message prefill",
        ),
    ],
)
def test_model_rules(model: str, members: dict[str, object], words: str) -> None:
    assert words in refusal(body(model=model, **members))
    read(body(model="claude-3-opus-20240229", **members))


@pytest.mark.parametrize(
    ("model", "members"),
    [
        ("claude-opus-4-6", {"temperature": 0.5}),
        ("claude-opus-4-20250514", {"temperature": 0.5}),
        ("claude-opus-5", {"temperature": 1, "top_p": 0.99}),
        ("claude-haiku-5-5", {"thinking": {"type": "disabled"}}),
        ("claude-haiku-5-5", {"tools": [TOOL], "tool_choice": {"type": "any"}}),
        ("claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        ("claude-sonnet-5-5", {"thinking": {"type": "between_tools"}}),
    ],
)
def test_model_rules_allow(model: str, members: dict[str, object]) -> None:
    assert read(body(model=model, **members)).model == model


def test_version_header() -> None:
    assert refusal(body(), version=None) == "anthropic-version: header is required"
    assert "is not a valid version" in refusal(body(), version="2026-01-01")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'"x"', b'{"a": NaN}', b"\xff"])
def test_bodies_that_are_no_json_object(raw: bytes) -> None:
    with pytest.raises(RefusalError, match="not valid JSON"):
        read(None, raw=raw or b" ")


def test_count_tokens_has_no_max_tokens() -> None:
    document = body(max_tokens=...)
    assert read(document, operation="count_tokens").max_output is None
    assert refusal(body(), operation="count_tokens") == (
        "max_tokens: Extra inputs are not permitted"
    )


def test_what_a_coding_agent_sends_is_taken() -> None:
    document = body(
        user({**TEXT, **MARK}),
        {"role": "system", "content": "date", "output_config": {"effort": "low"}},
        assistant(
            {"type": "thinking", "thinking": "x", "signature": seal("x")},
            {"type": "thinking", "thinking": "foreign", "signature": "EqQB"},
            TEXT,
            USE,
            {**USE, "id": "toolu_2"},
        ),
        user(
            {**RESULT, "content": [TEXT, image(type="base64", media_type="image/png", data=PIXEL)]},
            {"type": "tool_result", "tool_use_id": "toolu_2", "is_error": True},
            {"type": "text", "text": "<system-reminder>x</system-reminder>"},
        ),
        {"role": "system"},
        system=[{**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        thinking={"type": "adaptive", "display": "omitted"},
        context_management={"edits": []},
        output_config={"effort": "high", "format": {"type": "json_schema", "schema": {"a": 1}}},
        metadata={"user_id": "{}"},
        tools=[{**TOOL, "defer_loading": True}, {"type": "bash_20250124", "name": "bash"}],
        tool_choice={"type": "auto"},
        stop_sequences=["END"],
        stream=True,
        max_tokens=128_000,
    )
    prompt = read(document)
    assert prompt.is_streaming
    assert prompt.turns[2].call_ids == ("toolu_1", "toolu_2")
    assert prompt.turns[3].results == (
        ToolResult(call_id="toolu_1", text="t"),
        ToolResult(call_id="toolu_2", text=""),
    )
    assert [tool.name for tool in prompt.tools] == ["Read", "bash"]
    assert prompt.stop == ("END",)
    assert (prompt.cache_markers, prompt.cache_hour_markers) == (2, 1)
    assert prompt.answer_schema == {"a": 1}
    assert prompt.forced_tool is None


def test_results_may_be_spread_over_user_turns() -> None:
    second = {"type": "tool_result", "tool_use_id": "toolu_2", "content": "x"}
    document = body(
        USER, assistant(USE), assistant({**USE, "id": "toolu_2"}), user(RESULT), user(second)
    )
    assert read(document).last_result == "x"


@pytest.mark.parametrize(
    ("choice", "forced"),
    [({"type": "any"}, ""), ({"type": "tool", "name": "Read"}, "Read"), ({"type": "none"}, None)],
)
def test_forced_tools(choice: dict[str, object], forced: str | None) -> None:
    assert read(body(tools=[TOOL], tool_choice=choice)).forced_tool == forced
