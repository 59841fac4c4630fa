"""Where a slow word segmenter would put its boundaries, decided in compiled code by a table learnt from it.

Between each two visible characters a linear model (averaged perceptron, Freund and Schapire 1999; Collins 2002) says whether a
unit begins. It sees the three characters on each side, in runs of one to four, and how long the open unit is; each such feature
is a hash into one table of small integers, so that a decision is 14 look-ups and a sum. Digits are one character to it, Latin
letters another. A character fused of a stem and an ending is not cut, as in `segment.spans`.

The tables that ship are named after their teacher (`kiwi-fast`); `scripts/boundaries.py` learns them and prints their agreement.
"""

import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import inlined_kernel, kernel
from sejong.errors import Refused, did_you_mean
from sejong.language import Span
from sejong.language.scripts import CODE_POINTS, table

Bytes = NDArray[np.uint8]
Codes = NDArray[np.uint32]
Counts = NDArray[np.int64]
Table = NDArray[np.int8]

TABLES = Path(__file__).parent / "tables"
SUFFIX = "-fast"
EDGE = 3  # empty characters before and after each document
FEATURES = 14
LONGEST = 4  # characters of the open unit that are told apart
NOTHING, SPACE, DIGIT, LATIN = 0, 32, 48, 97
GAP, BEGINS, GOES_ON = 0, 1, 2
MARGIN = 2.0  # a decision closer than this is learnt from, right or wrong
STEP = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio


def names() -> list[str]:
    """The tables that ship."""
    return sorted(path.stem + SUFFIX for path in TABLES.glob("*.npy"))


def shipped(name: str) -> Table:
    """A table that ships with Sejong.

    Raises:
        Refused: none has that name.
    """
    if name not in names():
        raise Refused(f"there is no table of word boundaries `{name}`: {did_you_mean(name, names())}")
    return _read(TABLES / f"{name.removesuffix(SUFFIX)}.npy")


def outside_model(name: str) -> dict[str, str]:
    """The row of `outside_models.json` for a table that ships: it was learnt from a segmenter made by others."""
    path = TABLES / f"{name.removesuffix(SUFFIX)}.npy"
    return {
        "name": f"word boundaries learnt from {path.stem}",
        "version": "as shipped",
        "licence": "Apache-2.0",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "role": "units that quality rules count",
    }


def spans(weights: Table, data: Bytes, offsets: Counts) -> tuple[Counts, Counts, Counts]:
    """The units of a batch of documents by a table.

    Args:
        weights: from `shipped` or `learn`; its size is a power of two.
        data: the documents as UTF-8, one after another.
        offsets: where each document begins in `data`, and the end of the last (one more than documents).

    Returns:
        Where each unit begins and ends in `data`, and the number of its document.
    """
    codes, places, documents = _characters(data, offsets)
    flags = _decide(codes, weights, _shift(weights))
    begins = np.flatnonzero(flags == BEGINS)
    # A unit ends where the next character is not part of it.
    ends = np.flatnonzero((flags[:-1] != GAP) & (flags[1:] != GOES_ON))
    return places[begins], places[ends + 1], documents[begins]


def learn(lessons: Iterable[tuple[str, Sequence[Span]]], bits: int = 17, epochs: int = 8) -> Table:
    """A table of `2 ** bits` weights from texts with the spans that a segmenter gave them (`segment.spans`)."""
    codes: list[Codes] = [np.zeros(EDGE, np.uint32)]
    begins: list[NDArray[np.bool_]] = [np.zeros(EDGE, bool)]
    for text, found in lessons:
        own = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        marked = np.zeros(len(own) + EDGE, bool)
        marked[[start for start, _ in found]] = True
        codes += [_folded()[own], np.zeros(EDGE, np.uint32)]
        begins.append(marked)
    weights = _train(np.concatenate(codes), np.concatenate(begins), bits, epochs)
    largest = max(float(np.quantile(np.abs(weights), 0.9999)), 1.0)
    return np.clip(np.round(weights * (127 / largest)), -127, 127).astype(np.int8)


@cache
def _read(path: Path) -> Table:
    weights: Table = np.load(path)
    return weights


@cache
def _folded() -> Codes:
    codes = np.arange(CODE_POINTS, dtype=np.uint32)
    codes[table(r"\p{Nd}")] = DIGIT
    codes[table(r"\p{Latin}")] = LATIN
    codes[table(r"\s")] = SPACE
    return codes


def _shift(weights: Table) -> np.uint64:
    """How far a hash is shifted to be a place in the table."""
    return np.uint64(64 - (len(weights).bit_length() - 1))


def _characters(data: Bytes, offsets: Counts) -> tuple[Codes, Counts, Counts]:
    """The folded characters of a batch with empty ones around each document; the byte each begins at; its document."""
    text = data.tobytes().decode()
    begins = np.append(np.flatnonzero((data & 0xC0) != 0x80), len(data))
    firsts = np.searchsorted(begins, offsets)
    counts = np.diff(firsts)
    documents = np.repeat(np.arange(len(counts)), counts)
    at = np.arange(len(documents)) + EDGE * (documents + 1)
    size = len(documents) + EDGE * (len(counts) + 1)
    codes = np.zeros(size, np.uint32)
    codes[at] = _folded()[np.frombuffer(text.encode("utf-32-le"), np.uint32)]
    places = np.zeros(size, np.int64)
    places[at] = begins[: len(documents)]
    places[at[counts.cumsum()[counts > 0] - 1] + 1] = offsets[1:][counts > 0]  # behind the last character of each
    owner = np.zeros(size, np.int64)
    owner[at] = documents
    return codes, places, owner


@inlined_kernel
def _features(codes: Codes, at: int, length: int, shift: np.uint64, found: NDArray[np.uint64]) -> None:
    """The places in the table that speak about a boundary before the character `at`, the open unit being `length` long."""
    a, b, c = np.uint64(codes[at - 3]), np.uint64(codes[at - 2]), np.uint64(codes[at - 1])
    d, e, f = np.uint64(codes[at]), np.uint64(codes[at + 1]), np.uint64(codes[at + 2])
    open_unit = np.uint64(min(length, LONGEST))
    s = STEP
    bc, cd, de = b * s + c, c * s + d, d * s + e
    bcd, cde, abc = bc * s + d, cd * s + e, (a * s + b) * s + c
    found[0] = (cd * s + np.uint64(1)) * s >> shift
    found[1] = (bcd * s + np.uint64(2)) * s >> shift
    found[2] = (cde * s + np.uint64(3)) * s >> shift
    found[3] = (de * s + np.uint64(4)) * s >> shift
    found[4] = (bc * s + np.uint64(5)) * s >> shift
    found[5] = ((de * s + f) * s + np.uint64(6)) * s >> shift
    found[6] = (abc * s + np.uint64(7)) * s >> shift
    found[7] = ((bcd * s + e) * s + np.uint64(8)) * s >> shift
    found[8] = (c * s + np.uint64(9)) * s >> shift
    found[9] = (d * s + np.uint64(10)) * s >> shift
    found[10] = ((cde * s + f) * s + np.uint64(11)) * s >> shift
    found[11] = ((abc * s + d) * s + np.uint64(12)) * s >> shift
    found[12] = ((c * s + open_unit) * s + np.uint64(13)) * s >> shift
    found[13] = ((cd * s + open_unit) * s + np.uint64(14)) * s >> shift


@kernel
def _decide(codes: Codes, weights: Table, shift: np.uint64) -> Bytes:
    """Of every character whether it lies between units, begins one or goes on with one."""
    flags = np.zeros(len(codes), np.uint8)
    found = np.empty(FEATURES, np.uint64)
    length = 0
    for at in range(EDGE, len(codes) - EDGE):
        if codes[at] == SPACE or codes[at] == NOTHING:
            length = 0
            continue
        total = np.int64(1)
        if length > 0:
            _features(codes, at, length, shift, found)
            total = np.int64(0)
            for one in range(FEATURES):
                total += weights[found[one]]
        flags[at] = BEGINS if total > 0 else GOES_ON
        length = 1 if total > 0 else length + 1
    return flags


@kernel
def _train(codes: Codes, begins: NDArray[np.bool_], bits: int, epochs: int) -> NDArray[np.float64]:
    """The averaged perceptron; every weight is a sum of whole numbers until it is averaged."""
    weights, weighted = np.zeros(1 << bits), np.zeros(1 << bits)
    shift = np.uint64(64 - bits)
    found = np.empty(FEATURES, np.uint64)
    lesson = 1.0
    for _ in range(epochs):
        length = 0
        for at in range(EDGE, len(codes) - EDGE):
            if codes[at] == SPACE or codes[at] == NOTHING:
                length = 0
                continue
            if length == 0:
                length = 1
                continue
            _features(codes, at, length, shift, found)
            total = 0.0
            for one in range(FEATURES):
                total += weights[found[one]]
            truth = 1.0 if begins[at] else -1.0
            if total * truth <= MARGIN:
                for one in range(FEATURES):
                    weights[found[one]] += truth
                    weighted[found[one]] += truth * lesson
            lesson += 1.0
            length = 1 if total > 0 else length + 1
    return weights - weighted / lesson
