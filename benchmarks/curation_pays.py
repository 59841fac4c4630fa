"""Does curation pay? Equal small models on the same number of tokens, from raw and from curated text, in bits per byte.

    .venv/bin/python benchmarks/curation_pays.py [--text CLEAN.jsonl] [--foreign FILE.jsonl] [--machine FILE.jsonl]
        [--tokens N] [--bytes N] [--rules all|none|a,b] [--json OUT]

From clean real text a dirty mixture is made, all of real text: pages with a menu before and a footer behind, near-copies (a page
with some lines taken out), pages of other languages, machine-made text (machine-translated pages where --machine names some;
else pages whose words are shuffled), and lists of headings. A tenth of the clean text is held out before, and every model is
measured on it with the command that anyone would use (`sejong evaluate`). Each rule is then taken out in turn: what it costs
and what it brings.

Without options the text is that of ../shared/data where that folder is present.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data" / "text"
CLEAN = ("ko_law", "ko_dev_notes", "ko_react_docs")
FOREIGN = ("ja_aozora", "vi_law")
MACHINE = ("ko_cpp_docs",)
LONGEST = 12_000  # characters of a page: long statutes are cut, so that pages are of like size
HELD_OUT = 10  # every tenth page
SHARES = {"menu": 0.35, "near": 0.5, "foreign": 0.5, "machine": 0.5, "list": 0.15}  # of the clean bytes


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="sejong-pays-", dir=asked.folder) as folder:
        text, clean = Path(folder, "dirty.jsonl"), Path(folder, "clean.jsonl")
        described = mixture(asked, text, clean)
        print(json.dumps(described, ensure_ascii=False), file=sys.stderr)
        filters = default_filters(asked.nation)
        runs = {"raw": [], "curated": filters}
        wanted = filters if asked.rules == "all" else [] if asked.rules == "none" else asked.rules.split(",")
        runs |= {f"without {rule}": [one for one in filters if one != rule] for rule in wanted}
        rows = []
        for name, kept in runs.items():
            row = {"run": name, **measured(asked, Path(folder), name, text, clean, kept)}
            print(f"{name:<32} {row['bits_per_byte']:.4f} {row['interval']}  {row['documents']:,} documents", file=sys.stderr)
            rows.append(row)
    best = rows[1]
    for row in rows:
        row["against_curated"] = round(row["bits_per_byte"] - best["bits_per_byte"], 4)
    table(rows)
    found = {
        "mixture": described,
        "tokens": asked.tokens,
        "runs": rows,
        "gain": round(1 - best["bits_per_byte"] / rows[0]["bits_per_byte"], 4),
    }
    if asked.json:
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, action="append", help="clean text as JSON Lines; default: shared data")
    parser.add_argument("--foreign", type=Path, action="append", help="text of other languages as JSON Lines")
    parser.add_argument("--machine", type=Path, action="append", help="machine-made text as JSON Lines")
    parser.add_argument("--nation", default="korea")
    parser.add_argument("--bytes", type=int, default=6_000_000, help="of clean text in the mixture")
    parser.add_argument("--tokens", type=int, default=600_000, help="that each model is trained on")
    parser.add_argument("--rules", default="all", help="rules to take out in turn: all, none, or names with commas")
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's temporary folder")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not asked.text and not SHARED.exists():
        parser.error(f"there is no text at {SHARED}: give some with --text")
    asked.text = asked.text or [SHARED / f"{name}.jsonl.zst" for name in CLEAN]
    asked.foreign = asked.foreign or [path for name in FOREIGN if (path := SHARED / f"{name}.jsonl.zst").exists()]
    asked.machine = asked.machine or [path for name in MACHINE if (path := SHARED / f"{name}.jsonl.zst").exists()]
    return asked


def mixture(asked: argparse.Namespace, dirty: Path, clean: Path) -> dict[str, int]:
    """Write the dirty mixture and the clean held-out text. Returns bytes by kind of page."""
    lot = random.Random(7)
    pages = list(_pages(asked.text, 2 * asked.bytes))
    lot.shuffle(pages)
    held, train = pages[::HELD_OUT], [page for number, page in enumerate(pages) if number % HELD_OUT]
    train = _up_to(train, asked.bytes)
    headings = [line.lstrip("# ").strip() for page in train for line in page.split("\n") if line.startswith("#")] or ["메뉴"]
    menu = "\n".join(lot.choice(headings)[:24] for _ in range(30))
    footer = "\n".join(lot.choice(headings)[:24] for _ in range(12))
    kinds = {
        "clean": train,
        "menu": (f"{menu}\n\n{page}\n\n{footer}" for page in _cycle(train, lot)),
        "near": (_changed(page, lot) for page in _cycle(train, lot)),
        "foreign": _pages(asked.foreign, asked.bytes),
        "machine": _pages(asked.machine, asked.bytes) if asked.machine else (_shuffled(page, lot) for page in _cycle(train, lot)),
        "list": ("\n".join(lot.choice(headings)[:30] for _ in range(120)) for _ in iter(int, 1)),
    }
    size = sum(len(page.encode()) for page in train)
    rows = [
        (kind, page)
        for kind, source in kinds.items()
        for page in (source if kind == "clean" else _up_to(source, int(SHARES[kind] * size)))
    ]
    lot.shuffle(rows)
    _write(dirty, [{"id": f"{kind}-{number}", "text": page} for number, (kind, page) in enumerate(rows)])
    _write(clean, [{"id": f"held-{number}", "text": page} for number, page in enumerate(_up_to(held, 400_000))])
    return {kind: sum(len(page.encode()) for one, page in rows if one == kind) for kind in kinds}


def measured(asked: argparse.Namespace, folder: Path, name: str, text: Path, clean: Path, filters: list[str]) -> dict[str, Any]:
    """Build a run up to pretraining with these rules, and measure its model on the clean text."""
    run = folder / name.replace(" ", "-")
    command = ["build", asked.nation, "--size", "nano", "--text", text, "--to", "pretrain", "--run", run, "--json"]
    settings = {"corpus.filters": filters, "pretrain.tokens": asked.tokens, "pretrain.epochs": 1000, "corpus.test": 0}
    for key, value in settings.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    stages = {one["stage"]: one["metrics"] for one in sejong(*command)["stages"]}
    found = sejong("evaluate", run, "--text", clean, "--json")
    found = found.get("results", [found])[0] if "bits_per_byte" not in found else found
    corpus = stages["corpus"]
    return {
        "bits_per_byte": found["bits_per_byte"],
        "interval": found["interval"],
        "documents": corpus["documents"],
        "bytes": corpus["bytes"],
        "dropped": corpus["dropped"],
    }


def default_filters(nation: str) -> list[str]:
    """The rules that the nation names."""
    settings = sejong("init", nation, "--json")["settings"]
    return list(next(one["default"] for one in settings if one["name"] == "corpus.filters"))


def sejong(*command: Any) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "sejong.cli", *map(str, command)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"sejong {' '.join(map(str, command[:3]))} … failed (exit {done.returncode})")
    return dict(json.loads(done.stdout))


def table(rows: list[dict[str, Any]]) -> None:
    print(f"{'run':<32} {'bits/byte':>9} {'interval':>18} {'against curated':>16} {'documents':>10} {'MB':>7}")
    for row in rows:
        interval = "–".join(f"{one:.3f}" for one in row["interval"] or [])
        print(
            f"{row['run']:<32} {row['bits_per_byte']:>9.4f} {interval:>18} {row['against_curated']:>+16.4f} "
            f"{row['documents']:>10,} {row['bytes'] / 1e6:>7.2f}"
        )


def _pages(files: list[Path], most: int) -> Iterator[str]:
    """Pages of at most LONGEST characters, from each file in turn, up to `most` bytes of each."""
    for path in files:
        size = 0
        with pa.OSFile(str(path)) as raw:
            stream = pa.CompressedInputStream(raw, "zstd") if path.suffix == ".zst" else raw
            for line in stream.read().decode().splitlines() if path.suffix != ".zst" else _lines(stream):
                page = json.loads(line)["text"][:LONGEST]
                size += len(page.encode())
                if size > most:
                    break
                yield page


def _lines(stream: Any) -> Iterator[str]:
    rest = b""
    while block := stream.read(1 << 20):
        *whole, rest = (rest + block).split(b"\n")
        yield from (one.decode() for one in whole if one.strip())
    if rest.strip():
        yield rest.decode()


def _up_to(pages: Any, most: int) -> list[str]:
    taken, size = [], 0
    for page in pages:
        if size >= most:
            break
        taken.append(page)
        size += len(page.encode())
    return taken


def _cycle(pages: list[str], lot: random.Random) -> Iterator[str]:
    while True:
        yield lot.choice(pages)


def _changed(page: str, lot: random.Random) -> str:
    """The page without a tenth of its lines."""
    return "\n".join(line for line in page.split("\n") if lot.random() > 0.1)


def _shuffled(page: str, lot: random.Random) -> str:
    words = page.split()
    lot.shuffle(words)
    return " ".join(words)


def _write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    main()
