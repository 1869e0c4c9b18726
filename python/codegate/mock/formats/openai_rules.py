"""What the Chat Completions API refuses, in its words, and the prompt that a good body holds."""

import json
import re
from collections.abc import Iterator
from typing import NoReturn

from codegate.mock.formats.base import RefusalError, as_list, as_object, check_abilities, names
from codegate.mock.prompt import Prompt, Tool, ToolResult, Turn

_MEMBERS = names(
    "audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens "
    "max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction "
    "presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream "
    "stream_options temperature tool_choice tools top_logprobs top_p user verbosity "
    "web_search_options"
)
_ROLES = ("system", "assistant", "user", "function", "tool", "developer")
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": ("text",),
}
_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_CALL_ID_LENGTH = 40
_NAME_LENGTH = 64
_MAX_CHOICES = 128
# Hosts of these models have a switch of their own beside the API's members.
_HAS_SWITCH = re.compile(r"(deepseek|glm|kimi)-")
# Reasoning models know only the newer name of the output limit.
_NEW_LIMIT_ONLY = re.compile(r"(o\d|gpt-([5-9]|\d\d))")


def read_prompt(body: dict[str, object], *, raw: bytes) -> Prompt:
    """The prompt of a Chat Completions body. Raises RefusalError."""
    model = body.get("model")
    for name in body:
        if name not in _MEMBERS and not (name == "thinking" and _HAS_SWITCH.match(str(model))):
            _refuse(f"Unknown parameter: '{name}'.", code="unknown_parameter", param=name)
    if not isinstance(model, str) or not model:
        _refuse("you must provide a model parameter")
    is_streaming = body.get("stream") or False
    if not isinstance(is_streaming, bool):
        _bad_type("stream", "a boolean", is_streaming)
    options = body.get("stream_options")
    if options is not None and not is_streaming:
        _refuse(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options",
        )
    check_abilities(body, model)
    turns = _turns(body)
    tools = tuple(_tools(body))
    return Prompt(
        model=model,
        body=raw,
        turns=turns,
        tools=tools,
        forced_tool=_forced_tool(body, tools),
        answer_schema=_answer_schema(body),
        is_streaming=is_streaming,
        wants_usage=as_object(options).get("include_usage") is True,
        choices=_choices(body),
        max_output=_max_output(body, model),
        stop=_stop(body),
        cache_markers=sum(1 for _ in _breakpoints(body)),
    )


def _refuse(message: str, *, code: str | None = None, param: str | None = None) -> NoReturn:
    raise RefusalError(400, message, code=code, param=param)


def _bad_type(param: str, expected: str, value: object) -> NoReturn:
    words = {str: "a string", dict: "an object", list: "an array", bool: "a boolean"}
    got = "null" if value is None else words.get(type(value), "a number")
    _refuse(
        f"Invalid type for '{param}': expected {expected}, but got {got} instead.",
        code="invalid_type",
        param=param,
    )


def _bad_value(param: str, value: object, supported: tuple[str, ...]) -> NoReturn:
    quoted = [f"'{name}'" for name in supported]
    listed = ", ".join(quoted[:-1]) + (", and " if len(quoted) > 1 else "") + quoted[-1]
    _refuse(
        f"Invalid value: '{value}'. Supported values are: {listed}.",
        code="invalid_value",
        param=param,
    )


def _turns(body: dict[str, object]) -> tuple[Turn, ...]:
    messages = body.get("messages")
    if messages is None:
        _refuse(
            "Missing required parameter: 'messages'.",
            code="missing_required_parameter",
            param="messages",
        )
    if not isinstance(messages, list):
        _bad_type("messages", "an array of objects", messages)
    if not messages:
        _refuse(
            "Invalid 'messages': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            code="empty_array",
            param="messages",
        )
    turns = tuple(_turn(message, f"messages[{i}]") for i, message in enumerate(messages))
    _check_tool_order(turns)
    return turns


def _turn(message: object, where: str) -> Turn:
    if not isinstance(message, dict):
        _bad_type(where, "an object", message)
    role = message.get("role")
    if role is None:
        _refuse(
            f"Missing required parameter: '{where}.role'.",
            code="missing_required_parameter",
            param=f"{where}.role",
        )
    if not isinstance(role, str) or role not in _ROLES:
        _bad_value(f"{where}.role", role, _ROLES)
    calls = tuple(_call_ids(message, where)) if role == "assistant" else ()
    texts = _content(message, role, where, may_be_absent=bool(calls))
    if role != "tool":
        return Turn(role=role, texts=texts, call_ids=calls)
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str):
        _refuse(
            f"Missing required parameter: '{where}.tool_call_id'.",
            code="missing_required_parameter",
            param=f"{where}.tool_call_id",
        )
    return Turn(role=role, results=(ToolResult(call_id=call_id, text="\n".join(texts)),))


def _content(
    message: dict[str, object], role: str, where: str, *, may_be_absent: bool
) -> tuple[str, ...]:
    content = message.get("content")
    if isinstance(content, str):
        return (content,)
    if content is None:
        if role == "assistant" and (
            may_be_absent or message.get("refusal") or message.get("function_call")
        ):
            return ()
        _refuse(
            "Invalid value for 'content': expected a string, got null.",
            param=f"{where}.content",
        )
    if not isinstance(content, list):
        _bad_type(f"{where}.content", "one of a string or array of objects", content)
    texts: list[str] = []
    for number, part in enumerate(content):
        kind = as_object(part).get("type")
        if not isinstance(kind, str) or kind not in _PARTS[role]:
            _bad_value(f"{where}.content[{number}].type", kind, _PARTS[role])
        _check_part(as_object(part), kind, f"{where}.content[{number}]")
        if kind == "text":
            texts.append(str(as_object(part)["text"]))
    return tuple(texts)


def _check_part(part: dict[str, object], kind: str, where: str) -> None:
    if kind in ("text", "refusal"):
        if not isinstance(part.get(kind), str):
            _bad_type(f"{where}.{kind}", "a string", part.get(kind))
    elif not isinstance(part.get(kind), dict):
        _bad_type(f"{where}.{kind}", "an object", part.get(kind))
    elif kind == "image_url":
        url = str(as_object(part[kind]).get("url", ""))
        if not url.startswith(("https://", "http://", "data:image/")):
            _refuse(
                "Invalid image URL. Expected a valid URL or a base64 data URL.",
                code="invalid_image_url",
                param=f"{where}.image_url.url",
            )


def _call_ids(message: dict[str, object], where: str) -> Iterator[str]:
    if message.get("tool_calls") is None:
        return
    calls = as_list(message["tool_calls"])
    if not calls:
        _refuse(
            f"Invalid '{where}.tool_calls': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            code="empty_array",
            param=f"{where}.tool_calls",
        )
    for number, entry in enumerate(calls):
        call = as_object(entry)
        place = f"{where}.tool_calls[{number}]"
        call_id = call.get("id")
        if not isinstance(call_id, str):
            _bad_type(f"{place}.id", "a string", call_id)
        _check_length(call_id, f"{place}.id", _CALL_ID_LENGTH)
        kind = call.get("type")
        if kind not in ("function", "custom"):
            _bad_value(f"{place}.type", kind, ("function", "custom"))
        called = as_object(call.get(str(kind)))
        text = called.get("arguments" if kind == "function" else "input")
        if not isinstance(called.get("name"), str) or not isinstance(text, str):
            _bad_type(f"{place}.{kind}", "an object with a name and arguments", called or None)
        if kind == "function" and text:
            _check_json(text, f"{place}.function.arguments")
        yield call_id


def _check_json(text: str, param: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        _refuse(f"Invalid '{param}': expected a JSON document.", code="invalid_value", param=param)


def _check_length(text: str, param: str, limit: int) -> None:
    if len(text) > limit:
        _refuse(
            f"Invalid '{param}': string too long. Expected a string with maximum length {limit}, "
            f"but got a string with length {len(text)} instead.",
            code="string_above_max_length",
            param=param,
        )


def _check_tool_order(turns: tuple[Turn, ...]) -> None:
    """Results follow their calls at once, in any order, all of them."""
    waiting: list[str] = []
    for index, turn in enumerate(turns):
        if turn.role == "tool":
            call_id = turn.results[0].call_id
            if call_id not in waiting:
                _refuse(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceeding message with 'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            waiting.remove(call_id)
            continue
        _check_answered(waiting, index)
        waiting = list(turn.call_ids)
    _check_answered(waiting, len(turns))


def _check_answered(waiting: list[str], index: int) -> None:
    if waiting:
        _refuse(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            + ", ".join(waiting),
            param=f"messages.[{index}].role",
        )


def _tools(body: dict[str, object]) -> Iterator[Tool]:
    if body.get("tools") is None:
        return
    entries = body["tools"]
    if not isinstance(entries, list):
        _bad_type("tools", "an array of objects", entries)
    if not entries:
        _refuse(
            "Invalid 'tools': empty array. Expected an array with minimum length 1, "
            "but got an empty array instead.",
            code="empty_array",
            param="tools",
        )
    for index, entry in enumerate(entries):
        tool = as_object(entry)
        kind = tool.get("type")
        if kind not in ("function", "custom"):
            _bad_value(f"tools[{index}].type", kind, ("function", "custom"))
        inner = as_object(tool.get(str(kind)))
        where = f"tools[{index}].{kind}"
        name = inner.get("name")
        if not isinstance(name, str):
            _refuse(
                f"Missing required parameter: '{where}.name'.",
                code="missing_required_parameter",
                param=f"{where}.name",
            )
        if not _NAME.fullmatch(name):
            _refuse(
                f"Invalid '{where}.name': string does not match pattern. Expected a string that "
                "matches the pattern '^[a-zA-Z0-9_-]+$'.",
                code="invalid_value",
                param=f"{where}.name",
            )
        _check_length(name, f"{where}.name", _NAME_LENGTH)
        schema = as_object(inner.get("parameters"))
        if schema.get("type", "object") != "object" or (
            schema.get("type") == "object" and "properties" not in schema
        ):
            _refuse(
                f"Invalid schema for function '{name}': In context=(), object schema missing "
                "properties.",
                code="invalid_function_parameters",
                param=f"{where}.parameters",
            )
        yield Tool(name=name, schema=schema)


def _forced_tool(body: dict[str, object], tools: tuple[Tool, ...]) -> str | None:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if not tools:
        _refuse(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
            "specified.",
            param="tool_choice",
        )
    if isinstance(choice, str):
        if choice not in ("none", "auto", "required"):
            _bad_value("tool_choice", choice, ("none", "auto", "required"))
        return "" if choice == "required" else None
    kind = str(as_object(choice).get("type"))
    if kind == "allowed_tools":
        allowed = as_object(as_object(choice).get(kind))
        return "" if allowed.get("mode") == "required" else None
    if kind not in ("function", "custom"):
        _bad_value("tool_choice.type", kind, ("function", "custom", "allowed_tools"))
    name = str(as_object(as_object(choice).get(kind)).get("name"))
    if name not in {tool.name for tool in tools}:
        _refuse(
            f"Invalid value for 'tool_choice': tool '{name}' is not among 'tools'.",
            param="tool_choice",
        )
    return name


def _answer_schema(body: dict[str, object]) -> dict[str, object] | None:
    wanted = as_object(body.get("response_format"))
    kind = wanted.get("type", "text")
    if kind not in ("text", "json_object", "json_schema"):
        _bad_value("response_format.type", kind, ("text", "json_object", "json_schema"))
    if kind == "text":
        return None
    named = as_object(wanted.get("json_schema"))
    if kind == "json_schema" and not isinstance(named.get("name"), str):
        _refuse(
            "Missing required parameter: 'response_format.json_schema.name'.",
            code="missing_required_parameter",
            param="response_format.json_schema.name",
        )
    return as_object(named.get("schema"))


def _choices(body: dict[str, object]) -> int:
    value = body.get("n")
    if value is None:
        return 1
    if type(value) is not int:
        _bad_type("n", "an integer", value)
    if not 1 <= value <= _MAX_CHOICES:
        _refuse(
            f"Invalid 'n': integer out of range. Expected a value between 1 and {_MAX_CHOICES}, "
            f"but got {value} instead.",
            code="integer_out_of_range",
            param="n",
        )
    return value


def _max_output(body: dict[str, object], model: str) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if type(value) is not int:
            _bad_type(name, "an integer", value)
        if value < 1:
            _refuse(
                f"Invalid '{name}': integer below minimum value. Expected a value >= 1, "
                f"but got {value} instead.",
                code="integer_below_min_value",
                param=name,
            )
        if name == "max_tokens" and _NEW_LIMIT_ONLY.match(model):
            _refuse(
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                code="unsupported_parameter",
                param="max_tokens",
            )
        return value
    return None


def _stop(body: dict[str, object]) -> tuple[str, ...]:
    stop = body.get("stop")
    words = [stop] if isinstance(stop, str) else as_list(stop)
    if len(words) > 4:
        _refuse(
            "Invalid 'stop': array too long. Expected an array with maximum length 4, "
            f"but got an array with length {len(words)} instead.",
            code="array_above_max_length",
            param="stop",
        )
    return tuple(word for word in words if isinstance(word, str))


def _breakpoints(body: dict[str, object]) -> Iterator[object]:
    for message in as_list(body.get("messages")):
        for part in as_list(as_object(message).get("content")):
            if "prompt_cache_breakpoint" in as_object(part):
                yield part
