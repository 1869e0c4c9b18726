"""The bench of guardrails starts a gateway that has them on."""

from __future__ import annotations

from benches.guarded import Guarded

from codegate.settings.settings import Settings, parse


def test_the_guarded_gateway_has_guardrails_on() -> None:
    flag, setting = Guarded.flags
    name, _, value = setting.partition("=")
    assert flag == "--setting"
    assert parse(Settings(), [(name, value)]).guardrails
