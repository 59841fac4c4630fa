"""Identifiers that are valid but nobody's, drawn by chance and written as people write them; and what only looks like one."""

import re
import string
from collections.abc import Callable
from itertools import pairwise
from random import Random

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import luhn, numdb
from stdnum.iso7064 import mod_97_10
from stdnum.kr import rrn

from sejong.corpus.redact import numbers
from sejong.corpus.redact.kinds import PASSPORTS
from sejong.corpus.redact.numbers import ISSUERS, Number

WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
TRIES = 20_000


def identifier(kind: str, chance: Random) -> str:
    """One of a kind, valid, in one of its written forms."""
    name, _, detail = kind.partition(":")
    if name == "phone":
        return _phone(detail, chance)
    if name == "id":
        return _written(numbers.number(kind, detail), _valid(kind, detail, chance), chance)
    if name == "passport":
        return _of_form(chance.choice(PASSPORTS[detail].split("|")), chance).upper()
    return PLAIN[name](chance)


def broken(kind: str, chance: Random) -> str | None:
    """The same form with a wrong digit, so that it is none; None where no digit is checked."""
    name, _, detail = kind.partition(":")
    if name == "card":
        digits = _card_digits(chance)
        return _grouped(
            _wrong(digits, lambda one: not luhn.is_valid(one), chance), (4,) * 4 if len(digits) == 16 else (len(digits),), "-"
        )
    if name == "iban":
        whole = PLAIN["iban"](chance).replace(" ", "")
        return whole[:2] + f"{(int(whole[2:4]) + chance.randrange(1, 90)) % 97 + 1:02}" + whole[4:] if whole else None
    if name == "id" and not (known := numbers.number(kind, detail)).word:
        digits = _wrong(_valid(kind, detail, chance), lambda one: not known.valid(one), chance)
        return _written(known, digits, chance) if digits else None
    return None


SLOTS: dict[str, Callable[[Random], str]] = {
    "small": lambda chance: str(chance.randrange(1, 400)),
    "year": lambda chance: str(chance.randrange(1900, 2030)),
    "date": lambda chance: _date(chance),
    "time": lambda chance: f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}",
    "stamp": lambda chance: f"{_date(chance, '{:04}{:02}{:02}')}{chance.randrange(240000):06}",
    "version": lambda chance: ".".join(str(chance.randrange(20 if place else 9)) for place in range(chance.choice((3, 4)))),
    "price": lambda chance: f"{chance.randrange(10**5, 10**10):,}",
    "decimal": lambda chance: f"{chance.random():.10f}",
    "sum": lambda chance: str(chance.randrange(10**6, 10**9)),
    "isbn": lambda chance: _isbn(chance),
    "order": lambda chance: f"{chance.randrange(2000, 2030)}-{chance.randrange(10**4, 10**7)}",
    "part": lambda chance: (
        f"{chance.choice('ABCDEKQRTX')}{chance.choice('ABCDEKQRTX')}-{chance.randrange(1000, 9999)}-{chance.randrange(100, 999)}"
    ),
    "share": lambda chance: f"{chance.randrange(100)}.{chance.randrange(100)}",
}
"""What a nation's `negatives` may name in braces."""


def _phone(region: str, chance: Random) -> str:
    kind = chance.choice((PhoneNumberType.MOBILE, PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE))
    drawn = phonenumbers.example_number_for_type(region, kind) or phonenumbers.example_number(region)
    if drawn is None:
        raise ValueError(f"libphonenumber has no example of a number of {region}")
    example = phonenumbers.format_number(drawn, PhoneNumberFormat.E164)
    for _ in range(TRIES):
        drawn = phonenumbers.parse(f"{example[:-6]}{chance.randrange(10**6):06}")
        if phonenumbers.is_valid_number(drawn):
            break
    national = phonenumbers.format_number(drawn, PhoneNumberFormat.NATIONAL)
    form = chance.randrange(6)
    if form == 0:
        return phonenumbers.format_number(drawn, PhoneNumberFormat.INTERNATIONAL)
    if form == 1:
        return "".join(filter(str.isdigit, national))
    if form == 2:
        return re.sub(r"[ \-]+", chance.choice((" ", ".", " - ")), national)
    return national.translate(WIDE) if form == 3 else national


def _valid(kind: str, name: str, chance: Random) -> str:
    """Digits (or letters and digits) of a valid number: the rest is drawn until the check digit fits."""
    known = numbers.number(kind, name)
    beginning = BEGINNINGS.get(name)
    for _ in range(TRIES):
        if known.word:
            digits = _of_form(known.word, chance)
        else:
            start = beginning(chance) if beginning else ""
            size = sum(chance.choice(known.layouts)) - len(start)
            digits = f"{start}{chance.randrange(10**size):0{size}}"
        if name == "kr.rrn" and not _issued_since_2020(digits):
            digits = digits[:12] + str(rrn.calc_check_digit(digits))
        if known.valid(digits):
            return digits
    raise ValueError(f"no valid {name} in {TRIES} draws")


def _issued_since_2020(digits: str) -> bool:
    """Whether a resident number is of a birth since 2020, so that it has no check digit."""
    return digits[6] in "3478" and digits[:2] >= "20"


def _written(known: Number, digits: str, chance: Random) -> str:
    layouts = [one for one in known.layouts if sum(one) == len(digits)]
    if known.word or not layouts:
        return digits
    layout = chance.choice(layouts)
    separator = chance.choice(("-", "-", " ", "")) if not known.dots else "."
    text = _grouped(digits, layout, separator)
    return text.translate(WIDE) if chance.random() < 0.15 else text


def _grouped(digits: str, layout: tuple[int, ...], separator: str) -> str:
    ends = [sum(layout[:count]) for count in range(len(layout) + 1)]
    return separator.join(digits[low:high] for low, high in pairwise(ends))


def _wrong(digits: str, holds: Callable[[str], bool], chance: Random) -> str:
    """The digits with one changed so that `holds`; empty where no change does."""
    places = list(range(len(digits)))
    chance.shuffle(places)
    for place in places:
        for step in range(1, 10):
            changed = digits[:place] + str((int(digits[place]) + step) % 10) + digits[place + 1 :]
            if holds(changed):
                return changed
    return ""


def _of_form(form: str, chance: Random) -> str:
    """A text of a simple pattern: classes of characters, each with a count or none."""
    found = []
    for letters, count in re.findall(r"\[([^\]]+)\](?:\{(\d+)\})?", form):
        choices = re.sub(r"(.)-(.)", lambda span: "".join(map(chr, range(ord(span[1]), ord(span[2]) + 1))), letters)
        found += [chance.choice(choices) for _ in range(int(count or 1))]
    return "".join(found)


def _date(chance: Random, form: str = "") -> str:
    form = form or chance.choice(
        ("{:04}-{:02}-{:02}", "{:04}. {}. {}.", "{:04}.{:02}.{:02}", "{2:02}/{1:02}/{0:04}", "{2:02}-{1:02}-{0:04}")
    )
    return form.format(chance.randrange(1920, 2030), chance.randrange(1, 13), chance.randrange(1, 29))


def _birth(chance: Random, form: str) -> str:
    return _date(chance, form)


def _resident_beginning(chance: Random) -> str:
    birth = _birth(chance, "{:04}{:02}{:02}")
    return birth[2:] + chance.choice("1256" if birth < "2000" else "3478")


def _isbn(chance: Random) -> str:
    digits = f"978{chance.randrange(10**9):09}"
    digits += str(-sum(int(one) * (3 if place % 2 else 1) for place, one in enumerate(digits)) % 10)
    return chance.choice((digits, _grouped(digits, (3, 2, 5, 2, 1), "-")))


def _email(chance: Random) -> str:
    letters = string.ascii_lowercase
    local = "".join(chance.choice(letters) for _ in range(chance.randrange(2, 12)))
    local += chance.choice(("", str(chance.randrange(1000)), ".k", "_kr", "+list"))
    domain = ".".join(
        "".join(chance.choice(letters) for _ in range(chance.randrange(2, 9))) for _ in range(chance.choice((1, 1, 2)))
    )
    return f"{local}@{domain}.{chance.choice(('com', 'net', 'org', 'co.kr', 'go.id', 'edu.vn', 'ne.jp', 'io'))}"


def _card_digits(chance: Random) -> str:
    low, high, lengths = chance.choice(ISSUERS)
    start = str(chance.randrange(int(low), int(high) + 1))
    size = chance.choice(lengths[:2]) - len(start) - 1
    digits = f"{start}{chance.randrange(10**size):0{size}}"
    return digits + luhn.calc_check_digit(digits)


def _card(chance: Random) -> str:
    digits = _card_digits(chance)
    layout = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}.get(len(digits), (len(digits),))
    text = _grouped(digits, layout, chance.choice(("-", " ", "")))
    return text.translate(WIDE) if chance.random() < 0.1 else text


def _iban(chance: Random) -> str:
    country = chance.choice(("SA", "AE", "TR", "DE", "FR", "GB", "NL", "KZ", "PK", "QA"))
    form = numdb.get("iban").info(country + "00")[0][1]["bban"]
    kinds = {"n": string.digits, "a": string.ascii_uppercase, "c": string.digits}
    bban = "".join(chance.choice(kinds[kind]) for size, kind in re.findall(r"(\d+)!([nac])", form) for _ in range(int(size)))
    number = country + str(mod_97_10.calc_check_digits(f"{bban}{country}")) + bban
    return " ".join(re.findall(".{1,4}", number)) if chance.random() < 0.5 else number


def _ip(chance: Random) -> str:
    if chance.random() < 0.2:
        return "2001:" + ":".join(f"{chance.randrange(0x1000, 0xFFFF):x}" for _ in range(7))
    first = chance.choice((1, 8, 13, 20, 34, 52, 61, 104, 121, 175, 211, 223))
    return f"{first}.{chance.randrange(10, 250)}.{chance.randrange(10, 250)}.{chance.randrange(1, 250)}"


def _key(chance: Random) -> str:
    letters = string.ascii_letters + string.digits
    prefix, size = chance.choice((("ghp_", 36), ("AIza", 35), ("hf_", 34), ("glpat-", 20)))
    return prefix + "".join(chance.choice(letters) for _ in range(size))


PLAIN: dict[str, Callable[[Random], str]] = {
    "email": _email,
    "card": _card,
    "iban": _iban,
    "ip": _ip,
    "key": _key,
    "url_credentials": lambda chance: f"user{chance.randrange(99)}:{_key(chance)[-12:]}",
}

BEGINNINGS: dict[str, Callable[[Random], str]] = {
    "kr.rrn": lambda chance: _resident_beginning(chance),
    "kr.driver": lambda chance: str(chance.randrange(11, 29)),
    "vn.cccd": lambda chance: f"{chance.randrange(1, 97):03}{chance.choice('0123')}",
    "vn.mst": lambda chance: "0",
    "id.nik": lambda chance: (
        f"{chance.choice((3171, 3273, 3578, 5171, 1271))}{chance.randrange(1, 20):02}{_birth(chance, '{2:02}{1:02}{0:04}')[:4]}"
        + f"{chance.randrange(100):02}"
    ),
    "sa.id": lambda chance: chance.choice("12"),
    "ae.id": lambda chance: f"784{chance.randrange(1940, 2020)}",
    "my.nric": lambda chance: f"{_birth(chance, '{:04}{:02}{:02}')[2:]}{chance.randrange(1, 17):02}",
    "cn.ric": lambda chance: "110101" + _birth(chance, "{:04}{:02}{:02}"),
}
