"""What tokens cost, in integers of 1e-12 USD: exact, with no rounding on the way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from codegate.errors import WrongUsage

PICO = 10**12
"""Units of money in one USD."""

_PICO_PER_TOKEN = 10**6
"""One USD per million tokens, as money per token."""

MAX_USD = 9_000_000
"""What a 64-bit column holds."""


class Tokens(NamedTuple):
    """What one exchange used. ``input`` leaves out what was read from or written to a cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def prompt(self) -> int:
        """Everything that went in."""
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Prices of one token. Cache prices that are not known are those of ``input``.

    ``long`` takes the place of all of them for prompts of more than ``long_above`` tokens.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    long: Price | None = None
    long_above: int = 0

    def cost(self, tokens: Tokens) -> int:
        """The price of ``tokens``."""
        if self.long is not None and tokens.prompt > self.long_above:
            return self.long.cost(tokens)
        read = self.input if self.cache_read is None else self.cache_read
        write = self.input if self.cache_write is None else self.cache_write
        return (
            tokens.input * self.input
            + tokens.output * self.output
            + tokens.cache_read * read
            + tokens.cache_write * write
        )


def per_million(text: str) -> int:
    """The price of one token from USD per million. Raises ``WrongUsage``."""
    value = _decimal(text, _PICO_PER_TOKEN)
    if value is None:
        raise WrongUsage(f"{text!r} is not a price: USD per million tokens, up to 6 decimals")
    return value


def from_usd(text: str) -> int:
    """An amount of money. Raises ``WrongUsage``."""
    value = _decimal(text, PICO)
    if value is None:
        raise WrongUsage(f"{text!r} is not an amount in USD")
    return value


def as_per_million(price: int) -> str:
    """The inverse of ``per_million``."""
    return _text(Decimal(price) / _PICO_PER_TOKEN)


def as_usd(amount: int) -> str:
    """The inverse of ``from_usd``: exact, without an exponent."""
    return _text(Decimal(amount) / PICO)


def _decimal(text: str, scale: int) -> int | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    if not value.is_finite() or not 0 <= value <= MAX_USD:
        return None
    scaled = value * scale
    return int(scaled) if scaled == int(scaled) else None


def _text(value: Decimal) -> str:
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
