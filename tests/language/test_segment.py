"""Word segmenters: spans tile the text, terms are what search wants, a wrong name gets near ones."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sejong.errors import Failed, Refused
from sejong.flow import code
from sejong.language import segment

MIXED = st.text(st.sampled_from("가힣을日本語のカタภาษาไทยăệ ab\n\t.,!0１9_-'’👩‍🚀\ud800\u0301"), max_size=60)


@pytest.mark.parametrize("name", segment.names())
@given(texts=st.lists(MIXED, max_size=4))
@settings(max_examples=25, deadline=None)
def test_spans_hold_every_visible_character_once_and_in_order(name: str, texts: list[str]) -> None:
    found = segment.spans(name, texts)
    assert len(found) == len(texts)
    for text, spans in zip(texts, found, strict=True):
        assert all(start < end for start, end in spans)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))
        covered = {place for start, end in spans for place in range(start, end)}
        assert all(place in covered for place, one in enumerate(text) if not one.isspace())


@pytest.mark.parametrize("name", segment.names())
def test_a_batch_gives_what_each_text_alone_gives(name: str) -> None:
    texts = ["한국어 문장입니다.", "日本語の文章です。", "", "ภาษาไทย", "Tiếng Việt 2026"] * 30
    alone = {text: (segment.spans(name, [text])[0], segment.terms(name, [text])[0]) for text in set(texts)}
    assert segment.spans(name, texts) == [alone[text][0] for text in texts]
    assert segment.terms(name, texts) == [alone[text][1] for text in texts]


def test_a_fused_ending_stays_with_its_stem() -> None:
    text = "파일을 저장했습니다."
    words = [text[start:end] for start, end in segment.spans("kiwi", [text])[0]]
    assert words == ["파일", "을", "저장", "했", "습니다", "."]


def test_korean_terms_leave_particles_endings_and_punctuation_out() -> None:
    assert segment.terms("kiwi", ["파일을 PDF로 저장했습니다!"])[0] == ["파일", "pdf", "저장"]
    assert segment.terms("kiwi", ["파일은 어떻게 저장하나요?"])[0][-1] == "저장"


def test_japanese_terms_are_normalised_content_words() -> None:
    assert segment.terms("sudachi", ["ファイルを保存しました。"])[0] == ["ファイル", "保存"]
    assert segment.terms("sudachi", ["打込む"])[0] == segment.terms("sudachi", ["打ち込む"])[0]


def test_latin_terms_are_lower_case_composed_words() -> None:
    assert segment.terms("words", ["Lưu tệp, don't STOP v1.2!"])[0] == ["lưu", "tệp", "don't", "stop", "v1.2"]
    decomposed = "Lu\u031bu te\u0323\u0302p"
    assert segment.terms("words", [decomposed])[0] == ["lưu", "tệp"]


def test_thai_words_come_without_spaces_between_them() -> None:
    assert segment.terms("thai", ["ภาษาไทยเป็นภาษา (ใหม่)"])[0] == ["ภาษาไทย", "เป็น", "ภาษา", "ใหม่"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ខ្ញុំស្រឡាញ់ភាសាខ្មែរណាស់", ["ខ្ញុំ", "ស្រឡាញ់", "ភាសាខ្មែរ", "ណាស់"]),
        ("ຂ້ອຍຮັກພາສາລາວຫຼາຍ", ["ຂ້ອຍ", "ຮັກ", "ພາສາ", "ລາວ", "ຫຼາຍ"]),
        ("မြန်မာဘာသာစကားကိုချစ်တယ်", ["မြန်မာဘာသာ", "စကား", "ကို", "ချစ်", "တယ်"]),
        ("我们在北京学习中文。", ["我们", "在", "北京", "学习", "中文"]),
        ("😀 ภาษาไทยเป็นภาษา", ["ภาษา", "ไทย", "เป็น", "ภาษา"]),
    ],
)
def test_icu_knows_the_words_of_languages_without_spaces(text: str, expected: list[str]) -> None:
    assert segment.terms("icu", [text])[0] == expected


def test_character_terms_are_pairs_within_a_run_of_letters() -> None:
    assert segment.terms("characters", ["ខ្ញុំ。北京市 A"])[0][-3:] == ["北京", "京市", "a"]


def test_a_text_longer_than_the_analyser_takes_keeps_its_positions() -> None:
    sentence = "今日は良い天気です。"
    text = sentence * 6000  # 180 kB, where Sudachi takes 49 kB
    spans = segment.spans("sudachi", [text])[0]
    assert "".join(text[start:end] for start, end in spans) == text
    assert len(spans) == pytest.approx(6000 * len(segment.spans("sudachi", [sentence])[0]), rel=0.02)


def test_a_wrong_name_gets_the_near_ones() -> None:
    with pytest.raises(Refused, match=r"`kiwy`: did you mean kiwi\? known: characters, icu, kiwi"):
        segment.spans("kiwy", ["text"])


def test_outside_models_are_named_with_licence_and_hash() -> None:
    assert segment.outside_model("words") is None
    model = segment.outside_model("kiwi")
    assert model is not None
    assert set(model) == {"name", "version", "licence", "sha256", "role"}
    assert len(model["sha256"]) == 64
    assert model == segment.outside_model("kiwi")
    assert model["sha256"] != (segment.outside_model("sudachi") or {})["sha256"]


@pytest.mark.parametrize("stage", ["sejong.retrieval.stage", "sejong.tokenizer.stage"])
def test_stages_that_segment_know_the_versions_of_the_segmenters_and_of_their_data(stage: str) -> None:
    wanted = {"kiwipiepy", "kiwipiepy_model", "SudachiPy", "sudachidict-core", "pythainlp", "pyicu-wheels"}
    assert set(code.libraries(stage)) >= wanted


def test_a_stage_that_only_splits_sentences_does_not_load_a_segmenter() -> None:
    assert "sejong.language.segment" not in code.reached("sejong.language.sentences")[0]


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kiwipiepy", None)
    segment._kiwi_analyser.cache_clear()
    with pytest.raises(Failed, match=r"the Python package kiwipiepy is not installed \(.*\): run `make setup`"):
        segment.spans("kiwi", ["글"])
