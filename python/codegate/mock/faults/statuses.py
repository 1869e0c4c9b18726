"""Faults that answer with something else: error statuses, redirects, pages, silence."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from codegate.mock.draft import Draft
from codegate.mock.faults.table import Fault
from codegate.mock.formats.base import RefusalError
from codegate.mock.steps import (
    Data,
    Decline,
    End,
    Framing,
    Head,
    Header,
    Pause,
    Raw,
    Reset,
    Silence,
    Step,
)

_MESSAGES = {
    400: "The request is not valid.",
    401: "The key is not valid.",
    402: "The account's balance is too low.",
    403: "The key has no permission for this resource.",
    404: "The resource was not found.",
    408: "The request took too long.",
    413: "The request is too large.",
    429: "The rate limit was reached; try again later.",
    500: "Internal server error",
    503: "The service is unavailable.",
    529: "Overloaded",
}
_PAGE = b"""<!DOCTYPE html>
<html><head><title>Sign in</title></head>
<body><h1>Sign in to the network</h1><script>alert("portal")</script></body></html>
"""
_NO_BODY = frozenset({204, 304})


def _refuse(draft: Draft, code: int, *headers: Header) -> None:
    if code in _NO_BODY:
        draft.instead = (Head(status=code, framing=Framing.LENGTH), End())
        return
    draft.refuse(RefusalError(code, _MESSAGES.get(code, f"Status {code}"), headers=headers))


def status(draft: Draft, code: int) -> None:
    """Answer with the status."""
    _refuse(draft, code)


def status_after(draft: Draft, code: int, secs: str) -> None:
    """Add retry-after; the value may be nonsense, as it is in the wild."""
    _refuse(draft, code, ("retry-after", secs))


def status_after_ms(draft: Draft, code: int, ms: int) -> None:
    """Add retry-after-ms."""
    _refuse(draft, code, ("retry-after-ms", str(ms)))


def status_date(draft: Draft, code: int, secs: str) -> None:
    """Add retry-after as a date."""
    moment = datetime.now(UTC) + timedelta(seconds=_seconds(secs))
    _refuse(draft, code, ("retry-after", format_datetime(moment, usegmt=True)))


def status_reset(draft: Draft, code: int, secs: str) -> None:
    """Say only in the rate-limit headers when to come back."""
    _refuse(draft, code, *draft.format.limit_headers(_seconds(secs)))


def _seconds(secs: str) -> float:
    try:
        return float(secs)
    except ValueError:
        return 0.0


def status_retry(draft: Draft, code: int) -> None:
    """Tell SDKs to retry whatever the status."""
    _refuse(draft, code, ("x-should-retry", "true"))


def status_no_retry(draft: Draft, code: int) -> None:
    """Tell SDKs not to retry whatever the status."""
    _refuse(draft, code, ("x-should-retry", "false"))


def spend_limit(draft: Draft) -> None:
    """The account's money is used up."""
    draft.refuse(draft.format.spend_refusal())


def credit_low(draft: Draft) -> None:
    """A plain 400 whose text alone says that it is about money."""
    draft.refuse(
        RefusalError(
            400,
            "Your credit balance is too low to access the API. "
            "Please go to Plans & Billing to upgrade or purchase credits.",
        )
    )


def prompt_too_long(draft: Draft) -> None:
    """The conversation does not fit into the model, in the vendor's words."""
    if draft.format.name == "anthropic_messages":
        draft.refuse(RefusalError(400, "prompt is too long: 200931 tokens > 200000 maximum"))
        return
    draft.refuse(
        RefusalError(
            400,
            "This model's maximum context length is 128000 tokens. However, your messages "
            "resulted in 130500 tokens. Please reduce the length of the messages.",
            code="context_length_exceeded",
            param="messages",
        )
    )


def no_such_model(draft: Draft) -> None:
    """The vendor does not know the model."""
    model = draft.prompt.model if draft.prompt else "fault"
    draft.refuse(draft.format.model_refusal(model))


def no_betas(draft: Draft) -> None:
    """A host that knows no beta values refuses them."""
    beta = draft.request.head.header("anthropic-beta")
    if beta:
        message = f"Unexpected value(s) `{beta}` for the `anthropic-beta` header."
        draft.refuse(RefusalError(400, message))


def error_200(draft: Draft) -> None:
    """An error object that claims success."""
    draft.refuse(RefusalError(529, _MESSAGES[529]))
    draft.status = 200


def html_200(draft: Draft) -> None:
    """A captive portal."""
    draft.document(200, "text/html; charset=utf-8", _PAGE)


def html_502(draft: Draft) -> None:
    """A web server's own error page."""
    draft.document(502, "text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>\n")


def empty_200(draft: Draft) -> None:
    """Success without a body."""
    draft.document(200, "application/json", b"")


def redirect(draft: Draft, code: int) -> None:
    """Send the client elsewhere; the address is in x-mock-location or the mock's option."""
    location = draft.request.head.header("x-mock-location") or draft.canary
    draft.instead = (
        Head(status=code, headers=(("location", location), ("content-length", "0"))),
        End(),
    )


def early_hints(draft: Draft) -> None:
    """An informational answer first."""
    draft.lead.append(Raw(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n"))
    draft.lead.append(Pause())


def reset_before_status(draft: Draft) -> None:
    """Break off instead of answering."""
    draft.instead = (Reset(),)


def refuse_stream(draft: Draft) -> None:
    """Say that this request was not begun."""
    draft.instead = (Decline(),)


def go_away(draft: Draft) -> None:
    """Say that the connection ends and this request was not begun."""
    draft.instead = (Decline(with_connection=True),)


def hang(draft: Draft) -> None:
    """Never answer."""
    draft.instead = (Silence(),)


def hang_after_headers(draft: Draft) -> None:
    """The head, then nothing."""
    draft.step_edits.append(_until_head)


def _until_head(steps: Iterator[Step]) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Data):
            break
        yield step
    yield Silence()


def slow_first(draft: Draft, ms: int) -> None:
    """Think before the first byte."""
    draft.lead.insert(0, Pause(ms / 1000))


def fail_then_ok(draft: Draft, n: int, code: int) -> None:
    """Fail the first n times."""
    head = draft.request.head
    names = ("x-mock-session", "x-claude-code-session-id", "session-id", "x-session-id")
    session = next((value for value in map(head.header, names) if value), "")
    key = f"{session}\n{draft.prompt.model if draft.prompt else head.path}"
    seen = draft.counters.get(key, 0)
    draft.counters[key] = seen + 1
    if seen < n:
        _refuse(draft, code)


FAULTS = (
    Fault("status-<code>", "That status, with an error in the vendor's shape.", status),
    Fault("status-<code>-after-<secs>", "With `retry-after`; any text, so `-1` too.", status_after),
    Fault("status-<code>-after-ms-<ms>", "With `retry-after-ms`.", status_after_ms),
    Fault("status-<code>-date-<secs>", "With `retry-after` as a date so far ahead.", status_date),
    Fault("status-<code>-reset-<secs>", "With rate-limit reset headers only.", status_reset),
    Fault("status-<code>-retry", "With `x-should-retry: true`.", status_retry),
    Fault("status-<code>-no-retry", "With `x-should-retry: false`.", status_no_retry),
    Fault("spend-limit", "429 as for a spend limit or used-up quota.", spend_limit),
    Fault("prompt-too-long", "400 as for a conversation that does not fit.", prompt_too_long),
    Fault("credit-low", "400 whose text says that the balance is too low.", credit_low),
    Fault("no-such-model", "404 as for an unknown model.", no_such_model),
    Fault("no-betas", "400 when there is an `anthropic-beta` header.", no_betas),
    Fault("fail-<n>-then-ok:<status>", "That status n times, then answers.", fail_then_ok),
    Fault("error-200", "A JSON error object with status 200.", error_200),
    Fault("html-200", "An HTML page with status 200.", html_200),
    Fault("html-502", "A web server's HTML error page.", html_502),
    Fault("empty-200", "Status 200 with an empty body.", empty_200),
    Fault("redirect-<code>", "A redirect to the canary address.", redirect),
    Fault("early-hints", "103 before the answer.", early_hints),
    Fault("refuse-after-accept", "TCP reset, as early as the name is known.", reset_before_status),
    Fault("reset-before-status", "TCP reset after the request was read.", reset_before_status),
    Fault("refuse-stream", "HTTP/2: REFUSED_STREAM; HTTP/1.1: a close.", refuse_stream),
    Fault("go-away", "HTTP/2: a GOAWAY that leaves it out; HTTP/1.1: a close.", go_away),
    Fault("hang", "Silence instead of an answer.", hang),
    Fault("hang-after-headers", "The head, then silence.", hang_after_headers),
    Fault("slow-first-<ms>", "The first byte comes that much later.", slow_first),
)
