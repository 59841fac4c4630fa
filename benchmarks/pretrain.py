"""Pretraining beside other trainers: tokens a second, share of the matrix peak, memory, and bits per byte after a fixed time.

    .venv/bin/python benchmarks/pretrain.py [--text PATH]... [--minutes 10] [--threads N] [--json OUT]
    .venv/bin/python benchmarks/pretrain.py --device accelerator      (make bench-gpu: 1B parameters, share of the bf16 peak)

Same machine, same run, same tokens, same threads, and the same width, depth, heads, vocabulary, context and tokens a step; one
trainer after the other, each in a process of its own. Peers live in environments of their own, made on first use under
benchmarks/.peers: Hugging Face's Trainer (compiled, fused AdamW), litgpt's model with the loop of its `pretrain`, and nanochat
with its own architecture and its own optimiser (Muon and AdamW), compiled. All use the number format that is the faster here.

tokens/s is the median step once compiled. Operations are 6 a weight of every product and 12 · layers · width · context a token
for attention (PaLM, appendix B), of unpadded tokens alone; the peak is the best of square products in the same format in the same
process. Bits per byte: every trainer gets as many steps as fit --minutes by the speed just measured, so that its schedule ends
there; its start-up and compilation are not counted against it. Held-out documents are the last of the text.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
import torch
from curation import KOREAN, SHARED, texts
from first_run import Peak
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from sejong.train.probe import bfloat16_fault

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "benchmarks" / ".peers"
NANOCHAT = ("https://github.com/karpathy/nanochat", "92d63d4e8bb4df75c3b71618f31ddde2378b2bcd")
TRAINERS = {"Sejong": "sejong", "Hugging Face Trainer": "transformers", "litgpt": "litgpt", "nanochat": "nanochat"}
VOCABULARY, CONTEXT = 8192, 512
SHAPES = {  # parameters with the embeddings, which input and output share where a trainer can
    "8m": {"width": 256, "depth": 8, "heads": 4, "kv_heads": 2, "feed_forward": 704},
    "30m": {"width": 512, "depth": 8, "heads": 8, "kv_heads": 4, "feed_forward": 1376},
    "1b": {"width": 2048, "depth": 18, "heads": 16, "kv_heads": 8, "feed_forward": 5472},
}
STEPS = 6  # timed, after two that are not
BITS_AT = "8m"
TEXT_BYTES = 60_000_000
HELD_OUT = 0.02  # share of the documents, at the end


def main() -> None:
    asked = arguments()
    with tempfile.TemporaryDirectory(prefix="sejong-pretrain-") as name:
        folder = Path(name)
        write_tokens(asked.text, asked.bytes, folder)
        if asked.device != "cpu":
            task = {"shape": "1b", "batch_tokens": 65_536, "pass_tokens": 16_384, "steps": STEPS, "dtype": "bfloat16"}
            found: dict[str, Any] = {"accelerator_1b": run("Sejong", asked, folder, task | {"device": asked.device})}
            found["gemm_share_1b"] = found["accelerator_1b"]["gemm_share"]
        else:
            found = compared(asked, folder)
    print(json.dumps({key: value for key, value in found.items() if key != "rows"}, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", "utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--text", type=Path, action="append", help="JSON Lines (.jsonl, .zst) with `text`; repeatable")
    parser.add_argument("--bytes", type=int, default=TEXT_BYTES, help="of text at most")
    parser.add_argument("--minutes", type=float, default=10, help="of training for bits per byte; 0 leaves it out")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--batch", type=int, default=8192, help="tokens a step")
    parser.add_argument("--pass", dest="pass_tokens", type=int, default=4096, help="tokens a forward and backward pass")
    parser.add_argument(
        "--trainers", default=",".join(TRAINERS), help="which, by their names, with commas; Sejong is always there"
    )
    parser.add_argument("--shapes", default="8m,30m", help="which shapes are timed")
    parser.add_argument("--device", choices=["cpu", "accelerator"], default="cpu")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if not asked.text and not SHARED.exists():
        parser.error(f"there is no text at {SHARED}: give some with --text")
    asked.text = asked.text or [SHARED / f"{name}.jsonl.zst" for name in KOREAN]
    asked.trainers = [name for name in TRAINERS if name == "Sejong" or name in asked.trainers.split(",")]
    asked.shapes = asked.shapes.split(",")
    return asked


def write_tokens(files: list[Path], most: int, folder: Path) -> None:
    """train.npy and held.npy, int64, a document after the other with its end token; held.json: the held-out bytes."""
    documents: list[str] = []
    size = 0
    for text in (text for file in files for text in texts(file)):
        documents.append(text)
        size += len(text.encode())
        if size >= most:
            break
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    held = max(1, round(HELD_OUT * len(documents)))
    learner = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=["<|end|>"], initial_alphabet=alphabet, show_progress=False, max_token_length=32
    )
    sample = documents[:-held][:: max(1, size // 5_000_000)]
    tokenizer.train_from_iterator(sample, learner)
    for name, part in {"train": documents[:-held], "held": documents[-held:]}.items():
        numbers = [np.array([*one.ids, 0], dtype=np.int64) for one in tokenizer.encode_batch(part)]
        np.save(folder / f"{name}.npy", np.concatenate(numbers))
    ids = np.load(folder / "held.npy")
    inputs, targets = ids[: (whole := (len(ids) - 1) // CONTEXT * CONTEXT)], ids[1 : whole + 1]
    scored = targets[(inputs != 0) & (targets != 0)]  # as held_nats of pretrain_common.py
    lengths = np.array([len(tokenizer.id_to_token(one)) for one in range(tokenizer.get_vocab_size())])  # a character a byte
    (folder / "held.json").write_text(json.dumps({"bytes": int(lengths[scored].sum())}))


def compared(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Every trainer on every shape, then bits per byte at equal time."""
    dtype = "float32" if bfloat16_fault(torch.device("cpu")) else "bfloat16"
    common = {"batch_tokens": asked.batch, "pass_tokens": asked.pass_tokens, "dtype": dtype, "device": "cpu"}
    found: dict[str, Any] = {"dtype": dtype, "threads": asked.threads, "rows": []}
    step: dict[str, float] = {}
    for shape in asked.shapes:
        rows = {name: run(name, asked, folder, common | {"shape": shape, "steps": STEPS}) for name in asked.trainers}
        found["rows"] += rows.values()
        ours, peers = rows["Sejong"], [row for name, row in rows.items() if name != "Sejong"]
        if shape == BITS_AT:
            step = {name: row["step_seconds"] for name, row in rows.items()}
        if peers:
            fastest = max(row["tokens_per_s"] for row in peers)
            found[f"ratio_tokens_per_s_{shape}"] = round(ours["tokens_per_s"] / fastest, 3)
            found[f"peak_memory_vs_leanest_{shape}"] = round(ours["peak_mib"] / min(row["peak_mib"] for row in peers), 3)
        found[f"gemm_share_{shape}"], found[f"gemm_gflops_{shape}"] = ours["gemm_share"], ours["gemm_gflops"]
    if asked.minutes and step:
        bits = {}
        for name in asked.trainers:
            steps = max(10, round(asked.minutes * 60 / step[name]))
            row = run(name, asked, folder, common | {"shape": BITS_AT, "steps": steps, "held_out": True})
            found["rows"].append(row)
            bits[name] = row["bits_per_byte"]
        found["bits_per_byte"] = bits
        if len(bits) > 1:
            best = min(value for name, value in bits.items() if name != "Sejong")
            found["bpb_gain_vs_best_peer"] = round(1 - bits["Sejong"] / best, 4)
    return found


def run(name: str, asked: argparse.Namespace, folder: Path, task: dict[str, Any]) -> dict[str, Any]:
    """One trainer on one task, in a process of its own."""
    given = task | SHAPES[task["shape"]] | {"vocabulary": VOCABULARY, "context": CONTEXT, "threads": asked.threads}
    given |= {"folder": str(folder), "rate": min(0.004, 0.6 / given["width"]), "nanochat": str(PEERS / "nanochat")}
    program = ROOT / "benchmarks/peers" / f"pretrain_{TRAINERS[name]}.py"
    environment = os.environ | {"OMP_NUM_THREADS": str(asked.threads), "PYTHONPATH": str(program.parent)}
    began = time.monotonic()
    command = [str(python_of(name)), str(program), json.dumps(given)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as process:
        peak = Peak(process.pid)
        peak.start()
        said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise SystemExit(f"{name} failed:\n{said[-3000:]}")
    answer = json.loads(said.strip().splitlines()[-1])
    row: dict[str, Any] = {"name": name, "shape": task["shape"], "parameters": answer["parameters"]}
    row["step_seconds"] = answer["step_seconds"]
    row["tokens_per_s"] = round(task["batch_tokens"] / answer["step_seconds"], 1)
    row["peak_mib"], row["seconds"] = round(peak.bytes / 2**20), round(time.monotonic() - began, 1)
    row["gemm_gflops"] = round(answer["peak_flops"] / 1e9, 1)
    row["gemm_share"] = round(flops_a_token(given) * row["tokens_per_s"] / answer["peak_flops"], 3)
    if "held_nats" in answer:
        bytes_ = json.loads((folder / "held.json").read_text())["bytes"]
        row |= {"steps": task["steps"], "bits_per_byte": round(answer["held_nats"] / math.log(2) / bytes_, 4)}
    print(json.dumps(row), file=sys.stderr)
    return row


def flops_a_token(given: dict[str, Any]) -> int:
    """Of the Llama of this shape; for all trainers alike, so that the share is one of useful work."""
    head = given["width"] // given["heads"]
    attention = given["width"] * (2 * given["width"] + 2 * given["kv_heads"] * head)
    layer = attention + 3 * given["width"] * given["feed_forward"]
    weights = given["depth"] * layer + given["width"] * given["vocabulary"]
    return 6 * weights + 12 * given["depth"] * given["width"] * given["context"]


def python_of(name: str) -> Path:
    """The trainer's Python, its environment made where it is not there; nanochat's source too."""
    if name == "Sejong":
        return Path(sys.executable)
    if name == "nanochat" and not (PEERS / "nanochat").exists():
        subprocess.run(["git", "clone", "-q", NANOCHAT[0], PEERS / "nanochat"], check=True)
        subprocess.run(["git", "-C", PEERS / "nanochat", "checkout", "-q", NANOCHAT[1]], check=True)
    wanted = "litgpt" if name == "litgpt" else "transformers"  # nanochat's model needs PyTorch alone
    folder = PEERS / wanted
    if not (folder / ".ready").exists():
        print(f"making an environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        needs = ROOT / f"benchmarks/peers/pretrain_{wanted}.txt"
        pip = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", needs]
        subprocess.run(pip, check=True)
        (folder / ".ready").touch()
    return folder / "bin" / "python"


if __name__ == "__main__":
    main()
