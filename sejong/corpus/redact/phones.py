"""Telephone numbers of a region, by libphonenumber's rules.

libphonenumber takes some 50 µs a number. For a region that shares its calling code with no other, `Plan` decides by the same
data in a fraction of that; the tests compare the two. Whatever is not so plain is left to libphonenumber.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat, PhoneNumberType

from sejong.corpus.redact.forms import BEHIND, CERTAIN, LIKELY, NOT_INSIDE, POSSIBLE, Found, checked, digits_of

LEAST, MOST = 8, 15  # digits
LABEL = r"(?:(?<![A-Za-z0-9+])|(?<=[Tt][Ee][Ll])|(?<=[Ff][Aa][Xx])|(?<=[Hh][Pp])|(?<=[Pp][Hh][Oo][Nn][Ee]))"
RANGE = r"[\-~]\d{1,2}(?!\d)"  # further lines of the same office: 02-123-4567~9
DATE = re.compile(r"\d{1,2}([.\-/ ])\d{1,2}\1(?:19|20)\d\d")  # 02-10-1902
LINES = re.compile(rf"(.*?){RANGE}", re.ASCII)
NONE, OTHER, MOBILE = 0, 1, 2  # no number, or what a number is of
MOBILES = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
SORTS = ("fixed_line", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip", "pager", "uan", "voicemail")


def trunk(region: str) -> str:
    """The digits that a number as written in the region begins with; empty where it is written without (as in the US)."""
    metadata = PhoneMetadata.metadata_for_region(region)
    own = (metadata and metadata.national_prefix) or ""
    example = phonenumbers.example_number(region)
    written = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL) if example else own
    return own if digits_of(written).startswith(own) else ""


def look(region: str) -> Callable[[str], Iterator[Found]]:
    """Numbers that may be dialled: international, or national with the digits that a call begins with."""
    own = trunk(region)
    abroad = r"\+\d{1,3}\)?[ \-.]{0,2}(?:\(\d{1,5}\)|\d{1,12}+)"
    closed = r"(?:\)(?=[ \-.]{0,2}\d))?"  # as in 02)123-4567
    home = rf"\({own}\d{{1,4}}\)|{own}\d{{{1 if own else 2},11}}+{closed}" + (rf"|{own}(?=[ \-])" if own else "")
    groups = r"(?:[ \-.()]{1,3}+\d{2,8}+){0,4}"
    pattern = re.compile(rf"{LABEL}{NOT_INSIDE}(?:{abroad}|{home}){groups}(?:{RANGE})?{BEHIND}", re.ASCII)
    return checked(pattern, lambda raw: grade(raw, region))


def grade(raw: str, region: str) -> int | None:
    """How sure the number as written in normal text is one that can be called; None where it can not."""
    own = _grade(raw, region)
    if own is None and ("-" in raw[-3:] or "~" in raw[-3:]) and (further := LINES.fullmatch(raw)):
        return _grade(further[1], region)
    return own


def sort(digits: str, region: str, *, abroad: bool) -> int:
    """NONE, OTHER or MOBILE: what libphonenumber takes the digits for (`abroad`: behind a plus)."""
    own = plan(region)
    if own is not None:
        if abroad:
            if digits.startswith(own.code):
                return own.sort(digits[len(own.code) :])
        elif not own.unclear(digits):
            return own.sort(digits)
    return _by_library(f"+{digits}" if abroad else digits, region)


def _grade(raw: str, region: str) -> int | None:
    digits = digits_of(raw)
    if not LEAST <= len(digits) <= MOST or DATE.fullmatch(raw):
        return None
    abroad = raw[0] == "+"
    kind = sort(digits, region, abroad=abroad)
    if kind == NONE:
        return None
    if abroad:
        return CERTAIN
    return LIKELY if kind == MOBILE or not raw.isdigit() else POSSIBLE


@lru_cache(maxsize=1 << 16)
def _by_library(number: str, region: str) -> int:
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return NONE
    return NONE if kind == PhoneNumberType.UNKNOWN else MOBILE if kind in MOBILES else OTHER


@dataclass(frozen=True)
class Plan:
    """A region's numbers: calling code, what is dialled before a national number, and the forms of all and of each sort."""

    code: str
    prefix: re.Pattern[str]
    leaving: re.Pattern[str]
    lengths: frozenset[int]
    form: re.Pattern[str]
    sorts: tuple[tuple[int, frozenset[int], re.Pattern[str]], ...]

    def unclear(self, digits: str) -> bool:
        """Whether they may begin with the calling code, or with what a call abroad begins with."""
        return digits.startswith(self.code) or self.leaving.match(digits) is not None

    def sort(self, digits: str) -> int:
        """NONE, OTHER or MOBILE."""
        if (dialled := self.prefix.match(digits)) and dialled.end():
            rest = digits[dialled.end() :]
            whole = self.form.fullmatch(digits) is not None
            if not (whole and self.form.fullmatch(rest) is None) and len(rest) in self.lengths:
                digits = rest
        if self.form.fullmatch(digits) is None:
            return NONE
        return max(
            (kind for kind, lengths, form in self.sorts if len(digits) in lengths and form.fullmatch(digits)), default=NONE
        )


@cache
def plan(region: str) -> Plan | None:
    """The region's plan; None where its calling code is shared, or numbers are rewritten before they are dialled."""
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None or metadata.national_prefix_transform_rule:
        return None
    if len(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(metadata.country_code or 0, ())) != 1:
        return None
    general = metadata.general_desc
    everywhere = frozenset(general.possible_length)
    sorts = []
    for name in ("mobile", *SORTS):
        own = getattr(metadata, name)
        if own is not None and own.national_number_pattern:
            kind = MOBILE if name == "mobile" else OTHER
            sorts.append((kind, frozenset(own.possible_length) or everywhere, re.compile(own.national_number_pattern)))
    return Plan(
        str(metadata.country_code),
        re.compile(metadata.national_prefix_for_parsing or ""),
        re.compile(metadata.international_prefix or "(?!)"),
        everywhere,
        re.compile(general.national_number_pattern or ""),
        tuple(sorts),
    )
