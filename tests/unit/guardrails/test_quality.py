"""What the scanner finds on its corpus and on numbers that are none, and how its time grows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import cache

import pytest
from benches.guardrails.corpus import BARE, CATEGORIES, PARTS, load
from benches.guardrails.numbers import iban, luhn
from benches.guardrails.score import (
    CARRIED_BAR,
    CATEGORY_BAR,
    CLEAN_BAR,
    HARMLESS_BARS,
    INVALID_BAR,
    MACRO_BAR,
    RECALL_BARS,
    Score,
    score,
)

from codegate import native

parts = pytest.mark.parametrize("part", PARTS)


@cache
def scores() -> dict[str, Score]:
    """Both parts, scanned once."""
    cases = load()
    return {part: score(cases, native.scan, part) for part in PARTS}


def percent(part: str, measure: str, name: str) -> float:
    """A share that was measured on something."""
    share = scores()[part].share(measure, name).percent
    assert share is not None
    return share


@parts
def test_g1_recall_reaches_its_bars(part: str) -> None:
    found = {category: percent(part, "recall", category) for category in CATEGORIES}
    assert {c: r for c, r in found.items() if r < RECALL_BARS[c]} == {}
    assert scores()[part].macro >= MACRO_BAR
    lines = [n for (kind, _), n in scores()[part].lines.items() if kind == "positive"]
    assert sum(lines) >= 1_000


@parts
def test_g2_harmless_lines_stay(part: str) -> None:
    for measure, bar in (("core", HARMLESS_BARS["core"]), ("hard", HARMLESS_BARS["edge"])):
        altered = scores()[part].total(measure)
        assert altered.total > 50
        assert not altered.exceeds(bar), (measure, altered.percent)
    assert all(percent(part, "invalid", category) <= INVALID_BAR for category in CATEGORIES)


@parts
def test_g3_the_category_is_right(part: str) -> None:
    assert scores()[part].total("named").reaches(CATEGORY_BAR)


@parts
def test_g4_nothing_but_values_is_taken(part: str) -> None:
    assert scores()[part].total("clean").reaches(CLEAN_BAR)


@parts
def test_g6_the_verdict_is_the_same_wherever_a_line_stands(part: str) -> None:
    carried = scores()[part].carried
    assert carried.total > 500
    assert carried.reaches(percent(part, "place", BARE) * CARRIED_BAR / 100)


def test_g6_a_line_of_100_kb_hides_nothing() -> None:
    filler = "var a=1;if(a){b()}" * 3_000
    for category, text in (
        ("email", "ada@indigo.org"),
        ("ip", "81.2.69.142"),
        ("ssn", "212-09-9999"),
    ):
        line = f'{filler}x="{text}";{filler}'
        assert [(c, line[a:b]) for c, a, b in native.scan(line)] == [(category, text)]


@parts
def test_g12_names_and_addresses_of_other_countries_are_counted(part: str) -> None:
    for category in ("name", "address"):
        assert scores()[part].share("edge", category).total > 5


def bad_ssn(chance: random.Random) -> str:
    """Three groups of which one was never given out."""
    area, group, serial = chance.choice(
        [
            (chance.choice([0, 666, chance.randint(900, 999)]), chance.randint(1, 99), 1),
            (chance.randint(1, 665), 0, chance.randint(1, 9999)),
            (chance.randint(1, 665), chance.randint(1, 99), 0),
        ]
    )
    return f"{area:03}-{group:02}-{serial:04}"


def bad_card(chance: random.Random) -> str:
    """An issuer that exists and a wrong check digit."""
    body = chance.choice("45") + "".join(chance.choices("12345", k=14))
    return body + str((luhn(body) + chance.randint(1, 9)) % 10)


def bad_iban(chance: random.Random) -> str:
    """A country and a length that fit, and wrong check digits."""
    right = iban(chance)
    check = 2 + (int(right[2:4]) - 2 + chance.randint(1, 96)) % 97
    return f"{right[:2]}{check:02}{right[4:]}"


def bad_ipv4(chance: random.Random) -> str:
    """One number of the four is too large."""
    numbers = [chance.randint(33, 254) for _ in range(4)]
    numbers[chance.randrange(4)] = chance.randint(256, 999)
    return ".".join(map(str, numbers))


def bad_ipv6(chance: random.Random) -> str:
    """A group of five digits, two gaps, or nine groups."""
    groups = [f"{chance.randrange(1, 65536):x}" for _ in range(8)]
    match chance.randrange(3):
        case 0:
            groups[chance.randrange(8)] = f"{chance.randrange(65536, 1048576):x}"
        case 1:
            groups = [groups[0], "", groups[2], "", groups[4]]
        case _:
            groups.append("2a")
    return ":".join(groups)


BAD: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "ssn": ("ssn", bad_ssn),
    "credit_card": ("credit_card", bad_card),
    "iban": ("iban", bad_iban),
    "ipv4": ("ip", bad_ipv4),
    "ipv6": ("ip", bad_ipv6),
}


@pytest.mark.parametrize("kind", BAD)
def test_g5_numbers_that_cannot_be_are_not_taken(kind: str) -> None:
    category, make = BAD[kind]
    chance = random.Random(kind)
    fired = 0
    for _ in range(100):
        lines = "\n".join(f"value {make(chance)} here" for _ in range(100))
        fired += sum(found == category for found, _, _ in native.scan(lines))
    assert fired <= 10


OVERLAPS = (
    ("postgres://app:ada@example.org@db.example.com/x", "url_credentials"),
    ("password: ada@indigo.org", "password"),
    (
        "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
        "jwt",
    ),
    ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYzZ81kLmN0p", "aws_key"),
    ("api_key: ghp_16C7e42F292c6912E7710c838347Ae178B4a", "api_key"),
)


@pytest.mark.parametrize(("text", "winner"), OVERLAPS)
def test_g28_of_two_that_overlap_one_wins(text: str, winner: str) -> None:
    first = native.scan(text)
    assert [category for category, _, _ in first] == [winner]
    assert native.scan(f"{text}\n{text}")[0] == first[0]


WORST = (
    "a",
    "sk-",
    '"',
    "eyJ.",
    "JAMES ",
    "James Smith ",
    "a:",
    "1",
    "1.1.",
    "a@",
    "password=",
    "password ",
    " -p ",
    "://",
    "://a:",
    "1 Main ",
    "1 2-3.4 ",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "DE44 ",
    "passport ",
    "identified by ",
    "curl -u a -u ",
    "echo a | sudo -S ",
    "address 1 A ",
    "é ",
    "AAAA" * 5 + "<",
)


def seconds(text: str) -> float:
    """The least processor time of three scans: others on the machine must not count."""
    times = []
    for _ in range(3):
        start = time.thread_time()
        native.scan(text)
        times.append(time.thread_time() - start)
    return min(times)


@pytest.mark.parametrize("piece", WORST)
def test_g10_time_grows_with_the_text_alone(piece: str) -> None:
    small, large = (piece * (size // len(piece)) for size in (16_000, 128_000))
    # Eight times the text; twice that much time is noise, the square of it would be 64 times.
    assert seconds(large) < 16 * seconds(small) + 0.2
