"""robots.txt as RFC 9309 (2022) has it: which rules hold for a crawler, and what they say about a path.

A group holds for a crawler whose product token it names, whatever the case; where none does, the groups of `*` hold. Of the
rules that match, the longest decides, `Allow` among equals. Lines of other kinds that reserve a use (`Content-Signal`) are data
in `signals.toml` and count beside the rules.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

MOST = 1 << 20  # characters that are read; the RFC asks for 500 KiB at least
UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")
ESCAPE = re.compile("%([0-9A-Fa-f]{2})")
NOT_ASCII = re.compile("[^\x21-\x7e]+")


@dataclass(frozen=True)
class Rule:
    """A line of a group: what it allows or not, under which paths, and how it was written."""

    allows: bool
    pattern: str
    line: str


@dataclass
class Group:
    """What one product token may do: rules, and lines that reserve a use whatever the rules say."""

    rules: list[Rule] = field(default_factory=list)
    reserved: list[Rule] = field(default_factory=list)

    def denial(self, path: str) -> str | None:
        """The line that keeps its crawler from `path`, if there is one."""
        fitting = [rule for rule in self.rules if matches(rule.pattern, path)]
        decides = max(fitting, key=lambda rule: (len(rule.pattern), rule.allows), default=None)
        if decides and not decides.allows:
            return decides.line
        return next((rule.line for rule in self.reserved if matches(rule.pattern, path)), None)


Denial = tuple[str, str]


@dataclass(frozen=True)
class Robots:
    """A file, read."""

    groups: dict[str, Group]

    def holding_for(self, crawlers: Sequence[str]) -> list[tuple[str, Group]]:
        """The groups that hold for any of `crawlers` and keep it from something, each once with the first one it holds for."""
        found: dict[int, tuple[str, Group]] = {}
        for crawler in crawlers:
            group = self.groups.get(crawler.lower()) or self.groups.get("*")
            if group and (group.reserved or not all(rule.allows for rule in group.rules)):
                found.setdefault(id(group), (crawler, group))
        return list(found.values())

    def denial(self, path: str, crawlers: Sequence[str]) -> Denial | None:
        """The first of `crawlers` that may not have `path` (normal, see `target`), with the line that says so."""
        return denial(self.holding_for(crawlers), path)


def denial(groups: Sequence[tuple[str, Group]], path: str) -> Denial | None:
    """As `Robots.denial`, for the groups that hold."""
    return next(((crawler, line) for crawler, group in groups if (line := group.denial(path))), None)


def parse(text: str, reserving: Mapping[str, Sequence[str]]) -> Robots:
    """Read a robots.txt; what is no rule is passed over.

    Args:
        text: the file.
        reserving: per kind of line (in lower case), the words that reserve a use.
    """
    groups: dict[str, Group] = {}
    current: list[Group] = []
    named = False  # whether the line before named a crawler: several names in a row share what follows
    for raw in text[:MOST].lstrip("\ufeff").splitlines():
        line = raw.partition("#")[0].strip()
        kind, colon, value = (part.strip() for part in line.partition(":"))
        kind = kind.lower()
        if not colon:
            continue
        if kind == "user-agent":
            if not named:
                current = []
            named = True
            if token := _token(value):
                current.append(groups.setdefault(token, Group()))
        elif kind in ("allow", "disallow"):
            named = False
            if value:
                for group in current:
                    group.rules.append(Rule(kind == "allow", normal(value), line))
        elif kind in reserving:
            named = False
            if pattern := _reserved(value, reserving[kind]):
                for group in current:
                    group.reserved.append(Rule(False, normal(pattern), line))
    return Robots(groups)


def matches(pattern: str, path: str) -> bool:
    """Whether `path` starts as `pattern` says; `*` stands for anything, `$` at the end for the end. Both are normal."""
    anchored = pattern.endswith("$")
    first, *rest = pattern.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    place = len(first)
    last = rest.pop() if anchored and rest else None
    for piece in rest:
        found = path.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    if last is not None:
        return path.endswith(last) and len(path) - len(last) >= place
    return place == len(path) if anchored else True


def target(url: str) -> str:
    """What rules are compared with: the path and query of a URL, in normal form."""
    return target_of(urlsplit(url))


def target_of(parts: SplitResult) -> str:
    """The same of a URL that is in parts already."""
    return normal((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def normal(path: str) -> str:
    """One spelling for equal paths: what need not be escaped is not, what is beyond ASCII is escaped as UTF-8 (section 2.2.2)."""
    if NOT_ASCII.search(path):
        path = NOT_ASCII.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace")), path)
    return ESCAPE.sub(lambda found: _unescaped(found[1]), path) if "%" in path else path


def _unescaped(digits: str) -> str:
    character = chr(int(digits, 16))
    return character if character in UNRESERVED else f"%{digits.upper()}"


def _token(value: str) -> str:
    """The product token in `GPTBot/1.2 (comment)`, in lower case."""
    return re.split(r"[\s/(]", value, maxsplit=1)[0].lower()


def _reserved(value: str, words: Sequence[str]) -> str | None:
    """The paths that a line such as `/news ai-train=no, search=yes` reserves; none where it reserves nothing."""
    path, rest = value.split(None, 1) if value.startswith("/") and " " in value else ("/", value)
    said = {re.sub(r"\s", "", one).lower() for one in rest.split(",")}
    return path if said & set(words) else None
