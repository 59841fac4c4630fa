"""What every step that may drop or measure documents has in common.

A step is made once a process by a module's `prepare(settings)` and called with each batch. `screen` asks the steps in order; the
first that a document breaks names its drop, and all that was measured becomes signals of the document.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from sejong.corpus.pages import Floats, Pages
from sejong.language.scripts import Bools


@dataclass(frozen=True)
class Judgement:
    """What a step found in a batch: which documents it drops, why, what it measured (one float a document each), and rows of
    tables of its own by name (they are collected into one table an artifact).

    `cause` is the short name of the test that a dropped document broke, where a step has several. `changed` are all documents
    where the step changed the texts of some: the steps behind it see these, and they become the corpus.
    """

    broken: Bools
    reason: Callable[[int], str]
    signals: dict[str, Floats] = field(default_factory=dict)
    rows: dict[str, pa.Table] = field(default_factory=dict)
    cause: Callable[[int], str] = lambda _: ""
    changed: Pages | None = None


Step = Callable[[Pages], Judgement]
