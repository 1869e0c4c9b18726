"""Every command that is used wrongly ends with 2 and says so in one line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from codegate.cli import build, main
from tests.support.cli import Cli


def paths(command: Any, beginning: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that lead to it."""
    children = getattr(command, "commands", None)
    if not children:
        yield beginning, command
        return
    for name, child in children.items():
        yield from paths(child, (*beginning, name))


EVERY = list(paths(typer.main.get_command(build())))
NEEDY = [
    words
    for words, command in EVERY
    if any(p.required and p.param_type_name == "argument" for p in command.params)
]


def refused(arguments: tuple[str, ...], data_dir: Path) -> str:
    done = Cli(data_dir).run(*arguments)
    assert done.code == 2, (arguments, done)
    assert done.out == ""
    assert done.err.startswith(("codegate: ", "codegate mock: "))
    assert done.err.count("\n") == 1
    assert not data_dir.exists(), "wrong usage made something"
    return done.err


def test_there_are_commands_to_try() -> None:
    assert len(EVERY) > 35
    assert len(NEEDY) > 20


@pytest.mark.parametrize("words", [w for w, _ in EVERY], ids=" ".join)
def test_an_unknown_flag_is_named(words: tuple[str, ...], tmp_path: Path) -> None:
    assert "--no-such-flag" in refused((*words, "--no-such-flag"), tmp_path / "data")


@pytest.mark.parametrize("words", NEEDY, ids=" ".join)
def test_a_missing_argument_is_told(words: tuple[str, ...], tmp_path: Path) -> None:
    assert "issing argument" in refused(words, tmp_path / "data")


@pytest.mark.parametrize("words", [w for w, _ in EVERY], ids=" ".join)
def test_help_is_given(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["codegate", *words, "--help"])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "usage: " in capsys.readouterr().out.lower()


CUSTOM = ("--provider", "custom", "--base-url", "http://127.0.0.1:9", "--api-key", "k")
WRONG_VALUES = (
    ("serve", "--upstream", "foo"),
    ("serve", "--upstream", "nope=http://127.0.0.1:9"),
    ("serve", "--upstream", "openai_chat=notaurl"),
    ("serve", "--setting", "nope=1"),
    ("serve", "--interface", "foo"),
    ("serve", "--workers", "2"),
    ("accounts", "add", "x", "--api-key", "k"),
    ("accounts", "add", "x", "--provider", "nope"),
    ("accounts", "add", "x", *CUSTOM, "--rpm", "-1"),
    ("accounts", "add", "x", *CUSTOM, "--rpm", "9" * 21),
    ("accounts", "add", "x", *CUSTOM, "--rpm", "many"),
    ("accounts", "add", "x", *CUSTOM, "--priority", "9" * 21),
    ("accounts", "add", "x", *CUSTOM, "--timeout", "0"),
    ("accounts", "add", "x", *CUSTOM, "--monthly-budget", "abc"),
    ("accounts", "add", "x", *CUSTOM, "--monthly-budget", "9" * 21),
    ("accounts", "add", "x", *CUSTOM, "--format", "zz"),
    ("accounts", "add", "x y", *CUSTOM),
    ("configs", "add", "c", "--strategy", "zz"),
    ("configs", "add", "c", "--tier", "zz=x"),
    ("settings", "set", "nope", "1"),
    ("settings", "set", "proxy_rpm", "x"),
    ("settings", "set", "proxy_rpm", "9" * 21),
    ("settings", "get", "nope"),
    ("aliases", "set", "", "x"),
    ("guardrails", "enable", "foo"),
    ("limits", "set", "gpt", "--max-output", "9" * 21),
    ("prices", "set", "m", "--input", "-1", "--output", "1"),
    ("prices", "set", "m", "--input", "9" * 21, "--output", "1"),
    ("route", "explain", "m", "--format", "zz"),
    ("logs", "--status", "foo"),
    ("logs", "--status", "4x"),
)


@pytest.mark.parametrize("words", WRONG_VALUES, ids=" ".join)
def test_a_wrong_value_is_wrong_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    done = Cli(tmp_path / "data").run(*words)
    assert done.code == 2, done
    assert done.out == ""
    assert done.err.startswith("codegate: ")
    assert done.err.count("\n") == 1
    assert "defect" not in done.err


@pytest.mark.parametrize(
    "words", [("accounts", "show", "nobody"), ("configs", "show", "nothing")], ids=" ".join
)
def test_what_is_missing_is_no_wrong_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    assert Cli(tmp_path / "data").run(*words).code == 1
