"""Records in columns, as documents in columns: no text becomes a Python string."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.read.batch import DOCUMENT, identifier
from sejong.corpus.read.quick import cleaned
from sejong.corpus.read.records import COLUMNS, FIELDS
from sejong.flow import SourceFile


def documents(file: SourceFile, given: dict[str, pa.Array]) -> tuple[pa.RecordBatch, list[int]]:
    """The documents of records whose fields are strings, and the rows that are none: they have no text, or nothing is left of it.

    Args:
        file: says what a record does not.
        given: `text` (large strings) and others of `COLUMNS` (strings), all of one length.
    """
    rows = len(given["text"])
    raw = pc.fill_null(given["text"], "")
    texts = cleaned(raw)
    empty = pc.or_(pc.equal(pc.binary_length(texts), 0), pc.utf8_is_space(raw))
    nothing = pa.nulls(rows, pa.string())
    own = {name: _not_empty(given[name]) if name in given else nothing for name in COLUMNS if name != "text"}
    source = pc.fill_null(own["source"], file.source)
    locator = _with_hashes(pc.coalesce(own["locator"], own["id"]), raw)
    columns = {"id": pa.array(map(identifier, source.to_pylist(), locator.to_pylist()), pa.string()), "text": texts}
    columns |= {"source": source, "locator": locator}
    for name in FIELDS[1:]:
        default = getattr(file, name)
        columns[name] = own[name] if default is None else pc.fill_null(own[name], default)
    columns["marks"] = pa.ListArray.from_arrays(pa.array(np.zeros(rows + 1, np.int32)), pa.array([], pa.string()))
    found = pa.RecordBatch.from_arrays([columns[name] for name in DOCUMENT.names], schema=DOCUMENT)
    if not pc.any(empty).as_py():
        return found, []
    return found.filter(pc.invert(empty)), np.flatnonzero(empty.to_numpy(zero_copy_only=False)).tolist()


def _not_empty(column: pa.Array) -> pa.Array:
    """An empty string says nothing."""
    return pc.if_else(pc.equal(column, ""), None, column)


def _with_hashes(locators: pa.Array, texts: pa.Array) -> pa.Array:
    """The text's hash where there is no locator."""
    if not locators.null_count:
        return locators
    missing = locators.is_null()
    found = [hashlib.sha256(text.as_buffer()).hexdigest() for text in texts.filter(missing)]
    return pc.replace_with_mask(locators, missing, pa.array(found, pa.string()))
