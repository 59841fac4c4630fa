"""The user's own text: what is found, how it is called, and what is said about the rest."""

import os
from pathlib import Path

import pytest

from sejong.corpus.fetch import collect, describe
from sejong.corpus.read import read
from sejong.errors import Refused
from sejong.flow.progress import console
from sejong.recipe import SourcesSettings

SETTINGS = SourcesSettings(
    catalogue={"web": {"kind": "url", "title": "never fetched", "url": "https://example.invalid/", "default": True}}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/c.MD", "a/d.html.gz", "a/e.exe", "a/f.jsonl.zst", ".hidden/g.txt", "h"):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}", "utf-8")
    return tmp_path / "own"


def test_folders_are_searched_and_locators_are_relative_to_what_was_named(folder: Path, tmp_path: Path) -> None:
    found = collect(SETTINGS, [folder], tmp_path / "downloads")
    assert found.stage == "sources"
    assert [(one.source, one.path) for one in found.files] == [
        ("text", "a/c.MD"),
        ("text", "a/d.html.gz"),
        ("text", "a/f.jsonl.zst"),
        ("text", "b.txt"),
    ]
    assert all(one.location.read_text("utf-8") == f"text of {one.path}" for one in found.files)
    assert not (tmp_path / "downloads").exists()
    named = collect(SETTINGS, [folder / "a" / "c.MD"], tmp_path)
    assert [one.path for one in named.files] == ["c.MD"]


def test_what_is_left_out_is_counted_in_one_line(folder: Path, tmp_path: Path) -> None:
    with console.capture() as said:
        collect(SETTINGS, [folder], tmp_path)
    assert said.get().strip() == "left out, since Sejong does not read them as text: .exe (1), hidden folder (1), no suffix (1)"


def test_the_digest_is_of_what_the_files_hold_and_not_of_where_they_lie(folder: Path, tmp_path: Path) -> None:
    first = collect(SETTINGS, [folder], tmp_path)
    moved = folder.rename(tmp_path / "elsewhere")
    os.utime(moved / "b.txt", (0, 0))
    assert collect(SETTINGS, [moved], tmp_path / "x").digest == first.digest
    licensed = SourcesSettings(licence="CC-BY-4.0")
    assert collect(licensed, [moved], tmp_path).digest != first.digest
    assert {one.licence for one in collect(licensed, [moved], tmp_path).files} == {"CC-BY-4.0"}
    (moved / "b.txt").write_text("other", "utf-8")
    assert collect(SETTINGS, [moved], tmp_path).digest != first.digest


def test_the_same_file_named_twice_is_taken_once_and_equal_names_are_kept_apart(folder: Path, tmp_path: Path) -> None:
    once = collect(SETTINGS, [folder, folder / "b.txt", folder / "a"], tmp_path)
    assert once.digest == collect(SETTINGS, [folder], tmp_path).digest
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.txt").write_text("another text", "utf-8")
    both = collect(SETTINGS, [folder / "b.txt", other], tmp_path)
    assert [(one.source, one.path) for one in both.files] == [("text", "b.txt"), ("text-2", "b.txt")]
    assert [row["source"] for row in describe(both)] == ["text", "text-2"]


def test_the_row_of_sources_json(folder: Path, tmp_path: Path) -> None:
    [row] = describe(collect(SourcesSettings(licence="CC0-1.0"), [folder], tmp_path))
    columns = ["source", "kind", "title", "uri", "version", "licence", "licence_from", "collected", "files", "bytes", "sha256"]
    assert list(row) == columns
    assert (row["source"], row["kind"], row["licence"], row["files"]) == ("text", "file", "CC0-1.0", 4)
    assert row["bytes"] == sum(
        path.stat().st_size for path in folder.rglob("*") if path.suffix not in (".exe", "") and path.is_file()
    ) - len("text of .hidden/g.txt")


def test_nothing_to_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist: give a file or folder of text with --text"):
        collect(SETTINGS, [tmp_path / "missing"], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Refused, match=r"there is no text in .*empty: Sejong reads \.txt"):
        collect(SETTINGS, [tmp_path / "empty"], tmp_path)
    (tmp_path / "a.exe").write_bytes(b"x")
    with pytest.raises(Refused, match="there is no text in"):
        collect(SETTINGS, [tmp_path / "a.exe"], tmp_path)


def test_links_and_devices_do_not_stop_the_search(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.txt").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.txt")
    (folder / "round").symlink_to(folder)
    found = collect(SETTINGS, [folder], tmp_path)
    assert len(found.files) == 4


def test_text_for_which_no_licence_is_named_is_the_builders_own(folder: Path, tmp_path: Path) -> None:
    (folder / "rows.jsonl").write_text('{"text": "하나"}\n{"text": "둘", "licence": "CC-BY-4.0"}\n', "utf-8")
    found = collect(SETTINGS, [folder / "rows.jsonl", folder / "b.txt"], tmp_path)
    assert {one.licence for one in found.files} == {"LicenseRef-own"}
    [row] = describe(found)
    assert (row["licence"], row["licence_from"]) == ("LicenseRef-own", "the builder")
    licences = [one for batch in read(found.files, []) for one in batch.documents["licence"].to_pylist()]
    assert licences == ["LicenseRef-own", "LicenseRef-own", "CC-BY-4.0"]
    nation = SourcesSettings(catalogue={"a": {"kind": "folder", "title": "x", "path": str(folder), "default": True}})
    assert {one.licence for one in collect(nation, [], tmp_path).files} == {None}
