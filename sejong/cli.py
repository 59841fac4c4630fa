"""The command line: one function a verb, no logic. `main` turns `Refused` into exit status 2 and `Failed` into 1.

Imports stand inside the verbs, so that `sejong --help` answers at once.
"""

import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from sejong.cli_corpus import corpus_app
from sejong.cli_keys import keys_app
from sejong.cli_parts import AsJson, Run, show
from sejong.errors import Failed, Refused, SejongError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Build a nation's own language model from its own text.",
)
tokenizer_app = typer.Typer(no_args_is_help=True, help="Compare tokenizers.")
app.add_typer(tokenizer_app, name="tokenizer")
app.add_typer(corpus_app, name="corpus")
app.add_typer(keys_app, name="keys")

INTERRUPTED = 130  # Ctrl-C: 128 and the number of SIGINT

Text = Annotated[
    list[str] | None,
    typer.Option(
        "--text",
        metavar="PATH|URL",
        help="File, folder or address (https://, s3://, hf://) of text to build from, not the nation's sources. Repeatable.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override a setting. Repeatable; `sejong init --json` lists all."),
]
Size = Annotated[str | None, typer.Option("--size", help="The dial: nano, xs, s, m, l, 1b, 7b, 13b, 70b.")]
NationFolder = Annotated[
    Path | None, typer.Option("--nation", help="A folder with a nation's data, for one that does not ship with Sejong.")
]


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Tell what this machine is and what it can do."""
    from sejong import doctor as examine

    found = examine.examine(Path.cwd())
    show(found, as_json, [f"{label:<12} {words}" for label, words in examine.sentences(found)])


@app.command()
def init(
    nation: Annotated[str, typer.Argument(help="A nation, such as korea.")] = "korea",
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to write recipe.toml; default: the nation's name.")
    ] = None,
    size: Size = None,
    nation_folder: NationFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a recipe to edit; with --json, print every setting with its type, default and meaning instead."""
    from sejong.build import describe

    if as_json:
        show({"nation": nation, "settings": describe.settings(nation, size or "xs", nation_folder)}, True)
        return
    path = describe.write_recipe(nation, folder or Path(nation), size or "xs", nation_folder)
    typer.echo(f"wrote {path}: edit it, then `sejong build {path}`")


@app.command()
def build(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE|NATION]", help="A recipe.toml, a folder with one, or a nation's name.")
    ] = "korea",
    text: Text = None,
    to: Annotated[str, typer.Option("--to", metavar="STAGE", help="Stop after this stage.")] = "ledger",
    size: Size = None,
    run: Annotated[Path | None, typer.Option("--run", metavar="DIR", help="The run's folder; default runs/NATION.")] = None,
    settings: Set = None,
    licence: Annotated[str | None, typer.Option("--licence", help="SPDX licence of the text given with --text.")] = None,
    nation_folder: NationFolder = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show stages, what the store has, disk and time; build nothing.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Build nothing: write RUN/filters.toml with limits that the text itself gives.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build a model: real text in; a served, evaluated and documented model out."""
    from sejong.build import describe
    from sejong.build import run as building

    request, folder = describe.asked(recipe, text, size, run, settings, licence, nation_folder)
    describe.check_stage(to)
    if calibrate:
        from sejong.build import calibrate as calibrating

        found = calibrating.calibrate(request, folder)
        show(found, as_json, calibrating.lines(found))
        return
    if dry_run:
        rows, fetched = building.planned(request, folder, to)
        show(
            {"run": str(folder), "free_bytes": building.free_bytes(folder), "fetch": fetched, "stages": rows},
            as_json,
            describe.plan_lines(folder, rows, fetched),
        )
        return
    result = building.build(request, folder, to)
    show(result.as_json(), as_json, describe.next_steps(folder, to))


@app.command()
def chat(
    run: Run,
    question: Annotated[str | None, typer.Option("--ask", metavar="TEXT", help="Ask one question and leave.")] = None,
    as_json: AsJson = False,
) -> None:
    """Talk to a run's model; answers are grounded in the passages of its corpus."""
    from sejong.serve import chat as talk

    if question is None:
        if as_json:
            raise Refused("--json answers one question: give it with --ask TEXT")
        talk.chat(run)
        return
    found = talk.ask(run, question)
    show(found, True) if as_json else talk.show(found)


@app.command()
def serve(
    run: Run,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 picks a free one.")] = 8000,
) -> None:
    """Serve a run: an OpenAI-compatible API and a portal, until Ctrl-C."""
    from sejong.serve.serve import serve as serving

    serving(run, host, port)


@app.command()
def report(run: Run, as_json: AsJson = False) -> None:
    """Open a run's report in the browser (or print where it is)."""
    page = run / "report" / "index.html"
    if not page.exists():
        raise Refused(f"{run} has no report yet: run `sejong build {run}/recipe.toml`")
    if not as_json and sys.stdout.isatty():
        typer.launch(page.resolve().as_uri())
    show({"report": str(page)}, as_json, [str(page)])


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A Hugging Face folder, a run's folder, or a GGUF file.")],
    text: Annotated[Path, typer.Option("--text", help="Text to score: .txt, .md, .jsonl or .parquet.")],
    against: Annotated[
        list[str] | None, typer.Option("--against", help="Another model to score on the same text. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model in bits per byte of a text, with an interval."""
    from sejong.evaluate import bits_per_byte

    found = bits_per_byte.compare(model, text, against or [])
    show(found, as_json, bits_per_byte.lines(found))


@app.command()
def verify(
    run: Run,
    independence: Annotated[
        bool, typer.Option("--independence", help="Recompute the initial weights; list outside models.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Re-hash every byte under RUN against its manifests, ledger and seal."""
    from sejong.build import describe
    from sejong.ledger.verify import verify as check

    verdict = check(run)
    found = verdict.as_json()
    if independence:
        from sejong.build.independence import independence as recompute

        found["independence"] = recompute(run)
    show(found, as_json, describe.verdict_lines(run, found))
    if verdict.faults:
        raise Failed(
            f"{len(verdict.faults)} faults in {run}, first {verdict.faults[0]['path']} ({verdict.faults[0]['kind']}): "
            f"restore it, or delete what {run / verdict.faults[0]['path'].split('/')[0]} links to and build again"
        )
    if independence and not found["independence"]["independent"]:
        raise Failed(found["independence"]["reason"])


@app.command()
def takedown(
    run: Run,
    document: Annotated[list[str] | None, typer.Option("--document", metavar="ID", help="A document's id. Repeatable.")] = None,
    contributor: Annotated[
        list[str] | None, typer.Option("--contributor", metavar="NAME", help="Everything of a contributor. Repeatable.")
    ] = None,
    locator_prefix: Annotated[
        list[str] | None,
        typer.Option("--locator-prefix", metavar="P", help="All whose address or path starts so. Repeatable."),
    ] = None,
    licence: Annotated[
        list[str] | None, typer.Option("--licence", metavar="SPDX", help="All that need this licence. Repeatable.")
    ] = None,
    with_duplicates: Annotated[
        bool, typer.Option("--with-duplicates", help="Take down copies that would come back or stay, too.")
    ] = False,
    reason: Annotated[str | None, typer.Option(help="Why, for the run's removals.jsonl.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take documents down from a run: lists what goes (asks first); the next build remakes what depended on it."""
    from sejong.build import takedown as taking

    given = {"document": document, "contributor": contributor, "locator-prefix": locator_prefix, "licence": licence}
    found = taking.find(run, given)
    listed = taking.lines(found, with_duplicates=with_duplicates)
    if dry_run:
        show(taking.as_json(found, with_duplicates=with_duplicates, done=False), as_json, listed)
        return
    for line in listed:
        typer.echo(line, err=True)
    if not yes and not typer.confirm("Take these down?", err=True):
        raise Refused("nothing was taken down")
    taking.record(found, date.today().isoformat(), reason, with_duplicates=with_duplicates)
    done = taking.as_json(found, with_duplicates=with_duplicates, done=True)
    show(done, as_json, [f"written to {run / 'removals.jsonl'}: `{done['next']}` now remakes what depended on it"])


@app.command("list")
def list_runs(folder: Annotated[Path, typer.Argument(help="Where runs are.")] = Path("runs"), as_json: AsJson = False) -> None:
    """List runs and their finished stages."""
    from sejong.build import describe

    rows = describe.runs(folder)
    show({"runs": rows}, as_json, describe.run_lines(folder, rows))


@app.command()
def status(folder: Annotated[Path, typer.Argument(help="Where runs are.")] = Path("runs"), as_json: AsJson = False) -> None:
    """Tell what is being built and which runs are served."""
    from sejong.build import describe

    found = describe.running(folder)
    show(found, as_json, describe.running_lines(found))


@app.command()
def gc(
    folder: Annotated[Path, typer.Argument(help="Where runs are.")] = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Free the store of what no run needs (asks first)."""
    from sejong.build import garbage
    from sejong.build.folder import size
    from sejong.flow.store import store_of

    store = store_of(folder / "any")
    unused = garbage.unused(store)
    total = sum(size(path) for path in unused)
    for run in garbage.gone(store):
        typer.echo(f"{run} is not there any more: what only that run needs counts as unused", err=True)
    if not unused:
        show({"removed": [], "freed_bytes": 0}, as_json, ["nothing to free: every artifact belongs to a run"])
        return
    for path in unused:
        typer.echo(f"{size(path) / 1e6:10.1f} MB  {path}", err=True)
    if not yes and not typer.confirm(f"Delete {len(unused)} folders ({total / 1e6:.1f} MB)?", err=True):
        raise Refused("nothing was deleted")
    freed = garbage.remove(store, unused)
    show({"removed": [str(path) for path in unused], "freed_bytes": freed}, as_json, [f"freed {freed / 1e6:.1f} MB"])


@app.command()
def export(
    run: Run,
    to: Annotated[str, typer.Option("--to", help="hf or openvino.")],
    folder: Annotated[Path, typer.Option("--out", help="A new folder to write to.")],
    as_json: AsJson = False,
) -> None:
    """Copy a run's model out, as a Hugging Face folder or for OpenVINO."""
    from sejong.build import describe

    show({"folder": str(describe.export(run, to, folder))}, as_json, [f"wrote {folder}"])


@tokenizer_app.command("compare")
def tokenizer_compare(
    text: Annotated[Path, typer.Option("--text", help="Text to encode.")],
    tokenizers: Annotated[
        list[str] | None, typer.Argument(metavar="[TOKENIZER]...", help="A run, a folder, a tokenizer.json, a GGUF, or a name.")
    ] = None,
    parallel: Annotated[tuple[Path, Path] | None, typer.Option("--parallel", help="Two files that say the same.")] = None,
    segmenter: Annotated[str, typer.Option("--segmenter", help="Whose morphemes to look at: kiwi, sudachi …")] = "",
    as_json: AsJson = False,
) -> None:
    """Bytes per token of each tokenizer on the same text, and what they do to words, characters and morphemes."""
    from sejong.tokenizer import compare

    rows = compare.compare(text, tokenizers or [], parallel, segmenter)
    show({"text": str(text), "tokenizers": rows}, as_json, compare.lines(rows))


def main() -> None:
    """Run a command; say errors in one sentence."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except SejongError as error:
        console.print(f"sejong: {error}", markup=False)
        sys.exit(error.exit_status)
    except OSError as error:
        console.print(f"sejong: the system refused: {error}", markup=False)
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            console.print("sejong: stopped; the same command goes on from here", markup=False)
        raise


if __name__ == "__main__":
    main()
