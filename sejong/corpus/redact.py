"""Personal identifiers masked: each is replaced by a token that names its kind, and where the token stands is recorded.

Kinds are named in a nation's `pii.toml` and looked up here: `email`, `card`, `ip`, `phone:REGION` (an ISO 3166 code, such as
`phone:KR`) and `id:NAME` (a number of python-stdnum, such as `id:kr.rrn`). The tokens are `<EMAIL>`, `<CARD>`, `<IP>`,
`<PHONE>` and `<ID>`. Where two kinds claim the same characters, the one named first in `pii.toml` has them.

Digits may be ASCII or full-width. A number is masked only where its form is right and, if it has a check digit, that too;
what python-stdnum does not know stands in `OWN_CHECKS`.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from stdnum import get_cc_module, luhn
from stdnum.kr import rrn

from sejong.errors import Refused, did_you_mean

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string())]))
KINDS = ("email", "card", "ip", "phone", "id")

Found = Iterator[tuple[int, int]]


class Finder(NamedTuple):
    """How a kind is found: `look` gives spans in one text, `hint` (RE2, searched in a column) tells which texts to look at."""

    hint: str
    look: Callable[[str], Found]


# A digit or Latin letter right before or behind makes it part of something else; a Korean particle behind does not.
BEFORE, BEHIND = r"(?<![A-Za-z0-9０-９+＋])(?<!\d[.,:/\-])", r"(?![A-Za-z0-9０-９]|[.,:\-/][0-9])"
JOIN = r"[ \-‐‑–－]?"
EMAIL = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_%+\-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
CARD = re.compile(rf"{BEFORE}[2-6]\d{{3}}(?:{JOIN}\d){{9,15}}{BEHIND}")
IPV4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)", re.ASCII)
IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
SPACE = re.compile(r"[)）.]*[ (（]+")
WIDE = ord("０") - ord("0")
MIN_CARD = 13  # digits
MIN_PHONE, MAX_PHONE = 8, 15
MANY_DIGITS = r"\p{Nd}[\p{Nd} ().‐‑–－（）\-]{6,}"

# The form of numbers that are written in groups; a border between groups may hold a separator. Others are plain digits.
GROUPS = {
    "kr.rrn": (6, 7),
    "jp.in_": (4, 4, 4),
    "id.nik": (16,),
    "th.pin": (1, 4, 5, 2, 1),
    "tr.tckimlik": (11,),
    "vn.cccd": (12,),
}


def redact(texts: Any, kinds: Sequence[str]) -> tuple[pa.ChunkedArray, pa.Array]:
    """Mask the identifiers of `kinds` in a column of texts.

    Returns:
        The texts, and for each a list of `{start, end, kind}`: where the tokens stand in the returned text, in characters.
    """
    finders = {kind: finder(kind) for kind in kinds}
    wanted = {kind: pc.match_substring_regex(texts, one.hint) for kind, one in finders.items()}
    flags = np.stack([np.asarray(mask) for mask in wanted.values()]) if wanted else np.zeros((0, len(texts)), bool)
    spans: list[list[dict[str, Any]]] = [[] for _ in range(len(texts))]
    places = np.flatnonzero(flags.any(0))
    replaced: list[str] = []
    for place in places.tolist():
        text = texts[place].as_py()
        hits = _hits(text, [(kind, one) for (kind, one), flag in zip(finders.items(), flags[:, place], strict=True) if flag])
        masked, spans[place] = _mask(text, hits)
        replaced.append(masked)
    if places.size:
        mask = np.zeros(len(texts), bool)
        mask[places] = True
        texts = pc.replace_with_mask(_one_chunk(texts), pa.array(mask), pa.array(replaced, texts.type))
    return pa.chunked_array([_one_chunk(texts)]), pa.array(spans, SPANS)


def check(kinds: Sequence[str]) -> None:
    """Refuse kinds that nothing here can find.

    Raises:
        Refused: a kind is unknown, or its region or number is.
    """
    for kind in kinds:
        finder(kind)


def token(kind: str) -> str:
    """What stands in the place of an identifier of this kind."""
    return f"<{kind.partition(':')[0].upper()}>"


@cache
def finder(kind: str) -> Finder:
    """The finder of a kind named in `pii.toml`."""
    name, _, detail = kind.partition(":")
    if name == "email":
        return Finder("@", _whole_matches(EMAIL))
    if name == "card":
        return Finder(
            r"[2-6]\p{Nd}{3}[\p{Nd} .‐‑–－\-]{9,}",
            _checked(CARD, lambda raw: luhn.is_valid(_plain(raw)) and len(_plain(raw)) >= MIN_CARD),
        )
    if name == "ip":
        return Finder(r"\d\.\d{1,3}\.\d{1,3}\.\d|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f]*:", _addresses)
    if name == "phone":
        if detail not in phonenumbers.SUPPORTED_REGIONS:
            raise Refused(
                f"identifiers names `{kind}`: there is no region `{detail}` (an ISO 3166 code is needed, as in phone:KR)"
            )
        return Finder(MANY_DIGITS, _phones(detail))
    if name == "id":
        return Finder(r"\p{Nd}(?:[ ‐‑–－\-]?\p{Nd}){8,}", _checked(_form(detail), _validator(kind, detail)))
    raise Refused(f"identifiers names `{kind}`, which can not be found in a text: {did_you_mean(name, KINDS)}")


def _hits(text: str, finders: list[tuple[str, Finder]]) -> list[tuple[int, int, str]]:
    """What to mask, in order, without overlaps: an earlier kind keeps what a later one also claims."""
    taken: list[tuple[int, int, str]] = []
    claimed = bytearray(len(text))
    for kind, one in finders:
        for start, end in one.look(text):
            if not any(claimed[start:end]):
                claimed[start:end] = b"\1" * (end - start)
                taken.append((start, end, kind))
    return sorted(taken)


def _mask(text: str, hits: list[tuple[int, int, str]]) -> tuple[str, list[dict[str, Any]]]:
    pieces: list[str] = []
    spans: list[dict[str, Any]] = []
    length = reached = 0
    for start, end, kind in hits:
        mark = token(kind)
        pieces += [text[reached:start], mark]
        length += start - reached
        spans.append({"start": length, "end": length + len(mark), "kind": kind})
        length += len(mark)
        reached = end
    return "".join([*pieces, text[reached:]]), spans


def _whole_matches(pattern: re.Pattern[str]) -> Callable[[str], Found]:
    return lambda text: (match.span() for match in pattern.finditer(text))


def _checked(pattern: re.Pattern[str], valid: Callable[[str], bool]) -> Callable[[str], Found]:
    """Matches that are valid, or their longest valid beginning up to a space: what follows a number may be digits too."""

    def look(text: str) -> Found:
        position = 0
        while match := pattern.search(text, position):
            start, end = match.span()
            gaps = [start + gap.start() for gap in SPACE.finditer(match.group())]
            stop = next((stop for stop in [end, *reversed(gaps)] if valid(text[start:stop])), None)
            if stop is not None:
                yield start, stop
            position = stop or (gaps[0] + 1 if gaps else end)

    return look


def _plain(number: str) -> str:
    """ASCII digits only."""
    return "".join(str(int(one)) for one in number if one.isdecimal())


def _addresses(text: str) -> Found:
    """Public addresses: private ones name nobody, and four numbers of which three are below ten are rather a version."""
    for pattern in (IPV4, IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            version = address.version == 4 and sum(part < 10 for part in address.packed) > 2
            if address.is_global and not version:
                yield match.span()


def _phones(region: str) -> Callable[[str], Found]:
    """Numbers that may be dialled: international, or national with the digits that a long-distance call begins with."""
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    trunk = "".join(f"[{one}{chr(ord(one) + WIDE)}]" for one in (metadata and metadata.national_prefix) or "")
    abroad = r"[+＋]\d{1,3}[ \-.]?(?:[(（]\d{1,5}[)）]|\d{1,5})"
    beginning = rf"{BEFORE}(?:{abroad}|[(（]{trunk}\d{{1,4}}[)）]|{trunk}\d{{1,4}}[)）]?)"
    form = re.compile(rf"{beginning}(?:[ \-‐‑–－.()（）]{{0,2}}\d{{2,5}}){{1,4}}{BEHIND}")

    def valid(raw: str) -> bool:
        if not MIN_PHONE <= len(_plain(raw)) <= MAX_PHONE:
            return False
        try:
            return phonenumbers.is_valid_number(phonenumbers.parse(raw, region))
        except phonenumbers.NumberParseException:
            return False

    return _checked(form, valid)


def _form(name: str) -> re.Pattern[str]:
    groups = GROUPS.get(name)
    if groups is None:
        return re.compile(rf"{BEFORE}\d(?:{JOIN}\d){{8,17}}{BEHIND}")
    return re.compile(BEFORE + r"[ \-‐‑–－]?".join(rf"\d{{{size}}}" for size in groups) + BEHIND)


def _validator(kind: str, name: str) -> Callable[[str], bool]:
    """What tells a number of this name from other digits."""
    own = OWN_CHECKS.get(name)
    country, _, number = name.partition(".")
    standard = getattr(get_cc_module(country, number), "is_valid", None) if number else None
    if own is None and standard is None:
        raise Refused(
            f"identifiers names `{kind}`: neither python-stdnum nor Sejong knows a number `{name}` "
            "(country and number are needed, as in id:kr.rrn)"
        )

    def valid(raw: str) -> bool:
        digits = _plain(raw)
        return bool((standard and standard(digits)) or (own and own(digits)))

    return valid


def _korean_resident_number(digits: str) -> bool:
    """Resident registration numbers issued since October 2020 have six random digits after the one for century and sex
    (Enforcement Rule of the Resident Registration Act, as amended in 2020): only the date of birth can be checked."""
    if len(digits) != 13 or digits[6] not in "12345678":
        return False
    try:
        rrn.get_birth_date(digits)
    except ValueError:  # what python-stdnum raises derives from it
        return False
    return True


def _vietnamese_citizen_number(digits: str) -> bool:
    """Province (001 to 096), century and sex, year of birth, six random digits (Circular 59/2021/TT-BCA); no check digit."""
    return len(digits) == 12 and 1 <= int(digits[:3]) <= 96 and digits[3] in "0123"


OWN_CHECKS: dict[str, Callable[[str], bool]] = {"kr.rrn": _korean_resident_number, "vn.cccd": _vietnamese_citizen_number}


def _one_chunk(texts: Any) -> pa.Array:
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return pa.concat_arrays(chunks) if chunks else pa.array([], texts.type)
