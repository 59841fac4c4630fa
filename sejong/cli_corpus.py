"""`sejong corpus`: a run's corpus, looked at."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from sejong.cli_parts import AsJson, Run, show

corpus_app = typer.Typer(no_args_is_help=True, help="Look at a run's corpus: the whole, one document, or two side by side.")


@corpus_app.command("inspect")
def corpus_inspect(
    run: Run,
    out: Annotated[Path | None, typer.Option("--out", help="Write the page here instead of a temporary file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Open the corpus page: funnel, what was dropped and why, sources and licences, copies, a sample to search in."""
    from sejong.build import inspect

    page = inspect.page(run, out)
    if not as_json and sys.stdout.isatty():
        typer.launch(page.resolve().as_uri())
    show({"page": str(page)}, as_json, [str(page)])


@corpus_app.command("explain")
def corpus_explain(
    run: Run,
    document: Annotated[str, typer.Argument(metavar="ID", help="A document's id, the beginning of one, or its locator.")],
    as_json: AsJson = False,
) -> None:
    """Tell one document's whole life: source, licence, rules, copies, tokens, training."""
    from sejong.build import inspect
    from sejong.report import explain

    story = inspect.life_of(run, document)
    show(story, as_json, explain.lines(story))


@corpus_app.command("diff")
def corpus_diff(
    run: Run,
    other: Annotated[Path, typer.Argument(metavar="RUN2", help="Another run of the same text.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Tell what two recipes changed: documents that only one run keeps, and why the other does not."""
    from sejong.build import inspect
    from sejong.report import diff

    found = inspect.compared(run, other)
    show(found, as_json, diff.lines(found, (str(run), str(other))))
