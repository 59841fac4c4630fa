"""From files to pieces: read, identify, measure, judge; what stays lies in scratch, so that a killed run goes on from there.

A piece is what one batch of the reader became: `documents.parquet` (kept, text included), `dropped.parquet`, and arrays
that the search for copies works on. A piece's folder is renamed into place when it is whole. Pieces are numbered by the
files they come from, which are sorted, so that the order in which files were given does not matter, and named after what they
hold (`part-00003-00001-0f3a…`), since a reader that had to be started anew makes other batches of the same files.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.corpus import read, rules
from sejong.corpus.identify import identify, name_of
from sejong.corpus.pages import Pages
from sejong.corpus.read.batch import EXCERPT
from sejong.corpus.redact import redact
from sejong.corpus.shingles import bands, shingles
from sejong.errors import Refused
from sejong.flow import SourceFile, atomic
from sejong.flow.files import flush
from sejong.flow.progress import progress
from sejong.language.scripts import Characters
from sejong.recipe import CorpusSettings

PART_BYTES = 128 << 20  # of files; a part that is done is not read again after a kill, and of an open one no piece is made twice
SHINGLE = 5  # letters, where filters.toml says nothing

DROPPED = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("locator", pa.string()),
        ("licence", pa.string()),
        ("contributor", pa.string()),
        ("rule", pa.string()),
        ("reason", pa.string()),
        ("duplicate_of", pa.string()),
        ("bytes", pa.int64()),
        ("excerpt", pa.string()),
    ]
)


@dataclass(frozen=True)
class Piece:
    """A finished piece."""

    folder: Path

    def documents(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The documents that stay so far."""
        return pq.read_table(self.folder / "documents.parquet", columns=columns)

    def dropped(self) -> pa.Table:
        """What was dropped while it was made."""
        return pq.read_table(self.folder / "dropped.parquet")

    def array(self, name: str) -> Any:
        """One of `bands` (bands by documents) and, one value a document, `hashes` (sha256 of the text), `characters` and
        `bytes`; mapped from disk."""
        return np.load(self.folder / f"{name}.npy", mmap_mode="r")


def screen(settings: CorpusSettings, files: Iterable[SourceFile], scratch: Path) -> list[Piece]:
    """Read all files into pieces, or find them there from a run that was killed."""
    parts = list(_parts(sorted(files, key=lambda one: (one.source, one.path))))
    pieces: list[Piece] = []
    with progress("Reading and filtering", total=sum(file.bytes for part in parts for file in part), unit="bytes") as bar:
        for number, part in enumerate(parts):
            name, size = f"part-{number:05d}", sum(file.bytes for file in part)
            done = scratch / f"{name}.json"
            if done.exists():
                bar.skip(size)
            else:
                made: list[str] = []
                for batch in read.read(part, settings.encodings, settings.scripts):
                    made.append(f"{name}-{len(made):05d}-{_fingerprint(batch)}")
                    _piece(settings, batch, scratch / made[-1])
                    shown = min(batch.documents.nbytes, size)  # the share of the files is not known: text may be compressed
                    bar.advance(shown)
                    size -= shown
                with atomic(done) as path:
                    path.write_text(json.dumps({"pieces": made}), "utf-8")
                bar.advance(size)
            pieces += [Piece(scratch / one) for one in json.loads(done.read_text("utf-8"))["pieces"]]
    return pieces


def shingle_length(settings: CorpusSettings) -> int:
    """Letters in a shingle of the near-duplicate search.

    Raises:
        Refused: filters.toml gives fewer than two.
    """
    letters = int(settings.rules.get("near_duplicate", {}).get("letters", SHINGLE))
    if letters < 2:
        raise Refused(f"the limit `letters` of the rule `near_duplicate` is {letters}: give two or more")
    return letters


def dropped_rows(
    documents: pa.Table,
    rule: Sequence[str | None],
    reason: Sequence[str | None],
    identifiers: list[str],
    duplicate_of: Any = None,
) -> pa.Table:
    """Documents as rows of `dropped.parquet`, with the beginning of each on one line, identifiers masked."""
    columns = {
        **{name: documents[name] for name in ("id", "source", "locator", "licence", "contributor")},
        "rule": pa.array(rule, pa.string()),
        "reason": pa.array(reason, pa.string()),
        "duplicate_of": pa.array(duplicate_of or [None] * len(documents), pa.string()),
        "bytes": pc.binary_length(documents["text"]).cast(pa.int64()),
        "excerpt": _excerpts(documents["text"], identifiers),
    }
    return pa.table(columns).cast(DROPPED)


def _excerpts(texts: Any, identifiers: list[str]) -> Any:
    """The beginning of each text. It is cut after masking, so that no half of an identifier is left."""
    masked, _ = redact(pc.utf8_slice_codeunits(texts, 0, 2 * EXCERPT), identifiers)
    return pc.utf8_trim_whitespace(pc.replace_substring_regex(pc.utf8_slice_codeunits(masked, 0, EXCERPT), r"\s+", " "))


def _parts(files: list[SourceFile]) -> Iterator[list[SourceFile]]:
    part: list[SourceFile] = []
    size = 0
    for file in files:
        if part and size + file.bytes > PART_BYTES:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.bytes
    if part:
        yield part


def _fingerprint(batch: read.Batch) -> str:
    """What tells batches of the same files apart: which documents are in it, in which order."""
    ids = [*batch.documents["id"].to_pylist(), "", *batch.dropped["id"].to_pylist(), *batch.dropped["reason"].to_pylist()]
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()[:16]


def _piece(settings: CorpusSettings, batch: read.Batch, folder: Path) -> None:
    """Make one piece, unless it is there."""
    if folder.exists():
        return
    making = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    documents = pa.Table.from_batches([batch.documents])
    column = Characters.of(documents["text"])
    pages = Pages(column, settings.scripts)
    languages, scores, foreign = _languages(settings, column)
    verdicts = rules.judge(pages, settings.filters, settings.rules)
    rule = ["language" if wrong else broken for wrong, broken in zip(foreign, verdicts.rules, strict=True)]
    reason = [wrong or broken for wrong, broken in zip(foreign, verdicts.reasons, strict=True)]
    stays = np.array([one is None for one in rule], bool)
    fell = np.flatnonzero(~stays)

    signals = {"characters": pages.lengths, **verdicts.signals}
    screened = documents.append_column("language", pa.array(languages, pa.string()))
    screened = screened.append_column("language_score", pa.array(scores, pa.float32()))
    struct = pa.StructArray.from_arrays([pa.array(one, pa.float32()) for one in signals.values()], names=list(signals))
    kept = screened.append_column("signals", struct).filter(pa.array(stays))
    dropped = dropped_rows(documents.take(fell), [rule[one] for one in fell], [reason[one] for one in fell], settings.identifiers)
    pq.write_table(kept, making / "documents.parquet", compression="zstd")
    pq.write_table(pa.concat_tables([_unreadable(batch, settings), dropped]), making / "dropped.parquet", compression="zstd")
    _save_arrays(settings, kept["text"], making)
    for path in making.iterdir():
        flush(path)
    making.rename(folder)


def _unreadable(batch: read.Batch, settings: CorpusSettings) -> pa.Table:
    rows = pa.Table.from_batches([batch.dropped])
    excerpts, _ = redact(rows["excerpt"], settings.identifiers)
    rows = rows.set_column(rows.column_names.index("excerpt"), "excerpt", excerpts)
    return rows.append_column("duplicate_of", pa.nulls(len(rows), pa.string())).select(DROPPED.names)


def _languages(settings: CorpusSettings, column: Characters) -> tuple[list[str], Any, list[str | None]]:
    """Language and score of each document, and the reason to drop it where it is another nation's."""
    close = settings.rules.get("language", {}).get("close", [])
    languages, scores = identify(column, settings.language, settings.scripts, close)
    foreign: list[str | None] = [None] * len(languages)
    if "language" not in settings.filters:
        return languages, scores, foreign
    for index, (found, score) in enumerate(zip(languages, scores, strict=True)):
        if found != settings.language:
            foreign[index] = f"{name_of(found)} with a confidence of {score:.2f}, not {name_of(settings.language)}"
        elif score < settings.language_score:
            foreign[index] = f"{name_of(found)} with a confidence of {score:.2f} only, less than {settings.language_score:.2f}"
    return languages, scores, foreign


def _save_arrays(settings: CorpusSettings, texts: Any, folder: Path) -> None:
    column = Characters.of(texts)
    hashes, counts = shingles(column, shingle_length(settings))
    keys = bands(hashes, counts, min(settings.near_duplicates, settings.together))
    np.save(folder / "bands.npy", np.ascontiguousarray(keys.T))
    digests = [hashlib.sha256(text.as_buffer() if text.is_valid else b"").digest() for text in texts]
    np.save(folder / "hashes.npy", np.array(digests, "V32"))
    np.save(folder / "characters.npy", column.lengths)
    np.save(folder / "bytes.npy", pc.binary_length(texts).to_numpy().astype(np.int64))
