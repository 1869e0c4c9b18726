"""What a running proxy shows of its accounts, and what is believed of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from codegate.accounts.published import FILE_NAME, Published, publish, published, withdraw

SHOWN = {
    "a": Published(
        state="cooling",
        reason="status_429",
        until_ms=int(time.time() * 1000) + 86_400_000,
        faults=2,
        updated_ms=7,
        keys=(Published(state="needs_login", reason="status_401"), Published(state="healthy")),
    ),
    "b": Published(state="healthy"),
}


def test_what_is_shown_is_read_back(tmp_path: Path) -> None:
    assert published(tmp_path) is None
    publish(tmp_path, SHOWN)
    assert published(tmp_path) == SHOWN
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    withdraw(tmp_path)
    assert published(tmp_path) is None
    withdraw(tmp_path)


def test_a_cooldown_that_has_ended_is_a_probe_to_come(tmp_path: Path) -> None:
    publish(tmp_path, {"a": Published(state="cooling", until_ms=1, reason="reset")})
    found = published(tmp_path)
    assert found is not None
    assert (found["a"].state, found["a"].until_ms, found["a"].reason) == ("probing", None, "reset")


def test_what_a_killed_proxy_left_is_not_believed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    publish(tmp_path, SHOWN)
    document = json.loads((tmp_path / FILE_NAME).read_text())
    document["pid"] = gone.pid
    (tmp_path / FILE_NAME).write_text(json.dumps(document))
    assert published(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid":"x"}', '{"pid":1,"accounts":[1]}'])
def test_what_cannot_be_read_shows_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    assert published(tmp_path) is None
