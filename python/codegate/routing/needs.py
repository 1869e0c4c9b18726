"""What requests need of a model, and what is known of models at accounts.

What the operator set counts first, then what a trial showed, then the shipped catalog, then what
the service is known for. What nobody knows stands in nobody's way.
"""

from __future__ import annotations

from dataclasses import dataclass

from codegate.accounts.account import Account
from codegate.catalog.catalog import Catalog

IMAGES = "v"
TOOLS = "t"
WORDS = {IMAGES: "cannot see images", TOOLS: "calls no tools"}
"""Why an account is passed over, by what it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one model at one account; ``None`` is not known."""

    has_vision: bool | None = None
    has_tools: bool | None = None
    has_reasoning: bool | None = None

    @property
    def letters(self) -> str:
        """As ``native.Client.send`` takes it: small for what is missing, capital for what is
        there."""
        facts = ((IMAGES, self.has_vision), (TOOLS, self.has_tools), ("r", self.has_reasoning))
        return "".join(
            letter.upper() if has else letter for letter, has in facts if has is not None
        )


def known(catalog: Catalog, account: Account, model: str) -> Known:
    """What is known of ``model``, under the name that the account's service knows."""
    own, tried, shipped = catalog.own(model), account.abilities.get(model), catalog.shipped(model)
    return Known(
        has_vision=_first(
            own.has_vision,
            None if tried is None else tried.has_vision,
            shipped.has_vision,
            account.takes_images,
        ),
        has_tools=_first(
            own.has_tools, None if tried is None else tried.has_tools, shipped.has_tools
        ),
        has_reasoning=_first(own.has_reasoning, shipped.has_reasoning),
    )


def _first(*facts: bool | None) -> bool | None:
    return next((fact for fact in facts if fact is not None), None)
