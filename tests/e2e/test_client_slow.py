"""F55, F67: clients that do not read, and clients that do not finish what they began."""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS
from tests.support.flood import Flood, flooding
from tests.support.invariants import check_error, nothing_left, wait_rows
from tests.support.proxy import Proxy, wait_until
from tests.support.raw import RawClient, call, head, headers_of, model_request, path_of

READERS = 60
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


@pytest.mark.parametrize("event_bytes", [0, 1_000_000], ids=["small-events", "large-events"])
def test_f55_clients_that_never_read_cost_little_memory(
    start_proxy: Callable[..., Proxy], shared_mock: ThreadedMock, wire_format: str, event_bytes: int
) -> None:
    other = next(name for name in FORMATS if name != wire_format)
    count = READERS if not event_bytes else READERS // 4
    # An event is looked at when it is complete, so one of them is held until then.
    each_kib = EACH_KIB + 3 * event_bytes // 1024
    with flooding(wire_format, event_bytes) as flood:
        upstreams = [f"{wire_format}={flood.url}", f"{other}={shared_mock.url}"]
        proxy = start_proxy(upstreams=upstreams)
        call(proxy.port, proxy.key, other, "mock-large", stream=True)
        memory = proxy.rss_anon_kib()
        clients = [never_read(proxy, wire_format, "flood") for _ in range(count)]
        try:
            wait_until(lambda: flood.begun == count, 30, "every stream to begin")
            wait_until(lambda: stands_still(flood), 30, "the upstream to be held back")
            grown = proxy.rss_anon_kib() - memory
            assert grown < count * each_kib, f"{grown} KiB for {count} clients"
            # Nothing is done for those who wait, and others are served as before.
            spent, started = proxy.cpu_s(), time.monotonic()
            for _ in range(20):
                assert call(proxy.port, proxy.key, other, "mock-large", stream=True).status == 200
            assert time.monotonic() - started < 5
            assert proxy.cpu_s() - spent < 0.5
            wait_until(lambda: proxy.health()["exchanges"] == count, 5, "the others to end")
        finally:
            for client in clients:
                client.close()
        proxy.wait_idle(10)
        wait_until(lambda: flood.ended == count, 10, "the upstream connections to be freed")


def stands_still(flood: Flood) -> bool:
    """Whether nothing more is taken from the flood."""
    sent = flood.sent
    time.sleep(0.5)
    return flood.sent == sent


def test_f55_a_client_that_never_reads_is_cut_off(
    start_proxy: Callable[..., Proxy], wire_format: str
) -> None:
    with flooding(wire_format) as flood:
        proxy = start_proxy(
            upstreams=[f"{wire_format}={flood.url}"], settings={"write_timeout_s": 1}
        )
        # The connection goes too, not only what was written to it: descriptors are back.
        with nothing_left(proxy):
            clients = [never_read(proxy, wire_format, "flood") for _ in range(10)]
            for row in wait_rows(proxy, "flood", 10, timeout_s=30):
                # Ours comes first; the kernel's would look as if the client had left.
                assert (row["outcome"], row["error_code"]) == ("timeout", "write_timeout")
            wait_until(lambda: flood.ended == 10, 5, "the upstream connections to be freed")
            wait_until(lambda: connections(proxy) == 0, 10, "the clients' connections to end")
        for client in clients:
            client.close()


def connections(proxy: Proxy) -> int:
    """Established connections on the proxy's port, as the kernel knows them."""
    mark = f":{proxy.port:04X}"
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(row.split()[1].endswith(mark) and row.split()[3] == "01" for row in rows)


def test_f55_a_client_that_reads_slowly_gets_everything(
    shared_proxy: Proxy, wire_format: str
) -> None:
    body = model_request(wire_format, "fault:many-events-20000", stream=True)
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        headers = headers_of(wire_format, shared_proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        seen = b""
        while not seen.endswith(b"\r\n0\r\n\r\n"):
            # The whole lasts longer than the upstream's idle limit of a second.
            time.sleep(0.3 if len(seen) < 400_000 else 0)
            part = client.read_some()
            assert part, seen[-300:]
            seen += part
    end = b"message_stop" if wire_format == "anthropic_messages" else b"[DONE]"
    assert end in seen[-200:]
    assert seen.count(b"data: ") > 20_000


@pytest.mark.parametrize("upstream_format", FORMATS)
def test_f55_a_client_that_reads_on_costs_no_more_where_the_answer_grows_here(
    start_proxy: Callable[..., Proxy], upstream_format: str
) -> None:
    """A few hundred bytes of the upstream are 64 KiB when they are unpacked."""
    with flooding(upstream_format, is_packed=True) as flood:
        proxy = start_proxy(upstreams=[f"{upstream_format}={flood.url}"])
        body = model_request("openai_chat", "flood", stream=True)
        with RawClient(proxy.port) as client:
            headers = headers_of("openai_chat", proxy.key)
            client.send(head("POST", path_of("openai_chat"), headers, length=len(body)) + body)
            seen = len(client.read_some())
            memory = proxy.rss_anon_kib()
            while seen < 8_000_000:
                seen += len(client.read_some())
            grown = proxy.rss_anon_kib() - memory
        assert grown < 16 * EACH_KIB, f"{grown} KiB"
        proxy.wait_idle(10)


def slow_body(proxy: Proxy) -> bytes:
    """A request whose body does not come."""
    headers = headers_of("openai_chat", proxy.key)
    return head("POST", path_of("openai_chat"), headers, length=100) + b'{"model"'


def test_f67_unfinished_connections_are_closed_and_disturb_nobody(shared_proxy: Proxy) -> None:
    # What is sent at first, what is sent every half second, when it must be over (seconds).
    kinds = {
        "silent": (b"", b"", 30),
        "slow head": (b"GET /livez HTTP/1.1\r\nX-Slow: ", b"a", 11),
        "idle": (head("GET", "/livez"), b"", 30),
        "slow body": (slow_body(shared_proxy), b" ", 5),
    }
    started = time.monotonic()
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as pausing:
        open_ = {
            socket.create_connection(("127.0.0.1", shared_proxy.port)): kind
            for kind in kinds
            for _ in range(CONNECTIONS)
        }
        for client, kind in open_.items():
            client.sendall(kinds[kind][0])
        closed = dict.fromkeys(kinds, 0.0)
        slowest = 0.0
        while open_ and time.monotonic() - started < 35:
            asked = time.monotonic()
            assert shared_proxy.get("/livez")[0] == 200
            slowest = max(slowest, time.monotonic() - asked)
            for client in select.select(list(open_), [], [], 0.5)[0]:
                if not drain(client):
                    closed[open_.pop(client)] = time.monotonic() - started
                    client.close()
            for client, kind in open_.items():
                with contextlib.suppress(OSError):  # noticed by the next read
                    client.sendall(kinds[kind][1])
            if 6 < time.monotonic() - started < 9:
                # A pause between two requests is no reason to close.
                pausing.send(head("GET", "/livez"))
                assert pausing.read_answer().status == 200
        left = sorted(set(open_.values()))
        for client in open_:
            client.close()
    assert not left, f"still open: {left}"
    for kind, (_, _, limit_s) in kinds.items():
        assert closed[kind] < limit_s + 3, (kind, closed)
    assert slowest < 0.5


def drain(client: socket.socket) -> bool:
    """Read what is there; false at the end."""
    try:
        return bool(client.recv(65536))
    except OSError:
        return False


def test_f67_a_slow_body_is_told_why(shared_proxy: Proxy, wire_format: str) -> None:
    headers = headers_of(wire_format, shared_proxy.key)
    with RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=100) + b"{")
        answer = client.read_answer()
    message = check_error(answer, wire_format, 408, "body_timeout")
    assert "1 second" in message
    assert answer.header("connection") == "close"
