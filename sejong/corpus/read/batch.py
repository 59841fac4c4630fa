"""What readers yield, and how it becomes columns."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.read.clean import clean
from sejong.corpus.read.quick import cleaned
from sejong.flow import SourceFile

BATCH_BYTES = 4 << 20  # of text, before a batch is handed on
EXCERPT = 200  # characters of a dropped document kept for the report

DOCUMENT = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.large_string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("contributor", pa.string()),
        ("collected", pa.string()),
        ("marks", pa.list_(pa.string())),
    ]
)
UNREADABLE = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("contributor", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("bytes", pa.int64()),
        ("excerpt", pa.string()),
    ]
)
RULE = "unreadable"
FOUND = ("text", "source", "locator", "licence", "contributor", "collected", "marks")


class Batch(NamedTuple):
    """Documents, and what could not be read among them."""

    documents: pa.RecordBatch
    dropped: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Text:
    """A document as a reader found it. What is none is taken from the file.

    `part` is added to the file's locator (`path#part`), after `member`, a path inside an archive (`path!member#part`); `locator`
    replaces both. `marks` are what the reader saw beside the text, such as `ocr:0.87` or `x-robots-tag:noai`.
    """

    text: str
    part: str | None = None
    source: str | None = None
    locator: str | None = None
    licence: str | None = None
    contributor: str | None = None
    collected: str | None = None
    marks: tuple[str, ...] = ()
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a file that could not be read. `reason` is a sentence; `bytes` what it takes in the file."""

    reason: str
    part: str | None = None
    bytes: int = 0
    excerpt: str = ""
    member: str | None = None


class Unreadable(Exception):
    """A file that cannot be read at all, or not beyond this point."""


def identifier(source: str, locator: str) -> str:
    """A document's id: sha256 over its source and locator."""
    return hashlib.sha256(f"{source}{locator}".encode()).hexdigest()


class Rows:
    """Documents as a reader found them, a list a column, their texts not cleaned yet; and what could not be read."""

    def __init__(self) -> None:
        self.file: list[SourceFile] = []
        self.place: list[tuple[str | None, str | None]] = []  # what an empty text is called: part and member of its file
        self.columns: dict[str, list[Any]] = {name: [] for name in FOUND}
        self.unread: list[tuple[SourceFile, Unread]] = []

    def __len__(self) -> int:
        return len(self.file) + len(self.unread)

    def add(self, file: SourceFile, one: Text | Unread) -> int:
        """Take what was found in `file`; gives about how many characters it has."""
        if isinstance(one, Unread):
            self.unread.append((file, one))
            return EXCERPT
        self.file.append(file)
        self.place.append((one.part or one.locator, one.member))
        given = (one.text, one.source, one.locator or _locator(file, one), one.licence, one.contributor, one.collected)
        for name, value in zip(FOUND, (*given, one.marks), strict=True):
            self.columns[name].append(value)
        return len(one.text)

    def batch(self) -> Batch:
        """As columns, cleaned; a text of which nothing is left is a dropped row."""
        texts = cleaned(_encodable(self.columns["text"]))
        empty = np.flatnonzero(pc.equal(pc.binary_length(texts), 0).to_numpy(zero_copy_only=False))
        dropped = [_dropped(file, one) for file, one in self.unread]
        for place in empty.tolist():
            part, member = self.place[place]
            none = Unread("it holds no text", part, len(self.columns["text"][place]), member=member)
            dropped.append(_dropped(self.file[place], none))
        source = [own or file.source for own, file in zip(self.columns["source"], self.file, strict=True)]
        locator = self.columns["locator"]
        columns = {"id": list(map(identifier, source, locator)), "text": texts, "source": source, "locator": locator}
        for name in ("licence", "contributor", "collected"):
            columns[name] = [own or getattr(file, name) for own, file in zip(self.columns[name], self.file, strict=True)]
        columns["marks"] = self.columns["marks"]
        arrays = [pa.array(columns[field.name], field.type) for field in DOCUMENT]
        documents = pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)
        if len(empty):
            documents = documents.filter(pc.greater(pc.binary_length(texts), 0))
        return Batch(documents, pa.RecordBatch.from_pylist(dropped, schema=UNREADABLE))


def batches(found: Iterable[tuple[SourceFile, Text | Unread]]) -> Iterator[Batch]:
    """Columns from what readers found, in batches of about `BATCH_BYTES`."""
    rows, size = Rows(), 0
    for file, one in found:
        size += rows.add(file, one)
        if size >= BATCH_BYTES:
            yield rows.batch()
            rows, size = Rows(), 0
    if len(rows):
        yield rows.batch()


def joined(found: Sequence[Batch]) -> Batch:
    """Batches, at least one, as one."""
    if len(found) == 1:
        return found[0]
    return Batch(pa.concat_batches([one.documents for one in found]), pa.concat_batches([one.dropped for one in found]))


def _encodable(texts: list[str]) -> pa.LargeStringArray:
    """As a column; halves of surrogate pairs, which UTF-8 can not hold, are mended first."""
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return pa.array([clean(text) for text in texts], pa.large_string())


def _dropped(file: SourceFile, one: Unread) -> dict[str, str | int | None]:
    locator = _locator(file, one)
    return {
        "id": identifier(file.source, locator),
        "source": file.source,
        "locator": locator,
        "licence": file.licence,
        "contributor": file.contributor,
        "rule": RULE,
        "reason": one.reason,
        "bytes": one.bytes or file.bytes,
        "excerpt": clean(one.excerpt[:EXCERPT]),
    }


def _locator(file: SourceFile, one: Text | Unread) -> str:
    path = file.path if one.member is None else f"{file.path}!{one.member}"
    return path if one.part is None else f"{path}#{one.part}"
