"""BM25F: BM25 over fields, each with its own weight and its own measure of length.

Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009), section 3.5. Plain BM25 over text and
repeated headings prefers the shortest passage of a page, because its headings outweigh what it says.

Fields of a passage: its `text`; its `headings`, the names its section goes by (the heading above it; for the first level of a
page also the title), of which the best counts; and its `frame`, all headings above it with the title.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Cells = tuple[npt.NDArray[np.int64], Floats]  # term * passages + passage, ascending, and a weight each

K1, B = 0.9, 0.75  # saturation; how much the length of the text counts
HEADING, FRAME = 3.0, 1.0  # weight of a term in a heading or frame of average length, beside once in the text
FRAGMENT = 0.9  # of the score of a passage without a whole sentence, such as a list of links


@dataclass(frozen=True, slots=True)
class Fields:
    """Search terms of each passage by field; `headings` holds one or more names of each."""

    text: Sequence[Sequence[str]]
    headings: Sequence[Sequence[Sequence[str]]]
    frame: Sequence[Sequence[str]]


def vocabulary(fields: Fields) -> dict[str, int]:
    """A number for each distinct term, in the order of the terms as text."""
    terms = set(chain.from_iterable(chain(fields.text, chain.from_iterable(fields.headings), fields.frame)))
    return {term: number for number, term in enumerate(sorted(terms))}


def matrix(fields: Fields, numbers: dict[str, int], whole: Sequence[bool]) -> dict[str, Any]:
    """Score of every term in every passage, by columns (a column is a term), as `bm25s` keeps them.

    Args:
        numbers: as `vocabulary` gives them.
        whole: whether a passage holds a whole sentence.
    """
    passages = len(fields.text)
    layers = [_text(fields.text, numbers), _headings(fields.headings, numbers), _names(fields.frame, numbers, FRAME)]
    cells, frequencies = _merged(layers, np.add)
    terms, rows = np.divmod(cells, passages)
    starts = np.searchsorted(terms, np.arange(len(numbers) + 1))
    scores = idf(np.diff(starts), passages)[terms] * frequencies / (K1 + frequencies)
    scores *= np.where(np.asarray(whole), 1.0, FRAGMENT)[rows]
    return {
        "data": scores.astype(np.float32),
        "indices": rows.astype(np.int32),
        "indptr": starts.astype(np.int64),
        "num_docs": passages,
    }


def idf(frequency: npt.ArrayLike, passages: int) -> Floats:
    """Inverse document frequency as in Lucene: above 0 for every term, most for one of no passage."""
    held = np.asarray(frequency, np.float64)
    return np.log1p((passages - held + 0.5) / (held + 0.5))


def _text(texts: Sequence[Sequence[str]], numbers: dict[str, int]) -> Cells:
    cells, counts = np.unique(_cells(texts, numbers), return_counts=True)
    lengths = np.array([len(one) for one in texts], np.float64)
    norm = 1 - B + B * lengths / max(lengths.mean(), 1.0)
    return cells, counts / norm[cells % len(texts)]


def _headings(headings: Sequence[Sequence[Sequence[str]]], numbers: dict[str, int]) -> Cells:
    """Of several names of a passage, the one that weighs a term most."""
    most = max(len(names) for names in headings)
    layers = [_names([names[n] if n < len(names) else () for names in headings], numbers, HEADING) for n in range(most)]
    return _merged(layers, np.maximum)


def _names(names: Sequence[Sequence[str]], numbers: dict[str, int], weight: float) -> Cells:
    """A term counts once in a name, and the less, the more others stand there: a name that says more is about something else."""
    distinct = [list(dict.fromkeys(one)) for one in names]
    lengths = np.array([len(one) for one in distinct], np.float64)
    average = lengths[lengths > 0].mean() if lengths.any() else 1.0
    cells = np.sort(_cells(distinct, numbers))
    return cells, weight * average / lengths[cells % len(names)]


def _cells(texts: Sequence[Sequence[str]], numbers: dict[str, int]) -> npt.NDArray[np.int64]:
    terms = np.fromiter((numbers[term] for one in texts for term in one), np.int64)
    return terms * len(texts) + np.repeat(np.arange(len(texts)), [len(one) for one in texts])


def _merged(layers: Sequence[Cells], how: np.ufunc) -> Cells:
    """One weight a cell from those of all layers."""
    cells = np.concatenate([layer[0] for layer in layers])
    weights = np.concatenate([layer[1] for layer in layers])
    order = np.argsort(cells, kind="stable")
    distinct, first = np.unique(cells[order], return_index=True)
    return distinct, how.reduceat(weights[order], first) if len(first) else weights
