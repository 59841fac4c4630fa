"""Gopher's rules (Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A.1.1
and table A1), counted as datatrove counts them, so that thresholds which others found hold here."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from sejong.corpus.judge import Judgement
from sejong.corpus.kernels import measure, ngrams, repeat, said, scan
from sejong.corpus.pages import Floats, Pages, Words
from sejong.corpus.rules.registry import Shares, rule
from sejong.corpus.rules.verdict import Test, above, below, judged, ratio


@rule(min_stop_words="stop_words")
def gopher_quality(
    pages: Pages,
    *,
    unit: str = "word",
    min_words: int | None = None,
    max_words: int | None = None,
    min_word_length: float | None = None,
    max_word_length: float | None = None,
    max_symbol_ratio: float | None = None,
    max_bullet_lines: float | None = None,
    max_ellipsis_lines: float | None = None,
    min_alphabetic_words: float | None = None,
    min_stop_words: int | None = None,
    stop_words: list[str] | None = None,
) -> Judgement:
    """Size, length of words, symbols, lists and function words.

    Words of punctuation only count neither for the size nor for the mean length.
    """
    words, name = pages.words(unit), "gopher_quality"
    own = words.counts.astype(np.float64)
    all_words, plain = own[:, scan.WORDS], own[:, scan.PLAIN_WORDS]
    length = ratio(own[:, scan.PLAIN_CHARACTERS], plain)
    lines, some, worded = pages.of(scan.BREAKS), plain > 0, all_words > 0
    tests = [
        below("gopher_short_doc", f"{name}_words", plain, min_words, "{found:,.0f} words, fewer than {limit:,}"),
        above("gopher_long_doc", f"{name}_words", plain, max_words, "{found:,.0f} words, more than {limit:,}"),
        below(
            "gopher_below_avg_threshold", f"{name}_word_length", length, min_word_length,
            "its words have {found:.2f} characters on average, fewer than {limit}", some,
        ),
        above(
            "gopher_above_avg_threshold", f"{name}_word_length", length, max_word_length,
            "its words have {found:.2f} characters on average, more than {limit}", some,
        ),
        above(
            "gopher_too_many_hashes", f"{name}_hashes", ratio(pages.of(scan.HASHES), all_words), max_symbol_ratio,
            "{found:.3f} hash signs a word, more than {limit}", worded,
        ),
        above(
            "gopher_too_many_ellipsis", f"{name}_ellipses", ratio(pages.of(scan.ELLIPSES), all_words), max_symbol_ratio,
            "{found:.3f} ellipses a word, more than {limit}", worded,
        ),
        above(
            "gopher_too_many_bullets", f"{name}_bullet_lines", ratio(pages.of(scan.BULLETS), lines), max_bullet_lines,
            "{found:.1%} of its lines start with a bullet, more than {limit:.1%}",
        ),
        above(
            "gopher_too_many_end_ellipsis", f"{name}_ellipsis_lines", ratio(pages.of(scan.CUT_OFF), lines), max_ellipsis_lines,
            "{found:.1%} of its lines end with an ellipsis, more than {limit:.1%}",
        ),
        below(
            "gopher_below_alpha_threshold", f"{name}_alphabetic_words", ratio(own[:, scan.ALPHABETIC_WORDS], all_words),
            min_alphabetic_words, "{found:.1%} of its words have a letter, less than {limit:.1%}", worded,
        ),
    ]  # fmt: skip
    if stop_words is not None:
        tests.append(
            below(
                "gopher_enough_stop_words", f"{name}_stop_words", _members(pages, unit, stop_words), min_stop_words,
                "{found:.0f} of the language's commonest words stand in it, fewer than {limit}",
            )
        )  # fmt: skip
    return judged(tests)


@rule()
def gopher_repetition(
    pages: Pages,
    *,
    unit: str = "word",
    max_duplicate_lines: float | None = None,
    max_duplicate_paragraphs: float | None = None,
    max_duplicate_line_characters: float | None = None,
    max_duplicate_paragraph_characters: float | None = None,
    top_ngrams: Shares | None = None,
    duplicate_ngrams: Shares | None = None,
) -> Judgement:
    """Lines, paragraphs and n-grams of words that stand in the document more than once."""
    name, found = "gopher_repetition", pages.line_repeats.astype(np.float64)
    characters = pages.of(scan.CHARACTERS)
    tests = [
        below("empty", f"{name}_characters", characters, 1, "it is empty"),
        above(
            "dup_para_frac", f"{name}_paragraphs", ratio(found[:, repeat.PARAGRAPHS_AGAIN], found[:, repeat.PARAGRAPHS]),
            max_duplicate_paragraphs, "{found:.1%} of its paragraphs repeat, more than {limit:.1%}",
        ),
        above(
            "dup_para_char_frac", f"{name}_paragraph_characters", ratio(found[:, repeat.PARAGRAPH_CHARACTERS], characters),
            max_duplicate_paragraph_characters,
            "{found:.1%} of its characters stand in paragraphs that repeat, more than {limit:.1%}",
        ),
        above(
            "dup_line_frac", f"{name}_lines", ratio(found[:, repeat.LINES_AGAIN], found[:, repeat.LINES]), max_duplicate_lines,
            "{found:.1%} of its lines repeat, more than {limit:.1%}",
        ),
        above(
            "dup_line_char_frac", f"{name}_line_characters", ratio(found[:, repeat.LINE_CHARACTERS], characters),
            max_duplicate_line_characters, "{found:.1%} of its characters stand in lines that repeat, more than {limit:.1%}",
        ),
    ]  # fmt: skip
    words = pages.words(unit)
    for (n, share), covered in zip(top_ngrams or [], _ngrams(ngrams.commonest, pages, words, top_ngrams, tests), strict=True):
        sentence = f"the commonest run of {n} words makes up {{found:.1%}} of it, more than {{limit:.1%}}"
        tests.append(above(f"top_{n}_gram", f"{name}_top_{n}_gram", ratio(covered, characters), share, sentence))
    earlier = _ngrams(said.said_before, pages, words, duplicate_ngrams, tests)
    for (n, share), covered in zip(duplicate_ngrams or [], earlier, strict=True):
        sentence = f"{{found:.1%}} of it lies in runs of {n} words that stood in it before, more than {{limit:.1%}}"
        tests.append(above(f"duplicated_{n}_n_grams", f"{name}_duplicate_{n}_grams", ratio(covered, characters), share, sentence))
    return judged(tests)


def _ngrams(count: Callable[..., None], pages: Pages, words: Words, asked: Shares | None, tests: list[Test]) -> Floats:
    """What a kernel counts of n-grams of some sizes, `(sizes, documents)`, of documents that have kept all limits so far."""
    sizes = np.array([n for n, _ in asked or []], np.int64)
    found = np.zeros((pages.count, len(sizes)), np.int64)
    if len(sizes):
        data, offsets = pages.utf8
        fine = pages.asked & ~np.any([test.broken for test in tests], axis=0)
        count(data, offsets, fine, words.first, words.start, words.end, words.visible, words.prefix, sizes, found)
    return found.T.astype(np.float64)


def _members(pages: Pages, unit: str, wanted: list[str]) -> Floats:
    words, found = pages.words(unit), np.zeros(pages.count, np.int64)
    (data, offsets), known = pages.utf8, Pages(pa.array(sorted(set(wanted)), pa.large_string()), []).utf8
    measure.members(data, offsets, pages.asked, words.first, words.start, words.end, *known, found)
    return found.astype(np.float64)
