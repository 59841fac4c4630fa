"""Opt-out lists by file: what they say becomes a setting, where they lie does not."""

from pathlib import Path
from typing import Any

import pytest

from sejong.build import opt_outs
from sejong.build.request import Request, read, resolve, write
from sejong.errors import Refused


def lists(*paths: Path) -> list[dict[str, Any]]:
    return resolve(Request("korea", "nano", overrides={"corpus.opt_outs": [str(path) for path in paths]})).corpus.opt_outs


def test_a_plain_list_states_its_name_and_date_in_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("# name: 한국 언론\n# Date: 2026-11-20\n\n# a remark\nexample.kr\n  blog.kr/x  \n", "utf-8-sig")
    assert lists(path) == [{"name": "한국 언론", "date": "2026-11-20", "entries": ["example.kr", "blog.kr/x"]}]


def test_a_list_without_a_name_is_named_by_what_it_says(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("example.kr\n", "utf-8")
    first, second = lists(tmp_path / "a.txt", tmp_path / "b.txt")
    assert first == second
    (tmp_path / "b.txt").write_text("other.kr\n", "utf-8")
    assert lists(tmp_path / "b.txt")[0]["name"] != first["name"]


def test_toml_and_json_lists_bring_files_of_sites(tmp_path: Path) -> None:
    (tmp_path / "robots").mkdir()
    (tmp_path / "robots" / "a.kr.txt").write_text("User-agent: *\nDisallow: /\n", "utf-8")
    path = tmp_path / "by-hand.toml"
    path.write_text(
        'name = "x"\ndate = 2026-11-20\n[[robots]]\nhost = "a.kr"\ndate = 2026-11-19\nfile = "robots/a.kr.txt"\n', "utf-8"
    )
    said = {"host": "a.kr", "date": "2026-11-19", "text": "User-agent: *\nDisallow: /\n"}
    assert lists(path) == [{"name": "x", "date": "2026-11-20", "robots": [said]}]
    (tmp_path / "list.json").write_text('["a.kr", "b.kr"]', "utf-8")
    assert lists(tmp_path / "list.json")[0]["entries"] == ["a.kr", "b.kr"]


def test_a_path_in_a_recipe_is_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "press.txt").write_text("# name: press\nexample.kr\n", "utf-8")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('nation = "korea"\nsize = "nano"\n[set]\n"corpus.opt_outs" = ["press.txt"]\n', "utf-8")
    (found,) = resolve(read(recipe)).corpus.opt_outs
    assert found == {"name": "press", "entries": ["example.kr"]}
    (tmp_path / "run").mkdir()
    write(tmp_path / "run" / "recipe.toml", read(recipe))
    assert resolve(read(tmp_path / "run" / "recipe.toml")).corpus.opt_outs == [found]


def test_a_table_may_stand_in_the_recipe_itself() -> None:
    table = {"name": "x", "date": "2026-11-20", "entries": ["a.kr"]}
    assert resolve(Request("korea", "nano", overrides={"corpus.opt_outs": [table]})).corpus.opt_outs == [table]
    assert opt_outs.read([]) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", "name ="),
        ("a.json", "{"),
        ("a.txt", b"\xff\xfe\xff"),
        ("a.toml", '[[robots]]\nhost = "a"\nfile = "none.txt"'),
        ("none.txt", None),
    ],
)
def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: str | bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Refused, match="opt-out list"):
        lists(tmp_path / name)


@pytest.mark.parametrize("wrong", [[3], 3, [["a.kr"]]])
def test_what_is_no_list_is_refused(wrong: Any) -> None:
    with pytest.raises(Refused, match=r"corpus\.opt_outs"):
        resolve(Request("korea", "nano", overrides={"corpus.opt_outs": wrong}))
