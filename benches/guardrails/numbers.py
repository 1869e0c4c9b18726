"""Numbers with rules of their own: social security, cards, bank accounts, IP addresses.

Each has a valid form and, for lines that must not be taken for one, a broken form.
"""

from __future__ import annotations

import ipaddress
import random

from benches.guardrails.shapes import fill


def ssn(chance: random.Random, form: str = "") -> str:
    """A number that could be issued; ``form`` is plain, spaces, bad or dashes."""
    area = chance.choice([n for n in range(1, 900) if n != 666])
    group, serial = chance.randint(1, 99), chance.randint(1, 9999)
    if form == "bad":
        fault = chance.randrange(4)
        area = (0, 666, chance.randint(900, 999), area)[fault]
        group = 0 if fault == 3 else group
    joint = {"plain": "", "spaces": " "}.get(form, "-")
    return f"{area:03}{joint}{group:02}{joint}{serial:04}"


def luhn(digits: str) -> int:
    """The check digit that belongs behind these digits."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return -total % 10


_CARDS = {
    "visa": ("4{d14}", (4, 4, 4, 4)),
    "mc": ("5{c}{d13}", (4, 4, 4, 4)),
    "mc2": ("25{d13}", (4, 4, 4, 4)),
    "amex": ("37{d12}", (4, 6, 5)),
    "discover": ("6011{d11}", (4, 4, 4, 4)),
    "diners": ("36{d11}", (4, 6, 4)),
    "jcb": ("35{j}{d12}", (4, 4, 4, 4)),
    "unionpay": ("62{d13}", (4, 4, 4, 4)),
}
_USUAL = ["visa", "visa", "visa", "mc", "mc", "mc2", "amex", "discover"]


def card(chance: random.Random, form: str = "") -> str:
    """A card number with a right check digit; ``form`` is brand, then -, _ or nothing, then bad.

    `visa-` joins the groups with hyphens, `visa_` with blanks, `badvisa` has a wrong check digit.
    """
    wrong = form.startswith("bad")
    form = form.removeprefix("bad")
    joint = {"-": "-", "_": " "}.get(form[-1:], "")
    brand = form.rstrip("-_") or chance.choice(_USUAL)
    shape, groups = _CARDS[brand]
    shape = shape.replace("{c}", str(chance.randint(1, 5))).replace(
        "{j}", str(chance.randint(3, 8))
    )
    body = fill(shape, chance)
    digits = body + str((luhn(body) + (chance.randint(1, 9) if wrong else 0)) % 10)
    cut = []
    for size in groups:
        cut.append(digits[:size])
        digits = digits[size:]
    return joint.join(cut)


_IBANS = {
    "DE": "{d18}", "FR": "{d10}{u11}{d2}", "GB": "{U4}{d14}", "NL": "{U4}{d10}", "ES": "{d20}",
    "IT": "{U}{d10}{u12}", "BE": "{d12}", "AT": "{d16}", "CH": "{d5}{u12}", "SE": "{d20}",
    "NO": "{d11}", "DK": "{d14}", "FI": "{d14}", "PL": "{d24}", "PT": "{d21}", "IE": "{U4}{d14}",
    "CZ": "{d20}", "HU": "{d24}", "GR": "{d7}{u16}", "LU": "{d3}{u13}", "RO": "{U4}{u16}",
    "TR": "{d5}0{u16}", "SA": "{d2}{u18}", "AE": "{d19}", "EE": "{d16}", "LT": "{d16}",
    "HR": "{d17}", "SK": "{d20}", "MT": "{U4}{d5}{u18}", "BR": "{d23}{U}{u}",
}  # fmt: skip


def iban(chance: random.Random, form: str = "") -> str:
    """An account number whose check digits hold; ``form`` has a country, `_` for blanks, `bad`."""
    wrong, spaced = form.startswith("bad"), form.endswith("_")
    land = form.removeprefix("bad").rstrip("_") or chance.choice(sorted(_IBANS))
    body = fill(_IBANS[land], chance)
    check = 98 - int("".join(str(int(c, 36)) for c in body + land + "00")) % 97
    if wrong:
        check = check + 1 if check < 98 else 2
    text = f"{land}{check:02}{body}"
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4)) if spaced else text


def ipv4(chance: random.Random, form: str = "") -> str:
    """A public address; ``form`` is private, local, docs or bad for the others."""
    if form == "private":
        nets = ["10.{b}.{b}.{b}", "192.168.{b}.{b}", "172.20.{b}.{b}"]
    elif form == "local":
        nets = ["127.0.0.1", "0.0.0.0", "127.0.1.1"]  # noqa: S104
    elif form == "docs":
        nets = ["192.0.2.{b}", "198.51.100.{b}", "203.0.113.{b}"]
    elif form == "bad":
        nets = ["{x}.{b}.{b}.{b}", "{b}.{x}.{b}.{b}", "{b}.{b}.{b}.{x}", "{b}.{b}.{x}.{b}"]
    else:
        return _public(chance)
    text = chance.choice(nets)
    while "{" in text:
        text = text.replace("{b}", str(chance.randint(33, 254)), 1)
        text = text.replace("{x}", str(chance.randint(256, 999)), 1)
    return text


def _public(chance: random.Random) -> str:
    while True:
        address = ipaddress.IPv4Address(chance.getrandbits(32))
        # Low first numbers look like versions; the lines about those say so themselves.
        if address.is_global and not address.is_multicast and int(str(address).split(".")[0]) > 32:
            return str(address)


def ipv6(chance: random.Random, form: str = "") -> str:
    """A global address; ``form`` is full, short (compressed), local, docs or bad."""
    if form == "local":
        return chance.choice(
            ["::1", "fe80::1", "::", fill("fe80::{h4}:{h2}ff:fe{h2}:{h4}", chance)]
        )
    if form == "docs":
        return fill("2001:db8:{h4}::{h2}", chance)
    if form == "bad":
        return fill(chance.choice(["2a01:{h4}:g{h3}::1", "2a01:{h5}:{h4}::{h2}"]), chance)
    net = fill(
        chance.choice(["2a01:4f{d}:{h4}:{h4}", "2600:1f1{d}:{h4}:{h4}", "2a02:8{d}:{h4}:{h4}"]),
        chance,
    )
    if form == "full":
        return str(ipaddress.IPv6Address(f"{net}:{fill('{h4}:{h4}:{h4}:{h4}', chance)}").exploded)
    if form == "short":
        return str(ipaddress.IPv6Address(f"{net}::{chance.randint(1, 9999)}"))
    return str(ipaddress.IPv6Address(f"{net}:{fill('{h4}:{h4}:{h4}:{h4}', chance)}"))
