"""Where an answer's own words end, and what of a conversation reaches the model."""

from dataclasses import replace
from pathlib import Path

import pytest

from sejong.retrieval import open_index
from sejong.serve.answer import REPEATED, Answerer, TooLong, _bound, below_title
from sejong.serve.engines.batching import Engine
from sejong.serve.text import Message, Vocabulary


def test_enough_words_end_with_their_sentence() -> None:
    said = "가" * 250 + "."
    assert _bound(said, " ", [1]) == (" ", None)
    assert _bound(said + " ", "다음 문장", [1]) == ("", "stop")
    assert _bound("가" * 250, ". 다음", [1]) == (".", "stop")
    assert _bound("짧은 문장.", " 다음", [1]) == (" 다음", None)


def test_a_model_that_runs_in_a_circle_is_stopped() -> None:
    once = list(range(REPEATED))
    assert _bound("", "x", once) == ("x", None)
    assert _bound("", "x", [99, *once, 50, *once]) == ("x", "length")
    assert _bound("", "x", [5] * (REPEATED + 1)) == ("x", "length")


def test_headings_without_the_title_they_begin_with() -> None:
    assert below_title("김장 › 양념 › 젓갈", "김장") == "양념 › 젓갈"
    assert below_title("김장", "김장") == ""
    assert below_title("양념", "김장") == "양념"


@pytest.fixture(scope="module")
def answerer(run: Path) -> Answerer:
    with Engine(run / "engine") as engine:
        return Answerer(engine, Vocabulary(run / "engine"), open_index(run / "index"), {})


def test_the_passage_stands_before_the_question(answerer: Answerer) -> None:
    hit = answerer.index.search("배추를 소금물에 절이려면?", 1)[0]  # type: ignore[union-attr]
    question: Message = {"role": "user", "content": "배추를 소금물에 절이려면?"}
    expected = answerer.vocabulary.chat([{"role": "passage", "content": f"{hit.heading}\n{hit.text}"}, question])
    assert answerer._prompt([question], hit, 100) == expected


def test_the_oldest_turns_give_way(answerer: Answerer) -> None:
    turns: list[Message] = [
        {"role": "user" if n % 2 == 0 else "assistant", "content": f"{n}번 " + "배추 " * 60} for n in range(20)
    ]
    system: Message = {"role": "system", "content": "짧게 답하십시오."}
    last: Message = {"role": "user", "content": "그리고?"}
    prompt = answerer._fitting([system, *turns, last], [], 100) or []
    kept = next(n for n in range(21) if answerer.vocabulary.chat([system, *turns[n:], last]) == prompt)
    assert 0 < kept < 20 and len(prompt) + 100 <= answerer.engine.context
    assert len(answerer.vocabulary.chat([system, *turns[kept - 1 :], last])) + 100 > answerer.engine.context


def test_a_passage_that_is_too_long_is_shortened_and_a_question_that_is_too_long_refused(answerer: Answerer) -> None:
    hit = answerer.index.search("배추를 소금물에 절이려면?", 1)[0]  # type: ignore[union-attr]
    question: Message = {"role": "user", "content": "배추를 소금물에 절이려면?"}
    quoted = answerer.vocabulary.chat([{"role": "passage", "content": f"{hit.heading}\n{hit.quotation}"}, question])
    assert answerer._prompt([question], replace(hit, text=hit.text * 20), 100) == quoted
    with pytest.raises(TooLong, match="does not fit the model's context of 768 tokens"):
        answerer._prompt([{"role": "user", "content": "배추 " * 1000}], hit, 20)
