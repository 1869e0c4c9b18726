"""What the programs share: one task in, one JSON object out, and what an error is reported as."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

Task = dict[str, Any]
Facts = dict[str, Any]
Hooks = Mapping[str, list[Callable[..., Any]]]
ClientT = TypeVar("ClientT")


def carry_out(
    tasks: Mapping[str, Callable[[ClientT, Task], Facts]],
    open_client: Callable[[Hooks], AbstractContextManager[ClientT]],
) -> None:
    """Does the task on standard input; the paths that the client asked for are told with it."""
    task: Task = json.load(sys.stdin)
    sent: list[str] = []
    hooks: Hooks = {"request": [lambda request: sent.append(str(request.url.path))]}
    with open_client(hooks) as client:
        facts = tasks[task["task"]](client, task)
    json.dump({**facts, "requests": sent}, sys.stdout)


def refused(call: Callable[[], object], kind: type[Any]) -> Facts:
    """What a call that should be refused raised; ``kind`` is the package's error with a status."""
    started_s = time.monotonic()
    try:
        call()
    except kind as error:
        return {
            "answer": {
                "classes": _classes(error),
                "status": error.status_code,
                "body": error.body,
                "code": getattr(error, "code", None),
            },
            "headers": dict(error.response.headers),
            "elapsed_s": time.monotonic() - started_s,
        }
    return {"answer": None, "elapsed_s": time.monotonic() - started_s}


def broken(texts: Iterator[str]) -> Facts:
    """Reads a stream that is expected to break off: what came, and what was raised."""
    came: list[str] = []
    raised: list[str] = []
    try:
        came.extend(texts)
    # A connection that is cut raises the HTTP library's own error, not the package's.
    except Exception as error:
        raised = _classes(error)
    return {"answer": {"texts": came, "raised": raised}}


def _classes(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]
