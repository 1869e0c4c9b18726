"""What `make` says when it cannot go on: one sentence of ours, and nothing is built."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegate.storage.files import hold
from tests.arch.tree import ROOT

BASICS = ("bash", "env", "sed", "cut", "sort", "head", "dirname", "grep", "find", "true", "make")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH with everything that is needed but a Rust toolchain and a C compiler."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in BASICS:
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    (folder / "python3").symlink_to(sys.executable)
    return folder


def program(path: Path, text: str) -> None:
    """An executable shell script."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def check_tools(tools: Path) -> str:
    """What `scripts/check-tools` says."""
    done = subprocess.run(
        [ROOT / "scripts" / "check-tools"],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_machine_with_every_tool_is_told_nothing(tools: Path) -> None:
    program(tools / "cargo", "echo cargo 1.100.0 '(abc 2026-11-01)'")
    program(tools / "cc", "")
    assert check_tools(tools) == ""


@pytest.mark.parametrize(
    ("cargo", "said"),
    [
        (None, "needs a Rust toolchain"),
        ("echo no default is configured >&2; exit 1", "needs a Rust toolchain"),
        ("echo cargo 1.9.0", "found 1.9.0"),
        ("echo cargo 1.100.0", "needs a C compiler"),
    ],
    ids=["none", "without a toolchain", "too old", "no compiler"],
)
def test_a_missing_tool_is_named_in_one_line(tools: Path, cargo: str | None, said: str) -> None:
    if cargo is not None:
        program(tools / "cargo", cargo)
    told = check_tools(tools)
    assert told.count("\n") == 1
    assert said in told


def test_a_missing_python_is_named_first(tools: Path) -> None:
    (tools / "python3").unlink()
    assert check_tools(tools).startswith("CodeGate needs Python")


def found_python(path: Path, **chosen: str) -> str:
    """The name of the Python that `scripts/find-python` takes with ``path`` as PATH."""
    done = subprocess.run(
        [ROOT / "scripts" / "find-python"],
        env={"PATH": str(path), **chosen},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return Path(done.stdout.strip()).name


def test_the_newest_optimized_python_is_taken(tools: Path) -> None:
    plain = 'case "$2" in *CONFIG_ARGS*) exit 1;; esac'
    (tools / "python3").unlink()
    program(tools / "python3.13", plain)
    program(tools / "python3.12", "exit 1")
    assert found_python(tools) == "python3.13"
    program(tools / "python3.12", "exit 0")
    program(tools / "python3.11", "exit 0")
    assert found_python(tools) == "python3.12"
    assert found_python(tools, PYTHON="python3.13") == "python3.13"
    assert found_python(tools, PYTHON="python3.14") == "python3.12"


def test_make_says_it_once_and_builds_nothing(tools: Path, tmp_path: Path) -> None:
    place = tmp_path / "clone"
    place.mkdir()
    for name in (
        "Makefile",
        "Cargo.toml",
        "Cargo.lock",
        "pyproject.toml",
        "scripts",
        "requirements",
    ):
        (place / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["make", "run"],
        cwd=place,
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert "needs a Rust toolchain" in done.stderr
    assert not (place / ".venv").exists()


def test_a_running_proxy_is_told_from_a_stopped_one(tmp_path: Path) -> None:
    def said() -> str:
        done = subprocess.run(
            [ROOT / "scripts" / "check-idle"],
            env={"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout + done.stderr

    assert said() == ""
    lock = hold(tmp_path / "serve.lock")
    assert lock is not None
    assert said().count("\n") == 1
    assert "runs already" in said()
    os.close(lock)
    assert said() == ""
