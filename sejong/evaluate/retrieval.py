"""Does search find the passage that answers, and does it refuse what the corpus cannot answer?"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sejong.evaluate.questions import Question
from sejong.flow.progress import progress
from sejong.retrieval import Index

SERVED = 5  # passages that `Index.best` looks at before it gives up
DEEPEST = 10  # ranks looked at; a right passage below counts as not found
RESAMPLES = 2000
Z = 1.959963984540054  # of a 95% interval


def measure(index: Index, asked: Sequence[Question], left_out: int, seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Recall, mean reciprocal rank, refusal and false refusal, each with a 95% interval; and the questions with what was found.

    Recall@k is the share of answerable questions with a right passage among the first k; the reciprocal rank is 1 over the
    rank of the first right passage, 0 beyond DEEPEST. A question is refused when no passage fits, as in `Index.best`.
    """
    rows: list[dict[str, Any]] = []
    with progress("questions to the corpus", total=len(asked), unit="questions") as bar:
        for question in asked:
            hits = index.search(question.text, DEEPEST)
            right = [rank for rank, hit in enumerate(hits, 1) if hit.passage in question.passages]
            rank = right[0] if right else None
            rows.append(question.row() | {"rank": rank, "refused": not any(hit.fits for hit in hits[:SERVED])})
            bar.advance()
    answerable = [row for row in rows if row["kind"] != "outside"]
    outside = [row for row in rows if row["kind"] == "outside"]
    found: dict[str, Any] = {"answerable": len(answerable), "unanswerable": len(outside), "unanswerable_left_out": left_out}
    found |= _ranks(answerable, seed)
    found["refusal"] = _share([row["refused"] for row in outside])
    found["false_refusal"] = _share([row["refused"] for row in answerable])
    kinds = sorted({row["kind"] for row in answerable})
    found["by_kind"] = {
        kind: {"questions": len(own), **_ranks(own, seed), "false_refusal": _share([row["refused"] for row in own])}
        for kind in kinds
        if (own := [row for row in answerable if row["kind"] == kind])
    }
    return found, rows


def frequency(index: Index, term: str) -> int:
    """In how many passages a search term stands."""
    number = index.bm25.vocab_dict.get(term)
    starts = index.bm25.scores["indptr"]
    return 0 if number is None else int(starts[number + 1] - starts[number])


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95% score interval of a proportion (Wilson 1927), which holds near 0 and 1 where the usual one does not."""
    share = hits / trials
    centre = share + Z * Z / (2 * trials)
    spread = Z * math.sqrt(share * (1 - share) / trials + Z * Z / (4 * trials * trials))
    scale = 1 + Z * Z / trials
    return max((centre - spread) / scale, 0.0), min((centre + spread) / scale, 1.0)


def _ranks(rows: Sequence[dict[str, Any]], seed: int) -> dict[str, Any]:
    reciprocal = np.array([1 / row["rank"] if row["rank"] else 0.0 for row in rows])
    return {
        "recall@1": _share([row["rank"] == 1 for row in rows]),
        "recall@5": _share([row["rank"] is not None and row["rank"] <= 5 for row in rows]),
        "mrr": _mean(reciprocal, seed),
    }


def _share(hits: Sequence[bool]) -> dict[str, Any] | None:
    """`{value, interval}`; None where nothing was asked."""
    if not hits:
        return None
    low, high = wilson(sum(hits), len(hits))
    return {"value": round(sum(hits) / len(hits), 4), "interval": [round(low, 4), round(high, 4)]}


def _mean(values: np.ndarray[Any, np.dtype[np.float64]], seed: int) -> dict[str, Any] | None:
    """The mean with its percentile bootstrap interval."""
    if not len(values):
        return None
    drawn = np.random.default_rng(seed).choice(values, (RESAMPLES, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": round(float(values.mean()), 4), "interval": [round(float(low), 4), round(float(high), 4)]}
