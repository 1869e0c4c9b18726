"""One client request with everything that is learned about it on its way."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache

from codegate import native
from codegate.downstream.base import Header
from codegate.downstream.response import header_text
from codegate.requestlog.entry import AttemptRecord, LogEntry, Outcome
from codegate.routing.router import Upstream
from codegate.routing.traffic import Seat
from codegate.snapshot import Snapshot

_REQUEST_ID = {"anthropic_messages": b"request-id", "openai_chat": b"x-request-id"}
_ONE_ATTEMPT: Header = (b"x-codegate-attempts", b"1")


class Exchange:
    """The one mutable object of a request.

    Set at creation: ``request_id``, ``snapshot``, ``wire_format``, ``path``. By admission:
    ``tenant``. By parsing: ``model``, ``is_streaming``, ``bytes_in``, ``session``. By masking:
    ``masked``. By each attempt: ``attempts``, ``losses``, ``account``, ``upstream``,
    ``upstream_model``; ``seat`` by the one that commits. By the answer: ``status``,
    ``is_answered``, ``first_byte_s``, ``bytes_out``, ``usage``, ``malformed_events``,
    ``is_delivered``. At the
    end: ``outcome``, ``error_code``.
    """

    __slots__ = (
        "account",
        "attempts",
        "bytes_in",
        "bytes_out",
        "error_code",
        "first_byte_s",
        "is_answered",
        "is_delivered",
        "is_streaming",
        "losses",
        "malformed_events",
        "masked",
        "model",
        "outcome",
        "path",
        "request_id",
        "seat",
        "session",
        "snapshot",
        "started",
        "status",
        "tenant",
        "upstream",
        "upstream_model",
        "usage",
        "wire_format",
    )

    # By place, as in AttemptRecord: names would cost a thousand instructions.
    def __init__(self, request_id: str, snapshot: Snapshot, wire_format: str, path: str) -> None:
        """Start the clock."""
        self.request_id = request_id
        self.snapshot = snapshot
        self.wire_format = wire_format
        self.path = path
        self.started = time.monotonic()
        self.tenant = ""
        self.model = ""
        self.session = ""
        self.upstream: Upstream | None = None
        self.seat: Seat | None = None
        self.upstream_model = ""
        self.account = ""
        self.is_streaming = False
        self.bytes_in = 0
        self.bytes_out = 0
        self.attempts: list[AttemptRecord] = []
        self.status = 0
        self.is_answered = False
        self.is_delivered = False
        self.first_byte_s: float | None = None
        self.usage: native.Usage | None = None
        self.malformed_events = 0
        self.masked: tuple[tuple[str, int], ...] = ()
        self.losses: tuple[str, ...] = ()
        self.outcome: Outcome = "ok"
        self.error_code = ""

    def take(self, request: native.Request, head: native.Head) -> None:
        """Note what the parsed body says."""
        self.model = request.model
        self.is_streaming = request.is_streaming
        self.session = head.session or request.session_hint or ""

    @property
    def is_translated(self) -> bool:
        """Whether the upstream of the latest attempt speaks another format than the caller."""
        return self.upstream is not None and self.upstream.endpoint.format != self.wire_format

    def receipt(self) -> list[Header]:
        """The ``x-codegate-*`` headers that say which way the exchange went."""
        headers = [(b"x-codegate-request-id", self.request_id.encode("ascii"))]
        if self.account:
            headers += _way(self.account, self.upstream_model)
            count = len(self.attempts)
            headers.append(_ONE_ATTEMPT if count == 1 else (b"x-codegate-attempts", b"%d" % count))
        if self.masked:
            counts = ", ".join(f"{name}={count}" for name, count in self.masked)
            headers.append((b"x-codegate-masked", counts.encode("ascii")))
        upstream = self.upstream
        if upstream is not None and upstream.endpoint.format != self.wire_format:
            # Each SDK shows its own header to whoever asks for help.
            name = _REQUEST_ID[self.wire_format]
            headers.append((name, self.request_id.encode("ascii")))
        if self.losses:
            headers.append((b"x-codegate-conversion-loss", ",".join(self.losses).encode("ascii")))
        return headers

    def begin(self, status: int) -> None:
        """The commit point: from here on no other upstream can be tried."""
        self.is_answered = True
        self.status = status
        self.first_byte_s = time.monotonic() - self.started

    def entry(self) -> LogEntry:
        """The record of the finished exchange."""
        usage, upstream, settings = self.usage, self.upstream, self.snapshot.settings
        tokens_in = tokens_out = cache_read = cache_write = reasoning = cost = None
        if usage is not None:
            tokens_in, tokens_out = usage.input, usage.output
            cache_read, cache_write = usage.cache_read, usage.cache_write
            reasoning = usage.reasoning
            if tokens_in is not None or tokens_out is not None:
                price = self.snapshot.price(self.upstream_model)
                if price is not None:
                    cost = price.cost(
                        tokens_in or 0, tokens_out or 0, cache_read or 0, cache_write or 0
                    )
        masked, first_byte_s = self.masked, self.first_byte_s
        # One by one: a call that names so many takes eight times as long.
        entry = LogEntry.blank(not settings.request_logging, settings.access_log)
        entry.request_id = self.request_id
        entry.created_ms = time.time_ns() // 1_000_000
        entry.tenant = self.tenant
        entry.client_format = self.wire_format
        entry.path = self.path
        entry.model = self.model
        entry.upstream_model = self.upstream_model
        entry.account = self.account
        entry.attempts = tuple(self.attempts)
        entry.status = self.status
        entry.outcome = self.outcome
        entry.error_code = self.error_code
        entry.is_streaming = self.is_streaming
        entry.tokens_in = tokens_in
        entry.tokens_out = tokens_out
        entry.tokens_cache_read = cache_read
        entry.tokens_cache_write = cache_write
        entry.tokens_reasoning = reasoning
        entry.is_estimated = usage.is_estimated if usage else self._lacks_usage()
        entry.first_byte_ms = None if first_byte_s is None else in_ms(first_byte_s)
        entry.total_ms = in_ms(time.monotonic() - self.started)
        entry.bytes_in = self.bytes_in
        entry.bytes_out = self.bytes_out
        entry.malformed_events = self.malformed_events
        entry.masked_spans = sum([count for _, count in masked]) if masked else 0
        entry.masked = dict(masked) if masked else {}
        entry.losses = self.losses
        entry.session = _session(self.tenant, self.session) if self.session else ""
        if upstream is None:
            entry.upstream_format = entry.provider = entry.strategy = ""
        else:
            entry.upstream_format = upstream.endpoint.format
            entry.provider = upstream.account.provider
            entry.strategy = upstream.strategy
        entry.cost = cost
        return entry

    def _lacks_usage(self) -> bool:
        """Whether an answer that should have told its usage did not."""
        return self.outcome == "ok" and not self.path.endswith("/count_tokens")


@lru_cache(maxsize=1024)
def _way(account: str, model: str) -> tuple[Header, Header]:
    """The headers that name where an exchange went: the same for most of them."""
    return (
        (b"x-codegate-account", account.encode("ascii")),
        (b"x-codegate-upstream-model", header_text(model)),
    )


def in_ms(seconds: float) -> float:
    """Milliseconds with two decimals; ``round`` to decimals takes ten times as long, and a number
    that is none with a point takes the interpreter longer, too."""
    return (seconds * 100_000.0 + 0.5) // 1.0 / 100.0


def _session(tenant: str, hint: str) -> str:
    """A conversation's name as records may hold it: equal hints of one tenant are equal."""
    return hashlib.blake2b(f"{tenant}\0{hint}".encode(), digest_size=8).hexdigest()
