"""Quality rules by name. A nation's `filters.toml` says which apply, in which order, with which limits.

A rule measures a batch of documents in columns and says which of them it drops. What it measured becomes a signal of the
document; the first rule that a document breaks, in the order of `filters.toml`, is the reason it is dropped. Sources: Gopher
(Rae et al. 2021, "Scaling Language Models: Methods, Analysis & Insights from Training Gopher", appendix A.1.1), C4 (Raffel et
al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", section 2.2), FineWeb (Penedo
et al. 2024), FineWeb-2 (Penedo et al. 2025).
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from sejong.corpus.pages import Floats, Pages, Runs, repeated, windows
from sejong.corpus.shingles import Hashes, mix
from sejong.errors import Refused, did_you_mean
from sejong.language.scripts import Bools, Characters, Counts

Measured = tuple[Floats, Bools]
Unit = Literal["word", "character"]  # what the rules about repetition count
# Named among the filters, done by other modules; each with its limits.
STEPS: dict[str, dict[str, Any]] = {"language": {"close": list}, "exact_duplicate": {}, "near_duplicate": {"letters": int}}


@dataclass(frozen=True)
class Rule:
    """A rule: what it measures, and the sentence that says what was wrong."""

    measure: Callable[..., Measured]
    sentence: str

    @property
    def limits(self) -> dict[str, Any]:
        """The names of its limits, all of which must be given, each with its kind: a type, or a choice (`Literal`)."""
        parameters = list(inspect.signature(self.measure).parameters.values())[1:]
        return {one.name: one.annotation for one in parameters}


RULES: dict[str, Rule] = {}


@dataclass(frozen=True)
class Verdicts:
    """For each document the rule it breaks first (None: it breaks none) with the reason, and what every rule measured."""

    rules: list[str | None]
    reasons: list[str | None]
    signals: dict[str, Floats]


def judge(pages: Pages, filters: Sequence[str], limits: dict[str, dict[str, Any]]) -> Verdicts:
    """Apply the rules named in `filters`, in order; names of other steps among them are passed over."""
    broken_rules: list[str | None] = [None] * pages.count
    reasons: list[str | None] = [None] * pages.count
    signals: dict[str, Floats] = {}
    for name in filters:
        if name in STEPS:
            continue
        rule, own = RULES[name], limits.get(name, {})
        measured, broken = rule.measure(pages, **own)
        signals[name] = measured
        for index in np.flatnonzero(broken):
            if broken_rules[index] is None:
                broken_rules[index] = name
                reasons[index] = rule.sentence.format(found=measured[index], **own)
    return Verdicts(broken_rules, reasons, signals)


def check(filters: Sequence[str], limits: dict[str, dict[str, Any]]) -> None:
    """Refuse what can not be applied, before any work is done.

    Raises:
        Refused: a rule is unknown or named twice, a limit is unknown, missing, of the wrong kind or impossible.
    """
    for position, name in enumerate(filters):
        if name in filters[:position]:
            raise Refused(f"corpus.filters names the rule `{name}` twice: name it once")
        if name not in RULES and name not in STEPS:
            raise Refused(f"corpus.filters names the rule `{name}`, which does not exist: {did_you_mean(name, [*RULES, *STEPS])}")
        given, kinds = limits.get(name, {}), RULES[name].limits if name in RULES else STEPS[name]
        for limit, value in given.items():
            if limit not in kinds:
                raise Refused(f"the rule `{name}` has no limit `{limit}`: {did_you_mean(limit, kinds)}")
            if fault := _fault(value, kinds[limit]):
                raise Refused(f"the limit `{limit}` of the rule `{name}` is {value!r}: {fault}")
            if limit == "n" and value < 1:
                raise Refused(f"the limit `n` of the rule `{name}` is {value}: give one or more")
        missing = [limit for limit in kinds if name in RULES and limit not in given]
        if missing:
            raise Refused(
                f"the rule `{name}` needs the limit `{missing[0]}`: give it under [{name}] in the nation's filters.toml"
            )


def _fault(value: Any, kind: Any) -> str | None:
    """What to do about a value that is not of a kind."""
    if choices := get_args(kind):
        return None if value in choices else did_you_mean(str(value), choices)
    if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool):
        return f"give a value of kind {kind.__name__}"
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return "give a list of texts in quotation marks"
    return "give at least one character" if value == "" else None


def rule(sentence: str) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Register a rule under its function's name. `sentence` is filled with `found` and the limits."""

    def register(measure: Callable[..., Measured]) -> Callable[..., Measured]:
        RULES[measure.__name__] = Rule(measure, sentence)
        return measure

    return register


def _ratio(part: Floats, whole: Floats) -> Floats:
    return part / np.maximum(whole, 1)


# --- size and script ----------------------------------------------------------------------------------------------------


@rule("{found:,.0f} visible characters, fewer than {characters:,}")
def too_short(pages: Pages, characters: int) -> Measured:
    """Too little text to learn from, counted without white space (Gopher: fewer than 50 words)."""
    return pages.visible, pages.visible < characters


@rule("a line of {found:,.0f} characters without an end, more than {characters:,}")
def endless_line(pages: Pages, characters: int) -> Measured:
    """A line that no person wrote: data, or a file whose line ends are lost."""
    longest = np.zeros(pages.count)
    np.maximum.at(longest, pages.lines.document, pages.lines.lengths.astype(np.float64))
    return longest, longest > characters


@rule("{found:.0%} of its letters are of the language's script, less than {at_least:.0%}")
def foreign_script(pages: Pages, at_least: float) -> Measured:
    """A page in another script with a few words of the language. A page without letters passes: `few_letters` drops it."""
    found = _ratio(pages.own_letters, pages.letters)
    return found, (found < at_least) & (pages.letters > 0)


@rule("{found:.0%} of its visible characters are letters, less than {at_least:.0%}")
def few_letters(pages: Pages, at_least: float) -> Measured:
    """Tables of figures, symbol art, encoded data (Gopher asks for letters in 80% of the words)."""
    found = _ratio(pages.letters, pages.visible)
    return found, found < at_least


@rule("{found:.1%} of its visible characters are marks of programming or markup, more than {at_most:.1%}")
def symbols(pages: Pages, at_most: float) -> Measured:
    """Programs and markup rather than prose (Gopher: hash signs; C4: curly brackets, which would cost every technical page)."""
    found = _ratio(pages.count_of(r"[{}\[\]<>=|\\^~#$%&*_@+`/]"), pages.visible)
    return found, found > at_most


@rule("{found:.2%} of its characters are damaged (U+FFFD or control characters), more than {at_most:.2%}")
def damaged(pages: Pages, at_most: float) -> Measured:
    """Text that was decoded wrongly."""
    found = _ratio(pages.count_of(r"[\uFFFD\p{Cc}--[\n\r\t]]"), pages.lengths)
    return found, found > at_most


# --- words and sentences ------------------------------------------------------------------------------------------------


@rule("its words have {found:.1f} characters on average, outside {at_least}..{at_most}")
def word_length(pages: Pages, at_least: float, at_most: float) -> Measured:
    """Words between spaces of an unusual mean length (Gopher: 3 to 10 in English; other languages have their own range).
    Where a language puts no spaces between words, this is the length of what stands between spaces."""
    found = _ratio(pages.per_document(pages.words, pages.words.lengths), pages.per_document(pages.words))
    return found, ((found < at_least) | (found > at_most)) & (pages.visible > 0)


@rule("{found:.0f} sentences with an end, fewer than {at_least}")
def few_sentences(pages: Pages, at_least: int, ends: str) -> Measured:
    """Menus, indexes and link lists hold no finished sentences (C4 asks for three). A sentence's end is one of `ends`
    after a letter, a bracket or a quotation mark and before white space, a closing mark or the end of the text."""
    codes = pages.characters
    stop = codes.are(_class(ends))
    closed = codes.are(r"[\p{L}\p{M}\p{N}\p{Pe}\p{Pf}\p{So}\"'`*]")
    before = np.concatenate([[False], closed[:-1]])
    wide = codes.are(r"[。！？｡।॥။។]")  # full-width stops need nothing behind them
    behind = np.concatenate([(pages.space | codes.are(r"[\p{Pe}\p{Pf}\"'*]"))[1:], [True]])
    behind[codes.ends[codes.lengths > 0] - 1] = True
    found = codes.count(stop & before & (wide | behind)).astype(np.float64)
    return found, found < at_least


@rule("{found:.0%} of its lines are shorter than {characters} characters, more than {at_most:.0%}")
def short_lines(pages: Pages, characters: int, at_most: float) -> Measured:
    """Lists of menu entries (FineWeb: 67% of lines under 30 characters in English)."""
    short = pages.per_document(pages.lines, pages.lines.lengths < characters)
    found = _ratio(short, pages.per_document(pages.lines))
    return found, found > at_most


@rule("{found:.0%} of its lines start with a bullet, more than {at_most:.0%}")
def bullets(pages: Pages, at_most: float) -> Measured:
    """A page that is one list (Gopher: 90%)."""
    marked = pages.characters.are(r"[•‣⁃◦▪●○■□※·*\-–]")
    found = _ratio(pages.per_document(pages.lines, marked[pages.lines.starts]), pages.per_document(pages.lines))
    return found, found > at_most


@rule("{found:.0%} of its lines break off with an ellipsis, more than {at_most:.0%}")
def ellipses(pages: Pages, at_most: float) -> Measured:
    """Teasers that continue elsewhere (Gopher: 30%)."""
    codes = pages.characters.codes
    last, lengths = pages.lines.ends - 1, pages.lines.lengths
    dots = (codes[last] == ord(".")) & (lengths >= 3) & (codes[last - 1] == ord(".")) & (codes[last - 2] == ord("."))
    cut_off = (codes[last] == ord("…")) | dots
    found = _ratio(pages.per_document(pages.lines, cut_off), pages.per_document(pages.lines))
    return found, found > at_most


@rule("{found:.0f} of the language's commonest words stand in it, fewer than {at_least}")
def common_words(pages: Pages, at_least: int, words: list) -> Measured:  # type: ignore[type-arg]
    """Words that no running text goes without (Gopher: two of eight English ones). For languages with spaces."""
    own = pages.word_hashes
    wanted = Pages(Characters.of(pa.array(words, pa.large_string())), [])
    found = np.zeros(pages.count)
    for one in wanted.hashes(wanted.words):
        found += pages.per_document(pages.words, own == one) > 0
    return found, found < at_least


# --- repetition (Gopher, table A1) --------------------------------------------------------------------------------------


@rule("{found:.0%} of its characters stand in lines that repeat, more than {at_most:.0%}")
def repeated_lines(pages: Pages, at_most: float) -> Measured:
    """The share of characters in lines that stood in the document before (Gopher: 20%)."""
    again, _ = repeated(pages.lines.document, pages.hashes(pages.lines))
    found = _ratio(pages.per_document(pages.lines, again * pages.lines.lengths), pages.lengths)
    return found, found > at_most


@rule("the commonest run of {n} {unit}s makes up {found:.0%} of it, more than {at_most:.0%}")
def common_ngram(pages: Pages, n: int, at_most: float, unit: Unit) -> Measured:
    """The share of characters that the most frequent run of `n` words or characters covers (Gopher: 20% for n = 2)."""
    runs, hashes, spans = _ngrams(pages, n, unit)
    _, total = repeated(runs, hashes)
    covered = np.zeros(pages.count)
    np.maximum.at(covered, runs, np.where(total > 1, total * spans, 0).astype(np.float64))
    found = np.minimum(_ratio(covered, pages.visible), 1.0)
    return found, found > at_most


@rule("{found:.0%} of it lies in runs of {n} {unit}s that repeat, more than {at_most:.0%}")
def repeated_ngrams(pages: Pages, n: int, at_most: float, unit: Unit) -> Measured:
    """The share of words or characters inside a run of `n` that stood in the document before (Gopher: 15% for n = 5)."""
    documents, hashes, _ = _ngrams(pages, n, unit)
    again, _ = repeated(documents, hashes)
    units = _units(pages, unit)
    first = np.flatnonzero(_whole(units.document, n))[again]
    edge = np.zeros(len(units.starts) + 1, np.int64)
    np.add.at(edge, first, 1)
    np.add.at(edge, first + n, -1)
    inside = np.cumsum(edge[:-1]) > 0
    found = _ratio(pages.per_document(units, inside * units.lengths), pages.visible)
    return found, found > at_most


def _units(pages: Pages, unit: Unit) -> Runs:
    return pages.words if unit == "word" else pages.units


def _whole(documents: Counts, n: int) -> Bools:
    """Which units begin a run of `n` that ends in the same document."""
    begins = np.zeros(len(documents), bool)
    if len(documents) >= n:
        begins[: len(documents) - n + 1] = documents[n - 1 :] == documents[: len(documents) - n + 1]
    return begins


def _ngrams(pages: Pages, n: int, unit: Unit) -> tuple[Counts, Hashes, Counts]:
    """Of every run of `n` units: its document, its hash, its visible characters."""
    units = _units(pages, unit)
    begins = np.flatnonzero(_whole(units.document, n))
    own = pages.word_hashes if unit == "word" else mix(pages.characters.codes[units.starts].astype(np.uint64))
    hashes = windows(own, n)[begins]
    running = np.concatenate([[0], np.cumsum(units.lengths)])
    return units.document[begins], hashes, running[begins + n] - running[begins]


def _class(characters: str) -> str:
    return "[" + "".join(rf"\U{ord(one):08X}" for one in characters) + "]"
