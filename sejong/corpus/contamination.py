"""Documents that hold items of evaluation sets: a model that has read the answers says nothing by passing the test.

Two signs, both over letters alone, since spacing and punctuation are changed most easily and scripts without spaces have no words
to count:

- n-grams (Brown et al. 2020, "Language Models are Few-Shot Learners", appendix C, looks for 13 words): `letters` letters of an
  item stand in the document in a row;
- near-duplicates: a `share` of the item's shingles of `letters / 5` letters stands close together in the document.

Items of fewer than half of `letters` are common speech and not looked for. Every hit is a row of the table `contamination`.
"""

import numpy as np
import pyarrow as pa

from sejong.corpus.items import Item, items_of
from sejong.corpus.judge import Judgement, Step
from sejong.corpus.overlap import STRIDE, Found, find, index_of
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.language.scripts import Counts
from sejong.recipe import CorpusSettings

RULE = "contaminated"
LETTERS, SHARE = 50, 0.8  # where filters.toml says nothing
LEAST_LETTERS = 20
EXCERPT = 80  # characters of an item that the table of hits shows

HITS = pa.schema(
    [
        ("document", pa.string()),
        ("set", pa.string()),
        ("item", pa.int64()),  # row of the set, from 1
        ("share", pa.float32()),  # of the shingles of the item, or of its piece of which most was found
        ("start", pa.int64()),  # character of the document
        ("text", pa.string()),  # how the item begins
    ]
)


def prepare(settings: CorpusSettings) -> Step:
    """The step `contaminated`; with no evaluation set it drops nothing.

    Raises:
        Refused: a set cannot be read, or a limit is out of range.
    """
    letters, share = limits(settings)
    length = letters // 5
    items = items_of(settings.decontaminate, letters // 2, length + STRIDE - 1)
    index = index_of([one.strings for one in items], length, letters)

    def step(pages: Pages) -> Judgement:
        found = find(index, *pages.utf8, share)
        hits = _best(found, index.owner)
        documents, first = np.unique(found.document[hits], return_index=True)
        broken = np.zeros(pages.count, bool)
        broken[documents] = True
        worst = dict(zip(documents.tolist(), hits[first].tolist(), strict=True))

        def reason(document: int) -> str:
            hit = worst[document]
            one = items[index.owner[found.piece[hit]]]
            return (
                f"{found.share[hit]:.0%} of the text of row {one.row} of the evaluation set `{one.set}` stands in it "
                f"(limits: {letters} letters in a row, or {share:.0%})"
            )

        rows = {"contamination": _table(pages, [items[one] for one in index.owner], found, hits)} if items else {}
        return Judgement(broken, reason, rows=rows)

    return step


def check(settings: CorpusSettings) -> None:
    """Refuse evaluation sets that nothing would look for, and limits out of range, before any work is done.

    Raises:
        Refused: says which.
    """
    limits(settings)
    if settings.decontaminate and RULE not in settings.filters:
        raise Refused(
            f"corpus.decontaminate names evaluation sets, but corpus.filters does not name `{RULE}`: name the rule there, "
            "or in the nation's filters.toml"
        )


def limits(settings: CorpusSettings) -> tuple[int, float]:
    """`letters` and `share` of the rule.

    Raises:
        Refused: one of them is out of range.
    """
    given = settings.rules.get(RULE, {})
    letters, share = int(given.get("letters", LETTERS)), float(given.get("share", SHARE))
    if letters < LEAST_LETTERS:
        raise Refused(f"the limit `letters` of the rule `{RULE}` is {letters}: give {LEAST_LETTERS} or more")
    if not 0 < share <= 1:
        raise Refused(f"the limit `share` of the rule `{RULE}` is {share:g}: give a share above 0, at most 1")
    return letters, share


def _best(found: Found, owner: Counts) -> Counts:
    """Each pair of document and item once, by its best piece; a document's best pair first."""
    order = np.lexsort((found.piece, -found.share, found.document))
    pairs = np.stack([found.document, owner[found.piece]], axis=1)[order]
    _, first = np.unique(pairs, axis=0, return_index=True)
    return order[np.sort(first)]


def _table(pages: Pages, items: list[Item], found: Found, hits: Counts) -> pa.Table:
    """Rows of the table of hits; `items` has the item of each piece."""
    if not len(hits):
        return HITS.empty_table()
    data, offsets = pages.utf8
    ids = pages.table["id"].to_pylist()
    rows = []
    for hit in hits:
        document, item = found.document[hit], items[found.piece[hit]]
        before = len(bytes(data[offsets[document] : found.start[hit]]).decode())
        beginning = " ".join(" ".join(item.strings).split())[:EXCERPT]
        rows.append((ids[document], item.set, item.row, found.share[hit], before, beginning))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), HITS, strict=True)], schema=HITS
    )
