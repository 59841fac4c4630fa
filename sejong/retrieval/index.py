"""Open an index and ask it: the passages that answer a question best, and whether any of them fits at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sejong.errors import Failed
from sejong.language import segment
from sejong.retrieval.passages import sentences

QUOTATION = 320  # longest quotation in characters


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found.

    `coverage` is the share of the question's IDF mass that the passage, its headings and its title hold (0 to 1); `enough`, that
    they share enough words with it; `fits`, that both suffice to answer from this passage. `quotation` is its best part.
    """

    passage: str
    score: float
    coverage: float
    enough: bool
    fits: bool
    text: str
    heading: str
    title: str
    locator: str
    source: str
    licence: str | None
    document: str
    quotation: str


class Index:
    """The passages of one corpus. Reading is memory-mapped; searching takes no lock and changes nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.about: dict[str, Any] = json.loads((path / "index.json").read_text("utf-8"))
            self.passages: pa.Table = pq.read_table(path / "passages.parquet", memory_map=True)
            self.bm25 = bm25s.BM25.load(path / "bm25", mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError) as error:
            raise Failed(f"the index in {path} cannot be opened ({error}): build the stage `index` again") from error
        self.threshold = float(self.about["refusal"]["threshold"])
        self.least_terms = int(self.about["refusal"]["least_terms"])
        self.question_words = frozenset(self.about["question_words"])

    def search(self, question: str, k: int = 5) -> list[Hit]:
        """The best `k` passages, best first; equal scores in the order of passages. Empty where no word is known."""
        words = self._content(question)
        return [self._hit(row, score, coverage, enough, words) for row, score, coverage, enough in self._ranked(words, k)]

    def coverage(self, question: str, k: int = 5) -> float:
        """The highest coverage among the best `k` passages that share enough words with the question; 0 where none does."""
        return max((coverage for _, _, coverage, enough in self._ranked(self._content(question), k) if enough), default=0.0)

    def best(self, question: str, k: int = 5) -> Hit | None:
        """The best passage that fits the question, or None: the corpus has no answer."""
        return next((hit for hit in self.search(question, k) if hit.fits), None)

    def around(self, passage: str) -> tuple[int, list[dict[str, Any]]] | None:
        """All passages of the document that holds `passage`, in order, and the position of `passage`; None if unknown."""
        row = self._rows.get(passage)
        if row is None:
            return None
        document = self._documents[row]
        first = last = row
        while first > 0 and self._documents[first - 1] == document:
            first -= 1
        while last + 1 < len(self._documents) and self._documents[last + 1] == document:
            last += 1
        return row - first, self.passages.slice(first, last - first + 1).to_pylist()

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {passage: row for row, passage in enumerate(self.passages["passage"].to_pylist())}

    @cached_property
    def _documents(self) -> list[str]:
        documents: list[str] = self.passages["document"].to_pylist()
        return documents

    def _content(self, question: str) -> list[str]:
        """The question's distinct search terms without the words that any question has."""
        terms = list(dict.fromkeys(segment.terms(self.about["segmenter"], [question])[0]))
        return [term for term in terms if term not in self.question_words] or terms

    def _ranked(self, words: list[str], k: int) -> list[tuple[int, float, float, bool]]:
        """(row, score, coverage, enough words in common) of the best `k` passages for the words of a question."""
        known = [self.bm25.vocab_dict[word] for word in words if word in self.bm25.vocab_dict]
        if not known:
            return []
        scores = self.bm25.get_scores_from_ids(known)
        rows = _top(scores, k)
        held = self._held(known, rows)
        weights = np.array([self._idf(word) for word in words])
        known_weights = np.array([self._idf(word) for word in words if word in self.bm25.vocab_dict])
        coverage = (held * known_weights[:, None]).sum(axis=0) / weights.sum()
        enough = held.sum(axis=0) >= min(self.least_terms, len(words))
        return list(zip(rows.tolist(), scores[rows].tolist(), coverage.tolist(), enough.tolist(), strict=True))

    def _held(self, known: Sequence[int], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """(terms, passages): whether a term stands in a passage, its title or its headings."""
        starts, passages = self.bm25.scores["indptr"], self.bm25.scores["indices"]
        return np.array([np.isin(rows, passages[starts[term] : starts[term + 1]]) for term in known])

    def _idf(self, word: str) -> float:
        """Lucene's BM25 IDF; a word of no passage weighs most."""
        term = self.bm25.vocab_dict.get(word)
        starts = self.bm25.scores["indptr"]
        frequency = 0 if term is None else int(starts[term + 1] - starts[term])
        return float(np.log1p((self.passages.num_rows - frequency + 0.5) / (frequency + 0.5)))

    def _hit(self, row: int, score: float, coverage: float, enough: bool, words: list[str]) -> Hit:
        found = self.passages.slice(row, 1).to_pylist()[0]
        return Hit(
            passage=found["passage"],
            score=score,
            coverage=coverage,
            enough=enough,
            fits=enough and coverage >= self.threshold,
            text=found["text"],
            heading=found["heading"],
            title=found["title"],
            locator=found["locator"],
            source=found["source"],
            licence=found["licence"],
            document=found["document"],
            quotation=self._quotation(found["text"], words),
        )

    def _quotation(self, text: str, words: list[str]) -> str:
        """The run of whole sentences, at most `QUOTATION` characters, that holds most of the question; the first of equals.

        A passage whose heading is the question has few of its words in the body: it is then quoted from its start.
        """
        spans = sentences(text)
        if len(text) <= QUOTATION or len(spans) < 2:
            return text
        wanted = {word: self._idf(word) for word in words}
        held = [wanted.keys() & set(terms) for terms in segment.terms(self.about["segmenter"], [text[a:b] for a, b in spans])]
        best, best_mass, best_end = 0, -1.0, 1
        for first in range(len(spans)):
            end, words_held = first, set[str]()
            while end < len(spans) and (end == first or spans[end][1] - spans[first][0] <= QUOTATION):
                words_held |= held[end]
                end += 1
            mass = sum(sorted(wanted[word] for word in words_held))
            if mass > best_mass + 1e-9:
                best, best_mass, best_end = first, mass, end
        return text[spans[best][0] : spans[best_end - 1][1]]


def open_index(path: Path) -> Index:
    """The index in folder `path`.

    Raises:
        Failed: a file is missing or damaged.
    """
    return Index(path)


def _top(scores: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Rows of the `k` highest scores above 0, highest first, ties by row."""
    matching = np.flatnonzero(scores > 0)
    if len(matching) > k:
        least = np.partition(scores[matching], len(matching) - k)[len(matching) - k]
        matching = matching[scores[matching] >= least]
    order = np.lexsort((matching, -scores[matching]))
    return matching[order][:k].astype(np.int64)
