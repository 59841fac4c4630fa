"""The store, with real processes: commit by one rename, resume, two builders, a full disk."""

import json
import multiprocessing
import os
import resource
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from sejong.errors import Failed, Refused
from sejong.flow import Artifact, manifest, scratch
from sejong.flow.store import Stage, build, find, folder_name

STAGE = Stage("letters", "sejong.errors", ())


class Settings(BaseModel):
    letters: str = "abc"


def write_letters(settings: Settings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    (out / "inside").mkdir()
    for letter in settings.letters:
        (out / "inside" / letter).write_text(letter)
    return {"letters": len(settings.letters)}


def test_a_second_build_comes_from_the_store(tmp_path: Path) -> None:
    first = build(tmp_path, STAGE, write_letters, Settings(), [])
    second = build(tmp_path, STAGE, lambda *_: pytest.fail("built twice"), Settings(), [])
    assert (first.cached, second.cached) == (False, True)
    assert first.artifact == second.artifact
    assert not list((tmp_path / ".building").iterdir())


def test_the_manifest_is_a_statement_over_every_file(tmp_path: Path) -> None:
    made = build(tmp_path, STAGE, write_letters, Settings(), []).artifact
    found = made.manifest()
    assert found["_type"] == "https://in-toto.io/Statement/v1"
    assert found["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [one["name"] for one in found["subject"]] == ["inside/a", "inside/b", "inside/c"]
    assert manifest.manifest_metrics(found) == {"letters": 3}
    assert manifest.manifest_settings(found) == {"letters": "abc"}


def test_another_setting_is_another_artifact_and_equal_files_have_equal_digests(tmp_path: Path) -> None:
    first = build(tmp_path, STAGE, write_letters, Settings(), []).artifact
    other = build(tmp_path, STAGE, write_letters, Settings(letters="xy"), []).artifact
    twin = build(tmp_path, Stage("twin", "sejong.errors", ()), write_letters, Settings(), []).artifact
    assert first.identity != other.identity
    assert first.digest != other.digest
    assert (first.digest, first.identity) != (twin.digest, twin.identity)
    assert first.digest == twin.digest


def test_a_stage_depends_on_the_bytes_of_its_inputs_not_on_what_made_them(tmp_path: Path) -> None:
    first = build(tmp_path, STAGE, write_letters, Settings(), []).artifact
    renamed = Artifact("letters", first.path, "another identity", first.digest)
    reader = Stage("reader", "sejong.errors", ("letters",))
    assert reader.identity({}, [first]) == reader.identity({}, [renamed])


def _slow(settings: Settings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    steps = scratch(out) / "steps"
    steps.write_text((steps.read_text() if steps.exists() else "") + "x")
    if len(steps.read_text()) == 1:
        time.sleep(60)
    return write_letters(settings, inputs, out)


def _build_slowly(store: Path) -> None:
    build(store, STAGE, _slow, Settings(), [])


def test_a_killed_build_leaves_nothing_that_looks_whole_and_goes_on_from_its_scratch(tmp_path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_build_slowly, args=(tmp_path,))
    process.start()
    named = STAGE.identity({"letters": "abc"}, [])
    mark = tmp_path / ".building" / f"{folder_name('letters', named)}.scratch" / "steps"
    deadline = time.monotonic() + 30
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert find(tmp_path, "letters", named) is None
    done = build(tmp_path, STAGE, _slow, Settings(), [])
    assert not done.cached
    assert not mark.exists(), "scratch goes with the commit"


def _count(settings: Settings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    with (out.parent.parent / "built").open("a") as log:
        log.write("x")
    time.sleep(0.5)
    return write_letters(settings, inputs, out)


def _build_counted(store: Path) -> None:
    build(store, STAGE, _count, Settings(), [])


def test_two_builds_at_once_make_it_once(tmp_path: Path) -> None:
    processes = [multiprocessing.get_context("spawn").Process(target=_build_counted, args=(tmp_path,)) for _ in range(2)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0, 0]
    assert (tmp_path / "built").read_text() == "x"


def _fill(settings: Settings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    (out / "large").write_bytes(b"0" * 2_000_000)
    return {}


def _build_too_large(store: Path, answer: Any) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        build(store, STAGE, _fill, Settings(), [])
    except Failed as error:
        answer.send(str(error))


def test_a_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    kept = build(tmp_path, STAGE, write_letters, Settings(letters="kept"), []).artifact
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_build_too_large, args=(tmp_path, theirs))
    process.start()
    process.join()
    assert "disk" in (said := ours.recv())
    assert "is full" in said
    assert "run the same command again" in said
    assert kept.path.exists()
    assert find(tmp_path, "letters", STAGE.identity({"letters": "abc"}, [])) is None
    assert not build(tmp_path, STAGE, write_letters, Settings(), []).cached


def test_too_little_disk_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="SEJONG_STORE"):
        build(tmp_path, STAGE, lambda *_: pytest.fail("it started"), Settings(), [], needs_bytes=10**18)


def test_an_artifact_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    made = build(tmp_path, STAGE, write_letters, Settings(), []).artifact
    found = made.manifest()
    found["predicate"]["buildDefinition"]["internalParameters"]["format"] = manifest.FORMAT + 1
    (made.path / "manifest.json").write_text(json.dumps(found))
    with pytest.raises(Refused, match="newer Sejong"):
        build(tmp_path, STAGE, write_letters, Settings(), [])


def test_a_broken_manifest_is_told(tmp_path: Path) -> None:
    made = build(tmp_path, STAGE, write_letters, Settings(), []).artifact
    (made.path / "manifest.json").write_text("{")
    with pytest.raises(Failed, match="not a readable manifest"):
        build(tmp_path, STAGE, write_letters, Settings(), [])
