"""What was taken down from a run: a document, a contributor's, all under a locator, all of a licence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong.corpus.comply.licence import named
from sejong.corpus.judge import Judgement, Step
from sejong.corpus.pages import Pages
from sejong.errors import Refused, did_you_mean
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

KINDS = ("document", "contributor", "locator-prefix", "licence")
Removal = Mapping[str, str]


def prepare(settings: CorpusSettings) -> Step:
    """A step that drops what `corpus.removals` names.

    Raises:
        Refused: a removal of a kind that does not exist, or without a value.
    """
    check(settings.removals)
    find = finder(settings.removals)

    def step(pages: Pages) -> Judgement:
        which = find(pages.table)
        return Judgement(which >= 0, lambda index: reason(settings.removals[which[index]]))

    return step


def check(removals: Iterable[Removal]) -> None:
    """Refuse removals that say nothing.

    Raises:
        Refused: an unknown kind, or no value.
    """
    for one in removals:
        if one.get("kind") not in KINDS:
            raise Refused(f"a removal of the kind `{one.get('kind')}` is unknown: {did_you_mean(str(one.get('kind')), KINDS)}")
        if not one.get("value"):
            raise Refused(f"a removal of the kind `{one['kind']}` has no value: say which")


def reason(removal: Removal) -> str:
    """The sentence for dropped.parquet. It holds no date, so that a removal has the same bytes whenever it was asked for."""
    return f"taken down by {removal['kind']} `{removal['value']}`"


def removed_by(table: Any, removals: Sequence[Removal]) -> Any:
    """For each row of a table the position of the first removal that names it; -1: none does."""
    return finder(removals)(table)


def finder(removals: Sequence[Removal]) -> Callable[[Any], Any]:
    """`removed_by` for many tables: removals can be as many as documents.

    A document is named by the id that its source and locator give, also where several rows share the two.
    """
    by_id = {one["value"]: place for place, one in reversed(list(enumerate(removals))) if one["kind"] == "document"}
    wanted = pa.array(by_id, pa.string())
    others = [(place, one) for place, one in enumerate(removals) if one["kind"] != "document"]

    def find(table: Any) -> Any:
        found = np.full(len(table), -1, np.int64)
        if by_id:
            ids, sources, locators = (table[name] for name in ("id", "source", "locator"))
            rows = np.flatnonzero(_is_in(ids, wanted))
            places = {(sources[row].as_py(), locators[row].as_py()): by_id[ids[row].as_py()] for row in rows.tolist()}
            for row in np.flatnonzero(_is_in(locators, pa.array({one for _, one in places}, pa.string()))).tolist():
                found[row] = places.get((sources[row].as_py(), locators[row].as_py()), -1)
        for place, one in others:
            found[_named(table, one["kind"], one["value"]) & ((found < 0) | (found > place))] = place
        return found

    return find


def _named(table: Any, kind: str, value: str) -> Bools:
    if kind == "licence":
        return named(table, value)
    if kind == "contributor":
        return _is_in(table["contributor"], pa.array([value], pa.string()))
    which: Bools = pc.fill_null(pc.starts_with(table["locator"], value), False).to_numpy(zero_copy_only=False)
    return which


def _is_in(column: Any, values: Any) -> Bools:
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    which: Bools = pc.is_in(column, value_set=values).to_numpy()
    return which
