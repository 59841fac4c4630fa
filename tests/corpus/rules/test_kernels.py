"""What holds of the kernels beside their figures: exactness against collisions, threads, the folder of their machine code."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sejong.corpus import rules
from sejong.corpus.pages import BREAKS, SPACES, Pages, lower
from sejong.language.scripts import CODE_POINTS, table

from ..conftest import korean

ALL: dict[str, dict[str, Any]] = {
    "gopher_repetition": {"top_ngrams": [[2, 0.2]], "duplicate_ngrams": [[5, 0.15], [6, 0.14]], "max_duplicate_lines": 0.3},
    "gopher_quality": {"min_words": 5, "max_word_length": 10.0},
    "c4": {"line_ends": ".", "min_sentences": 2, "citations": True},
    "fineweb": {"max_newline_ratio": 0.3, "min_line_punctuation": 0.1},
}


def pages_of(texts: list[str]) -> Pages:
    return Pages(pa.array(texts, pa.large_string()), ["Hangul"])


def test_white_space_and_line_ends_are_those_of_str() -> None:
    every = [chr(code) for code in range(CODE_POINTS)]
    assert np.flatnonzero(table(SPACES)).tolist() == [code for code, one in enumerate(every) if one.isspace()]
    assert np.flatnonzero(table(BREAKS)).tolist() == [code for code, one in enumerate(every) if len(f"a{one}b".splitlines()) == 2]
    letters = table(r"\p{L}")
    assert all(letters[code] for code, one in enumerate(every) if one.isalpha())
    small = lower()
    assert all(small[code] == ord(one.lower()) for code, one in enumerate(every) if len(one.lower()) == 1)


def thue_morse(order: int) -> tuple[str, str]:
    """Two different texts whose polynomial hashes modulo 2^64 are equal, whatever the base, from order 11 on."""
    one, other = "a", "b"
    for _ in range(order):
        one, other = one + other, other + one
    return one, other


def test_equal_hashes_of_different_words_and_lines_are_told_apart() -> None:
    one, other = thue_morse(11)
    limits = {"gopher_repetition": {"top_ngrams": [[1, 9.0]], "duplicate_ngrams": [[1, 9.0]], "max_duplicate_lines": 1.0}}
    found = rules.judge(pages_of([f"{one}\n{other}", f"{one}\n{one}"]), list(limits), limits).signals
    assert found["gopher_repetition_lines"].tolist() == [0, 0.5]
    assert (found["gopher_repetition_duplicate_1_grams"] > 0).tolist() == [False, True]
    assert found["gopher_repetition_top_1_gram"].tolist() == [2048 / 4097, 4096 / 4097]


def test_joined_words_repeat_wherever_their_borders_are() -> None:
    limits = {"gopher_repetition": {"duplicate_ngrams": [[3, 9.0]]}}
    texts = ["ab c d x a bc d", "ab c d x a bc e", "가나다라마바사 아 자 차 가나다라마바 사아 자"]
    found = rules.judge(pages_of(texts), list(limits), limits).signals["gopher_repetition_duplicate_3_grams"]
    assert found.tolist() == [4 / 15, 0, 9 / 25]


def test_threads_find_what_one_finds_and_slices_what_the_whole_does() -> None:
    texts = [korean(seed, 1 + seed % 40).replace(". ", ".\n" * (1 + seed % 3)) for seed in range(200)]
    texts[17] = ""
    whole = rules.judge(pages_of(texts), list(ALL), ALL)
    column = pa.array(texts, pa.string())

    def judged(start: int) -> list[str | None]:
        return rules.judge(Pages(column[start : start + 25], ["Hangul"]), list(ALL), ALL).reasons

    with ThreadPoolExecutor(4) as pool:
        found = [reason for part in pool.map(judged, range(0, 200, 25)) for reason in part]
    assert found == whole.reasons
    assert 20 < sum(reason is None for reason in found) < 200


def test_what_is_dropped_is_not_measured_any_more_and_a_batch_can_be_asked_again() -> None:
    pages = pages_of(["가.", korean(1)])
    limits = {"too_short": {"characters": 10}, "gopher_quality": {"min_words": 1}}
    assert rules.judge(pages, list(limits), limits).rules == ["too_short", None]
    assert pages.asked.all()
    unit = {"gopher_quality": {"min_words": 1, "unit": "token"}}
    dropped = rules.judge(pages.asking(np.array([False, True])), list(unit), unit)
    assert dropped.rules == [None, None]
    assert rules.judge(pages, list(unit), unit).signals["gopher_quality_words"].tolist()[0] == 1


def test_machine_code_goes_where_it_is_told_and_is_found_there_again(tmp_path: Path) -> None:
    program = (
        "from sejong.corpus.kernels import tally; import numpy as np;"
        "data = np.frombuffer(b'ab', np.uint8); counts = np.zeros((1, 5), np.int64);"
        "tally.tally(data, np.array([0, 2]), np.ones(1, bool), np.ones(0x110000, np.uint8), counts);"
        "assert counts[0, 0] == 2; print(sum(tally.tally.stats.cache_hits.values()))"
    )
    for hits in ("0", "1"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout.strip()) == (0, hits), done.stderr
    assert list(tmp_path.glob("kernels-*/**/*.nbc"))


def test_where_no_machine_code_can_be_kept_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "file")}
    program = "import sejong.corpus.kernels.scan"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode != 0
    assert "set NUMBA_CACHE_DIR to a folder that can be written" in done.stderr
