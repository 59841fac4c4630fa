"""What the kernels of the standard rules count is what plain Python counts, on any text."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong.corpus import rules
from sejong.corpus.pages import Pages
from sejong.language import units

from . import reference

# Letters of one to four bytes, all kinds of white space and line ends, marks that some rule asks for, and words that repeat.
PIECES = [
    *"가나a.…#-•!?。\"”'[]1{}Bé\u0301𝔸·\u3000\u00a0",
    *" \n\r\t\x0b\x1c\x1f\x85\u2028",
    "...", "\r\n", "\n\n", " \n \n", "가나 다", "가 나다", "[12]", "[]", "[edit]", "[citation needed]", "A. ", "라.\n", "[1].\n",
    " Java", "Script", "lorem ipsum", "use Coo\u212aies.", "가나다라마바사아자차카타파하. ", "가나다라마바사아자차카타파하 ",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=60).map("".join), min_size=1, max_size=5)
TOP, EARLIER = [1, 2, 3], [2, 3, 5]
C4: dict[str, Any] = {
    "line_ends": ".?!\"'", "max_word_length": 12, "min_line_words": 2, "page_phrases": ["lorem ipsum"],
    "line_phrases": ["javascript"], "page_characters": "{", "policy_phrases": ["use cookies"], "citations": True,
    "min_sentences": 1,
}  # fmt: skip


def pages_of(texts: list[str]) -> Pages:
    return Pages(pa.array(["before", *texts], pa.large_string())[1:], ["Hangul"])


def signals(pages: Pages, name: str, limits: dict[str, Any]) -> dict[str, Any]:
    rules.check([name], {name: limits})
    return rules.judge(pages, [name], {name: limits}).signals


def same(found: dict[str, Any], family: str, expected: list[dict[str, float]]) -> None:
    for key in expected[0]:
        np.testing.assert_array_equal(found[f"{family}_{key}"], [one[key] for one in expected], err_msg=key)


@given(TEXTS)
@examples(deadline=None, max_examples=150)
def test_gopher_quality_counts_as_plain_python(texts: list[str]) -> None:
    found = signals(
        pages_of(texts), "gopher_quality", {"max_words": 10**6, "min_stop_words": 0, "stop_words": ["가", "가나", "."]}
    )
    same(found, "gopher_quality", [reference.words(text) for text in texts])
    expected = [len({"가", "가나", "."} & set(text.split())) for text in texts]
    assert found["gopher_quality_stop_words"].tolist() == expected


@given(TEXTS)
@examples(deadline=None, max_examples=150)
def test_gopher_repetition_counts_as_plain_python(texts: list[str]) -> None:
    limits = {"top_ngrams": [[n, 10.0] for n in TOP], "duplicate_ngrams": [[n, 10.0] for n in EARLIER]}
    found = signals(pages_of(texts), "gopher_repetition", limits)
    filled = [place for place, text in enumerate(texts) if text]  # an empty one is dropped before its n-grams are asked for
    kept = {key: values[filled] for key, values in found.items()}
    if filled:
        same(kept, "gopher_repetition", [reference.repetition(texts[one], texts[one].split(), TOP, EARLIER) for one in filled])


@given(TEXTS, st.sampled_from(["character", "token"]))
@examples(deadline=None, max_examples=60)
def test_n_grams_of_other_units_count_as_plain_python(texts: list[str], unit: str) -> None:
    limits = {"unit": unit, "top_ngrams": [[2, 10.0], [3, 10.0]], "duplicate_ngrams": [[3, 10.0]]}
    texts = [text for text in texts if text] or ["가"]
    pages = pages_of(texts)
    data, offsets = pages.utf8
    spans = units.spans(unit, data, offsets)
    own = [
        [bytes(data[start:end]).decode() for start, end, place in zip(*spans, strict=True) if place == one]
        for one in range(len(texts))
    ]
    found = signals(pages, "gopher_repetition", limits)
    same(found, "gopher_repetition", [reference.repetition(text, own[one], [2, 3], [3]) for one, text in enumerate(texts)])


@given(TEXTS)
@examples(deadline=None, max_examples=150)
def test_fineweb_counts_as_plain_python(texts: list[str]) -> None:
    found = signals(pages_of(texts), "fineweb", {"short_line_length": 3, "max_newline_ratio": 10.0})
    same(found, "fineweb", [reference.fineweb(text, 3) for text in texts])


@given(TEXTS)
@examples(deadline=None, max_examples=250)
def test_c4_decides_and_cuts_as_plain_python(texts: list[str]) -> None:
    rules.check(["c4"], {"c4": C4})
    verdicts = rules.judge(pages_of(texts), ["c4"], {"c4": C4})
    pages = [reference.c4(text, C4["line_ends"], 12, 2, 1) for text in texts]
    assert verdicts.causes == [page.cause for page in pages]
    assert verdicts.pages.texts.to_pylist() == [page.text for page in pages]
    kept = [place for place, page in enumerate(pages) if page.cause is None]
    assert verdicts.signals["c4_sentences"][kept].tolist() == [pages[place].sentences for place in kept]


@given(TEXTS)
@examples(deadline=None, max_examples=150)
def test_rules_behind_c4_see_the_lines_that_it_left(texts: list[str]) -> None:
    limits = {
        "c4": C4 | {"min_line_words": -1, "line_ends": ".가나["},
        "fineweb": {"short_line_length": 3, "max_newline_ratio": 0.2},
    }
    left = rules.judge(pages_of(texts), ["c4"], limits)
    chained = rules.judge(pages_of(texts), ["c4", "fineweb"], limits)
    alone = rules.judge(pages_of(left.pages.texts.to_pylist()), ["fineweb"], limits)
    for place, fell in enumerate(left.causes):
        assert chained.causes[place] == (fell or alone.causes[place])


def test_the_lines_stay_where_they_are_only_counted() -> None:
    limits = {"c4": C4 | {"remove_lines": False}}
    verdicts = rules.judge(pages_of(["가 나 다.\n메뉴\n라 마 바."]), ["c4"], limits)
    assert verdicts.signals["c4_lines_removed"].tolist() == [1]
    assert verdicts.pages.texts.to_pylist() == ["가 나 다.\n메뉴\n라 마 바."]


@pytest.mark.parametrize("file", ["ko_dev_notes", "ja_aozora", "vi_law", "ar_tashkeela"])
def test_real_pages_count_as_in_plain_python(shared_data: Path, file: str) -> None:
    with pa.input_stream(str(shared_data / "text" / f"{file}.jsonl.zst"), compression="zstd") as stream:
        lines = io.TextIOWrapper(stream, "utf-8")
        texts = [json.loads(line)["text"][:20_000] for line, _ in zip(lines, range(25), strict=False)]
    pages = pages_of(texts)
    same(signals(pages, "gopher_quality", {"max_words": 10**6}), "gopher_quality", [reference.words(text) for text in texts])
    same(
        signals(pages, "fineweb", {"short_line_length": 30, "max_short_lines": 1.0}),
        "fineweb",
        [reference.fineweb(text, 30) for text in texts],
    )
    sizes = [[2, 9.0], [4, 9.0]], [[5, 9.0], [10, 9.0]]
    found = signals(pages, "gopher_repetition", {"top_ngrams": sizes[0], "duplicate_ngrams": sizes[1]})
    same(found, "gopher_repetition", [reference.repetition(text, text.split(), [2, 4], [5, 10]) for text in texts])
    verdicts = rules.judge(pages, ["c4"], {"c4": C4})
    expected = [reference.c4(text, C4["line_ends"], 12, 2, 1) for text in texts]
    assert verdicts.causes == [page.cause for page in expected]
    assert verdicts.pages.texts.to_pylist() == [page.text for page in expected]
