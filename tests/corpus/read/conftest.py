"""Files as the sources stage lists them."""

from pathlib import Path
from typing import Any

from sejong.flow import SourceFile, sha256_file


def source(folder: Path, name: str, **said: Any) -> SourceFile:
    """A file of a folder, with its size and hash."""
    path = folder / name
    return SourceFile("text", folder, name, sha256_file(path), path.stat().st_size, **said)
