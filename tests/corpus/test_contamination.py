"""Items of evaluation sets are found in documents, however they are laid out, and nothing is found where none is."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.corpus import contamination
from sejong.corpus.items import items_of
from sejong.corpus.letters import utf8_of
from sejong.corpus.overlap import find, index_of
from sejong.corpus.pages import Pages
from sejong.errors import Failed, Refused
from sejong.recipe import CorpusSettings, OutsideFile
from tests.corpus.conftest import korean

QUESTION = "광화문 앞의 해태상은 언제 누가 어떤 까닭으로 그 자리에 세웠으며 지금은 어디에 놓여 있는지 고르시오."
CHOICES = ["불을 막으려고 세웠다고 전해진다", "임금의 위엄을 널리 보이려고 세웠다", "아주 먼 길을 알리려고 세운 것이다"]


def outside(path: Path) -> OutsideFile:
    return OutsideFile(name=path.name.split(".json")[0], sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=str(path))


def pages(texts: Iterable[str]) -> Pages:
    column = pa.array(list(texts), pa.large_string())
    ids = [f"{number:064x}" for number in range(len(column))]
    return Pages(column, ["Hangul"], pa.table({"id": ids, "text": column}))


def rows(path: Path, count: int) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().splitlines()[:count]]


def law(shared_data: Path, count: int) -> list[str]:
    path = shared_data / "text" / "ko_law.jsonl.zst"
    lines = pa.input_stream(str(path), compression="zstd").read().decode().splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]


@pytest.fixture(scope="module")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> OutsideFile:
    path = tmp_path_factory.mktemp("sets") / "palace.jsonl"
    given = {"guid": "palace-v1_dev_00001", "link": "https://example.org/search?word=" + "x" * 60, "question": QUESTION}
    lines = [{"label": 1, "question": "짧은 물음"}, {**given, "choices": CHOICES, "label": 0}]
    path.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), "utf-8")
    return outside(path)


def test_real_items_planted_in_real_text_are_found_and_no_others(shared_data: Path) -> None:
    evaluation = shared_data / "eval"
    files = [evaluation / "kobest" / "boolq.test.jsonl", evaluation / "kobest" / "hellaswag.test.jsonl"]
    files.append(evaluation / "korquad" / "v1.dev.jsonl.gz")
    boolq, hellaswag, korquad = (rows(path, 40) for path in files)
    texts = law(shared_data, 200)
    planted = {
        3: boolq[7]["Text"] + "\n" + boolq[7]["Question"],
        50: re.sub(r"\s+", "", hellaswag[11]["context"]),  # the spacing is gone
        90: re.sub(r"(\w) ", r"\1, ", korquad[20]["context"])[:400],  # and another punctuation, cut in the middle
        150: "> " + boolq[9]["Text"].replace(" ", "\n> "),
    }
    for at, item in planted.items():
        half = len(texts[at]) // 2
        texts[at] = f"{texts[at][:half]}\n\n{item}\n\n{texts[at][half:]}"
    asked = CorpusSettings(decontaminate=[outside(path) for path in files], rules={"contaminated": {"letters": 50, "share": 0.8}})
    batch = pages(texts)
    judged = contamination.prepare(asked)(batch)
    assert np.flatnonzero(judged.broken).tolist() == sorted(planted)
    assert judged.reason(3).startswith(
        "100% of the text of row 8 of the evaluation set `boolq.test` stands in it (limits: 50 let"
    )
    table = judged.rows["contamination"]
    assert table.schema == contamination.HITS
    found = {(int(row["document"], 16), row["set"], row["item"]) for row in table.to_pylist()}
    assert {(3, "boolq.test", 8), (50, "hellaswag.test", 12), (150, "boolq.test", 10)} <= found
    assert any(document == 90 and name == "v1.dev" for document, name, _ in found)
    first = next(row for row in table.to_pylist() if int(row["document"], 16) == 3)
    assert texts[3][first["start"] :].startswith(boolq[7]["Text"][:20]), "`start` is a character of the document"


def test_a_near_duplicate_of_an_item_is_found_without_a_long_run(small_set: OutsideFile) -> None:
    changed = QUESTION.replace("그 자리에", "그곳에")
    letters = re.sub(r"[^가-힣]", "", changed)
    original = re.sub(r"[^가-힣]", "", QUESTION)
    assert not any(original[at : at + 36] in letters for at in range(len(original) - 35))
    step = contamination.prepare(CorpusSettings(decontaminate=[small_set], rules={"contaminated": {"letters": 36, "share": 0.6}}))
    judged = step(pages([korean(1), korean(2) + changed + korean(3), ""]))
    assert judged.broken.tolist() == [False, True, False]
    assert judged.rows["contamination"]["share"][0].as_py() == pytest.approx(0.7, abs=0.1)


def test_short_strings_of_a_row_are_one_item_together(small_set: OutsideFile) -> None:
    listed = "\n".join(f"{number}. {choice}" for number, choice in enumerate(reversed(CHOICES), 1))
    judged = contamination.prepare(CorpusSettings(decontaminate=[small_set]))(pages([listed, *CHOICES, "짧은 물음"]))
    assert judged.broken.tolist() == [True, False, False, False, False]
    (hit,) = judged.rows["contamination"].to_pylist()
    assert (hit["set"], hit["item"]) == ("palace", 2)
    assert hit["text"].startswith(CHOICES[0])


def test_addresses_labels_and_templates_are_no_items(small_set: OutsideFile) -> None:
    strings = [string for item in items_of([small_set], 20, 5) for string in item.strings]
    assert sorted(strings) == sorted([QUESTION, *CHOICES])
    assert not contamination.prepare(CorpusSettings())(pages([QUESTION])).broken.any(), "no set, no hit"


def test_rows_come_in_several_formats(tmp_path: Path) -> None:
    table = [{"question": QUESTION + str(number)} for number in range(3)]
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, table)).encode()))
    (tmp_path / "c.json").write_text(json.dumps(table), "utf-8")
    (tmp_path / "d.toml").write_text(f'[test]\nheading = ["{{heading}}: {QUESTION}"]\noutside = ["{QUESTION}2"]\n', "utf-8")
    for name, count in (("a.parquet", 3), ("b.jsonl.gz", 3), ("c.json", 3), ("d.toml", 1)):
        found = items_of([outside(tmp_path / name)], 20, 5)
        assert [one.strings[0] for one in found] == [QUESTION + str(number) for number in range(3)][-count:], name


def test_what_is_no_evaluation_set_is_refused(tmp_path: Path, small_set: OutsideFile) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": \n', "utf-8")
    with pytest.raises(Refused, match=r"broken\.jsonl is not an evaluation set"):
        items_of([outside(broken)], 20, 5)
    with pytest.raises(Refused, match="cannot be read"):
        items_of([OutsideFile(name="x", sha256="", path=str(tmp_path / "none.jsonl"))], 20, 5)
    with pytest.raises(Failed, match="has changed"):
        items_of([OutsideFile(name="x", sha256="0" * 64, path=small_set.path)], 20, 5)
    with pytest.raises(Refused, match="`letters` of the rule `contaminated` is 3"):
        contamination.prepare(CorpusSettings(rules={"contaminated": {"letters": 3}}))
    with pytest.raises(Refused, match="does not name `contaminated`"):
        contamination.check(CorpusSettings(decontaminate=[small_set]))
    contamination.check(CorpusSettings(decontaminate=[small_set], filters=["contaminated"]))
    with pytest.raises(Refused, match="`share` of the rule `contaminated` is 2"):
        contamination.prepare(CorpusSettings(rules={"contaminated": {"share": 2}}))


def test_wording_that_many_items_share_is_no_hit() -> None:
    task = "다음 글을 끝까지 읽고 물음에 가장 알맞은 답을 하나만 고르시오"
    index = index_of([(task + " " + korean(number, 4),) for number in range(100)], 6, 30)
    data, offsets = utf8_of([task * 3, korean(5, 4)])
    assert set(find(index, data, offsets, 0.8).document.tolist()) == {1}


texts = st.text(st.sampled_from("가나다라마 .A"), max_size=120)


def letters_of(text: str) -> str:
    return re.sub(r"[^가-힣a-z]", "", text.lower())


some = st.lists(texts, max_size=4)


@given(items=some, documents=some, start=st.integers(0, 40), end=st.integers(0, 120))
@settings(max_examples=150, deadline=None)
def test_runs_of_letters_are_found_where_there_are_any(items: list[str], documents: list[str], start: int, end: int) -> None:
    """Against a search without hashes, a stride or a table."""
    letters = 20
    documents = [*documents, documents[0][:30] + items[0][start:end]] if items and documents else documents
    found = find(index_of([(item,) for item in items], 4, letters), *utf8_of(documents), 2.0)
    expected = set()
    for item in items:
        own = letters_of(item)
        grams = {own[at : at + letters] for at in range(len(own) - letters + 1)}
        expected |= {number for number, text in enumerate(documents) if any(gram in letters_of(text) for gram in grams)}
    assert set(found.document.tolist()) == expected


@given(before=st.integers(0, 9000), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_an_item_is_found_wherever_it_stands(before: int, seed: int) -> None:
    """Also across the chunks in which a document is read, and the blocks in which it is weighed."""
    item = korean(seed, 3)
    filler = "".join(chr(0xAC00 + (at * 7919) % 11171) for at in range(before))
    index = index_of([(item,)], 10, 50)
    found = find(index, *utf8_of([filler + item + filler[:100]]), 0.8)
    assert found.share.tolist() == [1.0]
    assert found.start.tolist() == [3 * before]
