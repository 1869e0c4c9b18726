"""Faults that look at the history: what a vendor refuses for its reasoning."""

import re

from codegate.mock.draft import Draft
from codegate.mock.faults.table import Fault
from codegate.mock.formats.base import RefusalError, as_list, as_object, read_object
from codegate.mock.seals import is_sealed, said_before, seal

_THINKING_BLOCK = re.compile(rb'"type"\s*:\s*"(redacted_)?thinking"')
_OTHER_TEXT = "Invalid `signature` in `thinking` block"
_OTHER_PLACE = "`thinking` block is bound to a different conversation"


def prefix_mismatch(draft: Draft) -> None:
    """Thinking in the history is taken only if the request lets the API drop it."""
    if b'"drop_block"' not in draft.request.body:
        prefix_mismatch_hard(draft)


def prefix_mismatch_hard(draft: Draft) -> None:
    """Thinking in the history is never taken."""
    if _THINKING_BLOCK.search(draft.request.body):
        draft.refuse(RefusalError(400, f"messages: {_OTHER_PLACE}"))


def bound_thinking(draft: Draft) -> None:
    """Every seal must be ours and fit its text, the system, the tools and all that was said."""
    if draft.prompt is None:
        return
    body = read_object(draft.request.body)
    for index, (message, said) in enumerate(
        zip(as_list(body.get("messages")), said_before(body), strict=False)
    ):
        for number, item in enumerate(as_list(as_object(message).get("content"))):
            block = as_object(item)
            if block.get("type") != "thinking":
                continue
            text, signature = str(block.get("thinking")), str(block.get("signature"))
            where = f"messages.{index}.content.{number}"
            if not is_sealed(text, signature):
                draft.refuse(RefusalError(400, f"{where}: {_OTHER_TEXT}"))
                return
            if signature != seal(text, said) and b'"drop_block"' not in draft.request.body:
                draft.refuse(RefusalError(400, f"{where}: {_OTHER_PLACE}"))
                return


def needs_reasoning(draft: Draft) -> None:
    """A turn that called tools must say what was thought before; an empty text says nothing."""
    if draft.prompt is None:
        return
    messages = as_list(read_object(draft.request.body).get("messages"))
    for index, item in enumerate(messages):
        message = as_object(item)
        if message.get("tool_calls") and not message.get("reasoning_content"):
            words = (
                "thinking is enabled but reasoning_content is missing in assistant tool call "
                f"message at index {index}"
            )
            draft.refuse(RefusalError(400, words))
            return


FAULTS = (
    Fault(
        "prefix-mismatch",
        "400 for replayed thinking, unless the body says `drop_block`.",
        prefix_mismatch,
    ),
    Fault("prefix-mismatch-hard", "400 for replayed thinking.", prefix_mismatch_hard),
    Fault(
        "bound-thinking",
        "400 for replayed thinking whose text, or anything before it, was changed.",
        bound_thinking,
    ),
    Fault(
        "needs-reasoning",
        "400 for a history with tool calls without `reasoning_content`.",
        needs_reasoning,
    ),
)
