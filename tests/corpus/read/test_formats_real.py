"""Real files of every format: each has the passages that two other readers found in it, or says clearly why it is not read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sejong.corpus.read import read
from sejong.corpus.read.formats import format_of

from .conftest import source

FORMATS = Path(__file__).parents[3].parent / "shared/data/formats"
# As a nation's data would say; the files come from several nations.
ENCODINGS = {
    "Japanese": (("cp932", "euc_jp"), ("Hiragana", "Katakana", "Han")),
    "Thai": (("cp874",), ("Thai",)),
    "Arabic": (("cp1256",), ("Arabic",)),
}
KOREAN = (("cp949", "johab"), ("Hangul",))
SPACES = re.compile(r"\s+")
ROWS = [json.loads(line) for line in (FORMATS / "expected.jsonl").open()] if FORMATS.exists() else []
# Text whose suffix says nothing of its format: what the files are is known from the folder.
AS_PLAIN = {"encodings": ".txt"}


def read_row(row: dict[str, Any], folder: Path) -> tuple[str, list[str]]:
    """The text of a file without white space, and the reasons of what could not be read."""
    file = FORMATS / row["file"]
    root, name = FORMATS, row["file"]
    if suffix := AS_PLAIN.get(row["file"].split("/")[0]) if file.suffix == ".xml" else None:
        (folder / f"file{suffix}").write_bytes(file.read_bytes())
        root, name = folder, f"file{suffix}"
    words = row.get("note") or ""
    encodings, scripts = next((hints for language, hints in ENCODINGS.items() if language in words), KOREAN)
    texts, reasons = [], []
    for batch in read([source(root, name)], encodings, scripts):
        texts += batch.documents["text"].to_pylist()
        reasons += batch.dropped["reason"].to_pylist()
    return SPACES.sub("", "\n".join(texts)), reasons


@pytest.mark.skipif(not ROWS, reason=f"no real files at {FORMATS}: a fresh clone has none")
@pytest.mark.parametrize("row", ROWS, ids=[row["file"] for row in ROWS])
def test_a_real_file_has_what_it_must_have(row: dict[str, Any], tmp_path: Path) -> None:
    assert format_of(row["file"]) or row["file"].startswith("encodings/") or row["file"].endswith(".bad"), "no reader for it"
    text, reasons = read_row(row, tmp_path)
    assert [words for words in row.get("contains", []) if SPACES.sub("", words) not in text] == [], reasons
    expected = row.get("expect") or ""
    if "refusal (password)" in expected:
        assert text == ""
        assert len(reasons) == 1
        assert "password" in reasons[0]
    elif "refusal naming" in expected:
        assert text or "HWP 3" in reasons[0]
    elif row.get("contains") and row["format"] in ("HWP 5", "HWPX", "DOCX", "PPTX", "ODT", "EPUB 2", "EPUB 3"):
        assert reasons == []
        assert len(text) >= 0.6 * (row.get("chars") or 0)  # white space, which is taken out here, counts there
    assert not any("Error" in reason for reason in reasons), reasons  # a reader never fails, it refuses
