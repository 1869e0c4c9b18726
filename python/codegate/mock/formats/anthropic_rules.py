"""What the Messages API refuses, in its words, and the prompt that a good body holds."""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NoReturn

from codegate.mock.formats.base import (
    RefusalError,
    as_list,
    as_object,
    check_abilities,
    names,
)
from codegate.mock.prompt import Prompt, Tool, ToolResult, Turn
from codegate.mock.seals import is_broken_seal, said_before

OLD_VERSIONS = frozenset({"2023-01-01", "2023-06-01"})
NEW_VERSION = "2026-10-21"

_COUNT_MEMBERS = names(
    "billing_policy cache_control compaction context_management mcp_servers messages model "
    "output_config output_format speed system thinking tool_choice tools user_profile_id "
    "workspace_id"
)
_MEMBERS = _COUNT_MEMBERS | names(
    "container diagnostics fallback_credit_token fallbacks inference_geo max_tokens metadata "
    "safeguards service_tier stop_sequences stream temperature thread top_k top_p"
)
_USER_BLOCKS = names("text image document search_result tool_result container_upload browser_state")
_ASSISTANT_BLOCKS = names(
    "text document thinking redacted_thinking tool_use server_tool_use mcp_tool_use "
    "mcp_tool_result web_search_tool_result web_fetch_tool_result code_execution_tool_result "
    "bash_code_execution_tool_result text_editor_code_execution_tool_result "
    "tool_search_tool_result advisor_tool_result compaction fallback container_upload"
)
_SYSTEM_BLOCKS = names("text tool_addition tool_removal mcp_tool_listing")
_BLOCKS = {
    "user": _USER_BLOCKS | {"compaction", "mid_conv_system", "mcp_tool_listing"},
    "assistant": _ASSISTANT_BLOCKS,
    "system": _SYSTEM_BLOCKS,
}
_ALL_BLOCKS = frozenset().union(*_BLOCKS.values())
_REQUIRED: dict[str, dict[str, type]] = {
    "text": {"text": str},
    "image": {"source": dict},
    "document": {"source": dict},
    "thinking": {"thinking": str, "signature": str},
    "redacted_thinking": {"data": str},
    "tool_use": {"id": str, "name": str, "input": dict},
    "tool_result": {"tool_use_id": str},
}
_TYPE_WORDS: dict[type, str] = {str: "string", dict: "dictionary"}
_IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_CLAUDE = re.compile(r"claude-([a-z]+)-(\d{1,2})(?:-(\d{1,2}))?(?!\d)")
_NO_FORCED_TOOL = frozenset({("opus", 5, 5), ("fable", 5, 1), ("fable", 5, 2), ("sonnet", 5, 5)})
_ALWAYS_THINKING = _NO_FORCED_TOOL | {("fable", 5, 0)}
_CACHE_MARKERS = 4


def read_prompt(body: dict[str, object], *, raw: bytes, version: str, counts: bool) -> Prompt:
    """The prompt of a Messages body; `counts` is true for count_tokens. Raises RefusalError."""
    _check_members(body, counts=counts, version=version)
    model = _string(body, "model")
    max_tokens = None if counts else _max_tokens(body)
    is_streaming = body.get("stream", False)
    if not isinstance(is_streaming, bool):
        _refuse("stream: Input should be a valid boolean")
    _check_model_rules(body, model, max_tokens)
    check_abilities(body, model)
    if body.get("system") is not None:
        _texts(body["system"], "system")
    messages = _messages(body)
    turns = tuple(
        _turn(message, f"messages.{index}", version) for index, message in enumerate(messages)
    )
    _check_order(turns, model)
    _check_tool_pairs(messages)
    tools = tuple(_tools(body))
    markers = list(_cache_markers(body))
    if len(markers) > _CACHE_MARKERS:
        _refuse(
            f"A maximum of {_CACHE_MARKERS} blocks with cache_control may be provided. "
            f"Found {len(markers)}."
        )
    output_format = as_object(as_object(body.get("output_config")).get("format"))
    output_format = output_format or as_object(body.get("output_format"))
    return Prompt(
        model=model,
        body=raw,
        turns=turns,
        tools=tools,
        forced_tool=_forced_tool(body, tools),
        answer_schema=as_object(output_format.get("schema")) if output_format else None,
        is_streaming=is_streaming,
        max_output=max_tokens,
        stop=tuple(word for word in as_list(body.get("stop_sequences")) if isinstance(word, str)),
        said=list(said_before(body))[-1],
        cache_markers=len(markers),
        cache_hour_markers=sum(marker.get("ttl") == "1h" for marker in markers),
    )


def _refuse(message: str) -> NoReturn:
    raise RefusalError(400, message)


def _string(body: dict[str, object], name: str) -> str:
    value = body.get(name)
    if value is None:
        _refuse(f"{name}: Field required")
    if not isinstance(value, str) or not value:
        _refuse(f"{name}: Input should be a valid string")
    return value


def _check_members(body: dict[str, object], *, counts: bool, version: str) -> None:
    known = _COUNT_MEMBERS if counts else _MEMBERS
    for name in body:
        if name not in known:
            _refuse(f"{name}: Extra inputs are not permitted")
    for name in ("temperature", "top_p", "top_k"):
        if name not in body:
            continue
        if version == NEW_VERSION:
            _refuse(f"{name}: Extra inputs are not permitted")
        value = body[name]
        if isinstance(value, bool) or not isinstance(value, int | float):
            _refuse(f"{name}: Input should be a valid number")
        if name != "top_k" and not 0 <= value <= 1:
            _refuse(f"{name}: range: 0..1")


def _max_tokens(body: dict[str, object]) -> int:
    value = body.get("max_tokens")
    if value is None:
        _refuse("max_tokens: Field required")
    if type(value) is not int:
        _refuse("max_tokens: Input should be a valid integer")
    if value < 0:
        _refuse("max_tokens: Input should be greater than or equal to 0")
    return value


def _version_of(model: str) -> tuple[str, int, int] | None:
    """Family, generation and minor number of a Claude model, None for other names."""
    match = _CLAUDE.match(model)
    return (match[1], int(match[2]), int(match[3] or 0)) if match else None


def _check_model_rules(body: dict[str, object], model: str, max_tokens: int | None) -> None:
    thinking = as_object(body.get("thinking"))
    kind = thinking.get("type")
    if kind == "enabled":
        budget = thinking.get("budget_tokens")
        if type(budget) is not int or budget < 1024:
            _refuse("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
        if max_tokens is not None and max_tokens <= budget:
            _refuse("`max_tokens` must be greater than `thinking.budget_tokens`")
    version = _version_of(model)
    if version is None:
        return
    generation = version[1:]
    if generation > (4, 6):
        for name, allowed in (("temperature", 1), ("top_p", 1), ("top_k", None)):
            if name in body and body[name] != allowed and not _is_near_one(name, body[name]):
                _refuse(f"`{name}` is deprecated for this model.")
        if kind == "enabled":
            _refuse(
                "thinking.type.enabled is not supported for this model. "
                "Use thinking.type.adaptive and output_config.effort."
            )
    if generation < (4, 6) and kind == "adaptive":
        _refuse("adaptive thinking is not supported on this model")
    if version in _ALWAYS_THINKING and kind == "disabled":
        _refuse("thinking.type.disabled is not supported for this model.")
    if version in _NO_FORCED_TOOL and as_object(body.get("tool_choice")).get("type") in (
        "any",
        "tool",
    ):
        _refuse("tool_choice: forced tool use is not supported for this model.")


def _is_near_one(name: str, value: object) -> bool:
    return name == "top_p" and isinstance(value, float) and value >= 0.99


def _messages(body: dict[str, object]) -> list[dict[str, object]]:
    messages = body.get("messages")
    if messages is None:
        _refuse("messages: Field required")
    if not isinstance(messages, list):
        _refuse("messages: Input should be a valid list")
    if not messages:
        _refuse("messages: at least one message is required")
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            _refuse(f"messages.{index}: Input should be a valid dictionary or object")
        if "role" not in message:
            _refuse(f"messages.{index}.role: Field required")
        if message["role"] not in _BLOCKS:
            _refuse(f"messages.{index}.role: Input should be 'user' or 'assistant'")
    return messages


def _turn(message: dict[str, object], where: str, version: str) -> Turn:
    role = str(message["role"])
    content = message.get("content")
    if content is None and role == "system":
        return Turn(role=role)
    if "content" not in message:
        _refuse(f"{where}.content: Field required")
    if isinstance(content, str):
        if not content and role != "assistant":
            _refuse(f"{where}: {role} messages must have non-empty content")
        return Turn(role=role, texts=(content,))
    if not isinstance(content, list):
        _refuse(f"{where}.content: Input should be a valid list")
    if not content and role != "assistant":
        _refuse(f"{where}: {role} messages must have non-empty content")
    blocks = [
        _block(block, role, f"{where}.content.{number}", version)
        for number, block in enumerate(content)
    ]
    return Turn(
        role=role,
        texts=tuple(str(block["text"]) for block in blocks if block["type"] == "text"),
        call_ids=tuple(str(block["id"]) for block in blocks if block["type"] == "tool_use"),
        results=tuple(
            ToolResult(call_id=str(block["tool_use_id"]), text=_result_text(block))
            for block in blocks
            if block["type"] == "tool_result"
        ),
    )


def _block(block: object, role: str, where: str, version: str) -> dict[str, object]:
    if not isinstance(block, dict):
        _refuse(f"{where}: Input should be a valid dictionary or object")
    kind = block.get("type")
    if not isinstance(kind, str):
        _refuse(f"{where}.type: Field required")
    if kind not in _BLOCKS[role]:
        if kind in _ALL_BLOCKS:
            _refuse(f"{where}: `{kind}` blocks are not permitted in `{role}` messages")
        expected = ", ".join(f"'{name}'" for name in sorted(_BLOCKS[role]))
        _refuse(
            f"{where}: Input tag '{kind}' found using 'type' does not match any of the expected "
            f"tags: {expected}"
        )
    for name, wanted in _REQUIRED.get(kind, {}).items():
        if name not in block:
            _refuse(f"{where}.{kind}.{name}: Field required")
        if not isinstance(block[name], wanted):
            _refuse(f"{where}.{kind}.{name}: Input should be a valid {_TYPE_WORDS[wanted]}")
    _check_block(block, kind, role, where, version)
    return block


def _check_block(block: dict[str, object], kind: str, role: str, where: str, version: str) -> None:
    if kind == "text":
        _check_text(str(block["text"]))
        if version == NEW_VERSION and role == "user" and block.get("citations"):
            _refuse(f"{where}.text.citations: Extra inputs are not permitted")
    elif kind == "thinking":
        if is_broken_seal(str(block["thinking"]), str(block["signature"])):
            _refuse(f"{where}: Invalid `signature` in `thinking` block")
    elif kind == "document" and role == "assistant" and version == NEW_VERSION:
        _refuse(f"{where}: `document` blocks are not permitted in `assistant` messages")
    elif kind == "image":
        _check_image(as_object(block["source"]), f"{where}.image.source")
    elif kind == "tool_use" and not _TOOL_ID.fullmatch(str(block["id"])):
        _refuse(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    elif kind == "tool_result":
        _check_result(block.get("content"), f"{where}.tool_result.content")


def _check_text(text: str) -> None:
    if not text:
        _refuse("messages: text content blocks must be non-empty")
    if not text.strip():
        _refuse("messages: text content blocks must contain non-whitespace text")


def _check_image(source: dict[str, object], where: str) -> None:
    kind = source.get("type")
    if kind == "base64":
        if source.get("media_type") not in _IMAGE_TYPES:
            expected = " or ".join(f"'{name}'" for name in _IMAGE_TYPES)
            _refuse(f"{where}.base64.media_type: Input should be {expected}")
        try:
            data = base64.b64decode(str(source.get("data", "")), validate=True)
        except binascii.Error:
            data = b""
        if not data:
            _refuse(f"{where}.base64.data: image cannot be decoded from base64")
    elif kind == "url":
        if not str(source.get("url", "")).startswith("https://"):
            _refuse(f"{where}.url.url: Only HTTPS URLs are supported.")
    elif kind != "file":
        _refuse(f"{where}: Input should be an image source of type 'base64', 'url' or 'file'")


def _check_result(content: object, where: str) -> None:
    for number, block in enumerate(as_list(content)):
        inner = as_object(block)
        if inner.get("type") == "text" and not inner.get("text"):
            _refuse("messages: text content blocks must be non-empty")
        if inner.get("type") == "image":
            _check_image(as_object(inner.get("source")), f"{where}.{number}.image.source")
    if content is not None and not isinstance(content, str | list):
        _refuse(f"{where}: Input should be a valid string")


def _result_text(block: dict[str, object]) -> str:
    content = block.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(
        str(as_object(inner).get("text", ""))
        for inner in as_list(content)
        if as_object(inner).get("type") == "text"
    )


def _texts(content: object, where: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        _refuse(f"{where}: Input should be a valid list")
    for number, block in enumerate(content):
        inner = as_object(block)
        if inner.get("type") != "text":
            _refuse(f"{where}.{number}.type: Input should be 'text'")
        if not isinstance(inner.get("text"), str):
            _refuse(f"{where}.{number}.text: Field required")
        if not str(inner["text"]).strip():
            _refuse(f"{where}: text content blocks must be non-empty")


def _check_order(turns: tuple[Turn, ...], model: str) -> None:
    if turns[0].role != "user":
        _refuse('messages: first message must use the "user" role')
    previous = ""
    for index, turn in enumerate(turns):
        if turn.role == "system" and previous == "assistant":
            _refuse(f"messages.{index}: a `system` message must follow a `user` message")
        previous = turn.role
    version = _version_of(model)
    if turns[-1].role == "assistant" and version is not None and version[1:] >= (4, 6):
        _refuse(
            "This model does not support assistant message prefill. "
            "The conversation must end with a user message."
        )


def _check_tool_pairs(messages: list[dict[str, object]]) -> None:
    """Calls and results must stand in neighbouring turns; turns of one role count as one."""
    merged: list[tuple[str, int, list[dict[str, object]]]] = []
    for index, message in enumerate(messages):
        role = str(message["role"])
        if role == "system":
            continue
        blocks = [as_object(block) for block in as_list(message.get("content"))]
        if isinstance(message.get("content"), str):
            blocks = [{"type": "text"}]
        if merged and merged[-1][0] == role:
            merged[-1][2].extend(blocks)
        else:
            merged.append((role, index, blocks))
    seen: set[str] = set()
    open_calls: set[str] = set()
    for role, index, blocks in merged:
        if role == "assistant":
            open_calls = _calls(blocks, seen, index)
        else:
            _answer_calls(blocks, open_calls, index)
            open_calls = set()
    if open_calls:
        _unanswered(open_calls, merged[-1][1])


def _calls(blocks: list[dict[str, object]], seen: set[str], index: int) -> set[str]:
    ids = [str(block["id"]) for block in blocks if block.get("type") == "tool_use"]
    if len(set(ids)) < len(ids) or seen & set(ids):
        _refuse(f"messages.{index}: `tool_use` ids must be unique")
    seen.update(ids)
    return set(ids)


def _answer_calls(blocks: list[dict[str, object]], open_calls: set[str], index: int) -> None:
    answered: set[str] = set()
    has_other = False
    for number, block in enumerate(blocks):
        if block.get("type") != "tool_result":
            has_other = True
            continue
        call_id = str(block["tool_use_id"])
        if call_id not in open_calls or call_id in answered:
            _refuse(
                f"messages.{index}.content.{number}: unexpected `tool_use_id` found in "
                f"`tool_result` blocks: {call_id}. Each `tool_result` block must have a "
                "corresponding `tool_use` block in the previous message."
            )
        if not has_other:
            answered.add(call_id)
    if open_calls - answered:
        _unanswered(open_calls - answered, index - 1)


def _unanswered(call_ids: set[str], index: int) -> NoReturn:
    _refuse(
        f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately "
        f"after: {', '.join(sorted(call_ids))}. Each `tool_use` block must have a corresponding "
        "`tool_result` block in the next message."
    )


def _tools(body: dict[str, object]) -> Iterator[Tool]:
    seen: set[str] = set()
    for index, entry in enumerate(as_list(body.get("tools"))):
        tool = as_object(entry)
        kind = tool.get("type") or "custom"
        name = tool.get("name")
        schema = as_object(tool.get("input_schema"))
        if kind == "custom":
            where = f"tools.{index}.custom"
            if not isinstance(name, str):
                _refuse(f"{where}.name: Field required")
            if not _TOOL_NAME.fullmatch(name):
                _refuse(f"{where}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
            if "input_schema" not in tool:
                _refuse(f"{where}.input_schema: Field required")
            if schema.get("type") != "object":
                _refuse(f"{where}.input_schema.type: Input should be 'object'")
        if not isinstance(name, str):
            continue
        if name in seen:
            _refuse("tools: Tool names must be unique.")
        seen.add(name)
        yield Tool(name=name, schema=schema)


def _forced_tool(body: dict[str, object], tools: tuple[Tool, ...]) -> str | None:
    choice = as_object(body.get("tool_choice"))
    kind = choice.get("type")
    if not choice:
        return None
    if kind not in ("auto", "any", "tool", "none"):
        _refuse(
            f"tool_choice: Input tag '{kind}' found using 'type' does not match any of the "
            "expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if not as_list(body.get("tools")):
        _refuse("tool_choice may only be specified while providing tools.")
    if kind == "any":
        return ""
    if kind != "tool":
        return None
    name = str(choice.get("name", ""))
    if name not in {tool.name for tool in tools}:
        _refuse(f"Tool '{name}' not found in provided tools")
    return name


def _cache_markers(body: dict[str, object]) -> Iterator[dict[str, object]]:
    holders = [body, *as_list(body.get("tools")), *as_list(body.get("system"))]
    for message in as_list(body.get("messages")):
        for block in as_list(as_object(message).get("content")):
            holders.append(block)
            holders += as_list(as_object(block).get("content"))
    for holder in holders:
        marker = as_object(holder).get("cache_control")
        if isinstance(marker, dict):
            yield marker
