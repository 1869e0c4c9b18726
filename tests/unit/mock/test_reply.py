"""Replies: deterministic, scripted, stopped, counted and cut."""

import json
from dataclasses import replace

import pytest

from codegate.mock.prompt import Prompt, Tool, ToolResult, Turn
from codegate.mock.reply import (
    Reply,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolsMissingError,
    argument_pieces,
    compose,
    text_pieces,
)
from codegate.mock.seals import is_broken_seal, seal

READ = Tool(name="Read", schema={"type": "object", "properties": {"path": {"type": "string"}}})


def prompt(text: str, *later: Turn, tools: tuple[Tool, ...] = (READ,)) -> Prompt:
    turns = (Turn(role="user", texts=(text,)), *later)
    return Prompt(model="m", body=text.encode() * 10, turns=turns, tools=tools)


def reply_to(asked: Prompt) -> Reply:
    return compose(asked, deltas=4)


def call(*ids: str) -> Turn:
    return Turn(role="assistant", call_ids=ids)


def results(**texts: str) -> Turn:
    found = tuple(ToolResult(call_id=name, text=text) for name, text in texts.items())
    return Turn(role="user", results=found)


def test_the_same_bytes_give_the_same_reply_and_others_another() -> None:
    first, second = reply_to(prompt("mock:tool Read {}")), reply_to(prompt("mock:tool Read {}"))
    assert first == second
    other = reply_to(replace(prompt("mock:tool Read {}"), body=b"other"))
    assert other.seed != first.seed
    assert other.parts != first.parts


def test_echo() -> None:
    reply = reply_to(prompt("how are you"))
    assert reply.parts == (TextPart("You said: how are you"),)
    assert reply.stop == "end"


def test_echo_leaves_out_reminders() -> None:
    turn = Turn(role="user", texts=("the question", "<system-reminder>x</system-reminder>"))
    assert reply_to(replace(prompt(""), turns=(turn,))).parts == (
        TextPart("You said: the question"),
    )


def test_echo_of_a_reminder_if_there_is_nothing_else() -> None:
    reminder = Turn(role="user", texts=("<system-reminder>x</system-reminder>",))
    turns = (reminder, Turn(role="system", texts=("s",)))
    assert reply_to(replace(prompt(""), turns=turns)).parts == (
        TextPart("You said: <system-reminder>x</system-reminder>"),
    )


def test_echo_of_a_long_text_is_cut() -> None:
    (part,) = reply_to(prompt("x" * 100_000)).parts
    assert isinstance(part, TextPart)
    assert len(part.text) == len("You said: ") + 16 * 1024


def test_parallel_calls_have_different_keys() -> None:
    reply = reply_to(prompt('mock:tool Read {"path": "a"}\nmock:tool Read {"path": "b"}'))
    assert reply.stop == "tools"
    first, second = reply.parts
    assert isinstance(first, ToolCallPart)
    assert isinstance(second, ToolCallPart)
    assert (first.arguments, second.arguments) == ({"path": "a"}, {"path": "b"})
    assert first.key != second.key


def test_a_tool_that_is_not_offered_is_called_if_any_is() -> None:
    (part,) = reply_to(prompt("mock:tool Unknown {}")).parts
    assert isinstance(part, ToolCallPart)
    assert part.name == "Unknown"
    with pytest.raises(ToolsMissingError, match="Unknown"):
        reply_to(prompt("mock:tool Unknown {}", tools=()))


def test_final_answer_quotes_what_was_received() -> None:
    text = "mock:tool Read {}\nmock:tool Read {}"
    asked = prompt(text, call("a", "b"), results(a="x" * 300, b="short"))
    assert reply_to(asked).parts == (
        TextPart("Tool result 1: " + "x" * 200 + "\nTool result 2: short"),
    )


def test_steps_follow_the_results() -> None:
    text = (
        'mock:tool Read {"path": "a"}\nmock:then\n'
        'mock:tool Write {"text": "{{last_result}}!"}\nmock:then\nmock:say "ok: {{last_result}}"'
    )
    second = reply_to(prompt(text, call("a"), results(a="one")))
    (part,) = second.parts
    assert isinstance(part, ToolCallPart)
    assert part.arguments == {"text": "one!"}
    third = reply_to(prompt(text, call("a"), results(a="one"), call("b"), results(b="two")))
    assert third.parts == (TextPart("ok: two"),)


def test_thinking_comes_sealed_and_with_a_text() -> None:
    reply = reply_to(prompt('mock:think "deep thought"'))
    thinking, text = reply.parts
    assert thinking == ThinkingPart("deep thought", seal("deep thought"))
    assert isinstance(text, TextPart)
    assert reply.usage.reasoning == 2


def test_seals() -> None:
    assert not is_broken_seal("a", seal("a"))
    assert is_broken_seal("b", seal("a"))
    assert not is_broken_seal("b", "somebody else's")


def test_stop_sequence_cuts_the_text() -> None:
    asked = replace(prompt('mock:say "one STOP two END"'), stop=("END", "STOP"))
    reply = reply_to(asked)
    assert reply.parts == (TextPart("one "),)
    assert (reply.stop, reply.stop_sequence) == ("sequence", "STOP")


@pytest.mark.parametrize(
    ("limit", "text"), [(3, "one two three"), (1, "one"), (2, "one two"), (0, None)]
)
def test_output_limit_cuts_words(limit: int, text: str | None) -> None:
    reply = reply_to(replace(prompt('mock:say "one two three four"'), max_output=limit))
    assert reply.parts == ((TextPart(text),) if text else ())
    assert reply.stop == "length"
    assert reply.usage.output == limit


def test_output_limit_that_is_not_reached() -> None:
    reply = reply_to(replace(prompt('mock:say "one two"'), max_output=2))
    assert reply.stop == "end"


def test_forced_tool_gets_arguments_of_its_schema() -> None:
    reply = reply_to(replace(prompt("find it"), forced_tool="Read"))
    (part,) = reply.parts
    assert isinstance(part, ToolCallPart)
    assert (part.name, part.arguments) == ("Read", {"path": "find it"})
    (part,) = reply_to(replace(prompt("x"), forced_tool="")).parts
    assert isinstance(part, ToolCallPart)
    assert part.name == "Read"


def test_a_limit_inside_the_thinking() -> None:
    asked = prompt('mock:think "one two three"\nmock:say "four"')
    assert reply_to(replace(asked, max_output=2)).parts == (
        ThinkingPart("one two", seal("one two")),
    )
    whole = reply_to(replace(asked, max_output=3)).parts
    assert whole == (ThinkingPart("one two three", seal("one two three")),)


def test_a_stop_sequence_in_a_later_text() -> None:
    asked = prompt('mock:think "STOP"\nmock:say "a"\nmock:say "b STOP c"\nmock:say "d"')
    assert reply_to(replace(asked, stop=("", "STOP"))).parts[1:] == (TextPart("a"), TextPart("b "))


def test_structured_answers() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string"}}}
    (part,) = reply_to(replace(prompt("my title"), answer_schema=schema)).parts
    assert isinstance(part, TextPart)
    assert json.loads(part.text) == {"title": "my title"}


def test_usage_follows_from_the_bytes() -> None:
    usage = reply_to(replace(prompt("one two"), body=b"x" * 401)).usage
    assert (usage.input, usage.output) == (101, 4)
    assert (usage.cache_read, usage.cache_write) == (0, 0)


def test_cache_usage() -> None:
    asked = replace(prompt("hi"), body=b"x" * 400, cache_markers=1)
    first = reply_to(asked).usage
    assert (first.input, first.cache_read, first.cache_write) == (50, 0, 50)
    assert first.cache_write_hour == 0
    later = replace(asked, turns=(*asked.turns, Turn(role="assistant"), *asked.turns))
    second = reply_to(replace(later, cache_hour_markers=1)).usage
    assert (second.input, second.cache_read, second.cache_write) == (25, 50, 25)
    assert second.cache_write_hour == 25


def test_usage_can_be_scripted() -> None:
    text = 'mock:usage {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4}'
    usage = reply_to(prompt(text)).usage
    assert (usage.input, usage.output, usage.cache_read, usage.cache_write) == (1, 2, 3, 4)


@pytest.mark.parametrize("count", [1, 2, 3, 8, 100])
@pytest.mark.parametrize("text", ["", "a", "hello, world", "é😀" * 20])
def test_text_pieces_join_to_the_text(text: str, count: int) -> None:
    pieces = text_pieces(text, count)
    assert "".join(pieces) == text
    assert len(pieces) <= count
    assert all(pieces)


@pytest.mark.parametrize("count", [1, 3, 8, 50])
@pytest.mark.parametrize(
    "arguments",
    [{}, {"a": 1}, {"text": 'line\nline\t"quoted"\\'}, {"text": "é😀" * 30}, {"t": "x" * 500}],
)
def test_argument_pieces_join_to_the_arguments(arguments: dict[str, object], count: int) -> None:
    pieces = argument_pieces(arguments, count)
    assert json.loads("".join(pieces)) == arguments
    assert all(pieces)


def test_argument_pieces_cut_inside_escapes() -> None:
    pieces = argument_pieces({"t": "ab\ncd\né😀é😀\n" * 10}, 20)
    starts = [piece[0] for piece in pieces[1:]]
    assert any(piece.endswith("\\") for piece in pieces)
    assert any("u" in start for start in starts)
    assert any("n" in start for start in starts)
    inside = [piece for piece in pieces if piece[-4:-2] == "\\u" or piece[-3:-1] == "\\u"]
    assert inside
