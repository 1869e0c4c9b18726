"""HTTP/2 over TLS: streams, flow control, faults, and the choice of protocol."""

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from codegate.mock import Options, ThreadedMock, run_in_thread
from tests.unit.mock.raw import CHAT_BODY, CHAT_HEADERS, RawClient, read_events, request_bytes

AUTHORITY = trustme.CA()


@pytest.fixture
def mock(tmp_path: Path) -> Iterator[ThreadedMock]:
    certificate = AUTHORITY.issue_cert("127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    options = Options(tls_certificate=chain, tls_key=key, http2=True)
    with run_in_thread(options) as running:
        yield running


def connect(mock: ThreadedMock, *protocols: str) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection(("127.0.0.1", mock.port), timeout=5)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


class Http2Client:
    """One connection; events are kept by stream."""

    def __init__(self, mock: ThreadedMock) -> None:
        self.sock = connect(mock, "h2")
        assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.flush()
        self.events: list[Event] = []

    def __enter__(self) -> "Http2Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def flush(self) -> None:
        self.sock.sendall(self.h2.data_to_send())

    def ask(self, **members: object) -> int:
        stream = self.h2.get_next_available_stream_id()
        pseudo = {":method": "POST", ":path": "/v1/chat/completions"}
        headers = {**pseudo, ":scheme": "https", ":authority": "mock", **CHAT_HEADERS}
        self.h2.send_headers(stream, list(headers.items()))
        self.h2.send_data(stream, json.dumps({**CHAT_BODY, **members}).encode(), end_stream=True)
        self.flush()
        return stream

    def read(self, *, acknowledge: bool = True) -> bool:
        """Take what has come; False at the end of the connection."""
        data = self.sock.recv(65536)
        for event in self.h2.receive_data(data) if data else []:
            self.events.append(event)
            if isinstance(event, DataReceived) and acknowledge:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self.flush()
        return bool(data)

    def read_until(self, kind: type[Event], stream: int | None = None) -> Event:
        while True:
            for event in self.events:
                if isinstance(event, kind) and stream in (None, getattr(event, "stream_id", None)):
                    return event
            assert self.read()

    def body(self, stream: int) -> bytes:
        found = [event for event in self.events if isinstance(event, DataReceived)]
        return b"".join(event.data for event in found if event.stream_id == stream)


def test_both_protocols_on_one_port(mock: ThreadedMock) -> None:
    assert mock.url.startswith("https://127.0.0.1:")
    with Http2Client(mock) as client:
        stream = client.ask()
        client.read_until(StreamEnded, stream)
        assert json.loads(client.body(stream))["object"] == "chat.completion"
    with connect(mock, "http/1.1") as sock:
        sock.sendall(request_bytes("GET", "/health", {"connection": "close"}))
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
        assert answer.endswith(b'{"status":"ok"}')
    assert [entry.protocol for entry in mock.journal] == ["h2", "http/1.1"]


def test_streams_run_side_by_side(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        slow = client.ask(model="fault:pace-50", stream=True)
        quick = client.ask(model="quick", stream=True)
        client.read_until(StreamEnded, quick)
        client.read_until(StreamEnded, slow)
        order = [event.stream_id for event in client.events if isinstance(event, StreamEnded)]
        assert order == [quick, slow]
        for stream in (slow, quick):
            assert list(read_events(client.body(stream)))[-1] == ("", "[DONE]")
        head = client.read_until(ResponseReceived, quick)
        assert isinstance(head, ResponseReceived)
        names = [str(name) for name, _ in head.headers]
        assert ":status" in names
        assert "transfer-encoding" not in names
    assert {entry.connection for entry in mock.requests} == {1}


def test_large_answers_wait_for_the_window(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        stream = client.ask(model="fault:event-of-500000", stream=True)
        while len(client.body(stream)) < 65_535:
            client.read(acknowledge=False)
        assert len(client.body(stream)) == 65_535
        client.h2.increment_flow_control_window(1_000_000)
        client.h2.increment_flow_control_window(1_000_000, stream)
        client.flush()
        client.read_until(StreamEnded, stream)
        assert len(client.body(stream)) > 500_000


def test_resets_end_the_stream_only(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        broken = client.ask(model="fault:reset-after-2", stream=True)
        client.read_until(StreamReset, broken)
        assert len(list(read_events(client.body(broken)))) == 2
        whole = client.ask()
        client.read_until(StreamEnded, whole)
    mock.wait_until(
        lambda: [entry.outcome for entry in mock.requests] == ["broken_off", "answered"]
    )


def test_trailers_and_close(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        trailing = client.ask(model="fault:chunk-trailers")
        event = client.read_until(TrailersReceived, trailing)
        assert isinstance(event, TrailersReceived)
        assert [str(value) for name, value in event.headers if str(name) == "x-elapsed"] == ["12"]
        client.ask(model="fault:close-after-answer")
        client.read_until(ConnectionTerminated)
        while client.read():
            pass


def test_a_stream_given_up_is_noted(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        stream = client.ask(model="fault:busy", stream=True)
        client.read_until(DataReceived, stream)
        client.h2.reset_stream(stream)
        client.flush()
        mock.wait_until(lambda: mock.requests[0].client_closed_early)
        other = client.ask()
        client.read_until(StreamEnded, other)
    mock.wait_until(lambda: mock.connections_open == 0)


def test_a_lost_connection_ends_its_streams(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        streams = [client.ask(model="fault:busy", stream=True) for _ in range(3)]
        for stream in streams:
            client.read_until(DataReceived, stream)
    mock.wait_until(lambda: [entry.outcome for entry in mock.requests] == ["client_closed"] * 3)


def test_early_refusal(mock: ThreadedMock) -> None:
    with Http2Client(mock) as client:
        stream = client.h2.get_next_available_stream_id()
        pseudo = {":method": "POST", ":path": "/x", ":scheme": "https", ":authority": "mock"}
        headers = {**pseudo, "x-mock-fault": "refuse-after-accept"}
        client.h2.send_headers(stream, list(headers.items()))
        client.flush()
        client.read_until(StreamReset, stream)
    assert mock.requests == []


def test_what_is_not_http2_ends_the_connection(mock: ThreadedMock) -> None:
    with connect(mock, "h2") as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        while sock.recv(4096):
            pass
    mock.wait_until(lambda: [entry.outcome for entry in mock.journal] == ["malformed"])


def test_tls_without_http2() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    with run_in_thread(ssl_context=context) as mock:
        assert mock.url.startswith("https://")
        with connect(mock, "h2", "http/1.1") as sock:
            assert sock.selected_alpn_protocol() is None
            sock.sendall(request_bytes("GET", "/health", {"connection": "close"}))
            assert b"200 OK" in sock.recv(4096)
        with RawClient(mock) as client:
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert client.read_response().end in ("eof", "reset")
