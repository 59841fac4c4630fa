"""Make an index: passages of every document, their search terms, and BM25 over them."""

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import bm25s
import pyarrow as pa
import pyarrow.parquet as pq

from sejong.flow.progress import progress
from sejong.language import segment
from sejong.retrieval.passages import cut, title

K1, B = 1.2, 0.75  # Robertson and Zaragoza 2009, the customary values
HEADING_WEIGHT, TITLE_WEIGHT = 2, 1  # times that a term of the headings or the title counts, beside once in the text
BATCH = 4096  # passages a call of the segmenter

COLUMNS = ("id", "text", "locator", "source", "licence")
SCHEMA = pa.schema(
    {
        "passage": pa.string(),
        "document": pa.string(),
        "heading": pa.string(),
        "text": pa.string(),
        "start": pa.int64(),
        "end": pa.int64(),
        "title": pa.string(),
        "source": pa.string(),
        "locator": pa.string(),
        "licence": pa.string(),
    }
)


def passages_of(documents: Iterable[pa.RecordBatch], limit: int) -> pa.Table:
    """The passages of documents (`COLUMNS`), in the order given. A passage's name is its document's and its number in it."""
    batches = [pa.RecordBatch.from_pylist(_rows(batch, limit), SCHEMA) for batch in documents]
    return pa.Table.from_batches(batches, SCHEMA)


def terms_of(passages: pa.Table, segmenter: str) -> tuple[list[list[str]], list[list[str]]]:
    """The search terms of each passage: of its text, and of its headings and title as often as they count.

    Headings count as they are written, too: a segmenter reads a short heading otherwise than the same word inside a question.
    """
    texts, headings, titles = (passages[name].to_pylist() for name in ("text", "heading", "title"))
    outer = sorted({*headings, *titles})
    analysed = dict(zip(outer, segment.terms(segmenter, outer), strict=True))
    written = dict(zip(outer, segment.terms("words", outer), strict=True))
    framing = [
        analysed[heading] * HEADING_WEIGHT + analysed[name] * TITLE_WEIGHT + written[heading]
        for heading, name in zip(headings, titles, strict=True)
    ]
    body: list[list[str]] = []
    with progress("search terms", total=len(texts), unit="passages") as bar:
        for start in range(0, len(texts), BATCH):
            body += segment.terms(segmenter, texts[start : start + BATCH])
            bar.advance(len(texts[start : start + BATCH]))
    return body, framing


def write(passages: pa.Table, terms: Sequence[list[str]], out: Path) -> int:
    """Write `passages.parquet` and `bm25/` under `out`; the number of distinct terms. Term numbers follow their order as text."""
    pq.write_table(passages, out / "passages.parquet", compression="zstd", row_group_size=4096)
    vocabulary = {term: number for number, term in enumerate(sorted(set(chain.from_iterable(terms))))}
    numbered = [[vocabulary[term] for term in one] for one in terms]
    bm25 = bm25s.BM25(k1=K1, b=B, method="lucene")
    bm25.index((numbered, vocabulary), create_empty_token=False, show_progress=False)
    bm25.save(out / "bm25", show_progress=False)
    return len(vocabulary)


def _rows(batch: pa.RecordBatch, limit: int) -> list[dict[str, str | int | None]]:
    rows: list[dict[str, str | int | None]] = []
    for document in batch.select(COLUMNS).to_pylist():
        name = title(document["text"], document["locator"])
        rows += [
            {
                "passage": f"{document['id'][:16]}-{number}",
                "document": document["id"],
                "heading": one.heading,
                "text": document["text"][one.start : one.end],
                "start": one.start,
                "end": one.end,
                "title": name,
                "source": document["source"],
                "locator": document["locator"],
                "licence": document["licence"],
            }
            for number, one in enumerate(cut(document["text"], limit))
        ]
    return rows
