"""The rule about other languages within a document: what it measures, and that a limit drops with a reason."""

import pyarrow as pa

from sejong.corpus import rules
from sejong.corpus.pages import Pages

TEXTS = ["순수한 글입니다.", "이 API 는 JSON 으로 답합니다.", "This page is not translated yet. 번역 없음", "1234"]


def test_letters_and_words_of_other_languages_become_signals_and_reasons() -> None:
    pages = Pages(pa.array(TEXTS, pa.large_string()), ["Hangul"])
    limits = {"code_mixed": {"max_other_script": 0.7, "max_foreign_words": 0.45}}
    rules.check(["code_mixed"], limits)
    verdicts = rules.judge(pages, ["code_mixed"], limits)
    assert verdicts.rules == [None, None, "code_mixed", None]
    assert verdicts.reasons[2] == "87% of its letters are of other scripts than the language's, more than 70%"
    assert [round(one, 2) for one in verdicts.signals["code_mixed"]] == [0.0, 0.33, 0.75, 0.0]


def test_without_a_limit_it_only_measures() -> None:
    pages = Pages(pa.array(TEXTS, pa.large_string()), ["Hangul"])
    found = rules.judge(pages, ["code_mixed"], {"code_mixed": {}})
    assert found.rules == [None] * 4
    assert found.signals["other_script"][0] == 0
