"""Build a run: resolve the request, make what is missing, link it, seal it."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sejong.build import budget, folder
from sejong.build.request import FILE, Request, asked_of_probe, resolve, same, with_probe, write
from sejong.build.stages import STAGES, run_of, up_to
from sejong.flow import Artifact, manifest, store
from sejong.flow.progress import console
from sejong.flow.store import Built, Stage
from sejong.ledger import removals, seal
from sejong.recipe import Recipe

MOST_SHOWN = 160  # characters of a stage's figures in a build's lines
COMPLIANCE = {"removed", "licence", "opt_out"}  # rules of dropped.parquet; the name of each is a promise
BYTES_A_CHECKPOINT = 12  # a parameter: weights and two moments in float32
BYTES_A_MODEL = 4  # a parameter
CHECKPOINTS = 3  # the newest two, and one being written


@dataclass(frozen=True)
class Result:
    """A finished build."""

    run: Path
    stages: dict[str, Built]

    def as_json(self) -> dict[str, Any]:
        """What `sejong build --json` prints."""
        return {
            "run": str(self.run),
            "stages": [
                {
                    "stage": name,
                    "identity": built.artifact.identity,
                    "seconds": round(built.seconds, 3),
                    "overhead_seconds": round(built.overhead_seconds, 3),
                    "cached": built.cached,
                    "metrics": manifest.manifest_metrics(built.artifact.manifest()),
                }
                for name, built in self.stages.items()
            ],
        }


def build(request: Request, run: Path, to: str = "ledger") -> Result:
    """Make every stage up to `to`, each only where its identity is not in the store yet.

    Raises:
        Refused: the request is wrong. Failed: a stage failed; what was finished stays and the same command goes on from there.
    """
    _check_memory(resolve(_with_removals(request, run)), to)  # refused before anything is touched
    folder.check_version(run)
    where = store.store_of(run)
    with store.writable(run, "the run's folder"):
        run.mkdir(parents=True, exist_ok=True)
        where.mkdir(parents=True, exist_ok=True)
        with store.held(where, folder.lock_name(run), f"{run}: another build of this run is going on"):
            folder.sweep(run)
            request = _with_removals(request, run)  # what was taken down while this build waited counts, too
            return _build(request, resolve(request), run, to)


def _check_memory(recipe: Recipe, to: str) -> None:
    """Refuse a model that this machine cannot train, before its text is read."""
    if "pretrain" in [one.name for one in up_to(to)]:
        from sejong.train import memory

        memory.check(recipe.pretrain, recipe.tokenizer.vocabulary, recipe.size)


def _build(request: Request, recipe: Recipe, run: Path, to: str) -> Result:
    from sejong.corpus import forks

    if not (run / "corpus").exists() and _much(request):
        forks.prepare()
    try:
        return _stages(request, recipe, run, to)
    finally:
        forks.dismiss()


def _much(request: Request) -> bool:
    """Whether the text given is so much that the corpus stage will want workers: they may load while all is being prepared."""
    from sejong.corpus import forks

    total = 0
    for path in request.text:
        if isinstance(path, Path):
            for file in path.rglob("*") if path.is_dir() else [path]:
                total += file.stat().st_size if file.is_file() else 0
                if total >= forks.WORTH_A_PROCESS:
                    return True
    return False


def _stages(request: Request, recipe: Recipe, run: Path, to: str) -> Result:
    artifacts: dict[str, Artifact] = {"sources": sources(recipe, request, run)}
    needs = sum(row["disk_bytes"] for row in _rows(request, recipe, artifacts["sources"], run, to))
    store.check_disk(store.store_of(run), f"building {run}", needs)
    _keep(run, request)
    folder.register(run)
    done: dict[str, Built] = {}
    for stage in up_to(to):
        if stage.name == "pretrain":
            request = _decided(recipe, request, artifacts, run)
            recipe = resolve(request)
        built = _make(stage, recipe, artifacts, run)
        artifacts[stage.name] = built.artifact
        done[stage.name] = built
        if folder.digest_of(run, stage.name) != built.artifact.digest:
            folder.unlink_after(run, list(STAGES), stage.name)
        folder.link(run, stage.name, built.artifact.path)
        _tell(stage.name, built)
    if to == "ledger":
        seal.write(run)
    if "corpus" in artifacts:
        _forget(run, artifacts["corpus"])
    return Result(run, done)


def _with_removals(request: Request, run: Path) -> Request:
    """The request with what was taken down from the run, too."""
    return replace(request, removed=(*request.removed, *removals.read(run)))


def _forget(run: Path, corpus: Artifact) -> None:
    """Delete what the store still holds of documents that the corpus leaves out, and say what cannot be deleted."""
    made = corpus.manifest()
    if not manifest.manifest_settings(made)["removals"] and not COMPLIANCE & manifest.manifest_metrics(made)["dropped"].keys():
        return
    from sejong.build import purge

    for line in purge.without_effect(corpus.path):
        console.print(line, markup=False)
    freed, held = purge.purge(store.store_of(run), run)
    if held.free:
        console.print(f"{'':<10} {len(held.free)} artifacts that held documents left out now were deleted ({freed / 1e6:.1f} MB)")
    for line in purge.lines(held):
        console.print(line, markup=False)


def _keep(run: Path, request: Request) -> None:
    """Write the request and what was taken down beside the run where they are new; the seal over the old ones goes first."""
    if removals.missing(run, request.removed):
        (run / seal.NAME).unlink(missing_ok=True)
        removals.add(run, request.removed)
    path = run / FILE
    if path.exists() and same(path, request):
        return
    (run / seal.NAME).unlink(missing_ok=True)
    write(path, request)


def sources(recipe: Recipe, request: Request, run: Path, *, fetch: bool = True) -> Artifact:
    """The files of text that this build reads, fetched where they are not here."""
    from sejong.corpus.fetch import collect

    return collect(recipe.sources, list(request.text), store.store_of(run) / "downloads", fetch=fetch)


def needs_probe(recipe: Recipe) -> bool:
    """Whether a choice is left to this machine."""
    train, align = recipe.pretrain, recipe.align
    return "auto" in (train.dtype, train.compile) or 0 in (train.threads, align.threads) or bool(train.seconds or align.seconds)


def probe(recipe: Recipe, request: Request, run: Path) -> Request:
    """Measure once what this machine can do, and keep the answer in the run's recipe: a repeated build asks no clock."""
    from sejong.train.probe import probe as measure

    found = measure(recipe.pretrain, recipe.align, recipe.tokenizer.vocabulary)
    request = with_probe(request, {"asked": asked_of_probe(recipe), **found})
    _keep(run, request)
    return request


def _decided(recipe: Recipe, request: Request, artifacts: dict[str, Artifact], run: Path) -> Request:
    """The request with what training leaves to this machine and to the amount of text; the run's recipe keeps it."""
    if needs_probe(recipe):
        request = probe(recipe, request, run)
    if not budget.is_settled(request, artifacts["sources"]):
        request = budget.settle(request, artifacts["sources"], artifacts["tokens"])
        _keep(run, request)
    return request


def _make(stage: Stage, recipe: Recipe, artifacts: dict[str, Artifact], run: Path) -> Built:
    inputs = [artifacts[name] for name in stage.inputs if name in artifacts]
    settings = getattr(recipe, stage.name)
    return store.build(
        store.store_of(run),
        stage,
        lambda *given: run_of(stage)(*given),
        settings,
        inputs,
        disk_bytes(stage.name, recipe, artifacts["sources"]),
    )


def disk_bytes(stage: str, recipe: Recipe, sources: Artifact | None) -> int:
    """About how much disk a stage needs while it is made, in bytes: text, as far as it is here, for the early
    ones, weights for the late ones."""
    text = sum(file.bytes for file in sources.files) if sources else 0
    shape = recipe.pretrain
    parameters = shape.width * recipe.tokenizer.vocabulary + 12 * shape.depth * shape.width**2
    kept = shape.keep + bool(shape.late) if shape.keep else 0
    needed = {
        "corpus": 6 * text,
        "tokens": 2 * text,
        "index": 4 * text,
        "pretrain": parameters * (BYTES_A_MODEL + (CHECKPOINTS + kept) * BYTES_A_CHECKPOINT),
        "align": parameters * (BYTES_A_MODEL + CHECKPOINTS * BYTES_A_CHECKPOINT),
        "engine": 4 * parameters * BYTES_A_MODEL,
    }
    return needed.get(stage, 0) + 50_000_000


def _tell(name: str, built: Built) -> None:
    how = "from the store" if built.cached else f"{built.seconds:.1f} s"
    console.print(f"{name:<10} {how:<16} {_headline(manifest.manifest_metrics(built.artifact.manifest()))}", markup=False)


def _headline(metrics: dict[str, Any]) -> str:
    """The first figures of a stage for a person; a table of counts as its total and its parts."""
    return " · ".join(f"{key} {_figure(value)}" for key, value in metrics.items() if _figure(value))[:MOST_SHOWN]


def _figure(value: Any) -> str:
    if isinstance(value, dict) and value and all(isinstance(count, int) for count in value.values()):
        return f"{sum(value.values()):,} ({', '.join(f'{name} {count:,}' for name, count in value.items())})"
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return ""
    return value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def planned(request: Request, run: Path, to: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What `build` would do: per stage, whether the store has it, unknown where an input is not made yet; and the sources that it
    would fetch first. Nothing is fetched."""
    from sejong.corpus.fetch import absent

    request = _with_removals(request, run)
    recipe = resolve(request)
    folder.check_version(run)
    lacking = absent(recipe.sources, request.text, store.store_of(run) / "downloads")
    return _rows(request, recipe, None if lacking else sources(recipe, request, run, fetch=False), run, to), lacking


def _rows(request: Request, recipe: Recipe, texts: Artifact | None, run: Path, to: str) -> list[dict[str, Any]]:
    artifacts: dict[str, Artifact] = {"sources": texts} if texts else {}
    rows: list[dict[str, Any]] = []
    is_open = needs_probe(recipe) or texts is None or not budget.is_settled(request, texts)
    for stage in up_to(to):
        inputs = [artifacts[name] for name in stage.inputs if name in artifacts]
        known = len(inputs) == len(stage.inputs) and not (stage.name in ("pretrain", "align") and is_open)
        named = stage.identity(getattr(recipe, stage.name).model_dump(mode="json"), inputs) if known else None
        found = store.find(store.store_of(run), stage.name, named) if named else None
        if found:
            artifacts[stage.name] = found
        rows.append(
            {
                "stage": stage.name,
                "identity": named,
                "cached": found is not None,
                "disk_bytes": 0 if found else disk_bytes(stage.name, recipe, texts),
                "seconds": 0.0 if found else folder.seconds_before(run, stage.name),
            }
        )
    return rows


def free_bytes(run: Path) -> int:
    """Free bytes on the disk of the run's store."""
    path = store.store_of(run)
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free
