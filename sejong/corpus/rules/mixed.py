"""How much of a document is in another language than the nation's."""

from sejong.corpus.judge import Judgement
from sejong.corpus.pages import Pages
from sejong.corpus.rules.registry import rule
from sejong.corpus.rules.verdict import above, judged
from sejong.language import close


@rule()
def code_mixed(pages: Pages, *, max_other_script: float | None = None, max_foreign_words: float | None = None) -> Judgement:
    """Letters of other scripts; and words in Latin letters or, where the language is written in these, English function words."""
    script, words = close.mixed(*pages.utf8, pages.scripts)
    return judged(
        [
            above(
                "other_script", "other_script", script, max_other_script,
                "{found:.0%} of its letters are of other scripts than the language's, more than {limit:.0%}",
            ),
            above(
                "code_mixed", "code_mixed", words, max_foreign_words,
                "{found:.0%} of its words are of another language, more than {limit:.0%}",
            ),
        ]
    )  # fmt: skip
