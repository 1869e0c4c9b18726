"""The names by which corpus lines call for made-up values."""

from __future__ import annotations

import random
from collections.abc import Callable

from benches.guardrails import credentials, filler, numbers, people

Generator = Callable[[random.Random, str], str]

GENERATORS: dict[str, Generator] = {
    "address": people.street,
    "aws": credentials.aws,
    "b64": filler.encoded,
    "card": numbers.card,
    "city": people.city,
    "domain": people.domain,
    "email": people.email,
    "first": people.first_name,
    "hex": filler.hexadecimal,
    "host": filler.host,
    "hyphened": people.hyphened,
    "iban": numbers.iban,
    "id": filler.identifier,
    "ident": filler.name_in_code,
    "image": filler.image,
    "int": filler.number,
    "integrity": filler.integrity,
    "ip": numbers.ipv4,
    "ip6": numbers.ipv6,
    "jwt": credentials.jwt,
    "lastfirst": people.last_first,
    "letters": filler.letters,
    "login": people.login,
    "middle": people.middle_name,
    "mrz": people.machine_readable,
    "name": people.full_name,
    "package": filler.package,
    "passport": people.passport,
    "password": credentials.password,
    "path": filler.path,
    "pem": credentials.pem,
    "phone": people.phone,
    "shape": credentials.shape,
    "ssn": numbers.ssn,
    "time": filler.moment,
    "unicode": people.unicode_name,
    "vendor": credentials.vendor,
    "version": filler.version,
    "word": filler.word,
}
