"""C4's rules (Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section
2.2), counted as datatrove counts them."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from sejong.corpus.judge import Judgement
from sejong.corpus.kernels import c4 as kernel
from sejong.corpus.kernels import scan
from sejong.corpus.pages import BREAKS, SPACES, TERMINALS, Bytes, Lines, Pages, bits, lower, one_of
from sejong.corpus.rules.registry import rule
from sejong.corpus.rules.verdict import above, below, judged

KINDS = (kernel.DROP_PAGE, kernel.DROP_LINE_FIRST, kernel.DROP_LINE)


@rule()
def c4(
    pages: Pages,
    *,
    line_ends: str | None = None,
    max_word_length: int | None = None,
    min_line_words: int | None = None,
    page_phrases: list[str] | None = None,
    line_phrases: list[str] | None = None,
    page_characters: str | None = None,
    policy_phrases: list[str] | None = None,
    citations: bool = False,
    min_sentences: int | None = None,
    remove_lines: bool = True,
) -> Judgement:
    """Lines that are no prose go, pages of which too little is left are dropped.

    A line stays that ends with one of `line_ends` (not with an ellipsis), has no word of more than `max_word_length` characters,
    at least `min_line_words` words between spaces, and none of `line_phrases` or `policy_phrases`. In such a line, one of
    `page_phrases` or of `page_characters` drops the page (a line with one of `line_phrases` is not looked at, one with one of
    `policy_phrases` is). With `citations`, marks such as `[12]` are cut out. With `remove_lines` the document goes on as the
    lines that stay.
    """
    phrases = [page_phrases or [], line_phrases or [], policy_phrases or []]
    flat = [[ord(one) for one in phrase.lower()] for kind in phrases for phrase in kind]
    kinds = [KINDS[place] for place, kind in enumerate(phrases) for _ in kind]
    data, offsets = pages.utf8
    words = pages.words("word")
    out, left = np.empty(len(data) + 8, np.uint8), np.zeros(pages.count + 1, np.int64)
    counts = np.zeros((pages.count, kernel.COUNTS), np.int64)
    lines = Lines.room(pages.count, int(pages.counts[:, scan.BREAKS].sum()) + pages.count)
    scanned = np.zeros((pages.count, scan.COUNTS), np.int64)
    kernel.clean(
        data, offsets, pages.asked, words.first, words.start, words.end, words.visible,
        _classes("".join(sorted({phrase[0] for kind in phrases for phrase in kind})), page_characters or ""), lower(),
        np.array([ord(one) for one in line_ends or ""], np.int64),
        np.array([code for phrase in flat for code in phrase], np.int64), np.cumsum([0, *map(len, flat)], dtype=np.int64),
        np.array(kinds, np.int64), -1 if max_word_length is None else max_word_length,
        -1 if min_line_words is None else min_line_words, -1 if min_sentences is None else min_sentences, citations,
        out, left, counts, lines.first, lines.start, lines.end, lines.length, lines.hashes, lines.blank, lines.last, scanned,
    )  # fmt: skip
    own = counts.astype(np.float64)
    broken, sentences = own[:, kernel.BROKEN], own[:, kernel.SENTENCES]
    bad_phrase, bad_character = (broken == kernel.BAD_PHRASE) * 1.0, (broken == kernel.BAD_CHARACTER) * 1.0
    judgement = judged(
        [
            above("lorem_ipsum", "c4_page_phrases", bad_phrase, 0, _holds("phrases", page_phrases or [])),
            above("curly_bracket", "c4_page_characters", bad_character, 0, _holds("characters", page_characters or "")),
            below(
                "too_few_sentences", "c4_sentences", sentences, min_sentences,
                "{found:.0f} sentences in the lines that stay, fewer than {limit}",
            ),
        ],
        {"c4_lines_removed": own[:, kernel.LINES] - own[:, kernel.KEPT]},
    )  # fmt: skip
    if not remove_lines:
        return judgement
    texts = pa.LargeStringArray.from_buffers(pages.count, pa.py_buffer(left), pa.py_buffer(out))
    known = None if counts[:, kernel.TRIMMED].any() else (lines.upto(int(lines.first[-1])), scanned)
    return replace(judgement, changed=pages.with_texts(texts, known))


def _holds(what: str, which: Iterable[str]) -> str:
    named = ", ".join(f"`{one}`" for one in which)
    return f"it holds one of the {what} {named}".replace("{", "{{").replace("}", "}}")


@cache
def _classes(first: str, forbidden: str) -> Bytes:
    """Class bits of every code point; `first` are the first characters of the phrases."""
    found: Any = bits(
        {
            kernel.SPACE: SPACES,
            kernel.BREAK: BREAKS,
            kernel.TERMINAL: TERMINALS,
            kernel.UPPER: r"\p{Lu}",
            kernel.CLOSING: "[\"'”]",
            kernel.FORBIDDEN: one_of(forbidden),
            kernel.DIGIT: r"\p{Nd}",
        }
    ).copy()
    found[np.isin(lower(), [ord(one) for one in first.lower()])] |= kernel.PHRASE
    return found  # type: ignore[no-any-return]
