"""Archives of files: every member a document of its own, what may do harm refused with a row, and none of it ends the run."""

import bz2
import gzip
import io
import json
import lzma
import resource
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest

from sejong.corpus.read import archive, read
from sejong.corpus.read.batch import Text, Unreadable
from sejong.corpus.read.formats import Hints, format_of

from .conftest import source

HINTS = Hints(("cp949",), ("Hangul",))
SENTENCE = "한글은 백성을 위하여 만든 글자이다."
PACKING: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def zipped(members: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


def tarred(members: dict[str, bytes | str], **kinds: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            data = content.encode() if isinstance(content, str) else content
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
        for name, kind in kinds.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            made.addfile(member)
    return out.getvalue()


def opened(data: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Texts and reasons by member."""
    texts, reasons = {}, {}
    for one in archive.read(io.BytesIO(data), HINTS):
        if isinstance(one, Text):
            texts[f"{one.member}#{one.part}" if one.part else str(one.member)] = one.text
        else:
            reasons[str(one.member or one.part)] = one.reason
    return texts, reasons


FILES: dict[str, bytes | str] = {
    "a.txt": SENTENCE,
    "속/b.md": "# 제목\n\n글",
    "c.txt.gz": gzip.compress(b"packed"),
    "d.html": f"<title>제목</title><main><p>{SENTENCE}</p></main>",
    "picture.png": b"\x89PNG",
}


@pytest.mark.parametrize("kind", ["zip", *PACKING])
def test_every_member_is_a_document(tmp_path: Path, kind: str) -> None:
    rows = "\n".join(json.dumps({"text": f"{number}번 글", "id": f"r{number}"}) for number in range(3))
    members = {**FILES, "e.jsonl": rows}
    (tmp_path / f"all.{kind}").write_bytes(zipped(members) if kind == "zip" else PACKING[kind](tarred(members)))
    [batch] = read([source(tmp_path, f"all.{kind}")], ["cp949"], ["Hangul"])
    found = dict(zip(batch.documents["locator"].to_pylist(), batch.documents["text"].to_pylist(), strict=True))
    assert found == {
        f"all.{kind}!a.txt": SENTENCE,
        f"all.{kind}!속/b.md": "# 제목\n\n글",
        f"all.{kind}!c.txt.gz": "packed",
        f"all.{kind}!d.html": f"# 제목\n\n{SENTENCE}",
        "r0": "0번 글",
        "r1": "1번 글",
        "r2": "2번 글",
    }
    assert batch.dropped["locator"].to_pylist() == [f"all.{kind}#left-out"]
    assert batch.dropped["reason"].to_pylist() == ["1 members are of kinds that are not read as text: .png (1)"]


def test_what_may_do_harm_is_refused_and_the_rest_is_read() -> None:
    bad = ["/etc/a.txt", "../up.txt", "in/../../up.txt", "C:\\a.txt", "..\\up.txt"]
    inner = zipped({"x.txt": "x"})
    texts, reasons = opened(
        zipped({**dict.fromkeys(bad, "x"), "inner.zip": inner, "inner.tar.gz": b"x", "in.7z": b"", "ok.txt": "글"})
    )
    assert texts == {"ok.txt": "글"}
    for name in bad:
        kept = next(reason for found, reason in reasons.items() if found.replace("\\", "/") == name.replace("\\", "/"))
        assert kept == "its path leads out of the archive: it was not opened"
    assert {name for name, reason in reasons.items() if "archive inside an archive" in reason} == {
        "inner.zip",
        "inner.tar.gz",
        "in.7z",
    }
    texts, reasons = opened(
        tarred(
            {"ok.txt": "글", "../up.txt": "x"},
            link=tarfile.SYMTYPE,
            hard=tarfile.LNKTYPE,
            dev=tarfile.CHRTYPE,
            pipe=tarfile.FIFOTYPE,
        )
    )
    assert texts == {"ok.txt": "글"}
    assert {name for name, reason in reasons.items() if "a link, a device" in reason} == {"link", "hard", "dev", "pipe"}
    member = zipfile.ZipInfo("l.txt")
    member.external_attr = 0o120777 << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(member, "/etc/passwd")
    assert "a link, a device" in opened(out.getvalue())[1]["l.txt"]


def test_an_encrypted_member_is_a_row() -> None:
    data = bytearray(zipped({"secret.txt": "비밀", "open.txt": "글"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    texts, reasons = opened(bytes(data))
    assert texts == {"open.txt": "글"}
    assert reasons == {"secret.txt": "it is encrypted: give the archive without a password"}


def test_names_in_the_nations_old_encoding() -> None:
    data = zipped({"NAME.txt": "글"}).replace(b"NAME", "한글".encode("cp949"))
    assert list(opened(data)[0]) == ["한글.txt"]
    old = io.BytesIO()
    with tarfile.open(fileobj=old, mode="w", encoding="cp949", format=tarfile.GNU_FORMAT) as tar:
        member = tarfile.TarInfo("한글.txt")
        member.size = 1
        tar.addfile(member, io.BytesIO(b"x"))
    assert list(opened(old.getvalue())[0]) == ["한글.txt"]


@pytest.mark.parametrize("pack", [lambda big: zipped({"big.txt": big}), lambda big: gzip.compress(tarred({"big.txt": big}))])
def test_a_bomb_is_one_row_in_bounded_memory(pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ROOM", 1 << 20)
    data = pack(b"0" * (40 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable, match="taken for a bomb"):
        opened(data)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000
    monkeypatch.setattr(archive, "RATIO", 5000)
    assert opened(data)[0]


def test_members_that_are_skipped_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "ROOM", 1 << 20)
    with pytest.raises(Unreadable, match="taken for a bomb"):
        opened(gzip.compress(tarred({"big.bin": b"0" * (40 << 20), "a.txt": "x"})))


def test_a_damaged_member_is_a_row_and_the_others_are_read() -> None:
    data = bytearray(zipped({"a.txt": "하나" * 500, "b.txt": "둘" * 500, "c.txt": "셋" * 500}))
    data[data.index(b"b.txt") + 12] ^= 0x55
    texts, reasons = opened(bytes(data))
    assert set(texts) == {"a.txt", "c.txt"}
    assert list(reasons) == ["b.txt"]
    texts, reasons = opened(
        zipped({"a.jsonl.gz": gzip.compress(b'{"text": "x", "id": "1"}\n' * 3)[:-6], "b.pdf": b"%PDF-1.4", "c.txt": "x"})
    )
    assert "c.txt" in texts
    assert "damaged or cut off" in reasons["a.jsonl.gz"]
    assert "cannot be opened" in reasons["b.pdf"]


@pytest.mark.parametrize("kind", list(PACKING))
def test_a_cut_archive_keeps_whole_members_and_says_so(kind: str) -> None:
    noise = Random(1)
    whole = tarred({f"{number}.txt": noise.randbytes(60_000).hex() for number in range(30)})
    packed = PACKING[kind](whole)
    assert 1 <= len(members_before(packed[: len(packed) // 2])) < 30


def test_a_damaged_header_is_not_taken_for_the_end() -> None:
    damaged = bytearray(tarred({f"{number}.txt": SENTENCE for number in range(40)}))
    place = damaged.index(b"20.txt")
    damaged[place + 100 : place + 160] = b"\xff" * 60
    assert members_before(bytes(damaged)) == [f"{number}.txt" for number in range(20)]


def members_before(data: bytes) -> list[str]:
    """The members that are read before the fault."""
    seen: list[str] = []
    with pytest.raises(Unreadable, match="damaged or cut off"):
        seen.extend(str(one.member) for one in archive.read(io.BytesIO(data), HINTS) if isinstance(one, Text))
    return seen


def test_no_archive_at_all() -> None:
    for data in (b"", b"plain words", b"PK\x03\x04 and no more", b"\x1f\x8b\x08 junk"):
        with pytest.raises(Unreadable):
            opened(data)


def test_thousands_of_members_take_no_more_memory_than_a_few() -> None:
    few, many = (gzip.compress(tarred({f"{number}.txt": SENTENCE * 50 for number in range(count)})) for count in (10, 6000))
    opened(few)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in archive.read(io.BytesIO(many), HINTS)) == 6000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_which_names_are_archives() -> None:
    assert format_of("a.tar.gz") == ("archive", None)
    assert format_of("A.TGZ") == ("archive", None)
    assert format_of("a.tar.xz") == ("archive", None)
    assert format_of("CC-MAIN-1.warc.wet.gz") == ("warc", None)
    assert format_of("a.warc.txt") == ("warc", None)
    assert format_of("a.b.txt") == ("plain", None)
    assert format_of(".zip") is None
