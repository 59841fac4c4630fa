"""FineWeb's rules (Penedo et al. 2024, "The FineWeb Datasets"; by language: Penedo et al. 2025, "FineWeb2"), counted as datatrove
counts them."""

import numpy as np

from sejong.corpus.judge import Judgement
from sejong.corpus.kernels import repeat, scan
from sejong.corpus.pages import TERMINALS, Floats, Pages, one_of
from sejong.corpus.rules.registry import rule
from sejong.corpus.rules.verdict import above, below, judged, ratio
from sejong.language.scripts import Bools, table


@rule(max_short_lines="short_line_length")
def fineweb(
    pages: Pages,
    *,
    unit: str = "word",
    min_line_punctuation: float | None = None,
    max_short_lines: float | None = None,
    short_line_length: int = 30,
    max_duplicate_line_characters: float | None = None,
    max_newline_ratio: float | None = None,
    stop_characters: str | None = None,
) -> Judgement:
    """Lines without an end, short lines, repeated lines, lists. `stop_characters` end a line; Unicode's where none are given."""
    lines, repeats, counts = pages.lines, pages.line_repeats.astype(np.float64), pages.line_counts.astype(np.float64)
    words = counts[:, scan.WORDS] if unit == "word" else pages.words(unit).counts[:, scan.WORDS].astype(np.float64)
    shown, newlines = repeats[:, repeat.SHOWN_LINES], counts[:, scan.NEWLINES]
    stops = table(one_of(stop_characters) if stop_characters else TERMINALS)[lines.last]
    short = lines.length <= short_line_length
    duplicate = ratio(repeats[:, repeat.LINE_CHARACTERS_SHOWN], counts[:, scan.CHARACTERS] - newlines)
    return judged(
        [
            below("empty", "fineweb_lines", shown, 1, "no line of it has anything visible"),
            below(
                "line_punct_ratio", "fineweb_line_punctuation", ratio(_of_lines(pages, stops), shown), min_line_punctuation,
                "{found:.1%} of its lines end with a mark that ends a sentence, less than {limit:.1%}",
            ),
            above(
                "short_line_ratio", "fineweb_short_lines", ratio(_of_lines(pages, short), shown), max_short_lines,
                f"{{found:.1%}} of its lines have at most {short_line_length} characters, more than {{limit:.1%}}",
            ),
            above(
                "char_dup_ratio", "fineweb_duplicate_line_characters", duplicate, max_duplicate_line_characters,
                "{found:.1%} of its characters stand in lines that repeat, more than {limit:.1%}",
            ),
            above(
                "list_ratio", "fineweb_newlines", ratio(newlines, words), max_newline_ratio,
                "{found:.3f} line breaks a word, more than {limit}", shown > 0,
            ),
        ]
    )  # fmt: skip


def _of_lines(pages: Pages, marked: Bools) -> Floats:
    """How many of each document's lines that are not blank are marked."""
    lines = pages.lines
    running = np.concatenate([[0], np.cumsum(marked & ~lines.blank)])
    found: Floats = (running[lines.first[1:]] - running[lines.first[:-1]]).astype(np.float64)
    return found
