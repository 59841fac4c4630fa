"""May this document be used: what was taken down, its licence, and who opted out of it and how.

    steps = comply.prepare(settings)           # [("removed", step), ("licence", step), ("opt_out", step)]
    comply.check(settings)                     # before any work is done
    settings = comply.with_archives(settings, files, scratch)   # adds what web archives hold of robots.txt and tdmrep.json

These steps always apply, before all others and whatever `corpus.filters` says. What they drop keeps its row in dropped.parquet,
without its text.
"""

from sejong.corpus.comply import licence, opt_out, removals, statements
from sejong.corpus.comply.account import RULES, contributors, counted, opt_outs, without_text
from sejong.corpus.comply.archive import with_archives
from sejong.corpus.comply.removals import finder, removed_by
from sejong.corpus.judge import Step
from sejong.recipe import CorpusSettings

__all__ = [
    "RULES",
    "check",
    "contributors",
    "counted",
    "finder",
    "opt_outs",
    "prepare",
    "removed_by",
    "with_archives",
    "without_text",
]


def prepare(settings: CorpusSettings) -> list[tuple[str, Step]]:
    """The steps, in order, by the name that their drops have.

    Raises:
        Refused: as `check`.
    """
    return [
        ("removed", removals.prepare(settings)),
        ("licence", licence.prepare(settings)),
        ("opt_out", opt_out.prepare(settings)),
    ]


def check(settings: CorpusSettings) -> None:
    """Refuse what cannot be applied.

    Raises:
        Refused: a removal or an opt-out list has another form than it must have; the sentence names it.
    """
    removals.check(settings.removals)
    statements.read(settings.opt_outs, settings.crawlers)
