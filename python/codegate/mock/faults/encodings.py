"""Faults around content encodings. They ignore what the client says it accepts."""

import struct
import zlib
from collections.abc import Callable, Iterator

from codegate.mock.draft import Draft
from codegate.mock.faults.table import Fault
from codegate.mock.steps import Data, Framing, Step

_GZIP = 31
_MEGABYTE = 1024 * 1024
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_TAIL_BYTES = 8
_BLOCK_BYTES = 60_000


def gzip(draft: Draft) -> None:
    """Compressed, flushed after every event."""
    _encode(draft, "gzip", _gzip_steps)


def gzip_truncated(draft: Draft) -> None:
    """The last bytes are missing, the transfer is complete."""
    _encode(draft, "gzip", lambda steps: _edit_tail(_gzip_steps(steps), b""))


def gzip_bad_crc(draft: Draft) -> None:
    """Checksum and length do not fit the content."""
    _encode(draft, "gzip", lambda steps: _edit_tail(_gzip_steps(steps), b"\x00" * _TAIL_BYTES))


def gzip_lie(draft: Draft) -> None:
    """Declared, not done."""
    draft.headers.append(("content-encoding", "gzip"))


def gzip_double(draft: Draft) -> None:
    """Done and declared twice."""
    _encode(draft, "gzip, gzip", lambda steps: _gzip_steps(_gzip_steps(steps)))


def gzip_double_hidden(draft: Draft) -> None:
    """Done twice, declared once."""
    _encode(draft, "gzip", lambda steps: _gzip_steps(_gzip_steps(steps)))


def gzip_bomb(draft: Draft, mb: int) -> None:
    """The answer behind megabytes of padding that a reader of JSON or events would skip."""
    draft.framing = Framing.CHUNKED
    is_streaming = draft.is_streaming

    def edit(steps: Iterator[Step]) -> Iterator[Step]:
        line = b":" + b" " * (_MEGABYTE - 2) + b"\n" if is_streaming else b" " * _MEGABYTE
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        # A block that ends with a full flush stands alone, so it may be repeated.
        block = packer.compress(line) + packer.flush(zlib.Z_FULL_FLUSH)
        yield Data(_GZIP_HEAD)
        checksum = 0
        for _ in range(mb):
            checksum = zlib.crc32(line, checksum)
            yield Data(block)
        length = mb * _MEGABYTE
        for step in steps:
            if isinstance(step, Data):
                checksum = zlib.crc32(step.data, checksum)
                length += len(step.data)
                data = packer.compress(step.data) + packer.flush(zlib.Z_SYNC_FLUSH)
                step = Data(data, step.is_event)
            yield step
        yield Data(packer.flush() + struct.pack("<II", checksum, length % 2**32))

    _encode(draft, "gzip", edit)


def deflate(draft: Draft) -> None:
    """The zlib format, as the standard says."""
    _encode(draft, "deflate", lambda steps: _packed(steps, 15))


def zstd(draft: Draft) -> None:
    """Zstandard, with blocks that hold their content uncompressed."""
    _encode(draft, "zstd", lambda steps: _blocks(steps, _zstd_block, b"\x01\x00\x00"))


def brotli(draft: Draft) -> None:
    """Brotli, with blocks that hold their content uncompressed."""
    _encode(draft, "br", lambda steps: _blocks(steps, _brotli_block, b"\x03"))


def _encode(draft: Draft, encoding: str, edit: Callable[[Iterator[Step]], Iterator[Step]]) -> None:
    draft.headers.append(("content-encoding", encoding))
    draft.body_edits.append(edit)


def _gzip_steps(steps: Iterator[Step]) -> Iterator[Step]:
    return _packed(steps, _GZIP)


def _packed(steps: Iterator[Step], window_bits: int) -> Iterator[Step]:
    packer = zlib.compressobj(6, zlib.DEFLATED, window_bits)
    for step in steps:
        if isinstance(step, Data):
            data = packer.compress(step.data) + packer.flush(zlib.Z_SYNC_FLUSH)
            step = Data(data, step.is_event)
        yield step
    yield Data(packer.flush())


def _edit_tail(steps: Iterator[Step], tail: bytes) -> Iterator[Step]:
    """Replace the last eight bytes, which are all in the last `Data`."""
    held: Data | None = None
    for step in steps:
        if not isinstance(step, Data):
            yield step
            continue
        if held is not None:
            yield held
        held = step
    if held is not None:
        yield Data(held.data[:-_TAIL_BYTES] + tail)


def _blocks(
    steps: Iterator[Step], block: Callable[[bytes, bool], bytes], end: bytes
) -> Iterator[Step]:
    is_first = True
    for step in steps:
        if isinstance(step, Data):
            parts: list[bytes] = []
            for start in range(0, len(step.data), _BLOCK_BYTES):
                parts.append(block(step.data[start : start + _BLOCK_BYTES], is_first))
                is_first = False
            step = Data(b"".join(parts), step.is_event)
        yield step
    yield Data(end)


def _zstd_block(data: bytes, is_first: bool) -> bytes:
    # RFC 8878: magic number, no flags, a window of 128 KiB; then raw blocks (type 0).
    head = b"\x28\xb5\x2f\xfd\x00\x38" if is_first else b""
    return head + struct.pack("<I", len(data) << 3)[:3] + data


def _brotli_block(data: bytes, is_first: bool) -> bytes:
    # RFC 7932, 9.2: not last, four nibbles of length minus one, uncompressed. The stream's first
    # bit states a window of 64 KiB.
    bits = (len(data) - 1) << 3 | 1 << 19
    return struct.pack("<I", bits << 1 if is_first else bits)[:3] + data


FAULTS = (
    Fault("gzip", "Compressed with gzip.", gzip),
    Fault("deflate", "Compressed with deflate.", deflate),
    Fault("br", "In a Brotli stream.", brotli),
    Fault("zstd", "In a Zstandard frame.", zstd),
    Fault("gzip-truncated", "The last bytes of the gzip stream are missing.", gzip_truncated),
    Fault("gzip-bad-crc", "The gzip checksum is wrong.", gzip_bad_crc),
    Fault("gzip-lie", "`content-encoding: gzip` on plain bytes.", gzip_lie),
    Fault("gzip-double", "gzip twice, declared twice.", gzip_double),
    Fault("gzip-double-hidden", "gzip twice, declared once.", gzip_double_hidden),
    Fault("gzip-bomb-<mb>", "Padding that unpacks to that many megabytes.", gzip_bomb),
)
