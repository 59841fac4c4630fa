"""Opt-outs: what a page, its site, or a list says against being used, and that no signal is not consent."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.comply.licence import distinct, is_unknown
from sejong.corpus.comply.robots import denial, matches
from sejong.corpus.comply.statements import OptOut, Site, Statements, address, day, read, signals
from sejong.corpus.judge import Judgement, Step
from sejong.recipe import CorpusSettings

WEB = ("http://", "https://")
NO_SIGNAL = "no signal"


def prepare(settings: CorpusSettings) -> Step:
    """A step that drops what was opted out, and web pages of unknown licence about which nothing was said.

    Raises:
        Refused: a list in `corpus.opt_outs` has another form than it must have.
    """
    statements = read(settings.opt_outs, settings.crawlers)
    return lambda pages: _judged(_found(pages.table, statements, consents=settings.no_signal_is_consent), pages.count)


def _judged(found: dict[int, OptOut], count: int) -> Judgement:
    broken = np.zeros(count, bool)
    broken[list(found)] = True
    return Judgement(broken, lambda index: found[index].reason)


def _found(table: Any, statements: Statements, *, consents: bool) -> dict[int, OptOut]:
    """The first signal against each document that has one: its own marks, then its site's files, then lists."""
    marked, granted = _marks(table, statements.crawlers)
    addressed = pc.or_(pc.starts_with(table["locator"], WEB[0]), pc.starts_with(table["locator"], WEB[1])).to_numpy()
    found = dict(marked)
    if statements.say_something:
        _said(table, statements, addressed, granted, found)
    if not consents:
        unknown, codes = distinct(table["licence"])
        silent = addressed & np.array([is_unknown(one) for one in unknown], bool)[codes]
        for index in np.flatnonzero(silent):
            if index not in found and index not in granted:
                found[int(index)] = OptOut(
                    NO_SIGNAL, "unknown licence", day(table["collected"][int(index)].as_py()),
                    "that nothing was said against it is not consent; corpus.no_signal_is_consent takes it for that",
                )  # fmt: skip
    return found


def _marks(table: Any, crawlers: Sequence[str]) -> tuple[dict[int, OptOut], set[int]]:
    """What the documents' marks say: opt-outs, and which documents were granted."""
    if "marks" not in table.column_names:
        return {}, set()
    column = table["marks"].combine_chunks() if isinstance(table["marks"], pa.ChunkedArray) else table["marks"]
    flat, parents = pc.list_flatten(column), pc.list_parent_indices(column)
    if not len(flat):
        return {}, set()
    words, codes = distinct(flat)
    meanings = [_meaning(one or "", {crawler.lower() for crawler in crawlers}) for one in words]
    rows = parents.to_numpy()
    found: dict[int, OptOut] = {}
    granted: set[int] = set()
    for place in np.flatnonzero(np.array([one is not None for one in meanings], bool)[codes]):
        row, meaning = int(rows[place]), meanings[codes[place]]
        if meaning is True:
            granted.add(row)
        elif isinstance(meaning, tuple):
            signal, value = meaning
            found.setdefault(row, OptOut(signal, value, day(table["collected"][row].as_py())))
    return found, granted - set(found)


def _meaning(mark: str, crawlers: set[str]) -> tuple[str, str] | bool | None:
    """(signal, value) of a mark that means no; True of one that means yes; none of any other."""
    signal, _, said = mark.lower().partition(":")
    words = signals()["marks"].get(signal)
    if words is None:
        return None
    agent, named, word = said.rpartition("=")
    if named and agent not in crawlers:
        return None
    if word in words["reserved"] or (named and word in words.get("named", [])):
        return signal, said
    return True if word in words.get("granted", []) else None


def _said(table: Any, statements: Statements, addressed: Any, granted: set[int], found: dict[int, OptOut]) -> None:
    """Add what files of the sites and lists say about documents."""
    locators = table["locator"].to_pylist()
    sites: dict[str, Site | None] = {}
    for index, locator in enumerate(locators):
        if index in found or not locator:
            continue
        where = address(locator) if addressed[index] else None
        if where is None:
            if entry := statements.entry_of(locator):
                found[index] = OptOut("list", entry.list_name, entry.date, f"its entry {entry.written} covers the locator")
            continue
        host, path = where
        if host not in sites:
            sites[host] = statements.site_of(host)
        if (site := sites[host]) and (out := _of_site(site, host, path, statements.crawlers, granted=index in granted)):
            found[index] = out


def _of_site(site: Site, host: str, path: str, crawlers: Sequence[str], *, granted: bool) -> OptOut | None:
    """What was said about a page. A page that grants mining itself overrules its site's tdmrep.json, and nothing else."""
    for rules, date in site.rules:
        if denied := denial(rules, path):
            return OptOut("robots.txt", denied[0], date, f"`{denied[1]}` at {host}")
    for reservations, date in () if granted else site.tdmrep:
        first = next((one for one in reservations if matches(one[0], path)), None)
        if first and first[1]:
            return OptOut("tdmrep.json", "tdm-reservation 1", date, f"`{first[0]}` at {host}")
    if entry := next((one for one in site.entries if one.covers(path)), None):
        return OptOut("list", entry.list_name, entry.date, f"its entry {entry.written} covers {host}")
    return None
