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
