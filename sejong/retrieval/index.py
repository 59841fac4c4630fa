"""Open an index and ask it: the passages that answer a question best, and whether any of them fits at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import bm25s
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sejong.errors import Failed
from sejong.language import segment
from sejong.retrieval import bm25f
from sejong.retrieval.passages import is_loose, sentences

QUOTATION = 300  # longest quotation in characters
SHORT = 40  # one sentence of fewer characters says little by itself
CLOSE = 0.9  # of the best score: a passage that says more and reaches it is quoted rather than a short one
SAME = 0.8  # share of a quotation's character trigrams that a better one holds: it says nothing new
DEEPER = 3  # sources come from that many times the passages that decide whether there is an answer


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


class Ranked(NamedTuple):
    """A row of `passages` with what decides about it, as in `Hit`."""

    row: int
    score: float
    coverage: float
    enough: bool


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
        return [self._hit(one, words) for one in self._ranked(words, k)]

    def answers(self, question: str, most: int = 3, k: int = 5) -> list[Hit]:
        """At most `most` passages that fit the question, the one to quote first; none if none of the best `k` fits.

        They are of different documents and say different things. A sentence of a few words is not quoted where a passage
        that says more fits nearly as well.
        """
        words = self._content(question)
        ranked = self._ranked(words, DEEPER * k)
        if not any(self._fits(one) for one in ranked[:k]):
            return []
        fitting = [one for one in ranked if self._fits(one)]
        close = (self._hit(one, words) for one in fitting if one.score >= CLOSE * fitting[0].score)
        found = [next((hit for hit in close if _tells(hit.quotation)), None) or self._hit(fitting[0], words)]
        for one in fitting:
            if len(found) == most:
                break
            hit = self._hit(one, words)
            if all(hit.document != other.document and not _repeats(hit.quotation, other.quotation) for other in found):
                found.append(hit)
        return found

    def coverage(self, question: str, k: int = 5) -> float:
        """The highest coverage among the best `k` passages that share enough words with the question; 0 where none does."""
        return max((one.coverage for one in self._ranked(self._content(question), k) if one.enough), default=0.0)

    def best(self, question: str, k: int = 5) -> Hit | None:
        """The passage to quote for a question, or None: the corpus has no answer."""
        return next(iter(self.answers(question, 1, k)), None)

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

    def _fits(self, one: Ranked) -> bool:
        return one.enough and one.coverage >= self.threshold

    def _ranked(self, words: list[str], k: int) -> list[Ranked]:
        """The best `k` passages for the words of a question."""
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
        return [
            Ranked(*one) for one in zip(rows.tolist(), scores[rows].tolist(), coverage.tolist(), enough.tolist(), strict=True)
        ]

    def _held(self, known: Sequence[int], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """(terms, passages): whether a term stands in a passage, its title or its headings."""
        starts, passages = self.bm25.scores["indptr"], self.bm25.scores["indices"]
        return np.array([np.isin(rows, passages[starts[term] : starts[term + 1]]) for term in known])

    def _idf(self, word: str) -> float:
        """A word of no passage weighs most."""
        term = self.bm25.vocab_dict.get(word)
        starts = self.bm25.scores["indptr"]
        frequency = 0 if term is None else int(starts[term + 1] - starts[term])
        return float(bm25f.idf(frequency, self.passages.num_rows))

    def _hit(self, one: Ranked, words: list[str]) -> Hit:
        found = self.passages.slice(one.row, 1).to_pylist()[0]
        return Hit(
            passage=found["passage"],
            score=one.score,
            coverage=one.coverage,
            enough=one.enough,
            fits=self._fits(one),
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
            return _tidy(text, spans)
        wanted = {word: self._idf(word) for word in words}
        held = [wanted.keys() & set(terms) for terms in segment.terms(self.about["segmenter"], [text[a:b] for a, b in spans])]
        best, best_mass = spans[:1], -1.0
        begins = [place for place, (a, b) in enumerate(spans) if not is_loose(text[a:b])]
        for first in begins or range(len(spans)):
            end, words_held = first, set[str]()
            while end < len(spans) and (end == first or spans[end][1] - spans[first][0] <= QUOTATION):
                words_held |= held[end]
                end += 1
            mass = sum(sorted(wanted[word] for word in words_held))
            if mass > best_mass + 1e-9:
                best, best_mass = spans[first:end], mass
        return _tidy(text, best)


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


def _tells(quotation: str) -> bool:
    return len(quotation) >= SHORT or len(sentences(quotation)) > 1


def _repeats(quotation: str, other: str) -> bool:
    """Whether a quotation is nearly the other one or a part of it."""
    own, known = ({text[at : at + 3] for at in range(max(1, len(text) - 2))} for text in (quotation, other))
    return len(own & known) >= SAME * len(own)


def _tidy(text: str, spans: list[tuple[int, int]]) -> str:
    """The text of sentences without loose lines before and behind, as long as enough is left and a whole sentence is in it."""
    while len(spans) > 1 and is_loose(text[slice(*spans[-1])]) and spans[-2][1] - spans[0][0] >= SHORT:
        spans = spans[:-1]
    while len(spans) > 1 and is_loose(text[slice(*spans[0])]) and spans[-1][1] - spans[1][0] >= SHORT:
        spans = spans[1:]
    return text[spans[0][0] : spans[-1][1]]
