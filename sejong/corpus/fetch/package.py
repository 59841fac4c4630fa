"""What is inside a Debian package file: the files that are wanted, its copyright and its changelog."""

import gzip
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath

from sejong.errors import Failed, Refused

CHANGELOG_TRAILER = re.compile(r"^ -- .*>  (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Contents:
    """What unpacking gave.

    Attributes:
        paths: files that were written.
        copyright: text of the package's copyright file.
        date: day of the newest changelog entry (ISO 8601).
        documented_by: package that holds the two where this one only links to its documents (Debian policy 12.5).
    """

    paths: list[str]
    copyright: str | None
    date: str | None
    documented_by: str | None


def unpack(deb: Path, name: str, wanted: re.Pattern[str], into: Path, advice: str) -> Contents:
    """Write the regular files of a package whose path matches under `into`. Only those are written.

    Raises:
        Refused: this machine has no dpkg-deb; `advice` is how to do without.
        Failed: the package file is damaged.
    """
    if shutil.which("dpkg-deb") is None:
        raise Refused(f"this machine has no dpkg-deb, which unpacks Debian packages: {advice}")
    documents = f"usr/share/doc/{name}"
    paths: list[str] = []
    said: dict[str, bytes] = {}
    link = None
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    path = PurePosixPath(member.name)
                    if member.issym() and str(path) == documents:
                        link = PurePosixPath(member.linkname).name
                    content = tar.extractfile(member) if member.isfile() else None
                    if content is None or ".." in path.parts:
                        continue
                    if wanted.fullmatch(str(path)):
                        target = into / path
                        target.parent.mkdir(parents=True, exist_ok=True)
                        with target.open("wb") as stream:
                            shutil.copyfileobj(content, stream)
                        paths.append(str(path))
                    elif str(path.parent) == documents and path.name in ("copyright", "changelog.gz", "changelog.Debian.gz"):
                        said[path.name] = content.read()
        except (tarfile.TarError, EOFError) as error:
            raise Failed(f"{deb.name} cannot be unpacked ({error}): delete it and build again") from error
    if process.returncode:
        raise Failed(
            f"{deb.name} cannot be unpacked (dpkg-deb ended with status {process.returncode}): delete it and build again"
        )
    stated = said.get("copyright")
    return Contents(sorted(paths), stated.decode("utf-8", "replace") if stated else None, _date(said), link)


def _date(said: dict[str, bytes]) -> str | None:
    changelog = said.get("changelog.Debian.gz") or said.get("changelog.gz")
    found = CHANGELOG_TRAILER.search(gzip.decompress(changelog).decode("utf-8", "replace")) if changelog else None
    return parsedate_to_datetime(found[1]).date().isoformat() if found else None
