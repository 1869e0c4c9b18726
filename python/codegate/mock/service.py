"""From a request to the steps of its answer: routes, keys, directives, faults.

Nothing here touches a socket, so the same service stands behind HTTP/1.1 and HTTP/2.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator

import orjson

from codegate.mock.directives import DirectiveError
from codegate.mock.draft import Draft
from codegate.mock.faults import FAULTS, Scripted, UnknownFaultError, read_script
from codegate.mock.formats import load_formats
from codegate.mock.formats.base import Call, Format, RefusalError
from codegate.mock.journal import Entry, Journal
from codegate.mock.options import Options
from codegate.mock.prompt import Prompt
from codegate.mock.reply import Reply, ToolsMissingError, compose, count_input
from codegate.mock.request import HttpRequest, RequestHead
from codegate.mock.steps import Data, End, Head, Step

FAULT_PREFIX = "fault:"
_EARLY_RESET = "refuse-after-accept"
_WRONG_KEY = "bad-key"


class Service:
    """Answers requests. `fault` is a script for every API request until it is unset; scripts in
    `queue` go first, one for each model call, None for a call without a fault."""

    def __init__(self, options: Options, journal: Journal) -> None:
        self.fault: str | None = None
        self.queue: deque[str | None] = deque()
        self._options = options
        self._journal = journal
        self._formats = load_formats()
        self._counters: dict[str, int] = {}

    def refuses_connections(self) -> bool:
        """Whether a connection is to be reset as soon as it is accepted."""
        return self.fault == _EARLY_RESET

    def refuses_early(self, head: RequestHead) -> bool:
        """Whether a connection is to be reset before the body is read."""
        return _EARLY_RESET in (head.header("x-mock-fault") or "").split("+")

    def answer(self, request: HttpRequest, entry: Entry) -> Iterable[Step]:
        """The answer; facts about it go into `entry`."""
        path = request.head.path.rstrip("/")
        # Some clients add the version to a base URL that has it already.
        while path.startswith("/v1/"):
            path = path.removeprefix("/v1")
        if path == "/health":
            return _document({"status": "ok"})
        for wire_format in self._formats:
            call = wire_format.match(path)
            if call is not None:
                return self._answer_in(wire_format, call, request, entry)
        return self._answer_shared(path, request, entry)

    def answer_own(self, request: HttpRequest) -> Iterable[Step]:
        """The mock's own pages under /_mock; the caller has checked that it is local."""
        head = request.head
        if head.path == "/_mock/journal" and head.method == "GET":
            with_body = head.query.get("bodies") == "1"
            return _document([entry.as_json(with_body=with_body) for entry in self._journal])
        if head.path == "/_mock/journal" and head.method == "DELETE":
            self._journal.clear()
            return _document({"entries": 0})
        if head.path in ("/_mock/fault", "/_mock/queue") and head.method == "PUT":
            lines = request.body.decode("ascii", "replace").split("\n")
            scripts = [line.strip() or None for line in lines]
            try:
                for script in scripts:
                    read_script((script or "").removeprefix(FAULT_PREFIX), FAULTS)
            except UnknownFaultError as error:
                return _document({"error": f"unknown fault: {error}"}, status=400)
            return self._set_faults(head.path, scripts)
        return _document({"error": "not found"}, status=404)

    def _set_faults(self, path: str, scripts: list[str | None]) -> Iterable[Step]:
        if path == "/_mock/queue":
            self.queue.clear()
            self.queue.extend(scripts)
            return _document({"queue": scripts})
        if len(scripts) > 1:
            return _document({"error": "one standing fault, on one line"}, status=400)
        self.fault = scripts[0]
        return _document({"fault": self.fault})

    def _answer_in(
        self, wire_format: Format, call: Call, request: HttpRequest, entry: Entry
    ) -> Iterable[Step]:
        entry.format = wire_format.name
        draft = self._draft(wire_format, request)
        try:
            _check_method(request.head, "POST")
            self._check_key(wire_format, request.head)
            prompt = wire_format.read(call, request)
            entry.model, entry.is_streaming = prompt.model, prompt.is_streaming
            faults = self._faults(request.head, prompt, call, entry)
            draft.prompt = prompt
            if call.operation == "count_tokens":
                draft.payload = wire_format.count(prompt, count_input(request.body))
            else:
                draft.reply = self._compose(wire_format, prompt, request.head)
                draft.payload = wire_format.whole(prompt, draft.reply)
                draft.is_streaming = prompt.is_streaming
        except RefusalError as refusal:
            draft.refuse(refusal)
            return draft.steps()
        _apply(faults, draft)
        if draft.reply is not None:
            entry.usage = draft.reply.usage.as_dict()
            draft.payload = wire_format.whole(prompt, draft.reply)
        return draft.steps()

    def _answer_shared(self, path: str, request: HttpRequest, entry: Entry) -> Iterable[Step]:
        """The model list, and every path that is nobody's."""
        wire_format = next(each for each in self._formats if each.claims(request.head))
        entry.format = wire_format.name
        draft = self._draft(wire_format, request)
        try:
            if path == "/models":
                _check_method(request.head, "GET")
                self._check_key(wire_format, request.head)
                draft.payload = wire_format.models(self._options.models, request.head.query)
            elif path.startswith("/models/"):
                _check_method(request.head, "GET")
                self._check_key(wire_format, request.head)
                draft.payload = self._model(wire_format, path.removeprefix("/models/"))
            else:
                raise RefusalError(404, f"Invalid URL ({request.head.method} {request.head.path})")
            faults = self._faults(request.head, None, None, entry)
        except RefusalError as refusal:
            draft.refuse(refusal)
            return draft.steps()
        _apply(faults, draft)
        return draft.steps()

    def _model(self, wire_format: Format, name: str) -> dict[str, object]:
        if name not in self._options.models:
            raise wire_format.model_refusal(name)
        return wire_format.model(name)

    def _draft(self, wire_format: Format, request: HttpRequest) -> Draft:
        pace = request.head.query.get("pace", "")
        milliseconds = float(pace) if pace.isdecimal() else self._options.pace_ms
        return Draft(
            request=request,
            format=wire_format,
            seed=hashlib.sha256(request.body or request.head.target.encode()).hexdigest(),
            pace=milliseconds / 1000,
            counters=self._counters,
            canary=self._options.canary,
        )

    def _check_key(self, wire_format: Format, head: RequestHead) -> None:
        key = wire_format.read_key(head)
        wanted = self._options.require_key
        if not key or key == _WRONG_KEY or (wanted is not None and key != wanted):
            raise wire_format.key_refusal(key)

    def _compose(self, wire_format: Format, prompt: Prompt, head: RequestHead) -> Reply:
        deltas = head.query.get("deltas", "")
        count = int(deltas) if deltas.isdecimal() else self._options.deltas
        try:
            return compose(prompt, deltas=max(1, count))
        except DirectiveError as error:
            raise RefusalError(400, f"mock directive: {error}") from None
        except ToolsMissingError as error:
            raise wire_format.tools_missing(str(error)) from None

    def _faults(
        self, head: RequestHead, prompt: Prompt | None, call: Call | None, entry: Entry
    ) -> list[Scripted]:
        """The faults for a request: model name, else header, else queue, else the standing one."""
        script = self.fault
        if call is not None and call.operation == "generate" and self.queue:
            script = self.queue.popleft()
        script = head.header("x-mock-fault") or script
        if prompt is not None and prompt.model.startswith(FAULT_PREFIX):
            script = prompt.model
        if not script:
            return []
        script = script.removeprefix(FAULT_PREFIX)
        entry.fault = script
        try:
            return read_script(script, FAULTS)
        except UnknownFaultError as error:
            raise RefusalError(400, f"unknown fault: {error}") from None


def _apply(faults: list[Scripted], draft: Draft) -> None:
    for scripted in faults:
        scripted.apply(draft)


def _check_method(head: RequestHead, method: str) -> None:
    if head.method != method:
        raise RefusalError(405, f"Method {head.method} not allowed", headers=(("allow", method),))


def _document(content: object, *, status: int = 200) -> Iterator[Step]:
    data = orjson.dumps(content)
    headers = (("content-type", "application/json"), ("content-length", str(len(data))))
    return iter((Head(status=status, headers=headers), Data(data), End()))
