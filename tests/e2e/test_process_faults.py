"""F88, F91 and start-up: defects cost one request, wrong starts cost one line."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error, nothing_left, wait_rows
from tests.support.proxy import FORBIDDEN, Proxy, free_port, wait_until
from tests.support.raw import call

Start = Callable[..., Proxy]

SABOTAGE = '''
"""Run the command line with a defect built in: what `model` names goes wrong."""
import sys
from codegate import native
from codegate.proxy import lifecycle

MODE = sys.argv.pop(1)
parse = native.Request.parse
Client = native.Client


class Request:
    @staticmethod
    def parse(wire_format, parts):
        if b"trip" in b"".join(parts):
            if MODE == "panic":
                native.panic_probe()
            if MODE == "memory":
                raise MemoryError
            if MODE == "bug":
                raise KeyError("cgk-canary-in-an-exception")
        return parse(wire_format, parts)


class Namespace:
    def __getattr__(self, name):
        return getattr(native, name)


answer = lifecycle._answer


async def trip_or_answer(services, exchange, request, *rest):
    if MODE == "task" and request.model == "trip":
        await native.panic_probe(services.bridge)
    return await answer(services, exchange, request, *rest)


lifecycle._answer = trip_or_answer
namespace = Namespace()
namespace.Request = Request
lifecycle.native = namespace
from codegate.cli import main
sys.exit(main())
'''


@pytest.fixture
def sabotaged(
    tmp_path: Path, start_proxy: Start, mock: ThreadedMock, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Proxy]:
    """Starts a proxy with the named defect."""
    program = tmp_path / "sabotage.py"
    program.write_text(SABOTAGE)
    popen = subprocess.Popen

    def start(mode: str) -> Proxy:
        def replaced(argv: list[str], **options: object) -> object:
            assert argv[1:3] == ["-m", "codegate"]
            return popen([argv[0], str(program), mode, *argv[3:]], **options)  # type: ignore[call-overload]

        with monkeypatch.context() as patch:
            patch.setattr("tests.support.proxy.subprocess.Popen", replaced)
            upstreams = [f"{name}={mock.url}" for name in ("anthropic_messages", "openai_chat")]
            return start_proxy(upstreams=upstreams)

    return start


@pytest.mark.parametrize("mode", ["panic", "task", "memory", "bug"])
def test_f88_a_defect_costs_one_request(sabotaged: Callable[[str], Proxy], mode: str) -> None:
    proxy = sabotaged(mode)
    worker = proxy.worker()
    for wire_format in ("anthropic_messages", "openai_chat"):
        for stream in (False, True):
            with nothing_left(proxy):
                answer = call(proxy.port, proxy.key, wire_format, "trip", stream=stream)
                message = check_error(answer, wire_format, 500, "internal_error")
                assert "log" in message
                assert answer.header("x-should-retry") == "false"
                good = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
                assert good.status == 200
    assert proxy.worker() == worker, "the worker was replaced"
    rows = [row for row in proxy.wait_exchanges(8) if row["status"] == 500]
    assert len(rows) == 4
    assert {row["error_code"] for row in rows} == {"internal_error"}
    found = [json.loads(line) for line in proxy.log.splitlines()]
    defects = [line for line in found if line["level"] == "error"]
    assert {line["request_id"] for line in defects} == {row["request_id"] for row in rows}
    kinds = {"panic": "PanicException", "task": "RuntimeError", "memory": "MemoryError"}
    assert all(line["error"].startswith(kinds.get(mode, "KeyError")) for line in defects)
    assert "canary" not in proxy.log, "an exception's text is in the log"


def test_f88_a_killed_worker_is_replaced(
    start_proxy: Start, mock: ThreadedMock, wire_format: str
) -> None:
    proxy = start_proxy(upstreams=[f"{wire_format}={mock.url}"])
    assert call(proxy.port, proxy.key, wire_format, "mock-large", stream=True).status == 200
    first = proxy.worker()
    os.kill(first, signal.SIGKILL)
    started = time.monotonic()
    # The listener is the parent's: who connects meanwhile waits instead of being refused.
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=True, timeout_s=10)
    assert answer.status == 200
    assert time.monotonic() - started < 10
    wait_until(lambda: proxy.workers() != [first], 5, "another worker")
    for line in proxy.log.splitlines():
        json.loads(line)
    wait_until(lambda: len(proxy.workers()) == 1, 10, "one worker")
    proxy.signal(signal.SIGTERM)
    proxy.wait()


def run(*argv: str, **env: str) -> tuple[int, str, str, float]:
    """Run the command line to its end: code, standard output, standard error, seconds."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "codegate", *argv],
        env={"PATH": os.defpath, **env},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr, time.monotonic() - started


def check_one_line(error: str) -> None:
    """One line, ours, with no sign of where in the program it came from."""
    assert error.startswith("codegate: "), error
    assert error.count("\n") == 1, error
    for word in (*FORBIDDEN, ".py"):
        assert word not in error


def test_f91_a_taken_port_is_named(shared_proxy: Proxy, tmp_path: Path) -> None:
    port = str(shared_proxy.port)
    code, out, error, seconds = run(
        "serve", "--proxy-port", port, "--data-dir", str(tmp_path / "data")
    )
    assert code == 1
    assert out == ""
    check_one_line(error)
    assert port in error
    assert "--proxy-port" in error
    assert seconds < 10
    assert shared_proxy.get("/livez")[0] == 200


def test_f91_a_second_start_with_the_demo_leaves_nothing(
    shared_proxy: Proxy, tmp_path: Path
) -> None:
    port = str(shared_proxy.port)
    code, _, error, _ = run(
        *("serve", "--demo", "--proxy-port", port, "--data-dir", str(tmp_path / "data")),
        CODEGATE_TEST_MARK=str(tmp_path),
    )
    assert code == 1
    check_one_line(error)
    assert not marked(str(tmp_path)), "the demo provider was left running"


def marked(mark: str) -> list[str]:
    """The processes that have ``mark`` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "environ").read_bytes():
                found.append(process.name)
    return found


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid", "::bad"])
def test_f91_an_address_that_is_not_ours(tmp_path: Path, host: str) -> None:
    code, _, error, _ = run(
        *("serve", "--host", host, "--proxy-port", str(free_port())),
        *("--data-dir", str(tmp_path / "data")),
    )
    assert code == 1
    check_one_line(error)
    assert host in error


@pytest.mark.parametrize("kind", ["file", "read-only", "below-a-file"])
def test_f75_a_data_directory_that_cannot_be_used(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "read-only":
        if os.geteuid() == 0:
            place = Path("/proc/codegate-data")
        else:
            place.mkdir(mode=0o500)
    else:
        place.write_text("")
        place = place if kind == "file" else place / "data"
    code, _, error, seconds = run(
        "serve", "--proxy-port", str(free_port()), "--data-dir", str(place)
    )
    assert code == 1
    check_one_line(error)
    assert str(place) in error
    assert "--data-dir" in error or "check its owner" in error
    assert seconds < 10


def test_few_descriptors_are_said_at_the_start(
    tmp_path: Path, start_proxy: Start, mock: ThreadedMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen

    def limited(argv: list[str], **options: object) -> object:
        shell = ["/bin/sh", "-c", 'ulimit -n 256 && exec "$@"', "sh", *argv]
        return popen(shell, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr("tests.support.proxy.subprocess.Popen", limited)
        proxy = start_proxy(upstreams=[f"openai_chat={mock.url}"])
    wait_until(lambda: "few file descriptors" in proxy.log)
    warnings = [json.loads(line) for line in proxy.log.splitlines()]
    (warning,) = [line for line in warnings if line["level"] == "warning"]
    assert warning["limit"] == 256
    assert warning["wanted"] > 256


def test_one_row_for_each_request_after_many(
    shared_proxy: Proxy, wire_format: str, stream: bool
) -> None:
    model = f"mock-rows-{wire_format}-{stream}"
    for _ in range(20):
        call(shared_proxy.port, shared_proxy.key, wire_format, model, stream=stream)
    found = wait_rows(shared_proxy, model, 20)
    assert len({row["request_id"] for row in found}) == 20
