"""The compiled extension: bodies, streams, formats and the upstream transport.

Only ``codegate.native`` imports it.
"""

from asyncio import AbstractEventLoop
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Final, Generic, TypeVar, final

_T_co = TypeVar("_T_co", covariant=True)

__all__ = [
    "BUILD_PROFILE",
    "FORMATS",
    "GUARDRAIL_CATEGORIES",
    "Attempt",
    "BodyError",
    "Bridge",
    "Client",
    "Deadlines",
    "Fetched",
    "Guard",
    "GuardrailError",
    "Head",
    "Masked",
    "Pending",
    "Profile",
    "Progress",
    "Relayed",
    "Request",
    "Target",
    "Usage",
    "check_pattern",
    "error_body",
    "panic_probe",
    "scan",
    "text_headers",
]

BUILD_PROFILE: Final[str]
"""``release`` or ``debug``; benches refuse the latter."""

FORMATS: Final[tuple[str, ...]]
"""The wire formats this build knows."""

GUARDRAIL_CATEGORIES: Final[tuple[str, ...]]
"""What can be masked, ``custom`` included; where findings overlap the earlier one wins."""

class GuardrailError(RuntimeError):
    """A request could not be looked through; nothing of it may go out."""

class BodyError(ValueError):
    """A request body that cannot be used; the text says what to do, for the client."""

@final
class Pending(Generic[_T_co]):
    """An awaitable that runs on the extension's own thread. Cancelling it drops the work."""

    def __await__(self) -> Generator[Any, None, _T_co]: ...
    def __iter__(self) -> Generator[Any, None, _T_co]: ...
    def __next__(self) -> Any: ...
    _asyncio_future_blocking: bool
    def get_loop(self) -> AbstractEventLoop: ...
    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: Context | None = None
    ) -> None: ...
    def remove_done_callback(self, callback: Callable[[Any], object], /) -> int: ...
    def cancel(self, msg: object | None = None) -> bool: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool: ...
    def result(self) -> None: ...

@final
class Bridge:
    """Connects one event loop with the extension's runtime thread.

    Register ``fileno()`` with the loop's ``add_reader`` and ``drain`` as its callback.
    """

    def __new__(cls, event_loop: AbstractEventLoop) -> Bridge: ...
    def fileno(self) -> int: ...
    def drain(self) -> None:
        """Resume the tasks whose calls have finished. Called by the event loop."""
    def flush(self) -> None:
        """Hand over what was submitted in this turn. Called by the event loop."""
    @property
    def under_way(self) -> int:
        """Calls handed over and not finished yet."""
    def close(self) -> None:
        """Stop the thread; what is under way is dropped. May be called twice."""

@final
class Head:
    """A request's headers, read once."""

    def __new__(cls, headers: list[tuple[bytes, bytes]]) -> Head: ...
    @staticmethod
    def of_text(headers: list[tuple[str, str]], *, has_host: bool, has_account: bool) -> Head:
        """From a server that gives text and leaves out what is none; the flags say whether such a
        header is there at all."""
    @property
    def key_digests(self) -> tuple[bytes, ...]:
        """SHA-256 of every key presented: ``x-api-key``, ``Authorization: Bearer``,
        ``x-goog-api-key``."""
    @property
    def content_length(self) -> int | None:
        """The declared size of the body; ``None`` for one that comes in chunks."""
    @property
    def content_encoding(self) -> bytes | None: ...
    @property
    def host(self) -> bytes | None: ...
    @property
    def host_count(self) -> int: ...
    @property
    def session(self) -> str | None:
        """What the client calls its session, by ``x-claude-code-session-id``, ``session-id`` or
        ``x-session-id``."""
    @property
    def account(self) -> str | None:
        """The account that ``x-codegate-account`` asks for."""
    @property
    def is_anthropic(self) -> bool:
        """Whether the caller named an ``anthropic-version``."""

@final
class Request:
    """A parsed request body. Its bytes stay in the extension."""

    @staticmethod
    def parse(wire_format: str, parts: list[bytes]) -> Request:
        """Check the structure and read what routing needs. Raises ``BodyError``."""
    @property
    def model(self) -> str: ...
    @property
    def is_streaming(self) -> bool: ...
    @property
    def max_output(self) -> int | None: ...
    @property
    def session_hint(self) -> str | None: ...
    @property
    def body_bytes(self) -> int: ...
    def estimated_tokens(self) -> int:
        """Tokens of the prompt as far as its length tells. Raises ``BodyError``."""
    def prefix_hash(self) -> int | None:
        """A hash of instructions, tools and everything up to the user's first turn, the same in
        every turn of a conversation in this process; ``None`` below 4 KB."""
    def has_images(self) -> bool:
        """Whether the conversation holds images. Found out once; takes a while in large bodies."""
    def has_tools(self) -> bool:
        """Whether tools may be called."""
    def asks_long_cache(self) -> bool:
        """Whether the body asks for a prompt cache that lives an hour."""

@final
class Guard:
    """One tenant's guardrails: keys, detectors, and what is known of texts seen before."""

    def __new__(
        cls,
        roots: list[bytes],
        tenant: str,
        *,
        modes: dict[str, str],
        patterns: list[str],
        words: list[str],
        allowed: list[str],
        not_in_tool_args: list[str],
        is_portable: bool,
        timeout_s: float,
    ) -> Guard:
        """``roots`` are keys of 32 bytes, the one in use first; modes are ``mask``, ``block``,
        ``observe`` and ``off``; a timeout of 0 is none. Raises ``ValueError``."""
    def mask(self, request: Request) -> Masked:
        """The request as it may go up. Raises ``GuardrailError``."""
    def break_probe(self) -> None:
        """From now on every ``mask`` panics inside: for tests of what happens then."""
    def mask_text(self, text: str) -> tuple[str, list[tuple[str, int, int]]]:
        """A text as a provider would see it, and what was found, in characters of ``text``."""

@final
class Masked:
    """A request that was looked through."""

    @property
    def request(self) -> Request:
        """The masked request, or the same where nothing was found."""
    @property
    def counts(self) -> list[tuple[str, int]]:
        """Findings by category, whether they were masked or only counted."""
    @property
    def blocked(self) -> str | None:
        """A category that the tenant does not let out, if the request holds it."""

@final
class Target:
    """Where the requests of one account go in one format."""

    def __new__(
        cls,
        wire_format: str,
        base_url: str,
        auth: tuple[str, str, str] | None,
        headers: list[tuple[str, str]],
        profile: Profile | None = None,
    ) -> Target:
        """``auth`` is (header, text before the secret, secret). Raises ``ValueError``."""

@final
class Profile:
    """What a service takes of translated requests; see ``codegate.providers.base.Quirks``."""

    def __new__(
        cls,
        *,
        vendor: str,
        is_limit_completion: bool,
        takes_stream_usage: bool,
        takes_text_parts: bool,
        takes_late_system: bool,
        takes_effort: bool,
        efforts: list[str],
        has_thinking_switch: bool,
        echo: str,
        has_think_tags: bool,
        takes_images: bool | None,
        refused: list[str],
    ) -> Profile: ...

@final
class Deadlines:
    """The times and sizes of one attempt, in seconds and bytes; 0 is no limit."""

    def __new__(
        cls,
        *,
        connect_s: float,
        first_byte_s: float,
        idle_s: float,
        total_s: float,
        write_s: float,
        keep_alive_s: float,
        max_answer_bytes: int,
    ) -> Deadlines: ...

@final
class Usage:
    """Tokens as the upstream reported them; ``input`` leaves out what came from the cache."""

    @property
    def input(self) -> int | None: ...
    @property
    def output(self) -> int | None: ...
    @property
    def cache_read(self) -> int | None: ...
    @property
    def cache_write(self) -> int | None: ...
    @property
    def reasoning(self) -> int | None: ...
    @property
    def is_estimated(self) -> bool: ...

@final
class Progress:
    """What went down a stream so far."""

    @property
    def bytes_out(self) -> int: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def malformed_events(self) -> int: ...
    @property
    def delivered(self) -> str | None:
        """How the stream ended, once the server took its last byte; names as in ``Relayed``."""

@final
class Relayed:
    """How a stream ended."""

    @property
    def reason(self) -> str:
        """``ok``, ``client_closed``, ``drained``, ``error_event`` or a failure's name."""

@final
class Attempt:
    """The result of one try at one upstream."""

    @property
    def is_committable(self) -> bool:
        """A whole good answer, or a stream whose first event is no error."""
    @property
    def is_stream(self) -> bool: ...
    @property
    def failure(self) -> str | None:
        """The stable name of what went wrong below HTTP's status, e.g. ``connect``, ``reset``."""
    @property
    def message(self) -> str:
        """One sentence about the failure or error, fit for the client."""
    @property
    def status(self) -> int:
        """The upstream's status, or the one its error event stands for; 0 where none came."""
    @property
    def answer_status(self) -> int:
        """The status that goes to the client with ``body``."""
    @property
    def losses(self) -> list[str]:
        """What the upstream's format could not be told, with counts: ``cache_control(2)``."""
    @property
    def error_type(self) -> str | None: ...
    @property
    def error_code(self) -> str | None: ...
    @property
    def is_error_passable(self) -> bool:
        """Whether ``body`` is an error in the format's own shape that may go to the client."""
    @property
    def retry_after_ms(self) -> int | None: ...
    @property
    def was_sent(self) -> bool:
        """Whether the upstream may have seen the request."""
    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The upstream's headers that may go to the client."""
    @property
    def body(self) -> bytes:
        """A plain answer or an error's body."""
    @property
    def usage(self) -> Usage | None: ...
    def whole(self) -> tuple[bytes, str] | None:
        """The bytes of a stream that is here to its end already, and the reason it ended by.

        Nothing where more is to come, or where it is too large to be handed over at once.
        """
    def relay(self, send: Callable[[dict[str, Any]], Any]) -> Pending[Relayed]:
        """Send the stream's bytes, its last message included, by the ASGI ``send``.

        The extension calls ``send`` from its own thread, as the server that CodeGate runs on
        allows; ``next_chunk`` is the way for any other.
        """
    def relay_bytes(self, transport: object) -> Pending[Relayed]:
        """Send the stream's bytes by the transport of an RSGI stream, and let go of it."""
    def next_chunk(self) -> Pending[bytes | Relayed]:
        """The next piece of the stream, then how it ended."""
    def progress(self) -> Progress: ...
    def stop(self, reason: str) -> None:
        """End a running relay with an error event, e.g. because the process is stopping."""

@final
class Fetched:
    """The answer to a small request of our own."""

    @property
    def failure(self) -> str | None: ...
    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...

@final
class Client:
    """The pooled upstream client of one worker."""

    def __new__(
        cls, bridge: Bridge, https_proxy: str | None, no_proxy: str, seal_key: bytes | None = None
    ) -> Client:
        """``seal_key`` signs reasoning that passes through clients of another format."""
    def parse(self, wire_format: str, parts: list[bytes]) -> Pending[Request]:
        """``Request.parse`` on another thread, for large bodies."""
    def mask(self, guard: Guard, request: Request) -> Pending[Masked]:
        """``Guard.mask`` on another thread, for large bodies."""
    def send(
        self,
        target: Target,
        path: str,
        request: Request,
        head: Head,
        model: str,
        max_output: int | None,
        deadlines: Deadlines,
        within_s: float,
        abilities: str = "",
        is_strict: bool = False,
    ) -> Pending[Attempt]:
        """``abilities``: what is known of the model there, out of ``t`` (tools), ``r`` (reasoning)
        and ``v`` (vision): the small letter for what it has not, the capital for what it has.
        ``is_strict`` refuses a translation that loses meaning.

        One attempt: a whole plain answer, or a stream up to its first event.

        A higher output limit in the request is lowered to ``max_output`` tokens.
        """
    def fetch(
        self, target: Target, path: str, *, timeout_s: float, max_bytes: int
    ) -> Pending[Fetched]:
        """GET ``path`` at ``target``."""

def check_pattern(pattern: str) -> None:
    """Whether a pattern can be used. Raises ``ValueError`` with the reason if not."""

def error_body(wire_format: str, status: int, code: str, message: str, request_id: str) -> bytes:
    """An error in the format's own shape."""

def panic_probe(bridge: Bridge | None = None) -> Pending[None]:
    """Panic on purpose, to show that a defect in the extension ends one call and nothing else:
    at once, or with a bridge in a task of its runtime."""

def scan(text: str) -> list[tuple[str, int, int]]:
    """What the guardrails' detectors find with all of them on: category, start and end in
    characters of ``text``, in order and without overlaps."""

def text_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    """Headers of an answer as text, without those that are no visible ASCII."""
