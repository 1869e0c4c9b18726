"""The scanner as Python sees it: categories and places in characters."""

from __future__ import annotations

import pytest

from codegate import native

CASES = [
    ("email", "naïve ✓ write to ada@example.org", "ada@example.org"),
    ("credit_card", "card 4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("iban", "🦀 DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
    ("password", "DB_PASSWORD=Sommer2024!", "Sommer2024!"),
    ("name", "Straße: talked to John Smith", "John Smith"),
]


@pytest.mark.parametrize(("category", "text", "value"), CASES)
def test_places_count_characters(category: str, text: str, value: str) -> None:
    assert [(c, text[a:b]) for c, a, b in native.scan(text)] == [(category, value)]


def test_an_overlap_has_one_winner() -> None:
    text = "postgres://app:ada@example.org@db.example.com/x"
    assert [c for c, _, _ in native.scan(text)] == ["url_credentials"]


def test_tokens_are_not_found_again() -> None:
    assert native.scan("password=XQZEMAILHG0W9GAJ163M14BCJJY2J5H15ARC0Z") == []
