"""`sejong chat`: ask a run, through its service where one is running, else with the model loaded here."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from sejong.errors import Failed, Refused
from sejong.retrieval import open_index
from sejong.serve import endpoint, wire
from sejong.serve.answer import ANSWER_TOKENS, Answerer, Part
from sejong.serve.engines import Sampling
from sejong.serve.engines.batching import Engine
from sejong.serve.run import open_run
from sejong.serve.text import Message, Vocabulary

TIMEOUT = httpx.Timeout(10, read=120)  # seconds to connect, and between two pieces of an answer

STYLES = {"label": "bold", "quotation": "cyan"}

Speak = Callable[[list[Message]], Iterator[wire.Grounding | Part]]

console = Console(highlight=False, soft_wrap=True)


def ask(run: Path, question: str) -> dict[str, Any]:
    """One question to a run.

    Returns:
        `answer` (Markdown), `quotation` (text and where it is from, or None), `sources`, `model_text`, `notice`.

    Raises:
        Refused: the run cannot answer yet, or the question is empty.
        Failed: the engine or the service failed.
    """
    if not question.strip():
        raise Refused("the question is empty: write it after --ask")
    with _speaker(run) as speak:
        grounding, *parts = list(speak([{"role": "user", "content": question}]))
    if not isinstance(grounding, wire.Grounding):
        raise Failed(f"the service of {run} sent an answer without its sources: is it Sejong's?")
    said = [part for part in parts if isinstance(part, Part)]
    found = grounding.model_dump()
    found["model_text"] = "".join(part.text for part in said if part.kind == "model")
    return {"answer": "".join(part.text for part in said), **found}


def show(found: dict[str, Any]) -> None:
    """Print what `ask` returned: the quotation and the model's words told apart, the sources listed."""
    console.print(Markdown(found["answer"]), soft_wrap=False)
    _show_sources(found["sources"])
    console.print(Text(f"\n{found['notice']}", style="dim"))


def chat(run: Path) -> None:
    """Talk to a run until the input ends. Ctrl-C stops an answer, not the program."""
    words = open_run(run).words
    messages: list[Message] = []
    with _speaker(run) as speak:
        console.print(Text(f"{words['notice']}\nCtrl-C: {words['stop']} · Ctrl-D: exit\n", style="dim"))
        while True:
            try:
                question = console.input(Text("› ", style="bold")).strip()
            except KeyboardInterrupt:
                console.print(Text("\nCtrl-D: exit", style="dim"))
                continue
            except EOFError:
                console.print()
                return
            if question:
                messages.append({"role": "user", "content": question})
                messages.append({"role": "assistant", "content": _show_answer(speak, messages, words)})


def _show_answer(speak: Speak, messages: list[Message], words: dict[str, str]) -> str:
    """Print an answer as it comes; its text, or as much of it as came before Ctrl-C or a failure."""
    sources: list[dict[str, Any]] = []
    said = ""
    try:
        for piece in speak(messages):
            if isinstance(piece, wire.Grounding):
                sources = piece.model_dump()["sources"]
                continue
            said += piece.text
            shown = piece.text.replace("**", "") if piece.kind == "label" else piece.text
            console.print(Text(shown, style=STYLES.get(piece.kind, "")), end="")
    except KeyboardInterrupt:
        console.print(Text(f" [{words['stopped']}]", style="dim"), end="")
    except Failed as error:
        console.print(Text(str(error), style="red"))
    console.print()
    _show_sources(sources)
    console.print()
    return said


def _show_sources(sources: list[dict[str, Any]]) -> None:
    for number, one in enumerate(sources, 1):
        name = " – ".join(filter(None, [one["title"], one["heading"]]))
        facts = " · ".join(filter(None, [name, one["locator"], one["source"], one["licence"]]))
        console.print(Text(f"  [{number}] {facts}", style="dim"))


@contextmanager
def _speaker(run: Path) -> Iterator[Speak]:
    """How to ask this run: by its running service, or by the model itself."""
    folder = open_run(run)
    running = endpoint.read(run)
    if running is not None:
        headers = {"Authorization": f"Bearer {running.key}"}
        with httpx.Client(base_url=running.url, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
            yield partial(_by_service, client, folder.model)
        return
    with Engine(folder.engine, slots=1) as engine, asyncio.Runner() as runner:
        answerer = Answerer(engine, Vocabulary(folder.engine), open_index(folder.index), folder.words)
        yield partial(_here, runner, answerer)


def _by_service(client: httpx.Client, model: str, messages: list[Message]) -> Iterator[wire.Grounding | Part]:
    body = {"model": model, "messages": messages, "stream": True}
    try:
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                raise Failed(f"the service at {client.base_url} refused the question: {_reason(answer)}")
            for line in answer.iter_lines():
                if line == "data: [DONE]":
                    return
                if line.startswith("data: "):
                    yield from _pieces(json.loads(line.removeprefix("data: ")))
    except httpx.HTTPError as error:
        raise Failed(
            f"the service at {client.base_url} did not answer ({error}): look at its output, or start it again"
        ) from error
    raise Failed(f"the service at {client.base_url} ended the answer too early: look at its output")


def _pieces(event: dict[str, Any]) -> Iterator[wire.Grounding | Part]:
    if "error" in event:
        raise Failed(f"the service failed while answering: {event['error']['message']}")
    if "sejong" in event:
        yield wire.Grounding.model_validate(event["sejong"])
    for choice in event["choices"]:
        if "sejong_part" in choice["delta"]:
            yield Part(choice["delta"]["sejong_part"], choice["delta"]["content"])


def _here(runner: asyncio.Runner, answerer: Answerer, messages: list[Message]) -> Iterator[wire.Grounding | Part]:
    hits = runner.run(answerer.find(messages[-1]["content"]))
    yield wire.grounding(hits, answerer.words["notice"])
    parts = answerer.grounded(messages, hits, Sampling(ANSWER_TOKENS, temperature=0.0))
    try:
        while (part := runner.run(_next(parts))) is not None:
            if isinstance(part, Part):
                yield part
    finally:
        runner.run(_close(parts))


async def _next(parts: Any) -> Any:
    return await anext(parts, None)


async def _close(parts: Any) -> None:
    await parts.aclose()


def _reason(answer: httpx.Response) -> str:
    answer.read()
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
