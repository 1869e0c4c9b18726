"""An answer in the making: faults edit the draft, then it becomes steps."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from codegate.mock.formats.base import Format, RefusalError
from codegate.mock.prompt import Prompt
from codegate.mock.reply import Reply
from codegate.mock.request import HttpRequest
from codegate.mock.sse import Event, Kind, Payload, Style, encode_json
from codegate.mock.steps import Data, End, Framing, Head, Header, Pause, Step

EventEdit = Callable[[Iterator[Event]], Iterator[Event]]
PayloadEdit = Callable[[Payload], Payload]
StepEdit = Callable[[Iterator[Step]], Iterator[Step]]

_JSON_HEADERS: tuple[Header, ...] = (("content-type", "application/json"),)
_SSE_HEADERS: tuple[Header, ...] = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-cache"),
)


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a fault may change, in the order in which it takes effect.

    `payload` is the JSON document, `events` the stream; both are there when the request was a
    model call, so that a fault can choose. `payload_edits` see the document and each event's
    payload. `body_edits` see the body's `Data` and `Pause` steps before its length is stated,
    `step_edits` the whole answer. `instead` replaces it all. `pace` is in seconds.
    """

    request: HttpRequest
    format: Format
    seed: str
    prompt: Prompt | None = None
    reply: Reply | None = None
    payload: Payload = field(default_factory=dict)
    is_streaming: bool = False
    pace: float = 0.0
    joins_events: bool = False
    style: Style = field(default_factory=Style)
    status: int = 200
    headers: list[Header] = field(default_factory=list)
    raw_lines: list[bytes] = field(default_factory=list)
    framing: Framing | None = None
    chunk_extension: bytes = b""
    head_pace: float = 0.0
    payload_edits: list[PayloadEdit] = field(default_factory=list)
    event_edits: list[EventEdit] = field(default_factory=list)
    body_edits: list[StepEdit] = field(default_factory=list)
    step_edits: list[StepEdit] = field(default_factory=list)
    lead: list[Step] = field(default_factory=list)
    tail: list[Step] = field(default_factory=list)
    instead: Iterable[Step] | None = None
    counters: dict[str, int] = field(default_factory=dict)
    canary: str = ""

    def refuse(self, refusal: RefusalError) -> None:
        """Answer with an error in the format's own shape."""
        self.status = refusal.status
        self.is_streaming = False
        self.payload = self.format.error(refusal, self.seed)
        self.headers += refusal.headers
        self.reply = None

    def document(self, status: int, content_type: str, body: bytes) -> None:
        """Answer with `body`, whatever was asked."""
        headers = (("content-type", content_type), ("content-length", str(len(body))))
        self.instead = (Head(status=status, headers=headers), Data(body), End())

    def steps(self) -> Iterator[Step]:
        """The answer as steps; to be called once."""
        if self.instead is not None:
            return iter(self.instead)
        body: Iterator[Step] = self._stream() if self.is_streaming else self._document()
        for edit in self.body_edits:
            body = edit(body)
        framing = self.framing or (Framing.CHUNKED if self.is_streaming else Framing.LENGTH)
        headers = list(_SSE_HEADERS if self.is_streaming else _JSON_HEADERS)
        headers += self.format.headers(self.seed)
        headers += self.headers
        if framing is Framing.LENGTH:
            pieces = list(body)
            length = sum(len(step.data) for step in pieces if isinstance(step, Data))
            headers.append(("content-length", str(length)))
            body = iter(pieces)
        head = Head(
            status=self.status,
            headers=tuple(headers),
            framing=framing,
            chunk_extension=self.chunk_extension,
            raw_lines=tuple(self.raw_lines),
            pace=self.head_pace,
        )
        steps: Iterator[Step] = chain(self.lead, (head,), body, (End(),), self.tail)
        for edit in self.step_edits:
            steps = edit(steps)
        return steps

    def _document(self) -> Iterator[Step]:
        payload = self.payload
        for edit in self.payload_edits:
            payload = edit(payload)
        yield Data(encode_json(payload))

    def _stream(self) -> Iterator[Step]:
        if self.prompt is None or self.reply is None:
            raise ValueError("only a model call has a stream")
        events = self.format.events(self.prompt, self.reply)
        if self.payload_edits:
            events = self._edited(events)
        for edit in self.event_edits:
            events = edit(events)
        is_first = True
        for event, data in self.style.encode(events):
            if not is_first and not self.joins_events:
                yield Pause(self.pace if event.kind is Kind.DELTA else 0.0)
            yield Data(data, is_event=True)
            is_first = False

    def _edited(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            payload = event.payload
            if not isinstance(payload, bytes):
                for edit in self.payload_edits:
                    payload = edit(payload)
            yield Event(payload, event.name, event.kind, event.block)
