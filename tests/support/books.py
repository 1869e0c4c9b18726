"""Keeps the books of an upstream: what it charges for, by its own journal and nothing else.

A program of its own, run with Python's isolated mode: ``python -I books.py JOURNAL`` reads the
journal of the mock provider, a JSON object a line, and writes one JSON object with what each case
used and costs. It knows the wire formats' counting and the prices below, and imports nothing of
the proxy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

# USD per million tokens: input, output, cache read, cache write. By hand.
PRICES = {
    "mock-large": ("3", "15", "0.3", "3.75"),
    "mock-small": ("0.25", "1.25", "0.025", "0.3125"),
    "mock-odd": ("0.123457", "7.000001", "0.012346", "0.154321"),
    # Nobody set prices for its cache: both cost what input costs.
    "mock-plain": ("2", "8", "2", "2"),
    # Not set at all, the providers' public price lists.
    "claude-sonnet-4-5": ("3", "15", "0.3", "3.75"),
    "gpt-4o-mini": ("0.15", "0.6", "0.075", "0.15"),
}
FAULT_PRICE = ("2", "8", "0.5", "2.5")
LONG_MODEL = "claude-haiku-5-5"
LONG_ABOVE = 100_000
SHORT_PRICE = ("0.1", "0.5", "0.01", "0.125")
LONG_PRICE = ("0.5", "2.5", "0.05", "0.625")
MILLION = Decimal(1_000_000)

ACCOUNTS = {"sk-books-one": "one", "sk-books-two": "two"}
CASE_HEADER = "idempotency-key"


def header(entry: dict[str, Any], name: str) -> str | None:
    """The first value of a request header."""
    return next((value for key, value in entry["headers"] if key == name), None)


def account(entry: dict[str, Any]) -> str:
    """Whose credential the request carried."""
    credential = header(entry, "x-api-key") or header(entry, "authorization") or ""
    return ACCOUNTS[credential.rpartition(" ")[2]]


def tokens(entry: dict[str, Any]) -> list[int] | None:
    """Input without cache, output, cache read and cache write that were told, or None."""
    told = entry["usage"]
    if told is None or entry["status"] != 200 or "count_tokens" in entry["target"]:
        return None
    if "usage-missing" in (entry["fault"] or ""):
        return None
    cached = [told["cache_read"], told["cache_write"]]
    if entry["outcome"] == "answered" and "error-after" not in (entry["fault"] or ""):
        return [told["input"], told["output"], *cached]
    if entry["format"] == "anthropic_messages" and entry["is_streaming"] and entry["events"]:
        # The first event tells what went in, and one token for the beginning of the answer.
        return [told["input"], 1, *cached]
    return None


def price(model: str, used: list[int]) -> tuple[str, str, str, str] | None:
    """The four prices for a model, or None."""
    if model.startswith("fault:"):
        return FAULT_PRICE
    if model == LONG_MODEL:
        return LONG_PRICE if used[0] + used[2] + used[3] > LONG_ABOVE else SHORT_PRICE
    return PRICES.get(model)


def cost(model: str, used: list[int] | None) -> Decimal | None:
    """USD as an exact Decimal, or None."""
    if used is None:
        return None
    prices = price(model, used)
    if prices is None:
        return None
    paid = zip(used, map(Decimal, prices), strict=True)
    return sum((count * each for count, each in paid), Decimal(0)) / MILLION


def book(lines: Iterable[str]) -> dict[str, Any]:
    """One entry for each case: its last request decides, the others failed before it."""
    cases: dict[str, Any] = {}
    for line in lines:
        entry = json.loads(line)
        case = header(entry, CASE_HEADER)
        if case is None or entry["format"] is None:
            continue
        known = cases.setdefault(case, {"number": 0, "requests": 0})
        known["requests"] += 1
        if entry["number"] < known["number"]:
            continue
        used = tokens(entry)
        amount = cost(entry["model"], used)
        known.update(
            number=entry["number"],
            account=account(entry),
            model=entry["model"],
            tokens=used,
            usd=None if amount is None else f"{amount:f}",
        )
    return cases


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as journal:
        json.dump(book(journal), sys.stdout)
