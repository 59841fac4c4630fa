"""`sejong build NATION --to corpus --calibrate`: limits from the nation's own text, as a filters.toml to look at and copy."""

import json
from pathlib import Path
from typing import Any

from sejong.build.request import Request, resolve
from sejong.build.run import sources
from sejong.corpus import calibrate as measuring
from sejong.corpus.calibrate import FAMILIES, QUANTILES, SHARE, Calibration
from sejong.corpus.pages import Pages
from sejong.errors import Refused
from sejong.flow import atomic, store
from sejong.flow.progress import progress
from sejong.language import units
from sejong.nations import IN_UNITS, Nation, language, languages

FILTERS, FIGURES = "filters.toml", "calibration.json"
# What counts as a word where a nation's segmenter is one of these names.
SAME = {"words": "word", "characters": "character"}


def calibrate(request: Request, run: Path) -> dict[str, Any]:
    """Measure the text that a build would read, write `RUN/filters.toml` and `RUN/calibration.json`; nothing is built.

    Returns:
        What calibration.json holds: `filters` (the written file), `unit` (in which it counts), `documents`, `bytes`, `score`, and
        by unit `limits`, `tails`, `measured` (quantiles), `effect` (rows of `sejong.corpus.calibrate.effect`), `agreement`.

    Raises:
        Refused: too few documents are reference text.
    """
    nation, recipe = request.load_nation(), resolve(request)
    settings = recipe.corpus
    with store.writable(run, "the run's folder"):
        run.mkdir(parents=True, exist_ok=True)
    given = measuring.sample(settings, sources(recipe, request, run).files)
    pages = Pages(given.documents["text"], settings.scripts)
    chosen = _unit(nation, settings.rules)
    by_unit: dict[str, Any] = {}
    tables: dict[str, Calibration] = {}
    asked = _units(nation, chosen)
    with progress("Measuring", total=len(asked), unit="units") as bar:
        for unit in asked:
            tables[unit] = found = measuring.calibrate(given, pages, unit)
            by_unit[unit] = {
                "limits": found.limits,
                "tails": found.tails,
                "measured": found.measured,
                "effect": measuring.effect(given, pages, _kinds(settings.language, settings.rules, found)),
                "agreement": measuring.agreement(pages, found.limits, unit),
            }
            bar.advance(1, unit=unit)
    score = measuring.score(given)
    text = filters_toml(nation, tables[chosen], score, len(given.documents), int(given.reference.sum()))
    figures = {
        "filters": str(run / FILTERS),
        "unit": chosen,
        "documents": len(given.documents),
        "reference_documents": int(given.reference.sum()),
        "bytes": int(pages.utf8[1][-1]),
        "score": score,
        "units": by_unit,
    }
    _write(run / FILTERS, text)
    _write(run / FIGURES, json.dumps({**figures, "filters": FILTERS}, ensure_ascii=False, indent=1) + "\n")
    return figures


def filters_toml(nation: Nation, found: Calibration, score: float, documents: int, reference: int) -> str:
    """A whole filters.toml: the nation's tables, with the calibrated limits, each beside what was measured."""
    own = nation.toml("filters.toml")
    names = [*own, *(rule for rule in FAMILIES if rule not in own)]
    names.sort(key=lambda name: name in ("duplicate_lines", "exact_duplicate", "near_duplicate"))  # stable: copies come last
    lines = [
        f"# Limits for {nation.identity.language_name} text, in the unit `{found.unit}`, from {reference:,} reference documents.",
        f"# Behind each limit: what was measured of them at {', '.join(f'{one:.0%}' for one in QUANTILES)}.",
        "# Rules that `--calibrate` does not set are as they were.",
    ]
    for name in names:
        table = dict(own.get(name, {}))
        if name == "language":
            table["score"] = score
        if name in FAMILIES:
            table = {**{key: value for key, value in table.items() if key not in IN_UNITS[name]}, **found.limits[name]}
            lines += [
                "",
                f"# cuts {found.tails[name]:.1%} at each limit, and {SHARE:.0%} of the reference documents of any source at most",
            ]
        else:
            lines.append("")
        lines += [f"[{name}]", *(_line(name, key, value, found) for key, value in table.items())]
    return "\n".join(lines) + "\n"


def _line(rule: str, key: str, value: Any, found: Calibration) -> str:
    measured = found.measured.get(rule, {})
    text = f"{key} = {_toml(value)}"
    if key in measured:
        return f"{text}  # {_spread(measured[key])}"
    of_lengths = [f"{name.partition('.')[2]}: {_spread(one)}" for name, one in measured.items() if name.startswith(f"{key}.")]
    return f"{text}  # {'; '.join(of_lengths)}" if of_lengths else text


def _spread(quantiles: list[float]) -> str:
    return " ".join(f"{one:,.4g}" for one in quantiles)


def _toml(value: Any) -> str:
    """A value of a filters.toml; JSON's spelling of texts, numbers and lists is TOML's, too."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _unit(nation: Nation, rules: dict[str, dict[str, Any]]) -> str:
    """The unit that the written limits count in: the nation's own, else the fast form of its segmenter's."""
    for rule in FAMILIES:
        if "unit" in rules.get(rule, {}):
            return str(rules[rule]["unit"])
    segmenter = SAME.get(nation.identity.segmenter, nation.identity.segmenter)
    return f"{segmenter}-fast" if f"{segmenter}-fast" in units.names() else segmenter


def _units(nation: Nation, chosen: str) -> list[str]:
    """The units that are compared."""
    segmenter = SAME.get(nation.identity.segmenter, nation.identity.segmenter)
    wanted = [chosen, "word", "character", segmenter, f"{segmenter}-fast"]
    known = units.names()
    return list(dict.fromkeys(unit for unit in wanted if unit in known))


def _kinds(code: str, rules: dict[str, Any], found: Calibration) -> dict[str, dict[str, dict[str, Any]]]:
    """The sets of limits whose effect is shown for a unit."""
    english = {rule: {"unit": found.unit, **language("en").limits[rule]} for rule in FAMILIES}
    kinds = {"english": english}
    if code in languages() and language(code).unit in (found.unit, f"{found.unit}".removesuffix("-fast")):
        kinds["language"] = {rule: {"unit": found.unit, **language(code).limits[rule]} for rule in FAMILIES}
    own = {rule: rules[rule] for rule in FAMILIES if rule in rules and rules[rule].get("unit", "word") == found.unit}
    if own:
        kinds["nation"] = own
    return {**kinds, "calibrated": found.limits}


def lines(figures: dict[str, Any]) -> list[str]:
    """For a person: what each set of limits would drop, by unit and source."""
    megabytes = figures["bytes"] / 1e6
    shown = [
        f"{figures['reference_documents']:,} of {figures['documents']:,} documents ({megabytes:.1f} MB) set the limits",
        "",
        f"{'unit':<14} {'source':<22} {'limits':<12} {'documents':>9} " + " ".join(f"{rule:>18}" for rule in (*FAMILIES, "any")),
    ]
    for unit, found in figures["units"].items():
        for row in found["effect"]:
            counts = " ".join(f"{row['dropped'].get(rule, 0):>18,}" for rule in (*FAMILIES, "any"))
            shown.append(f"{unit:<14} {row['source'][:22]:<22} {row['limits']:<12} {row['documents']:>9,} {counts}")
    for unit, found in figures["units"].items():
        if found["agreement"]:
            decided = ", ".join(f"{rule} {share:.1%}" for rule, share in found["agreement"].items())
            shown.append(f"{unit} decides as its teacher: {decided}")
    shown += ["", f"wrote {figures['filters']} (unit `{figures['unit']}`): copy it into the nation's folder to use it"]
    return shown


def _write(path: Path, text: str) -> None:
    if path.is_dir():
        raise Refused(f"{path} is a folder: remove it, or name another run with --run")
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")
