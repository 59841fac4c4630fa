"""Sources are fetched once, whole or not at all, and checked when they are used again."""

import bz2
import http.server
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sejong import nations
from sejong.corpus.fetch import collect, debian, describe
from sejong.corpus.fetch.catalogue import entry
from sejong.errors import Failed, Refused
from sejong.recipe import SourcesSettings

COPYRIGHT = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 Someone
License: GPL-2+

Files: debian/*
License: MIT
"""
CHANGELOG = "help-ko (1.0-1) unstable; urgency=low\n\n  * New.\n\n -- Someone <a@example.org>  Tue, 05 Mar 2024 10:00:00 +0900\n"


def package(folder: Path, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> Path:
    """A Debian package file with these contents."""
    tree = folder / f"{name}.tree"
    control = f"Package: {name}\nVersion: 2:1.0-1\nArchitecture: all\nMaintainer: Someone <a@example.org>\nDescription: x\n"
    files = {**files, "DEBIAN/control": control}
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, "utf-8")
    for path, target in (links or {}).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).symlink_to(target)
    subprocess.run(["gzip", "-qnr", *(str(one) for one in tree.rglob("changelog*"))], check=False)
    deb = folder / f"{name}_2%3a1.0-1_all.deb"
    subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "-b", str(tree), str(deb)], check=True, capture_output=True)
    return deb


def settings(**table: Any) -> SourcesSettings:
    return SourcesSettings(catalogue={"help": {"default": True, "title": "Help", **table}})


DEBIAN = settings(kind="debian", packages=["help-ko"], files=["usr/share/help/ko/**/*.html"], contributor="Writers")


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A downloads folder that holds a package file; no program reaches the network."""
    given = tmp_path / "downloads" / "deb"
    given.mkdir(parents=True)
    package(
        given,
        "help-ko",
        {
            "usr/share/help/ko/a.html": "<p>하나",
            "usr/share/help/ko/sub/b.html": "<p>둘",
            "usr/share/help/ja/a.html": "<p>一",
            "usr/share/doc/help-ko/copyright": COPYRIGHT,
            "usr/share/doc/help-ko/changelog.Debian": CHANGELOG,
        },
    )
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    return tmp_path / "downloads"


def test_a_package_gives_its_files_licence_version_and_date(downloads: Path) -> None:
    found = collect(DEBIAN, [], downloads)
    assert [(one.source, one.path, one.licence, one.contributor, one.collected, one.kind) for one in found.files] == [
        ("help", f"usr/share/help/ko/{name}", "GPL-2.0-or-later", "Writers", "2024-03-05", "debian")
        for name in ("a.html", "sub/b.html")
    ]
    [row] = describe(found)
    assert (row["version"], row["licence"], row["licence_from"]) == (
        "2:1.0-1",
        "GPL-2.0-or-later",
        "the copyright file of help-ko",
    )
    assert str(row["uri"]).endswith("/help-ko@2%3A1.0-1")
    lock, *rest = sorted(path.name for path in downloads.iterdir())
    assert rest == ["deb", lock.removeprefix(".").removesuffix(".lock")]
    assert re.fullmatch(r"help-[0-9a-f]{12}", rest[1])


def test_a_second_build_uses_what_is_there(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = collect(DEBIAN, [], downloads)
    monkeypatch.setenv("PATH", "/nowhere")
    assert collect(DEBIAN, [], downloads).digest == first.digest


def test_a_changed_file_is_found_out(downloads: Path) -> None:
    [file, _] = collect(DEBIAN, [], downloads).files
    file.location.write_text("<p>다른 글", "utf-8")
    with pytest.raises(Failed, match=r"a\.html has changed since it was fetched: delete .*help-\w+ to fetch it again"):
        collect(DEBIAN, [], downloads)
    file.location.unlink()
    with pytest.raises(Failed, match="no longer whole"):
        collect(DEBIAN, [], downloads)
    [record] = downloads.glob("help-*/source.json")
    record.unlink()
    with pytest.raises(Failed, match=r"source\.json cannot be read .*: delete .*help-\w+ to fetch it again"):
        collect(DEBIAN, [], downloads)


def test_builds_at_once_fetch_once(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    inner = debian.unpack

    def unpack(*arguments: Any) -> Any:
        calls.append(arguments)
        return inner(*arguments)

    monkeypatch.setattr(debian, "unpack", unpack)
    with ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda _: collect(DEBIAN, [], downloads).digest, range(4)))
    assert len(set(digests)) == len(calls) == 1


def test_what_another_nation_calls_by_the_same_name_lies_beside_it(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    korean = collect(DEBIAN, [], downloads)
    other = settings(kind="debian", packages=["help-ko"], files=["usr/share/help/ja/*.html"])
    japanese = collect(other, [], downloads)
    assert [one.path for one in japanese.files] == ["usr/share/help/ja/a.html"]
    monkeypatch.setenv("PATH", "/nowhere")
    assert collect(DEBIAN, [], downloads).digest == korean.digest
    assert collect(other, [], downloads).digest == japanese.digest
    titled = settings(**DEBIAN.catalogue["help"] | {"title": "Another title", "default": True})
    assert [one.path for one in collect(titled, [], downloads).files] == [one.path for one in korean.files]


def test_a_failed_fetch_leaves_nothing_behind(downloads: Path) -> None:
    with pytest.raises(Failed, match=r"package help-ko has no file that matches .*: correct `files` of .help. in sources.toml"):
        collect(settings(kind="debian", packages=["help-ko"], files=["usr/share/help/vi/*"]), [], downloads)
    next((downloads / "deb").glob("*.deb")).write_bytes(b"!<arch>\nhalf a package")
    with pytest.raises(Failed, match="cannot be unpacked"):
        collect(DEBIAN, [], downloads)
    assert {path.suffix or path.name for path in downloads.iterdir()} == {".lock", "deb"}


def test_a_package_documented_by_another_has_that_ones_licence(downloads: Path) -> None:
    package(downloads / "deb", "help-vi", {"usr/share/help/vi/a.html": "<p>một"}, {"usr/share/doc/help-vi": "help-ko"})
    found = collect(settings(kind="debian", packages=["help-vi"], files=["usr/share/help/vi/*"]), [], downloads)
    assert [(one.licence, one.collected) for one in found.files] == [("GPL-2.0-or-later", "2024-03-05")]


def test_without_apt_get_the_sentence_says_what_to_do(downloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    missing = settings(kind="debian", packages=["absent-ko"], files=["**"])
    with pytest.raises(
        Refused, match=r"no apt-get.*: give text of your own with --text, or put absent-ko_\*\.deb into .*downloads/deb"
    ):
        collect(missing, [], downloads)
    with pytest.raises(Refused, match=r"no dpkg-deb.*--text"):
        collect(DEBIAN, [], downloads)


@pytest.mark.parametrize(
    ("said", "error", "sentence"),
    [
        (
            "E: Unable to locate package absent-ko",
            Refused,
            "apt-get knows no package absent-ko: correct `packages` in sources.toml",
        ),
        (
            "E: Failed to fetch http://x/a.deb  Hash Sum mismatch",
            Failed,
            "could not be downloaded .*Hash Sum mismatch.*check the network",
        ),
        (
            "E: Failed to fetch http://x/a.deb  Could not resolve 'x'",
            Failed,
            "could not be downloaded .*Could not resolve.*--text",
        ),
    ],
)
def test_what_apt_get_says_becomes_one_sentence(
    downloads: Path, monkeypatch: pytest.MonkeyPatch, said: str, error: type[Exception], sentence: str
) -> None:
    programs = downloads.parent / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text(f'#!/bin/sh\ncase "$*" in *update*) exit 0;; esac\necho "{said}" >&2\nexit 100\n')
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setattr(debian, "_UPDATED", set())
    with pytest.raises(error, match=sentence):
        collect(settings(kind="debian", packages=["absent-ko"], files=["**"]), [], downloads)


def test_an_optional_package_that_this_system_has_not_is_left_out(
    downloads: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = downloads.parent / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text(
        '#!/bin/sh\ncase "$*" in *" download "*) echo "E: Unable to locate package absent-ko" >&2; exit 100;; esac\n'
    )
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    both = settings(kind="debian", packages=["absent-ko", "help-ko"], files=["usr/share/help/ko/*.html"], optional=True)
    found = collect(both, [], downloads)
    assert [one.path for one in found.files] == ["usr/share/help/ko/a.html"]
    assert "this system has no package absent-ko: its text is left out" in capsys.readouterr().err
    with pytest.raises(Refused, match="there is no source to read"):
        collect(settings(kind="debian", packages=["absent-ko"], files=["*"], optional=True), [], downloads)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine and the folder it shows."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_a_file_by_url_is_fetched_once_and_checked(site: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = site
    (folder / "kowiki.xml.bz2").write_bytes(bz2.compress(b"<mediawiki></mediawiki>"))
    dump = settings(kind="mediawiki", url=f"{url}/kowiki.xml.bz2", licence="CC-BY-SA-4.0")
    found = collect(dump, [], tmp_path / "downloads")
    assert [(one.path, one.licence, one.kind) for one in found.files] == [("kowiki.xml.bz2", "CC-BY-SA-4.0", "mediawiki")]
    (folder / "kowiki.xml.bz2").unlink()
    assert collect(dump, [], tmp_path / "downloads").digest == found.digest
    with pytest.raises(Failed, match=r"could not be fetched .*404.*--text"):
        collect(settings(kind="url", url=f"{url}/gone.txt"), [], tmp_path / "downloads")
    (folder / "a.txt").write_text("글", "utf-8")
    with pytest.raises(Failed, match="states 00"):
        collect(settings(kind="url", url=f"{url}/a.txt", sha256="00"), [], tmp_path / "other")
    assert sorted(path.suffix or path.name for path in (tmp_path / "other").iterdir()) == [".lock", ".partial"]
    assert not list((tmp_path / "other" / ".partial").iterdir())


FETCHING = """
import sys
from pathlib import Path
from sejong.corpus.fetch import collect
from sejong.recipe import SourcesSettings
table = {"kind": "url", "title": "x", "url": sys.argv[1], "default": True}
collect(SourcesSettings(catalogue={"help": table}), [], Path(sys.argv[2]))
"""


def test_what_a_killed_fetch_left_is_cleared_away_and_a_running_one_is_let_be(tmp_path: Path) -> None:
    hold, downloads = threading.Event(), tmp_path / "downloads"

    class Slow(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"begun")
            self.wfile.flush()
            if self.path == "/slow.txt":
                hold.wait(60)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    process = subprocess.Popen([sys.executable, "-c", FETCHING, f"{url}/slow.txt", str(downloads)], stderr=subprocess.DEVNULL)
    try:
        while not list(downloads.glob(".partial/*/file")):
            assert process.poll() is None
            time.sleep(0.01)
        collect(settings(kind="url", url=f"{url}/a.txt"), [], downloads)
        [running] = downloads.glob(".*.part")
        process.kill()
        process.wait()
        assert running.exists(), "it was killed before it could clear up"
        collect(settings(kind="url", url=f"{url}/b.txt"), [], downloads)
        assert not list(downloads.glob(".*.part"))
        hold.set()
        [file] = collect(settings(kind="url", url=f"{url}/slow.txt"), [], downloads).files
        assert file.location.read_bytes() == b"begun"
        assert len(list(downloads.glob("help-*"))) == 3
    finally:
        process.kill()
        process.wait()
        hold.set()
        server.shutdown()
        server.server_close()


def test_a_repository_by_git(tmp_path: Path) -> None:
    repository = tmp_path / "laws"
    (repository / "kr").mkdir(parents=True)
    (repository / "kr" / "민법.md").write_text("# 민법", "utf-8")
    (repository / "README.txt").write_text("x", "utf-8")
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    found = collect(settings(kind="git", url=repository.as_uri(), files=["kr/*.md"]), [], tmp_path / "downloads")
    assert [one.path for one in found.files] == ["kr/민법.md"]
    [row] = describe(found)
    assert len(str(row["version"])) == 40
    with pytest.raises(Failed, match="could not be fetched"):
        collect(settings(kind="git", url=(tmp_path / "none").as_uri(), files=["*"]), [], tmp_path / "downloads")


def test_a_folder_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "a.txt").write_text("글", "utf-8")
    found = collect(settings(kind="folder", path=str(tmp_path / "archive"), licence="CC0-1.0"), [], tmp_path / "downloads")
    assert [(one.source, one.path, one.licence, one.kind) for one in found.files] == [("help", "a.txt", "CC0-1.0", "folder")]
    with pytest.raises(Refused, match="does not exist: correct `path`"):
        collect(settings(kind="folder", path=str(tmp_path / "gone")), [], tmp_path / "downloads")


def test_a_wrong_catalogue_names_table_and_key() -> None:
    with pytest.raises(Refused, match=r"there is no source `hepl`: did you mean help\?"):
        collect(DEBIAN.model_copy(update={"use": ["hepl"]}), [], Path("unused"))
    with pytest.raises(Refused, match=r"sources.toml, \[a\], `packages`: field required"):
        entry("a", {"kind": "debian", "title": "x", "files": ["*"]})
    with pytest.raises(Refused, match=r"sources.toml, \[a\], .*'debian', 'git'"):
        entry("a", {"kind": "ftp", "title": "x"})
    with pytest.raises(Refused, match="there is no source to read: name a file or folder with --text"):
        collect(SourcesSettings(), [], Path("unused"))


@pytest.mark.parametrize("name", nations.names())
def test_every_nations_catalogue_is_right(name: str) -> None:
    catalogue = nations.load(name).toml("sources.toml")
    entries = [entry(one, table) for one, table in catalogue.items()]
    assert {"libreoffice-help", "gnome-user-docs"} <= {one.name for one in entries if one.default}
    assert all(one.kind == "debian" for one in entries if one.default)
    assert "mediawiki" in {one.kind for one in entries}
    assert json.dumps(catalogue)
