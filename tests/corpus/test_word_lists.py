"""Listed words are counted as whole words, prefixes or anywhere, as the entry says; only a recipe's own rule drops anything."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.corpus import word_lists
from sejong.corpus.letters import utf8_of
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.recipe import CorpusSettings, OutsideFile
from tests.corpus.conftest import korean

COLOURS = "# colours\n\nred\nDark Blue  # two words\n빨간*\n*빛\n赤い\n"


def listed(folder: Path, name: str, text: str | bytes) -> OutsideFile:
    path = folder / f"{name}.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return OutsideFile(name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), path=str(path))


def pages(*texts: str) -> Pages:
    return Pages(pa.array(texts, pa.large_string()), ["Hangul"])


def test_entries_are_found_as_they_say(tmp_path: Path) -> None:
    trie = word_lists.trie_of([word_lists.entries(listed(tmp_path, "colours", COLOURS))])
    expected = {
        "RED, red. (red)": 3,
        "redder bored": 0,
        "a dark-blue sea, dark\nblue": 2,
        "dark bluer": 0,
        "빨간색을 칠한 빨간 집": 2,
        "새빨간 거짓말": 0,
        "별빛 아래 달빛이": 1,
        "とても赤い花と赤いリンゴ": 2,
        "": 0,
    }
    counts, words, letters = word_lists.count(trie, *utf8_of(list(expected)), 1)
    assert counts[:, 0].tolist() == list(expected.values())
    assert words.tolist()[:3] == [3, 2, 6]
    assert letters.tolist()[0] == 9


def test_words_are_counted_and_nothing_is_dropped(tmp_path: Path) -> None:
    asked = CorpusSettings(
        scripts=["Hangul"], word_lists=[listed(tmp_path, "one", "학교*\n"), listed(tmp_path, "two", "시장*\n바다*\n")]
    )
    step = word_lists.prepare(asked)
    text = korean(3, 40)
    judged = step(pages(text, "학교 학교에서 학교", ""))
    assert not judged.broken.any()
    expected = 1000 * len(regex.findall(r"\b학교", text)) / len(text.split())
    assert judged.signals["words:one"].tolist() == pytest.approx([expected, 1000, 0])
    assert judged.signals["words:two"][0] == pytest.approx(1000 * len(regex.findall(r"\b(시장|바다)", text)) / len(text.split()))


def test_a_recipe_that_names_the_rule_drops_and_says_why(tmp_path: Path) -> None:
    lists = [listed(tmp_path, "one", "학교*\n"), listed(tmp_path, "two", "시장*\n")]
    asked = CorpusSettings(scripts=["Hangul"], filters=["word_list"], rules={"word_list": {"at_most": 300}}, word_lists=lists)
    judged = word_lists.prepare(asked)(pages("학교 가는 길", "시장 가는 길 멀다", "집 가는 길"))
    assert judged.broken.tolist() == [True, False, False]
    assert judged.reason(0) == "333.3 of a thousand words stand in the list `one`, more than 300 (1 in all)"


def test_without_spaces_letters_are_the_measure(tmp_path: Path) -> None:
    asked = CorpusSettings(scripts=["Han", "Hiragana"], word_lists=[listed(tmp_path, "one", "海辺\n")])
    assert word_lists.prepare(asked)(pages("夏の海辺で。")).signals["words:one"].tolist() == [200]


def test_what_is_no_word_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"line 2 of the word list .* is a single letter"):
        word_lists.entries(listed(tmp_path, "short", "red\n*a*\n"))
    with pytest.raises(Refused, match="is not UTF-8"):
        word_lists.entries(listed(tmp_path, "latin", "caf\xe9".encode("latin-1")))
    with pytest.raises(Refused, match="`at_most` of the rule `word_list` is None"):
        word_lists.prepare(CorpusSettings(filters=["word_list"]))
    with pytest.raises(Refused, match="names 64 lists"):
        word_lists.trie_of([[]] * 64)


words = st.text(st.sampled_from("abA"), min_size=2, max_size=4)
entry = st.tuples(st.booleans(), st.lists(words, min_size=1, max_size=2), st.booleans())


@given(
    lists=st.lists(st.lists(entry, max_size=4), min_size=1, max_size=3),
    texts=st.lists(st.text(st.sampled_from("abAB .-"), max_size=60)),
)
@settings(max_examples=200, deadline=None)
def test_counts_are_those_of_a_plain_search(lists: list[list[tuple[bool, list[str], bool]]], texts: list[str]) -> None:
    """Against `regex`, an entry at a time: those that begin first are taken, and of these the longest."""
    found = []
    for one in lists:
        lines = [("*" if open_ else "") + " ".join(parts) + ("*" if ends else "") for open_, parts, ends in one]
        found.append([word_lists._codes(line) for line in lines])
    counts, _, _ = word_lists.count(word_lists.trie_of(found), *utf8_of(texts), len(lists))
    expected = np.zeros((len(texts), len(lists)), np.int64)
    for row, text in enumerate(texts):
        for column, one in enumerate(lists):
            at = 0
            patterns = [
                regex.compile(("" if open_ else r"(?<![a-z])") + r"[ .-]+".join(parts) + ("" if ends else r"(?![a-z])"), regex.I)
                for open_, parts, ends in one
            ]
            while hits := [hit for hit in (pattern.search(text, at) for pattern in patterns) if hit]:
                first = min(hit.start() for hit in hits)
                at = max(hit.end() for hit in hits if hit.start() == first)
                expected[row, column] += 1
    assert counts.tolist() == expected.tolist()
