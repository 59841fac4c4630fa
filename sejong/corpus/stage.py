"""The corpus stage: read, identify, filter, deduplicate, redact, split.

`corpus.filters` names what may drop a document: `language`, the quality rules, `exact_duplicate`, `near_duplicate`. With `[]`
every readable document stays, copies too (they stay on one side of the split); identifiers are masked all the same.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from sejong.corpus import fetch, identify, redact, rules
from sejong.corpus.copies import Documents, find_copies
from sejong.corpus.described import describe
from sejong.corpus.screen import Piece, screen
from sejong.corpus.split import split
from sejong.corpus.write import write_documents, write_dropped
from sejong.errors import Refused
from sejong.flow import Artifact, atomic, scratch, the_only
from sejong.recipe import CorpusSettings


def run(settings: CorpusSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Make the corpus from the files of the sources. Returns documents and bytes, by split, dropped by rule.

    Raises:
        Refused: a rule or a kind of identifier is unknown, or no document is left.
    """
    rules.check(settings.filters, settings.rules)
    redact.check(settings.identifiers)
    sources = the_only(inputs, "sources")
    work = scratch(out)
    pieces = screen(settings, sources.files, work)
    documents = Documents.of(pieces)
    _refuse_nothing(settings, len(sources.files), pieces, documents)
    copies = find_copies(settings, documents, work)
    stays = copies.original == np.arange(len(documents.ids))
    side = split(documents.ids.astype(str), copies.group, documents.sizes * stays, settings.validation, settings.test)
    funnel = write_dropped(settings, documents, copies, out)
    figures = write_documents(settings, documents, stays, side, work, out)
    rows = fetch.describe(sources)
    _write_json(out / "sources.json", rows)
    describe(settings, rows, figures, funnel, out)
    _write_json(out / "outside_models.json", [identify.outside_model()])
    dropped = {rule: count for step in funnel for rule, count in step["dropped"].items()}
    return {**figures, "found": funnel[0]["documents"], "dropped": dropped}


def _refuse_nothing(settings: CorpusSettings, files: int, pieces: list[Piece], documents: Documents) -> None:
    """Where no document is left, say what was seen, why most of it fell, and what to do."""
    if len(documents.ids):
        return
    fell = [row for piece in pieces for row in piece.dropped().select(["rule", "reason", "locator"]).to_pylist()]
    if not fell:
        raise Refused(f"none of {_files(files)} holds a document: name a file or folder of text with --text")
    rule, count = Counter(row["rule"] for row in fell).most_common(1)[0]
    example = min((row["locator"], row["reason"]) for row in fell if row["rule"] == rule)
    seen = f"no document is left of {len(fell):,} found in {_files(files)}"
    example_given = f"{example[0]}: {example[1]}"
    if rule == "unreadable":
        raise Refused(f"{seen}: {count:,} cannot be read ({example_given}); give files of text that can be opened")
    own = identify.name_of(settings.language)
    if rule == "language":
        found, most = Counter(row["reason"].partition(" with ")[0] for row in fell if row["rule"] == rule).most_common(1)[0]
        raise Refused(f"{seen}: {most:,} are {found}, not {own} ({example_given}); give {own} text or build another nation")
    raise Refused(
        f"{seen}: the quality rule `{rule}` dropped {count:,} ({example_given}); give longer running text, "
        "change the rule's limits in the nation's filters.toml, or keep every document with --set corpus.filters=[]"
    )


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def _write_json(path: Path, value: Any) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")
