"""Between the command line and the build: what was asked in a person's words, and answers as lines."""

import json
import shutil
from pathlib import Path
from typing import Any

import tomli_w

from sejong.build import folder, garbage
from sejong.build.request import FILE, Request, overrides, place, read, resolve
from sejong.build.stages import NAMES
from sejong.errors import Refused, SejongError, did_you_mean
from sejong.flow import atomic, manifest
from sejong.flow.store import store_of
from sejong.recipe import SECTIONS
from sejong.serve import endpoint

DEFAULT_NATION = "korea"
EXPORTS = ("hf", "openvino")


def asked(
    recipe: str,
    text: list[str] | None,
    size: str | None,
    run: Path | None,
    settings: list[str] | None,
    licence: str | None,
    nation_folder: Path | None,
) -> tuple[Request, Path]:
    """The request and the run's folder that a `build` command means: a recipe's file or folder, or a nation's name."""
    given = overrides(settings or []) | ({"sources.licence": licence} if licence else {})
    path = Path(recipe)
    if path.suffix == ".toml" or "/" in recipe:
        path = path if path.suffix == ".toml" else path / FILE
        request = read(path)
        run = run or path.parent
        if nation_folder:
            raise Refused(f"{path} names its nation already: leave --nation out, or change the recipe")
    else:
        if nation_folder and recipe not in (DEFAULT_NATION, nation_folder.resolve().name):
            raise Refused(f"both the nation `{recipe}` and the folder {nation_folder} are named: give one of them")
        nation = nation_folder.resolve().name if nation_folder else recipe
        request = Request(nation, nation_folder=nation_folder, probed=_probed_before(run or Path("runs") / nation))
    request = Request(
        request.nation,
        size or request.size,
        tuple(map(place, text)) if text else request.text,
        request.nation_folder,
        request.overrides | given,
        request.probed,
        request.removed,
    )
    request.load_nation()
    for one in request.text:
        if isinstance(one, Path) and not one.exists():
            raise Refused(f"there is no file or folder {one}: check --text")
    return request, run or Path("runs") / request.nation


def _probed_before(run: Path) -> dict[str, Any]:
    """What an earlier build of this run measured; `build` uses it only for the settings it was measured for."""
    return read(run / FILE).probed if (run / FILE).exists() else {}


def check_stage(name: str) -> None:
    """Refuse a stage that does not exist."""
    if name not in NAMES:
        raise Refused(f"there is no stage `{name}`: {did_you_mean(name, NAMES)}")


def write_recipe(nation: str, where: Path, size: str, nation_folder: Path | None) -> Path:
    """A recipe to edit: what is asked, and the settings people change most, as comments with their values."""
    path = where / FILE
    if path.exists():
        raise Refused(f"{path} is there already: edit it, or give another folder")
    request = Request(nation, size, nation_folder=nation_folder)
    resolve(request)
    lines = [tomli_w.dumps({"format": manifest.FORMAT, "nation": nation, "size": size, "text": []}).rstrip()]
    if nation_folder:
        lines.append(tomli_w.dumps({"nation_folder": str(nation_folder.resolve())}).rstrip())
    lines += ["", '# text = ["my-text"]   your own files instead of the nation\'s sources', "", "[set]"]
    lines += [
        f"# {_toml_line(row)}   # {row['meaning']}" for row in settings(nation, size, nation_folder) if _short(row["default"])
    ]
    with atomic(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def settings(nation: str, size: str, nation_folder: Path | None) -> list[dict[str, Any]]:
    """Every setting: name, type, value for this nation and size, meaning."""
    recipe = resolve(Request(nation, size, nation_folder=nation_folder))
    rows = [{"name": "seed", "type": "int", "default": recipe.seed, "meaning": "seed of weights, order, questions and samples"}]
    for section, kind in SECTIONS.items():
        values = getattr(recipe, section).model_dump(mode="json")
        for name, field in kind.model_fields.items():
            shown = (
                str(field.annotation)
                if "[" in str(field.annotation)
                else getattr(field.annotation, "__name__", str(field.annotation))
            )
            rows.append(
                {
                    "name": f"{section}.{name}",
                    "type": shown.replace("typing.", ""),
                    "default": values.get(name, getattr(getattr(recipe, section), name)),  # some stay out of identities
                    "meaning": field.description or "",
                }
            )
    return rows


def _short(value: Any) -> bool:
    return value is not None and not isinstance(value, dict) and len(str(value)) < 60


def _toml_line(row: dict[str, Any]) -> str:
    """On one line, which a comment needs; what JSON writes for such values TOML reads too."""
    return f'"{row["name"]}" = {json.dumps(row["default"], ensure_ascii=False)}'


def plan_lines(run: Path, rows: list[dict[str, Any]], fetched: list[str]) -> list[str]:
    """The dry run for a person; `fetched` is what would be fetched first."""
    lines = [f"{run}: nothing was built or fetched; this is what `build` would do"]
    lines += [f"  fetch      {one}" for one in fetched]
    lines += ["  (what is in the store, and how much disk it takes, is known once these are here)"] if fetched else []
    for row in rows:
        what = "in the store" if row["cached"] else "to be made"
        took = (
            ""
            if row["cached"]
            else f"{row['seconds']:.0f} s last time"
            if row["seconds"] is not None
            else "no earlier time known"
        )
        disk = "" if row["cached"] else f"up to {row['disk_bytes'] / 1e6:,.0f} MB"
        lines.append(f"  {row['stage']:<10} {what:<13} {disk:<18} {took}".rstrip())
    return lines


def next_steps(run: Path, to: str) -> list[str]:
    """What to do with a finished run."""
    if to != "ledger":
        return [f"{run}: built up to {to}"]
    return [
        f"{run} is built.",
        f"  sejong chat {run}      talk to it",
        f"  sejong serve {run}     the service and its portal",
        f"  sejong report {run}    what went in and how good it is",
        f"  sejong verify {run}    check every byte",
    ]


def verdict_lines(run: Path, found: dict[str, Any]) -> list[str]:
    """A verification for a person."""
    lines = [f"{one['kind']:<10} {one['path']}: {one['detail']}" for one in found["faults"]]
    lines.append(f"{run}: {found['checked']} files checked, {len(found['faults'])} faults")
    if "independence" in found:
        result = found["independence"]
        lines.append(f"independence: {'shown' if result['independent'] else 'NOT shown'}: {result['reason']}")
        lines += [f"  outside model in {one['stage']}: {_model(one)}" for one in result["outside_models"]]
    return lines


def _model(one: dict[str, Any]) -> str:
    return f"{one['name']} {one['version']} ({one['licence']}), {one['role']}, sha256 {one['sha256'][:16]}…"


def runs(where: Path) -> list[dict[str, Any]]:
    """Every run of the store beside `where`: nation, size, finished stages, bytes, whether it is served now.

    A run that this version cannot read has a `fault`, one sentence, instead.
    """
    return [_row(run) for run in garbage.runs_of(store_of(where / "any"))]


def _row(run: Path) -> dict[str, Any]:
    try:
        request = read(run / FILE)
        artifacts = folder.artifacts_of(run)
    except SejongError as error:
        return {"run": str(run), "fault": str(error)}
    return {
        "run": str(run),
        "nation": request.nation,
        "size": request.size,
        "stages": [name for name in NAMES if name in artifacts],
        "finished": (run / "seal.json").exists(),
        "bytes": sum(folder.size(one.path) for one in artifacts.values()),
        "serving": endpoint.read(run) is not None,
    }


def running(where: Path) -> dict[str, Any]:
    """What is being built in the store beside `where`, and which of its runs are served."""
    store = store_of(where / "any")
    served = [(run, one) for run in garbage.runs_of(store) if (one := endpoint.read(run))]
    return {
        "building": garbage.building(store),
        "serving": [{"run": str(run), "url": one.url, "pid": one.pid} for run, one in served],
    }


def running_lines(found: dict[str, Any]) -> list[str]:
    """What is running, for a person."""
    lines = [f"building {name}" for name in found["building"]]
    lines += [f"serving {one['run']} at {one['url']} (process {one['pid']})" for one in found["serving"]]
    return lines or ["nothing is running"]


def run_lines(where: Path, rows: list[dict[str, Any]]) -> list[str]:
    """The list of runs for a person."""
    if not rows:
        return [f"no runs in {where}: make one with `sejong build korea`"]
    return [_run_line(row) for row in rows]


def _run_line(row: dict[str, Any]) -> str:
    if "fault" in row:
        return f"{row['run']}  cannot be read: {row['fault']}"
    state = "finished" if row["finished"] else f"up to {(row['stages'] or ['nothing'])[-1]}"
    serving = "  serving" if row["serving"] else ""
    return f"{row['run']}  {row['nation']} {row['size']}  {state}  {row['bytes'] / 1e6:,.1f} MB{serving}"


def export(run: Path, to: str, out: Path) -> Path:
    """Copy the tuned model out of a run."""
    if to not in EXPORTS:
        raise Refused(f"cannot export to `{to}`: {did_you_mean(to, EXPORTS)}")
    if out.exists():
        raise Refused(f"{out} is there already: give a new folder with --out")
    artifacts = folder.artifacts_of(run)
    stage, inside = ("align", "model") if to == "hf" else ("engine", ".")
    if stage not in artifacts:
        raise Refused(f"{run} has no {stage} stage yet: run `sejong build {run}/{FILE}`")
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(artifacts[stage].path / inside, part, ignore=shutil.ignore_patterns(manifest.NAME))
    part.rename(out)
    return out
