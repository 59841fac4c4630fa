"""JSON Lines of the usual form, straight into columns: no text becomes a Python string.

A block of whole lines is taken if each line is one object, all that is asked for are strings, and no text is empty. Of any other
block nothing is taken: `sejong.corpus.read.jsonl` then looks at its lines one by one.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from sejong.corpus.read.batch import DOCUMENT, Batch, identifier, nothing_unread
from sejong.corpus.read.quick import cleaned
from sejong.corpus.read.records import COLUMNS, FIELDS
from sejong.flow import SourceFile

DELETE = b"\x7f"  # the only control byte that JSON allows in a text: many of them are a sign of another encoding
TYPES = pa.schema([(name, DOCUMENT.field(name).type) for name in COLUMNS])
BORDER = b"}\n{"


def batch(file: SourceFile, block: bytes) -> Batch | None:
    """The documents of a block of lines, or None."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(BORDER) != lines - 1 or not block.startswith(b"{") or not block.endswith((b"}\n", b"}")):
        return None
    if DELETE in block or not _is_utf8(block):
        return None
    table = _parsed(block)
    if table is None or len(table) != lines or table["text"].null_count:
        return None
    table = table.combine_chunks()
    raw = table["text"].chunk(0)
    texts = cleaned(raw)
    if pc.any(pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(texts))).as_py():
        return None
    given = {name: _not_empty(table[name].chunk(0)) for name in COLUMNS if name != "text"}
    source = pc.fill_null(given["source"], file.source)
    locator = _with_hashes(pc.coalesce(given["locator"], given["id"]), raw)
    columns = {"id": pa.array(map(identifier, source.to_pylist(), locator.to_pylist()), pa.string()), "text": texts}
    columns |= {"source": source, "locator": locator, "marks": _no_marks(lines)}
    for name in FIELDS[1:]:
        own = getattr(file, name)
        columns[name] = given[name] if own is None else pc.fill_null(given[name], own)
    return Batch(pa.RecordBatch.from_arrays([columns[name] for name in DOCUMENT.names], schema=DOCUMENT), nothing_unread())


def _parsed(block: bytes) -> pa.Table | None:
    """The rows of a block; none where Arrow takes exception to any."""
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(block),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=TYPES, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None


def _is_utf8(block: bytes) -> bool:
    """Whether all of it is: the parser does not look at what it leaves out."""
    whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, len(block)])), pa.py_buffer(block))
    try:
        whole.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _not_empty(column: pa.Array) -> pa.Array:
    """An empty string says nothing."""
    return pc.if_else(pc.equal(column, ""), None, column)


def _with_hashes(locators: pa.Array, texts: pa.Array) -> pa.Array:
    """The text's hash where there is no locator."""
    if not locators.null_count:
        return locators
    pairs = zip(locators.to_pylist(), texts, strict=True)
    found = [hashlib.sha256(text.as_buffer()).hexdigest() if own is None else own for own, text in pairs]
    return pa.array(found, pa.string())


def _no_marks(rows: int) -> Any:
    return pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], pa.string()))
