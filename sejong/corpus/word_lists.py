"""Word lists that a recipe brings along (`corpus.word_lists`): how often their words stand in a document.

A list says nothing about a document by itself: speech about oneself, dialect and medicine use many a listed word. So words are
only counted, as the signal `words:<list>`, a number a thousand words (a thousand letters, where the language writes no spaces).
Only a recipe that names the rule `word_list` drops what has more of one list than its limit `at_most`.

A list is UTF-8 text with a word or phrase a line, `#` before a remark. Case and punctuation do not matter. An entry is a whole
word; `*` at its beginning or end lets the word go on there (Korean: `단어*` is also found with particles). Entries in scripts
that write no spaces are found anywhere.
"""

import unicodedata
from typing import Any, NamedTuple

import numpy as np

from sejong.compiled import inlined_kernel, kernel
from sejong.corpus.items import content
from sejong.corpus.judge import Judgement, Step
from sejong.corpus.letters import STEP, Codes, Hashes, folded, mix, spaceless, writes_no_spaces
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.language.scripts import Bools, Counts
from sejong.language.utf8 import Bytes, decode
from sejong.recipe import CorpusSettings, OutsideFile

RULE = "word_list"
MOST = 63  # lists
SPACE = 1  # stands for a run of what is no letter
FILTER_BITS = 16


class Trie(NamedTuple):
    """The entries of all lists, letter by letter. Node 0 is the root."""

    begins: Hashes  # a bit map of the first two letters of entries
    edges: Counts  # hash table of (node, letter)
    children: Counts  # the node that each edge leads to
    lists: Counts  # of each node: bits of the lists that have the entry which ends there


def prepare(settings: CorpusSettings) -> Step:
    """The step that counts, and drops where `corpus.filters` names `word_list`.

    Raises:
        Refused: a list cannot be read, an entry is a single letter, or the limit is missing or negative.
    """
    names = [file.name for file in settings.word_lists]
    trie = trie_of([entries(file) for file in settings.word_lists])
    letters = writes_no_spaces(settings.scripts)
    at_most = _limit(settings) if RULE in settings.filters else np.inf

    def step(pages: Pages) -> Judgement:
        counts, words, letters_of = count(trie, *pages.utf8, len(names))
        rates = 1000 * counts / np.maximum(letters_of if letters else words, 1)[:, None]
        over: Bools = rates > at_most
        broken: Bools = np.logical_or.reduce(over, axis=1)

        def reason(document: int) -> str:
            first = int(np.argmax(over[document]))
            unit = "letters" if letters else "words"
            return (
                f"{rates[document, first]:.1f} of a thousand {unit} stand in the list `{names[first]}`, more than {at_most:g} "
                f"({counts[document, first]:,} in all)"
            )

        return Judgement(broken, reason, {f"words:{name}": rates[:, place] for place, name in enumerate(names)})

    return step


def entries(file: OutsideFile) -> list[list[int]]:
    """The entries of a list as letters, `SPACE` where a word must begin or end.

    Raises:
        Refused: it is not UTF-8, or an entry is a single letter that may stand anywhere.
    """
    try:
        lines = content(file).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise Refused(f"the word list {file.path} is not UTF-8 ({error}): save it as UTF-8") from error
    found = []
    for number, line in enumerate(lines, 1):
        entry = unicodedata.normalize("NFC", line.partition("#")[0]).strip()
        if not entry:
            continue
        codes = _codes(entry)
        if len(codes) < 2:
            raise Refused(
                f"line {number} of the word list {file.path} is a single letter, which is found everywhere: make it a word"
            )
        found.append(codes)
    return found


def trie_of(lists: list[list[list[int]]]) -> Trie:
    """The trie of some lists of entries.

    Raises:
        Refused: there are more lists than `MOST`.
    """
    if len(lists) > MOST:
        raise Refused(f"corpus.word_lists names {len(lists)} lists: give at most {MOST}, several in one file if need be")
    nodes: dict[tuple[int, int], int] = {}
    ends: dict[int, int] = {}
    begins = np.zeros(1 << (FILTER_BITS - 6), np.uint64)
    for place, entries_ in enumerate(lists):
        for codes in entries_:
            node = 0
            for code in codes:
                node = nodes.setdefault((node, code), len(nodes) + 1)
            ends[node] = ends.get(node, 0) | 1 << place
            bit = _pair(codes[0], codes[1])
            begins[bit >> 6] |= np.uint64(1) << np.uint64(bit & 63)
    size = 1 << max(4, (2 * len(nodes)).bit_length())
    edges, children = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    for (node, code), child in nodes.items():
        at = _slot(edges, node, code)
        edges[at], children[at] = node << 21 | code, child
    marks = np.array([ends.get(node, 0) for node in range(len(nodes) + 1)], np.int64)
    return Trie(begins, edges, children, marks)


def count(trie: Trie, data: Bytes, offsets: Counts, lists: int) -> tuple[Counts, Counts, Counts]:
    """How many entries of each list stand in each document (documents, lists), and how many words and letters it has.

    Entries of one list do not overlap: the one that begins first counts.
    """
    counts, words, letters = _count(*trie, data, offsets, folded(), lists)
    return counts, words, letters


def _limit(settings: CorpusSettings) -> float:
    at_most = settings.rules.get(RULE, {}).get("at_most")
    if not isinstance(at_most, (int, float)) or at_most < 0:
        raise Refused(f"the limit `at_most` of the rule `{RULE}` is {at_most!r}: give a number of words in a thousand")
    return float(at_most)


def _codes(entry: str) -> list[int]:
    """An entry as letters; spaces and punctuation inside are one `SPACE`."""
    letters = folded()[np.frombuffer(entry.strip("*").encode("utf-32-le"), np.uint32)]
    codes: list[int] = []
    for code in letters.tolist():
        if code or (codes and codes[-1] != SPACE):
            codes.append(code or SPACE)
    while codes and codes[-1] == SPACE:
        codes.pop()
    inner = [code for code in codes if code != SPACE]
    if inner and spaceless()[inner].all():
        return codes
    before = [] if entry.startswith("*") else [SPACE]
    return before + codes + ([] if entry.endswith("*") else [SPACE])


@inlined_kernel
def _pair(first: Any, second: Any) -> Any:
    """The bit of two letters in the filter."""
    return np.int64(mix(np.uint64(first) * STEP + np.uint64(second)) >> np.uint64(64 - FILTER_BITS))


@inlined_kernel
def _slot(edges: Counts, node: Any, code: Any) -> Any:
    """Where an edge stands in the table, or would."""
    edge = node << 21 | code
    at = np.int64(mix(np.uint64(edge)) & np.uint64(len(edges) - 1))
    while edges[at] >= 0 and edges[at] != edge:
        at = (at + 1) & (len(edges) - 1)
    return at


@kernel
def _count(
    begins: Hashes,
    edges: Counts,
    children: Counts,
    marks: Counts,
    data: Bytes,
    offsets: Counts,
    fold: Codes,
    lists: int,
) -> tuple[Any, Any, Any]:
    """Look at every two letters that follow one another; where an entry may begin with them, go down the trie."""
    documents = len(offsets) - 1
    counts, free = np.zeros((documents, lists), np.int64), np.zeros(lists, np.int64)
    words, letters = np.zeros(documents, np.int64), np.zeros(documents, np.int64)
    for document in range(documents):
        at, end = offsets[document], offsets[document + 1]
        free[:] = at
        before, before_at = np.int64(SPACE), at
        while at <= end:
            here, code = at, np.int64(SPACE)
            if at < end:
                found, width = decode(data, at)
                at += width
                if fold[found] != 0:
                    code = np.int64(fold[found])
            else:
                at += 1  # behind the last letter is a space
            if code == SPACE and before == SPACE:
                continue
            if code != SPACE:
                letters[document] += 1
                words[document] += before == SPACE
            bit = _pair(before, code)
            if (begins[bit >> 6] >> np.uint64(bit & 63)) & np.uint64(1):
                start = here if before == SPACE else before_at
                _down(edges, children, marks, data, (start, end), fold, before == SPACE, counts[document], free)
            before, before_at = code, here
    return counts, words, letters


@kernel
def _down(
    edges: Counts,
    children: Counts,
    marks: Counts,
    data: Bytes,
    bounds: tuple[int, int],
    fold: Codes,
    after_space: bool,
    counts: Counts,
    free: Counts,
) -> None:
    """Count the entries that begin at a byte, once a list, and mark the bytes up to the end of the longest as taken."""
    start, end = bounds
    node, at, last, counted = np.int64(0), start, start, np.int64(0)
    space = False
    if after_space:
        node, space = children[_slot(edges, 0, SPACE)], True
        if node == 0:
            return
    while at <= end:
        code = np.int64(SPACE)
        if at < end:
            found, width = decode(data, at)
            at += width
            if fold[found] != 0:
                code, last = np.int64(fold[found]), at
        else:
            at += 1
        if code == SPACE and space:
            continue
        space = code == SPACE
        slot = _slot(edges, node, code)
        if edges[slot] < 0:
            return
        node = children[slot]
        for place in range(len(counts)):
            if (marks[node] >> place) & 1:
                if (counted >> place) & 1 == 0 and start >= free[place]:
                    counts[place] += 1
                    counted |= 1 << place
                if (counted >> place) & 1:
                    free[place] = last
