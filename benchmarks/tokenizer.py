"""Ours beside plain byte-level BPE and the vocabularies of large models: on sources left out, on held-out documents, by size.

    python benchmarks/tokenizer.py --text PATH [--text PATH]... [--share 0.25] [--against NAME]... [--json OUT]

`--text` is JSON Lines (`.zst` and `.gz` too), one source a file, or the `corpus` folder of a run, with its sources. Plain BPE is
the trainer of Hugging Face `tokenizers` with Llama 3's pattern on the same text, of the same size. Three tables:

- left out: ours and plain learn from all sources but one, and are measured on that one;
- held out: ours learns from all sources, and is measured on every 20th document, which it has not seen;
- sizes: the same as held out, for each size of the vocabulary.
"""

import argparse
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer, models, trainers
from tokenizers.pre_tokenizers import ByteLevel

from sejong.recipe import TokenizerSettings
from sejong.tokenizer.compare import Vocabulary, measure, open_vocabulary
from sejong.tokenizer.named import installed
from sejong.tokenizer.pieces import PIECES, pre_tokenizer
from sejong.tokenizer.train import LONGEST_TOKEN, train

SIZES = [8192, 16384, 32768, 65536, 131072, 262144]
MEASURED_BYTES = 1_000_000  # of each source
EVERY = 20  # documents: one is held out

TABLES = ["left-out", "held-out", "sizes"]

Sources = dict[str, list[str]]


def main() -> None:
    arguments = parse()
    sources: Sources = {}
    for path in arguments.text:
        for name, texts in read(Path(path), arguments.share).items():
            sources.setdefault(name, []).extend(texts)
    names = arguments.against if arguments.against is not None else [one.name for one in installed()]
    known = [open_vocabulary(name) for name in names]
    options = dict(one.split("=", 1) for one in arguments.set)
    settings = TokenizerSettings(**{"vocabulary": arguments.vocabulary, **options})
    result: dict[str, Any] = {"bytes": {name: size(texts) for name, texts in sources.items()}, "settings": settings.model_dump()}
    if "left-out" in arguments.tables:
        result["left_out"] = left_out(sources, settings, known, arguments.only)
    if "held-out" in arguments.tables:
        result["held_out"] = held_out(sources, settings, known)
    if "sizes" in arguments.tables:
        result["sizes"] = curve(sources, settings, arguments.sizes)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")


def left_out(sources: Sources, settings: TokenizerSettings, known: list[Vocabulary], only: list[str]) -> list[dict[str, Any]]:
    """A row for each source that training did not see: bytes per token of ours, of plain BPE and of `known`."""
    rows = []
    print("bytes per token on a source that was left out of training")
    for name in only or list(sources):
        others = {other: texts for other, texts in sources.items() if other != name}
        row: dict[str, Any] = {"source": name, "ours": own(settings, others), "plain": plain(settings.vocabulary, others)}
        texts = measured(sources[name])
        row |= {key: bytes_per_token(row[key], texts) for key in ("ours", "plain")}
        row["gain"] = round(row["ours"] / row["plain"] - 1, 4)
        row |= {one.name: measure(texts, [one])[0]["bytes_per_token"] for one in known}
        rows.append(row)
        show(row)
    return rows


def held_out(sources: Sources, settings: TokenizerSettings, known: list[Vocabulary]) -> list[dict[str, Any]]:
    """A row for each source: bytes per token on documents that training did not see, of sources that it did."""
    seen = learnt_from(sources)
    tokenizers = {"ours": own(settings, seen), "plain": plain(settings.vocabulary, seen)}
    print("bytes per token on held-out documents of the sources learnt from")
    rows = []
    for name, texts in sources.items():
        unseen = measured(texts[::EVERY])
        row: dict[str, Any] = {"source": name} | {key: bytes_per_token(one, unseen) for key, one in tokenizers.items()}
        row |= {one.name: measure(unseen, [one])[0]["bytes_per_token"] for one in known}
        rows.append(row)
        show(row)
    return rows


def curve(sources: Sources, settings: TokenizerSettings, sizes: list[int]) -> list[dict[str, Any]]:
    """A row for each size of the vocabulary: bytes per token on held-out documents, and seconds of processor time to train."""
    seen = learnt_from(sources)
    unseen = [text for texts in sources.values() for text in measured(texts[::EVERY])]
    print("bytes per token on held-out documents by the size of the vocabulary")
    rows = []
    for vocabulary in sizes:
        start = time.process_time()
        tokenizer = own(settings.model_copy(update={"vocabulary": vocabulary}), seen)
        seconds = round(time.process_time() - start, 1)
        row = {"vocabulary": tokenizer.get_vocab_size(), "ours": bytes_per_token(tokenizer, unseen), "train_cpu_seconds": seconds}
        rows.append(row)
        show(row)
    return rows


def learnt_from(sources: Sources) -> Sources:
    return {name: [text for n, text in enumerate(texts) if n % EVERY] for name, texts in sources.items()}


def own(settings: TokenizerSettings, sources: Sources) -> Tokenizer:
    return train(settings, ((name, text) for name, texts in sources.items() for text in texts))


def plain(vocabulary: int, sources: Sources) -> Tokenizer:
    """What everybody has: the library's trainer on raw text."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizer(PIECES["llama3"])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        initial_alphabet=ByteLevel.alphabet(),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    tokenizer.train_from_iterator((text for texts in sources.values() for text in texts), trainer)
    return tokenizer


def bytes_per_token(tokenizer: Tokenizer, texts: list[str]) -> float:
    tokens = sum(len(one.ids) for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False))
    return round(size(texts) / tokens, 4)


def size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def measured(texts: list[str]) -> list[str]:
    """Documents spread evenly over `texts`, about MEASURED_BYTES of them."""
    return texts[:: max(size(texts) // MEASURED_BYTES, 1)]


def read(path: Path, share: float) -> Sources:
    """The texts of a file or a corpus by source; of many documents, the share that is evenly spread."""
    step = max(round(1 / share), 1)
    if path.is_dir():
        found: Sources = {}
        for part in sorted((path / "documents").glob("part-*.parquet")):
            for row in pq.read_table(part, columns=["source", "text"]).to_pylist():
                found.setdefault(row["source"], []).append(row["text"])
        return {name: thinned(texts, step) for name, texts in found.items()}
    name = path.name.split(".")[0]
    return {name: thinned([json.loads(line)["text"] for line in lines(path) if line.strip()], step)}


def thinned(texts: list[str], step: int) -> list[str]:
    return texts[::step] if len(texts) > 100 * step else texts


def lines(path: Path) -> Iterator[str]:
    compression = {".zst": "zstd", ".gz": "gzip"}.get(path.suffix)
    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, compression) if compression else file as stream:
        yield from io.BytesIO(stream.read()).read().decode().split("\n")


def show(row: dict[str, Any]) -> None:
    print("  " + "  ".join(f"{name} {value}" for name, value in row.items()), flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", action="append", required=True, help="JSON Lines, or the corpus folder of a run; repeatable")
    parser.add_argument("--share", type=float, default=0.25, help="share of each large source to use")
    parser.add_argument("--vocabulary", type=int, default=32768)
    parser.add_argument("--set", action="append", default=[], metavar="A=B", help="another setting of the tokenizer; repeatable")
    parser.add_argument("--against", action="append", help="a vocabulary to compare with; default: those installed; repeatable")
    parser.add_argument(
        "--tables", nargs="+", default=["left-out", "held-out", "sizes"], choices=["left-out", "held-out", "sizes"]
    )
    parser.add_argument("--only", action="append", default=[], help="leave out only this source; repeatable")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--json", help="where to write the figures")
    return parser.parse_args()


if __name__ == "__main__":
    main()
