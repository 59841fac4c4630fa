"""A small service that speaks the gateway's contract with the portal, so that the portal is tested without a model.

The question decides what comes back: see `answer`. Everything asked is kept in `asked`, so that a test sees what was sent.
"""

import asyncio
import json
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

ROOT = Path(__file__).parents[3] / "sejong"
KEY = "sk-test"
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
HOSTILE = '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'

PASSAGES: dict[str, dict[str, Any]] = {
    "p1": {
        "passage": "p1",
        "document": "d1",
        "title": "표 계산 도움말",
        "heading": "셀 병합하기",
        "text": "병합할 셀을 선택한 다음 서식 메뉴에서 셀 병합을 고릅니다. 병합된 셀에는 첫 번째 셀의 내용만 남습니다.",
        "before": "표에서 여러 칸을 하나로 만들 수 있습니다.\n\n",
        "after": "\n\n다시 나누려면 같은 메뉴를 한 번 더 고릅니다.",
        "locator": "https://help.example/calc/merge",
        "source": "libreoffice-help-ko",
        "licence": "MPL-2.0",
    },
    "p2": {
        "passage": "p2",
        "document": "d2",
        "title": f"제목 {HOSTILE}",
        "heading": "",
        "text": f"본문 {HOSTILE}",
        "before": HOSTILE,
        "after": HOSTILE,
        "locator": "javascript:window.broken=1",
        "source": HOSTILE,
        "licence": None,
    },
}


@dataclass
class FakeGateway:
    """A running service: its address, what it was asked, and how many answers were cut off by the reader."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    cut_off: int = 0


def source(passage: str) -> dict[str, Any]:
    """A source as the first chunk of an answer lists it."""
    return {name: value for name, value in PASSAGES[passage].items() if name not in {"before", "after"}}


def answer(question: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]], list[tuple[str, str]], float]:
    """Quotation, sources, (part, words) pairs and seconds between them, for a question."""
    first = source("p1")
    if "병합" in question:
        words = ["셀을 ", "**병합**", "하면 첫 셀의 ", "내용만 ", "남습니다.\n\n", "- 서식 메뉴\n- `Ctrl`", " 키", " 😀"]
        return first, [first, source("p2")], [("model", word) for word in words], 0.02
    if "느리게" in question:
        return first, [first], [("model", f"낱말{number} ") for number in range(200)], 0.1
    if "위험" in question:
        hostile = source("p2")
        return hostile, [hostile], [("model", HOSTILE), ("model", "[눌러](javascript:window.broken=1)")], 0.0
    return None, [], [("refusal", "이 질문에 맞는 글을 "), ("refusal", "찾지 못했습니다.")], 0.0


def app(state: FakeGateway, nation: str) -> FastAPI:
    """The service for one nation; static files are the real portal's."""
    service = FastAPI()

    @service.middleware("http")
    async def policy(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    @service.get("/portal.json")
    async def portal() -> dict[str, Any]:
        identity = tomllib.loads((ROOT / "nations" / nation / "nation.toml").read_text("utf-8"))
        native = tomllib.loads((ROOT / "nations" / nation / "portal.toml").read_text("utf-8"))
        english = tomllib.loads((ROOT / "serve/portal/en.toml").read_text("utf-8"))
        names = ("name", "endonym", "language", "language_endonym")
        return {
            "nation": {name: identity[name] for name in names},
            "model": f"sejong-{nation}-xs",
            "strings": {"native": native, "en": english},
            "examples": ["셀 병합하기란 무엇입니까?", "그림을 문서에 넣으려면 어떻게 합니까?", "느리게 대답해 주십시오"],
            "notice": {"native": native["notice"], "en": english["notice"]},
        }

    @service.get("/v1/passages/{passage}")
    async def passage(passage: str, request: Request) -> JSONResponse:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "no such key")
        return JSONResponse(PASSAGES[passage]) if passage in PASSAGES else refused(404, "no such passage")

    @service.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return refused(401, "no such key")
        state.asked.append(body)
        question = body["messages"][-1]["content"]
        for word, status in (("한도", 429), ("바쁨", 503), ("고장", 500), ("틀림", 400)):
            if word in question:
                return refused(status, "the field is wrong <b>here</b>")
        return StreamingResponse(stream(state, question), media_type="text/event-stream")

    service.mount("/", StaticFiles(directory=ROOT / "serve/portal", html=True))
    return service


async def stream(state: FakeGateway, question: str) -> AsyncIterator[bytes]:
    """The answer as server-sent events, cut into network chunks of seven bytes: inside characters and lines."""
    quotation, sources, words, pause = answer(question)
    extra = {"quotation": quotation, "sources": sources, "notice": "…"}
    try:
        for piece in pieces(event("", "label", extra)):
            yield piece
        if quotation:
            yield event(quotation["text"], "quotation")
        for part, word in words:
            await asyncio.sleep(pause)
            for piece in pieces(event(word, part)):
                yield piece
            if "끊김" in question:
                return
        yield b"data: [DONE]\r\n\r\n"
    except asyncio.CancelledError:
        state.cut_off += 1
        raise


def event(content: str, part: str, extra: dict[str, Any] | None = None) -> bytes:
    """One chunk of the stream; line ends are CRLF, which the standard allows and few servers send."""
    chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {"content": content, "sejong_part": part}}]}
    if extra is not None:
        chunk["sejong"] = extra
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n".encode()


def pieces(data: bytes) -> list[bytes]:
    """`data` cut every seven bytes."""
    return [data[start : start + 7] for start in range(0, len(data), 7)]


def refused(status: int, message: str) -> JSONResponse:
    """An error in OpenAI's form."""
    return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status_code=status)


@contextmanager
def serving(nation: str = "korea") -> Iterator[FakeGateway]:
    """A fake gateway on a free port while the block runs."""
    state = FakeGateway("")
    server = uvicorn.Server(uvicorn.Config(app(state, nation), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    state.url = f"http://127.0.0.1:{port}/"
    try:
        yield state
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join(10)
