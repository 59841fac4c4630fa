"""Rules of this project's own: what is no text of the language at all."""

import numpy as np

from sejong.corpus.judge import Judgement
from sejong.corpus.kernels import scan, tally
from sejong.corpus.pages import Floats, Pages
from sejong.corpus.rules.registry import rule
from sejong.corpus.rules.verdict import above, below, judged, ratio


@rule()
def too_short(pages: Pages, *, characters: int) -> Judgement:
    """Too little text to learn from, counted without white space."""
    sentence = "{found:,.0f} visible characters, fewer than {limit:,}"
    return judged([below("too_short", "too_short", pages.visible, characters, sentence)])


@rule()
def endless_line(pages: Pages, *, characters: int) -> Judgement:
    """A line that no person wrote: data, or a file whose line ends are lost."""
    lines, longest = pages.lines, np.zeros(pages.count)
    shown = np.where(lines.blank, 0, lines.length).astype(np.float64)
    some = np.flatnonzero(np.diff(lines.first))
    if len(some):
        longest[some] = np.maximum.reduceat(shown, lines.first[some])
    sentence = "a line of {found:,.0f} characters without an end, more than {limit:,}"
    return judged([above("endless_line", "endless_line", longest, characters, sentence)])


@rule()
def damaged(pages: Pages, *, at_most: float) -> Judgement:
    """Text that was decoded wrongly."""
    found = ratio(_tallied(pages, tally.DAMAGED), pages.of(scan.CHARACTERS))
    sentence = "{found:.2%} of its characters are damaged (U+FFFD or control characters), more than {limit:.2%}"
    return judged([above("damaged", "damaged", found, at_most, sentence)])


@rule()
def foreign_script(pages: Pages, *, at_least: float) -> Judgement:
    """A page in another script with a few words of the language. A page without letters passes: `few_letters` drops it."""
    letters = _tallied(pages, tally.LETTERS)
    found = ratio(_tallied(pages, tally.OWN_LETTERS), letters)
    sentence = "{found:.0%} of its letters are of the language's script, less than {limit:.0%}"
    return judged([below("foreign_script", "foreign_script", found, at_least, sentence, letters > 0)])


@rule()
def few_letters(pages: Pages, *, at_least: float) -> Judgement:
    """Tables of figures, symbol art, encoded data."""
    found = ratio(_tallied(pages, tally.LETTERS), pages.visible)
    sentence = "{found:.0%} of its visible characters are letters, less than {limit:.0%}"
    return judged([below("few_letters", "few_letters", found, at_least, sentence)])


@rule()
def symbols(pages: Pages, *, at_most: float) -> Judgement:
    """Programs and markup rather than prose (C4 asks for no curly brackets, which would cost every technical page)."""
    found = ratio(_tallied(pages, tally.SYMBOLS), pages.visible)
    sentence = "{found:.1%} of its visible characters are marks of programming or markup, more than {limit:.1%}"
    return judged([above("symbols", "symbols", found, at_most, sentence)])


@rule()
def few_sentences(pages: Pages, *, at_least: int, ends: str) -> Judgement:
    """Menus, indexes and link lists hold no finished sentences (C4 asks for some in lines of their own). A sentence's end is one
    of `ends` after a letter, a bracket or a quotation mark and before white space, a closing mark or the end of the text."""
    found = pages.tally(ends)[:, tally.SENTENCES].astype(np.float64)
    sentence = "{found:.0f} sentences with an end, fewer than {limit}"
    return judged([below("few_sentences", "few_sentences", found, at_least, sentence)])


def _tallied(pages: Pages, column: int) -> Floats:
    return pages.tally()[:, column].astype(np.float64)
