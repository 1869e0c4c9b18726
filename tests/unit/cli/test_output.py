"""What commands print."""

from __future__ import annotations

import pytest
import typer

from codegate.cli import module_of
from codegate.cli.accounts import _health_words
from codegate.cli.output import cell_text, print_table, time_text
from codegate.cli.since import since_ms


@pytest.mark.parametrize(
    "text", ["a\nb", "a\r\nb", "\x1b[31mred\x1b[0m", "tab\there", "bell\x07", "c1\x9b31m"]
)
def test_s33_a_name_cannot_steer_the_terminal(text: str) -> None:
    shown = cell_text(text)
    assert shown.isprintable()


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("a", "long"), [("wider", None), ("x", True)], "nothing")
    assert capsys.readouterr().out == "A      LONG\nwider  -\nx      yes\n"
    print_table(("a",), [], "nothing")
    assert capsys.readouterr().out == "nothing\n"


def test_times_are_utc() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert since_ms("1970-01-02") == 86_400_000


@pytest.mark.parametrize("text", ["999999w", "0001-01-01"])
def test_nothing_was_before_1970(text: str) -> None:
    assert since_ms(text) == 0
    assert since_ms("1970-01-01T01:00:00+01:00") == 0
    assert since_ms("1h") - since_ms("2h") == pytest.approx(3_600_000, abs=1000)
    for text in ("", "h", "1y", "soon", "-1h"):
        with pytest.raises(typer.BadParameter):
            since_ms(text)


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["--version"], ""),
        (["accounts", "list"], "accounts"),
        (["proxy"], "serve"),
        ([], None),
        (["--help"], None),
        (["nonsense"], None),
        (["state"], None),
        (["../../x"], None),
    ],
)
def test_only_what_a_command_needs_is_loaded(arguments: list[str], module: str | None) -> None:
    assert module_of(arguments) == module


def test_health_is_told_in_words() -> None:
    key = {"state": "healthy", "reason": None, "until": None, "faults": 0}
    assert _health_words(None) is None
    assert _health_words(key) == "healthy"
    cooling = {"state": "cooling", "reason": "rate_limited", "until": "2026-11-21T10:00:00Z"}
    assert (
        _health_words({**cooling, "faults": 2, "keys": [key]})
        == "cooling (rate_limited) until 2026-11-21T10:00:00Z, faults: 2; key 1: healthy"
    )
