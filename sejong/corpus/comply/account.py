"""Who gave what, and what compliance cost: `contributors.json` and `opt_outs.json` of the corpus."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.comply import removals
from sejong.corpus.comply.licence import UNKNOWN, is_unknown
from sejong.corpus.comply.statements import NO_DATE
from sejong.recipe import CorpusSettings

OPTED_OUT = re.compile(r"opted out by (?P<signal>[^`]*) `(?P<value>[^`]*)`, read (?P<date>no date|\d{4}-\d{2}-\d{2})")
RULES = ("removed", "licence", "opt_out")  # the steps of compliance
BYTES_A_TOKEN = 4  # for an estimate: no tokenizer exists yet, and each will cut text otherwise
KEYS = ["contributor", "licence", "source"]


def contributors(tables: Iterable[pa.Table]) -> list[dict[str, Any]]:
    """The contributor ledger: documents and bytes kept, by contributor, licence and source.

    Args:
        tables: the corpus's documents, in any number of parts, each with `contributor`, `licence`, `source` and `text`; or parts
            that `counted` has made smaller already.
    """
    parts = [one if "documents" in one.column_names else counted(one) for one in tables]
    if not parts:
        return []
    summed = pa.concat_tables(parts).group_by(KEYS).aggregate([("documents", "sum"), ("bytes", "sum")])
    rows = summed.rename_columns([*KEYS, "documents", "bytes"]).to_pylist()
    return sorted(rows, key=lambda row: tuple(str(row[key] or "") for key in KEYS))


def counted(table: pa.Table) -> pa.Table:
    """One part of the documents as a row for each contributor, licence and source."""
    sizes = table.select(KEYS).append_column("bytes", pc.binary_length(table["text"]).cast(pa.int64()))
    summed = sizes.group_by(KEYS).aggregate([("bytes", "count"), ("bytes", "sum")])
    return summed.rename_columns([*KEYS, "documents", "bytes"])


def opt_outs(settings: CorpusSettings, dropped: pa.Table) -> list[dict[str, Any]]:
    """What each signal cost, counted from the rows of dropped.parquet.

    A document counts for the signal that dropped it, before any other rule was asked. `date` is the day on which the signal was
    read, or null; `tokens_estimated` are bytes / 4, since no tokenizer exists when the corpus is made. Removals that found no
    document are listed with 0.
    """
    own = dropped.filter(pc.is_in(dropped["rule"], value_set=pa.array(RULES)))
    summed = own.group_by(["rule", "licence", "reason"]).aggregate([("bytes", "count"), ("bytes", "sum")]).to_pylist()
    cost: dict[tuple[str, str, str | None], list[int]] = {
        ("removed", removals.reason(one), None): [0, 0] for one in settings.removals
    }
    for row in summed:
        total = cost.setdefault(_signal(row["rule"], row["licence"], row["reason"]), [0, 0])
        total[0] += row["bytes_count"]
        total[1] += row["bytes_sum"]
    ordered = sorted(cost.items(), key=lambda item: tuple(str(part or "") for part in item[0]))
    names = ("signal", "value", "date", "documents", "bytes", "tokens_estimated")
    return [dict(zip(names, (*named, *total, total[1] // BYTES_A_TOKEN), strict=True)) for named, total in ordered]


def without_text(dropped: pa.Table, taken_down: Sequence[Mapping[str, str]]) -> pa.Table:
    """Rows of dropped.parquet without the beginning of what compliance left out. What could not be read and is named by a removal
    counts as removed, too: the excerpt of a broken record is text all the same."""
    rules, reasons, excerpts = (dropped[name] for name in ("rule", "reason", "excerpt"))
    which = removals.removed_by(dropped, taken_down)
    hit = pa.array((which >= 0) & pc.equal(rules, "unreadable").to_numpy())
    said = pa.array([None if place < 0 else removals.reason(taken_down[place]) for place in which.tolist()], pa.string())
    rules, reasons = pc.if_else(hit, "removed", rules), pc.if_else(hit, said, reasons)
    excerpts = pc.if_else(pc.is_in(rules, value_set=pa.array(RULES)), "", excerpts)
    for name, column in (("rule", rules), ("reason", reasons), ("excerpt", excerpts)):
        dropped = dropped.set_column(dropped.column_names.index(name), name, column)
    return dropped


def _signal(rule: str, licence: str | None, reason: str) -> tuple[str, str, str | None]:
    if rule == "licence":
        return rule, UNKNOWN if is_unknown(licence) else str(licence), None
    if found := OPTED_OUT.match(reason):
        return found["signal"], found["value"], None if found["date"] == NO_DATE else found["date"]
    return rule, reason, None
