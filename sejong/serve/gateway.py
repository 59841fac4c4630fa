"""The gateway: OpenAI's API over one engine, passages of the corpus, the portal. Everything under /v1 needs a key."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, MutableMapping
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.staticfiles import StaticFiles
from fastapi.telemetry import TelemetryConfig
from pydantic import BaseModel
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from sejong import __version__
from sejong.errors import SejongError, did_you_mean
from sejong.serve import wire
from sejong.serve.answer import ANSWER_TOKENS, Answerer, TooLong, below_title
from sejong.serve.engines import Sampling
from sejong.serve.errors import ApiError, documented, from_validation, reply
from sejong.serve.keys import Keys
from sejong.serve.requests import ChatRequest, CompletionRequest
from sejong.serve.run import PORTAL, RunFolder

QUEUE = 8  # requests that may wait, for each that the engine decodes at once
AROUND = 20_000  # characters of a document shown before and after a passage
COMPLETION_TOKENS = 16  # OpenAI's default of /v1/completions
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

# FastAPI would send traces, metrics and logs to where OTEL_* variables say.
NO_TELEMETRY: TelemetryConfig = {"auto_configure": False, "tracing": False, "metrics": False, "logs": False}

STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {}}}}

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
    service = FastAPI(title=f"Sejong: {run.model}", version=__version__, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY)
    service.add_middleware(_Policy)
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
        "/v1/chat/completions",
        dependencies=[authorised],
        response_model=wire.ChatReply,
        responses=documented(400, 401, 404, 503) | STREAMED,
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
        if asked.stream:
            return _stream(wire.chat_events(head, parts, hits, run.words["notice"], asked.include_usage))
        return await _until_gone(request, wire.whole_chat(head, parts, hits, run.words["notice"]))

    @service.post(
        "/v1/completions",
        dependencies=[authorised],
        response_model=wire.TextReply,
        responses=documented(400, 401, 404, 503) | STREAMED,
    )
    async def complete(asked: CompletionRequest, request: Request) -> Response:
        """Continue a text with the model alone."""
        _check_model(asked.model, run)
        _check_queue(answerer)
        prompt = _prompt(asked, answerer)
        head = wire.Head("cmpl", run.model, run.fingerprint)
        sampling = _sampling(asked, asked.max_tokens or COMPLETION_TOKENS, 1.0)
        pieces = answerer.write(prompt, sampling, asked.stop)
        if asked.stream:
            return _stream(wire.text_events(head, len(prompt), pieces, run.words["notice"], asked.include_usage))
        return await _until_gone(request, wire.whole_text(head, len(prompt), pieces, run.words["notice"]))

    service.mount("/", StaticFiles(directory=PORTAL, html=True))
    service.openapi = lambda: _description(service)  # type: ignore[method-assign]
    return service


def _description(service: FastAPI) -> dict[str, Any]:
    """The API's description, without FastAPI's own validation errors, which are sent in OpenAI's form as 400."""
    found = get_openapi(title=service.title, version=service.version, routes=service.routes)
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for schema in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(schema, None)
    return found


def _errors(service: FastAPI) -> None:
    """Every error in OpenAI's form."""

    @service.exception_handler(ApiError)
    async def known(_: Request, error: ApiError) -> JSONResponse:
        return reply(error)

    @service.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return reply(from_validation(list(error.errors())))

    @service.exception_handler(HTTPException)
    async def other(request: Request, error: HTTPException) -> JSONResponse:
        # The portal is mounted at / and would hide that an address exists for another method.
        known = any(route.matches(request.scope)[0] == Match.PARTIAL for route in service.routes)
        status, detail = (405, "Method Not Allowed") if known else (error.status_code, error.detail)
        return reply(ApiError(status, f"{request.method} {request.url.path}: {detail}"))

    @service.exception_handler(TooLong)
    async def too_long(request: Request, error: TooLong) -> JSONResponse:
        parameter = "messages" if "chat" in request.url.path else "prompt"
        return reply(ApiError(400, str(error), "context_length_exceeded", parameter))

    @service.exception_handler(SejongError)
    async def failed(_: Request, error: SejongError) -> JSONResponse:
        return reply(ApiError(500, str(error), "engine_failed"))


class _Policy:
    """Send the portal's content policy with every answer. Plain ASGI: Starlette's HTTP middleware hides that a client hung up."""

    def __init__(self, service: ASGIApp) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self.service(scope, receive, with_policy)


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
