"""What a person asked for: nation, size, text and overrides; and `recipe.toml`, which keeps it beside the run.

`resolve` fills in what follows from it, in this order: defaults of the settings, the nation's data, the dial `size`, overrides,
and for what they leave open what a probe measured.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_origin

import tomli_w
from pydantic import ValidationError

from sejong import nations
from sejong.build import opt_outs
from sejong.build.outside import compared_with, outside_file, outside_model
from sejong.errors import Refused, did_you_mean
from sejong.flow import atomic
from sejong.flow.manifest import FORMAT
from sejong.ledger import removals
from sejong.nations import Nation
from sejong.recipe import SECTIONS, SIZES, Recipe
from sejong.report.words import Words

FILE = "recipe.toml"
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
BASELINES = ["ngram", "installed"]
# Settings that hold what was found on this machine, and the one that asks for it.
FOUND = {"evaluate.models": "evaluate.baselines", "comparison.against": "evaluate.baselines", "tokenizer.base": "pretrain.base"}
FILES = ("corpus.decontaminate", "corpus.word_lists")  # lists of paths in a recipe
BUDGETS = ("tokens", "steps", "seconds")
KEYS = {"format", "nation", "nation_folder", "size", "text", "set", "probed"}


@dataclass(frozen=True)
class Request:
    """What was asked, what a probe found for it, and what was taken down from the run (kept in its removals.jsonl)."""

    nation: str
    size: str = "xs"
    text: tuple[Path | str, ...] = ()
    nation_folder: Path | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    probed: dict[str, Any] = field(default_factory=dict)
    removed: tuple[dict[str, str], ...] = ()

    def load_nation(self) -> Nation:
        """The nation's data."""
        return nations.load(self.nation, self.nation_folder)


def read(path: Path) -> Request:
    """The request in a recipe file. Paths in it are relative to the file.

    Raises:
        Refused: not there, not TOML, an unknown key, or written by a newer version.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise Refused(f"there is no recipe {path}: make one with `sejong init NATION`") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path} is not a readable recipe: {error}") from error
    if found.get("format", FORMAT) > FORMAT:
        raise Refused(
            f"{path} was written by a newer Sejong (format {found['format']}, this one reads {FORMAT}): upgrade Sejong to use it"
        )
    for key in found:
        if key not in KEYS:
            raise Refused(f"{path} has the unknown key `{key}`: {did_you_mean(key, KEYS)}")
    if "nation" not in found:
        raise Refused(f'{path} names no nation: add a line such as nation = "korea"')
    folder = found.get("nation_folder")
    return Request(
        nation=found["nation"],
        size=str(found.get("size", "xs")),
        text=tuple(place(one, path.parent) for one in found.get("text", [])),
        nation_folder=path.parent / folder if folder else None,
        overrides=_beside(path.parent, flat(found.get("set", {}))),
        probed=found.get("probed", {}),
        removed=tuple(removals.read(path.parent)),
    )


def place(given: str, folder: Path = Path()) -> Path | str:
    """Where text lies: an address (`https://…`, `s3://…`) as it is, a path relative to `folder`."""
    return given if ADDRESS.match(given) else folder / given


def same(path: Path, request: Request) -> bool:
    """Whether the recipe file already says this, comments and spelling aside."""
    try:
        return _content(read(path)) == _content(request)
    except Refused:
        return False


def _beside(folder: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Paths of models and lists in a recipe are relative to it, too."""
    found = dict(given)
    if "corpus.opt_outs" in found:
        found["corpus.opt_outs"] = opt_outs.beside(folder, found["corpus.opt_outs"])
    if isinstance(base := found.get("pretrain.base"), str):
        found["pretrain.base"] = str(folder / base)
    if isinstance(names := found.get("evaluate.baselines"), list):
        found["evaluate.baselines"] = [one if one in BASELINES else str(folder / str(one)) for one in names]
    for name in FILES:
        if name in found:
            found[name] = [str(folder / one) for one in _paths(name, found[name])]
    return found


def write(path: Path, request: Request) -> None:
    """Keep the request so that `sejong build PATH` repeats it."""
    with atomic(path) as temporary:
        temporary.write_text(tomli_w.dumps(_content(request)), "utf-8")


def _content(request: Request) -> dict[str, Any]:
    content: dict[str, Any] = {"format": FORMAT, "nation": request.nation}
    if request.nation_folder:
        content["nation_folder"] = str(request.nation_folder.resolve())
    texts = [one if isinstance(one, str) else str(one.resolve()) for one in request.text]
    content |= {"size": request.size, "text": texts, "set": _absolute(request.overrides)}
    if request.probed:
        content["probed"] = request.probed
    return content


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"corpus": {"test": 1}}` and `{"corpus.test": 1}` are the same override."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and name.count(".") == 0:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def overrides(settings: Iterable[str]) -> dict[str, Any]:
    """`--set a.b=c` as a table; the value is read as TOML, and as plain text where it is not."""
    found: dict[str, Any] = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise Refused(f"--set {one} has no value: write --set {one}=VALUE")
        try:
            found[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[name.strip()] = value
    return found


def _absolute(given: dict[str, Any]) -> dict[str, Any]:
    return _beside(Path.cwd(), given)


def resolve(request: Request) -> Recipe:
    """Everything the build depends on, filled in and checked.

    What a probe measured, and the budget that followed, count only for the settings they were made for.

    Raises:
        Refused: an unknown nation, size or setting, or a value out of range; the sentence names it and what is allowed.
    """
    recipe, found = _resolve(request, {}), dict[str, Any]()
    if request.probed.get("asked") == asked_of_probe(recipe):
        found = _probed_values(request.probed)
        recipe = _resolve(request, found)
    budget = request.probed.get("budget", {})
    if budget and budget["settings"] == asked_of_budget(recipe):
        recipe = _resolve(request, found | {f"pretrain.{key}": value for key, value in budget["pretrain"].items()})
    return recipe


def asked_of_budget(recipe: Recipe) -> str:
    """A hash of the settings that pretraining's budget depends on, those that a probe filled in included."""
    settings = recipe.pretrain.model_dump(mode="json", exclude_none=True)
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def asked_of_probe(recipe: Recipe) -> dict[str, Any]:
    """The settings that a probe's answer depends on."""
    align = recipe.align.model_dump(mode="json", exclude_none=True, exclude={"prompts"})
    return {
        "vocabulary": recipe.tokenizer.vocabulary,
        "pretrain": recipe.pretrain.model_dump(mode="json", exclude_none=True),
        "align": align,
    }


def _resolve(request: Request, probed: dict[str, Any]) -> Recipe:
    nation = request.load_nation()
    Words(nation.identity.language, nation.toml("report.toml"))  # a missing word is refused now, not after hours of training
    if request.size not in SIZES:
        raise Refused(f"there is no size `{request.size}`: {did_you_mean(request.size, SIZES)}")
    values: dict[str, dict[str, Any]] = {name: {} for name in SECTIONS}
    seed = request.overrides.get("seed", 1)
    seeds = {f"{name}.seed": seed for name in ("pretrain", "align", "evaluate")}
    for layer in (_from_nation(nation), SIZES[request.size], seeds, request.overrides, probed):
        for section, budget in _budgets(layer):
            values[section] = {key: value for key, value in values[section].items() if key not in BUDGETS or key == budget}
        for name, value in layer.items():
            if name != "seed":
                section, key, *inside = _setting(name)
                values[section][key] = _put(values[section].get(key), inside, value)
    if base := values["pretrain"].get("base"):
        values["pretrain"]["base"] = values["tokenizer"]["base"] = outside_model(base)
    corpus = values["corpus"]
    corpus["opt_outs"] = opt_outs.read(corpus.get("opt_outs", []))
    corpus["removals"] = removals.settings([*_removals(corpus.get("removals", [])), *request.removed])
    for name in FILES:
        section, key, *_ = _setting(name)
        if key in values[section]:
            values[section][key] = [outside_file(one) for one in _paths(name, values[section][key])]
    for section, found in compared_with(_names(values["evaluate"].get("baselines", BASELINES))).items():
        values[section] |= found
    values["evaluate"].setdefault("threads", values["pretrain"].get("threads", 0))
    try:
        return Recipe.model_validate({"nation": request.nation, "size": request.size, "seed": seed, **values})
    except ValidationError as error:
        raise Refused(_sentence(error)) from error


def _removals(given: Any) -> list[dict[str, Any]]:
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Refused(f"setting `corpus.removals` cannot be {given!r}: give tables with kind and value")
    return given


def _paths(name: str, given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise Refused(f'setting `{name}` cannot be {given!r}: give a list of paths such as ["items.jsonl"]')
    return given


def _names(baselines: Any) -> list[str]:
    if not isinstance(baselines, list) or not all(isinstance(one, str) for one in baselines):
        raise Refused(f'setting `evaluate.baselines` cannot be {baselines!r}: give a list such as ["ngram", "installed"]')
    return baselines


def _budgets(layer: dict[str, Any]) -> list[tuple[str, str]]:
    """Where a layer names tokens, steps or seconds, it replaces the budget of the layer below."""
    return [(section, key) for section, _, key in (name.partition(".") for name in layer) if key in BUDGETS]


def with_probe(request: Request, probed: dict[str, Any]) -> Request:
    """The same request with what a probe found."""
    return replace(request, probed=probed)


def _from_nation(nation: Nation) -> dict[str, Any]:
    who = nation.identity
    filters = nations.with_limits(nation.toml("filters.toml"), who.language)
    tuning = nation.toml("prompts/align.toml")
    score = filters.get("language", {}).pop("score", None)
    pii = nation.toml("pii.toml")
    return {
        **({} if score is None else {"corpus.language_score": score}),
        "sources.catalogue": nation.toml("sources.toml"),
        "corpus.language": who.language,
        "corpus.scripts": who.scripts,
        "corpus.encodings": who.encodings,
        "corpus.ocr": who.ocr,
        "corpus.filters": list(filters),
        "corpus.rules": filters,
        "corpus.identifiers": pii["identifiers"],
        "corpus.identifier_rules": {name: one for name, one in pii.items() if name != "identifiers"},
        "tokenizer.pieces": who.pieces,
        "tokenizer.system": tuning["system"],
        "align.prompts": tuning,
        "index.segmenter": who.segmenter,
        "index.scripts": who.scripts,
        "index.prompts": nation.toml("prompts/evaluate.toml"),
        "evaluate.prompts": nation.toml("prompts/evaluate.toml"),
        "report.nation": who.model_dump(mode="json"),
        "report.texts": nation.toml("report.toml"),
    }


def _probed_values(probed: dict[str, Any]) -> dict[str, Any]:
    return {f"{section}.{key}": value for section in ("pretrain", "align") for key, value in probed.get(section, {}).items()}


def _setting(name: str) -> list[str]:
    """The parts of a setting's name: section, field, and where the field is a table, names inside it."""
    section, _, key = name.partition(".")
    field, *inside = key.split(".")
    if section not in SECTIONS or not key:
        known = [f"{one}.{field}" for one, kind in SECTIONS.items() for field in kind.model_fields]
        raise Refused(f"there is no setting `{name}`: {did_you_mean(name, ['seed', *known])}")
    if name in FOUND:
        raise Refused(f"setting `{name}` follows from others: set {FOUND[name]} instead")
    fields = SECTIONS[section].model_fields
    if field not in fields or (inside and get_origin(fields[field].annotation) is not dict):
        raise Refused(f"there is no setting `{name}`: {did_you_mean(name, [f'{section}.{one}' for one in fields])}")
    return [section, field, *inside]


def _put(before: Any, inside: list[str], value: Any) -> Any:
    """`value`, or the table `before` with it under the names `inside`."""
    if not inside:
        return value
    table = before if isinstance(before, dict) else {}
    return table | {inside[0]: _put(table.get(inside[0]), inside[1:], value)}


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"][:2])
    return f"setting `{name}` cannot be {first['input']!r}: {first['msg'].lower()}"
