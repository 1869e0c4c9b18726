"""The server in its three forms: in a loop, in a thread, as a process; and its journal."""

import asyncio
import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from codegate.mock import MockProvider, Options, ThreadedMock, run_in_thread
from codegate.mock.connection import _is_loopback
from codegate.mock.serve import read_options
from tests.unit.mock.raw import CHAT_BODY, CHAT_HEADERS, RawClient, chat, get, request_bytes

BODY = json.dumps(CHAT_BODY).encode()


def test_in_a_loop() -> None:
    async def main() -> None:
        async with MockProvider() as provider:
            reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
            writer.write(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, BODY))
            assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
            await provider.wait_for(lambda: len(provider.requests) == 1)
            assert provider.connections_open == 1
            writer.close()
            await writer.wait_closed()
            await provider.wait_for(lambda: provider.connections_open == 0)
            assert provider.connections_total == 1
            with pytest.raises(TimeoutError):
                await provider.wait_for(lambda: False, timeout=0.01)

    asyncio.run(main())


def test_stop_cuts_what_is_running() -> None:
    async def main() -> None:
        provider = MockProvider()
        provider.fault = "hang"
        await provider.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", provider.port)
        writer.write(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, BODY))
        await provider.wait_for(lambda: len(provider.requests) == 1)
        await provider.stop()
        assert provider.requests[0].outcome == "stopped"
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1
        await provider.stop()

    asyncio.run(main())


def test_a_taken_port_is_told(mock: ThreadedMock) -> None:
    with pytest.raises(OSError, match="in use"), run_in_thread(Options(port=mock.port)):
        pass


def test_in_a_thread(mock: ThreadedMock) -> None:
    names = [thread.name for thread in threading.enumerate()]
    assert "mock-provider" in names
    with pytest.raises(TimeoutError):
        mock.wait_until(lambda: False, timeout=0.01)


def test_the_thread_ends() -> None:
    before = set(threading.enumerate())
    with run_in_thread():
        assert set(threading.enumerate()) > before
    assert set(threading.enumerate()) == before


def test_journal_entry(mock: ThreadedMock) -> None:
    headers = {"X-Test": "a", "x-test": "b"}
    response = chat(mock, stream=True, model="fault:pace-0", headers=headers)
    mock.wait_until(lambda: mock.requests[0].outcome == "answered")
    (entry,) = mock.requests
    assert (entry.method, entry.target, entry.status) == ("POST", "/v1/chat/completions", 200)
    assert [value for name, value in entry.headers if name == "x-test"] == ["a", "b"]
    assert entry.header("x-test") == "a"
    assert entry.header("absent") is None
    assert entry.body is not None
    assert entry.body_sha256 == hashlib.sha256(entry.body).hexdigest()
    assert entry.json() == {**CHAT_BODY, "stream": True, "model": "fault:pace-0"}
    assert (entry.format, entry.model) == ("openai_chat", "fault:pace-0")
    assert (entry.is_streaming, entry.fault) == (True, "pace-0")
    assert entry.usage is not None
    assert entry.usage["input"] == -(-entry.body_bytes // 4)
    assert entry.events == len(response.events())
    assert entry.ended_at is not None
    assert entry.ended_at >= entry.at
    assert entry.closed_at is None
    assert not entry.client_closed_early


def test_journal_is_bounded() -> None:
    with run_in_thread(Options(journal_size=2, journal_bodies=10)) as mock:
        for _ in range(3):
            chat(mock)
        assert [entry.number for entry in mock.journal] == [2, 3]
        assert mock.journal.count == 3
        assert mock.journal[0].body is None
        with pytest.raises(ValueError, match="over the journal's limit"):
            mock.journal[0].json()


def test_journal_file(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with run_in_thread(Options(journal_file=file)) as mock:
        chat(mock)
        chat(mock, model="fault:status-500")
        mock.wait_until(lambda: [e.outcome for e in mock.journal] == ["answered"] * 2)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, 500]
    assert lines[1]["fault"] == "status-500"
    assert "body" not in lines[0]
    assert file.stat().st_mode & 0o777 == 0o600


def test_bodies_that_are_not_text(mock: ThreadedMock) -> None:
    with RawClient(mock) as client:
        client.send(request_bytes("POST", "/v1/chat/completions", CHAT_HEADERS, b"\xff"))
        assert client.read_response().status == 400
    (entry,) = json.loads(get(mock, "/_mock/journal?bodies=1").body)
    assert entry["body_base64"] == "/w=="


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        (("127.0.0.1", 5), True),
        (("::1", 5, 0, 0), True),
        (("10.0.0.1", 5), False),
        (("name", 5), False),
        ("", False),
        (None, False),
    ],
)
def test_who_is_local(peer: object, local: bool) -> None:
    assert _is_loopback(peer) is local


def test_as_a_process(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    command = [sys.executable, "-m", "codegate.mock", "--journal", str(journal), "--pace", "1"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{url}/health") as answer:  # noqa: S310
            assert json.load(answer) == {"status": "ok"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""
    assert len(journal.read_text().splitlines()) == 1


def test_a_process_says_when_its_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = subprocess.run(
            [sys.executable, "-m", "codegate.mock", "--port", port],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert result.returncode == 1
    assert result.stdout == ""
    assert port in result.stderr
    assert "Traceback" not in result.stderr


def test_command_line() -> None:
    line = (
        "--host ::1 --port 5 --pace 2.5 --deltas 3 --require-key k --journal f "
        "--tls-certificate c --tls-key d --http2"
    )
    options = read_options(line.split())
    assert options == Options(
        host="::1",
        port=5,
        pace_ms=2.5,
        deltas=3,
        require_key="k",
        journal_file=Path("f"),
        tls_certificate=Path("c"),
        tls_key=Path("d"),
        http2=True,
    )
    assert read_options([]) == Options()


def test_http2_needs_tls(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_options(["--http2"])
    assert caught.value.code == 2
    assert "--tls-certificate" in capsys.readouterr().err
