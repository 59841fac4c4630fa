"""`sejong takedown`: find documents of a run and what would come back in their place, and write down that they must go.

Nothing is made anew here: the next build of the run applies `removals.jsonl` and deletes what it replaced (`sejong.build.purge`).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sejong.build import folder
from sejong.build.purge import DOCUMENTS, WHO, files_of
from sejong.build.request import FILE
from sejong.corpus.comply import removed_by
from sejong.corpus.comply.removals import KINDS
from sejong.corpus.read.batch import identifier
from sejong.errors import Refused
from sejong.flow import manifest, store
from sejong.ledger import removals, seal
from sejong.serve import endpoint

MOST_SHOWN = 10  # documents in the lines for a person
MOST_LISTED = 1000  # and of each kind in --json
ROW = pa.schema(
    [
        *((name, pa.string()) for name in WHO),
        ("bytes", pa.int64()),
        ("rule", pa.string()),  # that dropped it; none: it is kept
        ("duplicate_of", pa.string()),
    ]
)


@dataclass(frozen=True)
class Found:
    """What a takedown means: documents to remove, and copies of their text; tables of `ROW`.

    `already` counts what is removed already. `coming` are copies that were dropped for the sake of a removed document and would
    come back in its place; `staying` are kept ones that are not named. Near copies are known where `near_duplicate` was asked.
    """

    run: Path
    asked: list[dict[str, str]]
    named: pa.Table
    already: int
    coming: pa.Table
    staying: pa.Table
    near_known: bool
    downloads: list[Path]

    @property
    def kept(self) -> pa.Table:
        """Of what is named, the documents that stand in the corpus."""
        return self.named.filter(pc.is_null(self.named["rule"]))

    @property
    def duplicates(self) -> list[dict[str, str]]:
        """The copies, as removals of their own."""
        rows = pa.concat_tables([self.coming, self.staying]).select(["source", "locator"]).to_pylist()
        return [{"kind": "document", "value": one} for one in sorted({identifier(row["source"], row["locator"]) for row in rows})]


def find(run: Path, given: Mapping[str, Sequence[str] | None]) -> Found:
    """What is named in a run's corpus.

    Args:
        given: values by kind of removal, of which one has some.

    Raises:
        Refused: not one kind is given, RUN is no run or has no corpus yet, or nothing in it is named so.
    """
    kinds = [(kind, values) for kind, values in given.items() if values]
    if len(kinds) != 1 or not all(one.strip() for one in kinds[0][1]):
        raise Refused("name what to take down with one of " + ", ".join(f"--{kind}" for kind in KINDS))
    kind, values = kinds[0]
    if "corpus" not in folder.artifacts_of(run):
        raise Refused(f"{run} has no corpus yet: run `sejong build {run}/{FILE}` first")
    corpus = (run / "corpus").resolve()
    asked = [{"kind": kind, "value": value.strip()} for value in values]
    if kind == "document":
        asked = [{"kind": kind, "value": _own_id(corpus, one["value"], run)} for one in asked]
    rows = _select(corpus, lambda table: _names(table, asked))
    if not len(rows):
        said = ", ".join(f"`{one['value']}`" for one in asked)
        raise Refused(f"no document of {run} has the {kind} {said}: look at what it has in {run}/corpus")
    gone = pc.fill_null(pc.equal(rows["rule"], "removed"), False)
    named = rows.filter(pc.invert(gone))
    filters = manifest.manifest_settings(manifest.read(corpus))["filters"]
    coming, staying = _copies(corpus, named, exact_known=not {"exact_duplicate", "near_duplicate"}.isdisjoint(filters))
    downloads = _downloads(store.store_of(run), named)
    return Found(run, asked, named, pc.sum(gone).as_py() or 0, coming, staying, "near_duplicate" in filters, downloads)


def record(found: Found, date: str, reason: str | None = None, *, with_duplicates: bool = False) -> None:
    """Write the removals beside the run. Its seal goes, since the run no longer is what it should be until it is built again.

    Args:
        date: the day of the request, ISO 8601.

    Raises:
        Refused: the run is being served, from files that hold the documents.
    """
    run = found.run
    if service := endpoint.read(run):
        raise Refused(f"{run} is served at {service.url} from files that hold these documents: stop the service first")
    rows = [*found.asked, *(found.duplicates if with_duplicates else [])]
    said = {"date": date, **({"reason": reason} if reason else {})}
    where = store.store_of(run)
    with store.writable(run, "the run's folder"), store.held(where, folder.lock_name(run), f"{run}: a build is going on"):
        if removals.missing(run, rows):
            (run / seal.NAME).unlink(missing_ok=True)
            removals.add(run, [{**one, **said} for one in rows])


def as_json(found: Found, *, with_duplicates: bool, done: bool) -> dict[str, Any]:
    """What `sejong takedown --json` prints; lists of documents end after `MOST_LISTED`, the counts are whole."""
    kept = found.kept
    return {
        "run": str(found.run),
        "removals": [*found.asked, *(found.duplicates if with_duplicates else [])],
        "documents": len(found.named),
        "kept": len(kept),
        "dropped_before": len(found.named) - len(kept),
        "already_removed": found.already,
        "bytes": pc.sum(kept["bytes"]).as_py() or 0,
        "sources": _by_source(found.named),
        "rows": _listed(found.named),
        "copies_coming_back": len(found.coming),
        "would_come_back": _listed(found.coming),
        "copies_staying": len(found.staying),
        "would_stay": _listed(found.staying),
        "near_copies_known": found.near_known,
        "with_duplicates": with_duplicates,
        "downloads": [str(path) for path in found.downloads],
        "done": done,
        "next": f"sejong build {found.run}/{FILE}",
    }


def lines(found: Found, *, with_duplicates: bool) -> list[str]:
    """What would be done, for a person."""
    kept = found.kept
    size = pc.sum(kept["bytes"]).as_py() or 0
    said = [f"{found.run}: {len(found.named):,} documents would go, {len(kept):,} of them in the corpus ({size:,} bytes)"]
    said += [f"  {count:,} of source {name}" for name, count in _by_source(found.named).items()]
    said += _shown(found.named)
    if found.already:
        said.append(f"{found.already:,} more are removed already")
    if len(found.coming):
        verb = "are copies that go, too" if with_duplicates else "are copies that would come back in their place"
        said += [f"{len(found.coming):,} documents that were dropped {verb}:", *_shown(found.coming)]
    if len(found.staying):
        verb = "go, too" if with_duplicates else "would stay"
        said += [f"{len(found.staying):,} documents of the corpus have the same text, or nearly, and {verb}:"]
        said += _shown(found.staying)
    if (len(found.coming) or len(found.staying)) and not with_duplicates:
        said.append("  --with-duplicates takes them down, too")
    if not found.near_known:
        said.append("near copies are not known here, since corpus.filters of this run does not name near_duplicate")
    if found.downloads:
        said.append(
            "fetched sources hold the text as it was published, for every run of this store, and are not changed; "
            "delete their folders where they must not stay, and a later build fetches them anew:"
        )
        said += [f"  {path}" for path in found.downloads]
    return said


def _select(corpus: Path, matches: Callable[[pa.Table], Any]) -> pa.Table:
    """The rows of a corpus, kept and dropped, for which `matches` is true. Of a file in which none is, no text is read."""
    parts = [ROW.empty_table()]
    for path in files_of(corpus):
        is_kept = path.parent.name == DOCUMENTS
        table = pq.read_table(path, columns=WHO if is_kept else ROW.names)
        which = pa.array(matches(table))
        rows = table.filter(which)
        if is_kept and len(rows):
            texts = pq.read_table(path, columns=["text"]).filter(which)["text"]
            rows = rows.append_column("bytes", pc.binary_length(texts).cast(pa.int64()))
            for name in ("rule", "duplicate_of"):
                rows = rows.append_column(name, pa.nulls(len(rows), pa.string()))
        if len(rows):
            parts.append(rows.select(ROW.names).cast(ROW))
    return pa.concat_tables(parts)


def _own_id(corpus: Path, given: str, run: Path) -> str:
    """The id that source and locator of a document give: where several rows share the two, all but one have another."""
    for path in files_of(corpus):
        for row in pq.read_table(path, columns=["source", "locator"], filters=pc.field("id") == given.lower()).to_pylist():
            return identifier(row["source"], row["locator"])
    raise Refused(f"no document of {run} has the id {given}: give the 64 digits of its id in {run}/corpus")


def _names(table: pa.Table, asked: list[dict[str, str]]) -> Any:
    if asked[0]["kind"] != "document":
        return removed_by(table, asked) >= 0
    wanted = {one["value"] for one in asked}
    pairs = zip(table["source"].to_pylist(), table["locator"].to_pylist(), strict=True)
    return np.array([identifier(source, locator) in wanted for source, locator in pairs], bool)


def _copies(corpus: Path, named: pa.Table, *, exact_known: bool) -> tuple[pa.Table, pa.Table]:
    """Copies of the named documents that are not named: dropped ones that would come back, and kept ones that stay.

    Where a named document was itself dropped as a copy, its original and the other copies of that count, too. Where no filter
    looked for copies, equal texts are looked for here.
    """
    own = named["id"].combine_chunks()
    kept = named.filter(pc.is_null(named["rule"]))["id"].combine_chunks()
    originals = pc.drop_null(named["duplicate_of"]).combine_chunks()
    originals = originals.filter(pc.invert(pc.is_in(originals, value_set=own)))
    of = pa.concat_arrays([kept, originals])

    def others(table: pa.Table) -> Any:
        some = pc.is_in(table["duplicate_of"], value_set=of) if "duplicate_of" in table.column_names else None
        some = pc.is_in(table["id"], value_set=originals) if some is None else some
        return pc.and_(some, pc.invert(pc.is_in(table["id"], value_set=own))).to_numpy()

    rows = _select(corpus, others)
    equal = set() if exact_known else _equal_texts(corpus, kept)
    if equal:
        twins = _select(corpus, lambda table: np.array([one in equal for one in table["id"].to_pylist()], bool))
        rows = pa.concat_tables([rows, twins])
    is_kept = pc.is_null(rows["rule"])
    return rows.filter(pc.invert(is_kept)), rows.filter(is_kept)


def _equal_texts(corpus: Path, ids: pa.Array) -> set[str]:
    """Ids of the other kept documents that have the same text as one of `ids`."""
    files = [path for path in files_of(corpus) if path.parent.name == DOCUMENTS]
    named = [pq.read_table(path, columns=["text"], filters=pc.field("id").isin(ids))["text"] for path in files]
    texts = pa.array([one for column in named for one in column.to_pylist()], pa.large_string())
    found: set[str] = set()
    for path in files:
        table = pq.read_table(path, columns=["id", "text"])
        found |= set(table.filter(pc.is_in(table["text"].cast(pa.large_string()), value_set=texts))["id"].to_pylist())
    return found - set(ids.to_pylist())


def _downloads(where: Path, named: pa.Table) -> list[Path]:
    """Files of fetched sources that hold a document; the source's folder where the file is not to be told from the locator."""
    folders = [path.parent for path in sorted((where / "downloads").glob("*/files")) if path.is_dir()]
    found: set[Path] = set()
    for row in named.select(["source", "locator"]).to_pylist() if folders else []:
        inside = row["locator"].partition("#")[0].partition("!")[0].lstrip("/")
        files = {path for one in folders if (path := one / "files" / inside).is_file()}
        found |= files or {one for one in folders if one.name.rpartition("-")[0] == row["source"]}
    return sorted(found)


def _by_source(rows: pa.Table) -> dict[str, int]:
    return dict(sorted(Counter(rows["source"].to_pylist()).items()))


def _listed(rows: pa.Table) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = rows.slice(0, MOST_LISTED).to_pylist()
    return listed


def _shown(rows: pa.Table) -> list[str]:
    shown = [f"  {row['id']}  {row['source']}  {row['locator']}" for row in rows.slice(0, MOST_SHOWN).to_pylist()]
    return shown + ([f"  and {len(rows) - MOST_SHOWN:,} more"] if len(rows) > MOST_SHOWN else [])
