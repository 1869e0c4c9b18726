"""How settings are read from text."""

from __future__ import annotations

from dataclasses import fields

import pytest

from codegate.errors import ConfigError
from codegate.settings.settings import Settings, parse


def test_every_setting_can_be_given_as_text() -> None:
    for field in fields(Settings):
        text = "off" if field.default is True else "on" if field.default is False else "7"
        changed = parse(Settings(), [(field.name, text)])
        value = getattr(changed, field.name)
        assert value != field.default
        assert type(value) is type(field.default)
        unchanged = {f.name: getattr(changed, f.name) for f in fields(Settings)} | {
            field.name: field.default
        }
        assert Settings(**unchanged) == Settings()


def test_the_last_value_wins() -> None:
    pairs = [("idle_timeout_s", "1"), ("idle_timeout_s", "2.5")]
    assert parse(Settings(), pairs).idle_timeout_s == 2.5


@pytest.mark.parametrize(
    ("text", "value"), [("ON", True), ("yes", True), ("1", True), ("0", False)]
)
def test_switches(text: str, value: bool) -> None:
    assert parse(Settings(), [("metrics_public", text)]).metrics_public is value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metrics_public", "maybe"),
        ("idle_timeout_s", "soon"),
        ("idle_timeout_s", "-1"),
        ("idle_timeout_s", "nan"),
        ("idle_timeout_s", "inf"),
        ("idle_timeout_s", "1e300"),
        ("max_body_bytes", "1.5"),
        ("max_body_bytes", "32MiB"),
        ("max_body_bytes", ""),
        ("no_such_setting", "1"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name(name: str, text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(Settings(), [(name, text)])
    assert name in refused.value.message


def test_an_unknown_setting_is_told_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="idle_timeout_s"):
        parse(Settings(), [("idle_timeout", "1")])
