from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sejong.retrieval.passages import PATH, cut, holds_sentence, is_loose, sentences, title

DOCUMENT = """# 셀 서식

머리말이다.

## 셀 병합

병합할 셀을 고른다. 그런 다음 서식 메뉴를 연다.

### 주의

첫 셀의 내용만 남는다.

## 셀 나누기

같은 메뉴를 한 번 더 고른다.
"""


def test_passages_carry_the_headings_above_them() -> None:
    found = {DOCUMENT[one.start : one.end]: one.heading for one in cut(DOCUMENT, 600)}
    assert found == {
        "머리말이다.": "셀 서식",
        "병합할 셀을 고른다. 그런 다음 서식 메뉴를 연다.": PATH.join(["셀 서식", "셀 병합"]),
        "첫 셀의 내용만 남는다.": PATH.join(["셀 서식", "셀 병합", "주의"]),
        "같은 메뉴를 한 번 더 고른다.": PATH.join(["셀 서식", "셀 나누기"]),
    }


def test_a_comment_in_code_is_no_heading() -> None:
    text = "# 설치\n\n```sh\n# 먼저 이것\nmake\n```\n\n끝."
    assert [one.heading for one in cut(text, 600)] == ["설치"]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = " ".join(f"문장 {number}번은 여기서 끝난다." for number in range(40))
    passages = [text[one.start : one.end] for one in cut(text, 100)]
    assert len(passages) > 5
    assert all(one.startswith("문장") and one.endswith("끝난다.") for one in passages)


@given(st.text(alphabet=st.sampled_from("가나 a.\n#`다。!?\t1"), max_size=400), st.integers(5, 60))
def test_nothing_but_headings_and_space_is_lost_and_nothing_is_too_long(text: str, limit: int) -> None:
    passages = cut(text, limit)
    assert all(0 < one.end - one.start <= limit for one in passages)
    assert all(before.end <= after.start for before, after in pairwise(passages))
    kept = set().union(*(range(one.start, one.end) for one in passages)) if passages else set()
    position = 0
    for line in text.splitlines(keepends=True):
        lost = [at for at in range(position, position + len(line)) if at not in kept and not text[at].isspace()]
        assert not lost or line.lstrip().startswith("#"), line
        position += len(line)


def test_sentences_are_positions_in_the_whole_text() -> None:
    text = "앞. 하나다. 둘이다."
    assert [text[start:end] for start, end in sentences(text, 3)] == ["하나다.", "둘이다."]


def test_titles() -> None:
    assert title("# 제목 #\n\n글", "a/b.md") == "제목"
    assert title("\n짧은 첫 줄\n글", "a/b.md") == "짧은 첫 줄"
    assert title("긴" * 200, "a/b.md") == "b.md"


def test_links_and_captions_are_told_from_sentences() -> None:
    assert holds_sentence("목차\n셀을 고릅니다. 그런 다음")
    assert holds_sentence("셀を選びます。") and holds_sentence("Wähle „Ja!“")
    assert not holds_sentence("목차 만들기\n- 색인 편집\n1. 첫째\n참고:")
    assert is_loose("관련 주제") and is_loose("그림 7")
    assert not any(is_loose(line) for line in ("끝났습니다.", "- 첫째", "3) 셋째", "| 열 |", "다음과 같이 합니다:"))
