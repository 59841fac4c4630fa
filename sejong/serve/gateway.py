"""The gateway: OpenAI's API over one engine, passages of the corpus, the portal. Everything under /v1 needs a key."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from sejong import __version__
from sejong.errors import SejongError, did_you_mean
from sejong.serve import wire
from sejong.serve.answer import ANSWER_TOKENS, Answerer, Ended, Part, Piece, TooLong, below_title
from sejong.serve.engines import Sampling
from sejong.serve.errors import ApiError, documented, from_validation, reply
from sejong.serve.keys import Keys
from sejong.serve.requests import ChatRequest, CompletionRequest
from sejong.serve.run import PORTAL, RunFolder

QUEUE = 8  # requests that may wait, for each that the engine decodes at once
AROUND = 20_000  # characters of a document shown before and after a passage
COMPLETION_TOKENS = 16  # OpenAI's default of /v1/completions
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

Item = TypeVar("Item", Part | Ended, Piece)

bearer = HTTPBearer(auto_error=False, description="a key of `sejong keys create`")


class Model(BaseModel):
    """A model that can be asked."""

    id: str
    object: str = "model"
    created: int = 0
    owned_by: str


class Models(BaseModel):
    """The models that can be asked."""

    object: str = "list"
    data: list[Model]


class Passage(wire.Source):
    """A passage and the text of its document around it."""

    before: str
    after: str


class Health(BaseModel):
    """Whether the service works, and how much it has to do."""

    status: str
    model: str
    active: int
    slots: int


def app(run: RunFolder, answerer: Answerer, keys: Keys) -> FastAPI:
    """The service of one run."""
    service = FastAPI(title=f"Sejong: {run.model}", version=__version__, docs_url=None, redoc_url=None)
    _errors(service)
    authorised = Depends(_key_check(keys))
    engine = answerer.engine

    @service.get("/health")
    async def health() -> Health:
        """Whether the service works."""
        return Health(status="ok", model=run.model, active=engine.active, slots=engine.slots)

    @service.get("/portal.json")
    async def portal() -> dict[str, Any]:
        """What the portal says and in which languages."""
        who = run.nation.identity
        return {
            "nation": {name: getattr(who, name) for name in ("name", "endonym", "language", "language_endonym")},
            "model": run.model,
            "strings": {"native": run.words, "en": run.english},
            "examples": answerer.index.about["examples"] if answerer.index else [],
            "notice": {"native": run.words["notice"], "en": run.english["notice"]},
        }

    @service.get("/v1/models", dependencies=[authorised], responses=documented(401))
    async def models() -> Models:
        """The models that can be asked."""
        return Models(data=[Model(id=run.model, owned_by=run.nation.code)])

    @service.get("/v1/models/{model}", dependencies=[authorised], responses=documented(400, 401, 404))
    async def model_named(model: str) -> Model:
        """One model."""
        _check_model(model, run)
        return Model(id=run.model, owned_by=run.nation.code)

    @service.get("/v1/passages/{passage}", dependencies=[authorised], responses=documented(400, 401, 404))
    async def passage_named(passage: str) -> Passage:
        """A passage where it stands in its document."""
        found = answerer.index.around(passage) if answerer.index else None
        if found is None:
            raise ApiError(404, f"there is no passage `{passage}`", "passage_not_found", "passage")
        return _in_document(*found)

    @service.post(
        "/v1/chat/completions", dependencies=[authorised], response_model=wire.ChatReply, responses=documented(400, 401, 404, 503)
    )
    async def chat(asked: ChatRequest, request: Request) -> Response:
        """Answer a conversation, from the corpus unless `sejong.grounded` is false."""
        _check_model(asked.model, run)
        _check_queue(answerer)
        messages = [one.plain() for one in asked.messages]
        head = wire.Head("chatcmpl", run.model, run.fingerprint)
        if asked.sejong.grounded:
            hits = await answerer.find(messages[-1]["content"])
            parts = answerer.grounded(messages, hits, _sampling(asked, asked.most_tokens or ANSWER_TOKENS, 0.0), asked.stop)
        else:
            hits = []
            parts = answerer.alone(messages, _sampling(asked, asked.most_tokens or engine.context, 1.0), asked.stop)
        parts = await _started(parts)
        if asked.stream:
            return _stream(wire.chat_events(head, parts, hits, run.words["notice"], asked.include_usage))
        return await _until_gone(request, wire.whole_chat(head, parts, hits, run.words["notice"]))

    @service.post(
        "/v1/completions", dependencies=[authorised], response_model=wire.TextReply, responses=documented(400, 401, 404, 503)
    )
    async def complete(asked: CompletionRequest, request: Request) -> Response:
        """Continue a text with the model alone."""
        _check_model(asked.model, run)
        _check_queue(answerer)
        prompt = _prompt(asked, answerer)
        head = wire.Head("cmpl", run.model, run.fingerprint)
        sampling = _sampling(asked, asked.max_tokens or COMPLETION_TOKENS, 1.0)
        pieces = await _started(answerer.write(prompt, sampling, asked.stop))
        if asked.stream:
            return _stream(wire.text_events(head, len(prompt), pieces, asked.include_usage))
        return await _until_gone(request, wire.whole_text(head, len(prompt), pieces))

    service.mount("/", StaticFiles(directory=PORTAL, html=True))
    return service


def _errors(service: FastAPI) -> None:
    """Every error in OpenAI's form, and the portal's content policy on every answer."""

    @service.exception_handler(ApiError)
    async def known(_: Request, error: ApiError) -> JSONResponse:
        return reply(error)

    @service.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return reply(from_validation(list(error.errors())))

    @service.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        answer = reply(ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}"))
        answer.headers.update(error.headers or {})
        return answer

    @service.exception_handler(TooLong)
    async def too_long(_: Request, error: TooLong) -> JSONResponse:
        return reply(ApiError(400, str(error), "context_length_exceeded", "messages"))

    @service.exception_handler(SejongError)
    async def failed(_: Request, error: SejongError) -> JSONResponse:
        return reply(ApiError(500, str(error), "engine_failed"))

    @service.middleware("http")
    async def policy(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


def _key_check(keys: Keys) -> Callable[..., str]:
    def check(given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> str:
        name = keys.check(given.credentials) if given else None
        if name is None:
            raise ApiError(401, "no valid key: send `Authorization: Bearer KEY` (see `sejong keys create`)", "invalid_api_key")
        return name

    return check


def _check_model(name: str, run: RunFolder) -> None:
    if name != run.model:
        raise ApiError(404, f"there is no model `{name}`: {did_you_mean(name, [run.model])}", "model_not_found", "model")


def _check_queue(answerer: Answerer) -> None:
    if answerer.engine.active >= QUEUE * answerer.engine.slots:
        raise ApiError(503, "the service has more to do than it can hold: ask again in a moment", "overloaded")


def _sampling(asked: ChatRequest | CompletionRequest, most: int, temperature: float) -> Sampling:
    return Sampling(
        max_tokens=most,
        temperature=temperature if asked.temperature is None else asked.temperature,
        top_p=asked.top_p,
        presence_penalty=asked.presence_penalty,
        frequency_penalty=asked.frequency_penalty,
        seed=None if asked.seed is None else asked.seed % 2**64,
    )


def _prompt(asked: CompletionRequest, answerer: Answerer) -> list[int]:
    prompt, size = asked.prompt, answerer.vocabulary.size
    if isinstance(prompt, str):
        return answerer.vocabulary.document(prompt)
    tokens = [one for one in prompt if isinstance(one, int)]
    if not tokens:
        return answerer.vocabulary.document(str(prompt[0]))
    if not all(0 <= token < size for token in tokens):
        raise ApiError(400, f"`prompt`: token ids lie between 0 and {size - 1}", "invalid_value", "prompt")
    return tokens


async def _started(parts: AsyncGenerator[Item, None]) -> AsyncGenerator[Item, None]:
    """The same iterator, asked for its first item already: what is wrong with a request is known before the answer begins."""
    first = await anext(parts)

    async def again() -> AsyncGenerator[Item, None]:
        async with aclosing(parts):
            yield first
            async for part in parts:
                yield part

    return again()


def _stream(events: AsyncGenerator[bytes, None]) -> StreamingResponse:
    async def guarded() -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(events):
                async for one in events:
                    yield one
        except SejongError as error:
            yield wire.event(ApiError(500, str(error), "engine_failed").body.model_dump())

    return StreamingResponse(guarded(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def _until_gone(request: Request, answer: Coroutine[Any, Any, BaseModel]) -> Response:
    """The whole answer; where the client hangs up before it is complete, the work for it is stopped."""
    work = asyncio.create_task(answer)
    try:
        while not (await asyncio.wait([work], timeout=0.25))[0]:
            if await request.is_disconnected():
                break
        else:
            return JSONResponse(work.result().model_dump())
        return Response(status_code=499)
    finally:
        work.cancel()


def _in_document(place: int, passages: list[dict[str, Any]]) -> Passage:
    """A passage with its neighbours as text; a heading is shown where it changes."""
    blocks = []
    for number, one in enumerate(passages):
        changed = one["heading"] != (passages[number - 1]["heading"] if number else "")
        blocks.append((f"{one['heading']}\n\n" if changed and one["heading"] else "", one["text"]))
    before = "".join(f"{heading}{text}\n\n" for heading, text in blocks[:place]) + blocks[place][0]
    after = "".join(f"\n\n{heading}{text}" for heading, text in blocks[place + 1 :])
    cited = passages[place]
    shown = {name: cited[name] for name in wire.Source.model_fields}
    shown["heading"] = below_title(cited["heading"], cited["title"])
    return Passage(**shown, before=before[-AROUND:], after=after[:AROUND])
