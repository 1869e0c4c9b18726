"""Runs the command line as a person or a script does."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from codegate.cli import main


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


class Cli:
    """Commands on one data directory."""

    def __init__(self, data_dir: Path, env: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(data_dir.parent),
            "DATA_DIR": str(data_dir),
            **(env or {}),
        }

    def run(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
        """Run ``codegate`` in this process, which is ten times as quick as in its own."""
        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            mock.patch.dict(os.environ, {**self.env, **(env or {})}, clear=True),
            mock.patch.object(sys, "argv", ["codegate", *arguments]),
            mock.patch.object(sys, "stdin", io.StringIO(stdin)),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return checked(Done(code=code, out=out.getvalue(), err=err.getvalue()))

    def run_process(
        self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> Done:
        """Run ``codegate`` as a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "codegate", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env={**self.env, **(env or {})},
            check=False,
            timeout=30,
        )
        return checked(Done(code=done.returncode, out=done.stdout, err=done.stderr))

    def ok(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> Done:
        """Run a command that has to succeed."""
        done = self.run(*arguments, stdin=stdin, env=env)
        assert done.code == 0, done
        return done


def checked(done: Done) -> Done:
    """Errors are one line beside log lines, and never a traceback."""
    assert "Traceback" not in done.err, done.err
    lines = [line for line in done.err.splitlines() if not line.startswith("{")]
    if done.code:
        assert len(lines) <= 1, done.err
    return done
