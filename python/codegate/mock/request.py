"""HTTP/1.1 requests from bytes, without a socket: strict, so that a sloppy client is noticed."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from codegate.mock.steps import Header

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([!-~]+) HTTP/1\.([01])")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_BAD_VALUE = re.compile(rb"[\x00\r\n]")
_HEAD_LIMIT = 256 * 1024
_CHUNK_LINE_LIMIT = 4096


class BadRequestError(Exception):
    """The bytes are not an acceptable HTTP/1.1 request; the connection cannot go on."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """Request line and headers; header names are lower case, in the order of arrival."""

    method: str
    target: str
    headers: tuple[Header, ...]
    protocol: str = "http/1.1"
    is_http10: bool = False

    def header(self, name: str) -> str | None:
        """The first value of `name` (lower case)."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def path(self) -> str:
        """The target without its query, percent-decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """Query members; the last one of a name counts."""
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def wants_close(self) -> bool:
        """Whether the client asks for the connection to end with the answer."""
        options = (self.header("connection") or "").lower()
        return "close" in options or (self.is_http10 and "keep-alive" not in options)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request with its whole body, transfer coding removed."""

    head: RequestHead
    body: bytes


class RequestReader:
    """Collects bytes and yields requests one at a time.

    `head` is the head of the request being read, as soon as it is complete.
    """

    def __init__(self, *, body_limit: int) -> None:
        self.head: RequestHead | None = None
        self._buffer = bytearray()
        self._body = bytearray()
        self._body_limit = body_limit
        self._length: int | None = None
        self._chunk_left = 0
        self._is_last_chunk = False

    @property
    def waiting_bytes(self) -> int:
        """Bytes received and not yet part of a complete request."""
        return len(self._buffer) + len(self._body)

    def feed(self, data: bytes) -> None:
        """Add bytes from the connection."""
        self._buffer += data

    def read_head(self) -> RequestHead | None:
        """The head of the next request, None while it is incomplete. Raises BadRequestError."""
        if self.head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _HEAD_LIMIT:
                    raise BadRequestError(431, "request head too large")
                return None
            block = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            self.head = _parse_head(block)
            self._length = _body_length(self.head)
            if self._length is not None and self._length > self._body_limit:
                raise BadRequestError(413, "request body too large")
        return self.head

    def read_request(self) -> HttpRequest | None:
        """The next complete request, None while bytes are missing. Raises BadRequestError."""
        head = self.read_head()
        if head is None or not self._read_body():
            return None
        request = HttpRequest(head=head, body=bytes(self._body))
        self.head = None
        self._body.clear()
        self._is_last_chunk = False
        return request

    def _read_body(self) -> bool:
        if self._length is None:
            return self._read_chunks()
        missing = self._length - len(self._body)
        self._body += self._buffer[:missing]
        del self._buffer[:missing]
        return len(self._body) == self._length

    def _read_chunks(self) -> bool:
        while True:
            if self._chunk_left > 2:
                part = self._buffer[: self._chunk_left - 2]
                self._body += part
                del self._buffer[: len(part)]
                self._chunk_left -= len(part)
                if len(self._body) > self._body_limit:
                    raise BadRequestError(413, "request body too large")
                if self._chunk_left > 2:
                    return False
            if self._chunk_left:
                if len(self._buffer) < 2:
                    return False
                if self._buffer[:2] != b"\r\n":
                    raise BadRequestError(400, "chunk does not end with CRLF")
                del self._buffer[:2]
                self._chunk_left = 0
            line = self._take_line()
            if line is None:
                return False
            if self._is_last_chunk:
                if not line:
                    return True
                continue
            match = _CHUNK_SIZE.fullmatch(line)
            if match is None:
                raise BadRequestError(400, "bad chunk size")
            size = int(match[1], 16)
            self._is_last_chunk = size == 0
            self._chunk_left = size + 2 if size else 0

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end < 0:
            if len(self._buffer) > _CHUNK_LINE_LIMIT:
                raise BadRequestError(400, "chunk line too long")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _parse_head(block: bytes) -> RequestHead:
    first, *lines = block.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise BadRequestError(400, "bad request line")
    headers: list[Header] = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name) is None or _BAD_VALUE.search(value):
            raise BadRequestError(400, "bad header line")
        headers.append((name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")))
    head = RequestHead(
        method=match[1].decode("ascii"),
        target=match[2].decode("ascii"),
        headers=tuple(headers),
        is_http10=match[3] == b"0",
    )
    hosts = sum(name == "host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and not head.is_http10):
        raise BadRequestError(400, "exactly one Host header is required")
    return head


def _body_length(head: RequestHead) -> int | None:
    """Body length in bytes, None for chunked."""
    lengths = [value for name, value in head.headers if name == "content-length"]
    codings = [value.lower() for name, value in head.headers if name == "transfer-encoding"]
    if codings:
        if lengths:
            raise BadRequestError(400, "both content-length and transfer-encoding")
        if codings != ["chunked"]:
            raise BadRequestError(501, "unsupported transfer-encoding")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
        raise BadRequestError(400, "bad content-length")
    return int(lengths[0])
