"""Limits of the standard rules from a nation's own text, for any unit, and what they would drop.

The method is FineWeb-2's 10-tail (Penedo et al. 2025): a limit stands where the tail of the reference text begins. Theirs cuts a
tenth at each limit; over a dozen limits that costs a third of good text, so here the tail is chosen per rule such that the rule
drops at most `SHARE` of the reference in all and of each of its sources. A limit on size, lists and repetition is never stricter
than the one published for English: statutes that never repeat a line are no reason to drop a page that does. The identifier's
score follows theirs, too: the median less one standard deviation, held between 0.3 and 0.9; stop words are those that make up
`STOP_SHARE` of a document on average.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sejong import nations
from sejong.corpus import read, steps
from sejong.corpus.pages import Floats, Pages
from sejong.corpus.rules import RULES
from sejong.errors import Refused
from sejong.flow import SourceFile
from sejong.flow.progress import progress
from sejong.language import boundaries
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

FAMILIES = ("gopher_quality", "gopher_repetition", "fineweb")
SHARE = 0.1  # of the reference documents that a rule may drop
TAILS = (0.1, 0.07, 0.05, 0.035, 0.025, 0.0175, 0.012, 0.008, 0.005, 0.003, 0.001, 0.0)
FEWEST = 50  # reference documents
FEW = 20  # documents of a source from which the rule's share holds for it alone, too: no style pays for another's
MOST_BYTES = 8 << 20  # of text that is measured
STOP_SHARE, FEWEST_STOP_WORDS, MOST_STOP_WORDS = 0.008, 8, 60
QUANTILES = (0.01, 0.1, 0.5, 0.9, 0.99)
TOP, DUPLICATE = (2, 3, 4), (5, 6, 7, 8, 9, 10)
ENGLISH = "en"


@dataclass(frozen=True)
class Limit:
    """A limit, the signal it is asked of, on which side it cuts, and whether English's is the strictest it may be."""

    name: str
    signal: str
    above: bool
    guarded: bool = True


LIMITS: dict[str, tuple[Limit, ...]] = {
    "gopher_quality": (
        Limit("min_words", "gopher_quality_words", False),
        Limit("max_words", "gopher_quality_words", True),
        Limit("min_word_length", "gopher_quality_word_length", False, False),
        Limit("max_word_length", "gopher_quality_word_length", True, False),
        Limit("max_symbol_ratio", "gopher_quality_symbols", True),
        Limit("max_bullet_lines", "gopher_quality_bullet_lines", True),
        Limit("max_ellipsis_lines", "gopher_quality_ellipsis_lines", True),
        Limit("min_alphabetic_words", "gopher_quality_alphabetic_words", False, False),
        Limit("min_stop_words", "gopher_quality_stop_words", False),
    ),
    "gopher_repetition": (
        Limit("max_duplicate_lines", "gopher_repetition_lines", True),
        Limit("max_duplicate_paragraphs", "gopher_repetition_paragraphs", True),
        Limit("max_duplicate_line_characters", "gopher_repetition_line_characters", True),
        Limit("max_duplicate_paragraph_characters", "gopher_repetition_paragraph_characters", True),
        *(Limit(f"top_ngrams.{n}", f"gopher_repetition_top_{n}_gram", True) for n in TOP),
        *(Limit(f"duplicate_ngrams.{n}", f"gopher_repetition_duplicate_{n}_grams", True) for n in DUPLICATE),
    ),
    "fineweb": (
        Limit("min_line_punctuation", "fineweb_line_punctuation", False),
        Limit("max_short_lines", "fineweb_short_lines", True),
        Limit("max_duplicate_line_characters", "fineweb_duplicate_line_characters", True),
        Limit("max_newline_ratio", "fineweb_newlines", True, False),
    ),
}


@dataclass(frozen=True)
class Sample:
    """Documents that are measured, of the nation's language where `language` is a filter; `reference`: which set the limits."""

    documents: pa.Table
    reference: Bools

    @property
    def sources(self) -> list[str]:
        """The source of each document."""
        return [str(one) for one in self.documents["source"].to_pylist()]


@dataclass(frozen=True)
class Calibration:
    """Limits in one unit: by rule and limit, the tail at which each rule cuts, and the distribution behind each limit."""

    unit: str
    limits: dict[str, dict[str, Any]]
    tails: dict[str, float]
    measured: dict[str, dict[str, list[float]]]


def sample(settings: CorpusSettings, files: Sequence[SourceFile]) -> Sample:
    """Documents drawn evenly by their ids, about `MOST_BYTES` of text.

    Raises:
        Refused: too few of them are reference text (`corpus.references`, or all where that names none).
    """
    kept = pa.concat_tables([*_drawn(settings, files)])
    documents = steps.with_languages(settings, kept)
    if "language" in settings.filters:
        documents = documents.filter(pc.equal(documents["language"], settings.language))
    wanted = settings.references or sorted(set(documents["source"].to_pylist()))
    reference = np.isin(np.array(documents["source"].to_pylist(), object).astype(str), wanted)
    if (count := int(reference.sum())) < FEWEST:
        raise Refused(
            f"{count} documents of reference text ({', '.join(wanted) or 'no source'}) are too few to set limits by: "
            f"give at least {FEWEST} with --text, or name other sources in corpus.references"
        )
    return Sample(documents, reference)


def score(given: Sample) -> float:
    """The identifier's confidence below which a document is dropped."""
    found = given.documents["language_score"].to_numpy()[given.reference]
    return round(float(np.clip(np.median(found) - found.std(), 0.3, 0.9)), 3)


def calibrate(given: Sample, pages: Pages, unit: str) -> Calibration:
    """The limits that the reference text gives in a unit."""
    stop_words = _stop_words(pages, unit, given.reference)
    signals = {name: found[given.reference] for name, found in _signals(pages, unit, stop_words).items()}
    sources = np.array(given.sources)[given.reference]
    groups = [np.ones(len(sources), bool), *(sources == one for one in sorted(set(sources)) if (sources == one).sum() >= FEW)]
    english = nations.language(ENGLISH).limits
    limits: dict[str, dict[str, Any]] = {}
    tails: dict[str, float] = {}
    for rule in FAMILIES:
        for tail in TAILS:
            found = {one.name: _cut(one, signals[one.signal], tail, _published(english[rule], one.name)) for one in LIMITS[rule]}
            broken = np.zeros(int(given.reference.sum()), bool)
            for one in LIMITS[rule]:
                broken |= signals[one.signal] > found[one.name] if one.above else signals[one.signal] < found[one.name]
            if max(broken[group].mean() for group in groups) <= SHARE:
                break
        tails[rule] = tail
        limits[rule] = _table(rule, unit, found, stop_words)
    shown = {rule: {one.name: _quantiles(signals[one.signal]) for one in LIMITS[rule]} for rule in FAMILIES}
    return Calibration(unit, limits, tails, shown)


def dropped(pages: Pages, limits: dict[str, dict[str, Any]]) -> dict[str, Bools]:
    """Which documents each rule drops; rules without limits drop none and are left out."""
    return {rule: RULES[rule].step(limits[rule])(pages).broken for rule in FAMILIES if limits.get(rule)}


def effect(given: Sample, pages: Pages, kinds: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Of each source, how many documents every rule drops, and how many fall to any, under several sets of limits.

    Returns:
        Rows `{"source", "documents", "limits" (the set's name), "dropped": {rule: count, "any": count}}`.
    """
    sources = np.array(given.sources)
    rows = []
    for name, limits in kinds.items():
        found = dropped(pages, limits)
        if found:
            found["any"] = np.logical_or.reduce([*found.values()])
        for source in sorted(set(sources)):
            inside = sources == source
            counts = {rule: int((broken & inside).sum()) for rule, broken in found.items()}
            rows.append({"source": source, "documents": int(inside.sum()), "limits": name, "dropped": counts})
    return rows


def agreement(pages: Pages, limits: dict[str, dict[str, Any]], unit: str) -> dict[str, float] | None:
    """Where `unit` is a table learnt from a segmenter: the share of documents that each rule decides alike with either."""
    if unit not in boundaries.names():
        return None
    teacher = unit.removesuffix(boundaries.SUFFIX)
    mine, theirs = dropped(pages, limits), dropped(pages, {rule: {**own, "unit": teacher} for rule, own in limits.items()})
    return {rule: float((mine[rule] == theirs[rule]).mean()) for rule in mine}


def _drawn(settings: CorpusSettings, files: Sequence[SourceFile]) -> Iterable[pa.Table]:
    """Tables that together hold the documents with the smallest ids. An id is a hash: they are drawn from all sources evenly."""
    kept: list[pa.Table] = []
    size = 0
    with progress("Reading", total=None, unit="documents") as bar:
        for batch in read.read(files, settings.encodings, settings.scripts, settings.ocr):
            kept.append(pa.Table.from_batches([batch.documents]))
            size += batch.documents["text"].nbytes
            bar.advance(len(batch.documents))
            if size > 4 * MOST_BYTES:
                kept = [_smallest(kept)]
                size = kept[0]["text"].nbytes
    if not kept:
        raise Refused("there is no document to set limits by: name a file or folder of text with --text")
    return [_smallest(kept)]


def _smallest(tables: list[pa.Table]) -> pa.Table:
    """The first documents by id, with at most `MOST_BYTES` of text (at least one)."""
    whole = pa.concat_tables(tables).sort_by("id")
    running = np.cumsum(pc.binary_length(whole["text"]).to_numpy())
    return whole.slice(0, max(int(np.searchsorted(running, MOST_BYTES, "right")), 1))


def _signals(pages: Pages, unit: str, stop_words: list[str]) -> dict[str, Floats]:
    """What the rules measure of each document, limits aside."""
    free = float("inf")
    asked: dict[str, dict[str, Any]] = {
        "gopher_quality": {"stop_words": stop_words},
        "gopher_repetition": {"top_ngrams": [(n, free) for n in TOP], "duplicate_ngrams": [(n, free) for n in DUPLICATE]},
        "fineweb": {},
    }
    found: dict[str, Floats] = {}
    for rule, limits in asked.items():
        found |= RULES[rule].step({"unit": unit, **limits})(pages).signals
    found["gopher_quality_symbols"] = np.maximum(found["gopher_quality_hashes"], found["gopher_quality_ellipses"])
    return found


def _stop_words(pages: Pages, unit: str, reference: Bools) -> list[str]:
    """The units with letters that make up at least `STOP_SHARE` of a reference document on average, the commonest first;
    `FEWEST_STOP_WORDS` at least."""
    data, offsets = pages.utf8
    found = pages.words(unit)
    counts = np.diff(found.first) - 1  # a document's last slot holds its totals
    slots = np.arange(counts.sum()) + np.repeat(found.first[:-1] - (np.cumsum(counts) - counts), counts)
    slots, base = slots[np.repeat(reference, counts)], np.repeat(offsets[:-1][reference], counts[reference])
    text = data.tobytes()
    spans = zip((found.start[slots] + base).tolist(), (found.end[slots] + base).tolist(), strict=True)
    words = pa.array([text[start:end] for start, end in spans], pa.large_binary()).cast(pa.large_string()).dictionary_encode()
    own = counts[reference]
    shares = np.bincount(words.indices.to_numpy(), np.repeat(1 / np.maximum(own, 1), own), len(words.dictionary)) / len(own)
    lettered = pc.match_substring_regex(words.dictionary, r"\pL").to_numpy(zero_copy_only=False)
    ranked = sorted((-shares[place], words.dictionary[int(place)].as_py()) for place in np.flatnonzero(lettered))
    enough = sum(-share >= STOP_SHARE for share, _ in ranked)
    return [word for _, word in ranked[: min(max(enough, FEWEST_STOP_WORDS), MOST_STOP_WORDS)]]


def _cut(limit: Limit, found: Floats, tail: float, published: float | None) -> float:
    """Where the tail of a signal begins, rounded away from the text that stays."""
    if limit.above:
        value = _rounded(float(np.quantile(found, 1 - tail, method="higher")), up=True)
        return max(value, published) if limit.guarded and published is not None else value
    value = _rounded(float(np.quantile(found, tail, method="lower")), up=False)
    return min(value, published) if limit.guarded and published is not None else value


def _rounded(value: float, *, up: bool) -> float:
    """To three places after the point, or to whole numbers from a hundred on."""
    step = 1 if value >= 100 else 1000
    return float((np.ceil if up else np.floor)(value * step) / step)


def _published(table: dict[str, Any], name: str) -> float | None:
    """English's limit; of n-grams the one for that length."""
    rule, _, n = name.partition(".")
    found = table.get(rule)
    if n and found is not None:
        found = dict(map(tuple, found)).get(int(n))
    return None if found is None else float(found)


def _table(rule: str, unit: str, found: dict[str, float], stop_words: list[str]) -> dict[str, Any]:
    """The limits as a table of filters.toml."""
    table: dict[str, Any] = {"unit": unit}
    for name, value in found.items():
        limit, _, n = name.partition(".")
        if n:
            table.setdefault(limit, []).append([int(n), value])
        else:
            table[limit] = int(value) if limit in ("min_words", "max_words", "min_stop_words") else value
    if rule == "gopher_quality":
        table["stop_words"] = stop_words
    if rule == "fineweb":
        table["short_line_length"] = nations.language(ENGLISH).limits[rule]["short_line_length"]
    return table


def _quantiles(found: Floats) -> list[float]:
    return [round(float(one), 4) for one in np.quantile(found, QUANTILES)]
