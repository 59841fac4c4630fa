"""How several tests become one judgement."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sejong.corpus.judge import Judgement
from sejong.corpus.pages import Floats
from sejong.language.scripts import Bools


@dataclass(frozen=True)
class Test:
    """A figure of each document and the limit that it must keep; without a limit it is only measured.

    `cause` is the test's short name, `sentence` is filled with `found` and `limit`, `signal` names the figure. Only the documents
    of `where` are asked.
    """

    cause: str
    signal: str
    found: Floats
    limit: float | None
    above: bool
    sentence: str
    where: Bools | None = None

    @property
    def broken(self) -> Bools:
        """Which documents do not keep the limit."""
        if self.limit is None:
            return np.zeros(len(self.found), bool)
        broken: Bools = self.found > self.limit if self.above else self.found < self.limit
        return broken if self.where is None else broken & self.where


def below(
    cause: str, signal: str, found: Floats, limit: float | None, sentence: str, where: Bools | None = None
) -> Test:  # fmt: skip
    """A test of documents that a figure may drop because it is too small."""
    return Test(cause, signal, found, limit, False, sentence, where)


def above(
    cause: str, signal: str, found: Floats, limit: float | None, sentence: str, where: Bools | None = None
) -> Test:  # fmt: skip
    """A test of documents that a figure may drop because it is too large."""
    return Test(cause, signal, found, limit, True, sentence, where)


def judged(tests: Sequence[Test], signals: dict[str, Floats] | None = None) -> Judgement:
    """The first test that a document breaks is the reason; all figures, and further `signals`, are kept."""
    first = np.full(len(tests[0].found), len(tests), np.int64)
    for place, test in enumerate(tests):
        np.minimum(first, np.where(test.broken, place, len(tests)), out=first)

    def reason(index: int) -> str:
        test: Test = tests[first[index]]
        return test.sentence.format(found=test.found[index], limit=test.limit)

    return Judgement(
        broken=first < len(tests),
        reason=reason,
        signals={**{test.signal: test.found for test in tests}, **(signals or {})},
        cause=lambda index: tests[first[index]].cause,
    )


def ratio(part: Floats, whole: Floats) -> Floats:
    """`part / whole`; 0 where the whole is 0."""
    return part / np.maximum(whole, 1)
