"""What a request asks, in terms that every wire format shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JsonObject = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What a client-side tool gave for the call `call_id`; non-text content is left out."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One message. `call_ids` are the calls that an assistant turn made."""

    role: str
    texts: tuple[str, ...] = ()
    call_ids: tuple[str, ...] = ()
    results: tuple[ToolResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool on offer; `schema` describes its arguments."""

    name: str
    schema: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A validated request.

    `forced_tool` is a tool's name, "" for any tool, None when the model may choose.
    `answer_schema` is set when the answer must be JSON; an empty schema takes any object.
    `said` is a digest of all that the answer's seals cover, where the format has seals.
    `cache_markers` counts cache breakpoints, `cache_hour_markers` those with a life of one hour.
    """

    model: str
    body: bytes
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    forced_tool: str | None = None
    answer_schema: JsonObject | None = None
    is_streaming: bool = False
    wants_usage: bool = True
    choices: int = 1
    max_output: int | None = None
    stop: tuple[str, ...] = ()
    said: bytes = b""
    cache_markers: int = 0
    cache_hour_markers: int = 0

    @property
    def last_result(self) -> str:
        """Text of the most recent tool result, "" when there is none."""
        for turn in reversed(self.turns):
            if turn.results:
                return turn.results[-1].text
        return ""

    @property
    def last_user_text(self) -> str:
        """What the user said last; reminder blocks that a client adds do not count."""
        fallback = ""
        for turn in reversed(self.turns):
            if turn.role != "user":
                continue
            for text in reversed(turn.texts):
                if not text.lstrip().startswith("<system-reminder>"):
                    return text
                fallback = fallback or text
        return fallback
