"""What readers yield, and how it becomes columns."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from sejong.corpus.read.clean import clean
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


class Batch(NamedTuple):
    """Documents, and what could not be read among them."""

    documents: pa.RecordBatch
    dropped: pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Text:
    """A document as a reader found it. What is none is taken from the file.

    `part` is added to the file's locator (`path#part`); `locator` replaces it.
    """

    text: str
    part: str | None = None
    source: str | None = None
    locator: str | None = None
    licence: str | None = None
    contributor: str | None = None
    collected: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A part of a file that could not be read. `reason` is a sentence; `bytes` what it takes in the file."""

    reason: str
    part: str | None = None
    bytes: int = 0
    excerpt: str = ""


class Unreadable(Exception):
    """A file that cannot be read at all, or not beyond this point."""


def identifier(source: str, locator: str) -> str:
    """A document's id: sha256 over its source and locator."""
    return hashlib.sha256(f"{source}{locator}".encode()).hexdigest()


def batches(found: Iterable[tuple[SourceFile, Text | Unread]]) -> Iterator[Batch]:
    """Columns from what readers found; a text that is empty after cleaning is a dropped row."""
    documents: list[tuple[str | None, ...]] = []
    dropped: list[tuple[str | int | None, ...]] = []
    size = 0
    for file, one in found:
        if isinstance(one, Text) and not (text := clean(one.text)):
            one = Unread("it holds no text", one.part or one.locator, len(one.text))
        if isinstance(one, Text):
            row = _document(file, one, text)
            documents.append(row)
            size += len(text)
        else:
            dropped.append(_dropped(file, one))
            size += EXCERPT
        if size >= BATCH_BYTES:
            yield _columns(documents, dropped)
            documents, dropped, size = [], [], 0
    if documents or dropped:
        yield _columns(documents, dropped)


def _document(file: SourceFile, one: Text, text: str) -> tuple[str | None, ...]:
    source = one.source or file.source
    locator = one.locator or _locator(file, one.part)
    return (
        identifier(source, locator),
        text,
        source,
        locator,
        one.licence or file.licence,
        one.contributor or file.contributor,
        one.collected or file.collected,
    )


def _dropped(file: SourceFile, one: Unread) -> tuple[str | int | None, ...]:
    locator = _locator(file, one.part)
    return (
        identifier(file.source, locator),
        file.source,
        locator,
        file.licence,
        file.contributor,
        RULE,
        one.reason,
        one.bytes or file.bytes,
        clean(one.excerpt[:EXCERPT]),
    )


def _locator(file: SourceFile, part: str | None) -> str:
    return file.path if part is None else f"{file.path}#{part}"


def _columns(documents: list[tuple[str | None, ...]], dropped: list[tuple[str | int | None, ...]]) -> Batch:
    return Batch(_record_batch(documents, DOCUMENT), _record_batch(dropped, UNREADABLE))


def _record_batch(rows: list[tuple[str | None, ...]] | list[tuple[str | int | None, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.record_batch([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema=schema)
