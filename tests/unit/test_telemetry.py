"""Log lines and metrics: one line each, bounded, without what was processed."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import replace

import pytest

from codegate.proxy.records import Records, exchange_line
from codegate.requestlog.entry import AttemptRecord
from codegate.telemetry.logging import MAX_VALUE, JsonFormatter, LineStream, clean, where
from codegate.telemetry.metrics import MAX_LABELS, Metrics
from tests.unit.test_requestlog import ENTRY


@pytest.mark.parametrize(
    "text",
    [
        "a\nb",
        "a\r\nb",
        "\x1b[31m",
        "\u2028\u2029\u0085\x0b\x0c",
        "\x7f\x80\x9b",
        "\u202e\u2066",
        "\ud800",
    ],
)
def test_s33_no_text_breaks_its_line(text: str) -> None:
    line = json.dumps({"x": clean(text)}, ensure_ascii=False)
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert isinstance(json.loads(line)["x"], str)


def test_s33_readable_text_stays_readable() -> None:
    for text in ("plain text", "h\u00fcllo \u4e2d\u6587 \U0001f600", 'a "quoted" \\ text', ""):
        assert clean(text) == text


def test_s33_long_text_is_cut() -> None:
    for text in ("x" * 1_000_000, "\u2028" * 1_000_000):
        cut = clean(text)
        assert isinstance(cut, str)
        assert len(cut) <= 6 * MAX_VALUE + 1
        assert cut.endswith("…")


def test_values_keep_their_kind_and_objects_become_text() -> None:
    for value in (1, 1.5, True, None):
        assert clean(value) is value
    assert clean(["a\n"]) == "['a\\n']"


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    """A log record as the logging module makes it."""
    made = logging.LogRecord("codegate.x", logging.WARNING, "f.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


def test_a_line_is_json_with_its_extra_members() -> None:
    text = JsonFormatter().format(record("hello %s", "wor\nld", account="a\u2028b", limit=3))
    assert len(text.splitlines()) == 1
    value = json.loads(text)
    assert (value["level"], value["logger"]) == ("warning", "codegate.x")
    assert value["message"] == "hello wor\nld"
    assert value["limit"] == 3
    assert value["account"] == "a\\u2028b"


def test_an_exception_is_told_by_type_and_place_only() -> None:
    try:
        json.loads("cgk_canary")
    except ValueError as error:
        made = record("it failed")
        made.exc_info = (type(error), error, error.__traceback__)
        text = JsonFormatter().format(made)
        assert json.loads(text)["error"].startswith("JSONDecodeError in json.decoder.")
        assert "canary" not in text
        assert "Traceback" not in text
    assert where(KeyError("cgk_canary")) == "KeyError"


def test_a_stream_that_cannot_be_written_ends_nothing() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    LineStream(Full()).write_lines("x\n")
    closed = io.StringIO()
    closed.close()
    LineStream(closed).write_lines("x\n")


def test_the_line_of_an_exchange() -> None:
    value = json.loads(exchange_line(ENTRY))
    assert value["logger"] == "codegate.exchange"
    assert value["request_id"] == "req_1"
    assert value["time"] == "1970-01-01T00:00:00.000+00:00"
    assert value["attempts"] == []


def test_labels_that_clients_choose_are_bounded() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.series(
            account="a", model=f"model-{number}", outcome="ok", wire_format="openai_chat"
        ).requests += 1
    metrics.series(
        account="a", model="x" * 129, outcome="ok", wire_format="openai_chat"
    ).requests += 1
    text = metrics.render().decode()
    rows = [row for row in text.splitlines() if row.startswith("codegate_requests_total{")]
    assert len(rows) == MAX_LABELS + 1
    (other,) = [row for row in rows if 'model="other"' in row]
    assert other.endswith(f" {1001 - MAX_LABELS}.0")


def test_a_label_cannot_break_the_metrics_text() -> None:
    metrics = Metrics()
    name = 'a"} 1\nforged_total 5\n\\'
    metrics.series(account=name, model=name, outcome="ok", wire_format="openai_chat").requests += 1
    assert "\nforged_total" not in metrics.render().decode()


def test_durations_fall_into_their_buckets() -> None:
    metrics = Metrics()
    series = metrics.series(account="a", model="m", outcome="ok", wire_format="openai_chat")
    series.duration.observe([10.0, 50.0, 200.0])
    series.duration.observe([1_000_000.0])
    text = metrics.render().decode()
    name = "codegate_request_duration_seconds"
    assert f'{name}_bucket{{format="openai_chat",le="0.05"}} 2.0' in text
    assert f'{name}_bucket{{format="openai_chat",le="0.25"}} 3.0' in text
    assert f'{name}_bucket{{format="openai_chat",le="+Inf"}} 4.0' in text
    assert f'{name}_sum{{format="openai_chat"}} 1000.26' in text
    assert "codegate_first_byte_seconds_bucket" not in text


def test_batches_add_up_to_what_is_shown() -> None:
    metrics = Metrics()
    records = Records(metrics, LineStream())
    tries = tuple(AttemptRecord(account="a", reason=reason, ms=1.0) for reason in ("reset", "ok"))
    one = replace(
        ENTRY,
        account="a",
        model="asked",
        upstream_model="sent",
        attempts=tries,
        outcome="ok",
        tokens_in=3,
        tokens_out=0,
        tokens_cache_read=2,
        tokens_cache_write=None,
        cost=5 * 10**11,
        total_ms=70.0,
        first_byte_ms=20.0,
        masked={"email": 2},
    )
    failed = replace(one, outcome="upstream_error", cost=None, first_byte_ms=None, masked={})
    records.consume([one, one])
    records.consume([replace(failed, _is_silent=True)])
    shown = set(metrics.render().decode().splitlines())
    asked, of_format = 'account="a",model="sent"', f'format="{ENTRY.client_format}"'
    exchanges = f'codegate_requests_total{{account="a",{of_format},model="sent",outcome='
    assert {
        f'{exchanges}"ok"}} 2.0',
        f'{exchanges}"upstream_error"}} 1.0',
        'codegate_attempts_total{account="a",reason="reset"} 3.0',
        'codegate_tokens_total{account="a",kind="input",model="sent"} 9.0',
        'codegate_tokens_total{account="a",kind="cache_read",model="sent"} 6.0',
        f"codegate_cost_usd_total{{{asked}}} 1.0",
        'codegate_masked_total{category="email"} 4.0',
        f"codegate_request_duration_seconds_count{{{of_format}}} 3.0",
        f"codegate_first_byte_seconds_count{{{of_format}}} 2.0",
    } <= {sorted_labels(row) for row in shown}
    assert not any('kind="output"' in row or 'kind="cache_write"' in row for row in shown)


def sorted_labels(row: str) -> str:
    """A metric's line with its labels in the order of the alphabet."""
    name, brace, rest = row.partition("{")
    labels, end, value = rest.partition("}")
    return name + brace + ",".join(sorted(labels.split(","))) + end + value


def test_gauges_are_read_when_asked() -> None:
    values = iter((1.0, 2.0))
    metrics = Metrics()
    metrics.add_gauge("codegate_test", "A test.", lambda: next(values))
    assert "codegate_test 1.0" in metrics.render().decode()
    assert "codegate_test 2.0" in metrics.render().decode()
