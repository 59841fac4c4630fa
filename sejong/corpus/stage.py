"""The corpus stage: read, identify, filter, redact, deduplicate, split.

`corpus.filters` names what may drop a document: `language`, the quality rules, `exact_duplicate`, `near_duplicate`. With `[]`
every readable document stays, copies too (they stay on one side of the split); identifiers are masked all the same. Removals,
licences and opt-outs (`sejong.corpus.comply`) apply always. Copies are looked for in the masked texts.
"""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sejong.corpus import comply, contamination, identify, lines, prefer, quality, redact, rules, steps
from sejong.corpus.cluster import workers
from sejong.corpus.copies import Documents, find_copies
from sejong.corpus.described import describe
from sejong.corpus.jobs import Task
from sejong.corpus.piece import Piece
from sejong.corpus.read import ocr
from sejong.corpus.read.formats import Hints
from sejong.corpus.redact.measure import measured
from sejong.corpus.screen import screen, shingle_length, task_size
from sejong.corpus.shards import gather
from sejong.corpus.sources import describe as describe_sources
from sejong.corpus.split import split
from sejong.corpus.write import kept_signal, write_documents, write_dropped, write_rows
from sejong.errors import Refused
from sejong.flow import Artifact, atomic, scratch, the_only
from sejong.language import units
from sejong.recipe import CorpusSettings


def run(settings: CorpusSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Make the corpus from the files of the sources. Returns documents and bytes, by split, dropped by rule.

    Raises:
        Refused: a rule or a kind of identifier is unknown, or no document is left.
    """
    _check(settings)
    sources = the_only(inputs, "sources")
    work = scratch(out)
    settings = comply.with_archives(settings, sources.files, work)
    classifier = quality.train(settings, sources.files, work, steps.passing(settings)) if settings.references else None
    task = Task(settings, work, task_size(sources.files), classifier)
    with ThreadPoolExecutor(1) as aside, workers(task, sum(file.bytes for file in sources.files)) as work_off:
        searched = aside.submit(measured, settings.identifiers, settings.identifier_rules, seed=1)
        pieces = screen(task, sources.files, work_off)
        documents = Documents.of(task, pieces)
        _refuse_nothing(settings, len(sources.files), pieces, documents)
        copies = find_copies(task, documents, work_off)
        order = np.empty(len(documents), np.int64)
        order[np.lexsort(documents.id[::-1])] = np.arange(len(documents))
        sizes = documents.sizes.astype(np.int64) * copies.stays
        side = split(documents.names, order, copies.group, sizes, settings.validation, settings.test)
        shards = gather(task, documents, copies, side, work_off)
    funnel = write_dropped(settings, shards, out)
    figures = write_documents(shards, out)
    write_rows(pieces, out)
    if classifier:
        quality.write(classifier, kept_signal(shards, prefer.QUALITY), out)
    given = describe_sources(sources)
    _write_json(out / "sources.json", given)
    _write_json(out / "pii.json", searched.result())
    _write_json(out / "outside_models.json", _outside_models(settings, out))
    describe(settings, given, figures, funnel, out)
    dropped = {rule: count for step in funnel for rule, count in step["dropped"].items()}
    return {**figures, "found": funnel[0]["documents"], "dropped": dropped}


def _check(settings: CorpusSettings) -> None:
    """Refuse what cannot be applied before any work is done."""
    rules.check(settings.filters, settings.rules)
    redact.check(settings.identifiers)
    comply.check(settings)
    contamination.check(settings)
    shingle_length(settings)
    if steps.NEAR in settings.filters:
        prefer.check(settings)
    if steps.LINES in settings.filters:
        lines.check(settings)


def _outside_models(settings: CorpusSettings, out: Path) -> list[dict[str, str]]:
    """Models made by others that decided something: the identifier, segmenters behind units, character recognition."""
    counted = {settings.rules.get(name, {}).get("unit", "word") for name in settings.filters}
    found = [identify.outside_model(), *(units.outside_model(unit) for unit in sorted(counted))]
    marks = pc.list_flatten(ds.dataset(out / "documents", format="parquet").to_table(columns=["marks"])["marks"])
    if pc.any(pc.starts_with(marks, "ocr:")).as_py():
        found.append(ocr.outside_model(Hints(tuple(settings.encodings), tuple(settings.scripts), tuple(settings.ocr))))
    return [one for one in found if one]


def _refuse_nothing(settings: CorpusSettings, files: int, pieces: list[Piece], documents: Documents) -> None:
    """Where no document is left, say what was seen, why most of it fell, and what to do."""
    if len(documents):
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
    if rule in comply.RULES:
        raise Refused(f"{seen}: {count:,} fell by the rule `{rule}` ({example_given}); give text that may be used")
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
