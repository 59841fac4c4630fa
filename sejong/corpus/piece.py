"""A piece of the corpus in scratch: screened documents, sorted by id, with what was dropped and what the search for copies needs.

A piece's folder holds `documents.arrow` and `dropped.arrow` (not compressed, so that a range of rows is mapped from disk without
the rest), `rows-NAME.arrow` (tables of the steps), arrays with a value a document, and `piece.json`. It is renamed into place
when it is whole.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.read.batch import EXCERPT
from sejong.corpus.redact import SPANS, Identifiers, redact
from sejong.corpus.shingles import Hashes, bands
from sejong.language.scripts import Counts
from sejong.language.utf8 import one_chunk, utf8_of

SIGNAL = "signal:"  # before the name of a column that holds a signal
DIGEST = "V32"  # a sha256
KEY = np.dtype([("high", ">u8"), ("low", ">u8")])  # the first half of one; its order is that of the hexadecimal string

DROPPED = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("contributor", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("cause", pa.string()),
        ("duplicate_of", pa.string()),
        ("bytes", pa.int64()),
        ("excerpt", pa.string()),
    ]
)
ORDER = [("id", "ascending"), ("rule", "ascending"), ("locator", "ascending")]


@dataclass(frozen=True)
class Piece:
    """A finished piece."""

    folder: Path

    def documents(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The documents that stay so far."""
        return read_table(self.folder / "documents.arrow", columns)

    def dropped(self) -> pa.Table:
        """What was dropped while it was made."""
        return read_table(self.folder / "dropped.arrow")

    def rows(self) -> dict[str, pa.Table]:
        """The tables of the steps, by name."""
        found = sorted(self.folder.glob("rows-*.arrow"))
        return {path.stem.removeprefix("rows-"): read_table(path) for path in found}

    def array(self, name: str) -> Any:
        """`ids` (sha256), `hashes` (sha256 of the text), `bytes`, `characters`: a value a document. `bands`: bands by documents.
        `dropped_ids`: of the dropped rows. Mapped from disk."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")

    def said(self) -> dict[str, Any]:
        """What `write` was told about it: counts and names of signals."""
        found: dict[str, Any] = json.loads((self.folder / "piece.json").read_text("utf-8"))
        return found


@contextmanager
def making(folder: Path) -> Iterator[Path]:
    """A private folder that is renamed to `folder` when the block ends well."""
    private = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(private, ignore_errors=True)
    private.mkdir(parents=True)
    yield private
    if folder.exists():  # another worker, which was thought dead, has made the same
        shutil.rmtree(private)
    else:
        private.rename(folder)


def write(
    folder: Path, documents: pa.Table, dropped: pa.Table, rows: dict[str, pa.Table], shingle: int, threshold: float | None
) -> dict[str, Any]:
    """Write a piece of masked documents.

    Args:
        folder: where.
        documents: columns of `DOCUMENT`, `language`, `language_score`, `spans` and signals.
        dropped: rows of `DROPPED`.
        rows: tables of the steps.
        shingle: letters of a shingle.
        threshold: the lowest Jaccard similarity that the search for copies has to see; none: no search.

    Returns:
        What `Piece.said` gives.
    """
    documents = documents.combine_chunks().sort_by("id")
    dropped = dropped.sort_by(ORDER)
    texts = one_chunk(documents["text"])
    data, offsets = utf8_of(texts)
    sizes = pc.binary_length(texts).to_numpy().astype(np.int64)
    said = {
        "counts": counted(dropped),
        "kept": len(documents),
        "bytes": int(sizes.sum()),
        "signals": [name.removeprefix(SIGNAL) for name in documents.column_names if name.startswith(SIGNAL)],
        "rows": {name: len(table) for name, table in sorted(rows.items())},
    }
    with making(folder) as private:
        write_table(private / "documents.arrow", documents)
        write_table(private / "dropped.arrow", dropped)
        for name, table in rows.items():
            write_table(private / f"rows-{name}.arrow", table)
        np.save(private / "ids.npy", digests_of(documents["id"]))
        np.save(private / "dropped_ids.npy", digests_of(dropped["id"]))
        np.save(private / "hashes.npy", hashes_of(data, offsets))
        np.save(private / "bytes.npy", sizes)
        np.save(private / "characters.npy", pc.utf8_length(texts).to_numpy().astype(np.int64))
        keys = np.empty((len(documents), 0), np.uint64) if threshold is None else bands(data, offsets, shingle, threshold)
        np.save(private / "bands.npy", np.ascontiguousarray(keys.T))
        write_said(private, said)
    return said


def counted(dropped: pa.Table) -> dict[str, int]:
    """How many rows each rule has."""
    return dict(sorted(Counter(dropped["rule"].to_pylist()).items()))


def write_said(folder: Path, said: dict[str, Any]) -> None:
    """Write what `Piece.said` gives."""
    (folder / "piece.json").write_text(json.dumps(said), "utf-8")


def dropped_rows(
    documents: pa.Table,
    rule: Sequence[str | None],
    reason: Sequence[str | None],
    identifiers: Identifiers | list[str],
    *,
    causes: Sequence[str] | None = None,
    duplicate_of: Any = None,
    silent: Sequence[str] = (),
) -> pa.Table:
    """Documents as rows of `dropped.parquet`, with the beginning of each on one line, identifiers masked. Rows of the rules in
    `silent` have no such beginning. `causes`: the short names of the tests that were broken, where a rule has several."""
    excerpts = _excerpts(documents["text"], identifiers)
    if silent:
        excerpts = pc.if_else(pc.is_in(pa.array(rule, pa.string()), pa.array(list(silent))), "", excerpts)
    columns = {
        **{name: documents[name] for name in ("id", "source", "locator", "licence", "contributor")},
        "rule": pa.array(rule, pa.string()),
        "reason": pa.array(reason, pa.string()),
        "cause": pa.array([cause or None for cause in causes or [""] * len(documents)], pa.string()),
        "duplicate_of": pa.array(duplicate_of or [None] * len(documents), pa.string()),
        "bytes": pc.binary_length(documents["text"]).cast(pa.int64()),
        "excerpt": excerpts,
    }
    return pa.table(columns).cast(DROPPED)


def masked(documents: pa.Table, identifiers: Identifiers | list[str]) -> pa.Table:
    """The documents with identifiers masked, and a column `spans` that says where."""
    texts, spans = redact(one_chunk(documents["text"]), identifiers)
    documents = documents.set_column(documents.column_names.index("text"), "text", texts)
    return documents.append_column("spans", spans.cast(SPANS))


def write_table(path: Path, table: pa.Table) -> None:
    """A table in scratch, as it lies in memory."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table in scratch, or some of its columns, mapped from disk: only what is looked at is read."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        table = reader.read_all()
    return table if columns is None else table.select(columns)


def hashes_of(data: Any, offsets: Counts) -> Any:
    """The sha256 of each text."""
    view, bounds = memoryview(data), offsets.tolist()
    digests = [hashlib.sha256(view[start:end]).digest() for start, end in pairwise(bounds)]
    return np.frombuffer(b"".join(digests), DIGEST)


def digests_of(ids: Any) -> Any:
    """Ids, which are sha256 in hexadecimal, as bytes."""
    return np.frombuffer(bytes.fromhex("".join(ids.to_pylist())), DIGEST)


def keys_of(digests: Any) -> tuple[Hashes, Hashes]:
    """The first and second eight bytes of each digest as numbers."""
    halves = np.frombuffer(digests.tobytes(), ">u8").reshape(-1, 4)[:, :2].astype(np.uint64)
    return np.ascontiguousarray(halves[:, 0]), np.ascontiguousarray(halves[:, 1])


def _excerpts(texts: Any, identifiers: Identifiers | list[str]) -> Any:
    """The beginning of each text. It is cut after masking, so that no half of an identifier is left."""
    beginnings, _ = redact(one_chunk(pc.utf8_slice_codeunits(texts, 0, 2 * EXCERPT)), identifiers)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_slice_codeunits(beginnings, 0, EXCERPT), r"\s+", " "))
