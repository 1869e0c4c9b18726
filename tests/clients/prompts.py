"""Prompts that tell the product's mock provider what to answer: one directive in each line."""

import json
from collections.abc import Mapping

THEN = "mock:then"
"""What follows is answered once the tools before it have run."""


def say(text: str) -> str:
    """The mock answers with the text."""
    return f"mock:say {json.dumps(text)}"


def think(text: str) -> str:
    """The mock shows the text as its reasoning."""
    return f"mock:think {json.dumps(text)}"


def counts(**tokens: int) -> str:
    """The mock reports these counts of tokens."""
    return f"mock:usage {json.dumps(tokens)}"


def call(tool: str, arguments: Mapping[str, object]) -> str:
    """The mock calls the tool."""
    return f"mock:tool {tool} {json.dumps(arguments)}"


def script(*directives: str) -> str:
    """A prompt of these directives."""
    return "\n".join(("Do what the lines below say.", *directives))
