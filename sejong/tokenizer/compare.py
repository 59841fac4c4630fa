"""How many bytes of a text one token holds, for any tokenizer: a run's, a model folder's, a GGUF's, a named vocabulary."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sejong.errors import Refused, did_you_mean
from sejong.language import Span
from sejong.tokenizer.figures import SHARES, Marked
from sejong.tokenizer.named import NAMED, open_named

BATCH_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer as a comparison sees it: `lengths` gives the number of tokens of each text, special tokens left out."""

    name: str
    size: int
    lengths: Callable[[list[str]], list[int]]
    places: Callable[[list[str]], list[list[Span]]]


def compare(
    text: Path, tokenizers: list[str], parallel: tuple[Path, Path] | None = None, segmenter: str = ""
) -> list[dict[str, Any]]:
    """How each of `tokenizers` writes the file `text`, plain bytes last.

    Args:
        text: a UTF-8 text file, or JSON Lines with a `text` field.
        tokenizers: each a run's folder, a model's folder, a `tokenizer.json`, a GGUF file, or a name in `NAMED`.
        parallel: two files that say the same in two languages.
        segmenter: a word segmenter or a table of boundaries, to say which boundaries are a morpheme's.

    Returns:
        `{tokenizer, vocabulary, bytes_per_token, tokens_per_1000_characters}` and the figures of `sejong.tokenizer.figures`
        each, in the order given; with `parallel` also `parity`: tokens of the first file for one of the second.

    Raises:
        Refused: a text is missing, empty or not UTF-8; a tokenizer cannot be opened; no segmenter has that name.
    """
    texts = read_text(text)
    vocabularies = [open_vocabulary(name) for name in [*tokenizers, *([] if "bytes" in tokenizers else ["bytes"])]]
    rows = measure(texts, vocabularies)
    marked = Marked(texts, segmenter)
    pair = [read_text(one) for one in parallel] if parallel else None
    for row, vocabulary in zip(rows, vocabularies, strict=True):
        row |= marked.figures(vocabulary.places(texts))
        if pair:
            first, second = (sum(vocabulary.lengths(one)) for one in pair)
            row["parity"] = round(first / max(second, 1), 4)
    return rows


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """What `compare` found, for a person: a line a tokenizer."""
    width = max(len(row["tokenizer"]) for row in rows)
    return [
        f"{row['tokenizer']:<{width}}  {row['bytes_per_token']:7.3f} bytes per token  "
        f"{row['tokens_per_1000_characters']:9.1f} tokens per 1,000 characters  {row['vocabulary']:>9,} in the vocabulary"
        + "".join(f"  {row[name]:7.1%} {said}" for name, said in SHARES.items() if row.get(name) is not None)
        + (f"  parity {row['parity']:.3f}" if "parity" in row else "")
        for row in rows
    ]


def measure(texts: list[str], vocabularies: list[Vocabulary]) -> list[dict[str, Any]]:
    """One row a vocabulary over `texts`, which must not be empty."""
    size, characters = sum(len(text.encode()) for text in texts), sum(map(len, texts))
    rows = []
    for vocabulary in vocabularies:
        tokens = max(sum(vocabulary.lengths(texts)), 1)
        rows.append(
            {
                "tokenizer": vocabulary.name,
                "vocabulary": vocabulary.size,
                "bytes_per_token": round(size / tokens, 4),
                "tokens_per_1000_characters": round(1000 * tokens / characters, 2),
            }
        )
    return rows


def open_vocabulary(what: str, name: str | None = None) -> Vocabulary:
    """The tokenizer that `what` is or names; `name` is what the table calls it.

    Raises:
        Refused: nothing there, nothing readable, or no such name.
    """
    if what == "bytes":
        return Vocabulary("bytes", 256, lambda texts: [len(text.encode()) for text in texts], _bytes)
    path = Path(what)
    if what in NAMED and not path.exists():
        return _from_file(name or what, open_named(what))
    if not path.exists():
        raise Refused(
            f"there is no tokenizer `{what}`: give a folder, a tokenizer.json, a GGUF file or a name; {did_you_mean(what, NAMED)}"
        )
    if path.suffix == ".gguf":
        return _from_transformers(name or path.stem, path.parent, gguf_file=path.name)
    for candidate in (
        path,
        path / "tokenizer.json",
        path / "tokenizer" / "tokenizer.json",
        path / "pretrain" / "model" / "tokenizer.json",
    ):
        if candidate.is_file():
            return _from_file(name or path.resolve().name, _load(candidate))
    return _from_transformers(name or path.resolve().name, path)


def read_text(path: Path) -> list[str]:
    """The texts of a file: JSON Lines by its `text` field, anything else as one.

    Raises:
        Refused: it is missing, empty, not UTF-8, or a line of JSON Lines is broken.
    """
    try:
        whole = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror}): give a text file with --text") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8 (byte {error.start}): convert it first, or build a corpus from it") from error
    if path.suffix != ".jsonl":
        texts = [whole]
    else:
        texts = [_text_of(path, number, line) for number, line in enumerate(whole.split("\n"), 1) if line.strip()]
    if not any(texts):
        raise Refused(f"{path} holds no text: give a file with some")
    return texts


def _text_of(path: Path, number: int, line: str) -> str:
    try:
        text = json.loads(line)["text"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path}, line {number}: not a JSON object with a `text` field: mend or remove that line") from error
    if not isinstance(text, str):
        raise Refused(f"{path}, line {number}: `text` is not a string: mend or remove that line")
    return text


def _load(path: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise Refused(f"{path} is not a tokenizer that can be read ({error})") from error


def _from_file(name: str, tokenizer: Tokenizer) -> Vocabulary:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return Vocabulary(
        name, tokenizer.get_vocab_size(), lambda texts: _count(tokenizer, texts), lambda texts: _places(tokenizer, texts)
    )


def _count(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    return [len(one.ids) for one in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _places(tokenizer: Tokenizer, texts: list[str]) -> list[list[Span]]:
    return [one.offsets for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def _bytes(texts: list[str]) -> list[list[Span]]:
    return [[(n, n + 1) for n, character in enumerate(text) for _ in character.encode()] for text in texts]


def _from_transformers(name: str, folder: Path, gguf_file: str | None = None) -> Vocabulary:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), gguf_file=gguf_file, local_files_only=True)
    except Exception as error:  # whatever a foreign file provokes
        shown = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Refused(f"{folder / (gguf_file or '')} holds no tokenizer that can be read ({shown})") from error

    return _from_file(name, tokenizer.backend_tokenizer)
