"""Looking at the marked places finds exactly what looking at every text from end to end would."""

import json
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from sejong.corpus.redact.generate import identifier
from sejong.corpus.redact.kinds import finder, limits
from sejong.corpus.redact.mask import hits
from sejong.corpus.redact.places import NUMBER, Limits, places

KINDS = [
    "url_credentials",
    "email",
    "id:kr.rrn",
    "iban",
    "card",
    "id:id.npwp",
    "phone:KR",
    "id:kr.brn",
    "passport:KR",
    "id:in_.pan",
    "id:es.nif",
    "key",
    "ip",
]
LETTERS = "0123456789０９٠٩๑-‐－ー .()（）+＋:,/@~ABZxz가あ中é😀\n_%M"


def columns(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    encoded = [one.encode() for one in texts]
    return np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)]).astype(np.int64)


def same(texts: list[str], kinds: list[str]) -> int:
    data, offsets = columns(texts)
    found = hits(data, offsets, kinds)
    assert found == hits(data, offsets, kinds, thorough=True)
    return len(found)


PIECES = st.one_of(
    st.text(st.sampled_from(LETTERS), max_size=12),
    st.builds(
        lambda kind, seed: identifier(kind, Random(seed)),
        st.sampled_from([k for k in KINDS if k != "id:es.nif"]),
        st.integers(0, 999),
    ),
    st.sampled_from(["02-123-4567~9", "::ffff:8.8.8.8", "2001:db8:::1", "0" * 40, "a@b.co@c.de", "A1B2C3D4", "０１０", "제12조"]),
)


@given(st.lists(st.lists(PIECES, max_size=6).map("".join), max_size=3), st.sets(st.sampled_from(KINDS), min_size=1))
@examples(deadline=None, max_examples=250)
def test_places_hide_nothing(texts: list[str], kinds: set[str]) -> None:
    same(texts, [one for one in KINDS if one in kinds])


@pytest.mark.parametrize("region", ["KR", "JP", "VN", "ID", "TH", "SA", "AE", "TR", "SG", "RU", "US", "HU"])
def test_places_hide_no_number_of_a_region(region: str) -> None:
    chance = Random(1)
    kind = f"phone:{region}"
    texts = [f"x {identifier(kind, chance)} y {chance.randrange(10**9)}" for _ in range(150)]
    assert same(texts, [kind]) > 100


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("ko_dev_notes", KINDS),
        ("th_thaigov", ["email", "id:th.pin", "card", "phone:TH", "passport:TH", "iban", "ip"]),
        ("id_dev_books", ["email", "id:id.nik", "card", "id:id.npwp", "phone:ID", "passport:ID", "key", "ip"]),
    ],
)
def test_places_hide_nothing_in_real_text(shared_data: Path, name: str, kinds: list[str]) -> None:
    with pa.input_stream(shared_data / "text" / f"{name}.jsonl.zst", compression="zstd") as stream:
        lines = stream.read().decode().splitlines()[:120]
    same([json.loads(line)["text"] for line in lines], kinds)


def test_law_and_dates_are_no_places() -> None:
    data, offsets = columns(["제12조제3항 <개정 2014.5.20, 2017. 7. 26.> 2020-12-29 12:30:45 1,234,567원 3.14159 v10.2.3"])
    assert len(places(data, offsets, limits([finder(one) for one in ("email", "card", "phone:KR", "id:kr.rrn", "ip")]))) == 0


def test_a_place_is_as_wide_as_the_number_and_what_its_form_looks_at() -> None:
    data, offsets = columns(["가나다라마바사 010-1234-5678입니다", "", "x"])
    (row,) = places(data, offsets, Limits(dialled=8, trunk=1)).tolist()
    assert bytes(data[row[0] : row[1]]).decode() == "다라마바사 010-1234-5678입니다"
    assert row[2:] == [0, NUMBER, 11]
