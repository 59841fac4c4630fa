"""The nation's `sources.toml`: one table a source, checked."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sejong.errors import Refused, did_you_mean
from sejong.recipe import SourcesSettings


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    default: bool = Field(default=False, description="used when nothing else is asked for")
    title: str = Field(description="what it is, for people")
    licence: str | None = Field(default=None, description="SPDX expression; none: read from the source where it states one")
    contributor: str | None = Field(default=None, description="who made the text")


class DebianEntry(_Entry):
    """Files inside Debian packages. The licence is read from each package's copyright file unless `licence` is given."""

    kind: Literal["debian"]
    packages: list[str] = Field(min_length=1)
    files: list[str] = Field(min_length=1, description="glob patterns of paths inside the packages; `**` crosses folders")
    optional: bool = Field(default=False, description="packages that this system does not have are left out, with a line")


class GitEntry(_Entry):
    """Files of a repository's newest commit."""

    kind: Literal["git"]
    url: str
    files: list[str] = Field(min_length=1, description="glob patterns of paths inside the repository")


class UrlEntry(_Entry):
    """A file by its address, or several where the address has `*` or names a folder and its scheme can list (`s3://`, `hf://`).
    `mediawiki` is a MediaWiki dump (`.xml.bz2`)."""

    kind: Literal["url", "mediawiki"]
    url: str = Field(description="https://, s3://, hf://datasets/… or another address that fsspec opens")
    sha256: str | None = Field(default=None, description="what the one file must hash to, where that is known")


class FolderEntry(_Entry):
    """A file or folder on this machine, such as a mounted archive."""

    kind: Literal["folder"]
    path: str


Entry = DebianEntry | GitEntry | UrlEntry | FolderEntry

_ENTRY: TypeAdapter[Entry] = TypeAdapter(Annotated[Entry, Field(discriminator="kind")])


def chosen(settings: SourcesSettings) -> list[Entry]:
    """The sources that `settings.use` names, or the nation's defaults, sorted by name.

    Raises:
        Refused: an unknown name, or a table in sources.toml that says too little or too much.
    """
    catalogue = settings.catalogue
    for name in settings.use:
        if name not in catalogue:
            raise Refused(f"there is no source `{name}`: {did_you_mean(name, catalogue)}")
    names = settings.use or [name for name, table in catalogue.items() if table.get("default")]
    return [entry(name, catalogue[name]) for name in sorted(set(names))]


def entry(name: str, table: dict[str, Any]) -> Entry:
    """One table of `sources.toml`, checked.

    Raises:
        Refused: the sentence names the table, the key and what is wrong with it.
    """
    try:
        return _ENTRY.validate_python({"name": name, **table})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"][1:]) or "kind"
        raise Refused(f"sources.toml, [{name}], `{key}`: {first['msg'].lower()}") from error
