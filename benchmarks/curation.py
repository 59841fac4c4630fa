"""Curation beside datatrove: speed of the same rules, agreement of every decision, and the whole stage end to end.

    .venv/bin/python benchmarks/curation.py [--text PATH]... [--bytes N] [--workers 2] [--curve 50,500,5000] [--json OUT]

Same machine, same run, same text, from JSON Lines to Parquet, the same number of workers. The clock starts with the process and
includes segmentation. Start-up (imports, compiled code, workers) is told apart for all alike: each command runs on a small and on
the whole text, and the steady rate is the difference in bytes by the difference in seconds; what the small text took beyond its
share is the start-up. The first start of all, with compilation where nothing is compiled yet, is shown beside it.

datatrove runs with its own shipped filters in an environment of its own, made on first use under benchmarks/.peers: once with
words between spaces, once (on less text) with its Korean tokenizer.
Limits are those of the papers, in curation.toml, the same for all.

Without --text the Korean text of ../shared/data is used where that folder is present. The text is in Sejong's
normal form (NFC, no white space at line ends), so that both judge the same characters, and is repeated up to --bytes; every copy
gets ids of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from first_run import Peak

from sejong.corpus.read.clean import clean

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks" / ".peers"
SHARED = ROOT.parent / "shared" / "data" / "text"
KOREAN = ("ko_law", "ko_dev_notes", "ko_react_docs", "ko_cpp_docs", "ko_visualstudio_docs")
KOREAN_BYTES = 3_000_000  # for the Korean tokenizer, which reads about 0.1 MB/s
SMALL_BYTES = 8_000_000
LIMITS = tomllib.loads((ROOT / "benchmarks/curation.toml").read_text("utf-8"))


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="sejong-curation-", dir=asked.folder) as name:
        folder = Path(name)
        python = environment(asked.peers)
        parameters = folder / "parameters.json"
        parameters.write_text(json.dumps(LIMITS["peer"]), "utf-8")
        size = write_input(asked.text, large := folder / "large", asked.bytes, asked.workers)
        few = write_input(asked.text, small := folder / "small", min(SMALL_BYTES, size // 2), asked.workers)
        korean = write_input(asked.text, middle := folder / "middle", min(KOREAN_BYTES, size), asked.workers)
        bit = write_input(asked.text, tiny := folder / "tiny", korean // 6, asked.workers)
        once = write_input(asked.text, distinct := folder / "distinct", size, asked.workers, again=False)
        print(f"text: {size / 1e6:.1f} MB, of it distinct {once / 1e6:.1f} MB, {asked.workers} workers", file=sys.stderr)

        def datatrove(text: Path, words: str, *more: str) -> list[str]:
            out = folder / f"datatrove-{text.name}-{words}{len(more)}"
            program = ROOT / "benchmarks/peers/datatrove_rules.py"
            return [str(python), str(program), str(text), str(out), str(asked.workers), str(parameters), words, *more]

        sejong_rules = sejong(folder, "rules", asked.workers, LIMITS["rules"])
        sejong_whole = sejong(folder, "whole", asked.workers, {})
        rows = [
            timed("Sejong, the rules", sejong_rules, (small, few), (large, size)),
            timed("datatrove, str.split", lambda text: datatrove(text, "spaces"), (small, few), (large, size)),
            timed("datatrove, Korean tokenizer", lambda text: datatrove(text, "korean"), (tiny, bit), (middle, korean)),
            timed("Sejong, whole stage", sejong_whole, (small, few), (distinct, once)),
        ]
        subprocess.run(datatrove(distinct, "spaces", "--record"), check=True, capture_output=True)
        run(sejong_rules(distinct))
        agreement = compared(folder / "datatrove-distinct-spaces1", folder / "rules-distinct/corpus")
        curve = [curve_point(asked, folder, megabytes) for megabytes in asked.curve]
    report(asked, rows, agreement, curve)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, action="append", help="JSON Lines (.jsonl, .zst) with `text`; repeatable")
    parser.add_argument("--bytes", type=int, default=300_000_000, help="of text, repeated up to this size")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--peers", type=Path, default=PEERS / "datatrove", help="where the peer's environment is, or is made")
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's temporary folder")
    parser.add_argument(
        "--curve", type=lambda given: [int(one) for one in given.split(",")], default=[], help="MB of input for the memory curve"
    )
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not asked.text and not SHARED.exists():
        parser.error(f"there is no text at {SHARED}: give some with --text")
    asked.text = asked.text or [SHARED / f"{name}.jsonl.zst" for name in KOREAN]
    return asked


def environment(folder: Path) -> Path:
    """The peer's Python, its environment made where it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making the peer's environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        wanted = ROOT / "benchmarks/peers/datatrove.txt"
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", wanted], check=True)
    return python


def write_input(files: list[Path], folder: Path, most: int, parts: int, again: bool = True) -> int:
    """`parts` JSON Lines files of about equal size with `most` bytes of text, repeated up to there if `again`; the bytes."""
    folder.mkdir()
    outs = [(folder / f"part-{number}.jsonl").open("w", encoding="utf-8") for number in range(parts)]
    sizes = [0] * parts
    for number, text in enumerate(_repeated(files, again)):
        part = sizes.index(min(sizes))
        outs[part].write(json.dumps({"id": f"document-{number}", "text": text}, ensure_ascii=False) + "\n")
        sizes[part] += len(text.encode())
        if sum(sizes) >= most:
            break
    for out in outs:
        out.close()
    return sum(sizes)


def _repeated(files: list[Path], again: bool) -> Any:
    while True:
        for path in files:
            yield from texts(path)
        if not again:
            return


def texts(path: Path) -> Any:
    with pa.OSFile(str(path)) as raw:
        stream = pa.CompressedInputStream(raw, "zstd") if path.suffix == ".zst" else raw
        rest = b""
        while block := stream.read(1 << 22):
            *whole, rest = (rest + block).split(b"\n")
            yield from (clean(json.loads(line)["text"]) for line in whole if line.strip())
        if rest.strip():
            yield clean(json.loads(rest)["text"])


def sejong(folder: Path, name: str, workers: int, settings: dict[str, Any]) -> Any:
    """The command that builds a corpus of a folder of text."""

    def command(text: Path) -> list[str]:
        run_folder = folder / f"{name}-{text.name}"
        given = [
            "build",
            "korea",
            "--text",
            str(text),
            "--to",
            "corpus",
            "--run",
            str(run_folder),
            "--set",
            f"corpus.workers={workers}",
        ]
        for key, value in settings.items():
            given += ["--set", f"{key}={toml(value)}"]
        return [sys.executable, "-m", "sejong.cli", *given]

    return command


def toml(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def timed(name: str, command: Any, small: tuple[Path, int], large: tuple[Path, int]) -> dict[str, Any]:
    """Steady rate, start-up and peak memory of a command, from a small and a large text (folder, bytes)."""
    cold = run(command(small[0]))[0]
    forget(command(small[0]))
    warm = run(command(small[0]))[0]
    forget(command(small[0]))
    seconds, peak = run(command(large[0]))
    forget(command(large[0]))
    rate = (large[1] - small[1]) / max(seconds - warm, 1e-9)
    row = {
        "name": name,
        "bytes": large[1],
        "seconds": round(seconds, 2),
        "small_bytes": small[1],
        "small_seconds": round(warm, 2),
        "first_small_seconds": round(cold, 2),
        "start_seconds": round(warm - small[1] / rate, 2),
        "mb_per_s": round(rate / 1e6, 3),
        "mb_per_s_with_start": round(large[1] / 1e6 / seconds, 3),
        "peak_mib": round(peak / 2**20),
    }
    print(json.dumps(row), file=sys.stderr)
    return row


def run(command: list[str]) -> tuple[float, int]:
    """Seconds and peak bytes of a command; its words are shown if it fails."""
    began = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        peak = Peak(process.pid)
        peak.start()
        said = process.stdout.read() if process.stdout else ""
    seconds = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:300]} failed:\n{said[-3000:]}")
    return seconds, peak.bytes


def forget(command: list[str]) -> None:
    """Remove what a command made, so that it can be timed again."""
    if "--run" in command:
        made = Path(command[command.index("--run") + 1])
        subprocess.run(["rm", "-rf", str(made), str(made.parent / ".store")], check=True)
    else:
        subprocess.run(["rm", "-rf", command[3]], check=True)


def compared(peer: Path, own: Path) -> dict[str, Any]:
    """Kept or dropped, and by which check, document by document."""
    theirs: dict[str, str] = {}
    for file in sorted(peer.glob("kept/*.parquet")):
        theirs |= dict.fromkeys(pq.read_table(file, columns=["id"])["id"].to_pylist(), "kept")
    for file in sorted(peer.glob("dropped/*/*.parquet")):
        table = pq.read_table(file, columns=["id", "metadata"])
        theirs |= {row["id"]: row["metadata"]["filter_reason"] for row in table.to_pylist()}
    ours = dict.fromkeys(ds.dataset(own / "documents", format="parquet").to_table(["locator"])["locator"].to_pylist(), "kept")
    ours |= {
        row["locator"]: row["cause"] for row in pq.read_table(own / "dropped.parquet", columns=["locator", "cause"]).to_pylist()
    }
    both = sorted(theirs.keys() & ours.keys())
    decisions = sum((theirs[one] == "kept") == (ours[one] == "kept") for one in both)
    reasons = sum(theirs[one] == ours[one] for one in both)
    differ = Counter(f"{theirs[one]} / {ours[one]}" for one in both if theirs[one] != ours[one])
    return {
        "documents": len(both),
        "only_in_one": len(theirs.keys() ^ ours.keys()),
        "decisions": decisions / len(both),
        "reasons": reasons / len(both),
        "differences": dict(differ.most_common(20)),
        "examples": [f"{one}: datatrove {theirs[one]}, Sejong {ours[one]}" for one in both if theirs[one] != ours[one]][:20],
        "kept": sum(value == "kept" for value in ours.values()),
    }


def curve_point(asked: argparse.Namespace, folder: Path, megabytes: int) -> dict[str, Any]:
    """Time and peak memory of the whole stage for an input of this size."""
    text = folder / f"curve-{megabytes}"
    size = write_input(asked.text, text, megabytes * 1_000_000, asked.workers)
    command = sejong(folder, "curve", asked.workers, {})(text)
    seconds, peak = run(command)
    forget(command)
    subprocess.run(["rm", "-rf", str(text)], check=True)
    row = {"megabytes": round(size / 1e6), "seconds": round(seconds, 1), "peak_mib": round(peak / 2**20)}
    print(json.dumps(row), file=sys.stderr)
    return row


def report(asked: argparse.Namespace, rows: list[dict[str, Any]], agreement: dict[str, Any], curve: list[dict[str, Any]]) -> None:
    rules, spaces, korean, whole = rows
    found = {
        "ratio_vs_datatrove_whitespace": round(rules["mb_per_s"] / spaces["mb_per_s"], 1),
        "ratio_vs_datatrove_korean": round(rules["mb_per_s"] / korean["mb_per_s"], 1),
        "agreement": agreement["decisions"],
        "agreement_of_reasons": agreement["reasons"],
        "mb_per_s": whole["mb_per_s"],
        "rules_mb_per_s": rules["mb_per_s"],
        "ratio_with_start": round(rules["mb_per_s_with_start"] / spaces["mb_per_s_with_start"], 1),
        "workers": asked.workers,
        "rows": rows,
        "compared": agreement,
        "memory_curve": curve,
    }
    print(f"{'':<30} {'MB':>8} {'seconds':>8} {'start':>6} {'first':>6} {'MB/s':>8} {'with start':>10} {'peak MiB':>9}")
    for row in rows:
        start, first = row["start_seconds"], row["first_small_seconds"]
        print(
            f"{row['name']:<30} {row['bytes'] / 1e6:>8.1f} {row['seconds']:>8.1f} {start:>6.1f} {first:>6.1f} "
            f"{row['mb_per_s']:>8.2f} {row['mb_per_s_with_start']:>10.2f} {row['peak_mib']:>9,}"
        )
    print(
        f"the rules: {found['ratio_vs_datatrove_whitespace']}x datatrove with str.split, "
        f"{found['ratio_vs_datatrove_korean']}x datatrove with its Korean tokenizer (morphemes: other units, other decisions)"
    )
    print(f"decisions alike: {agreement['decisions']:.4%} of {agreement['documents']:,}; reasons too: {agreement['reasons']:.4%}")
    for line in agreement["examples"]:
        print(f"  {line}")
    print(f"the whole stage: {whole['mb_per_s']} MB/s")
    for row in curve:
        print(f"memory: {row['megabytes']:>6,} MB of text, {row['seconds']:>8.1f} s, {row['peak_mib']:>6,} MiB")
    if asked.json:
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
