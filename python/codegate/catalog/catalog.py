"""Looks models up: first what the operator set, then what is shipped in ``models.json``.

An operator's entry also holds for every name that begins with it, the longest entry winning. A
shipped entry holds for its own name and dated forms of it only: a newer model of the same family
may cost or allow something else, and unknown has to stay unknown.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal, TypeVar

import orjson

from codegate.catalog.price import Price, per_million

Tier = Literal["opus", "sonnet", "haiku"]
TIERS: tuple[Tier, ...] = ("opus", "sonnet", "haiku")

T = TypeVar("T")

_DATED = re.compile(r"(?:-latest|-\d{4}-?\d{2}-?\d{2}|-\d{2}-\d{2})?")
_QUALIFIER = re.compile(r"\[[^\]]*\]$|:[a-z0-9]+$|@[^/]*$")
_WORDS: tuple[tuple[re.Pattern[str], Tier], ...] = tuple(
    (re.compile(rf"(?<![a-z]){tier}(?![a-z])", re.IGNORECASE), tier) for tier in TIERS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a model can do; ``None`` is not known."""

    max_output: int | None = None
    has_tools: bool | None = None
    has_reasoning: bool | None = None
    has_vision: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One shipped entry."""

    name: str
    limit: Limit
    price: Price | None
    tier: Tier | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The shipped entries with the operator's over them."""

    checked: str
    """The day on which the shipped entries were compared with the providers' pages."""
    models: Mapping[str, Model]
    limits: Mapping[str, Limit] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)

    def with_overrides(self, limits: Mapping[str, Limit], prices: Mapping[str, Price]) -> Catalog:
        """The same shipped entries under other settings of the operator."""
        return Catalog(checked=self.checked, models=self.models, limits=limits, prices=prices)

    def price(self, model: str) -> Price | None:
        """What a token of ``model`` costs; ``None`` where nobody knows."""
        own = _longest(self.prices, model)
        if own is not None:
            return own
        shipped = self.find(model)
        return None if shipped is None else shipped.price

    def own(self, model: str) -> Limit:
        """What the operator says that ``model`` can do."""
        return _longest(self.limits, model) or Limit()

    def shipped(self, model: str) -> Limit:
        """What the shipped entries say that ``model`` can do."""
        found = self.find(model)
        return Limit() if found is None else found.limit

    def limit(self, model: str) -> Limit:
        """What ``model`` can do, each fact from the operator where he set it."""
        own, base = self.own(model), self.shipped(model)
        return Limit(
            max_output=base.max_output if own.max_output is None else own.max_output,
            has_tools=base.has_tools if own.has_tools is None else own.has_tools,
            has_reasoning=base.has_reasoning if own.has_reasoning is None else own.has_reasoning,
            has_vision=base.has_vision if own.has_vision is None else own.has_vision,
        )

    def max_output(self, model: str, *, asked: str) -> int | None:
        """The output limit to lay on a request that asked for ``asked`` and goes to ``model``.

        The operator's always holds. A shipped one holds only where the model is another than the
        client meant: what a client asks of the model that it names is between it and the service.
        """
        own = _longest(self.limits, model)
        if own is not None and own.max_output is not None:
            return own.max_output
        if model == asked:
            return None
        shipped = self.find(model)
        return None if shipped is None else shipped.limit.max_output

    def tier(self, model: str) -> Tier | None:
        """By a tier's word in the name, else by the catalog."""
        for pattern, tier in _WORDS:
            if pattern.search(model):
                return tier
        shipped = self.find(model)
        return None if shipped is None else shipped.tier

    def find(self, model: str) -> Model | None:
        """The shipped entry for ``model``, also behind a vendor's name or with a qualifier."""
        name = _QUALIFIER.sub("", model)
        for candidate in (name, name.rpartition("/")[2]):
            for entry in _beginnings(candidate):
                found = self.models.get(entry)
                if found is not None and _DATED.fullmatch(candidate, len(entry)):
                    return found
        return None


def _beginnings(name: str) -> tuple[str, ...]:
    """``name`` itself, then every part of it that ends before a hyphen, longest first."""
    ends = [len(name), *(i for i in range(len(name) - 1, 0, -1) if name[i] == "-")]
    return tuple(name[:end] for end in ends)


def _longest(entries: Mapping[str, T], model: str) -> T | None:
    exact = entries.get(model)
    if exact is not None:
        return exact
    matching = [name for name in entries if model.startswith(name)]
    return entries[max(matching, key=len)] if matching else None


@functools.cache
def shipped() -> Catalog:
    """The catalog without settings of an operator."""
    document = orjson.loads((resources.files(__package__) / "models.json").read_bytes())
    models = [_model(entry) for entry in document["models"]]
    return Catalog(checked=document["checked"], models={m.name: m for m in models})


def _model(entry: dict[str, Any]) -> Model:
    return Model(
        name=entry["model"],
        limit=Limit(
            max_output=entry.get("max_output"),
            has_tools=entry.get("tools"),
            has_reasoning=entry.get("reasoning"),
            has_vision=entry.get("vision"),
        ),
        price=_price(entry["price"]) if "price" in entry else None,
        tier=entry.get("tier"),
    )


def _price(entry: dict[str, Any]) -> Price:
    long = entry.get("long")
    return Price(
        input=per_million(entry["input"]),
        output=per_million(entry["output"]),
        cache_read=per_million(entry["cache_read"]) if "cache_read" in entry else None,
        cache_write=per_million(entry["cache_write"]) if "cache_write" in entry else None,
        long=_price(long) if long else None,
        long_above=long["above"] if long else 0,
    )
