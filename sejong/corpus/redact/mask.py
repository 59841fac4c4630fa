"""A column of texts with its identifiers masked, and where the masks stand."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.compiled import kernel
from sejong.corpus.redact.characters import Bytes, normal
from sejong.corpus.redact.kinds import Finder, finder, limits
from sejong.corpus.redact.places import Integers, places, whole
from sejong.corpus.redact.words import BEFORE, BEHIND, Company, Words, company
from sejong.language.utf8 import utf8_of

SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string())]))
WIDEST = 4  # bytes of a character

Hit = tuple[int, int, int]  # start, end (bytes of the column), document


@dataclass(frozen=True)
class Identifiers:
    """What to mask: kinds by name as in `pii.toml`, and for a kind its `near` and `unlike` words (table `words`). Where two
    kinds claim the same characters, the earlier has them."""

    kinds: Sequence[str]
    words: Words = field(default_factory=dict)


def redact(texts: Any, wanted: Identifiers | Sequence[str]) -> tuple[pa.ChunkedArray, pa.Array]:
    """Mask identifiers in a column of texts.

    Args:
        texts: a column of strings; nulls stay.
        wanted: what to mask; with kinds alone their form decides.

    Returns:
        The texts, and for each a list of `{start, end, kind}`: where the tokens stand in the returned text, in characters.
    """
    kinds, words = (wanted.kinds, wanted.words) if isinstance(wanted, Identifiers) else (wanted, {})
    column = _one_chunk(texts).cast(pa.large_string())
    data, offsets = utf8_of(column)
    found = hits(data, offsets, kinds, words)
    if not found:
        return pa.chunked_array([_one_chunk(texts)]), pa.array([[]] * len(column), SPANS)
    starts, ends, documents, kind = (np.array(one, np.int64) for one in zip(*found, strict=True))
    masked = _masked(data, offsets, [token(one) for one in kinds], starts, ends, documents, kind)
    masked = pc.if_else(column.is_valid(), masked, None) if column.null_count else masked
    return pa.chunked_array([masked.cast(texts.type)]), _spans(data, offsets, kinds, starts, ends, documents, kind)


def token(kind: str) -> str:
    """What stands in the place of an identifier of this kind."""
    return f"<{kind.partition(':')[0].upper()}>"


def hits(
    data: Bytes, offsets: Integers, kinds: Sequence[str], words: Words | None = None, *, thorough: bool = False
) -> list[tuple[int, int, int, int]]:
    """What to mask in the documents `data[offsets[i]:offsets[i + 1]]`: start, end, document, index of the kind, in order.

    Args:
        thorough: read every text from end to end, instead of the places where something may stand; the result is the same.
    """
    finders = [finder(kind) for kind in kinds]
    companies = [_company(kind, one, words or {}) for kind, one in zip(kinds, finders, strict=True)]
    by_kind: list[list[Hit]] = [[] for _ in kinds]
    rows = whole(offsets) if thorough else places(data, offsets, limits(finders))
    for start, end, document, sort, digits in rows.tolist():
        wanted = [one for one, own in enumerate(finders) if own.sort & sort and digits >= own.least]
        if wanted:
            _look(data, offsets, (start, end, document), [(finders[one], companies[one], by_kind[one]) for one in wanted])
    for own, one, found in zip(finders, companies, by_kind, strict=True):
        if own.hint:
            for document in _hinted(data, offsets, own.hint, thorough):
                _look(data, offsets, (int(offsets[document]), int(offsets[document + 1]), document), [(own, one, found)])
    return _settled(by_kind)


def _company(kind: str, own: Finder, words: Words) -> Company:
    given: Mapping[str, Sequence[str]] = words.get(kind, {})
    return company(given.get("near", ()), own.near, given.get("unlike", ()))


def _look(data: Bytes, offsets: Integers, place: Hit, finders: list[tuple[Finder, Company, list[Hit]]]) -> None:
    """Add what each finder sees at a place."""
    start, end, document = place
    text = data[start:end].tobytes().decode()
    plain = normal(text)
    for own, words, found in finders:
        seen, high = 0, start  # a character, and the byte it stands at
        for first, last, grade in own.look(plain):
            low = high + len(text[seen:first].encode())
            seen, high = last, low + len(text[first:last].encode())
            if words.masks(grade, *_beside(data, offsets, low, high, document)):
                found.append((low, high, document))


def _beside(data: Bytes, offsets: Integers, low: int, high: int, document: int) -> tuple[str, str]:
    """What stands before and behind, within the document."""
    before = data[max(int(offsets[document]), low - BEFORE * WIDEST) : low]
    behind = data[high : min(int(offsets[document + 1]), high + BEHIND * WIDEST)]
    return before.tobytes().decode(errors="ignore"), behind.tobytes().decode(errors="ignore")


def _hinted(data: Bytes, offsets: Integers, hint: str, thorough: bool) -> list[int]:
    """The documents in which the hint occurs."""
    if thorough:
        return list(range(len(offsets) - 1))
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    column = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
    return np.flatnonzero(np.asarray(pc.match_substring_regex(column, hint))).tolist()


def _settled(by_kind: list[list[Hit]]) -> list[tuple[int, int, int, int]]:
    """In order, without overlaps: an earlier kind keeps what a later one also claims."""
    taken: list[tuple[int, int, int, int]] = []
    for kind, found in enumerate(by_kind):
        fresh: list[tuple[int, int, int, int]] = []
        for start, end, document in sorted(set(found)):
            after = bisect_left(taken, (start,))
            free = (after == 0 or taken[after - 1][1] <= start) and (after == len(taken) or taken[after][0] >= end)
            if free and (not fresh or fresh[-1][1] <= start):
                fresh.append((start, end, document, kind))
        taken = sorted([*taken, *fresh])
    return taken


def _masked(
    data: Bytes, offsets: Integers, tokens: list[str], starts: Integers, ends: Integers, documents: Integers, kinds: Integers
) -> pa.Array:
    """The column with tokens in the places of the hits."""
    raw = memoryview(data.data)
    marks = [one.encode() for one in tokens]
    pieces: list[Any] = []
    reached = int(offsets[0])
    for start, end, kind in zip(starts.tolist(), ends.tolist(), kinds.tolist(), strict=True):
        pieces += [raw[reached:start], marks[kind]]
        reached = end
    pieces.append(raw[reached : int(offsets[-1])])
    growth = np.array([len(one) for one in marks])[kinds] - (ends - starts)
    before = np.concatenate([[0], np.cumsum(np.bincount(documents, growth, len(offsets) - 1).astype(np.int64))])
    buffers = [None, pa.py_buffer(offsets - offsets[0] + before), pa.py_buffer(b"".join(pieces))]
    return pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)


def _spans(
    data: Bytes, offsets: Integers, kinds: Sequence[str], starts: Integers, ends: Integers, documents: Integers, kind: Integers
) -> pa.Array:
    """Where the tokens stand in the masked texts."""
    sizes = np.array([len(token(one)) for one in kinds])[kind]
    first = _characters(data, offsets, starts, ends, documents, sizes)
    struct = pa.StructArray.from_arrays(
        [
            pa.array(first, pa.int32()),
            pa.array(first + sizes, pa.int32()),
            pa.DictionaryArray.from_arrays(pa.array(kind, pa.int32()), pa.array(list(kinds), pa.string())).cast(pa.string()),
        ],
        fields=list(SPANS.value_type),
    )
    borders = np.concatenate([[0], np.cumsum(np.bincount(documents, minlength=len(offsets) - 1))])
    return pa.ListArray.from_arrays(pa.array(borders, pa.int32()), struct).cast(SPANS)


@kernel
def _characters(data: Any, offsets: Any, starts: Any, ends: Any, documents: Any, sizes: Any) -> Any:
    """Characters of each document before each token."""
    found = np.empty(len(starts), np.int64)
    document, reached, count = -1, 0, 0
    for hit in range(len(starts)):
        if documents[hit] != document:
            document, count = documents[hit], 0
            reached = offsets[document]
        for at in range(reached, starts[hit]):
            count += data[at] & 0xC0 != 0x80
        found[hit] = count
        count += sizes[hit]
        reached = ends[hit]
    return found


def _one_chunk(texts: Any) -> pa.Array:
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks) if chunks else pa.array([], texts.type)
