"""One corpus, its tokenizer and its shards for all tests of training."""

import pytest

from sejong.flow import Artifact
from sejong.recipe import TokensSettings
from sejong.train import tokens
from tests.train.artifacts import page, write_corpus, write_tokenizer


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """300 help pages."""
    return write_corpus(tmp_path_factory.mktemp("corpus") / "corpus", [page(number) for number in range(300)])


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """512 tokens learned from those pages."""
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer", [page(number) for number in range(300)])


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory, corpus: Artifact, tokenizer: Artifact) -> Artifact:
    """Their token shards, several a split."""
    out = tmp_path_factory.mktemp("tokens") / "tokens"
    out.mkdir()
    tokens.run(TokensSettings(shard_tokens=4096), [corpus, tokenizer], out)
    return Artifact("tokens", out, "tokens", "tokens")
