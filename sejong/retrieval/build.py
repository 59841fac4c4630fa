"""Make an index: passages of every document, their search terms, and BM25F over them."""

from collections.abc import Iterable
from pathlib import Path

import bm25s
import pyarrow as pa
import pyarrow.parquet as pq

from sejong.flow.progress import progress
from sejong.language import segment
from sejong.retrieval import bm25f
from sejong.retrieval.passages import PATH, cut, holds_sentence, title

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


def terms_of(passages: pa.Table, segmenter: str) -> bm25f.Fields:
    """The search terms of each passage: of its text, of the names of its section, and of all headings and the title around it."""
    texts, headings, titles = (passages[name].to_pylist() for name in ("text", "heading", "title"))
    outer = sorted({part for heading in headings for part in heading.split(PATH)} | set(titles))
    analysed = dict(zip(outer, segment.terms(segmenter, outer), strict=True))
    paths = [heading.split(PATH) for heading in headings]
    body: list[list[str]] = []
    with progress("search terms", total=len(texts), unit="passages") as bar:
        for start in range(0, len(texts), BATCH):
            body += segment.terms(segmenter, texts[start : start + BATCH])
            bar.advance(len(texts[start : start + BATCH]))
    return bm25f.Fields(
        text=body,
        # What stands right below the top heading is what the page is about, so that its title names it, too.
        headings=[
            [analysed[path[-1]], analysed[name]] if len(path) == 1 else [analysed[path[-1]]]
            for path, name in zip(paths, titles, strict=True)
        ],
        frame=[[term for part in [*path, name] for term in analysed[part]] for path, name in zip(paths, titles, strict=True)],
    )


def write(passages: pa.Table, fields: bm25f.Fields, out: Path) -> int:
    """Write `passages.parquet` and `bm25/` under `out`; the number of distinct terms."""
    pq.write_table(passages, out / "passages.parquet", compression="zstd", row_group_size=4096)
    numbers = bm25f.vocabulary(fields)
    bm25 = bm25s.BM25(k1=bm25f.K1, b=bm25f.B, method="lucene")
    bm25.scores = bm25f.matrix(fields, numbers, [holds_sentence(text) for text in passages["text"].to_pylist()])
    bm25.vocab_dict, bm25.nonoccurrence_array = numbers, None
    bm25.save(out / "bm25", show_progress=False)
    return len(numbers)


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
