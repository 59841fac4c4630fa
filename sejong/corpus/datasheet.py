"""`datasheet.md`: what is in the corpus and how it came about, in the questions of Gebru et al. 2021, "Datasheets for Datasets".

Only what the build knows is said. What only people can answer (why the corpus was made, who maintains it) is named as open.
"""

from typing import Any

from sejong.corpus.identify import name_of
from sejong.recipe import CorpusSettings

OPEN = "*Not known to the build: the builder should answer here before the corpus is passed on.*"


def datasheet(
    settings: CorpusSettings,
    sources: list[dict[str, Any]],
    figures: dict[str, Any],
    funnel: list[dict[str, Any]],
    licences: dict[str, int],
) -> str:
    """The sheet as Markdown.

    Args:
        settings: of the corpus stage.
        sources: the rows of sources.json.
        figures: the metrics of the stage: documents, bytes, by_split, masked.
        funnel: the rows of funnel.json.
        licences: documents by SPDX identifier, `unknown` where none is known.
    """
    language = name_of(settings.language)
    parts = [
        f"# Datasheet: text in {language} for training a language model",
        "## Motivation",
        OPEN,
        "## Composition",
        f"{figures['documents']:,} documents of text, {figures['bytes']:,} bytes in UTF-8, one row each in `documents/`. "
        "Each has an id, its source and place in it, licence, contributor, language, what the rules measured, and which "
        "identifiers were masked. There are no labels.",
        _table(["split", "documents", "bytes"], [[name, *one.values()] for name, one in figures["by_split"].items()]),
        _table(["source", "title", "version", "licence", "files", "bytes read"], [_source(row) for row in sources]),
        _table(["licence", "documents"], sorted(licences.items(), key=lambda one: (-one[1], one[0]))),
        _personal(settings, figures["masked"]),
        "## Collection process",
        "The files of each source were read as they are; `sources.json` has their addresses, versions, dates and hashes, and "
        "`manifest.json` the hash of every file. Nothing was written or translated for this corpus.",
        "## Preprocessing, cleaning",
        "Text was brought to Unicode NFC; headings, lists and tables became Markdown. Documents were dropped in this order: "
        "each dropped document keeps its id, the rule and the reason in `dropped.parquet`.",
        _table(["after step", "documents", "bytes", "dropped by"], [_step(row) for row in funnel]),
        *([_limits(settings)] if settings.filters else ["No rule was applied: every readable document was kept."]),
        "## Uses",
        f"Made for training, tuning and searching by models of {language}. The rules keep running text: what is true, fair or "
        "polite was not judged, so that a model learns the views and errors of its sources too. "
        "Documents of the splits `validation` and `test` must not be trained on.",
        "## Distribution",
        "Each document keeps its own licence (table above); passing the corpus on must meet all of them, attribution included. "
        "`croissant.json` describes the files for other programs.",
        "## Maintenance",
        "Documents are taken out with `sejong takedown RUN --document ID` and a new build; lists of opt-outs apply to text "
        f"already collected. {OPEN}",
    ]
    return "\n\n".join(parts) + "\n"


def _source(row: dict[str, Any]) -> list[Any]:
    return [row["source"], row["title"], row["version"] or "", row["licence"] or "by document", row["files"], row["bytes"]]


def _step(row: dict[str, Any]) -> list[Any]:
    return [row["step"], row["documents"], row["bytes"], ", ".join(f"{name} {count:,}" for name, count in row["dropped"].items())]


def _personal(settings: CorpusSettings, masked: dict[str, int]) -> str:
    if not settings.identifiers:
        return "Personal identifiers were not looked for."
    found = ", ".join(f"{kind} {count:,}" for kind, count in masked.items()) or "none found"
    return (
        f"Identifiers of these kinds were looked for and masked by tokens: {', '.join(settings.identifiers)} ({found}). "
        "Names and what people say about each other remain where the sources have them."
    )


def _limits(settings: CorpusSettings) -> str:
    rows = [
        [name, ", ".join(f"{limit} = {_short(value)}" for limit, value in settings.rules.get(name, {}).items())]
        for name in settings.filters
    ]
    return _table(["rule", "limits"], rows)


def _table(head: list[str], rows: list[Any]) -> str:
    cells = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(one) for one in row) + " |" for row in cells)


def _cell(value: Any) -> str:
    shown = f"{value:,}" if isinstance(value, int) else str(value)
    return shown.replace("|", "\\|").replace("\n", " ")


def _short(value: Any) -> str:
    shown = str(value)
    return shown if len(shown) < 60 else f"{shown[:56]} …"
