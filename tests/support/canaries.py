"""Values that must not leave, one of a kind for each place, with the words that show them."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from benches.guardrails.corpus import CATEGORIES
from benches.guardrails.generators import GENERATORS

from codegate import native

# A generator's name and argument, and the text in which the value stands.
_FORMS = {
    "email": ("email", "", "write to {} soon"),
    "phone": ("phone", "us", "call {} tomorrow"),
    "ssn": ("ssn", "", "SSN {} on file"),
    "credit_card": ("card", "visa_", "card {} expires"),
    "iban": ("iban", "DE_", "IBAN {} of mine"),
    "ip": ("ip", "", "host {} is up"),
    "api_key": ("vendor", "github", "key {} works"),
    "aws_key": ("aws", "id", "id {} works"),
    "jwt": ("jwt", "HS256", "bearer {} works"),
    "private_key": ("pem", "ec", "key:\n{}\nend"),
    "url_credentials": ("password", "plain", "postgres://app:{}@db.indigo.internal:5432/app"),
    "password": ("password", "plain", "password: {}"),
    "name": ("name", "en", "Author: {}"),
    "address": ("address", "", "ship to {}, please"),
    "passport": ("passport", "", "passport no {}"),
}
assert set(_FORMS) == set(CATEGORIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A value, and a text with it that a detector takes for what it is."""

    category: str
    value: str
    text: str

    @property
    def traces(self) -> tuple[str, ...]:
        """What would be seen of the value where it is written plainly or as JSON."""
        if "\n" in self.value:
            # Any of the lines would be too much; they all begin alike.
            return tuple(line[8:32] for line in self.value.split("\n")[1:-1] if len(line) >= 32)
        return (self.value, json.dumps(self.value)[1:-1])


class Cage:
    """Makes canaries of one category and knows all that it made."""

    def __init__(self, category: str, seed: int = 0) -> None:
        self.category = category
        self._chance = random.Random(f"{category}/{seed}")
        self.canaries: list[Canary] = []
        self._values: set[str] = set()

    def canary(self) -> str:
        """The text of a new one."""
        name, argument, text = _FORMS[self.category]
        while True:
            value = GENERATORS[name](self._chance, argument)
            made = Canary(category=self.category, value=value, text=text.format(value))
            if value not in self._values and _is_found(made):
                self._values.add(value)
                self.canaries.append(made)
                return made.text


def _is_found(canary: Canary) -> bool:
    start = canary.text.index(canary.value)
    wanted = (canary.category, start, start + len(canary.value))
    return wanted in native.scan(canary.text)
