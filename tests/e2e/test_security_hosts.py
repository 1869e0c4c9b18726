"""S6, S14, S17: names a request may claim, and what they have no influence on."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error
from tests.support.proxy import Proxy
from tests.support.raw import Answer, RawClient, head, headers_of, model_request, path_of, request

ROUTES = [
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/messages"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/x"),
    ("GET", "/health"),
    ("GET", "/metrics"),
    ("GET", "/nothing"),
    ("OPTIONS", "/v1/messages"),
]
FOREIGN = [
    "evil.example",
    "evil.example:9212",
    "localhost.evil.example",
    "localhost:9212/#@evil",
    "localhost:9212@evil",
    "x?y",
    "/admin",
    "127.0.0.1.nip.io",
    "127.0.0.2",
    "0.0.0.0",
    "2130706433",
    "[::ffff:127.0.0.1]",
    "[::1",
    "localhost:",
    "localhost:port",
    "localhost:\u0661",
    "localhost, evil.example",
    "a" * 300,
]


def ask(proxy: Proxy, method: str, path: str, host: str, key: str | None = None) -> Answer:
    """A request with the given Host."""
    headers = [("x-api-key", key)] if key else []
    with RawClient(proxy.port) as client:
        text = head(method, path, headers, host="@", length=2 if method == "POST" else None)
        client.send(text.replace(b"Host: @", b"Host: " + host.encode()))
        client.send(b"{}" if method == "POST" else b"")
        return client.read_answer()


@pytest.mark.parametrize("host", FOREIGN)
def test_s17_foreign_names_are_turned_away_before_the_key_is_looked_at(
    shared_proxy: Proxy, shared_mock: ThreadedMock, host: str
) -> None:
    before = shared_mock.journal.count
    for method, path in ROUTES:
        for key in (None, shared_proxy.key):
            answer = ask(shared_proxy, method, path, host, key)
            assert answer.status in {400, 421}, (method, path)
            if answer.status == 421:
                assert answer.header("x-codegate-error") == "unknown_host"
                assert answer.header("x-should-retry") == "false"
                assert "ALLOWED_HOSTS" in answer.json()["error"]["message"]
    assert shared_mock.journal.count == before


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost:1", "127.0.0.1", "127.0.0.1:9212", "[::1]:80"]
)
def test_s17_loopback_names_are_ours(shared_proxy: Proxy, host: str) -> None:
    assert ask(shared_proxy, "GET", "/health", host).status == 200
    assert ask(shared_proxy, "GET", "/v1/models", host).status == 401
    assert ask(shared_proxy, "GET", "/v1/models", host, shared_proxy.key).status == 200


def test_s17_probes_may_call_by_any_address(shared_proxy: Proxy) -> None:
    for path in ("/livez", "/readyz"):
        answer = ask(shared_proxy, "GET", path, "10.1.2.3:9212")
        assert (answer.status, answer.body) == (200, b"ok\n")


def test_s17_configured_names_are_ours(
    start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    proxy = start_proxy(
        upstreams=[f"openai_chat={mock.url}"],
        env={"ALLOWED_HOSTS": "Gate.Example, other.example"},
    )
    for host in ("gate.example", "GATE.example:443", "other.example"):
        assert ask(proxy, "GET", "/health", host).status == 200
    for host in ("sub.gate.example", "gate.example.evil", "example"):
        assert ask(proxy, "GET", "/health", host).status == 421


@pytest.mark.parametrize(
    "target", ["http://evil.example{}", "http://localhost:1{}", "https://user:pass@evil.example{}"]
)
def test_s6_an_absolute_form_is_decided_by_its_path(
    shared_proxy: Proxy, shared_mock: ThreadedMock, target: str
) -> None:
    before = shared_mock.journal.count
    for method, path in ROUTES:
        plain = ask(shared_proxy, method, path, "localhost")
        odd = ask(shared_proxy, method, target.format(path), "localhost")
        assert odd.status in {plain.status, 400, 421}, (method, path)
    assert shared_mock.journal.count == before


def test_s6_two_hosts_are_refused_on_every_route(shared_proxy: Proxy) -> None:
    for method, path in ROUTES:
        headers = [("host", "localhost"), ("x-api-key", shared_proxy.key)]
        body = b"{}" if method == "POST" else None
        assert request(shared_proxy.port, method, path, headers, body).status == 400


class Canary:
    """A listener that nobody should find. ``visits`` counts those who did."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self.visits = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()


@pytest.fixture
def canary() -> Iterator[Canary]:
    """A canary that sings when it was visited."""
    canary = Canary()
    yield canary
    canary.listener.close()


def test_s14_a_request_cannot_choose_where_it_goes(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, stream: bool, canary: Canary
) -> None:
    url, address = canary.url, canary.address
    names = ("base_url", "api_base", "host", "endpoint", "url", "custom_host", "proxy", "webhook")
    extra: dict[str, Any] = dict.fromkeys(names, url)
    extra |= {"metadata": {"api_base": url, "user_id": url}}
    body = model_request(wire_format, "mock-large", stream=stream, **extra)
    headers = headers_of(wire_format, shared_proxy.key)
    headers += [
        ("x-forwarded-host", address),
        ("x-forwarded-proto", "http"),
        ("x-original-url", url),
        ("x-rewrite-url", url),
        ("forwarded", f'host="{address}";proto=http'),
        ("x-portkey-custom-host", url),
        ("x-base-url", url),
        ("x-api-base", url),
        ("anthropic-base-url", url),
        ("openai-api-base", url),
        ("referer", url),
        ("origin", url),
    ]
    before = shared_mock.journal.count
    path = path_of(wire_format)
    for target in (path, f"{path}?base_url={url}", url + path):
        # The upstream that was configured judges the members that it does not know.
        assert request(shared_proxy.port, "POST", target, headers, body).status == 400
    assert shared_mock.journal.count == before + 3
    for entry in shared_mock.requests[-3:]:
        told = {name for name, value in entry.headers if address in value}
        # Prefixed names belong to the API and go to the upstream that was configured.
        assert told <= {"anthropic-base-url", "openai-api-base"}
        assert address not in entry.target
    for model in (url, f"{url}/v1", f"//{address}/x", "../../etc/passwd", f"openai/{url}"):
        named = json.loads(body) | {"model": model}
        request(shared_proxy.port, "POST", path, headers, json.dumps(named).encode())
        request(shared_proxy.port, "GET", f"/v1/models/{model}", headers)
    assert canary.visits == 0


def test_s14_an_unknown_host_is_told_in_the_callers_dialect(
    shared_proxy: Proxy, wire_format: str
) -> None:
    answer = ask(shared_proxy, "POST", path_of(wire_format), "evil.example", shared_proxy.key)
    check_error(answer, wire_format, 421, "unknown_host")
