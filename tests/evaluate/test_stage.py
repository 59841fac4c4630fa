"""The whole stage on small artifacts, and its parts: questions, refusal, samples, baselines."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sejong.errors import Refused
from sejong.evaluate import questions, retrieval, samples, stage
from sejong.flow import Artifact
from sejong.nations import load, names
from sejong.recipe import EvaluateSettings, IndexSettings, OutsideModel
from sejong.retrieval import open_index
from sejong.retrieval import stage as index_stage
from tests.evaluate.artifacts import leaflet, write_corpus, write_model

PROMPTS = load("indonesia").toml("prompts/evaluate.toml")
FILES = {"results.json", "retrieval.json", "questions.jsonl", "samples.json"}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[Artifact]:
    root = tmp_path_factory.mktemp("artifacts")
    corpus = write_corpus(root / "corpus", text=leaflet)
    write_model(root / "pretrain" / "model", corpus, seed=1)
    write_model(root / "align" / "model", corpus, seed=2, context=256)
    (root / "index").mkdir()
    index_stage.run(IndexSettings(segmenter="words", prompts=PROMPTS), [corpus], root / "index")
    others = [Artifact(name, root / name, "identity", "digest") for name in ("pretrain", "align", "index")]
    return [corpus, *others]


@pytest.fixture(scope="module")
def run(inputs: list[Artifact], tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    out = tmp_path_factory.mktemp("evaluate")
    return stage.run(EvaluateSettings(prompts=PROMPTS, bytes=1500, threads=1), inputs, out), out


def read(run: tuple[dict[str, Any], Path], name: str) -> Any:
    return json.loads((run[1] / name).read_text("utf-8"))


def test_own_models_and_the_ngram_stand_in_one_table(run: tuple[dict[str, Any], Path]) -> None:
    rows = read(run, "results.json")
    assert [row["model"] for row in rows] == ["pretrain", "align", "ngram"]
    assert len({(row["bytes"], row["text"]) for row in rows}) == 1
    for row in rows:
        assert row["interval"][0] <= row["bits_per_byte"] <= row["interval"][1]
        assert row["not_lossless"] == 0
    assert rows[2]["bits_per_byte"] < rows[0]["bits_per_byte"], "random weights know less than counts"
    assert run[0]["bits_per_byte_ngram"] == rows[2]["bits_per_byte"]


def test_held_out_documents_are_asked_about_and_found(inputs: list[Artifact], run: tuple[dict[str, Any], Path]) -> None:
    found = read(run, "retrieval.json")
    asked = [json.loads(line) for line in (run[1] / "questions.jsonl").read_text("utf-8").splitlines()]
    kinds = {row["kind"] for row in asked}
    assert kinds == {"heading", "terms", "outside"}
    assert found["answerable"] == sum(row["kind"] != "outside" for row in asked) >= 20
    assert found["unanswerable"] + found["unanswerable_left_out"] == len(PROMPTS["test"]["outside"])
    index = open_index(inputs[3].path)
    assert [row["refused"] for row in asked] == [index.best(row["question"]) is None for row in asked]
    assert found["recall@5"]["value"] > 0.9
    assert found["refusal"]["value"] > 0.9
    assert found["false_refusal"]["value"] < 0.2
    for name in ("recall@1", "recall@5", "mrr", "refusal", "false_refusal"):
        low, high = found[name]["interval"]
        assert low <= found[name]["value"] <= high
        assert low < high or name == "mrr"


def test_samples_show_whole_characters(run: tuple[dict[str, Any], Path]) -> None:
    rows = read(run, "samples.json")
    assert {(row["model"], row["method"]) for row in rows} == {
        (m, k) for m in ("pretrain", "align") for k in ("greedy", "sampled")
    }
    assert {row["from"] for row in rows} == {"nation", "held-out document", "question"}
    assert not any(samples.BROKEN in row["continuation"] for row in rows)
    assert any(row["broken_bytes"] for row in rows), "random weights write broken bytes; else this test shows nothing"
    assert any(row["passage"] for row in rows if row["from"] == "question")


def test_the_same_bytes_again(inputs: list[Artifact], run: tuple[dict[str, Any], Path], tmp_path: Path) -> None:
    assert stage.run(EvaluateSettings(prompts=PROMPTS, bytes=1500, threads=1), inputs, tmp_path) == run[0]
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (run[1] / name).read_bytes(), name


def test_another_model_is_compared_with(inputs: list[Artifact], tmp_path: Path) -> None:
    other = OutsideModel(name="other", sha256="0" * 64, path=str(inputs[2].path / "model"))
    settings = EvaluateSettings(prompts=PROMPTS, bytes=600, baselines=["other"], models=[other], threads=1)
    stage.run(settings, inputs, tmp_path)
    rows = read(({}, tmp_path), "results.json")
    assert [row["model"] for row in rows] == ["pretrain", "align", "other"]
    assert rows[2]["bits_per_byte"] == rows[1]["bits_per_byte"]
    (named,) = read(({}, tmp_path), "outside_models.json")
    assert (named["name"], named["role"], named["sha256"]) == ("other", "compared with", "0" * 64)


def test_a_wrong_baseline_gets_near_names(inputs: list[Artifact], tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"evaluate.baselines names `nram`, which was not found \(did you mean ngram"):
        stage.run(EvaluateSettings(prompts=PROMPTS, baselines=["nram"]), inputs, tmp_path)


def test_nothing_held_out_is_said(inputs: list[Artifact], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table(inputs[0].path / "documents" / "part-00000.parquet")
    (tmp_path / "corpus" / "documents").mkdir(parents=True)
    kept = table.set_column(table.column_names.index("split"), "split", [["train"] * len(table)])
    pq.write_table(kept, tmp_path / "corpus" / "documents" / "part-00000.parquet")
    (tmp_path / "out").mkdir()
    corpus = Artifact("corpus", tmp_path / "corpus", "identity", "digest")
    metrics = stage.run(EvaluateSettings(prompts=PROMPTS, threads=1), [corpus, *inputs[1:]], tmp_path / "out")
    assert metrics["text"] == "none"
    assert metrics["recall@1"] is None
    assert read(({}, tmp_path / "out"), "results.json") == []
    assert read(({}, tmp_path / "out"), "retrieval.json")["answerable"] == 0


def test_questions_come_from_held_out_documents(inputs: list[Artifact]) -> None:
    passages = pq.read_table(inputs[3].path / "passages.parquet")
    rows = {row["passage"]: row for row in passages.to_pylist()}

    def frequency(word: str) -> int:
        return sum(word in row["text"].casefold().split() for row in rows.values())

    made = questions.answerable(inputs[0].path, passages, PROMPTS, "words", frequency, seed=1)
    assert made == questions.answerable(inputs[0].path, passages, PROMPTS, "words", frequency, seed=1)
    documents = pq.read_table(inputs[0].path / "documents").to_pylist()
    held_out = {one["id"] for one in documents if one["split"] != "train"}
    assert {one.document for one in made} == held_out
    frames = [form.split("{terms}") for form in PROMPTS["questions"]["terms"]]
    for one in (one for one in made if one.kind == "terms"):
        row = rows[one.passages[0]]
        before, after = next(frame for frame in frames if one.text.startswith(frame[0]))
        words = one.text.removeprefix(before).removesuffix(after).split()
        assert len(words) == questions.TERMS
        assert all(word in row["text"].casefold() for word in words)
        assert not set(words) & set(f"{row['heading']} {row['title']}".casefold().split()), "not matching titles"


def test_numbers_and_common_words_are_not_asked_with(tmp_path: Path) -> None:
    text = "Satu dua tiga 404 empat lima enam tujuh delapan."
    row = {"passage": "p", "document": "a", "heading": "", "text": text, "title": ""}
    (tmp_path / "documents").mkdir()
    pq.write_table(pa.table({"id": ["a"], "split": ["test"]}), tmp_path / "documents" / "part-00000.parquet")
    prompts = {"questions": {"heading": ["{heading}?"], "terms": ["{terms}?"]}}
    often = {"satu": 9, "dua": 9}
    for seed in range(20):
        (made,) = questions.answerable(
            tmp_path, pa.Table.from_pylist([row]), prompts, "words", lambda word: often.get(word, 1), seed
        )
        assert set(made.text.removesuffix("?").split()) <= {"tiga", "empat", "lima", "enam", "tujuh", "delapan"}


def test_headings_that_many_sections_bear_are_not_asked(tmp_path: Path) -> None:
    rows = [
        {"passage": f"{d}-{n}", "document": d, "heading": heading, "text": "글", "title": d}
        for d in ("a", "b")
        for n, heading in enumerate([f"{d} 제목", f"{d} 제목 › 개요", f"{d} 제목 › 개요"])
    ]
    (tmp_path / "documents").mkdir()
    pq.write_table(pa.table({"id": ["a", "b"], "split": ["test", "train"]}), tmp_path / "documents" / "part-00000.parquet")
    prompts = {"questions": {"heading": ["{heading}?"], "terms": ["{terms}?"]}}
    made = questions.answerable(tmp_path, pa.Table.from_pylist(rows), prompts, "words", len, 1)
    assert [(one.text, one.passages) for one in made] == [("a 제목?", ("a-0",))]


def test_a_question_whose_words_stand_together_is_left_out() -> None:
    covered = {"날씨": 1.0, "김치": 0.4}
    index = SimpleNamespace(search=lambda text, k=5: [SimpleNamespace(coverage=covered[text])])
    asked, left_out = questions.unanswerable(index, {"test": {"outside": ["날씨", "김치"]}})
    assert ([one.text for one in asked], left_out) == (["김치"], 1)


def test_ranks_and_refusals_are_counted() -> None:
    hits = {"first": ["p1", "x"], "third": ["x", "y", "p1"], "never": ["x"], "outside": ["x"], "wrongly": ["x"]}
    index: Any = SimpleNamespace(
        search=lambda text, k=5: [SimpleNamespace(passage=one, fits=text not in ("outside", "third")) for one in hits[text]],
    )
    asked = [questions.Question(text, "heading", "d", ("p1",)) for text in ("first", "third", "never")]
    asked += [questions.Question(text, "outside", None, ()) for text in ("outside", "wrongly")]
    found, rows = retrieval.measure(index, asked, 3, seed=1)
    values = {name: found[name]["value"] for name in ("recall@1", "recall@5", "mrr", "refusal", "false_refusal")}
    assert values == {"recall@1": 0.3333, "recall@5": 0.6667, "mrr": 0.4444, "refusal": 0.5, "false_refusal": 0.3333}
    assert [row["rank"] for row in rows] == [1, 3, None, None, None]
    assert found["unanswerable_left_out"] == 3


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (30, 30, 0.8865, 1.0)]
)
def test_wilson_as_in_tables(hits: int, trials: int, low: float, high: float) -> None:
    assert retrieval.wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_a_half_written_syllable_is_left_out() -> None:
    whole = "가나".encode()
    assert samples.whole(whole[:-1].decode("utf-8", "replace")) == "가"


@pytest.mark.parametrize("nation", names())
def test_every_nation_has_questions_to_refuse(nation: str) -> None:
    prompts = load(nation).toml("prompts/evaluate.toml")
    development, test = prompts["development"]["outside"], prompts["test"]["outside"]
    assert len(development) == len(test) == 30
    assert len({*development, *test}) == 60, "what sets the threshold never tests it"
    assert prompts["samples"]["beginnings"]
    for kind in ("heading", "terms"):
        assert all(form.count(f"{{{kind}}}") == 1 for form in prompts["questions"][kind])
    with pytest.raises(Refused, match=r"questions.terms needs at least one text, each with \{terms\}"):
        questions._templates(prompts | {"questions": {"terms": ["x"]}}, "terms")


def test_every_passage_with_the_sentence_asked_about_is_right(tmp_path: Path) -> None:
    said = "Petani menanam padi gogo di lereng bukit berkapur."
    texts = {"a": said, "b": f"Lain halnya di sini. {said}", "c": "Nelayan menjemur ikan teri di pantai berpasir."}
    (tmp_path / "documents").mkdir()
    split = {"a": "test", "b": "train", "c": "train"}
    pq.write_table(pa.table({"id": list(texts), "split": list(split.values())}), tmp_path / "documents" / "part-00000.parquet")
    names = {"document": list(texts), "passage": [f"{one}-0" for one in texts], "text": list(texts.values())}
    passages = pa.table({**names, "heading": ["", "", ""], "title": ["", "", ""]})
    (asked,) = questions.answerable(tmp_path, passages, PROMPTS, "words", lambda _: 1, seed=1)
    assert (asked.kind, asked.document, asked.passages) == ("terms", "a", ("a-0", "b-0"))
