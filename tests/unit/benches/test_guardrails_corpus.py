"""The guardrail corpus: large, the same everywhere, true about its values, free of secrets."""

from __future__ import annotations

import base64
import ipaddress
import json
import random
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from benches.guardrails.corpus import CATEGORIES, ROOT, load, part_of
from benches.guardrails.generators import GENERATORS
from benches.guardrails.numbers import card, iban, luhn, ssn
from benches.guardrails.people import check_digit
from benches.guardrails.shapes import fill, vendors
from benches.guardrails.template import expand

CASES = load()
_RUN = re.compile(r"[A-Za-z0-9+_-]{24,}")


def values(category: str) -> list[str]:
    """What the corpus holds of a category, as it stands in the lines."""
    return [
        case.text[value.start : value.end]
        for case in CASES
        for value in case.values
        if value.category == category
    ]


def test_size() -> None:
    lines = Counter(case.kind for case in CASES)
    assert lines["positive"] >= 1500
    assert lines["harmless"] >= 1500
    assert lines["invalid"] >= 500
    per_category = Counter(case.name for case in CASES if case.kind == "positive")
    assert set(per_category) == set(CATEGORIES)
    assert min(per_category.values()) >= 100
    assert {case.name for case in CASES if case.kind == "invalid"} == set(CATEGORIES)
    assert len({case.name for case in CASES if case.kind == "harmless"}) >= 20
    distinct = {(case.kind, case.text) for case in CASES}
    assert len(distinct) > 0.99 * len(CASES)


def test_the_same_lines_every_time() -> None:
    assert load() == CASES


def test_a_third_is_held_out_line_by_line() -> None:
    for kind in ("positive", "harmless", "invalid"):
        held = [case.part == "held_out" for case in CASES if case.kind == kind]
        assert 0.28 < sum(held) / len(held) < 0.39
    parts: dict[str, set[str]] = {}
    for case in CASES:
        parts.setdefault(case.source, set()).add(case.part)
    assert {len(found) for found in parts.values()} == {1}
    assert part_of("a") == part_of("a")


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_stands_in_both_parts(category: str) -> None:
    parts = Counter(
        case.part
        for case in CASES
        if case.tier == "core" and any(value.category == category for value in case.values)
    )
    assert parts["held_out"] >= 30
    assert parts["tuning"] >= 60


def test_positive_lines_alone_have_values() -> None:
    for case in CASES:
        assert bool(case.values) == (case.kind == "positive"), case.source
        for value in case.values:
            low, high = value.clean
            assert 0 <= low <= value.start < value.end <= high <= len(case.text)
        for left, right in pairwise(case.values):
            assert left.end <= right.start


def test_nothing_of_the_notation_is_left() -> None:
    for case in CASES:
        assert not set(case.text) & set("«»‹›⟨⟩⏎⇥"), case.source


def test_numbers_hold_their_checks() -> None:
    for number in values("credit_card"):
        digits = re.sub(r"\D", "", number)
        assert luhn(digits[:-1]) == int(digits[-1])
    for number in values("iban"):
        plain = number.replace(" ", "").upper()
        assert int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
    for number in values("ssn"):
        match = re.fullmatch(r"(\d{3})\D?(\d{2})\D?(\d{4})", number)
        assert match
        area, group, serial = map(int, match.groups())
        assert area not in (0, 666)
        assert area < 900
        assert group
        assert serial
    for address in values("ip"):
        assert ipaddress.ip_address(address).is_global


def test_broken_numbers_are_broken() -> None:
    chance = random.Random(7)
    for _ in range(300):
        digits = card(chance, "badvisa")
        assert luhn(digits[:-1]) != int(digits[-1])
        account = iban(chance, "badDE")
        assert int("".join(str(int(c, 36)) for c in account[4:] + account[:4])) % 97 != 1
        area, group, serial = ssn(chance, "bad").split("-")
        assert area in ("000", "666") or area[0] == "9" or group == "00" or serial == "0000"


@pytest.mark.parametrize("number", ["4242424242424242", "378282246310005", "6011111111111117"])
def test_luhn_of_documented_test_cards(number: str) -> None:
    assert luhn(number[:-1]) == int(number[-1])


def test_web_tokens_decode() -> None:
    for token in values("jwt"):
        header = token.split(".")[0]
        decoded = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
        assert decoded["alg"]


def test_check_digit_of_the_standards_own_example() -> None:
    # ICAO 9303 part 4, appendix: document number L898902C3 has check digit 6.
    assert check_digit("L898902C3") == "6"


def test_many_vendors() -> None:
    assert len(vendors()) >= 60
    used = "\n".join(f.read_text() for f in (ROOT / "positive").glob("*.txt"))
    assert [name for name in vendors() if f"vendor:{name}»" not in used] == []


def test_files_hold_no_credential() -> None:
    """Values are generated; a long mixed run in a file would be taken for a leaked key."""
    found = []
    for file in sorted(ROOT.rglob("*.txt")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            found += [
                f"{file.name}:{number}: {run}" for run in _RUN.findall(line) if _is_random(run)
            ]
    assert found == []


def _is_random(run: str) -> bool:
    # Every public SSH key of a kind begins with the same letters.
    is_constant = run.startswith("AAAA")
    return not is_constant and sum(c.isdigit() for c in run) >= 3 and len(set(run)) >= 12


def test_fill_knows_its_classes() -> None:
    chance = random.Random(1)
    assert re.fullmatch(r"x-[0-9a-f]{32}", fill("x-{h32}", chance))
    with pytest.raises(KeyError):
        fill("{z4}", chance)


def test_template_marks_values_fillers_and_regions() -> None:
    line = "u ‹int:5-5› ⟨bob:«password:hex»⟩@«name+email/email|upper»"
    pieces = expand(line, "url_credentials", random.Random(3))
    assert [(p.categories, p.region) for p in pieces] == [
        ((), 0),
        ((), 0),
        ((), 0),
        ((), 1),
        (("url_credentials",), 1),
        ((), 0),
        (("name", "email"), 0),
    ]
    assert pieces[1].text == "5"
    assert pieces[-1].text.isupper()
    with pytest.raises(KeyError):
        expand("«nothing»", "email", random.Random(3))


def test_steering_lines(tmp_path: Path) -> None:
    for kind in ("positive", "harmless", "invalid"):
        (tmp_path / kind).mkdir()
    file = tmp_path / "positive" / "email.txt"
    file.write_text("%% times 2\nto «email»\n%% edge\n%% bare\n%% a note\nat «email»\n")
    cases = load(tmp_path)
    assert [(c.tier, c.source) for c in cases] == [
        ("core", "positive/email.txt:2"),
        ("core", "positive/email.txt:2"),
        ("edge", "positive/email.txt:6"),
        ("edge", "positive/email.txt:6"),
    ]
    assert all(c.text.startswith("at ") for c in cases[2:])
    assert cases[2].text != cases[3].text
    assert not cases[1].text.startswith("to ") or len(cases[1].values) == 1


def test_generators_are_all_used() -> None:
    used = "\n".join(f.read_text() for f in ROOT.rglob("*.txt"))
    assert [n for n in GENERATORS if not re.search(rf"[«‹/]{n}[:|›»]", used)] == []
