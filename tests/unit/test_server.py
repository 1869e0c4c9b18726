"""The address that is printed is one that answers."""

from __future__ import annotations

import socket

import pytest

from codegate.config import Config
from codegate.proxy.hosts import Hosts
from codegate.server import listen, url_of


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:9212"),
        ("0.0.0.0", "http://127.0.0.1:9212"),
        ("::", "http://[::1]:9212"),
        ("::1", "http://[::1]:9212"),
        ("192.0.2.7", "http://192.0.2.7:9212"),
        ("box.example", "http://box.example:9212"),
    ],
)
def test_the_printed_address_is_answered(host: str, url: str) -> None:
    assert url_of(Config(host=host)) == url
    assert Hosts(host, ()).allows(url.removeprefix("http://").encode())


def test_connections_send_each_delta_at_once() -> None:
    listener = listen("127.0.0.1", 0, 120)
    with listener, socket.create_connection(listener.getsockname()):
        listener.setblocking(True)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
