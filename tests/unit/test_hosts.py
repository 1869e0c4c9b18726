"""Which Host headers are ours."""

from __future__ import annotations

import pytest

from codegate.proxy.hosts import Hosts

OURS = ["localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:9212", "[::1]", "[::1]:9212"]
FOREIGN = [
    *("", "evil", "localhost.", "localhost.evil", "evil.localhost", "localhost:", "localhost:x"),
    *("localhost:80:80", "[::1", "[::1]x", "[::1]:", "::1", "127.0.0.1.", "0x7f000001", "a" * 261),
    *("localhost:\u0661", "localhost\t", " localhost", "localhost/", "*"),
]


@pytest.mark.parametrize("host", OURS)
def test_loopback_is_always_ours(host: str) -> None:
    assert Hosts("0.0.0.0", ()).allows(host.encode())


@pytest.mark.parametrize("host", FOREIGN)
def test_others_are_not(host: str) -> None:
    hosts = Hosts("0.0.0.0", ("gate.example",))
    for _ in range(2):  # the second time by the cache
        assert not hosts.allows(host.encode())


def test_the_bound_address_and_configured_names_are_ours() -> None:
    assert Hosts("192.168.7.1", ()).allows(b"192.168.7.1:9212")
    assert Hosts("fd00::1", ()).allows(b"[fd00::1]:9212")
    hosts = Hosts("127.0.0.1", ("gate.example",))
    assert hosts.allows(b"Gate.Example:443")
    assert not hosts.allows(b"192.168.7.1")
    for wildcard in ("0.0.0.0", "::"):
        assert not Hosts(wildcard, ()).allows(wildcard.encode())


def test_a_star_allows_every_name() -> None:
    assert Hosts("127.0.0.1", ("*",)).allows(b"anything:1")


def test_many_spellings_do_not_fill_the_memory() -> None:
    hosts = Hosts("127.0.0.1", ())
    for port in range(3000):
        assert hosts.allows(b"localhost:%d" % port)
    assert len(hosts._allowed) <= 1024
