"""The steps that documents go through, in order: compliance first, then what `corpus.filters` names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from sejong.corpus import comply, contamination, identify, quality, rules, word_lists
from sejong.corpus.judge import Judgement, Step
from sejong.corpus.pages import Floats, Pages
from sejong.corpus.piece import DROPPED, SIGNAL, dropped_rows
from sejong.corpus.redact import identifiers
from sejong.errors import Refused
from sejong.language.scripts import Bools
from sejong.recipe import CorpusSettings

LINES, EXACT, NEAR = "duplicate_lines", "exact_duplicate", "near_duplicate"
LATER = (LINES, EXACT, NEAR)  # done over the whole corpus, after the steps here
SILENT = comply.RULES  # rows without the beginning of their text


@dataclass(frozen=True)
class Outcome:
    """What a step found in a batch: as `Judgement`, with the name of the rule that each dropped document broke."""

    judgement: Judgement
    rule: Callable[[int], str]


Screen = Callable[[Pages], Outcome]


@dataclass
class Screened:
    """Documents after some steps: those that stay, with signals as columns; rows of what was dropped; tables of the steps."""

    documents: pa.Table
    dropped: list[pa.Table] = field(default_factory=list)
    rows: dict[str, list[pa.Table]] = field(default_factory=dict)


def screens(settings: CorpusSettings, part: str, model: Path | None = None) -> list[Screen]:
    """The steps in order. What only measures (word lists, the quality classifier) is asked at the end where no filter names it.

    Args:
        settings: the stage's.
        part: `before` the corpus-wide removal of lines, or `after` it; `all` where lines stay.
        model: the quality classifier, where one was trained.
    """
    nothing = () if settings.decontaminate else (contamination.RULE,)  # no evaluation set to look for
    names = [name for name in settings.filters if name not in (EXACT, NEAR, *nothing)]
    cut = names.index(LINES) if LINES in names else len(names)
    before, after = names[:cut], names[cut + 1 :]
    asked = {"before": before, "after": after, "all": names}[part]
    if part != "before":
        measured = {quality.RULE: model is not None, word_lists.RULE: bool(settings.word_lists)}
        asked = asked + [name for name, wanted in measured.items() if wanted and name not in names]
    first = [] if part == "after" else _compliance(settings)
    return first + _filters(settings, asked, model)


def passing(settings: CorpusSettings) -> Callable[[pa.Table], Bools]:
    """What tells which documents of a table the quality classifier may learn from: those that no step before it drops."""
    names = settings.filters[: settings.filters.index(quality.RULE)] if quality.RULE in settings.filters else settings.filters
    asked = _compliance(settings) + _filters(settings, [name for name in names if name not in LATER], None)

    def passes(table: pa.Table) -> Bools:
        numbered = with_languages(settings, table).append_column("row", pa.array(np.arange(len(table))))
        found: Bools = np.zeros(len(table), np.bool_)
        found[apply(settings, asked, numbered).documents["row"].to_numpy()] = True
        return found

    return passes


def made(settings: CorpusSettings, part: str, model: Path | None) -> list[Screen]:
    """As `screens`, made once a process."""
    key = (settings.model_dump_json(), part, model)
    if key not in _MADE:
        _MADE.clear()
        _MADE[key] = screens(settings, part, model)
    return _MADE[key]


_MADE: dict[tuple[str, str, Path | None], list[Screen]] = {}


def apply(settings: CorpusSettings, steps: Sequence[Screen], documents: pa.Table) -> Screened:
    """Ask the steps in order; a document that one drops is not shown to the next."""
    result = Screened(documents)
    for step in steps:
        if not len(result.documents):
            break
        pages = Pages(result.documents["text"], settings.scripts, result.documents)
        result = _judged(settings, result, step(pages))
    return result


def with_languages(settings: CorpusSettings, documents: pa.Table) -> pa.Table:
    """The documents with the columns `language` and `language_score`."""
    pages = Pages(documents["text"], settings.scripts, documents)
    languages, scores = identify.identify(
        pages.texts, settings.language, settings.scripts, _close(settings), settings.rules.get("language", {}).get("telling")
    )
    documents = documents.append_column("language", pa.array(languages, pa.string()))
    return documents.append_column("language_score", pa.array(scores, pa.float32()))


def _judged(settings: CorpusSettings, result: Screened, outcome: Outcome) -> Screened:
    found = outcome.judgement
    documents = result.documents
    fell = np.flatnonzero(found.broken)
    if len(fell):
        names, reasons, causes = ([say(int(place)) for place in fell] for say in (outcome.rule, found.reason, found.cause))
        rows = dropped_rows(documents.take(fell), names, reasons, identifiers(settings), causes=causes, silent=SILENT)
        result.dropped.append(rows)
    if found.changed is not None:
        documents = documents.set_column(documents.column_names.index("text"), "text", found.changed.texts)
    for name, values in found.signals.items():
        documents = documents.append_column(SIGNAL + name, pa.array(np.asarray(values), pa.float32()))
    for name, table in found.rows.items():
        result.rows.setdefault(name, []).append(table)
    if len(fell):
        documents = documents.filter(pa.array(~found.broken))
    return Screened(documents, result.dropped, result.rows)


def _compliance(settings: CorpusSettings) -> list[Screen]:
    return [_named(name, step) for name, step in comply.prepare(settings)]


def _filters(settings: CorpusSettings, names: Sequence[str], model: Path | None) -> list[Screen]:
    """The named steps; quality rules that follow one another are asked together."""
    made: list[Screen] = []
    group: list[str] = []
    for name in names:
        if name in rules.RULES:
            group.append(name)
            continue
        if group:
            made.append(_rules(settings, group))
            group = []
        made.append(_language(settings) if name == "language" else _named(name, _step(settings, name, model)))
    return [*made, _rules(settings, group)] if group else made


def _step(settings: CorpusSettings, name: str, model: Path | None) -> Step:
    if name == contamination.RULE:
        return contamination.prepare(settings)
    if name == word_lists.RULE:
        return word_lists.prepare(settings)
    if model is None:
        raise Refused(f"corpus.filters names `{name}`: name the sources that show good text in corpus.references too")
    return quality.prepare(settings, model)


def _named(name: str, step: Step) -> Screen:
    return lambda pages: Outcome(step(pages), lambda _: name)


def _rules(settings: CorpusSettings, names: list[str]) -> Screen:
    """Quality rules as one step."""

    def ask(pages: Pages) -> Outcome:
        verdicts = rules.judge(pages, names, settings.rules)
        broken: Bools = np.array([rule is not None for rule in verdicts.rules], np.bool_)
        said, why = verdicts.reasons, verdicts.causes
        judgement = Judgement(
            broken,
            lambda place: said[place] or "",
            verdicts.signals,
            cause=lambda place: why[place] or "",
            changed=None if verdicts.pages.texts is pages.texts else verdicts.pages,
        )
        return Outcome(judgement, lambda place: verdicts.rules[place] or "")

    return ask


def _language(settings: CorpusSettings) -> Screen:
    """Drops what is of another language, by the columns that `with_languages` made."""
    own, least = settings.language, settings.language_score

    def ask(pages: Pages) -> Outcome:
        languages = pages.table["language"].to_pylist()
        scores: Floats = pages.table["language_score"].to_numpy().astype(np.float64)
        foreign = np.array([found != own for found in languages], np.bool_)

        def reason(place: int) -> str:
            found = f"{identify.name_of(languages[place])} with a confidence of {scores[place]:.2f}"
            return f"{found}, not {identify.name_of(own)}" if foreign[place] else f"{found} only, less than {least:.2f}"

        return Outcome(Judgement(foreign | (scores < np.float32(least)), reason), lambda _: "language")

    return ask


def _close(settings: CorpusSettings) -> list[str]:
    close: list[str] = settings.rules.get("language", {}).get("close", [])
    return close


def likeness_matters(settings: CorpusSettings) -> bool:
    """Whether it has to be known which documents are alike: to drop near copies, or to keep them on one side of the split."""
    return NEAR in settings.filters or settings.validation > 0 or settings.test > 0


def concatenated(tables: Sequence[pa.Table], schema: pa.Schema | None = None) -> pa.Table:
    """Tables one after another; columns that some lack are null there."""
    if not tables:
        return (schema or DROPPED).empty_table()
    return pa.concat_tables(tables, promote_options="default")
