"""Answers that are compressed, well and badly."""

import json
import zlib
from collections.abc import Callable

import pytest

from codegate.mock import ThreadedMock
from tests.unit.mock.faulty import Ask, ask_for, both, streamed, texts
from tests.unit.mock.raw import Response, chat


def unpacked(response: Response, *, times: int = 1) -> bytes:
    data = response.body
    for _ in range(times):
        reader = zlib.decompressobj(31)
        data = reader.decompress(data)
        assert reader.eof
        assert reader.unused_data == b""
    return data


@both
@streamed
def test_gzip(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "gzip", stream=stream)
    assert response.header("content-encoding") == "gzip"
    plain = unpacked(response)
    response.body = plain
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


@streamed
def test_gzip_lies(mock: ThreadedMock, stream: bool) -> None:
    lie = ask_for(mock, chat, "gzip-lie", stream=stream)
    assert lie.header("content-encoding") == "gzip"
    assert lie.body.startswith(b"data:" if stream else b"{")
    double = ask_for(mock, chat, "gzip-double", stream=stream)
    assert double.header("content-encoding") == "gzip, gzip"
    assert b"hello" not in unpacked(double)
    hidden = ask_for(mock, chat, "gzip-double-hidden", stream=stream)
    assert hidden.header("content-encoding") == "gzip"
    assert len(unpacked(hidden, times=2)) > 100
    truncated = ask_for(mock, chat, "gzip-truncated", stream=stream)
    reader = zlib.decompressobj(31)
    assert reader.decompress(truncated.body)
    assert not reader.eof
    assert truncated.end == "complete"
    with pytest.raises(zlib.error, match="incorrect data check"):
        zlib.decompress(ask_for(mock, chat, "gzip-bad-crc", stream=stream).body, 31)


@both
@streamed
def test_gzip_bomb(mock: ThreadedMock, ask: Ask, stream: bool) -> None:
    response = ask_for(mock, ask, "gzip-bomb-5", stream=stream)
    assert len(response.body) < 50_000
    plain = unpacked(response)
    assert len(plain) > 5 * 1024 * 1024
    response.body = plain
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]


def test_deflate(mock: ThreadedMock) -> None:
    response = ask_for(mock, chat, "deflate")
    assert response.header("content-encoding") == "deflate"
    assert json.loads(zlib.decompress(response.body))["id"]


def unpack_zstd(data: bytes) -> bytes:
    """A frame whose blocks are all raw (RFC 8878, 3.1.1)."""
    assert data[:4] == b"\x28\xb5\x2f\xfd"
    found, position = b"", 6
    while True:
        head = int.from_bytes(data[position : position + 3], "little")
        assert head >> 1 & 3 == 0
        position += 3
        found += data[position : position + (head >> 3)]
        position += head >> 3
        if head & 1:
            assert position == len(data)
            return found


def unpack_brotli(data: bytes) -> bytes:
    """A stream whose meta-blocks are all uncompressed (RFC 7932, 9.2)."""
    found, position, skip = b"", 0, 1
    while True:
        bits = int.from_bytes(data[position : position + 3], "little") >> skip
        if bits & 1:
            assert data[position:] == b"\x03"
            return found
        assert bits >> 1 & 3 == 0
        assert bits >> 19 & 1 == 1
        length = (bits >> 3 & 0xFFFF) + 1
        position += 3
        found += data[position : position + length]
        position, skip = position + length, 0


@streamed
@pytest.mark.parametrize(
    ("fault", "unpack"), [("zstd", unpack_zstd), ("br", unpack_brotli)], ids=["zstd", "br"]
)
def test_newer_encodings(
    mock: ThreadedMock, stream: bool, fault: str, unpack: Callable[[bytes], bytes]
) -> None:
    response = ask_for(mock, chat, fault, stream=stream)
    assert response.header("content-encoding") == fault
    response.body = unpack(response.body)
    if stream:
        assert texts(response) == "You said: hello over there"
    else:
        assert response.json()["id"]
    large = ask_for(mock, chat, f"event-of-200000+{fault}")
    assert len(unpack(large.body)) > 200_000
