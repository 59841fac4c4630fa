"""The items of evaluation sets, as texts to look for in the corpus.

An item is a string field of a row, questions and contexts alike; what is too short to be told from common speech (the choices
of a question) makes one item together with the other short strings of its row. Rows come from JSON Lines (plain, `.gz`, `.bz2`,
`.zst`), JSON, Parquet or TOML. Names, addresses and numbers are no text and left out, and so are templates with `{…}`.
"""

import hashlib
import io
import json
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import regex

from sejong.errors import Failed, Refused
from sejong.recipe import OutsideFile

COMPRESSED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
LETTERS = regex.compile(r"[^\p{L}\p{M}\p{N}]+")
CODE = regex.compile(r"[\x21-\x7e]+")  # one run of ASCII: an address, an identifier, a label


class Item(NamedTuple):
    """Strings to look for: which set they are from, which row (from 1) of it, and the strings."""

    set: str
    row: int
    strings: tuple[str, ...]


def items_of(files: list[OutsideFile], shortest: int, least: int) -> list[Item]:
    """The items of all sets; of equal ones only the first.

    Args:
        files: the evaluation sets.
        shortest: letters of an item; strings of fewer are joined with those of their row.
        least: letters from which a string counts at all.

    Raises:
        Refused: a file cannot be read as rows, or is another one than the recipe says.
    """
    found: dict[tuple[str, ...], Item] = {}
    for file in files:
        for number, row in enumerate(_rows(file), 1):
            short: list[str] = []
            for text in _strings(row):
                size = len(LETTERS.sub("", text))
                if size >= shortest:
                    found.setdefault((text,), Item(file.name, number, (text,)))
                elif size >= least:
                    short.append(text)
            if sum(len(LETTERS.sub("", one)) for one in short) >= shortest:
                found.setdefault(tuple(short), Item(file.name, number, tuple(short)))
    return list(found.values())


def content(file: OutsideFile) -> bytes:
    """The bytes of a file that a recipe names.

    Raises:
        Refused: it cannot be read.
        Failed: it is not the file that was there when the build began.
    """
    try:
        data = Path(file.path).read_bytes()
    except OSError as error:
        raise Refused(f"{file.path} cannot be read ({error.strerror}): give a file that is there") from error
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise Failed(f"{file.path} has changed since the build began: run the same command again")
    return data


def _rows(file: OutsideFile) -> Iterator[Any]:
    name = Path(file.path)
    try:
        data = content(file)
        if kind := COMPRESSED.get(name.suffix):
            data = pa.input_stream(pa.py_buffer(data), compression=kind).read()
            name = name.with_suffix("")
        if name.suffix == ".parquet":
            for batch in pq.ParquetFile(io.BytesIO(data)).iter_batches():
                yield from batch.to_pylist()
        elif name.suffix == ".toml":
            yield tomllib.loads(data.decode())
        elif name.suffix == ".json":
            whole = json.loads(data)
            yield from whole if isinstance(whole, list) else [whole]
        else:
            for line in data.decode("utf-8-sig").splitlines():
                if line.strip():
                    yield json.loads(line)
    except (OSError, ValueError) as error:
        raise Refused(f"{file.path} is not an evaluation set ({error}): give JSON Lines, JSON, Parquet or TOML") from error


def _strings(value: Any) -> Iterator[str]:
    """Every text in a row, however deep, in order."""
    if isinstance(value, str):
        text = unicodedata.normalize("NFC", value)
        if not CODE.fullmatch(text.strip()) and "{" not in text:
            yield text
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
