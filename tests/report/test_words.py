"""Numbers as each language writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong import nations
from sejong.report.words import ENGLISH, Words

ENGLISH_WORDS = Words("en", ENGLISH)
VIETNAMESE = Words("vi", nations.load("vietnam").toml("report.toml"))
KOREAN = Words("ko", nations.load("korea").toml("report.toml"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (ENGLISH_WORDS.number(1234567.891, 2), "1,234,567.89"),
        (VIETNAMESE.number(1234567.891, 2), "1.234.567,89"),
        (ENGLISH_WORDS.size(0), "0 B"),
        (ENGLISH_WORDS.size(999), "999 B"),
        (ENGLISH_WORDS.size(999_499), "999 kB"),
        (ENGLISH_WORDS.size(999_500), "1.00 MB"),
        (ENGLISH_WORDS.size(12_345_678), "12.3 MB"),
        (ENGLISH_WORDS.size(4_200_000_000_000), "4.20 TB"),
        (ENGLISH_WORDS.percent(0), "0%"),
        (ENGLISH_WORDS.percent(0.0001), "< 0.1%"),
        (ENGLISH_WORDS.percent(1), "100%"),
        (VIETNAMESE.percent(0.801), "80,1%"),
        (ENGLISH_WORDS.count(999_999), "999,999"),
        (ENGLISH_WORDS.count(4_012_345), "4.01 million"),
        (ENGLISH_WORDS.count(140_000_000_000), "140 billion"),
        (KOREAN.count(4_012_345), "401만"),
        (KOREAN.count(123_000_000), "1.23억"),
        (ENGLISH_WORDS.duration(3.24), "3.2 s"),
        (ENGLISH_WORDS.duration(59.6), "1 min 0 s"),
        (ENGLISH_WORDS.duration(7260), "2 h 1 min"),
        (ENGLISH_WORDS.energy(0.0833), "0.08 Wh"),
        (ENGLISH_WORDS.energy(0.0049), "< 0.01 Wh"),
        (ENGLISH_WORDS.duration(0.02), "< 0.1 s"),
        (ENGLISH_WORDS.energy(1234), "1.23 kWh"),
        (ENGLISH_WORDS.plain(12.0), "12"),
        (ENGLISH_WORDS.plain(0.003), "0.003"),
        (VIETNAMESE.plain(1200), "1.200"),
    ],
)
def test_numbers(written: str, expected: str) -> None:
    assert written == expected


@given(st.floats(min_value=0, max_value=1))
def test_a_share_that_is_not_all_is_never_shown_as_all(share: float) -> None:
    shown = ENGLISH_WORDS.percent(share)
    assert (shown == "100%") == (share == 1)
    assert (shown == "0%") == (share == 0)


def test_values_are_not_read_as_placeholders() -> None:
    assert ENGLISH_WORDS("summary_foreign", language="{base}", base="x").count("{base}") == 1


def test_names_without_a_label_stay_readable() -> None:
    assert ENGLISH_WORDS.named("rule", "too_short") == "Too short"
    assert ENGLISH_WORDS.named("step", "exact duplicates") == "Without exact copies"
    assert ENGLISH_WORDS.named("rule", "a_new_rule") == "a new rule"
