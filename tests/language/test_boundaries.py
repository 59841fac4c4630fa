"""Tables of word boundaries: they learn what they are taught, and the ones that ship agree with their teachers."""

import numpy as np
import pytest

from sejong.errors import Refused
from sejong.language import boundaries, segment
from tests.language.test_units import columns

KOREAN = """한글은 조선의 세종이 만든 글자이다. 도서관에서는 오래된 책을 찾아볼 수 있으며, 이용자가 직접 자료를 찾을 수 있습니다.
비가 많이 와서 경기가 취소되었지만 관중들은 자리를 떠나지 않았다. 제3조에 따라 신청서를 제출하여야 한다."""


def begins(name: str, text: str) -> set[int]:
    """Where the units of a text begin, in bytes, those left out that follow white space."""
    data, offsets = columns([text])
    starts, _, _ = boundaries.spans(boundaries.shipped(name), data, offsets)
    return {int(start) for start in starts if start and not text.encode()[start - 1 : start].isspace()}


def taught(name: str, text: str) -> set[int]:
    found = {len(text[:start].encode()) for start, _ in segment.spans(name, [text])[0]}
    return {start for start in found if start and not text.encode()[start - 1 : start].isspace()}


@pytest.mark.parametrize(
    ("teacher", "text", "least"),
    [
        ("kiwi", KOREAN, 0.9),
        ("sudachi", "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗い所で泣いていた。", 0.85),
        ("thai", "นายกรัฐมนตรีเป็นประธานการประชุมคณะรัฐมนตรีเพื่อพิจารณาแนวทางการพัฒนาประเทศ", 0.85),
    ],
)
def test_a_shipped_table_agrees_with_its_teacher(teacher: str, text: str, least: float) -> None:
    mine, true = begins(f"{teacher}-fast", text), taught(teacher, text)
    assert 2 * len(mine & true) / (len(mine) + len(true)) >= least
    blind = {len(text[:place].encode()) for place in range(1, len(text), 2)}
    assert 2 * len(blind & true) / (len(blind) + len(true)) < least - 0.15


def test_what_it_is_taught_it_does() -> None:
    pairs = [(stem, ending) for stem in ("학교", "바다", "시장", "도서관") for ending in ("에서", "으로", "까지")]
    held_out = ("시장", "까지")
    lessons = [
        (f"{stem}{ending} 간다", [(0, len(stem)), (len(stem), len(stem) + 2), (len(stem) + 3, len(stem) + 5)])
        for stem, ending in pairs
        if (stem, ending) != held_out
    ]
    weights = boundaries.learn(lessons, bits=12)
    assert weights.dtype == np.int8
    assert len(weights) == 4096
    data, offsets = columns(["".join(held_out) + " 간다", "학교에서"])
    starts, ends, documents = boundaries.spans(weights, data, offsets)
    assert [bytes(data[a:b]).decode() for a, b in zip(starts, ends, strict=True)] == ["시장", "까지", "간다", "학교", "에서"]
    assert documents.tolist() == [0, 0, 0, 1, 1]


def test_lessons_give_the_same_table_each_time() -> None:
    lessons = [(KOREAN, segment.spans("kiwi", [KOREAN])[0])]
    assert (boundaries.learn(lessons, bits=12) == boundaries.learn(lessons, bits=12)).all()


def test_a_wrong_name_gets_the_near_ones() -> None:
    with pytest.raises(Refused, match="`kiwi-fats`: did you mean kiwi-fast"):
        boundaries.shipped("kiwi-fats")
