"""Faults in how bytes are sent: cuts, pieces, lengths, chunks, headers, the connection."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from codegate.mock.draft import Draft
from codegate.mock.faults.table import Fault
from codegate.mock.steps import (
    Close,
    Data,
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

_PIECES = 8
_LENGTH_ERROR = 20


def reset_after(draft: Draft, n: int) -> None:
    """n events (or eighths of a document), then a reset."""
    _cut(draft, n, Pause(), Reset())


def eof_after(draft: Draft, n: int) -> None:
    """n events, then the end as if that were all."""
    if draft.is_streaming:
        _cut(draft, n, End())
    else:
        draft.body_edits.append(_in_pieces)
        draft.body_edits.append(lambda steps: _first(steps, min(n, _PIECES - 1)))


def stall_after(draft: Draft, n: int) -> None:
    """n events, then silence."""
    _cut(draft, n, Silence())


def _cut(draft: Draft, n: int, *ending: Step) -> None:
    if not draft.is_streaming:
        draft.body_edits.append(_in_pieces)
        n = min(n, _PIECES - 1)
    draft.step_edits.append(lambda steps: _cut_steps(steps, n, ending))


def _cut_steps(steps: Iterator[Step], n: int, ending: tuple[Step, ...]) -> Iterator[Step]:
    left = n
    for step in steps:
        if isinstance(step, End) or (left <= 0 and isinstance(step, Data)):
            break
        yield step
        if isinstance(step, Data) and step.is_event:
            left -= 1
            if left == 0:
                break
    yield from ending


def _in_pieces(steps: Iterator[Step]) -> Iterator[Step]:
    data = b"".join(step.data for step in steps if isinstance(step, Data))
    size = max(1, -(-len(data) // _PIECES))
    for start in range(0, len(data), size):
        yield Data(data[start : start + size], is_event=True)


def _first(steps: Iterator[Step], n: int) -> Iterator[Step]:
    return (step for _, step in zip(range(n), steps, strict=False))


def split_every_byte(draft: Draft) -> None:
    """One byte per write and chunk."""
    draft.body_edits.append(lambda steps: _split(steps, lambda: 1, Pause()))


def split_random(draft: Draft, seed: int) -> None:
    """Pieces of 1 to 64 bytes; the same seed gives the same cuts."""
    state = seed

    def size() -> int:
        nonlocal state
        # Knuth's constants; the low bits of such a generator hardly vary.
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return 1 + (state >> 58)

    draft.body_edits.append(lambda steps: _split(steps, size, Pause()))


def drip(draft: Draft, ms: int) -> None:
    """One byte of the body at a time."""
    draft.body_edits.append(lambda steps: _split(steps, lambda: 1, Pause(ms / 1000)))


def drip_status(draft: Draft, ms: int) -> None:
    """One byte of the head at a time."""
    draft.head_pace = ms / 1000


def _split(steps: Iterator[Step], size: Callable[[], int], pause: Pause) -> Iterator[Step]:
    for step in steps:
        if not isinstance(step, Data):
            yield step
            continue
        start = 0
        while start < len(step.data):
            end = start + size()
            is_last = end >= len(step.data)
            yield Data(step.data[start:end], is_event=step.is_event and is_last)
            yield pause
            start = end


def length_too_long(draft: Draft) -> None:
    """content-length promises more than comes."""
    draft.framing = Framing.LENGTH
    draft.step_edits.append(lambda steps: _lie(steps, _LENGTH_ERROR))
    draft.tail.append(Close())


def length_too_short(draft: Draft) -> None:
    """content-length promises less than comes."""
    draft.framing = Framing.LENGTH
    draft.step_edits.append(lambda steps: _lie(steps, -_LENGTH_ERROR))


def _lie(steps: Iterator[Step], difference: int) -> Iterator[Step]:
    for step in steps:
        if isinstance(step, Head):
            lengths = [value for name, value in step.headers if name == "content-length"]
            stated = max(0, int(lengths[0]) + difference)
            step = step.with_headers(("content-length", str(stated)))
        yield step


def chunk_bad_size(draft: Draft) -> None:
    """The second chunk has no number."""

    def edit(steps: Iterator[Step]) -> Iterator[Step]:
        for step in steps:
            yield step
            if isinstance(step, Data):
                yield Raw(b"xyz\r\n")
                yield from (Pause(), Close())
                return

    draft.framing = Framing.CHUNKED
    draft.step_edits.append(edit)


def chunk_no_final(draft: Draft) -> None:
    """The connection closes where the last chunk should be."""
    draft.framing = Framing.CHUNKED
    draft.step_edits.append(
        lambda steps: (Close() if isinstance(step, End) else step for step in steps)
    )


def chunk_trailers(draft: Draft) -> None:
    """Trailer fields after the last chunk."""
    trailers = (("x-checksum", "0123abcd"), ("x-elapsed", "12"))
    draft.framing = Framing.CHUNKED
    draft.step_edits.append(
        lambda steps: (End(trailers) if isinstance(step, End) else step for step in steps)
    )


def chunk_extensions(draft: Draft) -> None:
    """An extension on each chunk."""
    draft.framing = Framing.CHUNKED
    draft.chunk_extension = b';signature="a;b"'


def headers_200k(draft: Draft) -> None:
    """A head of 200 KB."""
    draft.headers += [(f"x-padding-{number}", "p" * 4080) for number in range(50)]


def headers_500(draft: Draft) -> None:
    """Five hundred headers."""
    draft.headers += [(f"x-number-{number}", str(number)) for number in range(500)]


def obs_fold(draft: Draft) -> None:
    """A header value continued on the next line."""
    draft.raw_lines.append(b"x-folded: first\r\n  second")


def bad_header_name(draft: Draft) -> None:
    """A name that is not a token."""
    draft.raw_lines.append(b"bad name@: value")


def close_after_answer(draft: Draft) -> None:
    """Close without having said so."""
    draft.tail.append(Close())


def close_after_ms(draft: Draft, ms: int) -> None:
    """Close a little later, when the client may already be sending again."""
    draft.tail += [Pause(ms / 1000), Close()]


def set_cookie_headers(draft: Draft) -> None:
    """What stands between a vendor and the world adds headers of its own."""
    plain: tuple[Header, ...] = (
        ("set-cookie", "__cf_bm=abc123; path=/; HttpOnly; Secure"),
        ("set-cookie", "_cfuvid=def456; path=/"),
        ("server", "cloudflare"),
        ("alt-svc", 'h3=":443"; ma=86400'),
        ("x-accel-buffering", "no"),
        ("cf-ray", "8c1f00d1badc0de0-FRA"),
        ("via", "1.1 edge"),
    )
    draft.headers += plain + draft.format.limit_headers(60)


def _on_head(edit: Callable[[Head], Head]) -> Callable[[Iterator[Step]], Iterator[Step]]:
    return lambda steps: (edit(step) if isinstance(step, Head) else step for step in steps)


def until_close(draft: Draft) -> None:
    """No length and no chunks: the body ends with the connection."""
    draft.step_edits.append(
        _on_head(lambda head: replace(head.without_header("content-length"), framing=Framing.NONE))
    )
    draft.tail.append(Close())


FAULTS = (
    Fault("reset-after-<n>", "n events (eighths of a document), then a TCP reset.", reset_after),
    Fault("eof-after-<n>", "n events, then a clean end without a terminal marker.", eof_after),
    Fault("stall-after-<n>", "n events, then silence.", stall_after),
    Fault("split-every-byte", "One byte per chunk and write.", split_every_byte),
    Fault("split-random-<seed>", "Pieces of 1 to 64 bytes, the same for a seed.", split_random),
    Fault("drip-<ms>", "The body byte by byte.", drip),
    Fault("drip-status-<ms>", "The head byte by byte.", drip_status),
    Fault("length-too-long", "`content-length` above the body; then a close.", length_too_long),
    Fault("length-too-short", "`content-length` below the body.", length_too_short),
    Fault("until-close", "No length: the body ends with the connection.", until_close),
    Fault("chunk-bad-size", "A chunk size that is no number.", chunk_bad_size),
    Fault("chunk-no-final", "A close in place of the last chunk.", chunk_no_final),
    Fault("chunk-trailers", "Trailers after the last chunk.", chunk_trailers),
    Fault("chunk-extensions", "Extensions on every chunk.", chunk_extensions),
    Fault("headers-200k", "A head of 200 KB.", headers_200k),
    Fault("headers-500", "Five hundred headers.", headers_500),
    Fault("obs-fold", "A folded header line.", obs_fold),
    Fault("bad-header-name", "A header name that is not allowed.", bad_header_name),
    Fault("close-after-answer", "A close right after the answer, unannounced.", close_after_answer),
    Fault("close-after-ms-<ms>", "A close that long after the answer.", close_after_ms),
    Fault("set-cookie-headers", "Cookies, edge and rate-limit headers.", set_cookie_headers),
)
