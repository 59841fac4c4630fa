"""Open-addressing tables and exact comparisons that the kernels about repetition share.

A slot holds 32 bits of a hash and the number of an entry plus one; 0 is an empty slot. Whether two entries are the same is
decided by their bytes, never by their hash, so that no collision changes what is counted.
"""

from typing import Any

import numpy as np

from sejong.compiled import kernel
from sejong.corpus.kernels.memory import load, store

LOW = np.uint64(0xFFFFFFFF)
ODD = np.uint64(0xD6E8FEB86659FD93)


@kernel
def table_size(entries: int) -> int:
    """Slots of a table that is at most half full."""
    size = 16
    while size < 2 * entries:
        size *= 2
    return size


@kernel
def mixed(value: Any) -> Any:
    """Every upper bit depends on every bit."""
    value = (value ^ (value >> np.uint64(32))) * ODD
    return value ^ (value >> np.uint64(32))


@kernel
def same(data: Any, one: int, other: int, length: int) -> bool:
    """Whether two runs of bytes are equal."""
    if length >= 8:
        last = length - 8
        place = 0
        while place < last:
            if load(data, one + place) != load(data, other + place):
                return False
            place += 8
        return bool(load(data, one + last) == load(data, other + last))
    if max(one, other) + 8 <= len(data):
        return bool((load(data, one) ^ load(data, other)) << np.uint64(8 * (8 - length)) == 0) if length else True
    for place in range(length):  # noqa: SIM110  # a kernel
        if data[one + place] != data[other + place]:
            return False
    return True


@kernel
def copy(data: Any, begin: int, stop: int, out: Any, to: int) -> int:
    """Copy some bytes; where the copy ends. Up to seven bytes behind it may be overwritten, which must lie in `out`."""
    while begin + 8 <= len(data) and begin < stop:
        store(out, to, load(data, begin))
        begin += 8
        to += 8
    if begin > stop:
        return to - (begin - stop)
    while begin < stop:
        out[to] = data[begin]
        begin += 1
        to += 1
    return to
