"""The quality classifier: it learns what good text is from real sources, the same weights every time."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.corpus import classifier, quality
from sejong.corpus.letters import utf8_of
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.flow import SourceFile
from sejong.recipe import CorpusSettings, OutsideFile
from tests.corpus.conftest import Build, japanese, korean

LIMITS = {"low_quality": {"at_least": 0.4}}


def files(folder: Path, **sources: Sequence[str]) -> list[SourceFile]:
    """A JSON Lines file a source."""
    found = []
    for name, texts in sources.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), "utf-8")
        found.append(SourceFile(name, folder, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size))
    return found


def asked(**changes: Any) -> CorpusSettings:
    given: dict[str, Any] = {"language": "ko", "scripts": ["Hangul"], "references": ["good"], "rules": LIMITS}
    return CorpusSettings.model_validate({**given, **changes})


def real(shared_data: Path, name: str, count: int) -> list[str]:
    lines = pa.input_stream(str(shared_data / "text" / f"{name}.jsonl.zst"), compression="zstd").read().decode().splitlines()
    return [json.loads(line)["text"] for line in lines[:count]]


def menu(seed: int) -> str:
    """A page that is all links and shouting."""
    chance = np.random.PCG64(seed).random_raw(60)
    words = [
        "로그인",
        "회원가입",
        "장바구니",
        "무료배송",
        "최저가!!!",
        "클릭",
        "더보기 >",
        "이벤트",
        "쿠폰",
        "공지사항",
        "고객센터",
    ]
    return " | ".join(f"{words[int(one) % len(words)]}{int(one) % 97}" for one in chance)


def pages(texts: Sequence[str]) -> Pages:
    return Pages(pa.array(texts, pa.large_string()), ["Hangul"])


def test_it_tells_real_sources_apart(tmp_path: Path, shared_data: Path) -> None:
    """Two collections of the same maker's documentation; texts that were not learned from."""
    good, rest = real(shared_data, "ko_cpp_docs", 900), real(shared_data, "ko_visualstudio_docs", 900)
    model = quality.train(asked(), files(tmp_path, good=good[:700], web=rest[:700]), tmp_path)
    assert model
    described = json.loads((tmp_path / "quality.json").read_text("utf-8"))
    assert described["auc"] > 0.97
    low, high = described["interval"]
    assert low < described["auc"] < high
    scores = quality.prepare(asked(), model)(pages(good[700:] + rest[700:])).signals["quality"]
    area, _ = classifier.auc(scores[:200], scores[200:])
    assert area > 0.97


def test_low_quality_is_dropped_where_the_rule_is_named_and_only_measured_elsewhere(tmp_path: Path) -> None:
    given = files(tmp_path, good=[korean(one) for one in range(80)], web=[menu(one) for one in range(80)])
    model = quality.train(asked(), given, tmp_path)
    assert model
    batch = pages([korean(500), menu(500), ""])
    judged = quality.prepare(asked(filters=["low_quality"]), model)(batch)
    assert judged.broken.tolist() == [False, True, False]
    found = judged.signals["quality"]
    assert found[0] > 0.6 > 0.4 > found[1]
    assert found[2] == 0.5
    assert judged.reason(1) == f"a quality of {found[1]:.2f}, less than 0.40: it reads little like good"
    assert not quality.prepare(asked(filters=[]), model)(batch).broken.any()
    out = tmp_path / "out"
    out.mkdir()
    described = quality.write(model, found, out)
    assert sum(described["histogram"]["documents"]) == 3
    assert described == json.loads((out / "quality.json").read_text("utf-8"))
    assert described["documents"]["reference"] == {"learned": 64, "held_out": 16}
    assert hashlib.sha256(np.load(out / "quality.npy").tobytes()).hexdigest() == described["weights_sha256"]


def test_the_same_documents_give_the_same_bytes_in_any_order_of_files(tmp_path: Path) -> None:
    texts = {"good": [korean(one) for one in range(60)], "web": [menu(one) for one in range(60)]}
    found = []
    for number, order in enumerate((1, -1)):
        folder = tmp_path / str(number)
        folder.mkdir()
        model = quality.train(asked(), files(folder, **texts)[::order], folder)
        assert model
        found.append((model.read_bytes(), model.with_suffix(".json").read_bytes()))
    assert found[0] == found[1]


def test_what_may_not_be_used_leaves_no_trace(tmp_path: Path) -> None:
    """Weights are those of a corpus that never held the documents which earlier steps drop."""
    good, web = [korean(one) for one in range(60)], [menu(one) for one in range(60)]
    secret = [f"비밀 문서 {one}. {menu(one + 900)}" for one in range(10)]
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    given = files(tmp_path / "with", good=good, web=web + secret)
    hidden = quality.train(asked(), given, tmp_path / "with", lambda table: ~pc.starts_with(table["text"], "비밀").to_numpy())
    never = quality.train(asked(), files(tmp_path / "without", good=good, web=web), tmp_path / "without")
    assert hidden and never
    assert hidden.read_bytes() == never.read_bytes()


def test_a_model_that_is_there_is_not_trained_again(tmp_path: Path) -> None:
    (tmp_path / "quality.npy").write_bytes(b"there")
    assert quality.train(asked(), [], tmp_path) == tmp_path / "quality.npy"
    assert quality.train(asked(references=[]), [], tmp_path) is None


def test_a_language_without_spaces_is_learned_by_characters(tmp_path: Path) -> None:
    texts = {
        "good": [japanese(one) for one in range(60)],
        "web": [japanese(one).replace("ました", "よん笑") for one in range(60)],
    }
    settings_ = asked(scripts=["Han", "Hiragana", "Katakana"], filters=["low_quality"])
    model = quality.train(settings_, files(tmp_path, **texts), tmp_path)
    assert model
    assert json.loads(model.with_suffix(".json").read_text("utf-8"))["unit"] == "character"
    fresh = [japanese(700), japanese(701).replace("ました", "よん笑")]
    assert quality.prepare(settings_, model)(pages(fresh)).broken.tolist() == [False, True]


def test_impossible_requests_are_refused(tmp_path: Path) -> None:
    given = files(tmp_path, good=[korean(one) for one in range(60)], web=[menu(one) for one in range(3)])
    with pytest.raises(Refused, match=r"names `god`, but no document is of that source: did you mean good\?"):
        quality.train(asked(references=["god"]), given, tmp_path)
    with pytest.raises(Refused, match="only 3 different documents are of other sources"):
        quality.train(asked(), given, tmp_path)
    np.save(tmp_path / "quality.npy", np.zeros(3, np.float32))
    with pytest.raises(Refused, match="`at_least` of the rule `low_quality` is None"):
        quality.prepare(asked(filters=["low_quality"], rules={}), tmp_path / "quality.npy")
    with pytest.raises(Refused, match="`unit` of the rule `low_quality` is 'words'"):
        quality.by_characters(asked(rules={"low_quality": {"unit": "words"}}))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.lists(st.floats(0, 1), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(good: list[float], others: list[float]) -> None:
    area, (low, high) = classifier.auc(np.array(good), np.array(others))
    pairs = [(one > other) + 0.5 * (one == other) for one in good for other in others]
    assert area == pytest.approx(sum(pairs) / len(pairs))
    assert 0 <= low <= high <= 1


@given(st.text(max_size=300), st.booleans(), st.integers(8, 40))
@settings(max_examples=100, deadline=None)
def test_scores_do_not_depend_on_how_a_document_is_read(text: str, characters: bool, room: int) -> None:
    """N-grams are the same whatever the size of the buffer they are put in."""
    data, offsets = utf8_of([text])
    found = []
    for size in (4096, room):
        state, out, at, grams = np.zeros(3, np.uint64), np.empty(size, np.int32), 0, []
        while at < offsets[1]:
            at, count = classifier._fill(data, at, offsets[1], classifier.tokens(), characters, state, out)
            grams += out[:count].tolist()
        found.append(grams)
    assert found[0] == found[1]
    assert all(0 <= gram < 1 << classifier.BITS for gram in found[0])


def test_a_corpus_tells_what_was_learned_counted_and_found(tmp_path: Path, build: Build) -> None:
    """The stage as a whole: `quality.json`, the signals, and the hits of the evaluation set."""
    (tmp_path / "items.jsonl").write_text(json.dumps({"question": korean(777, 3)}, ensure_ascii=False) + "\n", "utf-8")
    (tmp_path / "words.txt").write_text("학교*\n", "utf-8")
    outside = [
        OutsideFile(name=path.stem, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=str(path))
        for path in (tmp_path / "items.jsonl", tmp_path / "words.txt")
    ]
    good = [{"text": korean(one), "source": "good"} for one in range(80)]
    web = [{"text": menu(one), "source": "web"} for one in range(80)]
    spoiled = {"text": korean(900) + " " + korean(777, 3), "source": "web", "id": "spoiled"}
    out, metrics = build(
        {"a.jsonl": [*good, *web, spoiled]},
        filters=["contaminated", "low_quality"],
        rules={"low_quality": {"at_least": 0.5}},
        references=["good"],
        decontaminate=outside[:1],
        word_lists=outside[1:],
    )
    assert metrics["dropped"] == {"contaminated": 1, "low_quality": 80}
    described = json.loads((out / "quality.json").read_text("utf-8"))
    assert described["auc"] == 1
    assert sum(described["histogram"]["documents"]) == sum(described["histogram"]["documents"][10:]) == 80
    (hit,) = pq.read_table(out / "contamination.parquet").to_pylist()
    assert (hit["set"], hit["item"], hit["start"]) == ("items", 1, len(korean(900)) + 1)
    dropped = {row["rule"]: row for row in pq.read_table(out / "dropped.parquet").to_pylist()}
    assert dropped["contaminated"]["id"] == hit["document"]
    kept = [row for path in (out / "documents").glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    for row in kept:
        assert row["signals"]["quality"] >= 0.5
        expected = 1000 * sum(word.startswith("학교") for word in row["text"].split()) / len(row["text"].split())
        assert row["signals"]["words:words"] == pytest.approx(expected, rel=1e-5)
