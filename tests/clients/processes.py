"""Starts programs in their own process group, with nothing of the caller's environment.

Output is kept with the time at which each piece came, so that a scenario can tell a streamed
answer from one that came in a single piece.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_READ_BYTES = 65536
_STOP_GRACE_S = 5.0
_SHOWN_CHARACTERS = 800


class ProcessError(Exception):
    """A program did not start, did not become ready, or did not end in its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Bytes as one read of the pipe gave them, and when (monotonic seconds)."""

    at_s: float
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that ended by itself."""

    code: int
    pieces: tuple[Piece, ...]
    errors: str
    duration_s: float

    @property
    def output(self) -> str:
        """All of standard output."""
        return b"".join(piece.data for piece in self.pieces).decode("utf-8", "replace")

    def lines(self) -> list[tuple[float, str]]:
        """Each complete line of standard output with the time at which its last byte came."""
        found: list[tuple[float, str]] = []
        rest = b""
        for piece in self.pieces:
            *whole, rest = (rest + piece.data).split(b"\n")
            found += [(piece.at_s, line.decode("utf-8", "replace")) for line in whole]
        if rest and self.pieces:
            found.append((self.pieces[-1].at_s, rest.decode("utf-8", "replace")))
        return found


class _Collector(threading.Thread):
    def __init__(self, source: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._source = source
        self.pieces: list[Piece] = []

    def run(self) -> None:
        descriptor = self._source.fileno()
        while data := os.read(descriptor, _READ_BYTES):
            self.pieces.append(Piece(at_s=time.monotonic(), data=data))

    def text(self) -> str:
        return b"".join(piece.data for piece in tuple(self.pieces)).decode("utf-8", "replace")


class Running:
    """A started program; leaving the ``with`` block ends its whole process group."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        folder: Path,
        stdin: bytes = b"",
    ) -> None:
        self.argv = [str(part) for part in argv]
        self.started_s = time.monotonic()
        try:
            self._process = subprocess.Popen(
                self.argv,
                env=dict(env),
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ProcessError(f"cannot start {self.argv[0]}: {error.strerror}") from error
        if self._process.stdin is None or self._process.stdout is None:
            raise ProcessError(f"cannot start {self.argv[0]}: no pipes")
        if self._process.stderr is None:
            raise ProcessError(f"cannot start {self.argv[0]}: no pipes")
        self._out = _Collector(self._process.stdout)
        self._err = _Collector(self._process.stderr)
        self._out.start()
        self._err.start()
        # A client that waits for the end of its input must see it at once.
        try:
            self._process.stdin.write(stdin)
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def said(self) -> str:
        """Standard output and standard error so far."""
        return self._out.text() + self._err.text()

    def finish(self, timeout_s: float) -> Finished:
        """Waits for the program to end by itself."""
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.stop()
            raise ProcessError(
                f"{Path(self.argv[0]).name} did not end within {timeout_s:g} s; it said: "
                f"{self.said[-_SHOWN_CHARACTERS:]}"
            ) from None
        ended_s = time.monotonic()
        # What a client leaves behind must not outlive it, nor hold the pipes open.
        self.stop()
        return Finished(
            code=code,
            pieces=tuple(self._out.pieces),
            errors=self._err.text(),
            duration_s=ended_s - self.started_s,
        )

    def wait_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Returns once ``is_ready`` says so."""
        deadline_s = time.monotonic() + timeout_s
        while not is_ready():
            if self._process.poll() is not None:
                self._err.join(1.0)
                raise ProcessError(
                    f"{' '.join(self.argv)} ended at once: {self.said[-_SHOWN_CHARACTERS:]}"
                )
            if time.monotonic() > deadline_s:
                raise ProcessError(
                    f"{' '.join(self.argv)} was not ready within {timeout_s:g} s: "
                    f"{self.said[-_SHOWN_CHARACTERS:]}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the whole process group, first politely."""
        for kind in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, kind)
            except ProcessLookupError:
                break
            try:
                self._process.wait(_STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                continue
        self._out.join(1.0)
        self._err.join(1.0)


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    folder: Path,
    stdin: bytes = b"",
    timeout_s: float,
) -> Finished:
    """Runs a program to its end."""
    with Running(argv, env=env, folder=folder, stdin=stdin) as running:
        return running.finish(timeout_s)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
