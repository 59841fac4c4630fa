"""The trainer against its definition."""

from collections import Counter
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.tokenizer.merges import Merge, Words, extended, learn

KNOWN = [bytes([byte]) for byte in range(256)]


def as_words(counts: dict[str, int]) -> Words:
    encoded = [word.encode() for word in counts]
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in encoded])]).astype(np.int64)
    symbols = np.frombuffer(b"".join(encoded), np.uint8).astype(np.int32)
    return Words(symbols, offsets, np.array(list(counts.values()), np.int64))


def by_definition(counts: dict[str, int], tokens: int, longest: int, least: int) -> list[Merge]:
    """Count every pair anew before each merge; the heaviest is joined, of equals the one of lower ids, from left to right."""
    known, found = list(KNOWN), []
    state = {word: list(word.encode()) for word in counts}
    while len(known) < len(KNOWN) + tokens:
        pairs = Counter[tuple[int, int]]()
        for word, ids in state.items():
            for pair in pairwise(ids):
                pairs[pair] += counts[word]
        allowed = [(-n, pair) for pair, n in pairs.items() if n >= least and sum(len(known[one]) for one in pair) <= longest]
        if not allowed:
            break
        left, right = min(allowed)[1]
        token = known[left] + known[right]
        if token not in known:
            known.append(token)
        joined = known.index(token)
        found.append((left, right, joined))
        for word, ids in state.items():
            new: list[int] = []
            for one in ids:
                if new and not isinstance(new[-1], bool) and new[-1] == left and one == right:
                    new[-1] = -1 - joined  # marked, so that what was just joined is not joined again in this pass
                else:
                    new.append(one)
            state[word] = [-1 - one if one < 0 else one for one in new]
    return found


@settings(max_examples=150, deadline=None)
@given(
    counts=st.dictionaries(st.text("abc한", min_size=1, max_size=9), st.integers(1, 6), min_size=1, max_size=25),
    longest=st.sampled_from([4, 9, 48]),
    least=st.integers(1, 6),
)
def test_every_merge_is_the_heaviest_pair(counts: dict[str, int], longest: int, least: int) -> None:
    assert learn(as_words(counts), KNOWN, 40, longest, least) == by_definition(counts, 40, longest, least)


def test_it_goes_on_from_a_vocabulary() -> None:
    words = as_words({"ababcd": 5, "cdcd": 3})
    first = learn(words, KNOWN, 2, 48, 1)
    known = extended(KNOWN, first)
    assert [known[joined] for *_, joined in first] == [b"cd", b"ab"]
    ids = Words(np.array([257, 257, 256, 256, 256], np.int32), np.array([0, 3, 5], np.int64), np.array([5, 3], np.int64))
    assert learn(ids, known, 1, 48, 1) == [(257, 256, 258)]
    never = [b"" if token == b"ab" else token for token in known]
    assert learn(ids, never, 1, 48, 1) == [(256, 256, 258)], "a token without bytes is joined to nothing"


def test_no_words_give_no_merges() -> None:
    assert learn(as_words({}), KNOWN, 5, 48, 1) == []
