"""A second opinion between close languages, and how much of another language a text holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong import nations
from sejong.language import close
from tests.language.test_units import columns

TORN = {"id": 0.5, "ms": 0.45}
SENTENCES = {
    "id": "Pemerintah mengatakan bahwa banyak orang tidak datang karena hujan, namun sekolah kembali dibuka setelah itu.",
    "ms": "Beliau berkata bahawa ramai orang tidak datang kerana hujan, iaitu selepas sekolah dibuka semula.",
    "cs": "Kniha, která byla vydána v roce 1990, je také jeho poslední; jsem rád, že ji mám.",
    "sk": "Kniha, ktorá bola vydaná v roku 1990, je tiež jeho posledná, alebo aspoň podľa autora sú všetky staršie.",
    "no": "Boken som ble gitt ut av noen venner hadde ikke blitt lest, slik de sier.",
    "nn": "Boka som vart gjeven ut av ein ven var frå eit anna år, og ho er ikkje lesen av fleire.",
    "da": "Bogen blev udgivet af nogle venner, som havde læst den inden året var omme, og mellem os sagt er den god.",
}


def telling(language: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = nations.with_limits({"language": {}}, language)["language"]["telling"]
    return found


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ("id", "ms"),
        ("id", "id"),
        ("ms", "id"),
        ("ms", "ms"),
        ("cs", "sk"),
        ("sk", "cs"),
        ("no", "da"),
        ("da", "no"),
        ("no", "nn"),
    ],
)
def test_words_tell_close_languages_apart(own: str, code: str) -> None:
    assert close.opinion(SENTENCES[code], telling(own)) == code


def test_without_telling_words_there_is_no_opinion() -> None:
    assert close.opinion("Buku ini ada di atas meja.", telling("id")) is None
    assert close.opinion("bahwa", telling("id")) is None  # one word is not enough
    assert close.opinion("bahwa karena kerana bahawa", telling("id")) is None  # they do not agree
    assert close.opinion("bahwa karena", {}) is None


def test_the_opinion_is_asked_only_where_the_identifier_is_torn() -> None:
    malay = SENTENCES["ms"]
    assert close.settled(TORN, malay, "id", telling("id")) == {"ms": pytest.approx(0.95)}
    assert close.settled({"id": 0.97, "ms": 0.02}, malay, "id", telling("id")) is None
    assert close.settled({"en": 0.6, "id": 0.3, "ms": 0.1}, malay, "id", telling("id")) is None
    assert close.settled({"id": 0.6, "en": 0.4}, malay, "id", telling("id")) is None
    assert close.settled(TORN, "Buku ini ada di atas meja.", "id", telling("id")) is None
    assert close.settled({}, malay, "id", telling("id")) is None


@given(
    st.dictionaries(st.sampled_from(["id", "ms", "jv", "en", "tl"]), st.floats(0, 1), max_size=5),
    st.sampled_from(sorted(SENTENCES)),
)
def test_scores_are_moved_not_made(scores: dict[str, float], code: str) -> None:
    predicted = dict(sorted(scores.items(), key=lambda one: -one[1]))
    found = close.settled(predicted, SENTENCES[code], "id", telling("id"))
    if found is not None:
        assert sum(found.values()) <= sum(predicted.values()) + 1e-9
        assert max(found.values()) <= 1.0
        assert next(iter(found)) in telling("id")


def mixed(texts: list[str], scripts: list[str]) -> list[tuple[float, float]]:
    script, words = close.mixed(*columns(texts), scripts)
    return [(round(float(one), 3), round(float(other), 3)) for one, other in zip(script, words, strict=True)]


def test_letters_and_words_of_other_languages_are_counted() -> None:
    texts = ["한국어 API 문서", "순수한 글", "hello world", "123 !", "", "Привет 세계"]
    assert mixed(texts, ["Hangul"]) == [(0.375, 0.333), (0.0, 0.0), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0), (0.75, 0.0)]


def test_in_latin_letters_the_function_words_of_english_are_counted() -> None:
    texts = ["Ini adalah THE best of the world", "Ini buku saya", "theo ofthe"]
    assert mixed(texts, ["Latin"]) == [(0.0, 0.429), (0.0, 0.0), (0.0, 0.0)]
    assert mixed(["abc где"], []) == [(0.0, 0.5)]
