"""Text from Debian packages, without root: `apt-get download`, then only the wanted files are unpacked."""

import os
import platform
import re
import shutil
import subprocess
import tempfile
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
UNKNOWN = ("Unable to locate package", "no installation candidate", "Can't find a source")


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    licence: str | None
    date: str | None


def fetch(entry: DebianEntry, into: Path, downloads: Path) -> Origin:
    """Put the matching files of the entry's packages under `into`; a package file in `downloads/deb` spares the network.

    Raises:
        Refused: this machine has no apt-get or dpkg-deb, or apt knows no such package.
        Failed: the download failed or had another hash than the package list states, or nothing in a package matches.
    """
    wanted = expression(entry.files)
    with tempfile.TemporaryDirectory(prefix=".deb-", dir=downloads) as temporary:
        packages = [_package(name, entry, wanted, into, Path(temporary).resolve(), downloads) for name in entry.packages]
    licences = sorted({one.licence for one in packages if one.licence})
    return Origin(
        uri=" ".join(f"pkg:deb/{_distribution()}/{one.name}@{quote(one.version)}" for one in packages),
        version=" ".join(one.version for one in packages),
        licence=entry.licence or " AND ".join(licences) or None,
        licence_from="sources.toml" if entry.licence else "the copyright file of " + " ".join(one.name for one in packages),
        collected=max((one.date for one in packages if one.date), default=None),
    )


def _package(name: str, entry: DebianEntry, wanted: re.Pattern[str], into: Path, temporary: Path, downloads: Path) -> _Package:
    deb = _file(name, temporary, downloads)
    found = unpack(deb, name, wanted, into, _advice(name, downloads))
    if not found.paths:
        raise Failed(f"package {name} has no file that matches {entry.files}: correct `files` of [{entry.name}] in sources.toml")
    stated = found
    if found.documented_by:
        other = found.documented_by
        stated = unpack(_file(other, temporary, downloads), other, expression([""]), into, _advice(other, downloads))
    version = deb.name.split("_")[1].replace("%3a", ":")
    return _Package(name, version, licence_of(stated.copyright or ""), stated.date)


def _file(name: str, into: Path, downloads: Path) -> Path:
    """The package file: one that was put into `downloads/deb`, else by the machine's package lists, else by fresh lists of our own."""
    if given := sorted((downloads / GIVEN).glob(f"{name}_*.deb")):
        return given[-1]
    advice = _advice(name, downloads)
    tried = _apt(["download", name], advice, into)
    if tried.returncode:
        tried = _apt([*_own_lists(downloads, advice), "download", name], advice, into)
    found = sorted(into.glob(f"{name}_*.deb"))
    if tried.returncode or not found:
        said = _last_error(tried)
        if any(phrase in said for phrase in UNKNOWN):
            raise Refused(f"apt-get knows no package {name}: correct `packages` in sources.toml, or {advice}")
        raise Failed(f"package {name} could not be downloaded ({said}): check the network, or {advice}")
    return found[-1]


def _own_lists(downloads: Path, advice: str) -> list[str]:
    """Options of apt-get that name package lists of our own, brought up to date."""
    state = (downloads / LISTS).resolve()
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    options = ["-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache", "-o", "APT::Sandbox::User="]
    console.print("  the machine's package lists are absent or old: fetching lists of our own", markup=False)
    updated = _apt([*options, "--error-on=any", "update"], advice, downloads)
    if updated.returncode:
        raise Failed(f"the package lists could not be fetched ({_last_error(updated)}): check the network, or {advice}")
    return options


def _apt(arguments: list[str], advice: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("apt-get") is None:
        raise Refused(f"this machine has no apt-get, with which Sejong fetches text from Debian packages: {advice}")
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(  # noqa: S603
        ["apt-get", "-q", *arguments],  # noqa: S607
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
