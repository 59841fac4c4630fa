"""Reading the files of other stages. A file that a stage does not write gives nothing; a broken one stops the page."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sejong.errors import Failed
from sejong.flow import Artifact


def json_of(artifact: Artifact | None, name: str, missing: Any) -> Any:
    """A JSON file of the artifact; `missing` where there is no artifact or no such file."""
    path = _path(artifact, name)
    if path is None:
        return missing
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise _broken(path, error) from error


def lines_of(artifact: Artifact | None, name: str) -> list[dict[str, Any]]:
    """The rows of a JSON Lines file; none where there is no such file."""
    path = _path(artifact, name)
    if path is None:
        return []
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise _broken(path, error) from error


def batches_of(artifact: Artifact | None, name: str, columns: list[str]) -> Iterator[pa.Table]:
    """Columns of a Parquet file, some rows at a time; none where there is no such file."""
    path = _path(artifact, name)
    if path is None:
        return
    try:
        for batch in pq.ParquetFile(path).iter_batches(columns=columns):
            yield pa.Table.from_batches([batch])
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, error) from error


def _path(artifact: Artifact | None, name: str) -> Path | None:
    path = artifact.path / name if artifact else None
    return path if path and path.exists() else None


def _broken(path: Path, error: Exception) -> Failed:
    return Failed(f"{path} cannot be read ({error}): delete the folder {path.parent.name} and build again")
