"""Answers in OpenAI's form: whole objects and server-sent events, with this service's own object `sejong` beside them."""

import json
import secrets
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from sejong.retrieval import Hit
from sejong.serve.answer import Ended, Part, Piece, quotation, source

DONE = b"data: [DONE]\n\n"


class Usage(BaseModel):
    """Tokens read and written by the engine."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Source(BaseModel):
    """A passage of the corpus, and what of it is quoted or listed."""

    passage: str
    document: str
    title: str
    heading: str
    locator: str
    source: str
    licence: str | None
    text: str


class Grounding(BaseModel):
    """What an answer rests on, and what the model itself wrote in it."""

    quotation: Source | None
    model_text: str
    sources: list[Source]
    notice: str


class AssistantMessage(BaseModel):
    """The answer's text as Markdown."""

    role: Literal["assistant"] = "assistant"
    content: str


class ChatChoice(BaseModel):
    """The one answer."""

    index: int = 0
    message: AssistantMessage
    finish_reason: str
    logprobs: None = None


class ChatReply(BaseModel):
    """A whole chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage
    sejong: Grounding


class TextChoice(BaseModel):
    """The one continuation."""

    index: int = 0
    text: str
    finish_reason: str
    logprobs: None = None


class Notice(BaseModel):
    """That a machine wrote the text, in the nation's language."""

    notice: str


class TextReply(BaseModel):
    """A whole text completion."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage
    sejong: Notice


@dataclass(frozen=True)
class Head:
    """What all objects of one answer share. `kind` is chatcmpl or cmpl."""

    kind: str
    model: str
    system_fingerprint: str
    id: str = field(init=False)
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.kind}-{secrets.token_hex(12)}")

    def fields(self) -> dict[str, Any]:
        """The fields by name."""
        return {"id": self.id, "created": self.created, "model": self.model, "system_fingerprint": self.system_fingerprint}


def grounding(hits: list[Hit], notice: str, model_text: str = "") -> Grounding:
    """What an answer rests on."""
    listed = [Source.model_validate(source(hit)) for hit in hits]
    quoted = Source.model_validate(quotation(hits[0])) if hits else None
    return Grounding(quotation=quoted, model_text=model_text, sources=listed, notice=notice)


async def whole_chat(head: Head, parts: AsyncGenerator[Part | Ended, None], hits: list[Hit], notice: str) -> ChatReply:
    """The answer when it is complete."""
    texts: list[Part] = []
    async for part in parts:
        if isinstance(part, Part):
            texts.append(part)
        else:
            ended = part
    own = "".join(part.text for part in texts if part.kind == "model")
    message = AssistantMessage(content="".join(part.text for part in texts))
    return ChatReply(
        **head.fields(),
        choices=[ChatChoice(message=message, finish_reason=ended.finish_reason)],
        usage=usage(ended.prompt_tokens, ended.completion_tokens),
        sejong=grounding(hits, notice, own),
    )


async def chat_events(
    head: Head, parts: AsyncGenerator[Part | Ended, None], hits: list[Hit], notice: str, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    """The answer as it comes. The first event has the sources, each later one a part; the contents together are the whole's."""
    frame = {"object": "chat.completion.chunk", **head.fields()} | ({"usage": None} if include_usage else {})
    first = grounding(hits, notice).model_dump()
    yield event({**frame, "choices": [_delta({"role": "assistant", "content": ""})], "sejong": first})
    async for part in parts:
        if isinstance(part, Part):
            yield event({**frame, "choices": [_delta({"content": part.text, "sejong_part": part.kind})]})
        else:
            yield event({**frame, "choices": [_delta({}, part.finish_reason)]})
            if include_usage:
                yield event({**frame, "choices": [], "usage": usage(part.prompt_tokens, part.completion_tokens).model_dump()})
    yield DONE


async def whole_text(head: Head, prompt_tokens: int, pieces: AsyncGenerator[Piece, None], notice: str) -> TextReply:
    """The continuation when it is complete."""
    text = ""
    async for piece in pieces:
        text += piece.text
    return TextReply(
        **head.fields(),
        choices=[TextChoice(text=text, finish_reason=piece.finish_reason or "stop")],
        usage=usage(prompt_tokens, piece.tokens),
        sejong=Notice(notice=notice),
    )


async def text_events(
    head: Head, prompt_tokens: int, pieces: AsyncGenerator[Piece, None], notice: str, include_usage: bool
) -> AsyncGenerator[bytes, None]:
    """The continuation as it comes. The first event has the notice."""
    frame = {"object": "text_completion", **head.fields()} | ({"usage": None} if include_usage else {})
    first: dict[str, Any] = {"sejong": {"notice": notice}}
    async for piece in pieces:
        choice = {"index": 0, "text": piece.text, "finish_reason": piece.finish_reason, "logprobs": None}
        yield event({**frame, "choices": [choice], **first})
        first = {}
        if piece.finish_reason and include_usage:
            yield event({**frame, "choices": [], "usage": usage(prompt_tokens, piece.tokens).model_dump()})
    yield DONE


def usage(prompt: int, completion: int) -> Usage:
    """Counts and their sum."""
    return Usage(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


def event(content: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def _delta(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
