"""What a DOCX file's `styles.xml` and `numbering.xml` say of its paragraphs (ECMA-376 Part 1, §17.7, §17.9)."""

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

from sejong.corpus.read.numbering import Counters, Level
from sejong.corpus.read.xml_events import Element, attribute, events, name_of, number, release

HEADING = re.compile(r"heading (\d)$", re.IGNORECASE)
BODY_LEVEL = 9  # the outline level of body text
DEEPEST = 20  # styles that a style may follow from


class Style(NamedTuple):
    """What a paragraph style says, or a paragraph itself. None: nothing."""

    level: int | None = None  # of a heading, from 1 on; 0 is body text
    numbering: str | None = None
    depth: int | None = None  # in the list, from 0 on
    based_on: str | None = None


class Styles:
    """A document's paragraph styles and lists."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}
        self._resolved: dict[str, Style] = {}
        self._lists: dict[str, dict[int, Level]] = {}
        self._families: dict[str, str] = {}  # the abstract list behind each list
        self._restarting: set[str] = set()  # lists that begin anew when they first come
        self.counters = Counters(self._lists)

    def read_styles(self, stream: IO[bytes]) -> None:
        """Take in `styles.xml`."""
        for event, element in events(stream, ["{*}style"]):
            if event == "end" and attribute(element, "type") in ("paragraph", None):
                self._styles[attribute(element, "styleId") or ""] = _style(element)
            if event == "end":
                release(element)

    def read_numbering(self, stream: IO[bytes]) -> None:
        """Take in `numbering.xml`."""
        abstract: dict[str, dict[int, Level]] = {}
        for event, element in events(stream, ["{*}abstractNum", "{*}num"]):
            if event == "start":
                continue
            if name_of(element) == "abstractNum":
                abstract[attribute(element, "abstractNumId") or ""] = dict(_levels(element))
            else:
                self._list(element, abstract)
            release(element)

    def of(self, style: str | None, direct: Style) -> Style:
        """What holds for a paragraph: what it says itself, else what its style says."""
        found = self._resolve(style or "", 0)
        own = direct.numbering is not None
        return Style(
            found.level if direct.level is None else direct.level,
            direct.numbering if own else found.numbering,
            direct.depth if own or direct.depth is not None else found.depth,
        )

    def mark(self, style: Style) -> str:
        """The number or "-" before the next paragraph of such a style."""
        if not style.numbering or style.numbering == "0":
            return ""
        family = self._families.get(style.numbering, style.numbering)
        if style.numbering in self._restarting:
            self._restarting.discard(style.numbering)
            self.counters.restart(family)
        return self.counters.mark(style.numbering, style.depth or 0, family)

    def _resolve(self, name: str, depth: int) -> Style:
        if (known := self._resolved.get(name)) is not None:
            return known
        own = self._styles.get(name, Style())
        base = self._resolve(own.based_on, depth + 1) if own.based_on and depth < DEEPEST else Style()
        found = Style(
            base.level if own.level is None else own.level,
            base.numbering if own.numbering is None else own.numbering,
            base.depth if own.depth is None else own.depth,
        )
        self._resolved[name] = found
        return found

    def _list(self, element: Element, abstract: dict[str, dict[int, Level]]) -> None:
        name = attribute(element, "numId") or ""
        levels: dict[int, Level] = {}
        for one in element:
            if name_of(one) == "abstractNumId":
                self._families[name] = attribute(one, "val") or ""
                levels = {**abstract.get(self._families[name], {}), **levels}
            elif name_of(one) == "lvlOverride":
                levels.update(_levels(one))
                at = number(attribute(one, "ilvl"))
                for start in one.iterchildren("{*}startOverride"):
                    levels[at] = levels.get(at, Level(""))._replace(start=number(attribute(start, "val"), 1))
                    self._restarting.add(name)
        self._lists[name] = levels


def direct(properties: Element | None) -> tuple[str | None, Style]:
    """The style's name and what else a paragraph's `pPr` says."""
    if properties is None:
        return None, Style()
    name, level, numbering, depth = None, None, None, None
    for one in properties:
        what = name_of(one)
        if what == "pStyle":
            name = attribute(one, "val")
        elif what == "outlineLvl":
            stated = number(attribute(one, "val"), BODY_LEVEL)
            level = stated + 1 if stated < BODY_LEVEL else 0
        elif what == "numPr":
            for inner in one:
                if name_of(inner) == "numId":
                    numbering = attribute(inner, "val")
                elif name_of(inner) == "ilvl":
                    depth = number(attribute(inner, "val"))
    return name, Style(level, numbering, depth)


def _style(element: Element) -> Style:
    found = Style()
    based_on = None
    for one in element:
        what = name_of(one)
        if what == "pPr":
            found = direct(one)[1]
        elif what == "basedOn":
            based_on = attribute(one, "val")
    title = next((attribute(one, "val") or "" for one in element if name_of(one) == "name"), "")
    match = HEADING.match(title)
    if found.level is None and (match or title.lower() == "title"):
        found = found._replace(level=int(match[1]) if match else 1)
    return found._replace(based_on=based_on)


def _levels(element: Element) -> Iterator[tuple[int, Level]]:
    for one in element.iterchildren("{*}lvl"):
        said = {name_of(inner): attribute(inner, "val") or "" for inner in one}
        style = said.get("numFmt", "decimal")
        text = re.sub(r"%(\d)", r"^\1", said.get("lvlText", "").replace("^", ""))
        yield number(attribute(one, "ilvl")), Level(text, style, number(said.get("start"), 1), style == "bullet")
