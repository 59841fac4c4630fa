"""Learn the tables of `sejong.language.boundaries` anew from a word segmenter and text.

    python scripts/boundaries.py SEGMENTER TEXT.jsonl[.gz|.zst]... [--characters N] [--of M] [--take K] [--out DIR]

Reads K documents of each file's JSON Lines (`text`), at most N characters of each, lets SEGMENTER analyse M parts in M + 1 and
learns from them; the rest, every (M + 1)th document, tells how well the table agrees with its teacher.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from sejong.language import segment
from sejong.language.boundaries import TABLES, learn, spans


def main(segmenter: str, files: list[Path], characters: int, of: int, take: int, out: Path) -> None:
    """Write `<out>/<segmenter>.npy` and print its agreement on each file's rest."""
    lessons, rest = [], {}
    for path in files:
        with pa.input_stream(str(path), compression="detect") as stream:
            texts = [json.loads(line)["text"][:characters] for line in stream.read().splitlines()[:take]]
        analysed = list(zip(texts, segment.spans(segmenter, texts), strict=True))
        rest[path.name] = analysed[of :: of + 1]
        lessons += [one for place, one in enumerate(analysed) if place % (of + 1) != of]
    weights = learn(lessons)
    out.mkdir(exist_ok=True)
    np.save(out / f"{segmenter}.npy", weights)
    print(f"learnt from {sum(len(text.encode()) for text, _ in lessons) / 1e6:.1f} MB")
    for name, found in rest.items():
        print(f"{name:<28} {agreement(weights, found):.4f} of boundaries within words (F1), {len(found)} documents")


def agreement(weights: np.ndarray, analysed: list) -> float:  # type: ignore[type-arg]
    """F1 of the boundaries between visible characters that touch."""
    right = ours = theirs = 0
    for text, expected in analysed:
        data = text.encode("utf-8", "replace")
        starts, _, _ = spans(weights, np.frombuffer(data, np.uint8), np.array([0, len(data)]))
        begins = np.flatnonzero((np.frombuffer(data, np.uint8) & 0xC0) != 0x80)
        mine = set(np.searchsorted(begins, starts).tolist())
        inside = {place for place in range(1, len(text)) if not text[place].isspace() and not text[place - 1].isspace()}
        mine, true = mine & inside, {start for start, _ in expected} & inside
        right, ours, theirs = right + len(mine & true), ours + len(mine), theirs + len(true)
    return 2 * right / max(ours + theirs, 1)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("segmenter")
    asked.add_argument("texts", type=Path, nargs="+")
    asked.add_argument("--characters", type=int, default=20_000)
    asked.add_argument("--of", type=int, default=9)
    asked.add_argument("--take", type=int, default=1_000_000)
    asked.add_argument("--out", type=Path, default=TABLES)
    found = asked.parse_args()
    main(found.segmenter, found.texts, found.characters, found.of, found.take, found.out)
