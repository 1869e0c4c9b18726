"""Made-up people: names, addresses, phones, e-mails, passports, by country.

Names are random pairs from lists of common ones; phones come from the ranges that regulators keep
for fiction wherever there is such a range.
"""

from __future__ import annotations

import random
import unicodedata

from benches.guardrails.shapes import fill

FIRST = {
    "en": "James Mary Robert Patricia Linda Barbara Susan Thomas Karen Daniel Nancy Matthew Betty "
    "Anthony Sandra Ashley Steven Kimberly Andrew Emily Joshua Donna Kenneth Michelle Kevin Carol "
    "Brian Amanda Melissa George Deborah Timothy Stephanie Ronald Rebecca Jason Laura Jeffrey "
    "Sharon Ryan Cynthia Jacob Kathleen Nicholas Angela Gregory Pamela Samantha Raymond",
    "de": "Stefan Sabine Andreas Monika Wolfgang Ursula Klaus Petra Dieter Heike Uwe Birgit "
    "Matthias Katrin Tobias Anja Sebastian Silke Florian Ines",
    "fr": "Pierre Isabelle Philippe Nathalie Michel Sylvie Alain Catherine Nicolas Sandrine "
    "Laurent Julien Camille Antoine Mathilde Guillaume Margaux",
    "es": "Carlos Carmen Manuel Dolores Francisco Pilar Javier Rosario Alejandro Cristina Diego "
    "Marta Fernando Lucia Sergio Elena Pablo Beatriz",
    "it": "Giuseppe Giovanna Marco Francesca Alessandro Chiara Matteo Federica Lorenzo Giulia "
    "Davide Paola Stefano Silvia",
    "nl": "Jeroen Marieke Pieter Annelies Willem Femke Sander Ingrid Bram Saskia",
    "nordic": "Lars Astrid Magnus Sigrid Henrik Solveig Fredrik Annika Mikkel Kirsten Jukka Tuula "
    "Anders Birgitta",
    "pl": "Krzysztof Agnieszka Tomasz Katarzyna Marcin Magdalena Piotr Joanna",
    "in": "Rajesh Priya Sanjay Deepika Vikram Anjali Arjun Kavita Suresh Lakshmi Rohan Meera",
    "asia": "Wei Hiroshi Yuki Minh Jiyoung Kenji Mei Takeshi Haruka Xiuying",
    "africa": "Kwame Amina Chinedu Ngozi Tendai Zanele Oluwaseun Fatima Thabo",
    "turkish": "Mehmet Ayse Mustafa Fatma Emre Zeynep Murat Elif",
}
LAST = {
    "en": "Smith Johnson Williams Jones Miller Davis Wilson Anderson Thomas Taylor Moore Jackson "
    "Martin Thompson Harris Clark Robinson Lewis Walker Hall Allen Wright Scott Hill Adams Nelson "
    "Campbell Mitchell Roberts Phillips Evans Turner Parker Collins Edwards Stewart Morris Murphy "
    "Rogers Cooper Peterson Bailey Kelly Howard Richardson Watson Hughes Foster Sanders Bennett",
    "de": "Schneider Fischer Weber Wagner Becker Hoffmann Schulz Richter Klein Wolf Neumann "
    "Schwarz Zimmermann Hartmann Lehmann Krause Vogel Winkler Brandt Lindner",
    "fr": "Bernard Dubois Durand Lefebvre Moreau Laurent Fournier Girard Bonnet Lambert Fontaine "
    "Rousseau Chevalier Gauthier Marchand",
    "es": "Gonzalez Fernandez Rodriguez Sanchez Romero Navarro Torres Dominguez Vazquez Ramos Gil "
    "Serrano Molina Ortega Delgado",
    "it": "Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Conti Galli Lombardi "
    "Moretti Barbieri",
    "nl": "Jansen Bakker Visser Smit Meijer Mulder Bos Peters Hendriks Dekker Brouwer",
    "nordic": "Johansson Andersson Hansen Larsen Nielsen Lindqvist Bergstrom Virtanen Korhonen "
    "Eriksen Dahl Haugen Holm",
    "pl": "Nowak Kowalski Wisniewski Kaminski Lewandowski Zielinski Szymanski",
    "in": "Sharma Patel Gupta Reddy Iyer Nair Mehta Chopra Banerjee Kulkarni Desai",
    "asia": "Tanaka Nguyen Watanabe Kobayashi Zhang Nakamura Tran Yamamoto Huang Park",
    "africa": "Okafor Mensah Adeyemi Dlamini Nkosi Abubakar Moyo Owusu",
    "turkish": "Yilmaz Demir Kaya Celik Sahin Ozturk Aydin",
}
UNICODE = (
    "Jürgen Müller|Zoë Lefèvre|José Núñez|Łukasz Wójcik|Søren Kjærgaard|Françoise Béranger|"
    "Björn Åkesson|Şebnem Çelik|Ágnes Szabó|Tomáš Dvořák|Raúl Ibáñez|Jørgen Østby|Nguyễn Văn Đức|"
    "Иван Петренко|Ольга Смирнова|田中 健一|김지은|李晓明|محمد العلي|Γιώργος Παπαδόπουλος|"
    "דנה לוי|प्रिया शर्मा|Siân Llewellyn|Anaïs Côté|Þórdís Jónsdóttir|Nicolò Bellini"
)
WORDS = (
    "amber birch copper delta ember falcon granite harbor indigo juniper kestrel lantern maple "
    "nimbus orchard pebble quarry raven saffron timber umber velvet willow yarrow zephyr cobalt "
    "meadow thistle anchor beacon cedar drift fjord glacier heron iris"
)
TLDS = "com com com net org io dev co.uk de fr nl se com.au co.jp es it pl ca in com.br ch"


def _pick(text: str, chance: random.Random) -> str:
    return chance.choice(text.split())


def country(chance: random.Random) -> str:
    """A naming culture, English ones most often."""
    return chance.choice(["en", "en", "en", *sorted(FIRST)])


def first_name(chance: random.Random, culture: str = "") -> str:
    """A first name in ASCII."""
    return _pick(FIRST[culture or country(chance)], chance)


def full_name(chance: random.Random, culture: str = "") -> str:
    """First and last name of one culture, in ASCII."""
    culture = culture or country(chance)
    return f"{_pick(FIRST[culture], chance)} {_pick(LAST[culture], chance)}"


def middle_name(chance: random.Random, culture: str = "") -> str:
    """A full name with a middle initial."""
    first, last = full_name(chance, culture or "en").split()
    return f"{first} {chance.choice('ABCDEFGHJKLMPRSTW')}. {last}"


def last_first(chance: random.Random, culture: str = "") -> str:
    """`Last, First`, as in lists and citations."""
    first, last = full_name(chance, culture).split()
    return f"{last}, {first}"


def hyphened(chance: random.Random, culture: str = "") -> str:
    """A full name with a double last name."""
    culture = culture or country(chance)
    return f"{full_name(chance, culture)}-{_pick(LAST[culture], chance)}"


def unicode_name(chance: random.Random, _argument: str = "") -> str:
    """A full name that ASCII cannot spell."""
    return chance.choice(UNICODE.split("|"))


def login(chance: random.Random, _argument: str = "") -> str:
    """A user name of a machine."""
    first, last = full_name(chance).lower().split()
    return chance.choice([first[0] + last, f"{first}.{last}", f"{first}_{last[0]}", "svc-" + first])


def domain(chance: random.Random, tld: str = "") -> str:
    """A host name of two words that nobody is known to hold."""
    left, right = chance.sample(WORDS.split(), 2)
    joined = left + chance.choice(["", "-"]) + right
    return f"{joined}{chance.randint(2, 99)}.{tld or _pick(TLDS, chance)}"


def email(chance: random.Random, form: str = "") -> str:
    """An address; ``form`` is plus, role, short, digits, sub, upper or intl."""
    first, last = (part.lower() for part in full_name(chance).split())
    host = domain(chance)
    if form == "plus":
        return f"{first}.{last}+{_pick(WORDS, chance)}@{host}"
    if form == "role":
        return f"{_pick('billing hr accounts legal office payroll', chance)}@{host}"
    if form == "short":
        return f"{first[0]}{last[0]}@{host}"
    if form == "digits":
        return f"{first}{chance.randint(1950, 2009)}@{host}"
    if form == "sub":
        return f"{first}_{last}@mail.{_pick('eu us apac corp', chance)}.{host}"
    if form == "upper":
        return f"{first.title()}.{last.title()}@{host.upper()}"
    if form == "intl":
        return f"{first}.{last}@{_pick('bücher-möwe.de caféterrasse.fr żółwie.pl', chance)}"
    return f"{chance.choice([f'{first}.{last}', first[0] + last, f'{first}-{last}', last])}@{host}"


_AREAS = "202 206 212 213 303 305 312 404 415 503 512 602 617 702 718 805 916 919"
_PHONES = {
    "us": [
        "({area}) 555-01{d2}",
        "{area}-555-01{d2}",
        "+1 {area} 555 01{d2}",
        "+1-{area}-555-01{d2}",
    ],
    "usdots": ["{area}.555.01{d2}"],
    "use164": ["+1{area}55501{d2}"],
    "usparen": ["({area}) 555-01{d2}"],
    "usdash": ["{area}-555-01{d2}"],
    "usplain": ["{area}55501{d2}"],
    "usext": ["({area}) 555-01{d2} ext. {d3}", "{area}-555-01{d2} x{d4}"],
    "uk": [
        "020 7946 0{d3}",
        "+44 20 7946 0{d3}",
        "+44 7700 900{d3}",
        "07700 900{d3}",
        "0161 496 0{d3}",
    ],
    "uke164": ["+447700900{d3}", "+442079460{d3}"],
    "ukzero": ["+44 (0)20 7946 0{d3}", "+44 (0) 161 496 0{d3}"],
    "de": ["+49 30 23125 {d3}", "+49 (0)40 66969 {d3}", "030 23125 {d3}", "+49 171 39200{d2}"],
    "fr": [
        "+33 1 99 00 {d2} {d2}",
        "01 99 00 {d2} {d2}",
        "06 39 98 {d2} {d2}",
        "+33 6 39 98 {d2} {d2}",
    ],
    "au": ["(02) 5550 {d4}", "+61 2 5550 {d4}", "0491 570 {d3}", "+61 491 570 {d3}"],
    "se": ["+46 8 465 004 {d2}", "08-465 004 {d2}", "+46 70 174 06 {d2}"],
    "es": ["+34 911 23 {d2} {d2}", "+34 6{d2} {d3} {d3}"],
    "it": ["+39 06 5550 {d4}", "+39 3{d2} {d3} {d4}"],
    "nl": ["+31 20 555 {d4}", "+31 6 5550 {d4}"],
    "in": ["+91 98{d3} {d5}", "+91-98{d3}-{d5}"],
    "jp": ["+81 3-5550-{d4}", "+81 90-5550-{d4}"],
    "br": ["+55 11 95550-{d4}", "+55 (11) 95550-{d4}"],
    "cn": ["+86 138 5550 {d4}"],
    "pl": ["+48 512 555 {d3}", "+48 22 555 {d2} {d2}"],
    "ch": ["+41 44 555 {d2} {d2}", "+41 79 555 {d2} {d2}"],
    "mx": ["+52 55 5550 {d4}"],
    "ie": ["+353 20 915 {d4}", "+353 85 555 {d4}"],
    "za": ["+27 11 555 {d4}", "+27 82 555 {d4}"],
}
_ABROAD = "uk uk de fr au se es it nl in jp br cn pl ch mx ie za"


def phone(chance: random.Random, form: str = "") -> str:
    """A phone number; ``form`` is a country or way of writing, else any."""
    key = form if form in _PHONES else ""
    if form == "abroad":
        key = _pick(_ABROAD, chance)
    shape = chance.choice(_PHONES[key or chance.choice(["us", "us", _pick(_ABROAD, chance)])])
    return fill(shape.replace("{area}", _pick(_AREAS, chance)), chance)


_STREETS = (
    "Maple Oak Cedar Elm Washington Lincoln Highland Ridgewood Sycamore Juniper Hawthorn Chestnut "
    "Lakeview Franklin Jefferson Magnolia Willow Birchwood Fairview Brookside Harrison Sunset"
)
_SUFFIXES = "Street Avenue Road Drive Lane Court Boulevard Place Terrace Circle Way Parkway"
_SHORT = "St Ave Rd Dr Ln Ct Blvd Pl Ter Cir St. Ave. Rd. Blvd. Dr."
_CITIES = (
    "Springfield, IL 627{d2}|Portland, OR 972{d2}|Austin, TX 787{d2}|Columbus, OH 432{d2}|"
    "Denver, CO 802{d2}|Raleigh, NC 276{d2}|Tucson, AZ 857{d2}|Albany, NY 122{d2}|"
    "Madison, WI 537{d2}|Boise, ID 837{d2}|Richmond, VA 232{d2}|Fresno, CA 937{d2}"
)
_LOCAL = {
    "gb": ["{n} {street} Road", "{n} High Street", "{n} {street} Close", "{n} Church Lane"],
    "de": ["Lindenstraße {n}", "Hauptstr. {n}", "Goetheweg {n}a", "Am Mühlbach {n}"],
    "fr": ["{n} rue de la République", "{n} bis avenue Victor Hugo", "{n}, boulevard Voltaire"],
    "es": ["Calle de Alcalá {n}, 3º B", "Avenida de la Constitución, {n}", "C/ Mayor {n}"],
    "it": ["Via Garibaldi {n}", "Corso Vittorio Emanuele {n}", "Piazza Cavour, {n}"],
    "nl": ["Keizersgracht {n}", "Dorpsstraat {n}-2", "Prins Hendriklaan {n}"],
    "se": ["Storgatan {n}", "Drottninggatan {n} B"],
    "pl": ["ul. Marszałkowska {n}/12", "al. Jana Pawła II {n}"],
    "br": ["Rua das Flores, {n}", "Av. Paulista, {n}"],
    "jp": ["東京都渋谷区神南1丁目{n}番", "2-{n}-7 Kita-Aoyama, Minato-ku"],
}
_LOCAL_CITY = {
    "gb": "Leeds LS6 {d}AB|Bristol BS8 {d}TH|York YO1 {d}HH|London SE1 {d}XX|Cardiff CF10 {d}AA",
    "de": "10{d3} Berlin|80{d3} München|50{d3} Köln",
    "fr": "750{d2} Paris|690{d2} Lyon",
    "es": "280{d2} Madrid|410{d2} Sevilla",
    "it": "001{d2} Roma RM|201{d2} Milano",
    "nl": "1015 CJ Amsterdam|3511 AB Utrecht",
    "se": "111 {d2} Stockholm|411 {d2} Göteborg",
    "pl": "00-{d3} Warszawa",
    "br": "São Paulo - SP, 013{d2}-100",
    "jp": "〒150-00{d2}",
}


def street(chance: random.Random, form: str = "") -> str:
    """Number and street; ``form`` is short, lower, upper, unit, ordinal, box or a country."""
    number = str(chance.choice([chance.randint(3, 99), chance.randint(100, 9899)]))
    name = _pick(_STREETS, chance)
    if form in _LOCAL:
        shape = chance.choice(_LOCAL[form])
        return shape.replace("{n}", str(chance.randint(2, 180))).replace("{street}", name)
    if form == "ordinal":
        nth = chance.choice(["1st", "2nd", "3rd", "5th", "14th", "42nd", "73rd"])
        side = chance.choice(["", "", "E ", "W ", "North ", "NW "])
        return f"{number} {side}{nth} {_pick('Street Avenue St Ave', chance)}"
    if form == "box":
        return chance.choice(["P.O. Box ", "PO Box ", "Post Office Box "]) + number
    if form == "short":
        return f"{number} {name} {_pick(_SHORT, chance)}"
    plain = f"{number} {name} {_pick(_SUFFIXES, chance)}"
    if form == "unit":
        return f"{plain}, {chance.choice(['Apt', 'Suite', 'Unit'])} {chance.randint(1, 40)}"
    return {"lower": plain.lower(), "upper": plain.upper()}.get(form, plain)


def city(chance: random.Random, form: str = "") -> str:
    """Town, state and code as they stand behind a street."""
    return fill(chance.choice(_LOCAL_CITY.get(form, _CITIES).split("|")), chance)


_PASSPORTS = {
    "us": "{d9}", "usng": "A{d8}", "gb": "5{d8}", "de": "C0{c2}0{d2}{c}{d}", "fr": "{d2}{U2}{d5}",
    "in": "{U}{d7}", "ca": "{U2}{d6}", "au": "P{U}{d7}", "es": "{U3}{d6}", "it": "Y{U}{d7}",
    "nl": "N{U}{d6}{d}", "jp": "T{U}{d7}", "cn": "E{d8}", "br": "{U2}{d6}", "pl": "{U2}{d7}",
    "se": "3{d7}", "ch": "X{d7}", "kr": "M{d8}", "mx": "G{d8}", "ie": "P{U}{d7}", "za": "A0{d7}",
    "at": "P{d7}", "pt": "C{U}{d6}", "no": "{d8}", "tr": "U{d8}",
}  # fmt: skip


def passport(chance: random.Random, form: str = "") -> str:
    """A passport number in the form of a country, any country by default."""
    return fill(_PASSPORTS[form or chance.choice(sorted(_PASSPORTS))], chance)


def ascii_of(text: str) -> str:
    """The text without accents."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def machine_readable(chance: random.Random, _argument: str = "") -> str:
    """The second line of a passport's machine-readable zone, with its check digits."""
    number = fill("{U}{d8}", chance)
    birth, expiry = fill("7{d}0{d}1{d}", chance), fill("3{d}0{d}1{d}", chance)
    optional = "<" * 14
    parts = [number, birth, expiry, optional]
    checked = [part + check_digit(part) for part in parts]
    whole = check_digit("".join(checked))
    return f"{checked[0]}UTO{checked[1]}F{checked[2]}{checked[3]}{whole}"


def check_digit(text: str) -> str:
    """ICAO 9303: weights 7, 3, 1; letters count from 10, `<` is 0."""
    total = sum((0 if c == "<" else int(c, 36)) * (7, 3, 1)[i % 3] for i, c in enumerate(text))
    return str(total % 10)
