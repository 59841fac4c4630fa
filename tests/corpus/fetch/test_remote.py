"""Text at an address: fetched once, gone on with where it broke off, and refused in one sentence where it cannot be had."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

from sejong.corpus.fetch import absent, collect, describe
from sejong.errors import Failed, Refused
from sejong.recipe import SourcesSettings

BODY = b"".join(b'{"id": "%d", "text": "%s"}\n' % (number, "글".encode() * 50) for number in range(3000))


@dataclass
class Server:
    """A server of one file: what it is, how it behaves, what it was asked for."""

    url: str = ""
    body: bytes = BODY
    etag: str | None = '"v1"'
    breaks_after: list[int] = field(default_factory=list)  # bytes of each answer, before it drops the line
    says: int | None = None  # a wrong length
    asked: list[str | None] = field(default_factory=list)
    media_type: str = "application/octet-stream"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if self.path.startswith("/gone"):
                self.send_error(404)
                return
            start = 0
            if wanted and state.etag and self.headers.get("If-Range") == state.etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(state.body) - 1}/{len(state.body)}")
            else:
                self.send_response(200)
            rest = state.body[start:]
            self.send_header("Content-Length", str(state.says or len(rest)))
            self.send_header("Content-Type", state.media_type)
            if state.etag:
                self.send_header("ETag", state.etag)
            self.send_header("Last-Modified", "Tue, 05 Mar 2024 10:00:00 GMT")
            self.end_headers()
            self.wfile.write(rest[: state.breaks_after.pop(0)] if state.breaks_after else rest)
            self.close_connection = True

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{running.server_port}"
    yield state
    running.shutdown()
    running.server_close()


def source(url: str, **more: Any) -> SourcesSettings:
    return SourcesSettings(catalogue={"web": {"kind": "url", "title": "x", "default": True, "url": url, **more}})


def test_text_at_an_address_is_fetched_once(server: Server, tmp_path: Path) -> None:
    address = f"{server.url}/data/rows.jsonl"
    assert absent(SourcesSettings(), [address], tmp_path) == [address]
    assert server.asked == []
    found = collect(SourcesSettings(licence="CC0-1.0"), [address], tmp_path)
    assert [(one.source, one.path, one.licence, one.kind) for one in found.files] == [("text", "rows.jsonl", "CC0-1.0", "file")]
    assert found.files[0].location.read_bytes() == BODY
    [row] = describe(found)
    assert row["uri"] == address
    assert absent(SourcesSettings(), [address], tmp_path) == []
    assert collect(SourcesSettings(licence="CC0-1.0"), [address], tmp_path).digest == found.digest
    assert len(server.asked) == 1


def test_addresses_beside_paths(server: Server, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a.txt").write_text("글", "utf-8")
    (tmp_path / "own" / "rows.jsonl").write_text('{"text": "x"}', "utf-8")
    found = collect(SourcesSettings(), [tmp_path / "own", f"{server.url}/rows.jsonl"], tmp_path / "downloads")
    assert [(one.source, one.path) for one in found.files] == [
        ("text", "a.txt"),
        ("text", "rows.jsonl"),
        ("text-2", "rows.jsonl"),
    ]
    assert [row["uri"] for row in describe(found)] == [None, f"{server.url}/rows.jsonl"]


def test_a_download_that_breaks_off_goes_on(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [100_000, 50_000, 7]
    found = collect(source(f"{server.url}/rows.jsonl", sha256=hashlib.sha256(BODY).hexdigest()), [], tmp_path)
    assert found.files[0].location.read_bytes() == BODY
    assert server.asked == [None, "bytes=100000-", "bytes=150000-", "bytes=150007-"]
    assert found.files[0].collected == "2024-03-05"


def test_a_later_build_goes_on_where_an_earlier_one_gave_up(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [200_000, *[0] * 9]
    with pytest.raises(
        Failed, match=r"broke off after 200,000 of [\d,]+ bytes .*run the same command again, it goes on from there"
    ):
        collect(source(f"{server.url}/rows.jsonl"), [], tmp_path)
    server.breaks_after, asked = [], len(server.asked)
    assert collect(source(f"{server.url}/rows.jsonl"), [], tmp_path).files[0].location.read_bytes() == BODY
    assert server.asked[asked:] == ["bytes=200000-"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: Server, tmp_path: Path) -> None:
    server.breaks_after = [200_000, *[0] * 9]
    with pytest.raises(Failed):
        collect(source(f"{server.url}/rows.jsonl"), [], tmp_path)
    server.breaks_after, server.body, server.etag = [], b"other\n" * 9000, '"v2"'
    assert collect(source(f"{server.url}/rows.txt"), [], tmp_path).files[0].location.read_bytes() == server.body
    assert collect(source(f"{server.url}/rows.jsonl"), [], tmp_path).files[0].location.read_bytes() == server.body


def test_half_a_download_and_a_wrong_hash_are_one_sentence(server: Server, tmp_path: Path) -> None:
    server.says = len(BODY) + 10
    server.etag = None
    with pytest.raises(Failed, match=r"rows.jsonl broke off after [\d,]+ of [\d,]+ bytes"):
        collect(source(f"{server.url}/rows.jsonl"), [], tmp_path)
    server.says = None
    with pytest.raises(Failed, match=r"has the sha256 \w{64}, but \[web\] in sources.toml states 00"):
        collect(source(f"{server.url}/rows.jsonl", sha256="00"), [], tmp_path)
    with pytest.raises(Failed, match=r"gone.txt could not be fetched \(HTTP Error 404: Not Found\): check the address"):
        collect(source(f"{server.url}/gone.txt"), [], tmp_path)
    with pytest.raises(Failed, match=r"could not be fetched .*refused"):
        collect(source("http://127.0.0.1:9/a.txt"), [], tmp_path)
    assert not list(tmp_path.glob("web-*"))


def test_an_address_without_suffix_is_named_by_what_the_server_says(server: Server, tmp_path: Path) -> None:
    server.media_type, server.body = "text/html; charset=utf-8", b"<p>x"
    assert [one.path for one in collect(SourcesSettings(), [f"{server.url}/글/쪽?a=b"], tmp_path).files] == ["쪽.html"]
    with pytest.raises(Refused, match="https cannot list files"):
        collect(SourcesSettings(), [f"{server.url}/*.txt"], tmp_path)


@pytest.fixture
def bucket() -> Iterator[Any]:
    memory = fsspec.filesystem("memory")
    for name, text in {"a/x.txt": "하나", "a/b/y.jsonl": json.dumps({"text": "둘"}), "a/b/z.png": "no", "c.txt": "셋"}.items():
        with memory.open(f"/bucket/{name}", "wb") as stream:
            stream.write(text.encode())
    yield memory
    memory.rm("/bucket", recursive=True)


def test_stores_by_file_folder_and_pattern(bucket: Any, tmp_path: Path) -> None:
    for address, paths in {
        "memory://bucket/c.txt": ["c.txt"],
        "memory://bucket/a": ["b/y.jsonl", "x.txt"],
        "memory://bucket/**/*.txt": ["a/x.txt", "c.txt"],
        "memory://bucket/a/*/*.jsonl": ["b/y.jsonl"],
    }.items():
        found = collect(source(address), [], tmp_path)
        assert [one.path for one in found.files] == paths, address
        assert [one.path for one in collect(SourcesSettings(), [address], tmp_path).files] == paths
    folder = tmp_path / "local"
    folder.mkdir()
    (folder / "t.txt").write_text("넷", "utf-8")
    assert [one.path for one in collect(SourcesSettings(), [folder.as_uri()], tmp_path).files] == ["t.txt"]


def test_what_a_store_does_not_have(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for address, why in {
        "memory://bucket/none.txt": "there is no such file",
        "memory://bucket/a/b/*.png": "holds no file that Sejong reads",
        "memory://bucket/a/*.doc": "holds no file that Sejong reads",
    }.items():
        with pytest.raises(Failed, match=why):
            if "png" in address:
                bucket.pipe("/bucket/a/b/w.png", b"x")
            collect(source(address), [], tmp_path)
    with pytest.raises(Refused, match="is no address that is known here"):
        collect(SourcesSettings(), ["nowhere://a/b.txt"], tmp_path)

    def missing(*_: Any, **__: Any) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(Refused, match=r"s3://b/a.txt cannot be opened here: install s3fs \(`pip install s3fs`\)"):
        collect(SourcesSettings(), ["s3://b/a.txt"], tmp_path)


def test_a_store_that_breaks_off(bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.pipe("/bucket/big.txt", b"x" * 3_000_000)
    opened = []
    plain = type(bucket)._open

    def breaking(self: Any, path: str, *arguments: Any, **named: Any) -> Any:
        stream = plain(self, path, *arguments, **named)
        opened.append(stream)
        if len(opened) == 1:
            read, blocks = stream.read, iter([True, False])

            def once(size: int = -1) -> bytes:
                if not next(blocks):
                    raise OSError("the line broke")
                return bytes(read(size))

            stream.read = once
        return stream

    monkeypatch.setattr(type(bucket), "_open", breaking)
    with pytest.raises(Failed, match=r"big.txt broke off after 1,048,576 bytes \(the line broke\)"):
        collect(source("memory://bucket/big.txt"), [], tmp_path)
    opened[0].__dict__.pop("read", None)
    [file] = collect(source("memory://bucket/big.txt"), [], tmp_path).files
    assert file.bytes == 3_000_000
