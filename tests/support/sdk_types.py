"""Request bodies with a canary in every text member that an SDK's own types know."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from anthropic.types import message_count_tokens_params, message_create_params
from openai.types.chat import completion_create_params
from typing_extensions import get_type_hints, is_typeddict

ROOTS: Mapping[str, tuple[Any, ...]] = {
    "anthropic_messages": (
        message_create_params.MessageCreateParamsBase,
        message_count_tokens_params.MessageCountTokensParams,
    ),
    "openai_chat": (completion_create_params.CompletionCreateParamsBase,),
}
_PLAIN: Mapping[Any, object] = {int: 1, float: 0.5, bool: False, type(None): None}
_LISTS = (list, collections.abc.Iterable, collections.abc.Sequence)
_MAPS = (dict, collections.abc.Mapping)


class Canaries:
    """Values by the member that they stand in, `Type.member`; one for each place not ``left``."""

    def __init__(self, make: Callable[[int], str], left: Collection[str] = ()) -> None:
        self._make = make
        self._left = left
        self.places: dict[str, str] = {}

    def at(self, place: str) -> str:
        """The canary of a place."""
        if place in self._left:
            return "x"
        if place not in self.places:
            self.places[place] = self._make(len(self.places))
        return self.places[place]


def bodies(wire_format: str, canaries: Canaries) -> Iterator[dict[str, Any]]:
    """Bodies that together hold every member of every type, each with its canary."""
    for root in ROOTS[wire_format]:
        for body in _values(root, root.__name__, canaries, ()):
            yield {**body, "model": "m", "max_tokens": 9}


def _values(kind: Any, place: str, canaries: Canaries, above: tuple[Any, ...]) -> list[Any]:
    """One value of each form that ``kind`` can have; none for a type inside itself."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated or origin in {typing.Required, typing.NotRequired}:
        return _values(arguments[0], place, canaries, above)
    if origin in {typing.Union, types.UnionType}:
        return [value for a in arguments for value in _values(a, place, canaries, above)]
    if origin is typing.Literal:
        return [arguments[0]]
    if origin in _LISTS:
        inside = _values(arguments[0], place, canaries, above)
        return [inside] if inside else []
    if origin in _MAPS:
        return [{"key": value} for value in _values(arguments[1], place, canaries, above)]
    if is_typeddict(kind):
        return [] if kind in above else _members(kind, canaries, (*above, kind))
    if kind in _PLAIN:
        return [_PLAIN[kind]]
    return [canaries.at(place)] if kind in {str, object, Any} else []


def _members(kind: Any, canaries: Canaries, above: tuple[Any, ...]) -> list[dict[str, Any]]:
    """A value with all members, and one for each further form of a member."""
    forms = {
        name: [
            v for v in _values(hint, f"{kind.__name__}.{name}", canaries, above) if v is not None
        ]
        for name, hint in get_type_hints(kind, include_extras=True).items()
    }
    if any(not forms[name] for name in kind.__required_keys__):
        return []
    whole = {name: values[0] for name, values in forms.items() if values}
    needed = {name: forms[name][0] for name in kind.__required_keys__}
    others = [{**needed, name: value} for name, values in forms.items() for value in values[1:]]
    return [whole, *others]
