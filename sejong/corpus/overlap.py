"""Where many short texts, or large parts of them, stand in documents: an index of shingles, and a search at reading speed.

Texts and documents are runs of letters (`sejong.corpus.letters`). A shingle is `length` letters, an n-gram `letters` of them; a
text is looked for in pieces of at most `PIECE` shingles. The search rolls one hash over a document (Rabin and Karp 1987), asks a
bit map, then a hash table, and only what is found there is weighed: n-grams are shingles found one after another in the order of
a text, and the share of a piece is counted over its shingles found within `BLOCK` letters.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sejong.compiled import inlined_kernel, kernel
from sejong.corpus.letters import STEP, Codes, Hashes, folded, mix, utf8_of
from sejong.language.scripts import Counts
from sejong.language.utf8 import Bytes, decode

PIECE = 256
BLOCK = 1024  # blocks overlap by half
STRIDE = 4  # of the shingles asked for
CHUNK = 4096  # letters of a document in memory
MANY = 64  # pieces from which a shingle is common wording and stands for none of them


class Index(NamedTuple):
    """What to look for. A shingle is known by its place among the sorted `keys`, a piece by its number."""

    length: int
    letters: int
    bits: Hashes  # a bit map of the keys' upper bits, to pass over most of a document quickly
    shift: np.uint64  # the lower bits, which it leaves out
    keys: Hashes
    slots: NDArray[np.int32]  # hash table of `keys`
    grams: Hashes
    gram_slots: NDArray[np.int32]
    gram_piece: Counts
    first: Counts  # key i stands in pieces[first[i]:first[i + 1]]
    pieces: Counts
    total: Counts  # shingles of each piece
    owner: Counts  # the text of each piece


class Found(NamedTuple):
    """Hits in documents, a row each: the document, the piece, the share of it that was found, the byte where it begins."""

    document: Counts
    piece: Counts
    share: NDArray[np.float64]
    start: Counts


def index_of(texts: list[tuple[str, ...]], length: int, letters: int) -> Index:
    """The index of some texts, each of one or more strings that may stand apart."""
    strings = [string for text in texts for string in text]
    text_of = np.repeat(np.arange(len(texts)), [len(text) for text in texts]).astype(np.int64)
    hashes, string = _shingles(*utf8_of(strings), folded(), length)
    piece, owner = _pieces(text_of[string], len(texts))
    keys, slot = np.unique(hashes, return_inverse=True)
    pairs = np.unique((slot.astype(np.int64) << 32) | piece)
    of_slot, of_piece = pairs >> 32, pairs & 0xFFFFFFFF
    common = np.bincount(of_slot, minlength=len(keys)) > MANY
    rare = ~common[of_slot]
    of_slot, of_piece = of_slot[rare], of_piece[rare]
    first = np.concatenate([[0], np.cumsum(np.bincount(of_slot, minlength=len(keys)))]).astype(np.int64)
    gram, start = _grams(slot.astype(np.int64), string, common, length, letters)
    grams, which = np.unique(gram, return_index=True)
    total = np.bincount(of_piece, minlength=len(owner)).astype(np.int64)
    bits, shift = _bits(keys)
    return Index(
        length, letters, bits, shift, keys, _table(keys), grams, _table(grams), piece[start[which]], first, of_piece, total, owner
    )


def find(index: Index, data: Bytes, offsets: Counts, share: float) -> Found:
    """The pieces of which a document holds an n-gram, or a share of `share` or more, each once a document.

    Args:
        index: what to look for.
        data: UTF-8 of the documents, one after another.
        offsets: where each begins, one more than documents.
        share: of a piece's shingles; pieces of fewer than `letters / 4` are not judged by it.
    """
    if not len(index.keys):
        nothing = np.empty(0, np.int64)
        return Found(nothing, nothing, np.empty(0), nothing)
    return Found(*_find(index, _memory(index), data, offsets, folded(), share))


def _pieces(text: Counts, texts: int) -> tuple[Counts, Counts]:
    """The piece of each shingle, given its text (ascending), and the text of each piece; pieces of a text are of like size."""
    sizes = np.bincount(text, minlength=texts)
    pieces = -(-sizes // PIECE)
    size = -(-sizes // np.maximum(pieces, 1))
    inside = np.arange(len(text)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    piece = (np.cumsum(pieces) - pieces)[text] + inside // np.maximum(size[text], 1)
    return piece.astype(np.int64), np.repeat(np.arange(texts), pieces).astype(np.int64)


def _bits(keys: Hashes) -> tuple[Hashes, np.uint64]:
    """A bit map that is set for the upper bits of each key: about one bit in 32."""
    width = max(12, (32 * len(keys)).bit_length())
    bits = np.zeros(1 << (width - 6), np.uint64)
    shift = np.uint64(64 - width)
    places = keys >> shift
    np.bitwise_or.at(bits, (places >> np.uint64(6)).astype(np.int64), np.uint64(1) << (places & np.uint64(63)))
    return bits, shift


@kernel
def _table(keys: Hashes) -> Any:
    """An open hash table: at the lower bits of a key, or after, its place in `keys`; at most half full."""
    size = 4
    while size < 2 * len(keys):
        size *= 2
    slots = np.full(size, -1, np.int32)
    for place in range(len(keys)):
        at = np.int64(keys[place] & np.uint64(size - 1))
        while slots[at] >= 0:
            at = (at + 1) & (size - 1)
        slots[at] = place
    return slots


@inlined_kernel
def _lookup(keys: Hashes, slots: NDArray[np.int32], key: np.uint64) -> Any:
    """The place of a key, or -1."""
    at = np.int64(key & np.uint64(len(slots) - 1))
    while slots[at] >= 0:
        if keys[slots[at]] == key:
            return np.int64(slots[at])
        at = (at + 1) & (len(slots) - 1)
    return -1


@kernel
def _leaving(length: int) -> np.uint64:
    """What a letter weighs in the rolling hash when it leaves a run of `length` letters."""
    power = np.uint64(1)
    for _ in range(length):
        power *= STEP
    return power


@kernel
def _shingles(data: Bytes, offsets: Counts, fold: Codes, length: int) -> tuple[Any, Any]:
    """The hash of every run of `length` letters of some strings, and the string of each."""
    leaving, ring = _leaving(length), np.zeros(length, np.uint64)
    hashes, string = np.empty(len(data), np.uint64), np.empty(len(data), np.int64)
    count = 0
    for one in range(len(offsets) - 1):
        rolling, seen, place = np.uint64(0), 0, 0
        ring[:] = 0
        at = offsets[one]
        while at < offsets[one + 1]:
            code, width = decode(data, at)
            at += width
            letter = np.uint64(fold[code])
            if letter == 0:
                continue
            rolling = rolling * STEP + letter - ring[place] * leaving
            ring[place] = letter
            place = place + 1 if place + 1 < length else 0
            seen += 1
            if seen >= length:
                hashes[count], string[count] = mix(rolling), one
                count += 1
    return hashes[:count].copy(), string[:count].copy()


@kernel
def _gram(slot: Counts, at: int, span: int, length: int) -> np.uint64:
    """The hash of the n-gram whose first shingle stands at `at`, its last one `span` further; shingles between cover it."""
    key = np.uint64(0)
    for step in range(0, span, length):
        key = mix(key * STEP + np.uint64(slot[at + step]) + np.uint64(1))
    return mix(key * STEP + np.uint64(slot[at + span]) + np.uint64(1))


@kernel
def _grams(slot: Counts, string: Counts, common: NDArray[np.bool_], length: int, letters: int) -> tuple[Any, Any]:
    """The n-grams of all strings and the shingle that each begins with, without those that begin or end in common wording."""
    span = letters - length
    keys, start = np.empty(len(slot), np.uint64), np.empty(len(slot), np.int64)
    count = 0
    for at in range(len(slot) - span):
        if string[at] == string[at + span] and not common[slot[at]] and not common[slot[at + span]]:
            keys[count], start[count] = _gram(slot, at, span, length), at
            count += 1
    return keys[:count].copy(), start[:count].copy()


class _Memory(NamedTuple):
    """Arrays that the search writes on, the same for all documents."""

    seen: Counts  # the block in which a key was seen last
    held: Counts  # distinct shingles of each piece in this block
    begin: Counts  # the byte of the first of them
    best: NDArray[np.float64]  # the best share of each piece in this document
    start: Counts  # the byte where that block's first shingle stands
    whole: NDArray[np.bool_]  # an n-gram of the piece was found
    block: Counts  # pieces met in this block
    document: Counts  # pieces met in this document


def _memory(index: Index) -> _Memory:
    pieces = len(index.total)
    held, begin, start, block, document = (np.zeros(pieces, np.int64) for _ in range(5))
    seen, best, whole = np.full(len(index.keys), -1, np.int64), np.zeros(pieces), np.zeros(pieces, np.bool_)
    return _Memory(seen, held, begin, best, start, whole, block, document)


@kernel
def _larger(values: Any) -> Any:
    grown = np.empty(2 * len(values), values.dtype)
    grown[: len(values)] = values
    return grown


@kernel
def _find(index: Index, memory: _Memory, data: Bytes, offsets: Counts, fold: Codes, share: float) -> tuple[Any, Any, Any, Any]:
    """Look for the pieces in each document: first the shingles, whose hits are few, then what they add up to."""
    documents, pieces, starts = np.empty(64, np.int64), np.empty(64, np.int64), np.empty(64, np.int64)
    shares = np.empty(64, np.float64)
    least = index.letters // 4
    found, blocks = 0, 0
    chunk = np.empty(CHUNK, np.uint64), np.empty(CHUNK, np.int64), np.empty(CHUNK, np.uint64)
    rows = np.empty((1024, 3), np.int64)
    for document in range(len(offsets) - 1):
        bounds = offsets[document], offsets[document + 1]
        rows, hits = _hits(index, data, bounds, fold, chunk, rows)
        if hits < STRIDE:
            continue
        met, blocks = _weigh(index, memory, rows[:hits, 0].copy(), rows[:hits, 1].copy(), rows[:hits, 2].copy(), blocks)
        for piece in memory.document[:met]:
            if memory.whole[piece] or (memory.best[piece] >= share and index.total[piece] >= least):
                if found == len(documents):
                    documents, pieces = _larger(documents), _larger(pieces)
                    shares, starts = _larger(shares), _larger(starts)
                documents[found], pieces[found] = document, piece
                shares[found], starts[found] = memory.best[piece], memory.start[piece]
                found += 1
            memory.best[piece], memory.whole[piece] = 0, False
    return documents[:found].copy(), pieces[:found].copy(), shares[:found].copy(), starts[:found].copy()


@kernel
def _hits(
    index: Index, data: Bytes, bounds: tuple[int, int], fold: Codes, chunk: tuple[Hashes, Counts, Hashes], rows: Counts
) -> tuple[Any, int]:
    """The shingles of a document that the index has, in order: place among the keys, first letter, first byte. Returns the rows
    (those given, or more of them) and how many hold a hit.

    Every `STRIDE`-th is asked for, and where one is found its neighbours are: a run of `STRIDE` or more is found whole.
    """
    # Arrays are taken out of tuples once: each access counts a reference, which costs as much as the rest of the loop.
    length, bits, shift, keys, slots = index.length, index.bits, index.shift, index.keys, index.slots
    letters, begins, rolled = chunk
    leaving = _leaving(length)
    at, end = bounds
    filled, before = 0, 0  # letters in the chunk, and before it
    hits, coarse, recorded = 0, 0, 0  # the next shingle to ask for, and the first that may still be recorded
    while at < end:
        while at < end and filled < CHUNK:
            code, width = decode(data, at)
            letters[filled], begins[filled] = fold[code], at
            filled += fold[code] != 0
            at += width
        count = filled - length + 1
        if count <= 0:
            break
        rolling = np.uint64(0)
        for place in range(length):
            rolling = rolling * STEP + letters[place]
        for place in range(count - 1):
            rolled[place] = rolling
            rolling = rolling * STEP + letters[place + length] - letters[place] * leaving
        rolled[count - 1] = rolling
        while hits + CHUNK > len(rows):
            rows = np.concatenate((rows, np.empty_like(rows)))
        last = before + (count if at == end else count - STRIDE)
        while coarse < last:
            if _asked(bits, shift, keys, slots, rolled[coarse - before]) >= 0:
                for near in range(max(recorded, coarse - STRIDE + 1), min(coarse + STRIDE, before + count)):
                    known = _asked(bits, shift, keys, slots, rolled[near - before])
                    if known >= 0:
                        rows[hits, 0], rows[hits, 1], rows[hits, 2] = known, near, begins[near - before]
                        hits += 1
                recorded = coarse + STRIDE
            coarse += STRIDE
        kept = min(filled, length + 2 * STRIDE)
        for place in range(kept):
            letters[place], begins[place] = letters[filled - kept + place], begins[filled - kept + place]
        before += filled - kept
        filled = kept
    return rows, hits


@inlined_kernel
def _asked(bits: Hashes, shift: np.uint64, keys: Hashes, slots: NDArray[np.int32], rolling: np.uint64) -> Any:
    """The place of a shingle among the keys, or -1: the bit map says no for nearly all."""
    key = mix(rolling)
    top = key >> shift
    if (bits[top >> np.uint64(6)] >> (top & np.uint64(63))) & np.uint64(1):
        return _lookup(keys, slots, key)
    return -1


@kernel
def _weigh(index: Index, memory: _Memory, slot: Counts, letter: Counts, byte: Counts, blocks: int) -> tuple[int, int]:
    """The best share of each piece over the blocks of a document, and whether an n-gram of it is there. Returns how many pieces
    were met, and how many blocks were counted so far."""
    half, hits, met = BLOCK // 2, len(slot), 0
    begin = 0
    while begin < hits:
        number = letter[begin] // half
        of_block = 0
        at, following = begin, hits
        while at < hits and letter[at] < (number + 2) * half:
            if letter[at] >= (number + 1) * half and following == hits:
                following = at
            if memory.seen[slot[at]] != blocks:
                memory.seen[slot[at]] = blocks
                for place in range(index.first[slot[at]], index.first[slot[at] + 1]):
                    piece = index.pieces[place]
                    if memory.held[piece] == 0:
                        memory.block[of_block], memory.begin[piece] = piece, byte[at]
                        of_block += 1
                    memory.held[piece] += 1
            at += 1
        for piece in memory.block[:of_block]:
            share = memory.held[piece] / index.total[piece]
            memory.held[piece] = 0
            if memory.best[piece] == 0:
                memory.document[met] = piece
                met += 1
            if share > memory.best[piece]:
                memory.best[piece], memory.start[piece] = share, memory.begin[piece]
        blocks += 1
        begin = following if following < hits else at
    span = index.letters - index.length
    for at in range(hits - span):
        if letter[at + span] == letter[at] + span:
            gram = _lookup(index.grams, index.gram_slots, _gram(slot, at, span, index.length))
            if gram >= 0:
                memory.whole[index.gram_piece[gram]] = True
    return met, blocks
