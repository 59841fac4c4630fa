"""What a stage reads: the finished output of another stage, or files that came from outside."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sejong.errors import Failed


@dataclass(frozen=True)
class SourceFile:
    """One file of text from outside. `root` is where it lies here; it never enters an identity."""

    source: str
    root: Path
    path: str
    sha256: str
    bytes: int
    licence: str | None = None
    contributor: str | None = None
    collected: str | None = None
    kind: str = "file"

    @property
    def location(self) -> Path:
        """Where to open it."""
        return self.root / self.path if self.path else self.root


@dataclass(frozen=True)
class Artifact:
    """A finished stage: its folder, its identity (what made it) and its digest (what it holds)."""

    stage: str
    path: Path
    identity: str
    digest: str
    files: tuple[SourceFile, ...] = field(default=())

    def manifest(self) -> dict[str, Any]:
        """The manifest beside the files; errors as in `flow.manifest.read`."""
        from sejong.flow import manifest

        return manifest.read(self.path)


def the_only(inputs: list[Artifact], stage: str) -> Artifact:
    """The one input that `stage` made.

    Raises:
        Failed: there is none, or more than one.
    """
    found = [one for one in inputs if one.stage == stage]
    if len(found) != 1:
        have = ", ".join(one.stage for one in inputs) or "nothing"
        raise Failed(f"this stage needs one input from `{stage}`, but was given {have}")
    return found[0]
