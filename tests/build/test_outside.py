"""Files that a recipe names: found beside the recipe, known by their hash, their place in no identity."""

import hashlib
from pathlib import Path

import pytest

from sejong.build.request import Request, read, resolve, write
from sejong.errors import Refused

ITEMS = b'{"question": "?"}\n'


def test_a_files_hash_counts_and_its_place_does_not(tmp_path: Path) -> None:
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "items.test.jsonl").write_bytes(ITEMS)
        write(tmp_path / folder / "recipe.toml", Request("korea", overrides={"corpus.filters": []}))
        recipe = (tmp_path / folder / "recipe.toml").read_text("utf-8")
        lists = "".join(f'"corpus.{name}" = ["items.test.jsonl"]\n' for name in ("decontaminate", "word_lists"))
        named = recipe.replace("[set]\n", f"[set]\n{lists}")
        (tmp_path / folder / "recipe.toml").write_text(named, "utf-8")
    first, second = (resolve(read(tmp_path / folder / "recipe.toml")).corpus for folder in ("one", "other"))
    (file,) = first.decontaminate
    assert (file.name, file.sha256) == ("items.test", hashlib.sha256(ITEMS).hexdigest())
    assert Path(file.path).read_bytes() == ITEMS
    assert first.model_dump() == second.model_dump()
    assert first.word_lists[0].sha256 == file.sha256


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"there is no file .*none\.jsonl"):
        resolve(Request("korea", overrides={"corpus.decontaminate": [str(tmp_path / "none.jsonl")]}))
    with pytest.raises(Refused, match="give a list of paths"):
        resolve(Request("korea", overrides={"corpus.word_lists": "words.txt"}))
