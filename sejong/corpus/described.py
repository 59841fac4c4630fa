"""What stands beside the Parquet files for people and other programs: `datasheet.md` and `croissant.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds

from sejong.corpus.croissant import croissant
from sejong.corpus.datasheet import datasheet
from sejong.flow import atomic
from sejong.recipe import CorpusSettings

UNKNOWN = "unknown"


def describe(
    settings: CorpusSettings, sources: list[dict[str, Any]], figures: dict[str, Any], funnel: list[dict[str, Any]], out: Path
) -> None:
    """Write both into a corpus folder whose `documents/` are finished.

    Args:
        settings: of the stage.
        sources: the rows of sources.json.
        figures: documents, bytes, by_split, masked.
        funnel: the rows of funnel.json.
        out: the corpus folder.
    """
    licences = _licences(out)
    with atomic(out / "datasheet.md") as path:
        path.write_text(datasheet(settings, sources, figures, funnel, licences), "utf-8")
    known = sorted(name for name in licences if name != UNKNOWN)
    found = croissant(out, settings.language, known, version="1.0.0")
    files = "".join(f"{one['sha256']}  {one['contentUrl']}\n" for one in found["distribution"])
    found["version"] = f"1.0.0+{hashlib.sha256(files.encode()).hexdigest()[:12]}"  # other bytes, another version
    with atomic(out / "croissant.json") as path:
        path.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _licences(out: Path) -> dict[str, int]:
    """Documents by licence."""
    column = ds.dataset(out / "documents", format="parquet").to_table(columns=["licence"])
    counts = column.group_by("licence").aggregate([([], "count_all")]).to_pylist()
    return {row["licence"] or UNKNOWN: row["count_all"] for row in counts}
