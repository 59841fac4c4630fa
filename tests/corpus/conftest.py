"""Small corpora written for the tests: sentences put together from a few words, so that any number of them can be made."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sejong.corpus import stage
from sejong.flow import Artifact, SourceFile
from sejong.flow.files import scratch
from sejong.recipe import CorpusSettings

KOREAN = (
    "마을 학교 시장 바다 하늘 도서관 기차 편지 사진 약속 저녁 아침 친구 선생님 할머니 정원 노래 그림 지도 여행",
    "오래된 작은 새로운 조용한 커다란 따뜻한 낡은 푸른 즐거운 고마운 가까운 드문",
    "찾아갔습니다 기억합니다 소개했습니다 그렸습니다 기다립니다 지켰습니다 고쳤습니다 나누었습니다 배웠습니다 옮겼습니다",
)
JAPANESE = (
    "村 学校 市場 海 空 図書館 電車 手紙 写真 約束 夕方 朝 友達 先生 祖母 庭 歌 絵 地図 旅",
    "古い 小さな 新しい 静かな 大きな 暖かい 青い 楽しい 近い 珍しい",
    "訪ねました 覚えています 紹介しました 描きました 待っています 守りました 直しました 学びました",
)


def korean(seed: int, sentences: int = 12) -> str:
    """Korean sentences that no other seed gives."""
    chance = random.Random(seed)
    nouns, adjectives, verbs = (words.split() for words in KOREAN)
    pick = chance.choice
    made = (
        f"{pick(adjectives)} {pick(nouns)}에서 {chance.randrange(10**6)}번째 {pick(adjectives)} {pick(nouns)}의 "
        f"{pick(nouns)}을 {pick(verbs)}."
        for _ in range(sentences)
    )
    return " ".join(made)


def japanese(seed: int, sentences: int = 12) -> str:
    """Japanese sentences that no other seed gives."""
    chance = random.Random(seed)
    nouns, adjectives, verbs = (words.split() for words in JAPANESE)
    pick = chance.choice
    made = (
        f"{pick(adjectives)}{pick(nouns)}で{chance.randrange(10**6)}番目の{pick(adjectives)}{pick(nouns)}と{pick(nouns)}を{pick(verbs)}。"
        for _ in range(sentences)
    )
    return "".join(made)


RULES: dict[str, dict[str, Any]] = {"language": {}, "too_short": {"characters": 40}, "exact_duplicate": {}, "near_duplicate": {}}


def settings(**changes: Any) -> CorpusSettings:
    """Settings for Korean text; `changes` replace fields."""
    given: dict[str, Any] = {
        "language": "ko",
        "scripts": ["Hangul"],
        "filters": list(RULES),
        "rules": RULES,
        "identifiers": ["email"],
    }
    return CorpusSettings.model_validate({**given, **changes})


def sources(folder: Path, files: dict[str, Sequence[Any]]) -> Artifact:
    """JSON Lines files of texts or rows, as the artifact that the corpus stage reads."""
    found = []
    for name, rows in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps({"text": row} if isinstance(row, str) else row, ensure_ascii=False) for row in rows)
        data = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        found.append(SourceFile("own", folder, name, digest, len(data), licence="CC0-1.0", contributor="test"))
    return Artifact("sources", folder, "identity", "digest", tuple(found))


Build = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Run the stage on some files in a folder of its own; gives the artifact's folder and the metrics."""
    count = 0

    def run(files: dict[str, Sequence[Any]] | Artifact, **changes: Any) -> tuple[Path, dict[str, Any]]:
        nonlocal count
        count += 1
        out = tmp_path / f"out-{count}"
        out.mkdir()
        given = files if isinstance(files, Artifact) else sources(tmp_path / f"files-{count}", files)
        metrics = stage.run(settings(**changes), [given], out)
        assert scratch(out).exists()
        return out, metrics

    return run


def digest(folder: Path) -> dict[str, str]:
    """The sha256 of every file under a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
