"""Prometheus metrics, counted from finished records: the request path pays nothing for them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode("ascii")

MAX_LABELS = 200
"""Label values beyond this many are counted together as ``other``: clients choose model names."""

BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)

_BUCKETS_MS = tuple(seconds * 1000 for seconds in BUCKETS_S)

Gauge = tuple[str, str, Callable[[], float]]


class _Labels:
    """Bounds the values of one label."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def bound(self, value: str) -> str:
        if value in self._seen:
            return value
        if len(self._seen) >= MAX_LABELS or len(value) > 128:
            return "other"
        self._seen.add(value)
        return value


class Histogram:
    """Counts of durations by bucket."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        """Nothing was observed yet."""
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def observe(self, durations_ms: Sequence[float]) -> None:
        """Count durations."""
        self.sum_s += sum(durations_ms) / 1000
        counts = self.counts
        for ms in durations_ms:
            counts[bisect_left(_BUCKETS_MS, ms)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Bounds and how many were not above them."""
        total, out = 0, []
        for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), self.counts, strict=True):
            total += count
            out.append((bound, float(total)))
        return out


class Series:
    """The exchanges of one format, account, model and outcome. Counted by whoever holds it: all
    labels were looked up when it was made.

    ``cost`` is in 1e-12 USD; the histograms are those of the format.
    """

    __slots__ = (
        "cache_read",
        "cache_write",
        "cost",
        "duration",
        "first_byte",
        "input",
        "output",
        "requests",
    )

    def __init__(self, duration: Histogram, first_byte: Histogram) -> None:
        """Nothing was counted yet."""
        self.requests = 0
        self.input = 0
        self.output = 0
        self.cache_read = 0
        self.cache_write = 0
        self.cost = 0
        self.duration = duration
        self.first_byte = first_byte

    def tokens(self) -> tuple[tuple[str, int], ...]:
        """By kind."""
        return (
            ("input", self.input),
            ("output", self.output),
            ("cache_read", self.cache_read),
            ("cache_write", self.cache_write),
        )


class Metrics:
    """All counters of one worker. ``gauges`` are read when somebody scrapes."""

    def __init__(self, gauges: Iterable[Gauge] = ()) -> None:
        """``gauges`` are (name, help, reader)."""
        self._models = _Labels()
        self._accounts = _Labels()
        self._series: dict[tuple[str, str, str, str], Series] = {}
        self._attempts: dict[tuple[str, str], int] = {}
        self._refused: dict[str, int] = {}
        self._masked: dict[str, int] = {}
        self._duration: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._first_byte: defaultdict[str, Histogram] = defaultdict(Histogram)
        self._gauges = list(gauges)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def add_gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Add a value that is read at scrape time."""
        self._gauges.append((name, text, read))

    def series(self, *, account: str, model: str, outcome: str, wire_format: str) -> Series:
        """Where exchanges of that kind are counted."""
        key = (wire_format, self._accounts.bound(account), self._models.bound(model), outcome)
        found = self._series.get(key)
        if found is None:
            found = Series(self._duration[wire_format], self._first_byte[wire_format])
            self._series[key] = found
        return found

    def count_attempts(self, *, account: str, reason: str, count: int) -> None:
        """Tries at an upstream."""
        key = (self._accounts.bound(account), reason)
        self._attempts[key] = self._attempts.get(key, 0) + count

    def count_masked(self, category: str, count: int) -> None:
        """Findings of guardrails in one request."""
        self._masked[category] = self._masked.get(category, 0) + count

    def count_refused(self, code: str) -> None:
        """A caller that was turned away before it became an exchange."""
        self._refused[code] = self._refused.get(code, 0) + 1

    def render(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """See ``prometheus_client``'s custom collectors."""
        # A copy: the writer's thread counts while a scrape reads.
        series = list(self._series.items())
        tokens: Counter[tuple[str, str, str]] = Counter()
        costs: Counter[tuple[str, str]] = Counter()
        for (_, account, model, _), one in series:
            for kind, count in one.tokens():
                if count:
                    tokens[account, model, kind] += count
            if one.cost:
                costs[account, model] += one.cost
        yield _counter(
            "codegate_requests",
            "Exchanges that ended, by outcome.",
            ("format", "account", "model", "outcome"),
            {key: one.requests for key, one in series},
        )
        yield _counter(
            "codegate_attempts",
            "Tries at upstreams, by how they ended.",
            ("account", "reason"),
            self._attempts,
        )
        yield _counter(
            "codegate_tokens",
            "Tokens that upstreams reported.",
            ("account", "model", "kind"),
            tokens,
        )
        yield _counter(
            "codegate_cost_usd",
            "What exchanges cost by known prices.",
            ("account", "model"),
            {key: cost / 1e12 for key, cost in costs.items()},
        )
        yield _counter(
            "codegate_refused",
            "Requests refused before they were admitted.",
            ("code",),
            {(code,): count for code, count in self._refused.items()},
        )
        yield _counter(
            "codegate_masked",
            "Values that guardrails found in requests.",
            ("category",),
            {(category,): count for category, count in list(self._masked.items())},
        )
        for name, text, values in (
            ("codegate_request_duration_seconds", "From head to end.", self._duration),
            ("codegate_first_byte_seconds", "From head to first byte down.", self._first_byte),
        ):
            family = HistogramMetricFamily(name, text, labels=("format",))
            for wire_format, histogram in list(values.items()):
                if not any(histogram.counts):
                    continue
                family.add_metric((wire_format,), histogram.buckets(), histogram.sum_s)
            yield family
        for name, text, read in self._gauges:
            yield GaugeMetricFamily(name, text, value=read())


_Key = TypeVar("_Key", bound=tuple[str, ...])


def _counter(name: str, text: str, labels: tuple[str, ...], values: Mapping[_Key, float]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    # A copy: the writer's thread counts while a scrape reads.
    for key, count in list(values.items()):
        family.add_metric(key, count)
    return family
