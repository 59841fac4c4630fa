"""A small run for the service's tests: the tests' Korean text, its index, and a tiny model with drawn weights, converted."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM

from sejong import nations
from sejong.flow import Artifact
from sejong.recipe import EngineSettings, IndexSettings
from sejong.retrieval import stage as index_stage
from sejong.serve.engines import openvino
from sejong.tokenizer import special

TEXTS = Path(__file__).parents[1] / "texts" / "korea"


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The corpus stage's documents, written by hand."""
    folder = tmp_path_factory.mktemp("corpus")
    known = {"source": "texts", "licence": "Apache-2.0"}
    rows = [
        {"id": sha256(path.name.encode()).hexdigest(), "text": path.read_text("utf-8"), "locator": path.name, **known}
        for path in sorted(TEXTS.glob("*.md"))
    ]
    (folder / "documents").mkdir()
    pq.write_table(pa.Table.from_pylist(rows).sort_by("id"), folder / "documents" / "part-00000.parquet")
    return Artifact("corpus", folder, "", "")


@pytest.fixture(scope="session")
def index_folder(corpus: Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of that corpus, with Korea's own segmenter and prompts."""
    korea = nations.load("korea")
    settings = IndexSettings(segmenter=korea.identity.segmenter, prompts=korea.toml("prompts/evaluate.toml"))
    out = tmp_path_factory.mktemp("index")
    index_stage.run(settings, [corpus], out)
    return out


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder: a byte-level tokenizer of the texts and a Llama whose weights are drawn wide enough to babble."""
    folder = tmp_path_factory.mktemp("align") / "model"
    folder.mkdir()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=list(special.SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([path.read_text("utf-8") for path in sorted(TEXTS.glob("*.md"))], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    special.write_config(folder, "당신은 도우미입니다.")
    torch.manual_seed(7)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=768,
        initializer_range=0.35,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = [2, 7]
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def engine_folder(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That model, converted by the stage `engine`."""
    out = tmp_path_factory.mktemp("engine")
    openvino.run(EngineSettings(), [Artifact("align", model_folder.parent, "", "")], out)
    return out


@pytest.fixture(scope="session")
def run(engine_folder: Path, index_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with what serving needs."""
    folder = tmp_path_factory.mktemp("runs") / "korea"
    folder.mkdir()
    (folder / "recipe.toml").write_text('format = 1\nnation = "korea"\nsize = "nano"\n', "utf-8")
    (folder / "engine").symlink_to(engine_folder)
    (folder / "index").symlink_to(index_folder)
    return folder


def serve_command(run: Path, port: int = 0) -> list[str]:
    return [sys.executable, "-m", "sejong.cli", "serve", str(run), "--port", str(port)]


@contextmanager
def served(run: Path, before: Callable[[], object] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process that serves `run`, from the moment that it listens. `before`: what it does before it becomes that process."""
    quiet: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(serve_command(run), **quiet, preexec_fn=before) as process:
        deadline = time.monotonic() + 60
        while not (run / "endpoint.json").exists():
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            assert time.monotonic() < deadline, "the service did not listen in 60 s"
            time.sleep(0.05)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(20)


@pytest.fixture(scope="session")
def endpoint(run: Path) -> Iterator[dict[str, str]]:
    """The service of the run: url and key."""
    with served(run):
        yield json.loads((run / "endpoint.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def client(endpoint: dict[str, str]) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{endpoint['url']}/v1", api_key=endpoint["key"], max_retries=0, timeout=60)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, on a socket in a folder of its own."""
    initdb, control = shutil.which("initdb"), shutil.which("pg_ctl")
    if not initdb or not control:
        pytest.skip("no PostgreSQL here: initdb and pg_ctl are not on the PATH")
    folder = Path(tempfile.mkdtemp(prefix="sejong-pg-"))
    as_nobody: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(folder, 65534, 65534)

    def call(*command: str) -> None:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # the server inherits them: a pipe would never end
        subprocess.run([*as_nobody, *command], check=True, cwd="/", env={**os.environ, "LC_ALL": "C"}, timeout=60, **quiet)

    data = str(folder / "data")
    try:
        call(initdb, "-D", data, "-E", "UTF8", "-A", "trust", "-U", "sejong")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        call(control, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://sejong@/postgres?host={folder}"
        finally:
            call(control, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
