"""F56 to F61: bodies that are too large, no JSON, too deep, ambiguous or odd."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator

import pytest

from codegate.mock.journal import Entry
from codegate.mock.provider import ThreadedMock
from tests.support.invariants import check_error, nothing_left, rows, wait_rows
from tests.support.proxy import Proxy, running, wait_until
from tests.support.raw import Answer, RawClient, head, headers_of, path_of, request

MIB = 1024 * 1024
FAST_S = 1.0
"""Ten times what is promised."""

_numbers = itertools.count()


def body_of(wire_format: str, model: str, *, content: str = '"hi"', extra: str = "") -> bytes:
    """A body with a JSON text as content and a text of further members."""
    limit = '"max_tokens":16,' if wire_format == "anthropic_messages" else ""
    messages = f'[{{"role":"user","content":{content}}}]'
    return f'{{"model":"{model}",{limit}{extra}"messages":{messages}}}'.encode()


def unique() -> str:
    """A model name that is no other test's."""
    return f"mock-body-{next(_numbers)}"


def post(proxy: Proxy, wire_format: str, body: bytes) -> Answer:
    """Send ``body`` as it is."""
    headers = headers_of(wire_format, proxy.key)
    return request(proxy.port, "POST", path_of(wire_format), headers, body)


def received(mock: ThreadedMock, body: bytes) -> list[Entry]:
    """What the upstream got with exactly these bytes."""
    return [entry for entry in mock.journal if entry.body == body]


def test_f56_a_declared_size_over_the_limit_is_refused_unread(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    before = shared_mock.journal.count
    headers = headers_of(wire_format, shared_proxy.key)
    with nothing_left(shared_proxy), RawClient(shared_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers, length=100 * MIB))
        answer = client.read_answer()
        assert time.monotonic() - client.started < FAST_S
        message = check_error(answer, wire_format, 413, "body_too_large")
        assert "max_body_bytes" in message
        assert answer.header("connection") == "close"
        assert client.read_some() == b"", "the connection stays open"
    assert shared_mock.journal.count == before


@pytest.fixture(scope="module")
def small_proxy(
    shared_mock: ThreadedMock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A proxy that takes 1 MiB a body and 4 MiB together."""
    with running(
        tmp_path_factory.mktemp("small") / "data",
        upstreams=[f"{name}={shared_mock.url}" for name in ("anthropic_messages", "openai_chat")],
        settings={"max_body_bytes": MIB, "max_bodies_bytes": 4 * MIB, "body_timeout_s": 10},
    ) as proxy:
        yield proxy


def test_f56_a_chunked_body_is_refused_at_the_limit(
    small_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    before = shared_mock.journal.count
    headers = [*headers_of(wire_format, small_proxy.key), ("transfer-encoding", "chunked")]
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    known = len(rows(small_proxy, ""))
    with nothing_left(small_proxy), RawClient(small_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers))
        sent = 0
        try:
            while sent < 100 * MIB:
                client.socket.sendall(chunk)
                sent += 65536
        except OSError:
            pass  # the proxy closed without reading on
        assert sent < 100 * MIB, "everything was read"
        # An answer sent before the close may have been lost to the reset: that is TCP.
        (row,) = wait_rows(small_proxy, "", known + 1)[known:]
    assert row["status"] == 413
    assert row["error_code"] == "body_too_large"
    assert shared_mock.journal.count == before


def test_f56_a_chunked_body_just_over_the_limit_gets_its_answer(
    small_proxy: Proxy, wire_format: str
) -> None:
    headers = [*headers_of(wire_format, small_proxy.key), ("transfer-encoding", "chunked")]
    size = MIB + 1
    with nothing_left(small_proxy), RawClient(small_proxy.port) as client:
        client.send(head("POST", path_of(wire_format), headers))
        client.socket.sendall(b"%x\r\n" % size + b"x" * size + b"\r\n")
        answer = client.read_answer()
    check_error(answer, wire_format, 413, "body_too_large")
    assert answer.header("connection") == "close"


def test_f56_all_bodies_together_are_bounded(small_proxy: Proxy, wire_format: str) -> None:
    headers = headers_of(wire_format, small_proxy.key)
    start = head("POST", path_of(wire_format), headers, length=MIB)
    holders = [RawClient(small_proxy.port) for _ in range(4)]
    with nothing_left(small_proxy, descriptors=8):
        for client in holders:
            client.send(start + b"{")
        wait_until(lambda: small_proxy.health()["exchanges"] == 4)
        with RawClient(small_proxy.port) as client:
            client.send(start)
            answer = client.read_answer()
        check_error(answer, wire_format, 503, "overloaded")
        assert answer.header("retry-after") == "1"
        for client in holders:
            client.close()
        small_proxy.wait_idle()
        # What was given back can be taken again.
        good = post(small_proxy, wire_format, body_of(wire_format, "mock-large"))
        assert good.status == 200


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"0", b" \r\n\t ", b"{", b"\xff"])
def test_f57_what_is_no_object_is_refused(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, body: bytes
) -> None:
    before = shared_mock.journal.count
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, body)
    message = check_error(answer, wire_format, 400, "bad_request")
    assert ("it is empty" in message) == (not body.strip())
    assert shared_mock.journal.count == before


def test_f57_no_body_at_all(shared_proxy: Proxy, wire_format: str) -> None:
    headers = headers_of(wire_format, shared_proxy.key)
    answer = request(shared_proxy.port, "POST", path_of(wire_format), headers)
    check_error(answer, wire_format, 400, "bad_request")


@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_f58_deep_nesting_is_refused_and_moderate_depth_passes(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, opened: str, closed: str
) -> None:
    def nested(levels: int) -> bytes:
        content = opened * levels + "1" + closed * levels
        return body_of(wire_format, unique(), extra=f'"metadata":{content},')

    with nothing_left(shared_proxy, growth_kib=32 * 1024):
        for body in (nested(100_000), nested(257), b"[" * 100_000):
            started = time.monotonic()
            answer = post(shared_proxy, wire_format, body)
            assert time.monotonic() - started < FAST_S
            check_error(answer, wire_format, 400, "bad_request")
        for levels in (128, 250):
            passed = nested(levels)
            post(shared_proxy, wire_format, passed)
            assert len(received(shared_mock, passed)) == 1


def test_f58_depth_inside_a_string_is_text(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    content = json.dumps("[" * 100_000)
    body = body_of(wire_format, unique(), content=content)
    with nothing_left(shared_proxy):
        assert post(shared_proxy, wire_format, body).status == 200
    assert len(received(shared_mock, body)) == 1


@pytest.mark.parametrize(
    "extra",
    [
        '"model":"other",',
        '"stream":false,"stream":true,',
        '"messages":[],',
        '"max_tokens":1,"max_tokens":99999,',
        '"mod\\u0065l":"other",',
        '"\\u0073tream":true,"stream":false,',
    ],
)
def test_f59_a_member_given_twice_is_refused(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, extra: str
) -> None:
    before = shared_mock.journal.count
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, body_of(wire_format, unique(), extra=extra))
    message = check_error(answer, wire_format, 400, "bad_request")
    assert "twice" in message or "more than once" in message
    assert shared_mock.journal.count == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "+1", "01", ".5", "1."])
def test_f60_a_top_level_member_that_is_no_number_is_refused(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, number: str
) -> None:
    before = shared_mock.journal.count
    extra = f'"temperature":{number},'
    answer = post(shared_proxy, wire_format, body_of(wire_format, unique(), extra=extra))
    check_error(answer, wire_format, 400, "bad_request")
    assert shared_mock.journal.count == before


@pytest.mark.parametrize(
    "text", ["1e999", "-0", "18446744073709551616", "1.0", "1E+2", "1" * 40, "0.10000000000000000"]
)
def test_f60_numbers_go_up_with_the_text_they_came_with(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, text: str
) -> None:
    extra = f'"x_number":{text},"metadata":{{"n":[{text}]}},'
    body = body_of(wire_format, unique(), extra=extra)
    with nothing_left(shared_proxy):
        post(shared_proxy, wire_format, body)
    assert len(received(shared_mock, body)) == 1


def test_f60_nested_nonsense_is_for_the_upstream_to_judge(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = body_of(wire_format, unique(), extra='"metadata":{"n":NaN},')
    answer = post(shared_proxy, wire_format, body)
    assert answer.status == 400
    assert len(received(shared_mock, body)) == 1


@pytest.mark.parametrize(
    "content",
    [
        '"\\ud800"',
        '"\\udfff\\ud800 tail"',
        '"\\u0000"',
        '"line\u2028separator\u2029"',
        '[{"type":"text","text":"\\ud83d"}]',
    ],
)
def test_f61_odd_characters_pass_as_they_are(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str, content: str
) -> None:
    body = body_of(wire_format, unique(), content=content)
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, body)
    assert answer.status < 500
    assert len(received(shared_mock, body)) == 1


def test_f61_a_lone_surrogate_in_a_name(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = body_of(wire_format, unique(), extra='"\\ud800":1,"x\\u0000y":2,')
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, body)
    assert answer.status in {200, 400}
    if answer.status == 200:
        assert len(received(shared_mock, body)) == 1


def test_f61_a_lone_surrogate_as_the_model(
    shared_proxy: Proxy, shared_mock: ThreadedMock, wire_format: str
) -> None:
    body = body_of(wire_format, f"mock-\\ud800-{unique()}")
    with nothing_left(shared_proxy):
        answer = post(shared_proxy, wire_format, body)
    assert answer.status < 500
    assert answer.is_complete
    assert len(received(shared_mock, body)) == 1


def test_a_compressed_body_is_refused_with_what_to_do(
    shared_proxy: Proxy, wire_format: str
) -> None:
    headers = [*headers_of(wire_format, shared_proxy.key), ("content-encoding", "gzip")]
    answer = request(shared_proxy.port, "POST", path_of(wire_format), headers, b"\x1f\x8b\x08")
    message = check_error(answer, wire_format, 400, "bad_request")
    assert "uncompressed" in message
