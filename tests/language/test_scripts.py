"""Columns of code points against plain Python."""

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Refused
from sejong.language.scripts import CODE_POINTS, Characters, script_class, share, table

TEXTS = st.lists(st.text(st.sampled_from("가나 ab日カー\n.😀ệe\u0301"), max_size=20), max_size=6)


@given(TEXTS, st.integers(0, 3))
@settings(deadline=None)
def test_columns_hold_the_code_points_of_each_text(texts: list[str], skipped: int) -> None:
    column = Characters.of(pa.array(["before"] * skipped + texts, pa.string())[skipped:])
    assert [column.codes[a:b].tolist() for a, b in zip(column.starts, column.ends, strict=True)] == [
        [ord(one) for one in text] for text in texts
    ]


@given(TEXTS)
@settings(deadline=None)
def test_chunks_make_no_difference(texts: list[str]) -> None:
    whole = Characters.of(pa.array(texts, pa.large_string()))
    chunked = Characters.of(pa.chunked_array([[text] for text in texts], pa.large_string()))
    assert whole.codes.tolist() == chunked.codes.tolist()
    assert whole.ends.tolist() == chunked.ends.tolist()


@given(TEXTS)
@settings(deadline=None)
def test_counts_are_those_of_regex(texts: list[str]) -> None:
    column = Characters.of(pa.array(texts, pa.string()))
    for characters in (r"\p{L}", r"\s", r"[.!?]"):
        assert column.count(column.are(characters)).tolist() == [len(regex.findall(characters, text)) for text in texts]


@pytest.mark.parametrize(
    "characters",
    [
        *(
            r"\p{L}",
            r"\P{L}",
            r"\p{Cn}",
            r"\p{Co}",
            r"\p{NChar}",
            r"\p{Default_Ignorable_Code_Point}",
            r"\p{Script=Unknown}",
            "(?!)",
        ),
        *(r"[\U00050000-\U00060010]", "[\U000f0003]", r"[^\U00090000]", script_class(["Hangul", "Han"])),
    ],
)
def test_a_table_is_right_for_every_code_point(characters: str) -> None:
    """Those too that no property tells apart, and that are not looked at one by one."""
    whole = np.arange(CODE_POINTS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    right = {place for found in regex.finditer(f"{characters}+", whole, regex.V1) for place in range(*found.span())}
    assert set(np.flatnonzero(table(characters)).tolist()) == right


def test_share_of_letters_in_scripts() -> None:
    column = Characters.of(pa.array(["한글 abc.", "123 ...", "コーヒー豆", "Tiếng Việt", ""]))
    assert share(column, ["Hangul"]).tolist() == [0.4, 0, 0, 0, 0]
    assert share(column, ["Hiragana", "Katakana", "Han"]).tolist() == [0, 0, 1, 0, 0]
    assert share(column, ["Latin"]).tolist() == [0.6, 0, 0, 1, 0]


def test_a_wrong_script_gets_the_near_ones() -> None:
    with pytest.raises(Refused, match="`Hangull`: did you mean Hangul"):
        script_class(["Hangull"])
