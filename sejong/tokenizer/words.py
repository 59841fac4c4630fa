"""The words that training counts: text cut where the tokenizer will cut it, counted source by source, and weighed.

Counts are tempered: a word that a source holds `c` times weighs `c` to a power below one, and a source of `b` bytes counts as if
it had `b` to a power. Raw counts fill a vocabulary with what one large source repeats; measured on sources that training did not
see, that costs more than any other choice (docs/decisions/0009).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice, pairwise

import numpy as np
import regex

from sejong.language import Span, boundaries, segment
from sejong.tokenizer.merges import Ids, Words

LONGEST_PIECE = 64  # characters
DISTINCT = 2_000_000  # words counted at a time; the rarest are forgotten beyond
SYMBOLS = 40_000_000  # the heaviest words of so many symbols are learnt from
UNIT = 100  # what a word met once in the largest source weighs
BATCH = 256

Counts = Mapping[str, Mapping[str, int]]


def count(texts: Iterable[tuple[str, str]], pattern: str, segmenter: str = "") -> dict[str, Counter[str]]:
    """How often each word stands in the texts of each source.

    Args:
        texts: pairs of a source's name and a text.
        pattern: what cuts a text into words; a word is cut again after LONGEST_PIECE characters.
        segmenter: words are cut where its units begin, too; empty: they are not.

    Raises:
        Refused: no segmenter has that name.
        Failed: the package behind it is not installed.
    """
    cut = regex.compile(pattern)
    found: dict[str, Counter[str]] = {}
    remaining = iter(texts)
    while batch := list(islice(remaining, BATCH)):
        parts = with_boundaries(segmenter, [text for _, text in batch]) if segmenter else [[text] for _, text in batch]
        for (source, _), some in zip(batch, parts, strict=True):
            words = chain.from_iterable(map(cut.findall, some))
            found.setdefault(source, Counter()).update(chain.from_iterable(map(_short, words)))
        if sum(map(len, found.values())) > DISTINCT:
            found = without_the_rarest(found)
    return found


def weigh(counts: Counts, temper: float, balance: float) -> dict[str, int]:
    """One weight a word, from how often each source holds it; in the order of the words.

    A word that was met once in all counts as in the largest source, so that a small source does not teach its typing errors.
    """
    sizes = {source: max(sum(len(word.encode()) * times for word, times in own.items()), 1) for source, own in counts.items()}
    largest = max(sizes.values(), default=1)
    total: dict[str, float] = {}
    times_met: Counter[str] = Counter()
    for source in sorted(counts):
        factor = UNIT * (largest / sizes[source]) ** (1 - balance)
        for word, times in counts[source].items():
            total[word] = total.get(word, 0.0) + factor * times**temper
            times_met[word] += times
    return {word: UNIT if times_met[word] == 1 else round(total[word]) for word in sorted(total)}


def as_bytes(weights: Mapping[str, int], ids: Ids) -> Words:
    """The words as the ids of their bytes: byte `b` is `ids[b]`."""
    encoded = {word: word.encode() for word in weights}
    chosen = _heaviest(weights, {word: len(one) for word, one in encoded.items()})
    symbols = ids[np.frombuffer(b"".join(encoded[word] for word in chosen), np.uint8)]
    return _words(symbols, [len(encoded[word]) for word in chosen], [weights[word] for word in chosen])


def as_ids(weights: Mapping[str, int], ids: Mapping[str, list[int]]) -> Words:
    """The words as the ids that stand for them now."""
    chosen = _heaviest(weights, {word: len(ids[word]) for word in weights})
    symbols = np.fromiter(chain.from_iterable(ids[word] for word in chosen), np.int32)
    return _words(symbols, [len(ids[word]) for word in chosen], [weights[word] for word in chosen])


def with_boundaries(segmenter: str, texts: list[str]) -> list[list[str]]:
    """Each text in parts, cut where a unit begins inside a run of visible characters.

    At a space nothing is cut: the space belongs to the word after it, at inference too.
    """
    parts = []
    for text, units in zip(texts, spans(segmenter, texts), strict=True):
        cuts = [0, *(start for (_, before), (start, _) in pairwise(units) if before == start), len(text)]
        parts.append([text[start:end] for start, end in pairwise(cuts) if end > start])
    return parts


def spans(segmenter: str, texts: list[str]) -> list[list[Span]]:
    """Character spans of the units of each text, by a word segmenter or by a table of boundaries learnt from one."""
    if segmenter not in boundaries.names():
        return segment.spans(segmenter, texts)
    return [_by_table(segmenter, text) for text in texts]


def _by_table(name: str, text: str) -> list[Span]:
    data = np.frombuffer(text.encode(), np.uint8)
    starts, ends, _ = boundaries.spans(boundaries.shipped(name), data, np.array([0, len(data)], np.int64))
    before = np.concatenate([[0], np.cumsum((data & 0xC0) != 0x80)])  # characters that begin before each byte
    return list(zip(before[starts].tolist(), before[ends].tolist(), strict=True))


def _short(word: str) -> Iterator[str]:
    return (word[start : start + LONGEST_PIECE] for start in range(0, len(word), LONGEST_PIECE))


def without_the_rarest(found: dict[str, Counter[str]]) -> dict[str, Counter[str]]:
    """At most half of DISTINCT words: those met least often go first, source by source."""
    least = 1
    while sum(map(len, found.values())) > DISTINCT // 2:
        found = {source: Counter({word: n for word, n in own.items() if n > least}) for source, own in found.items()}
        least *= 2
    return found


def _heaviest(weights: Mapping[str, int], sizes: Mapping[str, int]) -> list[str]:
    if sum(sizes.values()) <= SYMBOLS:
        return list(weights)
    order = sorted(weights, key=lambda word: (-weights[word], word))
    reached = np.cumsum([sizes[word] for word in order])
    return sorted(order[: int(np.searchsorted(reached, SYMBOLS, "right"))])


def _words(symbols: Ids, sizes: list[int], weights: list[int]) -> Words:
    offsets = np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64)
    return Words(symbols, offsets, np.array(weights, np.int64))
