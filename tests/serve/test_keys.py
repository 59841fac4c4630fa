import re
from pathlib import Path

import pytest

from sejong.errors import Failed, Refused
from sejong.serve import keys
from sejong.serve.keys import Keys


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "recipe.toml").write_text('nation = "korea"\n')
    return tmp_path


def walk_through(store: Keys) -> None:
    first, second = store.create("library"), store.create("museum")
    assert first != second and first.startswith("sk-sejong-")
    assert (store.check(first), store.check(second)) == ("library", "museum")
    for wrong in ("", "sk-sejong-", first[:-1], first + "x", first[: len("sk-sejong-") + 17] + second[-43:], "sk-other"):
        assert store.check(wrong) is None, wrong
    assert store.revoke("library") == 1
    assert store.check(first) is None and store.check(second) == "museum"
    assert [(one["name"], one["revoked"] is None) for one in store.listed()] == [("library", False), ("museum", True)]
    with pytest.raises(Refused, match=r"no valid key called `musuem`: did you mean museum\?"):
        store.revoke("musuem")
    store.forget(second)
    assert store.check(second) is None and len(store.listed()) == 1


def test_keys_in_the_runs_folder(run: Path) -> None:
    walk_through(keys.open_keys(run))


def test_keys_in_postgresql(run: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEJONG_DATABASE", postgres)
    store = keys.open_keys(run)
    walk_through(store)
    store.close()
    assert not (run / "service").exists()


def test_the_database_does_not_hold_the_key(run: Path) -> None:
    key = keys.create(run, "library")
    stored = b"".join(path.read_bytes() for path in (run / "service").iterdir())
    assert b"library" in stored
    number, secret = re.fullmatch(r"sk-sejong-([0-9a-f]{16})-(.{43})", key).groups()  # type: ignore[union-attr]
    assert number.encode() in stored and secret.encode() not in stored and key.encode() not in stored


def test_equal_secrets_would_have_other_hashes(run: Path) -> None:
    assert keys._digest("a", "secret") != keys._digest("b", "secret")
    keys.create(run, "one")
    keys.create(run, "two")
    with keys.Session(keys.open_keys(run)._database) as session:
        assert len({row.salt for row in session.query(keys.Key)}) == 2


def test_only_a_run_has_keys(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is not a run"):
        keys.create(tmp_path, "library")


def test_a_database_that_is_not_there_is_one_sentence(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEJONG_DATABASE", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(Failed, match=r"keys in postgresql.*@127.0.0.1:1/none cannot be read .*SEJONG_DATABASE"):
        keys.listed(run)


def test_a_folder_that_cannot_be_made_is_one_sentence(run: Path) -> None:
    (run / "service").touch()
    with pytest.raises(Failed, match=rf"{run / 'service'} cannot be made \(File exists\): make {run} writable"):
        keys.create(run, "library")


def test_a_database_that_cannot_be_written_is_one_sentence(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys.create(run, "library")
    path = run / "service" / "service.sqlite"
    monkeypatch.setenv("SEJONG_DATABASE", f"sqlite:///file:{path}?mode=ro&uri=true")
    assert [one["name"] for one in keys.listed(run)] == ["library"]
    for change in (lambda: keys.create(run, "museum"), lambda: keys.revoke(run, "library")):
        with pytest.raises(Failed, match=rf"{path}.* cannot be read or written \(attempt to write a readonly database\): make"):
            change()


def test_a_file_that_is_no_database_is_one_sentence(run: Path) -> None:
    keys.create(run, "library")
    (run / "service" / "service.sqlite").write_text("no database " * 100)
    with pytest.raises(Failed, match=rf"the keys in {run / 'service' / 'service.sqlite'} cannot be read .*not a database"):
        keys.listed(run)
