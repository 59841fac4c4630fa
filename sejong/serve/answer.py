"""Grounded answers: the passage that fits is quoted, the model's own words stand apart, and where nothing fits that is said.

An answer is a stream of parts. Their texts, one after another, are Markdown that any client can show.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal

from sejong.errors import Refused
from sejong.language import sentences
from sejong.retrieval import Hit, Index
from sejong.retrieval.passages import PATH
from sejong.serve.engines import FinishReason, Sampling
from sejong.serve.engines.batching import Engine
from sejong.serve.text import Clusters, Message, StopStrings, Vocabulary

PartKind = Literal["quotation", "label", "model", "refusal"]

SOURCES = 3  # passages listed under an answer
ANSWER_TOKENS = 160  # of the model's own words beside a quotation, unless asked otherwise
ENOUGH_CHARACTERS = 240  # after so many, the model's words end with their sentence; it learned answers of this length
REPEATED = 8  # tokens in a row that come a second time: the model runs in a circle
CUT_OFF = " …"


class TooLong(Refused):
    """The prompt does not fit the model's context."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an answer's text and what it is."""

    kind: PartKind
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """How an answer ended, and what the engine read and wrote for it."""

    finish_reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that came since the last piece, and how many tokens there are in all; the last has a finish reason."""

    text: str
    tokens: int
    finish_reason: FinishReason | None = None


class Answerer:
    """Answers from one model and one index, in one nation's words. `index` None: the model alone."""

    def __init__(self, engine: Engine, vocabulary: Vocabulary, index: Index | None, words: dict[str, str]) -> None:
        self.engine = engine
        self.vocabulary = vocabulary
        self.index = index
        self.words = words
        self._searching = ThreadPoolExecutor(1, "retrieval")  # one search at a time, beside the event loop

    async def find(self, question: str) -> list[Hit]:
        """The passages that fit the question, the one to quote first; none: there is no answer."""
        if self.index is None:
            return []
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._searching, self.index.answers, question, SOURCES)

    def grounded(
        self, messages: Sequence[Message], hits: Sequence[Hit], sampling: Sampling, stops: Sequence[str] = ()
    ) -> AsyncGenerator[Part | Ended, None]:
        """Quote the first of `hits` and let the model speak from it; with none of them, say that nothing fits.

        Raises:
            TooLong: at once, if the question alone does not fit the model's context.
        """
        if not hits:
            return self._refuse(messages[-1])
        return self._quote(hits[0], self._prompt(messages, hits[0], sampling.max_tokens), sampling, stops)

    def alone(
        self, messages: Sequence[Message], sampling: Sampling, stops: Sequence[str] = ()
    ) -> AsyncGenerator[Part | Ended, None]:
        """Let the model speak without a passage. Earlier messages are left out where the context is too short for them.

        Raises:
            TooLong: at once, if the last message alone does not fit.
        """
        prompt = self._fitting(messages, [], min(sampling.max_tokens, self.engine.context // 2))
        if prompt is None:
            raise self._too_long("the last message")
        return self._speak(prompt, sampling, stops)

    def write(
        self, prompt: list[int], sampling: Sampling, stops: Sequence[str] = (), bounded: bool = False
    ) -> AsyncGenerator[Piece, None]:
        """The engine's continuation as text. `bounded`: end with a sentence once there is enough, and where it runs in a circle.

        Raises:
            TooLong: at once, if the prompt leaves no room in the context.
        """
        room = self.engine.context - len(prompt)
        if room <= 0:
            raise self._too_long(f"the prompt of {len(prompt)} tokens")
        return self._write(prompt, replace(sampling, max_tokens=min(sampling.max_tokens, room)), stops, bounded)

    async def _refuse(self, question: Message) -> AsyncGenerator[Part | Ended, None]:
        yield Part("refusal", self.words["nothing_fits"])
        yield Ended("stop", len(self.vocabulary.chat([question])), 0)

    async def _quote(
        self, hit: Hit, prompt: list[int], sampling: Sampling, stops: Sequence[str]
    ) -> AsyncGenerator[Part | Ended, None]:
        yield Part("label", f"**{self.words['quotation_label']}**\n\n")
        yield Part("quotation", _blockquote(hit))
        said = ""
        async with aclosing(self.write(prompt, sampling, stops, bounded=True)) as pieces:
            async for piece in pieces:
                text = piece.text if said else piece.text.lstrip()
                if text and not said:
                    yield Part("label", f"\n\n**{self.words['model_label']}**\n\n")
                if text:
                    said += text
                    yield Part("model", text)
                if piece.finish_reason:
                    if said and piece.finish_reason == "length":
                        yield Part("model", CUT_OFF)
                    yield Ended(piece.finish_reason, len(prompt), piece.tokens)

    async def _speak(self, prompt: list[int], sampling: Sampling, stops: Sequence[str]) -> AsyncGenerator[Part | Ended, None]:
        async with aclosing(self.write(prompt, sampling, stops)) as pieces:
            async for piece in pieces:
                if piece.text:
                    yield Part("model", piece.text)
                if piece.finish_reason:
                    yield Ended(piece.finish_reason, len(prompt), piece.tokens)

    async def _write(
        self, prompt: list[int], sampling: Sampling, stops: Sequence[str], bounded: bool
    ) -> AsyncGenerator[Piece, None]:
        decoder, until, clusters = self.vocabulary.decoder(), StopStrings(stops), Clusters()
        tokens: list[int] = []
        said = ""
        async with aclosing(self.engine.generate(prompt, sampling)) as chunks:
            async for chunk in chunks:
                tokens += chunk.tokens
                text = until.feed(decoder.feed(chunk.tokens))
                reason: FinishReason | None = "stop" if until.found else chunk.finish_reason
                if chunk.finish_reason:
                    text += until.rest()
                if bounded and reason is None:
                    text, reason = _bound(said, text, tokens)
                said += text
                text = clusters.feed(text) + (clusters.rest() if reason else "")
                if text or reason:
                    yield Piece(text, len(tokens), reason)
                if reason:
                    return

    def _prompt(self, messages: Sequence[Message], hit: Hit, most: int) -> list[int]:
        """The conversation with the passage before the question, as the model learned it; shortened until it fits."""
        reserve = min(most, self.engine.context // 3)
        for text in (hit.text, hit.quotation, hit.quotation[:120], ""):
            content = f"{hit.heading}\n{text}" if hit.heading else text
            prompt = self._fitting(messages, [{"role": "passage", "content": content}], reserve)
            if prompt is not None:
                return prompt
        raise self._too_long("the question")

    def _fitting(self, messages: Sequence[Message], before_last: list[Message], reserve: int) -> list[int] | None:
        """The prompt with as many of the latest messages as leave `reserve` tokens free; None: not even the last one does.

        A system message that opens the conversation stays.
        """
        opening, earlier, last = list(messages[:1]), list(messages[1:-1]), messages[-1]
        if len(messages) == 1 or opening[0]["role"] != "system":
            opening, earlier = [], list(messages[:-1])
        for first in range(len(earlier) + 1):
            prompt = self.vocabulary.chat([*opening, *earlier[first:], *before_last, last])
            if len(prompt) + reserve <= self.engine.context:
                return prompt
        return None

    def _too_long(self, what: str) -> TooLong:
        return TooLong(f"{what} does not fit the model's context of {self.engine.context} tokens: shorten it")


def source(hit: Hit) -> dict[str, Any]:
    """A passage as answers list it; its headings are those below the title."""
    return {
        "passage": hit.passage,
        "document": hit.document,
        "title": hit.title,
        "heading": below_title(hit.heading, hit.title),
        "locator": hit.locator,
        "source": hit.source,
        "licence": hit.licence,
        "text": hit.text,
    }


def quotation(hit: Hit) -> dict[str, Any]:
    """The part of a passage that an answer quotes, with where it is from."""
    return {**source(hit), "text": hit.quotation}


def below_title(heading: str, title: str) -> str:
    """A path of headings without the document's title, with which it often begins."""
    first, _, rest = heading.partition(PATH)
    return rest if first == title else heading


def _blockquote(hit: Hit) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in hit.quotation.splitlines())
    name = " – ".join(filter(None, [hit.title, below_title(hit.heading, hit.title)]))
    return f"{quoted}\n>\n> — {' · '.join(filter(None, [name, hit.locator, hit.licence]))}"


def _bound(said: str, text: str, tokens: list[int]) -> tuple[str, FinishReason | None]:
    """The new text up to where a bounded answer ends, and why it ends there."""
    if _circles(tokens):
        return text, "length"
    whole = said + text
    if len(whole) > ENOUGH_CHARACTERS:
        begun = sentences.spans([whole])[0][-1:]
        if begun and begun[0][0] >= len(said) > 0:
            return text[: begun[0][0] - len(said)].rstrip(), "stop"
    return text, None


def _circles(tokens: list[int]) -> bool:
    """Whether the last `REPEATED` tokens came before."""
    last = tokens[-REPEATED:]
    return len(tokens) > REPEATED and any(tokens[at : at + REPEATED] == last for at in range(len(tokens) - REPEATED))
