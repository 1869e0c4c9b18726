"""Harmless values that look busy: ids, hashes, versions, times, paths, encoded blobs."""

from __future__ import annotations

import base64
import random
import string
import uuid
from datetime import UTC, datetime, timedelta

from benches.guardrails.people import WORDS
from benches.guardrails.shapes import fill

_EPOCH = datetime(2023, 1, 1, tzinfo=UTC)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_HOSTS = "web-1 api-7f9c db-primary cache02 worker-3 ingress-a node12 build-runner-4"
_MODULES = (
    "auth billing cart catalog config ingest ledger mailer metrics orders parser queue router"
)
_PACKAGES = (
    "lodash express react-dom typescript vite eslint webpack tokio serde hyper anyhow numpy pandas "
    "requests urllib3 pydantic fastapi starlette jinja2 rails nokogiri puma guava jackson-databind "
    "spring-core logback-classic golang-jwt cobra viper testify"
)
_EXTENSIONS = "py rs ts go java rb c cpp cs php kt swift tsx sh"


def _pick(text: str, chance: random.Random) -> str:
    return chance.choice(text.split())


def number(chance: random.Random, span: str = "") -> str:
    """A decimal number, `low-high`."""
    low, _, high = (span or "1-999").partition("-")
    return str(chance.randint(int(low), int(high)))


def hexadecimal(chance: random.Random, size: str = "") -> str:
    """Lower-case hex digits."""
    return fill(f"{{h{size or 40}}}", chance)


def encoded(chance: random.Random, size: str = "") -> str:
    """Base64 of that many random bytes."""
    return base64.b64encode(chance.randbytes(int(size or 32))).decode()


def image(chance: random.Random, kind: str = "") -> str:
    """Base64 of a picture's first bytes and noise."""
    starts = {
        "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00",
        "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01",
        "gif": b"GIF89a\x10\x00\x10\x00",
        "woff2": b"wOF2\x00\x01\x00\x00",
    }
    size = chance.choice([60, 180, 420, 900])
    return base64.b64encode(starts[kind or "png"] + chance.randbytes(size)).decode()


def version(chance: random.Random, form: str = "") -> str:
    """A version; ``form`` is four, pre or build."""
    text = f"{chance.randint(0, 21)}.{chance.randint(0, 40)}.{chance.randint(0, 30)}"
    if form == "four":
        return f"{text}.{chance.randint(0, 31)}"
    if form == "pre":
        return text + chance.choice(["-rc.1", "-alpha.3", "b2", ".dev0", "-beta.12"])
    return f"{text}+build.{chance.randint(1, 99999)}" if form == "build" else text


def moment(chance: random.Random, form: str = "") -> str:
    """A point in time; ``form`` is iso, date, clock, log, epoch, ms, nginx or compact."""
    at = _EPOCH + timedelta(
        seconds=chance.randint(0, 118_000_000), milliseconds=chance.randint(0, 999)
    )
    forms = {
        "date": "%Y-%m-%d", "clock": "%H:%M:%S", "log": "%Y-%m-%d %H:%M:%S,%f",
        "nginx": "%d/%b/%Y:%H:%M:%S +0000", "compact": "%Y%m%d%H%M%S", "syslog": "%b %d %H:%M:%S",
        "git": "%a %b %d %H:%M:%S %Y +0200",
    }  # fmt: skip
    if form == "epoch":
        return str(int(at.timestamp()))
    if form == "ms":
        return str(int(at.timestamp() * 1000))
    if form in forms:
        text = at.strftime(forms[form])
        return text[:-3] if form == "log" else text
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def identifier(chance: random.Random, form: str = "") -> str:
    """An opaque id; ``form`` is uuid, ulid, nano, object, toolu, msg, call, chat, req or resp."""
    if form in ("", "uuid"):
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if form == "ulid":
        return "01" + "".join(chance.choice(_CROCKFORD) for _ in range(24))
    shapes = {
        "nano": "{b21}", "object": "{h24}", "toolu": "toolu_01{a22}", "msg": "msg_01{a22}",
        "call": "call_{a24}", "chat": "chatcmpl-{a29}", "req": "req_01{a22}", "resp": "resp_{h48}",
        "trace": "{h32}", "span": "{h16}", "pod": "{l5}{d}{L4}-{L5}",
    }  # fmt: skip
    return fill(shapes[form], chance)


def word(chance: random.Random, _argument: str = "") -> str:
    """A plain word."""
    return _pick(WORDS, chance)


def name_in_code(chance: random.Random, form: str = "") -> str:
    """An identifier; ``form`` is camel, pascal, upper, kebab or snake."""
    parts = chance.sample(WORDS.split() + _MODULES.split(), chance.randint(2, 3))
    if form == "camel":
        return parts[0] + "".join(p.title() for p in parts[1:])
    if form == "pascal":
        return "".join(p.title() for p in parts)
    if form == "kebab":
        return "-".join(parts)
    return "_".join(parts).upper() if form == "upper" else "_".join(parts)


def path(chance: random.Random, suffix: str = "") -> str:
    """A relative path of a source file."""
    folder, module = _pick("src lib app internal pkg cmd", chance), _pick(_MODULES, chance)
    return f"{folder}/{module}/{_pick(WORDS, chance)}.{suffix or _pick(_EXTENSIONS, chance)}"


def host(chance: random.Random, form: str = "") -> str:
    """A machine's name, or with `fqdn` an inner domain name."""
    short = _pick(_HOSTS, chance)
    return f"{short}.{_pick(WORDS, chance)}.internal" if form == "fqdn" else short


def package(chance: random.Random, _argument: str = "") -> str:
    """A library's name."""
    return _pick(_PACKAGES, chance)


def integrity(chance: random.Random, algorithm: str = "") -> str:
    """A lock file's integrity value."""
    size = {"sha1": 20, "sha256": 32, "sha384": 48}.get(algorithm, 64)
    return f"{algorithm or 'sha512'}-{base64.b64encode(chance.randbytes(size)).decode()}"


def letters(chance: random.Random, size: str = "") -> str:
    """Lower-case letters."""
    return "".join(chance.choice(string.ascii_lowercase) for _ in range(int(size or 8)))
