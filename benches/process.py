"""Processes under measurement: placement on one core, a port of their own, CPU time and memory of
the whole tree, and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_LISTEN = "0A"
_CPUCLOCK_SCHED = 2
_STOP_S = 5.0


class BenchError(Exception):
    """A run cannot go on; the text is one line for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of a process tree, in KiB."""

    rss_kib: int
    anonymous_kib: int
    peak_kib: int


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Children started inside inherit `core` as their only one."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def find(program: str) -> str | None:
    """Where a program is; servers are installed in sbin, which an ordinary user's path lacks."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")


def free_port() -> int:
    """A loopback port with no listener of any kind.

    A bind alone would not tell: a server with SO_REUSEPORT shares its port silently.
    """
    for _ in range(50):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if not _listeners(port):
            return port
    raise BenchError("no free port on 127.0.0.1")


def _listeners(port: int) -> set[str]:
    """Inodes of the sockets that listen on `port`, on any address."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the state on (field 3 of proc(5) comes first)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


class Server:
    """One server in a session of its own, pinned to one core."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int,
        log: Path,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> None:
        self._log = log
        with pinned(core), log.open("ab") as sink:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink if stdout is None else stdout,
                stderr=sink,
                env=env,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def pids(self) -> set[int]:
        """The living members of the tree: descendants, and whoever shares the session."""
        parents: dict[int, int] = {}
        found = set()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = _stat(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[0] == "Z" and int(entry.name) != self.pid:
                continue
            parents[int(entry.name)] = int(fields[1])
            if int(fields[3]) == self.pid:
                found.add(int(entry.name))
        for pid in parents:
            ancestor = pid
            while ancestor not in (0, self.pid):
                ancestor = parents.get(ancestor, 0)
            if ancestor == self.pid:
                found.add(pid)
        return found

    def cpu_ns(self) -> int:
        """User and system time of the tree so far, children that have ended included."""
        total = 0
        for pid in self.pids():
            try:
                fields = _stat(pid)
                # The process clock is utime + stime without their rounding to 10 ms.
                total += time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
            except OSError:
                continue
            total += (int(fields[13]) + int(fields[14])) * _TICK_NS
        return total

    def memory(self) -> Memory:
        """Sums over the tree."""
        sums = {"VmRSS": 0, "RssAnon": 0, "VmHWM": 0}
        for pid in self.pids():
            try:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            except (FileNotFoundError, ProcessLookupError):
                continue
            for line in lines:
                name, _, value = line.partition(":")
                if name in sums:
                    sums[name] += int(value.split()[0])
        return Memory(rss_kib=sums["VmRSS"], anonymous_kib=sums["RssAnon"], peak_kib=sums["VmHWM"])

    def anonymous_kib_each(self) -> list[int]:
        """Private memory of each process of the tree."""
        found = []
        for pid in self.pids():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                found += [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
        return found

    def wait_ready(self, port: int, is_ready: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Returns once `is_ready` holds and every listener on `port` belongs to this tree."""
        end = time.monotonic() + timeout_s
        while not is_ready():
            if self.process.poll() is not None:
                raise BenchError(f"ended with {self.process.returncode}: {self.log_tail()}")
            if time.monotonic() > end:
                raise BenchError(f"not ready within {timeout_s:.0f} s: {self.log_tail()}")
            time.sleep(0.02)
        foreign = _listeners(port) - self._socket_inodes()
        if foreign:
            raise BenchError(f"port {port} is shared with a process of somebody else")

    def _socket_inodes(self) -> set[str]:
        inodes: set[str] = set()
        for pid in self.pids():
            try:
                links = [os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()]
            except OSError:
                continue
            inodes.update(link[8:-1] for link in links if link.startswith("socket:["))
        return inodes

    def log_tail(self) -> str:
        """The end of what the server printed, on one line."""
        lines = self._log.read_text(errors="replace").split("\n")[-12:]
        return " | ".join(line.strip() for line in lines if line.strip()) or "no output"

    def stop(self) -> None:
        """Ends the whole tree; afterwards no member is left."""
        members = _births(self.pids())
        _signal(signal.SIGTERM, {self.pid: members.get(self.pid, "")})
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_S)
        members |= _births(self.pids())
        _signal(signal.SIGKILL, members)
        self.process.wait(_STOP_S)
        end = time.monotonic() + _STOP_S
        while any(_is_running(pid, birth) for pid, birth in members.items()):
            if time.monotonic() > end:
                raise BenchError(f"a process of {self.process.args!r} does not end")
            time.sleep(0.01)


def _births(pids: set[int]) -> dict[int, str]:
    """The start time of each process that is still there: a number may be given away, this not."""
    births = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            births[pid] = _stat(pid)[19]
    return births


def _signal(number: signal.Signals, births: Mapping[int, str]) -> None:
    for pid, birth in births.items():
        with contextlib.suppress(OSError):
            if _is_running(pid, birth):
                os.kill(pid, number)


def _is_running(pid: int, birth: str) -> bool:
    try:
        fields = _stat(pid)
    except OSError:
        return False
    return fields[19] == birth and fields[0] not in "ZX"
