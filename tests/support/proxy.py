"""A real `codegate serve` on a fresh port, and what must hold after each use of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support import interface

READY_S = 20.0
FORBIDDEN = ("Traceback", "panicked", "Task was destroyed", "never awaited")
UPSTREAM_KEY = "sk-canary-upstream-7f3a9c51e2"

# Below those that the system takes for outgoing connections and for port 0.
_PORTS = (20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to nobody who asks for any."""
    while True:
        port = random.randrange(*_PORTS)
        if port in _given:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses every connection, and that nobody else can take meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def wait_until(condition: Callable[[], bool], timeout_s: float = 5.0, what: str = "") -> None:
    """Poll ``condition`` until it holds; fail with ``what`` otherwise."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s} s: {what or condition}")
        time.sleep(0.005)


class Proxy:
    """A running proxy. ``key`` opens it; ``log`` is what it wrote to standard error so far."""

    def __init__(
        self,
        data_dir: Path,
        *,
        upstreams: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        upstream_key: str = UPSTREAM_KEY,
        wait: bool = True,
        before: Sequence[str] = (),
    ) -> None:
        """``before`` are the words of a command that runs the proxy's own."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data_dir = data_dir
        self.upstream_key = upstream_key
        argv = [
            *before,
            *(sys.executable, "-m", "codegate", "serve", "--host", "127.0.0.1"),
            *("--proxy-port", str(self.port), "--data-dir", str(data_dir)),
        ]
        for upstream in upstreams:
            argv += ["--upstream", upstream]
        if upstreams:
            argv += ["--upstream-key-env", "CODEGATE_TEST_UPSTREAM_KEY"]
        # Many tests read what each exchange left in the log, not only the failed ones.
        for name, value in {"access_log": "on", **(settings or {})}.items():
            argv += ["--setting", f"{name}={value}"]
        argv += args
        self.argv = argv
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(data_dir.parent),
            "PYTHONWARNINGS": "default",
            "CODEGATE_TEST_UPSTREAM_KEY": upstream_key,
            "INTERFACE": interface.chosen(),
            **(env or {}),
        }
        self.process = subprocess.Popen(
            argv,
            env=environment,
            cwd=data_dir.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._log: list[str] = []
        self._out: list[str] = []
        self._readers = [
            threading.Thread(target=self._collect, args=(self.process.stderr, self._log)),
            threading.Thread(target=self._collect, args=(self.process.stdout, self._out)),
        ]
        for reader in self._readers:
            reader.daemon = True
            reader.start()
        if wait:
            self._wait_ready()

    @staticmethod
    def _collect(stream: Any, into: list[str]) -> None:
        for raw in stream:
            into.append(raw.decode("utf-8", "replace"))

    def _wait_ready(self) -> None:
        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the proxy ended: {self.log or self.out}")
            with contextlib.suppress(OSError):
                return self.get("/readyz")[0] == 200
            return False

        wait_until(ready, READY_S, "the proxy to be ready")

    @property
    def key(self) -> str:
        """The local proxy key."""
        return (self.data_dir / "proxy-key").read_text().strip()

    @property
    def log(self) -> str:
        """Standard error so far."""
        return "".join(self._log)

    @property
    def log_count(self) -> int:
        """Lines on standard error so far."""
        return len(self._log)

    def log_lines(self, start: int = 0) -> list[str]:
        """The lines on standard error from the ``start``-th on."""
        return self._log[start:]

    @property
    def out(self) -> str:
        """Standard output so far."""
        return "".join(self._out)

    def get(self, path: str, timeout_s: float = 5.0) -> tuple[int, bytes]:
        """GET without a key: status and body."""
        from tests.support.raw import request

        answer = request(self.port, "GET", path, timeout_s=timeout_s)
        return answer.status, answer.body

    def health(self) -> dict[str, Any]:
        """The ``/health`` document."""
        value: dict[str, Any] = json.loads(self.get("/health")[1])
        return value

    def exchanges(self) -> list[dict[str, Any]]:
        """The structured lines of finished exchanges, in order."""
        lines = (json.loads(line) for line in self.log.splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("logger") == "codegate.exchange"]

    def wait_exchanges(self, count: int, timeout_s: float = 5.0) -> list[dict[str, Any]]:
        """Wait until exactly ``count`` exchanges were logged, and return them (I4)."""
        wait_until(
            lambda: len(self.exchanges()) >= count, timeout_s, f"{count} exchange lines in the log"
        )
        time.sleep(0.3)  # one more flush interval: a line too many would show by now
        found = self.exchanges()
        assert len(found) == count, found
        return found

    def workers(self) -> list[int]:
        """Process ids of the server's workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def worker(self) -> int:
        """The one worker's process id."""
        (pid,) = self.workers()
        return pid

    def descriptors(self) -> int:
        """Open file descriptors of the worker."""
        return len(os.listdir(f"/proc/{self.worker()}/fd"))

    def rss_anon_kib(self) -> int:
        """Private memory of the worker."""
        status = Path(f"/proc/{self.worker()}/status").read_text()
        return next(int(x.split()[1]) for x in status.splitlines() if x.startswith("RssAnon"))

    def cpu_s(self) -> float:
        """User and system time of the worker."""
        fields = Path(f"/proc/{self.worker()}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def settle(self) -> None:
        """Wait until every line of exchanges that have ended is read."""
        self.get("/metrics")  # also writes the lines that wait
        seen = -1
        while seen != self.log_count:
            seen = self.log_count
            time.sleep(0.02)

    def wait_idle(self, timeout_s: float = 2.0) -> None:
        """I2: nothing is under way any more."""
        wait_until(lambda: self.health()["exchanges"] == 0, timeout_s, "no exchange under way")

    def signal(self, number: int) -> None:
        """Send a signal to the parent process."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 15.0) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(timeout_s)
        for reader in self._readers:
            reader.join(5)
        return code

    def stop(self) -> None:
        """End the process group and check what must never be in a log (I5, I8)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def check_log(self) -> None:
        """I5 and I8: no secret and no sign of a defect in what was written."""
        written = self.log
        for word in FORBIDDEN:
            assert word not in written, written[-4000:]
        secrets = [self.upstream_key]
        with contextlib.suppress(OSError):
            secrets.append(self.key)
        for secret in secrets:
            assert secret not in written, "a secret is in the log"


@contextlib.contextmanager
def running(data_dir: Path, **options: Any) -> Iterator[Proxy]:
    """A proxy for the length of a block; its log is checked at the end."""
    proxy = Proxy(data_dir, **options)
    try:
        yield proxy
        proxy.wait_idle()
    finally:
        proxy.stop()
    proxy.check_log()
