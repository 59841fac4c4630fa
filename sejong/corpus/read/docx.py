"""DOCX, Word's format: a zip archive of WordprocessingML parts (ECMA-376 Part 1, §17), read row by row."""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import IO, BinaryIO
from zipfile import ZipFile

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, Cell, Table, documents, heading, item
from sejong.corpus.read.docx_styles import Styles, direct
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.xml_events import Element, attribute, events, name_of, number, release, tree
from sejong.corpus.read.zipped import data_of, first_of, package, part

RELATIONSHIPS = 4 << 20  # bytes of a list of relationships that are read
NOTES = {"footnotes.xml": "footnote", "endnotes.xml": "endnote"}
MOST_NOTES = 32 << 20  # characters of notes that are held until their places come
LEFT_OUT = {"del", "moveFrom", "instrText", "delText", "pPr", "rPr", "rt", "txbxContent", "Fallback", "sdtPr", "commentReference"}
MARKS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
BOX = "{*}txbxContent"


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with package(stream, "DOCX") as archive:
        main = main_part(archive, "word/document.xml")
        yield from documents(_Docx(archive, main.rpartition("/")[0]).blocks(main))


def main_part(archive: ZipFile, usual: str) -> str:
    """The part that an Open Packaging file names as its main one.

    Raises:
        Unreadable: there is none.
    """
    for kind, target in relationships(archive, "").values():
        if kind == "officeDocument" and (found := first_of(archive, (target.lstrip("/"),))):
            return found
    found = first_of(archive, (usual,))
    if found is None:
        raise Unreadable(f"it is a zip archive without {usual}, and so no document of this kind")
    return found


def relationships(archive: ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """What a part refers to: by identifier the last word of its type, and the target's path in the archive."""
    folder, _, file = name.rpartition("/")
    listing = first_of(archive, (f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels",))
    root = tree(data_of(archive, listing, RELATIONSHIPS)) if listing else None
    found = {}
    for one in root if root is not None else ():
        if one.get("TargetMode") != "External":
            kind = (one.get("Type") or "").rpartition("/")[2]
            found[one.get("Id") or ""] = kind, _joined(folder, one.get("Target") or "")
    return found


def _joined(folder: str, target: str) -> str:
    """A path in the archive, from a folder in it."""
    if target.startswith("/"):
        return target[1:]
    parts = folder.split("/") if folder else []
    for one in target.split("/"):
        if one == "..":
            del parts[-1:]
        elif one not in ("", "."):
            parts.append(one)
    return "/".join(parts)


class _Docx:
    def __init__(self, archive: ZipFile, folder: str) -> None:
        self._archive, self._folder = archive, folder
        self._styles = Styles()
        self._notes: dict[tuple[str, str], list[Block]] = {}

    def blocks(self, main: str) -> Iterator[Block | Unread]:
        """The whole document: headers of the pages first, their footers last, notes behind the paragraphs that name them."""
        for name, take in (("styles.xml", self._styles.read_styles), ("numbering.xml", self._styles.read_numbering)):
            if (found := self._part(name)) is not None:
                try:
                    with part(self._archive, found) as opened:
                        take(opened)
                except Unreadable as error:
                    yield Unread(f"{found} cannot be read: {error}", found)
        for name, kind in NOTES.items():
            yield from self._take_notes(name, kind)
        seen: set[str] = set()
        named = sorted(set(relationships(self._archive, main).values()))
        yield from self._once([path for kind, path in named if kind == "header"], seen)
        with part(self._archive, main) as opened:
            yield from self._story(opened)
        yield from self._once([path for kind, path in named if kind == "footer"], seen)

    def _part(self, name: str) -> str | None:
        return first_of(self._archive, (f"{self._folder}/{name}" if self._folder else name,))

    def _take_notes(self, name: str, kind: str) -> Iterator[Unread]:
        found = self._part(name)
        size = 0
        try:
            with part(self._archive, found) if found else nullcontext() as opened:
                for event, note in events(opened, [f"{{*}}{kind}"]) if opened else ():
                    if event == "end" and attribute(note, "type") in (None, "normal") and size < MOST_NOTES:
                        self._notes[kind, attribute(note, "id") or ""] = blocks = list(self._inner(note))
                        size += sum(len(block.text) for block in blocks)
                    if event == "end":
                        release(note)
        except Unreadable as error:
            yield Unread(f"{name} cannot be read to its end: {error}", name)

    def _once(self, paths: list[str], seen: set[str]) -> Iterator[Block | Unread]:
        """Headers or footers, those that say the same once."""
        for path in paths:
            try:
                with part(self._archive, path) as opened:
                    blocks = list(self._story(opened))
            except Unreadable as error:
                yield Unread(f"{path} cannot be read: {error}", path)
                continue
            for block in blocks:
                if block.text not in seen:
                    seen.add(block.text)
                    yield block

    def _story(self, stream: IO[bytes]) -> Iterator[Block]:
        """The paragraphs and tables of a part, as they are read."""
        open_paragraphs = 0
        table: Table | None = None
        opened: Element | None = None
        for event, element in events(stream, ["{*}p", "{*}tbl", "{*}tr"]):
            name = name_of(element)
            if event == "start":
                if name == "p":
                    open_paragraphs += 1
                elif name == "tbl" and table is None and not open_paragraphs:
                    table, opened = Table(), element
                continue
            if name == "p":
                open_paragraphs -= 1
                if not open_paragraphs and table is None:
                    yield from self._paragraph(element)
                    release(element)
            elif name == "tr" and table is not None and not open_paragraphs and _table_of(element) is opened:
                yield from table.add(self._row(element))
                release(element)
            elif element is opened and table is not None:
                yield from table.end()
                table = opened = None
                release(element)

    def _inner(self, element: Element) -> Iterator[Block]:
        """The paragraphs and tables below an element."""
        for one in element:
            name = name_of(one)
            if name == "p":
                yield from self._paragraph(one)
            elif name == "tbl":
                table = Table()
                for row in one.iter("{*}tr"):
                    if _table_of(row) is one:
                        yield from table.add(self._row(row))
                yield from table.end()
            elif name not in LEFT_OUT:
                yield from self._inner(one)

    def _row(self, row: Element) -> list[Cell]:
        cells: list[Cell] = []
        column = 0
        for one in _cells(row):
            properties = one.find("{*}tcPr")
            said = {name_of(inner): inner for inner in properties} if properties is not None else {}
            merged = said.get("vMerge")
            if merged is None or attribute(merged, "val") == "restart":
                cells.append(Cell(column, list(self._inner(one))))
            column += max(number(attribute(said["gridSpan"], "val"), 1), 1) if "gridSpan" in said else 1
        return cells

    def _paragraph(self, paragraph: Element) -> Iterator[Block]:
        after: list[Block] = []
        parts: list[str] = []
        self._collect(paragraph, parts, after)
        text = "".join(parts).strip("\n")
        if text.strip():
            style = self._styles.of(*direct(paragraph.find("{*}pPr")))
            mark = self._styles.mark(style)
            if style.level:
                yield heading(style.level, f"{mark if mark != '-' else ''} {text}".strip())
            elif mark:
                yield item(mark, style.depth or 0, text.strip())
            else:
                yield Block(text)
        for box in paragraph.iter(BOX):
            if _visible(box, paragraph):
                yield from self._inner(box)
        yield from after

    def _collect(self, element: Element, parts: list[str], after: list[Block]) -> None:
        """The text of a paragraph's runs; of notes that are named, the paragraphs go to `after`."""
        for one in element:
            name = name_of(one)
            if name == "t":
                parts.append(one.text or "")
            elif name in MARKS:
                parts.append(MARKS[name])
            elif name == "sym":
                code = attribute(one, "char") or ""
                parts.append(chr(int(code, 16)) if len(code) == 4 and not code.upper().startswith("F0") else "")
            elif name in ("footnoteReference", "endnoteReference"):
                after.extend(self._notes.pop((name.removesuffix("Reference"), attribute(one, "id") or ""), ()))
            elif name not in LEFT_OUT:
                self._collect(one, parts, after)


def _table_of(row: Element) -> Element | None:
    return next(row.iterancestors("{*}tbl"), None)


def _cells(row: Element) -> Iterator[Element]:
    """The row's own cells, also those in content controls; none of a row that tracked changes deleted."""
    if row.find("{*}trPr/{*}del") is not None:
        return
    for one in row:
        if name_of(one) == "tc":
            yield one
        elif name_of(one) not in LEFT_OUT:
            yield from _cells(one)


def _visible(box: Element, paragraph: Element) -> bool:
    """Whether a text box belongs to this paragraph itself, and is no second version of itself for older programs."""
    for around in box.iterancestors():
        if around is paragraph:
            return True
        if name_of(around) in ("p", "Fallback", "del"):
            return False
    return False
