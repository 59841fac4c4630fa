"""The registry of kinds: what finds each, and where it has to look.

A finder looks at normal text (`places.normal`) and grades what it finds by form alone; words nearby then raise or lower it
(`words.py`), and what is `LIKELY` or more in the end is masked.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import phonenumbers
from stdnum import iban, numdb

from sejong.corpus.redact import numbers, phones
from sejong.corpus.redact.forms import CERTAIN, LIKELY, POSSIBLE, Found, checked, digits_of
from sejong.corpus.redact.places import CODE, COLONS, DOTTED, MAIL, NEVER, NUMBER, SHORT_IBAN, Limits
from sejong.errors import Refused, did_you_mean

KINDS = ("email", "card", "iban", "ip", "phone", "id", "passport", "url_credentials", "key")


NOTHING = Limits()


@dataclass(frozen=True)
class Finder:
    """How a kind is found.

    `look` gives (start, end, grade) in a normal text. `sort` says at which places (a sum of sorts of `places`), `limits` the
    least they must hold; where `hint` is given instead, `look` reads every text in which that RE2 pattern occurs.
    """

    look: Callable[[str], Iterator[Found]]
    sort: int = 0
    limits: Limits = NOTHING
    hint: str = ""
    near: tuple[str, ...] = ()
    """Words of any language without which a `POSSIBLE` one is never masked; a nation's own are added."""

    @property
    def least(self) -> int:
        """Digits without which a place is none of its own."""
        own = (self.limits.joined, self.limits.dotted, self.limits.dialled, self.limits.code)
        return min(own) if self.sort & (NUMBER | CODE) and min(own) < NEVER else 0


def limits(finders: Sequence[Finder]) -> Limits:
    """The least that any of them needs."""
    each = [one.limits for one in finders] or [NOTHING]
    trunks = [one.trunk for one in each if one.dialled < NEVER]
    trunk = 0 if 0 in trunks else sum(set(trunks))  # bits: regions of one trunk digit are the rule
    return Limits(
        joined=min(one.joined for one in each),
        dotted=min(one.dotted for one in each),
        dialled=min(one.dialled for one in each),
        trunk=trunk,
        addresses=any(one.addresses for one in each),
        mail=any(one.mail for one in each),
        code=min(one.code for one in each),
        iban=any(one.iban for one in each),
    )


@cache
def finder(kind: str) -> Finder:
    """The finder of a kind named in `pii.toml`.

    Raises:
        Refused: the kind is unknown, or its region or number is.
    """
    name, _, detail = kind.partition(":")
    if name in PLAIN and not detail:
        return PLAIN[name]
    if name == "phone":
        if detail not in phonenumbers.SUPPORTED_REGIONS:
            raise Refused(
                f"identifiers names `{kind}`: there is no region `{detail}` (an ISO 3166 code is needed, as in phone:KR)"
            )
        return _phone(detail)
    if name == "passport":
        if detail not in PASSPORTS:
            raise Refused(f"identifiers names `{kind}`: the form of passports is known of {', '.join(sorted(PASSPORTS))} only")
        return _passport(PASSPORTS[detail])
    if name == "id":
        return _number(kind, detail)
    raise Refused(f"identifiers names `{kind}`, which can not be found in a text: {did_you_mean(name, KINDS)}")


def _phone(region: str) -> Finder:
    trunk = phones.trunk(region)
    bit = 1 << int(trunk[0]) if trunk else 0
    return Finder(phones.look(region), NUMBER, Limits(dialled=phones.LEAST, trunk=bit))


def _number(kind: str, name: str) -> Finder:
    number = numbers.number(kind, name)
    look = checked(number.pattern(), number.grade)
    if number.word:
        return Finder(look, CODE, Limits(code=number.digits))
    return Finder(look, NUMBER, Limits(dotted=number.digits) if number.dots else Limits(joined=number.digits))


def _passport(form: str) -> Finder:
    pattern = re.compile(rf"(?<![A-Za-z0-9])(?:{form})(?![A-Za-z0-9])", re.ASCII)
    return Finder(_all(pattern, POSSIBLE), CODE, Limits(code=6), near=("passport",))


def _all(pattern: re.Pattern[str], grade: int, group: int | str = 0) -> Callable[[str], Iterator[Found]]:
    return lambda text: ((*match.span(group), grade) for match in pattern.finditer(text))


def _addresses(text: str) -> Iterator[Found]:
    """Public addresses: private ones name nobody, and four numbers of which three are below ten are rather a version, and
    four small ones may be."""
    for pattern in (IPV4, IPV6):
        for match in pattern.finditer(text):
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            version = address.version == 4 and sum(part < 10 for part in address.packed) > 2
            if address.is_global and not version:
                small = address.version == 4 and max(address.packed) < SMALL
                yield *match.span(), POSSIBLE if small else LIKELY


def _iban(raw: str) -> int | None:
    plain = raw.replace(" ", "").replace("-", "")
    if len(plain) != _iban_length(plain[:2]) or len(digits_of(plain)) < SHORT_IBAN:
        return None
    return CERTAIN if iban.is_valid(plain, check_country=False) else None


@cache
def _iban_length(country: str) -> int:
    """Characters of the country's account numbers; 0 where there are none."""
    found = numdb.get("iban").info(country)[0][1]
    return 4 + sum(int(one) for one in re.findall(r"(\d+)!", found["bban"])) if "bban" in found else 0


EMAIL = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_%+\-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
)
IPV4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)", re.ASCII)
IPV6 = re.compile(r"(?:(?<![\w:.])|(?<=[^0-9A-Fa-f:.]:))(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:])", re.ASCII)
SMALL = 32  # parts of version numbers are rarely as large
IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[ \-]?[A-Z0-9]){11,30}(?![A-Za-z0-9])")
URL_CREDENTIALS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{1,20}://(?P<secret>[^\s/@:\"'<>]{1,64}:[^\s/@\"'<>]{1,128})@")
# Prefixes as their makers publish them for scanners (AWS, GitHub, GitLab, Google, OpenAI and Anthropic, Slack, Stripe, Hugging
# Face), JSON Web Tokens (RFC 7519) and private keys in PEM (RFC 7468).
KEY = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY-----[A-Za-z0-9+/=\s:,\-]{32,16384}?"
    r"-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY-----"
    r"|(?<![A-Za-z0-9_\-])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,90}"
    r"|glpat-[A-Za-z0-9_\-]{20,64}|AIza[A-Za-z0-9_\-]{35}|sk-[A-Za-z0-9_\-]{20,200}|xox[abprs]-[A-Za-z0-9\-]{10,100}"
    r"|[rs]k_live_[A-Za-z0-9]{16,99}|hf_[A-Za-z0-9]{30,40}|eyJ[A-Za-z0-9_\-]{10,4096}\.eyJ[A-Za-z0-9_\-]{10,8192}\.[A-Za-z0-9_\-]{10,1024})"
    r"(?![A-Za-z0-9_\-])"
)
KEY_HINT = r"PRIVATE KEY-----|AKIA|ASIA|gh[pousr]_|github_pat_|glpat-|AIza|sk-|xox[abprs]-|k_live_|hf_|eyJ"

# Where the form is certain enough beside a word: Korea (M, S, R, G, D and eight digits, since 2021 with a letter among them),
# Japan and Thailand (two letters, seven digits), Viet Nam and Indonesia (a letter, seven digits; Indonesia also two and six),
# Saudi Arabia and Turkey (a letter, eight digits), United Arab Emirates (a letter, seven or eight digits).
PASSPORTS = {
    "KR": r"[MSRGDmsrgd][0-9]{8}|[MSRGDmsrgd][0-9]{3}[A-Za-z][0-9]{4}",
    "JP": r"[A-Z]{2}[0-9]{7}",
    "VN": r"[A-Z][0-9]{7}",
    "ID": r"[A-Z][0-9]{7}|[A-Z]{2}[0-9]{6}",
    "TH": r"[A-Z]{2}[0-9]{7}",
    "SA": r"[A-Z][0-9]{8}",
    "TR": r"[A-Z][0-9]{8}",
    "AE": r"[A-Z][0-9]{7}|[A-Z][0-9]{8}",
}

PLAIN = {
    "email": Finder(_all(EMAIL, CERTAIN), MAIL, Limits(mail=True)),
    "card": Finder(checked(numbers.CARD, numbers.card), NUMBER, Limits(joined=numbers.SHORT_CARD)),
    "iban": Finder(checked(IBAN, _iban), CODE, Limits(iban=True)),
    "ip": Finder(_addresses, DOTTED | COLONS, Limits(addresses=True)),
    "url_credentials": Finder(_all(URL_CREDENTIALS, CERTAIN, "secret"), hint=r"://[^\s/@]*:[^\s/@]*@"),
    "key": Finder(_all(KEY, CERTAIN), hint=KEY_HINT),
}
