"""The server's two interfaces beside each other; `--interface rsgi` runs all other tests so."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegate.config import INTERFACES
from codegate.mock.provider import ThreadedMock
from tests.conftest import FORMATS
from tests.support.cli import Cli
from tests.support.interface import NEEDS_BACK_PRESSURE
from tests.support.proxy import Proxy
from tests.support.raw import (
    CHAT,
    RawClient,
    call,
    exact_request,
    head,
    headers_of,
    model_request,
    path_of,
    request,
)


@pytest.fixture(scope="module", params=INTERFACES)
def proxy(
    request: pytest.FixtureRequest,
    shared_mock: ThreadedMock,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    proxy = Proxy(
        tmp_path_factory.mktemp("interface") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in FORMATS],
        args=["--interface", request.param],
    )
    yield proxy
    proxy.stop()
    proxy.check_log()


def is_rsgi(proxy: Proxy) -> bool:
    return proxy.argv[-1] == "rsgi"


@pytest.mark.parametrize("size", [200, 60_000, 70_000, 3_000_000])
def test_bodies_of_every_size_arrive_whole(
    proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, size: int
) -> None:
    body = exact_request(wire_format, "mock-large", stream=stream, text=wire_format[0] * size)
    with RawClient(proxy.port) as client:
        headers = headers_of(wire_format, proxy.key)
        client.send(head("POST", path_of(wire_format), headers, length=len(body)) + body)
        assert client.read_answer().status == 200
    assert shared_mock.requests[-1].body_sha256 == hashlib.sha256(body).hexdigest()


def test_a_body_in_chunks_arrives_whole(proxy: Proxy, shared_mock: ThreadedMock) -> None:
    body = exact_request("openai_chat", "mock-large", stream=False, text="y" * 200_000)
    headers = [*headers_of("openai_chat", proxy.key), ("Transfer-Encoding", "chunked")]
    with RawClient(proxy.port) as client:
        client.send(head("POST", CHAT, headers))
        for at in range(0, len(body), 30_000):
            piece = body[at : at + 30_000]
            client.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        assert client.read_answer().status == 200
    assert shared_mock.requests[-1].body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("size", [20_000, 300_000])
def test_a_body_that_breaks_off_reaches_nobody(
    proxy: Proxy, shared_mock: ThreadedMock, size: int
) -> None:
    before = shared_mock.journal.count
    body = exact_request("openai_chat", "mock-large", stream=False, text="z" * size)
    with RawClient(proxy.port) as client:
        headers = headers_of("openai_chat", proxy.key)
        # All of it but one byte that is no part of the document.
        client.send(head("POST", CHAT, headers, length=len(body) + 1) + body)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_answer().status == 400
    assert shared_mock.journal.count == before


def test_the_proxy_says_by_what_it_is_served(proxy: Proxy) -> None:
    assert proxy.health()["interface"] == proxy.argv[-1]


def test_the_doctor_warns_where_there_is_no_back_pressure(proxy: Proxy) -> None:
    cli = Cli(proxy.data_dir, {"PROXY_PORT": str(proxy.port)})
    found = cli.ok("doctor", "--json").json()["items"]
    warned = [f for f in found if f["check"] == "interface"]
    assert bool(warned) is is_rsgi(proxy)
    assert all(f["status"] == "warning" and "asgi" in f["remedy"] for f in warned)


def test_a_host_that_cannot_be_read_is_not_taken_for_none(proxy: Proxy) -> None:
    with RawClient(proxy.port) as client:
        client.send(b"GET /health HTTP/1.1\r\nHost: caf\xc3\xa9.example\r\n\r\n")
        assert client.read_answer().status == 421


def test_an_account_that_cannot_be_read_allows_no_other(proxy: Proxy) -> None:
    body = model_request("openai_chat", "mock-large", stream=False)
    headers = [*headers_of("openai_chat", proxy.key), ("x-codegate-account", "caf\xe9")]
    answer = request(proxy.port, "POST", CHAT, headers=headers, body=body)
    assert answer.status in {400, 404, 503}


def test_metrics_know_who_asks(proxy: Proxy) -> None:
    assert proxy.get("/metrics")[0] == 200


def test_answers_stay_the_same_but_for_what_is_no_text(
    proxy: Proxy, wire_format: str, stream: bool
) -> None:
    answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
    assert answer.status == 200
    assert answer.header("server") == "codegate"
    assert answer.header("x-codegate-attempts") == "1"


def test_what_is_left_out_over_rsgi_exists() -> None:
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert set(re.findall(r"def (test_\w+)", text)) >= NEEDS_BACK_PRESSURE
