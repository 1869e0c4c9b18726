"""Made-up credentials: vendors' keys, AWS pairs, JSON web tokens, private keys, passwords."""

from __future__ import annotations

import base64
import json
import random

from benches.guardrails.people import WORDS, domain, first_name
from benches.guardrails.shapes import fill, vendors


def vendor(chance: random.Random, name: str) -> str:
    """A key in the shape that vendor documents; `a,b` picks one of several vendors."""
    return fill(chance.choice(vendors()[chance.choice(name.split(","))]), chance)


def shape(chance: random.Random, text: str) -> str:
    """A key of a shape written in the corpus line itself, `a40` or `h32`."""
    return fill("{" + text + "}", chance)


def aws(chance: random.Random, form: str = "id") -> str:
    """An access key id (id, temporary), a secret (secret) or a session token (session)."""
    shapes = {
        "id": "AKIA{B16}",
        "temporary": "ASIA{B16}",
        "secret": "{x40}",
        "session": "IQoJb3JpZ2luX2Vj{x300}==",
        "badlower": "akia{l16}",
        "badshort": "AKIA{B9}",
        "badlong": "AKIA{B30}",
    }
    return fill(shapes[form or "id"], chance)


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(chance: random.Random, form: str = "HS256") -> str:
    """A signed token; ``form`` is the algorithm, or none, five (encrypted), bad or long."""
    form = form or chance.choice(["HS256", "RS256", "ES256"])
    header: dict[str, str] = {"alg": form if form[-1].isdigit() else "HS256", "typ": "JWT"}
    if form == "none":
        header["alg"] = "none"
    if form == "RS256":
        header["kid"] = fill("{h16}", chance)
    issued = chance.randint(1_700_000_000, 1_790_000_000)
    claims: dict[str, object] = {
        "sub": str(chance.randint(10**8, 10**10)),
        "iss": f"https://auth.{domain(chance)}/",
        "iat": issued,
        "exp": issued + 3600,
    }
    if form == "long":
        claims["scope"] = " ".join(f"read:{w} write:{w}" for w in chance.sample(WORDS.split(), 8))
    compact = [
        _b64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims)
    ]
    if form == "bad":
        return f"{_b64url(fill('{a30}', chance).encode())}.{compact[1]}.{fill('{b43}', chance)}"
    if form == "none":
        return ".".join([*compact, ""])
    if form == "five":
        # JWE of RFC 7516: five parts, of which the last four are opaque.
        top = _b64url(b'{"alg":"RSA-OAEP","enc":"A256GCM"}')
        return ".".join([top, *(fill(f"{{b{n}}}", chance) for n in (342, 16, 120, 22))])
    size = {"RS256": 342, "ES256": 86, "HS512": 86, "HS384": 64}.get(form, 43)
    return ".".join([*compact, fill(f"{{b{size}}}", chance)])


_PEM = {
    "rsa": ("RSA PRIVATE KEY", "MIIEowIBAAKCAQEA", 1190, 64),
    "pkcs8": ("PRIVATE KEY", "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC", 1216, 64),
    "ec": ("EC PRIVATE KEY", "MHcCAQEEI", 164, 64),
    "ed25519": ("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEI", 64, 64),
    "dsa": ("DSA PRIVATE KEY", "MIIBuwIBAAKBgQ", 420, 64),
    "openssh": ("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU", 400, 70),
    "encrypted": ("ENCRYPTED PRIVATE KEY", "MIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkq", 1230, 64),
    "pgp": ("PGP PRIVATE KEY BLOCK", "lQdGBG", 1100, 64),
    "cert": ("CERTIFICATE", "MIIDdzCCAl+gAwIBAgIE", 1000, 64),
    "public": ("PUBLIC KEY", "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", 360, 64),
    "csr": ("CERTIFICATE REQUEST", "MIICijCCAXICAQAw", 800, 64),
}


def pem(chance: random.Random, kind: str = "rsa") -> str:
    """An armoured block over several lines; `rsa-open` has no end line."""
    whole = not kind.endswith("-open")
    label, start, size, width = _PEM[kind.removesuffix("-open") or "rsa"]
    body = start + fill(f"{{x{size - len(start) - 2}}}", chance) + "=="
    lines = [body[i : i + width] for i in range(0, len(body), width)]
    # OpenPGP armour has an empty line between its headers and the data.
    head = [""] if label.startswith("PGP") else []
    end = [f"-----END {label}-----"] if whole else []
    return "\n".join([f"-----BEGIN {label}-----", *head, *lines, *end])


def password(chance: random.Random, form: str = "") -> str:
    """What people and programs choose; ``form`` is words, human, hex, plain, symbols or lower."""
    form = form or chance.choice(["words", "human", "plain", "symbols"])
    if form == "words":
        parts = chance.sample(WORDS.split(), 3)
        return "-".join(
            [*(p.title() if chance.random() < 0.5 else p for p in parts), fill("{d2}", chance)]
        )
    if form == "human":
        base = chance.choice([first_name(chance), chance.choice(WORDS.split()).title()])
        return f"{base.replace('e', '3').replace('a', '@')}{chance.randint(10, 2030)}!"
    if form == "symbols":
        body = list(fill("{a10}{d2}{U1}{l1}", chance))
        for symbol in chance.sample("!#%*?~^+", 2):
            body.insert(chance.randint(1, len(body) - 1), symbol)
        return "".join(body)
    if form == "lower":
        return "".join(chance.sample(WORDS.split(), 2))
    return fill({"hex": "{h24}", "plain": "{a15}{d1}"}[form], chance)
