"""Private files: whole or not at all, whatever fails on the way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codegate.errors import ConfigError
from codegate.storage.files import create_private, exclusive, hold, read_private, replace_private

CALLS = ("open", "fsync", "link", "replace", "rename", "fdopen")


class Failing:
    """Makes the n-th of some system calls fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrapped(getattr(os, name)))

    def _wrapped(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                raise OSError(28, "No space left on device")
            return real(*args, **options)

        return call


@pytest.mark.parametrize("at", range(1, 9))
def test_f74_a_file_is_old_or_new_when_a_call_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "key"
    replace_private(path, "old")
    with monkeypatch.context() as patched:
        failing = Failing(patched, at)
        try:
            replace_private(path, "new")
            has_failed = False
        except ConfigError:
            has_failed = True
    assert has_failed == (failing.left <= 0)
    assert path.read_text() in ({"old", "new"} if has_failed else {"new"})
    assert list(tmp_path.iterdir()) == [path], "nothing is left behind"


@pytest.mark.parametrize("at", range(1, 7))
def test_f74_a_new_file_is_whole_or_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    path = tmp_path / "key"
    with monkeypatch.context() as patched:
        Failing(patched, at)
        with contextlib.suppress(ConfigError):
            create_private(path, "x" * 64)
    assert not path.exists() or path.read_text() == "x" * 64
    assert {p.name for p in tmp_path.iterdir()} <= {"key"}


def test_the_first_writer_wins(tmp_path: Path) -> None:
    assert create_private(tmp_path / "key", "first")
    assert not create_private(tmp_path / "key", "second")
    assert read_private(tmp_path / "key") == "first"


def test_a_held_lock_is_refused_to_others_until_it_is_closed(tmp_path: Path) -> None:
    first = hold(tmp_path / "lock")
    assert first is not None
    assert hold(tmp_path / "lock") is None
    os.close(first)
    second = hold(tmp_path / "lock")
    assert second is not None
    os.close(second)
    with exclusive(tmp_path / "lock"):
        assert hold(tmp_path / "lock") is None


def test_a_pipe_in_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(ConfigError, match="is not a file"):
        read_private(tmp_path / "key")
