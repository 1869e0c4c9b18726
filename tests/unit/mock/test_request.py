"""The request reader: what it takes, at any cut, and what it refuses."""

import pytest

from codegate.mock.request import BadRequestError, HttpRequest, RequestReader

PLAIN = b"POST /v1/messages?a=1&b=%20x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /x HTTP/1.1\r\nhost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nx-trailer: 1\r\n\r\n"
)
EMPTY = b"GET /health HTTP/1.0\r\n\r\n"


def read_all(data: bytes, size: int) -> list[HttpRequest]:
    reader = RequestReader(body_limit=1000)
    found = []
    for start in range(0, len(data), size):
        reader.feed(data[start : start + size])
        while (request := reader.read_request()) is not None:
            found.append(request)
    assert reader.waiting_bytes == 0
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_requests_are_the_same_at_any_cut(size: int) -> None:
    plain, chunked, empty = read_all(PLAIN + CHUNKED + EMPTY, size)
    assert plain.head.method == "POST"
    assert plain.head.path == "/v1/messages"
    assert plain.head.query == {"a": "1", "b": " x"}
    assert plain.head.headers == (("host", "h"), ("content-length", "5"))
    assert plain.body == b"hello"
    assert chunked.body == b"hello"
    assert empty.body == b""
    assert empty.head.is_http10


def test_head_is_known_before_the_body() -> None:
    reader = RequestReader(body_limit=1000)
    reader.feed(PLAIN[:-3])
    assert reader.read_request() is None
    assert reader.head is not None
    assert reader.head.path == "/v1/messages"


@pytest.mark.parametrize(
    ("block", "status"),
    [
        (b"GET /x\r\n\r\n", 400),
        (b"GET /x HTTP/2.0\r\nhost: h\r\n\r\n", 400),
        (b"GET  /x HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nhost: h\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost : h\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost: h\r\n folded\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost: h\r\nno colon\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost: h\r\nx: a\x00b\r\n\r\n", 400),
        (b"GET /x HTTP/1.1\r\nhost: h\r\nx: a\nb: c\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: +4\r\n\r\n", 400),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        (
            b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n"
            b"transfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n", 501),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: 1001\r\n\r\n", 413),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", 400),
        (b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc", 400),
        (
            b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n"
            + b"a" * 2000,
            413,
        ),
        (
            b"POST /x HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n" + b"1" * 5000,
            400,
        ),
        (b"GET /x HTTP/1.1\r\nx: " + b"a" * 300_000, 431),
    ],
)
def test_bad_requests_are_refused(block: bytes, status: int) -> None:
    reader = RequestReader(body_limit=1000)
    reader.feed(block)
    with pytest.raises(BadRequestError) as caught:
        reader.read_request()
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nhost: h\r\nconnection: Close\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\n\r\n", True),
        (b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", False),
    ],
)
def test_connection_persistence(head: bytes, closes: bool) -> None:
    (request,) = read_all(head, 100)
    assert request.head.wants_close is closes
