"""How much a document reads like the nation's own good text: a small classifier, trained on this very corpus.

The documents of the sources named in `corpus.references` are the good ones, all others the rest. A sample of both, drawn by a
hash of the id, is split into a part to learn from and a part to be judged by; the area under the ROC curve on the latter stands
in `quality.json`, beside the hash of the ids that were learned from. Every document gets the signal `quality`; the rule
`low_quality` drops what stays below its limit `at_least`.
"""

import hashlib
import heapq
import json
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sejong.corpus import classifier, read
from sejong.corpus.judge import Judgement, Step
from sejong.corpus.letters import utf8_of, writes_no_spaces
from sejong.corpus.pages import Floats, Pages
from sejong.errors import Refused, did_you_mean
from sejong.flow import SourceFile, atomic
from sejong.flow.progress import progress
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

RULE = "low_quality"
SAMPLE = 8000  # documents a side
LEAST = 50  # documents a side from which there is something to learn
HELD_OUT = 5  # every fifth is judged by
PIECE = 4096  # bytes of a document that are learned from
ENOUGH = 1 << 30  # bytes of text after which a full sample is not improved
BINS = 20  # of the histogram

Passes = Callable[[pa.Table], Bools]


def train(settings: CorpusSettings, files: Iterable[SourceFile], scratch: Path, passes: Passes | None = None) -> Path | None:
    """Train the classifier, or find it in `scratch` from a run that was killed. None where no reference is named.

    Args:
        settings: `references`, and what reading needs.
        files: the files of the sources.
        scratch: where the model (`quality.npy`) and its description (`quality.json`) are written.
        passes: which documents of a table (schema `DOCUMENT`) may be learned from: those that no step before this one drops. A
            document that was taken down or opted out must not leave a trace in the weights.

    Raises:
        Refused: no document is of a source named in `references`, or there are too few of either side.
    """
    if not settings.references:
        return None
    model = scratch / "quality.npy"
    if not model.exists():
        good, rest = _sample(settings, list(files), passes)
        weights, described = _learn(settings, good, rest)
        with atomic(scratch / "quality.json") as path:
            path.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", "utf-8")
        with atomic(model) as path, path.open("wb") as stream:
            np.save(stream, weights)
    return model


def prepare(settings: CorpusSettings, model: Path) -> Step:
    """The step that scores documents, and drops those below the limit where `corpus.filters` names `low_quality`.

    Raises:
        Refused: the limit is missing or not in 0..1.
    """
    weights: NDArray[np.float32] = np.load(model)
    characters = by_characters(settings)
    at_least = _limit(settings) if RULE in settings.filters else 0.0
    likeness = " and ".join(settings.references)

    def step(pages: Pages) -> Judgement:
        found = classifier.scores(weights, *pages.utf8, characters)

        def reason(document: int) -> str:
            return f"a quality of {found[document]:.2f}, less than {at_least:.2f}: it reads little like {likeness}"

        return Judgement(found < at_least, reason, {"quality": found})

    return step


def write(model: Path, scores: Floats, out: Path) -> dict[str, Any]:
    """`quality.json` and `quality.npy` of the artifact: what was learned from what, how well, and how the kept documents score.

    Args:
        model: what `train` gave.
        scores: the signal `quality` of the documents that stay.
        out: the artifact's folder.

    Returns:
        What `quality.json` holds.
    """
    described: dict[str, Any] = json.loads(model.with_suffix(".json").read_text("utf-8"))
    counts, _ = np.histogram(scores, BINS, (0, 1))
    described["histogram"] = {"from": 0, "to": 1, "documents": counts.tolist()}
    shutil.copyfile(model, out / "quality.npy")
    (out / "quality.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return described


def by_characters(settings: CorpusSettings) -> bool:
    """Whether n-grams are of characters: the rule's `unit` says so, else the scripts do."""
    unit = settings.rules.get(RULE, {}).get("unit")
    if unit not in (None, "word", "character"):
        raise Refused(f"the limit `unit` of the rule `{RULE}` is {unit!r}: {did_you_mean(str(unit), ['word', 'character'])}")
    return unit == "character" if unit else writes_no_spaces(settings.scripts)


def _limit(settings: CorpusSettings) -> float:
    at_least = settings.rules.get(RULE, {}).get("at_least")
    if not isinstance(at_least, (int, float)) or not 0 <= at_least <= 1:
        raise Refused(f"the limit `at_least` of the rule `{RULE}` is {at_least!r}: give a number in 0..1 in filters.toml")
    return float(at_least)


class _Sample:
    """The documents of one side with the smallest hashes of their ids."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, str]] = []  # negative hash: the largest is in front
        self._ids: set[str] = set()

    def __len__(self) -> int:
        return len(self._heap)

    def offer(self, id_: str, text: Any) -> None:
        """Keep the document if it belongs to the sample; the text is opened only then."""
        rank = -_hash(id_)
        if id_ in self._ids or (len(self._heap) == SAMPLE and rank <= self._heap[0][0]):
            return
        self._ids.add(id_)
        row = (rank, id_, _piece(str(text), rank))
        if len(self._heap) < SAMPLE:
            heapq.heappush(self._heap, row)
        else:
            self._ids.discard(heapq.heapreplace(self._heap, row)[1])

    def rows(self) -> list[tuple[str, str]]:
        """Ids and pieces of text, by hash, each text once."""
        seen: dict[str, str] = {}
        for _, id_, text in sorted(self._heap, reverse=True):
            seen.setdefault(text, id_)
        return [(id_, text) for text, id_ in seen.items()]


def _sample(settings: CorpusSettings, files: list[SourceFile], passes: Passes | None) -> tuple[_Sample, _Sample]:
    """Both sides, from the files in an order drawn by hash, so that a large corpus is not read to its end."""
    good, rest = _Sample(), _Sample()
    names: set[str] = set()
    wanted = pa.array(sorted(settings.references))
    done = 0
    with progress("Learning what good text is", total=sum(file.bytes for file in files), unit="bytes") as bar:
        for file in sorted(files, key=lambda one: (_hash(f"{one.source}\n{one.path}"), one.source, one.path)):
            if done >= ENOUGH and len(good) == len(rest) == SAMPLE:
                break
            for batch in read.read([file], settings.encodings, settings.scripts, settings.ocr):
                table = pa.Table.from_batches([batch.documents])
                if passes is not None:
                    table = table.filter(pa.array(passes(table)))
                done += int(pc.sum(pc.binary_length(table["text"])).as_py() or 0)
                names.update(pc.unique(table["source"]).to_pylist())
                is_good = pc.is_in(table["source"], wanted)
                for one, side in ((table.filter(is_good), good), (table.filter(pc.invert(is_good)), rest)):
                    for id_, text in zip(one["id"].to_pylist(), one["text"], strict=True):
                        side.offer(id_, text)
            bar.advance(file.bytes)
    _refuse_few(settings, good, rest, sorted(names))
    return good, rest


def _refuse_few(settings: CorpusSettings, good: _Sample, rest: _Sample, names: list[str]) -> None:
    if not len(good):
        first = settings.references[0]
        raise Refused(f"corpus.references names `{first}`, but no document is of that source: {did_you_mean(first, names)}")
    for side, what in ((good, "of the sources in corpus.references"), (rest, "of other sources")):
        if len(side.rows()) < LEAST:
            raise Refused(
                f"only {len(side.rows())} different documents are {what}, and a quality classifier needs {LEAST}: "
                "give more text, or leave corpus.references empty"
            )


def _learn(settings: CorpusSettings, good: _Sample, rest: _Sample) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """The weights, and what is to be known of them."""
    sides = [good.rows(), rest.rows()]
    held_out = [side[::HELD_OUT] for side in sides]
    learned = [[row for place, row in enumerate(side) if place % HELD_OUT] for side in sides]
    rows = learned[0] + learned[1]
    labels = np.repeat([True, False], [len(side) for side in learned])
    order = np.argsort([_hash(id_) for id_, _ in rows], kind="stable")
    characters = by_characters(settings)
    weights = classifier.fit(*utf8_of([text for _, text in rows]), labels, characters, order)
    found = [classifier.scores(weights, *utf8_of([text for _, text in side]), characters) for side in held_out]
    area, interval = classifier.auc(*found)
    ids = "".join(f"{id_}\n" for id_ in sorted(id_ for id_, _ in rows))
    return weights, {
        "references": sorted(settings.references),
        "unit": "character" if characters else "word",
        "documents": {
            name: {"learned": len(one), "held_out": len(other)}
            for name, one, other in zip(("reference", "rest"), learned, held_out, strict=True)
        },
        "learned_ids_sha256": hashlib.sha256(ids.encode()).hexdigest(),
        "weights_sha256": hashlib.sha256(weights.tobytes()).hexdigest(),
        "auc": area,
        "interval": list(interval),
    }


def _hash(name: str) -> int:
    """A number of 56 bits; not the one that any other stage draws by."""
    return int.from_bytes(hashlib.sha256(f"quality\n{name}".encode()).digest()[:7], "big")


def _piece(text: str, rank: int) -> str:
    """At most `PIECE` bytes of a text, from a place drawn by `rank`: not only how pages begin is learned."""
    data = text.encode()
    start = -rank % max(len(data) - PIECE, 1)
    return data[start : start + PIECE].decode(errors="ignore")
