"""A real server process, asked by the `openai` client and by plain HTTP."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from fastapi.testclient import TestClient
from opentelemetry import trace

from sejong import nations
from sejong.serve.answer import Answerer
from sejong.serve.engines import Chunk, Sampling
from sejong.serve.gateway import app
from sejong.serve.keys import Keys
from sejong.serve.run import open_run
from sejong.serve.text import Vocabulary

QUESTION = "배추를 소금물에 얼마나 절여야 하나요?"
OUTSIDE = "올림픽 축구 결승전은 누가 이겼나요?"
MODEL = "sejong-korea-nano"
NOTICE = nations.load("korea").toml("portal.toml")["notice"]


def asked(text: str, **other: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **other}


@pytest.fixture(scope="module")
def web(endpoint: dict[str, str]) -> httpx.Client:
    return httpx.Client(base_url=endpoint["url"], headers={"Authorization": f"Bearer {endpoint['key']}"}, timeout=60)


def test_models(client: openai.OpenAI) -> None:
    assert client.models.list().data[0].id == MODEL and len(client.models.list().data) == 1
    assert client.models.retrieve(MODEL).owned_by == "korea"
    with pytest.raises(openai.NotFoundError, match=f"there is no model `korea`: .*known: {MODEL}"):
        client.models.retrieve("korea")


def test_a_grounded_answer_quotes_and_tells_the_model_apart(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**asked(QUESTION))
    about = answer.sejong  # type: ignore[attr-defined]
    content = answer.choices[0].message.content or ""
    assert "밤새 절인다" in about["quotation"]["text"] and about["quotation"]["locator"] == "김장.md"
    for line in about["quotation"]["text"].splitlines():
        assert f"> {line}".rstrip() in content
    assert "> — 김장 – 배추 절이기 · 김장.md · Apache-2.0" in content
    assert content.startswith("**출처에서 인용**\n\n> ")
    assert about["model_text"] and content.endswith(f"**모델이 작성**\n\n{about['model_text']}")
    assert about["sources"][0]["passage"] == about["quotation"]["passage"]
    assert about["notice"] == NOTICE
    assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 160


def test_a_stream_says_the_same_in_labelled_parts(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**asked(QUESTION))
    chunks = list(client.chat.completions.create(**asked(QUESTION), stream=True, stream_options={"include_usage": True}))
    first, *rest = chunks
    assert first.choices[0].delta.role == "assistant"
    assert first.sejong["quotation"] == whole.sejong["quotation"]  # type: ignore[attr-defined]
    assert first.sejong["sources"] == whole.sejong["sources"]  # type: ignore[attr-defined]
    deltas = [chunk.choices[0].delta for chunk in rest if chunk.choices]
    parts = [(delta.sejong_part, delta.content) for delta in deltas if delta.content]  # type: ignore[attr-defined]
    assert "".join(text for _, text in parts) == whole.choices[0].message.content
    assert [kind for kind, _ in parts][:4] == ["label", "quotation", "label", "model"]
    assert "".join(text for kind, text in parts if kind == "model") == whole.sejong["model_text"]  # type: ignore[attr-defined]
    assert len([kind for kind, _ in parts if kind == "model"]) > 3
    assert [chunk.choices[0].finish_reason for chunk in rest if chunk.choices][-1] == whole.choices[0].finish_reason
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage


def test_where_nothing_fits_the_nation_says_so(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**asked(OUTSIDE))
    assert answer.choices[0].message.content and answer.choices[0].message.content.startswith(
        "이 질문에 맞는 글을 출처에서 찾지 못해"
    )
    assert answer.sejong["quotation"] is None and answer.sejong["sources"] == []  # type: ignore[attr-defined]
    chunks = list(client.chat.completions.create(**asked(OUTSIDE), stream=True))
    kinds = [chunk.choices[0].delta.sejong_part for chunk in chunks if chunk.choices[0].delta.content]  # type: ignore[attr-defined]
    assert kinds == ["refusal"]


def test_without_grounding_the_model_speaks_alone(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**asked(QUESTION, max_tokens=12, seed=4), extra_body={"sejong": {"grounded": False}})
    assert answer.sejong["quotation"] is None  # type: ignore[attr-defined]
    assert answer.choices[0].message.content == answer.sejong["model_text"]  # type: ignore[attr-defined]
    assert answer.usage and answer.usage.completion_tokens <= 12


def test_the_last_message_is_the_question(client: openai.OpenAI) -> None:
    history = [{"role": "user", "content": OUTSIDE}, {"role": "assistant", "content": "모릅니다. " * 400}]
    answer = client.chat.completions.create(model=MODEL, messages=[*history, *asked(QUESTION)["messages"]])  # type: ignore[list-item]
    assert answer.sejong["quotation"]["locator"] == "김장.md"  # type: ignore[attr-defined]


def test_completions_with_seed_stop_and_limit(client: openai.OpenAI) -> None:
    def text(**other: Any) -> Any:
        return client.completions.create(model=MODEL, prompt="배추는", max_tokens=30, **other)

    first, again, other = text(seed=5), text(seed=5), text(seed=6)
    assert first.choices[0].text == again.choices[0].text != other.choices[0].text
    assert first.choices[0].finish_reason == "length" and first.usage.completion_tokens == 30
    greedy = text(temperature=0).choices[0].text
    stop = greedy[5:8]
    stopped = text(temperature=0, stop=[stop, "나올 리 없는 말"])
    assert stopped.choices[0].text == greedy.partition(stop)[0]
    assert stopped.choices[0].finish_reason == "stop"
    streamed = list(client.completions.create(model=MODEL, prompt="배추는", max_tokens=30, temperature=0, stop=stop, stream=True))
    assert "".join(chunk.choices[0].text for chunk in streamed) == stopped.choices[0].text


def test_a_continuation_carries_the_notice(client: openai.OpenAI) -> None:
    whole = client.completions.create(model=MODEL, prompt="배추는", max_tokens=8)
    assert whole.sejong == {"notice": NOTICE}  # type: ignore[attr-defined]
    first, *rest = client.completions.create(model=MODEL, prompt="배추는", max_tokens=8, stream=True)
    assert first.sejong == {"notice": NOTICE}  # type: ignore[attr-defined]
    assert rest and not any(hasattr(chunk, "sejong") for chunk in rest)


def test_token_ids_are_a_prompt_too(client: openai.OpenAI) -> None:
    answer = client.completions.create(model=MODEL, prompt=[1, 300, 301], max_tokens=4, temperature=0)
    assert answer.usage and answer.usage.prompt_tokens == 3
    with pytest.raises(openai.BadRequestError, match="token ids lie between"):
        client.completions.create(model=MODEL, prompt=[99999999])


REFUSED: list[tuple[dict[str, Any], int, str | None, str]] = [
    ({"model": "sejong-korea-nan"}, 404, "model", f"did you mean {MODEL}"),
    ({"temperature": 2.5}, 400, "temperature", "less than or equal to 2"),
    ({"top_p": 0}, 400, "top_p", "greater than 0"),
    ({"n": 2}, 400, "n", "not supported"),
    ({"logprobs": True}, 400, "logprobs", "not supported"),
    ({"tools": [{"type": "function"}]}, 400, "tools", "not supported"),
    ({"response_format": {"type": "json_object"}}, 400, "response_format", "not supported"),
    ({"max_tokens": 0}, 400, "max_tokens", "greater than or equal to 1"),
    ({"max_tokens": "5"}, 400, "max_tokens", "valid integer"),
    ({"max_tokens": 5, "max_completion_tokens": 6}, 400, "max_tokens", "differ"),
    ({"stop": ["a", "b", "c", "d", "e"]}, 400, "stop", "at most 4"),
    ({"temprature": 1}, 400, "temprature", "did you mean temperature"),
    ({"stream_options": {"include_usage": True}}, 400, "stream_options", "only allowed with"),
    ({"messages": []}, 400, "messages", "at least 1"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, 400, "messages", "must be the user's"),
    ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "messages.0.role", "'user'"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400, None, "'text'"),
    ({"sejong": {"grounded": False}, "messages": [{"role": "user", "content": "가힣" * 2000}]}, 400, "messages", "does not fit"),
]


@pytest.mark.parametrize(("change", "status", "parameter", "sentence"), REFUSED)
def test_what_is_wrong_is_refused_by_name(
    web: httpx.Client, change: dict[str, Any], status: int, parameter: str | None, sentence: str
) -> None:
    answer = web.post("/v1/chat/completions", json=asked(QUESTION) | change)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert sentence in error["message"]
    if parameter:
        assert error["param"] == parameter


def test_neutral_values_of_what_is_not_supported_are_accepted(web: httpx.Client) -> None:
    neutral = {"n": 1, "logprobs": False, "tools": None, "user": "u", "response_format": {"type": "text"}, "logit_bias": {}}
    assert web.post("/v1/chat/completions", json=asked(OUTSIDE) | neutral).status_code == 200


def test_a_body_that_is_no_json(web: httpx.Client) -> None:
    answer = web.post("/v1/completions", content=b'{"model": ', headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_json"


def test_half_a_character_is_refused(web: httpx.Client) -> None:
    body = json.dumps(asked("\ud800"))
    answer = web.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and "half a character" in answer.json()["error"]["message"]


def test_nothing_of_v1_without_a_key(endpoint: dict[str, str]) -> None:
    for headers in ({}, {"Authorization": "Bearer sk-sejong-0000000000000000-x"}, {"Authorization": f"Basic {endpoint['key']}"}):
        with httpx.Client(base_url=endpoint["url"], headers=headers) as stranger:
            replies = [stranger.get("/v1/models"), stranger.get("/v1/passages/x"), stranger.post("/v1/chat/completions", json={})]
        assert [reply.status_code for reply in replies] == [401] * 3
        assert {reply.json()["error"]["type"] for reply in replies} == {"authentication_error"}


def test_unknown_addresses_and_methods(web: httpx.Client) -> None:
    assert web.get("/v1/nothing").status_code == 404
    assert web.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    assert web.get("/v1/chat/completions").status_code == 405


def test_a_passage_in_its_document(web: httpx.Client, client: openai.OpenAI) -> None:
    quoted = client.chat.completions.create(**asked("젓갈은 고장마다 어떻게 다른가요?")).sejong["quotation"]  # type: ignore[attr-defined]
    found = web.get(f"/v1/passages/{quoted['passage']}").json()
    assert quoted["text"] in found["text"]
    assert found["heading"] == "양념 만들기" and found["title"] == "김장"
    assert "배추는 반으로 갈라" in found["before"] and "김치냉장고" in found["after"]
    assert (found["locator"], found["licence"], found["source"]) == ("김장.md", "Apache-2.0", "texts")
    missing = web.get("/v1/passages/none")
    assert missing.status_code == 404 and missing.json()["error"]["code"] == "passage_not_found"


def test_the_portal_and_what_it_reads(web: httpx.Client) -> None:
    page = web.get("/")
    assert page.status_code == 200 and "<!doctype html>" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    portal = web.get("/portal.json").json()
    assert portal["nation"] == {"name": "Korea", "endonym": "대한민국", "language": "ko", "language_endonym": "한국어"}
    assert portal["model"] == MODEL and portal["strings"]["native"].keys() == portal["strings"]["en"].keys()
    assert portal["examples"]
    for example in portal["examples"]:
        assert web.post("/v1/chat/completions", json=asked(example)).json()["sejong"]["quotation"] is not None, example


def test_no_telemetry_whatever_the_environment_says(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tracers = []

    class Spy(trace.TracerProvider):
        def get_tracer(self, *names: Any, **others: Any) -> trace.Tracer:
            tracers.append(names)
            return trace.NoOpTracer()

    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", Spy())
    folder = open_run(run)
    answerer = Answerer(Endless(0), Vocabulary(folder.engine), None, folder.words)  # type: ignore[arg-type]
    with TestClient(app(folder, answerer, Keys(f"sqlite:///{tmp_path / 'keys.sqlite'}"))) as web:
        assert web.get("/health").status_code == 200
    assert tracers == [] and "telemetry" not in caplog.text


class Endless:
    """An engine that speaks until it is stopped, and tells whether it was."""

    context, slots, active = 100_000, 1, 0

    def __init__(self, letter: int) -> None:
        self.token = letter
        self.begun, self.stopped = threading.Event(), threading.Event()

    async def generate(self, prompt: list[int], sampling: Sampling) -> AsyncGenerator[Chunk, None]:
        try:
            while True:
                yield Chunk((self.token,))
                self.begun.set()
                await asyncio.sleep(0.01)
        finally:
            self.stopped.set()


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_hanging_up_stops_the_engine(run: Path, tmp_path: Path, stream: bool, path: str) -> None:
    folder, keys = open_run(run), Keys(f"sqlite:///{tmp_path / 'keys.sqlite'}")
    vocabulary = Vocabulary(folder.engine)
    engine = Endless(*vocabulary.encode("x"))
    answerer = Answerer(engine, vocabulary, None, folder.words)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app(folder, answerer, keys), port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    body = {"model": MODEL, "stream": stream, "max_tokens": 90_000}
    own = {"prompt": "x"} if path == "/v1/completions" else {**asked("x"), "sejong": {"grounded": False}}
    try:
        web = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {keys.create('x')}"}, timeout=1
        )
        if stream:
            with web.stream("POST", path, json={**body, **own}) as answer:
                lines = answer.iter_lines()
                next(lines)
                assert engine.begun.wait(10) and not engine.stopped.is_set()
        else:
            with pytest.raises(httpx.ReadTimeout):
                web.post(path, json={**body, **own})
        assert engine.begun.is_set()
        assert engine.stopped.wait(10)
    finally:
        server.should_exit = True
        thread.join(20)


def test_eight_at_once_each_get_their_own(client: openai.OpenAI, endpoint: dict[str, str]) -> None:
    beginnings = ["배추", "나무", "도서관", "등산", "바다", "벼", "별", "우편"]
    alone = [
        client.completions.create(model=MODEL, prompt=one, max_tokens=60, temperature=0).choices[0].text for one in beginnings
    ]
    assert len(set(alone)) == 8

    async def together() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{endpoint['url']}/v1", api_key=endpoint["key"]) as many:

            async def one(prompt: str) -> str:
                stream = await many.completions.create(model=MODEL, prompt=prompt, max_tokens=60, temperature=0, stream=True)
                return "".join([chunk.choices[0].text async for chunk in stream])

            return list(await asyncio.gather(*map(one, beginnings)))

    assert asyncio.run(together()) == alone


def test_no_answer_ever_holds_a_broken_character(client: openai.OpenAI) -> None:
    """This model babbles bytes: half syllables are in it all the time."""
    for seed in range(4):
        stream = client.completions.create(model=MODEL, prompt="배추", max_tokens=80, seed=seed, stream=True)
        assert not any("\ufffd" in chunk.choices[0].text for chunk in stream)


def test_the_description_is_openapi(web: httpx.Client) -> None:
    paths = web.get("/openapi.json").json()["paths"]
    assert {"/v1/models", "/v1/completions", "/v1/chat/completions", "/v1/passages/{passage}", "/health"} <= paths.keys()
    assert "422" not in json.dumps(paths)


def test_the_database_of_a_running_service_does_not_hold_its_key(endpoint: dict[str, str], run: Path) -> None:
    stored = b"".join(path.read_bytes() for path in (run / "service").iterdir())
    assert endpoint["key"].rpartition("-")[2].encode() not in stored
