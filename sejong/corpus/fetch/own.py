"""The user's own text: files and folders named with `--text`."""

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sejong.corpus.read.formats import READABLE, format_of
from sejong.corpus.sources import row
from sejong.errors import Refused
from sejong.flow import SourceFile, sha256_file
from sejong.flow.progress import console, progress

SOURCE = "text"
HASHING_THREADS = 4


def collect(text: Sequence[Path], licence: str | None) -> tuple[list[SourceFile], list[dict[str, Any]]]:
    """The readable files under each path, and one row for each path that became a source of its own.

    A file's path is relative to the folder that was named; a file named directly has its own name. All paths form the one
    source `text`, unless two of them hold different files of the same relative path: then the later is `text-2`, and so on.

    Raises:
        Refused: a path does not exist, or no readable file is found.
    """
    found: list[tuple[str, Path, str]] = []
    taken: dict[tuple[str, str], Path] = {}
    seen: set[Path] = set()
    passed: Counter[str] = Counter()
    for path in text:
        listed = [one for one in _listed(path, passed) if one[0].joinpath(one[1]).resolve() not in seen]
        number = 1
        while any((_name(number), locator) in taken for _, locator in listed):
            number += 1
        for root, locator in listed:
            taken[_name(number), locator] = root
            seen.add((root / locator).resolve())
            found.append((_name(number), root, locator))
    _say_what_was_passed_over(passed)
    if not found:
        named = ", ".join(str(path) for path in text)
        raise Refused(f"there is no text in {named}: Sejong reads {' '.join(READABLE)} (each also .gz, .zst or .bz2)")
    files = hashed(found, kind="file", licence=licence)
    names = sorted({one.source for one in files})
    return files, [row(name, [one for one in files if one.source == name]) for name in names]


def hashed(
    found: Sequence[tuple[str, Path, str]],
    *,
    kind: str,
    licence: str | None = None,
    contributor: str | None = None,
    collected: str | None = None,
) -> list[SourceFile]:
    """(source, root, path) as `SourceFile`s. Files are hashed on a few threads; hashlib lets them run side by side.

    Raises:
        Refused: a file cannot be opened.
    """

    def one(source: str, root: Path, path: str) -> SourceFile:
        location = root / path
        try:
            return SourceFile(
                source, root, path, sha256_file(location), location.stat().st_size, licence, contributor, collected, kind
            )
        except OSError as error:
            raise Refused(f"{location} cannot be read ({error.strerror}): allow reading it, or leave it out of --text") from error

    with ThreadPoolExecutor(HASHING_THREADS) as pool, progress("Hashing files", total=len(found), unit="files") as bar:
        files = []
        for file in pool.map(lambda triple: one(*triple), found):
            files.append(file)
            bar.advance()
    return files


def _name(number: int) -> str:
    return SOURCE if number == 1 else f"{SOURCE}-{number}"


def _listed(path: Path, passed: Counter[str]) -> list[tuple[Path, str]]:
    """(root, relative path) of the readable files under `path`, sorted; what is passed over is counted by its kind."""
    if not path.exists():
        raise Refused(f"{path} does not exist: give a file or folder of text with --text")
    if not path.is_dir():
        return [(path.parent, path.name)] if _readable(path, passed) else []
    listed = []
    for folder, folders, names in os.walk(path, onerror=_unreadable_folder):
        hidden = [one for one in folders if one.startswith(".")]
        passed["hidden folder"] += len(hidden)
        folders[:] = sorted(set(folders) - set(hidden))
        for name in sorted(names):
            file = Path(folder, name)
            if _readable(file, passed):
                listed.append((path, file.relative_to(path).as_posix()))
    return listed


def _readable(file: Path, passed: Counter[str]) -> bool:
    if not file.is_file():
        passed["broken link or device"] += 1
    elif file.name.startswith("."):
        passed["hidden file"] += 1
    elif not _is_unicode(str(file)):
        passed["name that is not UTF-8"] += 1
    elif format_of(file.name) is None:
        passed[file.suffix.lower() or "no suffix"] += 1
    else:
        return True
    return False


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable_folder(error: OSError) -> None:
    raise Refused(f"{error.filename} cannot be listed ({error.strerror}): allow reading it, or leave it out of --text") from error


def _say_what_was_passed_over(passed: Counter[str]) -> None:
    passed = +passed
    if passed:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(passed.items(), key=lambda one: (-one[1], one[0]))[:12])
        more = f" and {len(passed) - 12} more kinds" if len(passed) > 12 else ""
        console.print(f"  left out, since Sejong does not read them as text: {kinds}{more}", markup=False)
