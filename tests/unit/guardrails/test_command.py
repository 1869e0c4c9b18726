"""``codegate guardrails test`` says what would happen with a text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.cli import Cli

TEXT = "mail ada@example.org from 81.2.69.142"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Commands on a folder of their own."""
    return Cli(tmp_path / "data")


def test_it_shows_the_mode_of_each_finding(cli: Cli) -> None:
    cli.ok("guardrails", "mode", "ip", "observe")
    done = cli.ok("guardrails", "test", TEXT, "--json").json()
    assert [(i["category"], i["mode"]) for i in done["items"]] == [
        ("email", "mask"),
        ("ip", "observe"),
    ]
    assert re.fullmatch(r"mail XQZEMAIL\w+ from 81\.2\.69\.142", done["masked"])


def test_a_text_to_block_is_not_shown_as_if_it_went_out(cli: Cli) -> None:
    cli.ok("guardrails", "mode", "email", "block")
    out = cli.ok("guardrails", "test", TEXT).out
    assert "refused: email" in out
    assert "XQZ" not in out


def test_it_says_whether_guardrails_are_on(cli: Cli) -> None:
    done = cli.ok("guardrails", "test", TEXT)
    assert "Guardrails are off" in done.err
    assert cli.ok("guardrails", "test", TEXT, "--json").json()["is_on"] is False
    cli.ok("guardrails", "enable")
    assert "off" not in cli.ok("guardrails", "test", TEXT).err
    assert cli.ok("guardrails", "test", TEXT, "--json").json()["is_on"] is True
