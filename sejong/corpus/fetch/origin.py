"""What a fetched source says about itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a source came from.

    Attributes:
        uri: a package URL (purl), a repository or a file's URL.
        version: package version, commit, or the hash of the file.
        licence: SPDX expression, or a name where SPDX has none.
        licence_from: what states it, for a person who checks.
        collected: the source's own date (ISO 8601), not the time of fetching.
    """

    uri: str | None
    version: str | None
    licence: str | None = None
    licence_from: str | None = None
    collected: str | None = None
