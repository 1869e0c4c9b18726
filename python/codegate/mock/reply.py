"""What the mock answers, before any wire format: a pure function of the request's bytes."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from codegate.mock.directives import Call, Directive, Say, Script, Think, find_script
from codegate.mock.prompt import Prompt
from codegate.mock.sample import sample
from codegate.mock.seals import seal

_QUOTED_CHARACTERS = 200
# An echo longer than this says no more, and a body of many megabytes would come back whole.
_ECHO_CHARACTERS = 16 * 1024
_WORD = re.compile(r"\S+")
_EPOCH = 1_790_000_000


class ToolsMissingError(Exception):
    """A tool call is scripted, but the request offers no tools."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingPart:
    """Reasoning with the seal that proves it came from here unchanged."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A call; `key` is unique in the conversation and becomes the id, after a format's prefix."""

    key: str
    name: str
    arguments: dict[str, object]


Part = TextPart | ThinkingPart | ToolCallPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Token counts. `input` leaves out the cached tokens; `output` includes `reasoning`."""

    input: int
    output: int
    cache_read: int = 0
    cache_write: int = 0
    cache_write_hour: int = 0
    reasoning: int = 0

    def as_dict(self) -> dict[str, int]:
        """The members by name, for the journal."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. `stop` is end, tools, length or sequence; `deltas` is how many pieces a text has
    when streamed; `seed` is a hash of the request that ids are made from."""

    seed: str
    parts: tuple[Part, ...]
    stop: str
    stop_sequence: str | None
    usage: Usage
    deltas: int

    @property
    def created(self) -> int:
        """A moment in Unix seconds that follows from the request alone."""
        return _EPOCH + int(self.seed[:6], 16)


def compose(prompt: Prompt, *, deltas: int) -> Reply:
    """The answer to `prompt`. Raises DirectiveError and ToolsMissingError."""
    seed = hashlib.sha256(prompt.body).hexdigest()
    script = find_script(prompt)
    parts = _parts(prompt, script, seed)
    stop, stop_sequence = "end", None
    if any(isinstance(part, ToolCallPart) for part in parts):
        stop = "tools"
    else:
        parts, stop_sequence = _stop_at(parts, prompt.stop)
        stop = "sequence" if stop_sequence is not None else "end"
        if prompt.max_output is not None and _words(parts) > prompt.max_output:
            parts, stop, stop_sequence = (
                _shorten(parts, prompt.max_output, prompt.said),
                "length",
                None,
            )
    usage = _usage(prompt, parts, script.usage if script else {})
    return Reply(
        seed=seed, parts=parts, stop=stop, stop_sequence=stop_sequence, usage=usage, deltas=deltas
    )


def count_input(body: bytes) -> int:
    """Tokens of a request body: a quarter of its bytes, rounded up."""
    return max(1, -(-len(body) // 4))


def text_pieces(text: str, count: int) -> list[str]:
    """`text` in at most `count` pieces of nearly equal length; none when it is empty."""
    size = max(1, -(-len(text) // max(1, count)))
    return [text[start : start + size] for start in range(0, len(text), size)]


def argument_pieces(arguments: Mapping[str, object], count: int) -> list[str]:
    r"""The arguments as JSON text, cut at odd places: inside `\n` and `\u00e9` where there are any.

    The text is pure ASCII, so that every character beyond it is an escape that can be cut.
    """
    text = json.dumps(arguments, separators=(",", ":"))
    size = max(3, len(text) // max(1, count)) | 1
    cuts = [0]
    while cuts[-1] + size < len(text):
        start = cuts[-1]
        escape = text.find("\\", start + 1, start + size)
        # Behind the backslash; for \uXXXX also possible two digits further on.
        offset = 1 + 3 * (len(cuts) % 2) if text[escape + 1 : escape + 2] == "u" else 1
        cuts.append(escape + offset if escape >= 0 else start + size)
    return [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def _parts(prompt: Prompt, script: Script | None, seed: str) -> tuple[Part, ...]:
    if script is not None:
        step = _current_step(prompt, script)
        if step is None:
            return (TextPart(_quote_results(prompt, script)),)
        return _scripted(prompt, step, seed)
    if prompt.forced_tool is not None and prompt.tools:
        name = prompt.forced_tool or prompt.tools[0].name
        schema = next((tool.schema for tool in prompt.tools if tool.name == name), {})
        arguments = sample(schema, prompt.last_user_text[:_QUOTED_CHARACTERS])
        return (ToolCallPart(seed[:24], name, arguments if isinstance(arguments, dict) else {}),)
    echo = prompt.last_user_text[:_ECHO_CHARACTERS]
    if prompt.answer_schema is not None:
        value = sample(prompt.answer_schema, echo)
        return (TextPart(json.dumps(value, ensure_ascii=False)),)
    return (TextPart(f"You said: {echo}"),)


def _current_step(prompt: Prompt, script: Script) -> tuple[Directive, ...] | None:
    """The step to answer now; None once the results of the last one have arrived."""
    done = sum(bool(turn.call_ids) for turn in prompt.turns[script.turn + 1 :])
    if not any(turn.results for turn in prompt.turns[script.turn + 1 :]):
        done = 0
    return script.steps[done] if done < len(script.steps) else None


def _quote_results(prompt: Prompt, script: Script) -> str:
    results = [result for turn in prompt.turns[script.turn + 1 :] for result in turn.results]
    return "\n".join(
        f"Tool result {number}: {result.text[:_QUOTED_CHARACTERS]}"
        for number, result in enumerate(results, 1)
    )


def _scripted(prompt: Prompt, step: tuple[Directive, ...], seed: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    for number, directive in enumerate(step):
        match directive:
            case Say(text):
                parts.append(TextPart(text))
            case Think(text):
                parts.append(ThinkingPart(text, seal(text, prompt.said)))
            case Call(name, arguments):
                if not prompt.tools:
                    raise ToolsMissingError(name)
                key = hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()[:24]
                parts.append(ToolCallPart(key, name, arguments))
    if not any(isinstance(part, TextPart | ToolCallPart) for part in parts):
        parts.append(TextPart(f"You said: {prompt.last_user_text[:_QUOTED_CHARACTERS]}"))
    return tuple(parts)


def _stop_at(
    parts: tuple[Part, ...], sequences: tuple[str, ...]
) -> tuple[tuple[Part, ...], str | None]:
    for number, part in enumerate(parts):
        if not isinstance(part, TextPart):
            continue
        hits = [(part.text.find(word), word) for word in sequences if word and word in part.text]
        if hits:
            position, word = min(hits)
            return (*parts[:number], TextPart(part.text[:position])), word
    return parts, None


def _shorten(parts: tuple[Part, ...], limit: int, said: bytes = b"") -> tuple[Part, ...]:
    kept: list[Part] = []
    for part in parts:
        left = limit - _words(tuple(kept))
        if left <= 0 or isinstance(part, ToolCallPart):
            break
        words = list(_WORD.finditer(part.text))
        if len(words) > left:
            text = part.text[: words[left - 1].end()]
            signature = seal(text, said)
            kept.append(
                TextPart(text) if isinstance(part, TextPart) else ThinkingPart(text, signature)
            )
            break
        kept.append(part)
    return tuple(kept)


def _words(parts: tuple[Part, ...]) -> int:
    total = 0
    for part in parts:
        if isinstance(part, ToolCallPart):
            total += 1 + len(_WORD.findall(json.dumps(part.arguments)))
        else:
            total += len(_WORD.findall(part.text))
    return total


def _usage(prompt: Prompt, parts: tuple[Part, ...], scripted: dict[str, int]) -> Usage:
    total = count_input(prompt.body)
    read = write = 0
    if prompt.cache_markers:
        # The prefix of a later turn was written by the turn before.
        if any(turn.role == "assistant" for turn in prompt.turns):
            read, write = total // 2, total // 4
        else:
            write = total // 2
    thinking = tuple(part for part in parts if isinstance(part, ThinkingPart))
    usage = Usage(
        input=total - read - write,
        output=_words(parts),
        cache_read=read,
        cache_write=write,
        reasoning=_words(thinking),
    )
    usage = replace(usage, **scripted)
    return replace(usage, cache_write_hour=usage.cache_write if prompt.cache_hour_markers else 0)
