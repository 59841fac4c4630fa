"""`sejong takedown` and opt-out lists on finished runs: what is left of a document is its name, and nothing else anywhere."""

import gzip
import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer
from typer.testing import CliRunner

from sejong.cli import app
from sejong.corpus.read.batch import identifier
from sejong.errors import Refused
from sejong.flow.store import held
from sejong.ledger.verify import verify
from tests.conftest import TEXTS

SENTENCE = "보랏빛 기린 열일곱 마리가 한밤중에 우체국 지붕에서 바이올린을 켰다고 송하윤네 일기장에 적혀 있다."
ABOUT = (
    "산골 마을의 우체국은 오래전부터 사람들이 소식을 주고받는 곳이었다. 겨울이면 눈이 길을 막아 편지가 며칠씩 늦었지만 "
    "집배원은 언덕을 넘어 다녔다. 마을 사람들은 난로 옆에 모여 앉아 편지를 소리 내어 읽었고, 글을 모르는 이웃에게는 대신 "
    "답장을 써 주었다. 우체국 앞 느티나무 아래에는 긴 의자가 놓여 있어서 누구나 쉬어 갈 수 있었다. "
)
SECRET = SENTENCE[:33]  # what is searched for
OTHER = (
    "바닷가의 등대는 밤마다 같은 간격으로 빛을 보냈다. 등대지기는 바람의 방향과 파도의 높이를 공책에 적었고, 안개가 짙은 날이면 "
    "나팔을 불어 배에 위험을 알렸다. 여름에는 아이들이 등대에 올라와 먼 섬의 이름을 배웠다. 등대 아래 작은 밭에서는 감자와 "
    "무가 자랐고, 늦가을이면 이웃과 나누어 먹었다. "
)
HARBOUR = OTHER.replace("등대", "항구") + "항구에는 배가 많았다."


def records(path: Path, *, planted: bool = True) -> Path:
    """A folder of text: our own Korean pages, and records of several contributors; one of them holds the sentence."""
    shutil.copytree(TEXTS / "korea", path)
    rows: list[dict[str, str]] = [
        {"id": "lighthouse", "text": OTHER, "contributor": "이웃"},
        {"locator": "https://sea.example.kr/news/1", "text": HARBOUR, "licence": "CC-BY-4.0"},
    ]
    if planted:
        rows.insert(1, {"id": "post", "text": ABOUT + SENTENCE, "contributor": "송하윤"})
    (path / "records.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def command(*arguments: str | Path) -> Any:
    """The command in this process: dozens of them in one of their own would take minutes."""
    return CliRunner().invoke(app, [str(one) for one in arguments])


def answer(*arguments: str | Path) -> dict[str, Any]:
    done = command(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def build(text: Path, run: Path, *more: str, to: str = "index") -> dict[str, Any]:
    return answer("build", "korea", "--size", "nano", "--text", text, "--run", run, "--to", to, *more)


def rebuild(run: Path, to: str = "index") -> dict[str, Any]:
    return answer("build", run / "recipe.toml", "--to", to)


def takedown(run: Path, *arguments: str) -> dict[str, Any]:
    return answer("takedown", run, *arguments)


def dropped(run: Path) -> dict[str, dict[str, Any]]:
    return {row["locator"]: row for row in pq.read_table(run / "corpus" / "dropped.parquet").to_pylist()}


def kept(run: Path) -> set[str]:
    tables = [pq.read_table(path, columns=["locator"]) for path in (run / "corpus" / "documents").glob("*.parquet")]
    return {one for table in tables for one in table["locator"].to_pylist()}


def documents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run / "corpus" / "documents").iterdir())}


# --- looking into every file ------------------------------------------------------------------------------------------------


def contents(path: Path) -> Iterator[bytes]:
    """A file's bytes, and what is packed in them."""
    data = path.read_bytes()
    yield data
    if path.suffix == ".parquet":
        for column in pq.read_table(path).columns:
            yield json.dumps(column.to_pylist(), ensure_ascii=False, default=str).encode()
    elif path.suffix == ".arrow":
        yield from ()  # Arrow's files are not packed
    elif data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                yield packed.read(name)
    elif data[:15] == b"SQLite format 3":
        with sqlite3.connect(path) as database:
            yield "\n".join(database.iterdump()).encode()


def spellings(sentence: str, run: Path) -> list[bytes]:
    """How the sentence may be written: as text, escaped, in wide characters, and as tokens of each tokenizer of the store."""
    found = [sentence.encode(), json.dumps(sentence)[1:-1].encode(), sentence.encode("utf-16-le"), sentence.encode("utf-32-le")]
    for path in sorted((run.parent / ".store").glob("tokenizer-*/tokenizer.json")):
        inner = sentence[sentence.index(" ") : sentence.rindex(" ")]  # whole words: the first and the last may join other text
        ids = Tokenizer.from_file(str(path)).encode(inner, add_special_tokens=False).ids
        found += [np.array(ids, kind).tobytes() for kind in ("<u2", "<u4", "<i8")]
        found.append(", ".join(map(str, ids)).encode())
    return found


def places(sentence: str, run: Path) -> list[str]:
    """The files of the run and its store that hold the sentence in any spelling."""
    wanted = spellings(sentence, run)
    files = [path for path in sorted(run.parent.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [str(path.relative_to(run.parent)) for path in files if any(one in data for data in contents(path) for one in wanted)]


# --- the way of a document out of a run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return records(tmp_path_factory.mktemp("given") / "texts")


@pytest.fixture(scope="module")
def finished(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run up to its index and tokens that holds the sentence. Copy it before it is changed."""
    run = tmp_path_factory.mktemp("finished") / "korea"
    build(texts, run)
    build(texts, run, to="tokens")
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished.parent, tmp_path / "runs", symlinks=True)
    return tmp_path / "runs" / "korea"


def test_nothing_derives_from_a_document_that_was_taken_down(run: Path, texts: Path, tmp_path: Path) -> None:
    before = places(SECRET, run)
    assert {name.split("/")[1].partition("-")[0] for name in before} >= {"corpus", "tokens", "index"}, "the search finds nothing"
    post = identifier("text", "post")
    found = takedown(run, "--document", post, "--yes", "--reason", "asked by letter")
    assert (found["documents"], found["kept"], found["done"]) == (1, 1, True)
    (line,) = (run / "removals.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line).items() >= {"kind": "document", "value": post, "reason": "asked by letter"}.items()
    rebuild(run)
    rebuild(run, to="tokens")
    assert places(SECRET, run) == []
    assert places(ABOUT[:60], run) == []
    row = dropped(run)["post"]
    assert (row["rule"], row["excerpt"], row["reason"]) == ("removed", "", f"taken down by document `{post}`")

    never = tmp_path / "never" / "korea"
    build(records(tmp_path / "texts", planted=False), never, to="tokens")
    assert documents(run) == documents(never)
    for name in ("tokenizer/tokenizer.json", "tokens/train-00000.bin"):
        assert (run / name).read_bytes() == (never / name).read_bytes()
    stages = {path.name.partition("-")[0] for path in (run.parent / ".store").glob("*-*")}
    assert all(len(list((run.parent / ".store").glob(f"{stage}-*"))) == 1 for stage in stages), "nothing superseded is left"


def test_the_day_of_a_removal_does_not_count(run: Path) -> None:
    takedown(run, "--contributor", "송하윤", "--yes")
    first = rebuild(run, "corpus")["stages"][0]
    path = run / "removals.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "date": "2031-01-01"}) + "\n", "utf-8")
    again = rebuild(run, "corpus")["stages"][0]
    assert (again["identity"], again["cached"]) == (first["identity"], True)


def test_fetched_files_that_hold_it_are_named(run: Path) -> None:
    fetched = run.parent / ".store" / "downloads" / "text-0123456789ab"
    (fetched / "files").mkdir(parents=True)
    assert takedown(run, "--contributor", "송하윤", "--dry-run")["downloads"] == [str(fetched)]
    (fetched / "files" / "post").write_text(SENTENCE, "utf-8")
    said = command("takedown", run, "--contributor", "송하윤", "--dry-run").stdout
    assert f"  {fetched / 'files' / 'post'}" in said.splitlines()


def test_removals_persist_with_the_run_and_go_with_its_recipe(run: Path, texts: Path, tmp_path: Path) -> None:
    takedown(run, "--contributor", "송하윤", "--yes")
    first = build(texts, run, to="corpus")["stages"][0]
    assert "post" not in kept(run), "the same command again"
    elsewhere = answer("build", run / "recipe.toml", "--run", run.parent / "copy", "--to", "corpus")["stages"][0]
    assert (elsewhere["identity"], elsewhere["cached"]) == (first["identity"], True)
    assert (run.parent / "copy" / "removals.jsonl").read_bytes() == (run / "removals.jsonl").read_bytes()
    again = takedown(run, "--contributor", "송하윤", "--dry-run")
    assert (again["documents"], again["already_removed"]) == (0, 1)
    (run / "removals.jsonl").write_text("broken\n", "utf-8")
    assert isinstance(command("build", run / "recipe.toml").exception, Refused), "never passed over"


def test_a_removal_without_effect_is_said(run: Path) -> None:
    takedown(run, "--contributor", "송하윤", "--yes")
    with (run / "removals.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"kind": "locator-prefix", "value": "gone/", "date": "2026-11-25"}\n')
    said = " ".join(command("build", run / "recipe.toml", "--to", "corpus").stderr.split())
    assert "nothing was taken down by locator-prefix `gone/` in this text" in said
    assert "송하윤` in this text" not in said


def test_a_dry_run_and_a_no_change_nothing(run: Path) -> None:
    listed = takedown(run, "--locator-prefix", "https://sea.example.kr/", "--dry-run")
    assert [row["locator"] for row in listed["rows"]] == ["https://sea.example.kr/news/1"]
    assert "text" not in listed["rows"][0]
    assert command("takedown", run, "--licence", "CC-BY-4.0").exit_code != 0, "nobody said yes"
    assert not (run / "removals.jsonl").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        ("--document", "0" * 64),
        ("--contributor", "아무개"),
        ("--licence", "MIT"),
        ("--locator-prefix", "https://nowhere.kr"),
        ("--contributor", " "),
        (),
        ("--licence", "CC-BY-4.0", "--contributor", "송하윤"),
    ],
)
def test_what_names_nothing_is_refused(run: Path, wrong: tuple[str, ...]) -> None:
    assert isinstance(command("takedown", run, *wrong, "--yes").exception, Refused)
    assert not (run / "removals.jsonl").exists()


def test_copies_that_would_come_back_are_listed_first_and_can_go_too(tmp_path: Path) -> None:
    texts = records(tmp_path / "texts")
    longer = ABOUT + SENTENCE + " 그 뒤로 아무도 그 소리를 다시 듣지 못했다고 한다."
    with (texts / "records.jsonl").open("a", encoding="utf-8") as stream:
        for name, text in (("post-2", longer), ("post-3", longer)):
            stream.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
    first, run = (tmp_path / name / "korea" for name in ("first", "second"))
    build(texts, first, to="corpus")
    shutil.copytree(first.parent, run.parent, symlinks=True)
    (best,) = {"post", "post-2", "post-3"} & kept(first)
    others = {"post", "post-2", "post-3"} - {best}

    said = command("takedown", first, "--document", identifier("text", best), "--dry-run").stdout
    assert "would come back in their place" in said
    assert all(f"  text  {one}" in said for one in others)
    listed = takedown(first, "--document", identifier("text", best), "--yes")
    assert {row["locator"] for row in listed["would_come_back"]} == others
    rebuild(first, "corpus")
    assert len(others & kept(first)) == 1, "one of the copies came back"
    assert places(SECRET, first) != []

    takedown(run, "--document", identifier("text", best), "--with-duplicates", "--yes")
    rebuild(run, "corpus")
    assert not {"post", "post-2", "post-3"} & kept(run)
    assert places(SECRET, run) == []
    assert all(dropped(run)[one]["rule"] == "removed" for one in ("post", "post-2", "post-3"))


def test_copies_that_stay_are_found_without_the_filters_too(tmp_path: Path) -> None:
    texts = records(tmp_path / "texts")
    with (texts / "records.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps({"id": "twin", "text": ABOUT + SENTENCE}, ensure_ascii=False) + "\n")
    run = tmp_path / "runs" / "korea"
    build(texts, run, "--set", "corpus.filters=[]", to="corpus")
    listed = takedown(run, "--contributor", "송하윤", "--with-duplicates", "--yes")
    assert [row["locator"] for row in listed["would_stay"]] == ["twin"]
    rebuild(run, "corpus")
    assert not {"post", "twin"} & kept(run)


def test_an_opt_out_list_applies_to_a_finished_run(run: Path, texts: Path, tmp_path: Path) -> None:
    before = kept(run)
    listed = tmp_path / "press.txt"
    listed.write_text("# name: press\n# date: 2026-11-20\nexample.kr\nrecords.jsonl-not-there\n", "utf-8")
    build(texts, run, "--set", f'corpus.opt_outs=["{listed}"]', to="corpus")
    assert before - kept(run) == {"https://sea.example.kr/news/1"}
    row = dropped(run)["https://sea.example.kr/news/1"]
    assert (row["rule"], row["excerpt"]) == ("opt_out", "")
    assert row["reason"] == "opted out by list `press`, read 2026-11-20: its entry example.kr covers sea.example.kr"
    assert places("항구에는 배가 많았다.", run) == []
    costs = json.loads((run / "corpus" / "opt_outs.json").read_text("utf-8"))
    (cost,) = [one for one in costs if one["signal"] == "list"]
    assert (cost["value"], cost["date"], cost["documents"], cost["bytes"]) == ("press", "2026-11-20", 1, row["bytes"])

    elsewhere = tmp_path / "moved" / "other-name.txt"
    elsewhere.parent.mkdir()
    listed.rename(elsewhere)
    moved = build(texts, run, "--set", f'corpus.opt_outs=["{elsewhere}"]', to="corpus")
    assert moved["stages"][0]["cached"], "only what a list says counts, not where it lies"


def test_the_beginning_of_a_broken_record_goes_too(tmp_path: Path) -> None:
    texts = records(tmp_path / "texts", planted=False)
    (texts / "broken.jsonl").write_text('{"text": "' + SENTENCE, "utf-8")
    run = tmp_path / "runs" / "korea"
    build(texts, run, to="corpus")
    assert places(SECRET, run) != []
    takedown(run, "--locator-prefix", "broken.jsonl", "--yes")
    rebuild(run, "corpus")
    assert dropped(run)["broken.jsonl#line-1"]["rule"] == "removed"
    assert places(SECRET, run) == []


def test_what_another_run_needs_stays_and_is_named(run: Path, texts: Path) -> None:
    other = run.parent / "other"
    assert all(stage["cached"] for stage in build(texts, other)["stages"])
    takedown(run, "--contributor", "송하윤", "--yes")
    said = " ".join(command("build", run / "recipe.toml", "--to", "index").stderr.split())
    assert f"{other} still holds documents that this run leaves out" in said
    assert "post" in kept(other)
    assert {place.split("/")[1].partition("-")[0] for place in places(SECRET, run)} >= {"corpus", "index"}
    takedown(other, "--contributor", "송하윤", "--yes")
    rebuild(other)
    assert places(SECRET, run) == []


def test_nothing_is_deleted_while_another_build_goes_on(run: Path) -> None:
    takedown(run, "--contributor", "송하윤", "--yes")
    with held(run.parent / ".store", "run-other-1", "busy"):
        done = command("build", run / "recipe.toml", "--to", "index")
    assert (done.exit_code, "run-other-1 is at work in this store" in " ".join(done.stderr.split())) == (0, True)
    assert "post" not in kept(run)
    assert places(SECRET, run) != []
    rebuild(run)
    assert places(SECRET, run) == []


def test_what_a_killed_build_left_goes_too(run: Path) -> None:
    left = run.parent / ".store" / ".building"
    for name, inputs in (("corpus-1.scratch", [["sources", "1"]]), ("index-1.scratch", [["corpus", "not there"]])):
        (left / name).mkdir(parents=True)
        (left / name / "inputs.json").write_text(json.dumps(inputs))
        (left / name / "half").write_text(SENTENCE)
    takedown(run, "--contributor", "송하윤", "--yes")
    rebuild(run)
    assert not list(left.glob("*-1.*"))
    assert places(SECRET, run) == []


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_whole_run_forgets_and_verifies(texts: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "korea"
    build(texts, run, to="ledger")
    assert verify(run).as_json()["ok"]
    takedown(run, "--contributor", "송하윤", "--yes")
    assert isinstance(command("verify", run).exception, Refused), "a run with an open takedown is not finished"
    rebuild(run, "ledger")
    assert places(SECRET, run) == []
    assert verify(run).as_json()["ok"]
    with (run / "removals.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"kind": "contributor", "value": "이웃", "date": "2026-11-25"}\n')
    assert [one["path"] for one in verify(run).faults] == ["removals.jsonl"]
