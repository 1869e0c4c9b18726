"""What a wire format has to offer the mock."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from codegate.mock.prompt import Prompt
from codegate.mock.reply import Reply
from codegate.mock.request import HttpRequest, RequestHead
from codegate.mock.sse import Event, Payload
from codegate.mock.steps import Header


class RefusalError(Exception):
    """The request is refused with `status`, in the words the vendor uses.

    `kind` is the vendor's error type, None for the usual one of the status. `code` and `param`
    are left out by formats that have no such members.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        headers: tuple[Header, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Call:
    """What a path asks for. `operation` is generate or count_tokens; `target` is what the path
    says about the model, "" where the body names it."""

    operation: str
    target: str = ""


class Format(ABC):
    """One wire format. Instances hold no state."""

    name: str

    @abstractmethod
    def match(self, path: str) -> Call | None:
        """The call behind `path` (without `/v1`), None when the path is not of this format."""

    @abstractmethod
    def claims(self, head: RequestHead) -> bool:
        """Whether a request on a shared path, such as the model list, speaks this format."""

    @abstractmethod
    def read_key(self, head: RequestHead) -> str | None:
        """The caller's key; None or "" when there is none."""

    @abstractmethod
    def key_refusal(self, key: str | None) -> RefusalError:
        """The refusal of a missing (None or "") or wrong key."""

    @abstractmethod
    def read(self, call: Call, request: HttpRequest) -> Prompt:
        """The request as a prompt. Raises RefusalError for whatever the vendor would not take."""

    @abstractmethod
    def tools_missing(self, name: str) -> RefusalError:
        """The refusal of a request without tools that is meant to lead to a call of `name`."""

    @abstractmethod
    def whole(self, prompt: Prompt, reply: Reply) -> Payload:
        """The answer as one JSON document."""

    @abstractmethod
    def events(self, prompt: Prompt, reply: Reply) -> Iterator[Event]:
        """The answer as a stream."""

    @abstractmethod
    def count(self, prompt: Prompt, tokens: int) -> Payload:
        """The answer to a token count."""

    @abstractmethod
    def error(self, refusal: RefusalError, seed: str) -> Payload:
        """The body of an error answer; `seed` as for `headers`."""

    @abstractmethod
    def error_event(self, refusal: RefusalError) -> Event:
        """The same inside a stream."""

    @abstractmethod
    def unknown_event(self) -> Event:
        """An event of a type that no client knows yet, but shaped as the vendor's are."""

    @abstractmethod
    def headers(self, seed: str) -> tuple[Header, ...]:
        """Headers of every answer; `seed` is hexadecimal and follows from the request."""

    @abstractmethod
    def limit_headers(self, seconds: float) -> tuple[Header, ...]:
        """Rate-limit headers that say: used up, new in `seconds`."""

    @abstractmethod
    def spend_refusal(self) -> RefusalError:
        """The refusal for an account whose money or quota is used up."""

    @abstractmethod
    def models(self, names: Sequence[str], query: Mapping[str, str]) -> Payload:
        """The model list."""

    @abstractmethod
    def model(self, name: str) -> Payload:
        """One model of the list."""

    @abstractmethod
    def model_refusal(self, name: str) -> RefusalError:
        """The refusal of a model that does not exist."""


def read_object(body: bytes) -> dict[str, object]:
    """The body as a JSON object. Raises ValueError with a reason."""
    document: object = orjson.loads(body)
    if not isinstance(document, dict):
        raise ValueError("the body is not a JSON object")
    return document


def as_list(value: object) -> list[object]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_object(value: object) -> dict[str, object]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def names(text: str) -> frozenset[str]:
    """The words of `text`."""
    return frozenset(text.split())


BLIND = "no-vision"
WITHOUT_TOOLS = "no-tools"
_IMAGES = frozenset({"image", "image_url"})


def check_abilities(body: dict[str, object], model: str) -> None:
    """Refuses what a model lacks by its name. Raises RefusalError."""
    if BLIND in model and _has_image(body.get("messages")):
        raise RefusalError(400, f"{model} does not support image input")
    if WITHOUT_TOOLS in model and body.get("tools"):
        raise RefusalError(400, f"{model} does not support tools")


def _has_image(value: object) -> bool:
    if isinstance(value, dict):
        return value.get("type") in _IMAGES or _has_image(value.get("content"))
    return isinstance(value, list) and any(_has_image(item) for item in value)
