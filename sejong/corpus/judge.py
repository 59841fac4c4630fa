"""What every step that may drop or measure documents has in common.

A step is made once a process by a module's `prepare(settings)` and called with each batch. `screen` asks the steps in order; the
first that a document breaks names its drop, and all that was measured becomes signals of the document.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sejong.corpus.pages import Floats, Pages
from sejong.language.scripts import Bools


@dataclass(frozen=True)
class Judgement:
    """What a step found in a batch: which documents it drops, why, and what it measured (one float a document each)."""

    broken: Bools
    reason: Callable[[int], str]
    signals: dict[str, Floats] = field(default_factory=dict)


Step = Callable[[Pages], Judgement]
