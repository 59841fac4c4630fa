"""What sites and lists say about being used: robots.txt, tdmrep.json, and lists of domains and paths, each with its date.

An opt-out list, as `corpus.opt_outs` holds it, is a table: `name`, `date` (when it was read; none where it states none),
`entries` (domains, domains with a path, globs of locators), and `robots` and `tdmrep`, lists of `{host, date, text}`.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sejong.corpus.comply import robots
from sejong.errors import Refused, did_you_mean

HERE = Path(__file__).parent
KEYS = {"name", "date", "entries", "robots", "tdmrep"}
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
NO_DATE = "no date"
WILD = re.compile(r"[*?\[]")
INSIDE = re.compile("[/!#]")  # what parts folders, members of an archive, and places in a file


@dataclass(frozen=True)
class OptOut:
    """A signal that keeps a document out: `signal` is its kind, `value` what it says, `detail` where that stands."""

    signal: str
    value: str
    date: str
    detail: str = ""

    @property
    def reason(self) -> str:
        """The sentence for dropped.parquet; `opt_outs.json` is counted from it."""
        return f"opted out by {self.signal} `{self.value}`, read {self.date}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class Entry:
    """A line of a list: a host with the hosts under it, where one is named, and a path or glob."""

    written: str
    host: str | None
    path: str
    list_name: str
    date: str

    def covers(self, path: str) -> bool:
        """Whether it means a page of its host at `path` (normal): that path, what lies under it, or what a `*` makes of it."""
        own = robots.normal(self.path)
        if own.endswith(("*", "/", "$")):
            return robots.matches(own, path)
        return any(robots.matches(own + end, path) for end in ("$", "/", "?"))


@dataclass
class Site:
    """All that was said about one host, in the order of the lists."""

    rules: list[tuple[list[tuple[str, robots.Group]], str]] = field(default_factory=list)
    tdmrep: list[tuple[list[tuple[str, bool]], str]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True)
class Statements:
    """Everything the lists say: by host, by the locator or folder that an entry names as it is, and entries that are globs."""

    crawlers: list[str]
    sites: dict[str, Site] = field(default_factory=dict)
    exact: dict[str, Entry] = field(default_factory=dict)
    globs: list[Entry] = field(default_factory=list)

    @property
    def say_something(self) -> bool:
        """Whether there is anything to look up."""
        return bool(self.sites or self.exact or self.globs)

    def site_of(self, host: str) -> Site | None:
        """What was said about a host itself, and by lists about the domains above it."""
        names = [host[place:] for place in _starts(host)]
        own = self.sites.get(host)
        above = [entry for name in names[1:] if (site := self.sites.get(name)) for entry in site.entries]
        globs = [entry for entry in self.globs if entry.host and fnmatchcase(host, entry.host)]
        if own is None and not above and not globs:
            return None
        own = own or Site()
        return Site(own.rules, own.tdmrep, [*own.entries, *above, *globs])

    def entry_of(self, locator: str) -> Entry | None:
        """The entry that means a document without a web address: by its locator, a file or folder that it lies in, or a glob."""
        above = (locator[: found.start()] for found in INSIDE.finditer(locator))
        named = next((entry for one in (locator, *above) if (entry := self.exact.get(one))), None)
        return named or next((entry for entry in self.globs if fnmatchcase(locator, entry.written)), None)


@cache
def shipped() -> tuple[str, ...]:
    """The crawlers of crawlers.toml."""
    return tuple(tomllib.loads((HERE / "crawlers.toml").read_text("utf-8")))


@cache
def signals() -> dict[str, dict[str, dict[str, Any]]]:
    """The words of signals.toml."""
    return tomllib.loads((HERE / "signals.toml").read_text("utf-8"))


def read(lists: Iterable[dict[str, Any]], crawlers: Sequence[str]) -> Statements:
    """Put the lists in an order that a document can be looked up in.

    Raises:
        Refused: a list has another form than it must have; the sentence names it and what is wrong.
    """
    found = Statements(list(crawlers) or list(shipped()))
    reserving = {kind: one["reserved"] for kind, one in signals()["robots"].items()}
    for one in lists:
        name, date = _checked(one)
        for written in one.get("entries", []):
            _add(found, entry(written, name, date))
        for said in one.get("robots", []):
            if rules := robots.parse(said["text"], reserving).holding_for(found.crawlers):
                _site(found, said["host"]).rules.append((rules, day(str(said.get("date") or date))))
        for said in one.get("tdmrep", []):
            _site(found, said["host"]).tdmrep.append((_reservations(said["text"]), day(str(said.get("date") or date))))
    return found


def entry(written: str, name: str, date: str) -> Entry:
    """`example.kr`, `*.example.kr/news/`, `https://example.kr/a*b`, or a glob of locators such as `minutes/2020/*`."""
    text = written.strip()
    host, slash, path = re.sub(r"^[a-z]+://", "", text, flags=re.IGNORECASE).partition("/")
    named = not text.startswith(("/", "*/")) and ("." in host or host == "localhost") and " " not in host
    return Entry(text, host_of(host) if named else None, f"/{path}" if slash else "/", name, date)


def host_of(host: str) -> str:
    """One spelling for a host, without its port: lower case, names beyond ASCII as they travel (IDNA)."""
    host = host.strip().rstrip(".").lower().partition(":")[0]
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def address(locator: str) -> tuple[str, str] | None:
    """(host, path in normal form) of a document with a web address."""
    if not locator.startswith(("http://", "https://")):
        return None
    try:
        parts = urlsplit(locator)
        return (host_of(parts.hostname or ""), robots.target_of(parts)) if parts.hostname else None
    except ValueError:
        return None


def day(date: str | None) -> str:
    """The day of a date, or words where there is none."""
    found = DAY.match(date or "")
    return found[0] if found else NO_DATE


def _checked(one: dict[str, Any]) -> tuple[str, str]:
    """A list's name and day."""
    if not isinstance(one.get("name"), str) or not one["name"].strip() or "`" in one["name"]:
        raise Refused("a list in corpus.opt_outs has no name: give `name` (without backquotes), `date` and `entries`")
    name = one["name"]
    for key in one:
        if key not in KEYS:
            raise Refused(f"the list `{name}` in corpus.opt_outs has the unknown key `{key}`: {did_you_mean(key, KEYS)}")
    if one.get("date") and not DAY.fullmatch(str(one["date"])[:10]):
        raise Refused(f"the list `{name}` in corpus.opt_outs has the date {one['date']!r}: write it as 2026-11-25")
    if not all(isinstance(written, str) and written.strip() for written in one.get("entries", [])):
        raise Refused(f"the list `{name}` in corpus.opt_outs has an empty entry: give domains, addresses or globs of locators")
    for kind in ("robots", "tdmrep"):
        for said in one.get(kind, []):
            if not isinstance(said, dict) or not all(isinstance(said.get(key), str) for key in ("host", "text")):
                raise Refused(f"the list `{name}` in corpus.opt_outs has {kind} without a host and its text: give both")
    return name, day(str(one.get("date") or ""))


def _site(found: Statements, host: str) -> Site:
    return found.sites.setdefault(host_of(re.sub(r"^[a-z]+://", "", host).partition("/")[0]), Site())


def _add(found: Statements, one: Entry) -> None:
    if WILD.search(one.written):
        found.globs.append(one)
    else:
        found.exact.setdefault(one.written.rstrip("/"), one)
    if one.host and not WILD.search(one.host):
        found.sites.setdefault(one.host, Site()).entries.append(one)


def _reservations(text: str) -> list[tuple[str, bool]]:
    """The rules of a tdmrep.json, in its order: a path, and whether mining is reserved there. What is broken says nothing."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = rows if isinstance(rows, list) else [rows]
    return [
        (robots.normal(str(row["location"])), row["tdm-reservation"] in (1, "1"))
        for row in rows
        if isinstance(row, dict) and isinstance(row.get("location"), str) and row.get("tdm-reservation") in (0, 1, "0", "1")
    ]


def _starts(host: str) -> list[int]:
    """Where a host and the domains above it begin."""
    return [0, *(place + 1 for place, letter in enumerate(host) if letter == ".")]
