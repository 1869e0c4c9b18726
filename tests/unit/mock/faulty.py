"""What the tests of the mock's faults have in common."""

import json
from collections.abc import Callable

import pytest

from codegate.mock import ThreadedMock
from tests.unit.mock.raw import Response, chat, messages

Ask = Callable[..., Response]
both = pytest.mark.parametrize("ask", [chat, messages], ids=["chat", "messages"])
streamed = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


def ask_for(mock: ThreadedMock, ask: Ask, fault: str, **more: object) -> Response:
    return ask(mock, model=f"fault:{fault}", **more)


def texts(response: Response) -> str:
    """The text that a stream's deltas add up to, in either format."""
    found = ""
    for _, data in response.events():
        if data == "[DONE]":
            continue
        payload = json.loads(data)
        found += payload.get("delta", {}).get("text", "")
        for choice in payload.get("choices", []):
            found += choice["delta"].get("content") or ""
    return found


def error_of(response: Response) -> dict[str, object]:
    error = response.json()["error"]
    assert isinstance(error, dict)
    return error
