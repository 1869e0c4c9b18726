"""F55, F67: clients that do not read, and clients that do not finish what they began."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error, nothing_left, wait_rows
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import RawClient, call, head, headers_of, model_request, path_of

READERS = 100
EACH_KIB = 512
CONNECTIONS = 100


def never_read(proxy: Proxy, wire_format: str, model: str) -> socket.socket:
    """A client that asks for a stream and reads nothing, with the least of kernel buffers."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", proxy.port))
    body = model_request(wire_format, model, stream=True)
    headers = headers_of(wire_format, proxy.key)
    client.sendall(head("POST", path_of(wire_format), headers, length=len(body)) + body)
    return client


def is_closed(client: socket.socket) -> bool:
    """Whether the connection ended, without reading what is in its buffer."""
    poll = select.poll()
    poll.register(client, select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))


@pytest.mark.parametrize("fault", ["many-events-3000000", "event-of-40000000"])
def test_f55_clients_that_never_read_cost_little_memory(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, fault: str
) -> None:
    # One huge event is composed in the mock's memory, so there are fewer of them.
    count = READERS if fault.startswith("many") else 10
    model = f"fault:{fault}#slow"
    known = len([entry for entry in shared_mock.requests if entry.model == model])
    memory = shared_proxy.rss_anon_kib()
    clients = [never_read(shared_proxy, wire_format, model) for _ in range(count)]
    try:
        wait_until(lambda: shared_proxy.health()["exchanges"] == count, 30)
        most = 0
        for _ in range(10):
            # Others are served as before, and quickly.
            started = time.monotonic()
            answer = call(shared_proxy.port, shared_proxy.key, wire_format, "mock-large", stream=True)
            assert answer.status == 200
            assert time.monotonic() - started < 5
            most = max(most, shared_proxy.rss_anon_kib() - memory)
            time.sleep(0.2)
        assert most < count * EACH_KIB, f"{most} KiB for {count} clients"
        assert shared_proxy.health()["exchanges"] == count, "somebody was served to the end"
    finally:
        for client in clients:
            client.close()
    shared_proxy.wait_idle(10)
    shared_mock.wait_until(
        lambda: all(entry.closed_at for entry in shared_mock.requests if entry.model == model),
        timeout=10,
    )
    sent = [entry.answer_bytes for entry in shared_mock.requests if entry.model == model][known:]
    whole = 300 * 3_000_000 if fault.startswith("many") else 40_000_000
    assert max(sent) < whole / 2, "the upstream was read on although nobody took it"


@pytest.fixture(scope="module")
def hasty_proxy(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy that waits one second for a client to read."""
    with running(
        tmp_path_factory.mktemp("hasty") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in ("anthropic_messages", "openai_chat")],
        settings={"write_timeout_s": 1},
    ) as proxy:
        yield proxy


def test_f55_a_client_that_never_reads_is_cut_off(
    hasty_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    model = f"fault:many-events-3000000#stall-{wire_format}"
    with nothing_left(hasty_proxy):
        clients = [never_read(hasty_proxy, wire_format, model) for _ in range(5)]
        wait_until(lambda: hasty_proxy.health()["exchanges"] == 5)
        for found in wait_rows(hasty_proxy, model, 5, timeout_s=30):
            assert (found["outcome"], found["error_code"]) in {
                ("timeout", "write_timeout"),
                ("client_closed", ""),
            }
        # The connection ends too, not only what was written to it.
        for client in clients:
            wait_until(lambda c=client: is_closed(c), 30, "the connection to end")
        shared_mock.wait_until(
            lambda: all(entry.closed_at for entry in shared_mock.requests if entry.model == model)
        )
        for client in clients:
            client.close()


def test_f55_a_client_that_reads_slowly_gets_everything(
    hasty_proxy: Proxy, wire_format: str
) -> None:
    count = 20_000
    body = model_request(wire_format, f"fault:many-events-{count}", stream=True)
    with nothing_left(hasty_proxy), RawClient(hasty_proxy.port) as client:
        headers = headers_of(wire_format, hasty_proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        client.read_head()
        for _ in range(4):
            time.sleep(0.5)
            client.read_chunk()
        seen = b""
        while part := client.read_chunk():
            seen += part
        end = b"message_stop" if wire_format == "anthropic_messages" else b"[DONE]"
        assert end in seen[-200:]


Opening = Callable[[Proxy], bytes]


def slow_body(proxy: Proxy) -> bytes:
    """A request whose body does not come."""
    headers = headers_of("openai_chat", proxy.key)
    return head("POST", path_of("openai_chat"), headers, length=100) + b'{"model"'


@pytest.mark.parametrize(
    ("opening", "drip", "limit_s"),
    [
        (lambda proxy: b"", b"", 30),
        (lambda proxy: b"GET /livez HTTP/1.1\r\nX-Slow: ", b"a", 11),
        (lambda proxy: head("GET", "/livez"), b"", 30),
        (slow_body, b" ", 5),
    ],
    ids=["silent", "slow-head", "keep-alive", "slow-body"],
)
def test_f67_unfinished_connections_are_closed_and_disturb_nobody(
    shared_proxy: Proxy, opening: Opening, drip: bytes, limit_s: float
) -> None:
    started = time.monotonic()
    with nothing_left(shared_proxy):
        address = ("127.0.0.1", shared_proxy.port)
        clients = [socket.create_connection(address) for _ in range(CONNECTIONS)]
        open_ = {client.fileno(): client for client in clients}
        for client in clients:
            client.sendall(opening(shared_proxy))
        slowest = 0.0
        while open_ and time.monotonic() - started < limit_s + 5:
            asked = time.monotonic()
            assert shared_proxy.get("/livez")[0] == 200
            slowest = max(slowest, time.monotonic() - asked)
            readable, _, _ = select.select(list(open_), [], [], 0.5)
            for number in readable:
                try:
                    if open_[number].recv(65536):
                        continue
                except OSError:
                    pass
                open_.pop(number).close()
            for client in open_.values() if drip else ():
                try:
                    client.sendall(drip)
                except OSError:
                    pass  # noticed by the next read
        left = len(open_)
        for client in open_.values():
            client.close()
    assert left == 0, f"{left} connections were still open"
    assert time.monotonic() - started < limit_s + 3
    assert slowest < 0.5


def test_f67_a_slow_body_is_told_why(shared_proxy: Proxy, wire_format: str) -> None:
    headers = headers_of(wire_format, shared_proxy.key)
    with RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=100) + b"{")
        answer = client.read_answer()
    message = check_error(answer, wire_format, 408, "body_timeout")
    assert "1 second" in message
    assert answer.header("connection") == "close"


def test_f67_a_pause_between_requests_is_no_reason_to_close(shared_proxy: Proxy) -> None:
    with RawClient(shared_proxy.port) as client:
        for _ in range(2):
            client.send(head("GET", "/livez"))
            assert client.read_answer().status == 200
            time.sleep(6)
        client.send(head("GET", "/livez"))
        assert client.read_answer().status == 200
