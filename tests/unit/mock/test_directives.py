"""Directives: where they are found, what they hold, what is refused."""

import pytest

from codegate.mock.directives import Call, DirectiveError, Say, Think, find_script
from codegate.mock.prompt import Prompt, ToolResult, Turn


def prompt(*turns: Turn) -> Prompt:
    return Prompt(model="m", body=b"{}", turns=turns)


def user(*texts: str) -> Turn:
    return Turn(role="user", texts=texts)


CALL = Turn(role="assistant", call_ids=("c1",))
RESULT = Turn(role="tool", results=(ToolResult(call_id="c1", text='he said "hi"\n'),))


def test_all_kinds_in_order() -> None:
    script = find_script(
        prompt(
            user(
                'please\n  mock:think "hm"\nmock:say "a\\nb"\n'
                'mock:tool Read {"path": "/tmp/x", "n": [1]}\nmock:tool Stop\n'
                'mock:usage {"input": 7, "cache_read": 2}\n'
            )
        )
    )
    assert script is not None
    assert script.steps == (
        (Think("hm"), Say("a\nb"), Call("Read", {"path": "/tmp/x", "n": [1]}), Call("Stop", {})),
    )
    assert script.usage == {"input": 7, "cache_read": 2}


def test_text_around_a_directive_does_not_matter() -> None:
    text = '<system-reminder>\nmock:say "x"</system-reminder>'
    script = find_script(prompt(user("hello", text)))
    assert script is not None
    assert script.steps == ((Say("x"),),)


@pytest.mark.parametrize("text", ["say mock:say", "mock:sayer 1", "xmock:say 1", "", "mock: say"])
def test_what_only_looks_like_one(text: str) -> None:
    assert find_script(prompt(user(text))) is None


def test_the_last_user_message_with_any_decides() -> None:
    script = find_script(
        prompt(user('mock:say "old"'), user('mock:say "new"'), user("no directive here"))
    )
    assert script is not None
    assert script.steps == ((Say("new"),),)
    assert script.turn == 1


def test_only_user_messages_count() -> None:
    system = Turn(role="system", texts=('mock:say "x"',))
    assistant = Turn(role="assistant", texts=('mock:say "y"',))
    assert find_script(prompt(system, user("hello"), assistant)) is None


def test_a_script_ends_with_the_answer_that_calls_no_tool() -> None:
    over = (user('mock:say "once"'), Turn(role="assistant", texts=("once",)), user("and now?"))
    assert find_script(prompt(*over)) is None
    running = (user("mock:tool Read {}"), CALL, RESULT, user("reminder of the client"))
    assert find_script(prompt(*running)) is not None


def test_then_separates_steps() -> None:
    script = find_script(prompt(user('mock:tool A {}\nmock:then\nmock:say "done"')))
    assert script is not None
    assert script.steps == ((Call("A", {}),), (Say("done"),))


def test_last_result_is_filled_in_everywhere() -> None:
    text = (
        'mock:tool Write {"a": {"b": ["<{{last_result}}>"]}, "n": 1}\n'
        'mock:say "got {{last_result}}"\nmock:tool T {"{{last_result}}": 0}'
    )
    script = find_script(prompt(CALL, RESULT, user(text)))
    assert script is not None
    assert script.steps[0] == (
        Call("Write", {"a": {"b": ['<he said "hi"\n>']}, "n": 1}),
        Say('got he said "hi"\n'),
        Call("T", {"{{last_result}}": 0}),
    )


def test_last_result_without_results_is_empty() -> None:
    script = find_script(prompt(user('mock:say "[{{last_result}}]"')))
    assert script is not None
    assert script.steps == ((Say("[]"),),)


@pytest.mark.parametrize(
    "line",
    [
        "mock:say hello",
        "mock:say",
        "mock:say 5",
        "mock:think {}",
        "mock:tool",
        "mock:tool Read [1]",
        "mock:tool Read {",
        "mock:usage {",
        'mock:usage {"other": 1}',
        'mock:usage {"input": 1.5}',
        'mock:usage {"input": true}',
        "mock:usage 3",
        'mock:usage {"input": -1}',
        'mock:usage {"input": 4611686018427387904}',
        'mock:say "\\ud800"',
        'mock:tool Read {"n": NaN}',
        'mock:tool Read {"n": 99999999999999999999}',
        "mock:say " + "[" * 100_000,
    ],
)
def test_unreadable_directives_are_named(line: str) -> None:
    with pytest.raises(DirectiveError, match=r"^mock:"):
        find_script(prompt(user(line)))
