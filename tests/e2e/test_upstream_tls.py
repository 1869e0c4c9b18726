"""Upstreams behind TLS: turns over HTTP/1.1 and HTTP/2, and handshakes that must fail."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import FORMATS, ONE_SECOND
from tests.support.aftermath import aftermath, check_good, check_refusal
from tests.support.authority import HOST, Authority, self_signed
from tests.support.proxy import Proxy, running
from tests.support.raw import call, exact_request, post
from tests.support.scripted import Scripted, scripted, whole
from tests.support.secure import Secure


def test_a_turn_over_tls(secure: Secure, wire_format: str, stream: bool) -> None:
    body = exact_request(wire_format, "mock-large", stream=stream)
    with aftermath(secure.proxy, "ok"):
        answer = post(secure.proxy.port, secure.proxy.key, wire_format, body)
        check_good(answer, wire_format, stream=stream)
    entry = secure.mock.requests[-1]
    assert entry.protocol == secure.protocol
    assert entry.body == body
    assert entry.header("host") == f"{HOST}:{secure.mock.port}"


def test_many_turns_share_one_http2_connection(
    secure_h2: Secure, wire_format: str, stream: bool
) -> None:
    proxy, mock = secure_h2.proxy, secure_h2.mock
    with aftermath(proxy, "ok", exchanges=21):
        call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
        before = mock.provider.connections_total
        for _ in range(20):
            answer = call(proxy.port, proxy.key, wire_format, "mock-large", stream=stream)
            check_good(answer, wire_format, stream=stream)
    assert mock.provider.connections_total == before


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def distrusted(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, Scripted]]:
    """A proxy that trusts ``authority``, and an upstream that takes any context."""
    good = whole("200 OK", b'{"id":"x","object":"y","type":"message"}')
    with (
        scripted(lambda peer: peer.send(good), authority.context()) as upstream,
        running(
            tmp_path_factory.mktemp("distrusted") / "data",
            upstreams=[f"{name}={upstream.url}" for name in FORMATS],
            settings=ONE_SECOND,
            env={"SSL_CERT_FILE": str(authority.file)},
        ) as proxy,
    ):
        yield proxy, upstream


def _old(authority: Authority) -> ssl.SSLContext:
    context = authority.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.SSLv3
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


Make = Callable[[Authority, Path], ssl.SSLContext | None]

_CONTEXTS: dict[str, tuple[Make, str]] = {
    "expired": (lambda authority, _: authority.context(is_expired=True), "expired"),
    "wrong-host": (lambda authority, _: authority.context("other.example"), "another host name"),
    "stranger": (lambda _, path: Authority(path).context(), "trusted authority"),
    "self-signed": (lambda _, path: self_signed(path), "trusted authority"),
    "tls-1.1": (lambda authority, _: _old(authority), "TLS version"),
    "plain": (lambda *_: None, "speak TLS"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", _CONTEXTS)
def test_f4_a_handshake_that_must_fail(
    distrusted: tuple[Proxy, Scripted],
    authority: Authority,
    tmp_path: Path,
    wire_format: str,
    stream: bool,
    kind: str,
) -> None:
    proxy, upstream = distrusted
    make, words = _CONTEXTS[kind]
    upstream.context = make(authority, tmp_path)
    upstream.greeting = b"" if upstream.context else b"HTTP/1.1 400 Bad Request\r\n\r\n"
    before = upstream.requests
    with aftermath(proxy, "upstream_error") as after:
        answer = call(proxy.port, proxy.key, wire_format, "any", stream=stream)
        error = check_refusal(answer, wire_format, 502)
    assert words in error["message"]
    assert answer.header("x-should-retry") == "false"
    assert after.line["error_code"] == "upstream_tls"
    assert upstream.requests == before, "something was sent without TLS"


def test_f4_the_same_upstream_is_fine_with_a_good_certificate(
    distrusted: tuple[Proxy, Scripted], authority: Authority, wire_format: str
) -> None:
    proxy, upstream = distrusted
    upstream.context = authority.context()
    upstream.greeting = b""
    with aftermath(proxy, "ok"):
        answer = call(proxy.port, proxy.key, wire_format, "any", stream=False)
        assert answer.status == 200
