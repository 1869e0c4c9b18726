"""What tokens cost, in integers of 1e-12 USD: exact, with no rounding on the way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from codegate.errors import WrongUsage

PICO = 10**12
"""Units of money in one USD."""

_PICO_PER_TOKEN = 10**6
"""One USD per million tokens, as money per token."""

MAX_USD = 9_000_000
"""What a 64-bit column holds."""


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

    # Numbers, not an object of them: one is built for each exchange, in ten times the time.
    def cost(self, new: int, output: int, cache_read: int, cache_write: int) -> int:
        """The price of so many tokens. ``new`` is what went in and was neither read from a cache
        nor written to one."""
        if self.long is not None and new + cache_read + cache_write > self.long_above:
            return self.long.cost(new, output, cache_read, cache_write)
        cost = new * self.input + output * self.output
        if cache_read:
            cost += cache_read * (self.input if self.cache_read is None else self.cache_read)
        if cache_write:
            cost += cache_write * (self.input if self.cache_write is None else self.cache_write)
        return cost


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
