import json
from pathlib import Path

import mlcroissant
import pyarrow.parquet as pq
import pytest

from tests.conftest import TEXTS, sejong


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two corpora of the same text: with the nation's rules, and with every readable document kept."""
    folder = tmp_path_factory.mktemp("runs")
    text = folder / "text"
    text.mkdir()
    for path in (TEXTS / "korea").iterdir():
        (text / path.name).write_bytes(path.read_bytes())
    (text / "짧은.txt").write_text("짧은 글.\n", "utf-8")
    (text / "사본.md").write_bytes((TEXTS / "korea" / "훈민정음.md").read_bytes())
    for name, more in (("rules", []), ("all", ["--set", "corpus.filters=[]"])):
        done = sejong("build", "korea", "--size", "nano", "--text", text, "--to", "corpus", "--run", folder / name, *more)
        assert done.returncode == 0, done.stderr
    return folder / "rules", folder / "all"


def test_a_kept_document_tells_its_rules_and_the_copies_it_stands_for(runs: tuple[Path, Path]) -> None:
    kept = pq.read_table(runs[0] / "corpus" / "documents").to_pylist()
    [original] = [row for row in kept if row["locator"] in ("훈민정음.md", "사본.md")]
    story = json.loads(sejong("corpus", "explain", runs[0], original["locator"], "--json").stdout)
    assert story["outcome"] == "kept"
    assert story["id"] == original["id"]
    assert story["copies"]["count"] == 1
    assert story["file"]["name"] == f"text/{original['locator']}"
    assert any(rule["rule"] == "too_short" and rule["measured"] for rule in story["rules"])
    said = sejong("corpus", "explain", runs[0], original["id"][:12]).stdout
    assert "stands for 1 copies" in said
    assert "licence" in said


def test_a_dropped_document_tells_the_rule_and_the_reason(runs: tuple[Path, Path]) -> None:
    story = json.loads(sejong("corpus", "explain", runs[0], "짧은.txt", "--json").stdout)
    assert (story["outcome"], story["document"]["rule"]) == ("dropped", "too_short")
    assert "characters" in story["document"]["reason"]


def test_an_unknown_document_is_refused_in_one_sentence(runs: tuple[Path, Path]) -> None:
    done = sejong("corpus", "explain", runs[0], "없는 글.md")
    assert done.returncode == 2
    assert "no document of" in done.stderr


def test_diff_names_what_only_one_run_keeps_and_why(runs: tuple[Path, Path]) -> None:
    found = json.loads(sejong("corpus", "diff", *runs, "--json").stdout)
    assert found["only_first"] == []
    reasons = {group["reason"]: group["documents"] for group in found["only_second"]}
    assert reasons == {"too_short": 1, "exact_duplicate": 1}
    assert found["both"] == found["documents"][0]
    assert found["changed"] == 0
    assert found["settings"]["filters"][1] == []


def test_the_page_is_one_file_with_the_sample_in_it(runs: tuple[Path, Path], tmp_path: Path) -> None:
    page = tmp_path / "corpus.html"
    done = sejong("corpus", "inspect", runs[0], "--out", page, "--json")
    assert json.loads(done.stdout)["page"] == str(page)
    text = page.read_text("utf-8")
    assert "짧은.txt" in text
    assert "data-search" in text
    assert "http-equiv" in text


def test_croissant_describes_the_files_and_other_programs_read_them(runs: tuple[Path, Path]) -> None:
    corpus = (runs[0] / "corpus").resolve()
    described = mlcroissant.Dataset(jsonld=str(corpus / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    rows = [row for records in described.metadata.record_sets for row in described.records(records.uuid)]
    kept = pq.read_table(corpus / "documents")
    assert len(rows) == kept.num_rows
    assert {row["documents/id"].decode() for row in rows} == set(kept["id"].to_pylist())


def test_the_datasheet_counts_what_is_there(runs: tuple[Path, Path]) -> None:
    sheet = (runs[0] / "corpus" / "datasheet.md").read_text("utf-8")
    kept = pq.read_metadata(next((runs[0] / "corpus" / "documents").iterdir())).num_rows
    assert f"{kept} documents of text" in sheet
    assert "LicenseRef-own" in sheet
    assert "| too_short |" in sheet
