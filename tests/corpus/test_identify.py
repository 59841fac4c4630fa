"""The language of documents: short, mixed, full of code, and none at all."""

import pyarrow as pa
import pytest

from sejong.corpus.identify import identify, outside_model

from .conftest import japanese, korean

CODE = "for (int i = 0; i < size; ++i) { std::vector<std::string> names = load_names(path); print(names[i]); }\n" * 4
ENGLISH = "This page describes how the window is opened and closed again by the person who uses the program."
INDONESIAN = "Halaman ini menjelaskan cara membuka dan menutup jendela oleh orang yang memakai program tersebut."


def languages(texts: list[str], language: str, scripts: list[str], close: list[str] | None = None) -> list[str]:
    return identify(pa.array(texts, pa.large_string()), language, scripts, close or [])[0]


def test_korean_pages_full_of_code_are_korean() -> None:
    page = f"# std::vector 클래스\n\n이 함수는 이름 목록을 읽어 화면에 보여 줍니다. 경로가 없으면 오류를 냅니다.\n\n{CODE}"
    assert languages([page], "ko", ["Hangul"]) == ["ko"]


def test_an_english_page_with_a_korean_title_is_english() -> None:
    assert languages([f"# 창\n\n{ENGLISH * 3}"], "ko", ["Hangul"]) == ["en"]


@pytest.mark.parametrize("text", ["네", "첫째 줄\n둘째 줄\n셋째 줄", "파일 열기", "ㅋㅋㅋ 좋아요"])
def test_a_few_words_in_a_script_of_its_own_are_of_its_language(text: str) -> None:
    assert languages([text], "ko", ["Hangul"]) == ["ko"]


def test_other_languages_are_told_apart() -> None:
    texts = [korean(1), japanese(1), ENGLISH, "这是一个关于中国历史和文化的简短介绍，内容涉及古代诗歌与哲学。", "", "{} == 123;"]
    assert languages(texts, "ja", ["Hiragana", "Katakana", "Han"]) == ["ko", "ja", "en", "zh", "und", "und"]


def test_a_nation_of_latin_letters_is_not_given_every_text_in_them() -> None:
    assert languages([ENGLISH, INDONESIAN, "Cette page explique comment ouvrir la fenêtre."], "id", ["Latin"]) == [
        "en",
        "id",
        "fr",
    ]


def test_close_languages_count_for_the_nations_own() -> None:
    column = pa.array([INDONESIAN], pa.large_string())
    (alone,), (low,) = identify(column, "id", ["Latin"], [])
    (found,), (high,) = identify(column, "id", ["Latin"], ["ms"])
    assert (alone, found) == ("id", "id")
    assert low < high <= 1


def test_a_batch_gives_what_each_document_alone_gives() -> None:
    texts = [korean(1), "", ENGLISH * 20, CODE, japanese(2), "짧다"]
    assert languages(texts, "ko", ["Hangul"]) == [languages([text], "ko", ["Hangul"])[0] for text in texts]


def test_the_model_is_the_one_in_the_package() -> None:
    model = outside_model()
    assert model["sha256"] == "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
    assert model["licence"] == "CC-BY-SA-3.0"
