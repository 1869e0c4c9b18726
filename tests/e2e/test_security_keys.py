"""S1 to S4, S7 and the ways to present a key."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable

import pytest

from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error, nothing_left
from tests.support.proxy import Proxy
from tests.support.raw import (
    CHAT,
    MESSAGES,
    Answer,
    RawClient,
    head,
    model_request,
    path_of,
    request,
)

KEYED = [("POST", MESSAGES), ("POST", f"{MESSAGES}/count_tokens"), ("POST", CHAT)]
KEYED += [("GET", "/v1/models"), ("GET", "/v1/models/mock-large"), ("GET", "/models")]
WRONG = "cgk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
Headers = list[tuple[str, str]]


def post(proxy: Proxy, wire_format: str, headers: Headers, query: str = "") -> Answer:
    """A model call with exactly these headers beside the content type and the version."""
    body = model_request(wire_format, "mock-large", stream=False)
    fixed = [("content-type", "application/json")]
    if wire_format == "anthropic_messages":
        fixed.append(("anthropic-version", "2023-06-01"))
    return request(proxy.port, "POST", path_of(wire_format) + query, [*fixed, *headers], body)


def refused(proxy: Proxy) -> int:
    """How often a key was refused, by the metrics."""
    text = proxy.get("/metrics")[1].decode()
    found = re.search(r'codegate_refused_total\{code="invalid_proxy_key"\} (\d+)', text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize(
    "present",
    [
        lambda key: [("authorization", f"Bearer {key}")],
        lambda key: [("authorization", f"bearer {key}")],
        lambda key: [("x-api-key", key)],
        lambda key: [("x-api-key", key), ("authorization", f"Bearer {key}")],
        lambda key: [("x-goog-api-key", key)],
        lambda key: [("x-api-key", WRONG), ("authorization", f"Bearer {key}")],
    ],
    ids=["bearer", "lower-case", "x-api-key", "both", "x-goog-api-key", "one-is-right"],
)
def test_n3_every_way_to_present_the_key(
    shared_proxy: Proxy, wire_format: str, present: Callable[[str], Headers]
) -> None:
    assert post(shared_proxy, wire_format, present(shared_proxy.key)).status == 200


def test_n3_the_key_in_the_query(shared_proxy: Proxy, wire_format: str) -> None:
    query = f"?alt=sse&key={shared_proxy.key}"
    assert post(shared_proxy, wire_format, [], query).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", f"Bearer {WRONG}")],
        [("x-api-key", WRONG)],
        [("x-api-key", WRONG), ("authorization", f"Bearer {WRONG}")],
        [("x-goog-api-key", WRONG)],
    ],
)
def test_n3_a_wrong_key_in_every_form_is_final(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, headers: Headers
) -> None:
    before = shared_mock.journal.count
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, headers)
    message = check_error(answer, wire_format, 401, "invalid_proxy_key")
    assert "codegate key" in message
    assert answer.header("x-should-retry") == "false"
    assert answer.header("retry-after") is None
    assert shared_mock.journal.count == before


def test_n1_the_version_goes_up_as_the_client_sent_it(
    shared_proxy: Proxy, shared_mock: ThreadedMock
) -> None:
    for version in ("2026-10-21", "2023-06-01", "2026-10-21"):
        body = model_request("anthropic_messages", "mock-large", stream=False, text=version)
        headers = [("x-api-key", shared_proxy.key), ("anthropic-version", version)]
        assert request(shared_proxy.port, "POST", MESSAGES, headers, body).status == 200
        (entry,) = [entry for entry in shared_mock.requests if entry.body == body][-1:]
        assert entry.header("anthropic-version") == version


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_s7_nothing_is_open_without_a_key(
    shared_proxy: Proxy, shared_mock: ThreadedMock, method: str, path: str
) -> None:
    before = shared_mock.journal.count
    body = b"{}" if method == "POST" else None
    for headers in ([], [("authorization", "Bearer ")], [("x-api-key", "")]):
        answer = request(shared_proxy.port, method, path, headers, body)
        assert answer.status == 401
        assert answer.header("x-codegate-error") == "invalid_proxy_key"
        assert "codegate key" in answer.json()["error"]["message"]
    assert shared_mock.journal.count == before


def test_s7_a_fresh_start_makes_a_key_and_shows_it_nowhere(
    start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    proxy = start_proxy(upstreams=[f"openai_chat={mock.url}"])
    assert re.fullmatch(r"cgk_[A-Za-z0-9_-]{32}", proxy.key)
    assert (proxy.data_dir / "proxy-key").stat().st_mode & 0o777 == 0o600
    assert proxy.data_dir.stat().st_mode & 0o777 == 0o700
    assert proxy.key not in proxy.out
    assert post(proxy, "openai_chat", []).status == 401
    assert post(proxy, "openai_chat", [("x-api-key", proxy.key)]).status == 200


FUZZ = [
    *(b"'", b'"', b"' OR 1=1--", b"\\", b"%00", b"x" * 8000, b"\xff\xfe", b"\x80" * 40),
    *(b"Bearer x", b"null", b"0", b"*", b"cgk_", b"{}", b"a,b", b"=?utf-8?q?x?="),
    "\uff43\uff47\uff4b\uff3f".encode(),
]


def test_s2_a_key_may_hold_anything_and_opens_nothing(
    shared_proxy: Proxy, wire_format: str
) -> None:
    before = refused(shared_proxy)
    path = path_of(wire_format).encode()
    key = shared_proxy.key.encode()
    fields = [*FUZZ, key + b"x", key[:-1], b"x" + key, key.upper(), b"Bearer " + key, key + b",a"]
    with nothing_left(shared_proxy):
        for field in fields:
            for name in (b"x-api-key: ", b"authorization: Bearer "):
                with RawClient(shared_proxy.port) as client:
                    lines = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
                    client.send(lines + name + field + b"\r\nContent-Length: 2\r\n\r\n{}")
                    answer = client.read_answer()
                    assert time.monotonic() - client.started < 0.5
                check_error(answer, wire_format, 401, "invalid_proxy_key")
        assert refused(shared_proxy) - before == 2 * len(fields)


def test_s2_what_is_no_header_gets_no_further(shared_proxy: Proxy, wire_format: str) -> None:
    with nothing_left(shared_proxy):
        for field in (b"a\0b", b"x" * 1_000_000):
            with RawClient(shared_proxy.port) as client:
                lines = f"POST {path_of(wire_format)} HTTP/1.1\r\nHost: localhost\r\n".encode()
                try:
                    client.send(lines + b"x-api-key: " + field + b"\r\n\r\n")
                    assert 400 <= client.read_head().status < 500
                except ConnectionError:
                    pass  # cut off before it was read to its end


def test_s3_keys_that_differ_at_the_end_only(
    start_proxy: Callable[..., Proxy], mock: ThreadedMock
) -> None:
    # A JSON Web Token's first characters are the same for everybody.
    key = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + "a" * 60
    proxy = start_proxy(
        upstreams=[f"openai_chat={mock.url}"], env={"PROXY_API_KEY": key}, wait=True
    )
    for given, status in (
        (key, 200),
        (key[:-1] + "b", 401),
        (key[:20], 401),
        (key[:40] + "b" * (len(key) - 40), 401),
        (key + "a", 401),
        (key, 200),
    ):
        assert post(proxy, "openai_chat", [("x-api-key", given)]).status == status, given
    assert not (proxy.data_dir / "proxy-key").exists()


def test_s4_the_hash_of_a_key_is_no_key(shared_proxy: Proxy, wire_format: str) -> None:
    digest = hashlib.sha256(shared_proxy.key.encode())
    forms = [digest.hexdigest(), digest.hexdigest().upper()]
    forms += [base64.b64encode(digest.digest()).decode()]
    for form in (*forms, *("cgk_" + form for form in forms)):
        assert post(shared_proxy, wire_format, [("x-api-key", form)]).status == 401


def test_a_key_is_asked_for_before_a_body_is_read(shared_proxy: Proxy, wire_format: str) -> None:
    with RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), [("x-api-key", WRONG)], length=1000))
        answer = client.read_answer()
    check_error(answer, wire_format, 401, "invalid_proxy_key")
