"""How a fault is written down and found: a name with parameters, a sentence, a function."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from codegate.mock.draft import Draft

Parameter = int | str
# What a parameter of a name may look like; all but the listed ones are whole numbers.
_TEXT_PARAMETERS = {"secs": r"-?[0-9.]+|[a-z]+"}
_PARAMETER = re.compile(r"<(\w+)>")
_NUMBER = r"[0-9]{1,12}"


class UnknownFaultError(Exception):
    """No fault has this name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave. `pattern` may hold parameters, as in `reset-after-<n>`."""

    pattern: str
    text: str
    apply: Callable[..., None]

    def match(self, name: str) -> list[Parameter] | None:
        """The parameters in `name`, None when it is another fault's."""
        parameters = _PARAMETER.findall(self.pattern)
        expression = re.escape(self.pattern)
        for parameter in parameters:
            allowed = _TEXT_PARAMETERS.get(parameter, _NUMBER)
            expression = expression.replace(f"<{parameter}>", f"({allowed})")
        match = re.fullmatch(expression, name)
        if match is None:
            return None
        return [
            text if parameter in _TEXT_PARAMETERS else int(text)
            for parameter, text in zip(parameters, match.groups(), strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Scripted:
    """A fault with its parameters."""

    fault: Fault
    parameters: tuple[Parameter, ...]

    def apply(self, draft: Draft) -> None:
        """Edit `draft`."""
        self.fault.apply(draft, *self.parameters)


def read_script(script: str, faults: Iterable[Fault]) -> list[Scripted]:
    """The faults of a script such as `set-cookie-headers+reset-after-3#retry`.

    What follows `#` only tells scripts apart. Raises UnknownFaultError.
    """
    known = tuple(faults)
    return [_find(name, known) for name in script.partition("#")[0].split("+") if name]


def _find(name: str, faults: tuple[Fault, ...]) -> Scripted:
    for fault in faults:
        parameters = fault.match(name)
        if parameters is not None:
            return Scripted(fault, tuple(parameters))
    raise UnknownFaultError(name)
