"""Searching a small text, and refusing what is not in it."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sejong import nations
from sejong.errors import Failed
from sejong.flow import Artifact
from sejong.recipe import IndexSettings
from sejong.retrieval import Index, open_index, stage

TEXTS = Path(__file__).parents[1] / "texts" / "korea"

# (question in other words than the heading's, the file that answers it)
ANSWERABLE = [
    ("배추를 소금물에 얼마나 절여야 하나요?", "김장.md"),
    ("젓갈은 고장마다 어떻게 다른가요?", "김장.md"),
    ("담근 김치는 어디에 보관하나요?", "김장.md"),
]
UNANSWERABLE = [
    "비행기 표는 어떻게 예약하나요?",
    "컴퓨터 바이러스를 없애려면?",
    "올림픽 축구 결승전은 누가 이겼나요?",
    "주식에 투자해도 될까요?",
]


def corpus_of(folder: Path, rows: Sequence[dict[str, str]]) -> Artifact:
    (folder / "documents").mkdir(parents=True)
    known = {"source": "texts", "licence": "Apache-2.0"}
    table = pa.Table.from_pylist([{**known, "id": hashlib.sha256(row["text"].encode()).hexdigest(), **row} for row in rows])
    pq.write_table(table.sort_by("id"), folder / "documents" / "part-00000.parquet")
    return Artifact("corpus", folder, "", "")


def korean() -> IndexSettings:
    korea = nations.load("korea")
    return IndexSettings(segmenter=korea.identity.segmenter, prompts=korea.toml("prompts/evaluate.toml"))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    rows = [{"text": path.read_text("utf-8"), "locator": path.name} for path in sorted(TEXTS.glob("*.md"))]
    return corpus_of(tmp_path_factory.mktemp("corpus"), rows)


@pytest.fixture(scope="module")
def index(corpus: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Index:
    out = tmp_path_factory.mktemp("index")
    stage.run(korean(), [corpus], out)
    return open_index(out)


@pytest.mark.parametrize(("question", "file"), ANSWERABLE)
def test_a_question_in_other_words_finds_its_passage(index: Index, question: str, file: str) -> None:
    best = index.best(question)
    assert best is not None and best.locator == file
    assert best.quotation in best.text


@pytest.mark.parametrize("question", UNANSWERABLE)
def test_what_is_not_in_the_corpus_is_refused(index: Index, question: str) -> None:
    assert index.best(question) is None


def test_nearly_every_heading_finds_its_own_passage(index: Index) -> None:
    rows = index.passages.to_pylist()
    questions = [f"{row['heading'].rpartition(' › ')[2]}에 대해 알려 주세요." for row in rows]
    found = [
        [hit.passage for hit in index.search(question, 1)] == [row["passage"]]
        for question, row in zip(questions, rows, strict=True)
    ]
    assert sum(found) / len(found) > 0.9


def test_the_threshold_is_recorded_with_what_it_reaches(index: Index) -> None:
    refusal = index.about["refusal"]
    assert refusal["unanswerable"] == 30 and refusal["answerable"] > 20
    assert refusal["unanswerable_refused"] >= 0.9 and refusal["answerable_accepted"] >= 0.9
    assert index.threshold == refusal["threshold"]


def test_words_of_the_question_alone_fit_nothing(index: Index) -> None:
    assert index.search("") == []
    assert index.best("그것에 관한 설명을 알려 주세요") is None


def test_a_quotation_is_whole_sentences_with_the_words_asked_for(tmp_path: Path) -> None:
    filler = " ".join(f"이것은 {number}번째 채움말이라 아무 뜻도 없는 문장이다." for number in range(10))
    text = f"# 안내\n\n{filler} 고래는 바다에서 사는 젖먹이동물이다. {filler}"
    stage.run(korean(), [corpus_of(tmp_path / "corpus", [{"text": text, "locator": "a"}])], tmp_path)
    best = open_index(tmp_path).search("고래는 어디에서 사는 동물인가요?", 1)[0]
    assert "고래는 바다에서 사는 젖먹이동물이다." in best.quotation
    assert len(best.quotation) <= 300 < len(best.text)


GUIDE = """# 매크로 기록

키보드와 마우스로 실행한 명령을 매크로로 기록할 수 있습니다.

1. 매크로를 기록할 문서를 엽니다.
2. 도구 메뉴에서 매크로 기록을 고릅니다.
"""
MENU = """# 도구 메뉴

## 매크로 기록 막대

### 기록 중지

매크로 기록을 멈춥니다.

## 그 밖의 명령

단어의 수를 세거나 맞춤법을 검사합니다.
"""


def indexed(folder: Path, *texts: str) -> Index:
    rows = [{"text": text, "locator": f"{number}.md"} for number, text in enumerate(texts)]
    (folder / "index").mkdir(parents=True)
    stage.run(korean(), [corpus_of(folder / "corpus", rows)], folder / "index")
    return open_index(folder / "index")


def test_a_page_about_it_comes_before_a_line_that_mentions_it(tmp_path: Path) -> None:
    index = indexed(tmp_path, MENU, GUIDE)
    assert [hit.locator for hit in index.search("매크로를 기록하려면 어떻게 하나요?", 2)] == ["1.md", "0.md"]


def test_sources_are_of_different_documents_and_do_not_repeat_each_other(tmp_path: Path) -> None:
    more = GUIDE + "\n## 기록되지 않는 것\n\n매크로를 기록할 때 창의 전환은 기록되지 않습니다.\n"
    index = indexed(tmp_path, more, GUIDE.replace("엽니다.", "먼저 엽니다."), MENU)
    question = "매크로를 기록하려면 어떻게 하나요?"
    assert len([hit for hit in index.search(question) if hit.fits]) >= 4
    answers = index.answers(question)
    assert [hit.locator in ("0.md", "1.md") for hit in answers] == [True, False]
    assert index.best(question) == answers[0]


def test_a_few_words_are_not_quoted_where_a_passage_says_more(tmp_path: Path) -> None:
    short = "# 글꼴 바꾸기\n\n글꼴을 바꿉니다.\n"
    long = (
        "# 글꼴 바꾸기\n\n바꿀 글을 고르고 서식 메뉴에서 글꼴을 누른 다음 원하는 글꼴로 바꿉니다. 크기도 함께 정할 수 있습니다.\n"
    )
    index = indexed(tmp_path, short, long)
    question = "글꼴을 어떻게 바꾸나요?"
    assert index.search(question, 1)[0].text == "글꼴을 바꿉니다."
    assert index.answers(question)[0].text.startswith("바꿀 글을")
    assert indexed(tmp_path / "alone", short).answers(question)[0].text == "글꼴을 바꿉니다."


def test_a_quotation_leaves_out_loose_lines_around_it(tmp_path: Path) -> None:
    told = "이웃한 셀을 고른 다음 표 메뉴에서 셀 병합을 누르면 하나의 셀이 됩니다.\n\n- 첫 셀의 내용이 남음"
    best = indexed(tmp_path, f"# 셀 병합\n\n그림 7\n\n{told}\n\n관련 주제\n").search("셀을 병합하려면?", 1)[0]
    assert best.quotation == told


def test_the_model_behind_the_segmenter_is_named(index: Index, tmp_path: Path, corpus: Artifact) -> None:
    (model,) = json.loads((index.path / "outside_models.json").read_text("utf-8"))
    assert model["name"] == "kiwipiepy_model" and len(model["sha256"]) == 64
    stage.run(IndexSettings(segmenter="words"), [corpus], tmp_path)
    assert json.loads((tmp_path / "outside_models.json").read_text("utf-8")) == []


def test_a_passage_is_shown_where_it_stands(index: Index) -> None:
    best = index.search("담근 김치는 어디에 보관하나요?", 1)[0]
    place, passages = index.around(best.passage) or (-1, [])
    assert passages[place]["passage"] == best.passage
    document = (TEXTS / best.locator).read_text("utf-8")
    assert [document[one["start"] : one["end"]] for one in passages] == [one["text"] for one in passages]
    assert {one["document"] for one in passages} == {best.document}
    assert index.around("nothing") is None


def test_the_same_bytes_in_another_process(corpus: Artifact, tmp_path: Path, index: Index) -> None:
    script = """
import sys
from pathlib import Path
from sejong.flow import Artifact
from sejong.recipe import IndexSettings
from sejong.retrieval import stage
settings, corpus, out = IndexSettings.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
stage.run(settings, [Artifact("corpus", corpus, "", "")], out)
"""
    command = [sys.executable, "-c", script, korean().model_dump_json(), str(corpus.path), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": "77"})
    files = sorted(path.relative_to(index.path) for path in index.path.rglob("*") if path.is_file())
    assert len(files) == 8
    assert [(index.path / one).read_bytes() for one in files] == [(tmp_path / one).read_bytes() for one in files]


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"cannot be opened .*build the stage `index` again"):
        open_index(tmp_path)


def test_a_corpus_without_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"no text to make passages from"):
        stage.run(IndexSettings(), [corpus_of(tmp_path / "corpus", [{"text": " \n", "locator": "a"}])], tmp_path)


def test_questions_of_people_over_articles(shared_data: Path, tmp_path: Path) -> None:
    """KorQuAD 1.0: what people asked finds its article, and none of it is answered from texts about other things."""
    with gzip.open(shared_data / "eval" / "korquad" / "v1.dev.jsonl.gz", "rt", encoding="utf-8") as lines:
        asked = [json.loads(line) for line in lines][::40]
    articles = {row["context"]: row["title"] for row in asked}
    rows = [{"text": f"# {name}\n\n{text}", "locator": name} for text, name in articles.items()]
    stage.run(korean(), [corpus_of(tmp_path / "corpus", rows)], tmp_path)
    index = open_index(tmp_path)
    best = [index.best(row["question"]) for row in asked]
    right = [hit is not None and hit.text in row["context"] for hit, row in zip(best, asked, strict=True)]
    assert sum(right) / len(right) > 0.85


def test_examples_are_of_pages_in_the_nations_script() -> None:
    pairs = [("온돌의 원리", "방바닥을 데우는 방식이다."), ("Operator", "나눗셈을 한다."), ("연산자", "Performs the division.")]
    assert stage._translated(pairs, ["Hangul"]) == ["온돌의 원리"]
    assert stage._translated(pairs, []) == ["온돌의 원리", "Operator", "연산자"]
    assert stage._translated([], ["Hangul"]) == []
