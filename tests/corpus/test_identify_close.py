"""Close languages and pointed text: where the identifier alone is wrong."""

import pyarrow as pa

from sejong import nations
from sejong.build.request import Request, resolve
from sejong.corpus.identify import identify

# Malay: the identifier is torn, and where Malay's score counts for Indonesian it is taken for that.
MALAY = (
    "Sila pilih bahasa yang anda mahu gunakan untuk memaparkan menu dan mesej. Fail ini tidak boleh dibuka kerana sambungan "
    "telah terputus, iaitu selepas muat turun bermula. Anda boleh menukar tetapan ini pada bila-bila masa sahaja."
)
INDONESIAN = "Berkas ini tidak bisa dibuka karena sambungan terputus setelah unduhan dimulai. Anda dapat mengubah pengaturan ini."
POINTED = "قَالَ الرَّجُلُ لِابْنِهِ إِنَّ الْعِلْمَ نُورٌ وَإِنَّ الْجَهْلَ ظُلْمَةٌ فَاطْلُبِ الْعِلْمَ وَلَوْ بَعُدَ الْمَكَانُ"


def found(texts: list[str], language: str, script: str, close: list[str], *, second: bool = True) -> list[str]:
    telling = nations.with_limits({"language": {}}, language)["language"].get("telling") if second else None
    return identify(pa.array(texts, pa.large_string()), language, [script], close, telling)[0]


def test_malay_is_not_taken_for_indonesian_though_its_score_counts_for_it() -> None:
    assert found([MALAY, INDONESIAN], "id", "Latin", ["ms"], second=False) == ["id", "id"]
    assert found([MALAY, INDONESIAN], "id", "Latin", ["ms"]) == ["ms", "id"]
    assert found([MALAY, INDONESIAN], "ms", "Latin", []) == ["ms", "id"]


def test_the_words_that_tell_languages_apart_are_settings() -> None:
    rules = resolve(Request("indonesia", "nano")).corpus.rules
    assert {"id", "ms"} <= set(rules["language"]["telling"])
    assert "score" not in rules["language"]


def test_vowel_points_hide_no_language() -> None:
    languages, scores = identify(pa.array([POINTED], pa.large_string()), "ar", ["Arabic"], [])
    assert languages == ["ar"]
    assert scores[0] > 0.9  # with the points the model gives it 0.26
