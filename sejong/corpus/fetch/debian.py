"""Text from Debian packages, without root: `apt-get download`, then only the wanted files are unpacked."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sejong.corpus.fetch.catalogue import DebianEntry
from sejong.corpus.fetch.copyright import licence_of
from sejong.corpus.fetch.match import expression
from sejong.corpus.fetch.origin import Origin
from sejong.corpus.fetch.package import unpack
from sejong.errors import Failed, Refused
from sejong.flow.progress import console

GIVEN = "deb"  # package files that a person put into downloads/ by hand
LISTS = ".apt"  # package lists of our own, where the machine has none
_UPDATING = threading.Lock()
_UPDATED: set[Path] = set()  # folders whose lists this process has brought up to date
UNKNOWN = r"(?:Unable to locate package|Can't select candidate version from package|Package '?|source to download) ?{}\b"


class Absent(Refused):
    """The system has no such package."""


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    licence: str | None
    date: str | None


def fetch(entry: DebianEntry, into: Path, downloads: Path) -> Origin:
    """Put the matching files of the entry's packages under `into`; a package file in `downloads/deb` spares the network.
    Temporary files lie beside `into`.

    Raises:
        Refused: this machine has no apt-get or dpkg-deb, or apt knows no such package.
        Failed: the download failed or had another hash than the package list states, or nothing in a package matches.
    """
    wanted = expression(entry.files)
    with tempfile.TemporaryDirectory(prefix=".deb-", dir=into.parent) as temporary:
        folder = Path(temporary).resolve()
        files = _files(entry.packages, folder, downloads, optional=entry.optional)
        packages = [_package(name, deb, entry, wanted, into, folder, downloads) for name, deb in files.items()]
    licences = sorted({one.licence for one in packages if one.licence})
    return Origin(
        uri=" ".join(f"pkg:deb/{_distribution()}/{one.name}@{quote(one.version)}" for one in packages),
        version=" ".join(one.version for one in packages),
        licence=entry.licence or " AND ".join(licences) or None,
        licence_from="sources.toml" if entry.licence else "the copyright file of " + " ".join(one.name for one in packages),
        collected=max((one.date for one in packages if one.date), default=None),
    )


def _package(
    name: str, deb: Path, entry: DebianEntry, wanted: re.Pattern[str], into: Path, temporary: Path, downloads: Path
) -> _Package:
    stated = found = unpack(deb, name, wanted, into, _advice(name, downloads))
    if not found.paths:
        raise Failed(f"package {name} has no file that matches {entry.files}: correct `files` of [{entry.name}] in sources.toml")
    if other := found.documented_by:
        [documents] = _files([other], temporary, downloads).values()
        stated = unpack(documents, other, expression([""]), into, _advice(other, downloads))
    version = deb.name.split("_")[1].replace("%3a", ":")
    return _Package(name, version, licence_of(stated.copyright or ""), stated.date)


def _files(names: list[str], into: Path, downloads: Path, *, optional: bool = False) -> dict[str, Path]:
    """The package files: those that were put into `downloads/deb`, the others by apt-get, less unknown ones if `optional`."""
    given = {name: found[-1] for name in names if (found := sorted((downloads / GIVEN).glob(f"{name}_*.deb")))}
    wanted = [name for name in names if name not in given]
    files = given | (_download(wanted, into, downloads, optional) if wanted else {})
    if not files:
        raise Absent(
            f"apt-get knows no package {' '.join(names)}: correct `packages` in sources.toml, or {_advice(names[0], downloads)}"
        )
    return {name: files[name] for name in names if name in files}


def _download(names: list[str], into: Path, downloads: Path, optional: bool) -> dict[str, Path]:
    """Package files by the machine's package lists, else by lists of our own."""
    advice = _advice(names[0], downloads)
    for options in _ways(downloads, advice):
        tried = _apt([*options, "download", *names], advice, into)
        found = {name: files[-1] for name in names if (files := sorted(into.glob(f"{name}_*.deb")))}
        if tried.returncode == 0 and len(found) == len(names):
            return found
    unknown = [name for name in names if re.search(UNKNOWN.format(re.escape(name)), tried.stderr)]
    known = [name for name in names if name not in unknown]
    if unknown and optional:
        console.print(f"  this system has no package {' '.join(unknown)}: its text is left out", markup=False)
        return _download(known, into, downloads, optional) if known else {}
    if unknown:
        raise Absent(f"apt-get knows no package {' '.join(unknown)}: correct `packages` in sources.toml, or {advice}")
    raise Failed(f"package {' '.join(names)} could not be downloaded ({_last_error(tried)}): check the network, or {advice}")


def _ways(downloads: Path, advice: str) -> Iterator[list[str]]:
    """Options of apt-get to try in turn: the machine's package lists, our own as they are, our own brought up to date."""
    state = (downloads / LISTS).resolve()
    options = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache", "-o", "APT::Sandbox::User="]
    yield []
    if (state / "lists").exists():
        yield options
    _update(state, options, advice)
    yield options


def _update(state: Path, options: list[str], advice: str) -> None:
    """Bring our own package lists up to date, once in this process."""
    with _UPDATING:
        if state in _UPDATED:
            return
        for folder in ("lists/partial", "cache/archives/partial"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        console.print("  the machine's package lists are absent or old: fetching lists of our own", markup=False)
        updated = _apt([*options, "--error-on=any", "update"], advice, state)
        if updated.returncode:
            raise Failed(f"the package lists could not be fetched ({_last_error(updated)}): check the network, or {advice}")
        _UPDATED.add(state)


def _apt(arguments: list[str], advice: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("apt-get") is None:
        raise Refused(f"this machine has no apt-get, with which Sejong fetches text from Debian packages: {advice}")
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(
        ["apt-get", "-q", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
    )


def _last_error(run: subprocess.CompletedProcess[str]) -> str:
    """What apt-get said last about an error, on one line."""
    lines = [line.strip() for line in f"{run.stdout}\n{run.stderr}".splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "Err:"))]
    return (errors or lines or [f"exit status {run.returncode}"])[-1]


def _advice(name: str, downloads: Path) -> str:
    return f"give text of your own with --text, or put {name}_*.deb into {downloads / GIVEN}"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["ID"]
    except (OSError, KeyError):
        return "debian"
