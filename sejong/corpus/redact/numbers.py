"""Numbers that a state or an issuer gives: how each is written, and what tells it from other digits.

Whatever python-stdnum knows by country and name can be named (`id:kr.rrn`); `NUMBERS` says how the common ones are written, and
adds what python-stdnum lacks.
"""

import datetime
import re
from collections.abc import Callable
from dataclasses import dataclass

from stdnum import get_cc_module, luhn
from stdnum.kr import brn, rrn

from sejong.corpus.redact.forms import BEFORE, BEHIND, CERTAIN, JOIN, LIKELY, POSSIBLE, digits_of
from sejong.errors import Refused


@dataclass(frozen=True)
class Number:
    """How a number is written, and when it is one.

    Attributes:
        layouts: sizes of its groups of digits; more than one where it is written in several ways.
        valid: whether the digits can be such a number.
        grouped: the grade where all groups stand apart by more than spaces.
        bare: the grade of plain digits, or groups with spaces between.
        dots: whether groups may stand apart by a dot.
        word: a pattern of letters and digits instead of groups.
    """

    layouts: tuple[tuple[int, ...], ...]
    valid: Callable[[str], bool]
    grouped: int = CERTAIN
    bare: int = LIKELY
    dots: bool = False
    word: str = ""

    @property
    def digits(self) -> int:
        """The fewest it has."""
        return min(sum(one) for one in self.layouts)

    def pattern(self) -> re.Pattern[str]:
        """What it looks like in normal text."""
        if self.word:
            return re.compile(rf"(?<![A-Za-z0-9])(?:{self.word})(?![A-Za-z0-9])")
        join = r"(?: ?[.\-] ?| )?" if self.dots else JOIN
        forms = sorted((join.join(rf"[0-9]{{{size}}}" for size in one) for one in self.layouts), key=len, reverse=True)
        return re.compile(rf"{BEFORE}(?:{'|'.join(forms)}){BEHIND}")

    def grade(self, raw: str) -> int | None:
        """How sure the written form makes it; None where it is no such number."""
        if not self.valid(raw if self.word else digits_of(raw)):
            return None
        if self.valid is korean_resident_number:
            return _resident_grade(raw)
        parts = tuple(len(one) for one in re.split(r"[^0-9A-Za-z]+", raw))
        if len(parts) == 1:
            return self.bare
        if parts not in self.layouts:
            return POSSIBLE
        return self.grouped if set(raw) & set("-.") else self.bare  # columns of numbers stand apart by spaces, too


def number(kind: str, name: str) -> Number:
    """The number called `name`, as in `kr.rrn`.

    Raises:
        Refused: neither here nor in python-stdnum.
    """
    if name in NUMBERS:
        return NUMBERS[name]
    country, _, own = name.partition(".")
    valid = getattr(get_cc_module(country, own), "is_valid", None) if own else None
    if valid is None:
        raise Refused(
            f"identifiers names `{kind}`: neither python-stdnum nor Sejong knows a number `{name}` "
            "(country and number are needed, as in id:kr.rrn)"
        )
    return Number(tuple((size,) for size in range(8, 19)), valid)


def korean_resident_number(digits: str) -> bool:
    """Date of birth, century and sex (5 to 8: foreigners). Numbers issued since October 2020 have six random digits after
    these (Enforcement Rule of the Resident Registration Act, as amended in 2020), so nothing else can be checked."""
    if len(digits) != 13 or digits[6] not in "12345678":
        return False
    century = 1900 if digits[6] in "1256" else 2000
    return _date(century + int(digits[:2]), digits[2:4], digits[4:6])


def _resident_grade(raw: str) -> int:
    """Bare digits need the check digit: Korean bar codes begin with 880, which may pass for a birth in January 1988."""
    digits = digits_of(raw)
    checked = rrn.is_valid(digits)
    if "-" in raw:
        return CERTAIN if checked or (digits[6] in "3478" and digits[:2] >= "20") else LIKELY
    return LIKELY if checked else POSSIBLE


def _date(year: int, month: str, day: str) -> bool:
    try:
        datetime.date(year, int(month), int(day))
    except ValueError:
        return False
    return True


def korean_business_number(digits: str) -> bool:
    """Ten digits, the last by weights 1 3 7 and the tens of five times the ninth (National Tax Service)."""
    return brn.is_valid(digits) and digits[9] == korean_business_check(digits)


def korean_business_check(digits: str) -> str:
    """The last digit of a business registration number."""
    total = sum(int(one) * weight for one, weight in zip(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5), strict=False))
    return str(-(total + int(digits[8]) * 5 // 10) % 10)


def korean_driving_licence(digits: str) -> bool:
    """Region of issue (11 to 28), year, number, check digits whose rule is not published."""
    return len(digits) == 12 and 11 <= int(digits[:2]) <= 28


def vietnamese_citizen_number(digits: str) -> bool:
    """Province (001 to 096), century and sex, year of birth, six random digits (Circular 59/2021/TT-BCA); no check digit."""
    return len(digits) == 12 and 1 <= int(digits[:3]) <= 96 and digits[3] in "0123"


def saudi_number(digits: str) -> bool:
    """National identity (1) or residence permit (2), ten digits with Luhn's check digit."""
    return len(digits) == 10 and digits[0] in "12" and luhn.is_valid(digits)


def emirates_number(digits: str) -> bool:
    """784, year of birth, seven digits, Luhn's check digit."""
    return len(digits) == 15 and digits.startswith("784") and "1900" <= digits[3:7] <= "2099" and luhn.is_valid(digits)


def _standard(name: str) -> Callable[[str], bool]:
    valid: Callable[[str], bool] = getattr(get_cc_module(*name.split(".")), "is_valid")  # noqa: B009 - the module may be None
    return valid


def _of_length(size: int) -> Callable[[str], bool]:
    return lambda digits: len(digits) == size


NUMBERS = {
    "kr.rrn": Number(((6, 7),), korean_resident_number),
    "kr.brn": Number(((3, 2, 5),), korean_business_number, bare=POSSIBLE),
    "kr.driver": Number(((2, 2, 6, 2),), korean_driving_licence, LIKELY, POSSIBLE),
    "jp.in_": Number(((4, 4, 4),), _standard("jp.in_"), LIKELY, POSSIBLE),
    "jp.cn": Number(((1, 4, 4, 4),), _standard("jp.cn"), LIKELY, POSSIBLE),
    "vn.cccd": Number(((12,), (3, 3, 3, 3)), vietnamese_citizen_number, LIKELY, LIKELY),
    "vn.cmnd": Number(((9,), (3, 3, 3)), _of_length(9), POSSIBLE, POSSIBLE),
    "vn.mst": Number(((10,), (10, 3)), _standard("vn.mst"), LIKELY, POSSIBLE),
    "id.nik": Number(((16,), (6, 6, 4)), _standard("id.nik"), LIKELY, LIKELY),
    "id.npwp": Number(((2, 3, 3, 1, 3, 3), (15,), (16,)), _standard("id.npwp"), CERTAIN, POSSIBLE, dots=True),
    "th.pin": Number(((1, 4, 5, 2, 1),), _standard("th.pin")),
    "th.tin": Number(((1, 4, 5, 2, 1),), _standard("th.tin")),
    "sa.id": Number(((10,), (1, 3, 3, 3)), saudi_number, LIKELY, POSSIBLE),
    "ae.id": Number(((3, 4, 7, 1),), emirates_number),
    "tr.tckimlik": Number(((11,), (3, 3, 3, 2)), _standard("tr.tckimlik")),
    "in_.aadhaar": Number(((4, 4, 4),), _standard("in_.aadhaar"), LIKELY, POSSIBLE),
    "in_.pan": Number(((4,),), _standard("in_.pan"), bare=LIKELY, word=r"[A-Z]{5}[0-9]{4}[A-Z]"),
    "my.nric": Number(((6, 2, 4),), _standard("my.nric"), bare=POSSIBLE),
    "pk.cnic": Number(((5, 7, 1),), _standard("pk.cnic"), bare=POSSIBLE),
    "us.ssn": Number(((3, 2, 4),), _standard("us.ssn"), LIKELY, POSSIBLE),
}

# Card numbers: first digits (ISO/IEC 7812 ranges as the schemes publish them) and lengths.
SHORT_CARD = 14
ISSUERS = (
    ("4", "4", (16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("300", "305", (14, 16)),  # Diners Club
    ("36", "36", (14, 16)),  # Diners Club
    ("38", "39", (14, 16)),  # Diners Club
    ("60", "60", (16, 17, 18, 19)),  # Discover, RuPay
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
    ("644", "659", (16, 17, 18, 19)),  # Discover, RuPay
    ("81", "82", (16, 17, 18, 19)),  # UnionPay, RuPay
    ("50", "50", (16, 17, 18, 19)),  # Maestro, RuPay
    ("56", "58", (16, 17, 18, 19)),  # Maestro
    ("63", "63", (16, 17, 18, 19)),  # Maestro
    ("67", "67", (16, 17, 18, 19)),  # Maestro
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("9792", "9792", (16,)),  # Troy
    ("94", "94", (16,)),  # Korean domestic cards
)
CARD_LAYOUTS = {(4, 4, 4, 4), (4, 4, 4, 4, 3), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1), (6, 13), (4, 4, 4, 3), (4, 4, 4, 2)}
CARD = re.compile(rf"{BEFORE}[2-689][0-9]{{3}}(?:{JOIN}[0-9]){{10,15}}{BEHIND}")


def card(raw: str) -> int | None:
    """Grade of a payment card's number: an issuer's first digits and length, and Luhn's check digit."""
    digits = digits_of(raw)
    issued = any(low <= digits[: len(low)] <= high and len(digits) in lengths for low, high, lengths in ISSUERS)
    if not issued or not luhn.is_valid(digits):
        return None
    parts = tuple(len(one) for one in re.split(r"[^0-9]+", raw))
    return CERTAIN if parts in CARD_LAYOUTS else LIKELY if len(parts) == 1 else POSSIBLE
