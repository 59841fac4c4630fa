"""Train a tokenizer on the training split, or take over the base model's."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from sejong.errors import Refused
from sejong.flow import Artifact, the_only
from sejong.flow.progress import console, progress
from sejong.language import boundaries, segment
from sejong.recipe import TokenizerSettings
from sejong.tokenizer import special
from sejong.tokenizer.compare import measure, open_vocabulary
from sejong.tokenizer.extend import extend
from sejong.tokenizer.texts import held_out, sample, total_bytes
from sejong.tokenizer.train import SEEN_AT_LEAST, begin_first, train


def run(settings: TokenizerSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Train on a sample of the training split (or take over the base's, with new tokens if asked), and measure it on unseen text.

    The tokenizer changes no character: text is NFC when it leaves the corpus stage, and what is encoded is decoded byte for byte.

    Raises:
        Refused: no training text, an unknown `pieces` or `segmenter`, a base without `tokenizer.json`, or `extend`
            without a base, or with one that is no byte-pair encoding.
    """
    corpus = the_only(inputs, "corpus").path
    size = min(total_bytes(corpus, ["train"]), settings.sample_bytes)
    learns = settings.base is None or settings.extend > 0
    if learns and size == 0:
        raise Refused("the corpus has no text to train a tokenizer on: give more text, or fewer filters (corpus.filters)")
    texts = _with_progress(sample(corpus, ["train"], settings.sample_bytes), size)
    metrics: dict[str, Any] = {"sample_bytes": size} if learns else {}
    if settings.base is not None:
        base, known = Path(settings.base.path), _open(Path(settings.base.path))
        if settings.extend:
            tokenizer, new = extend(known, settings, texts)
            content = {"base": settings.base.name, "base_size": _ids_of(known), "new": [list(one) for one in new]}
            _write_json(out / "extended.json", content)
            metrics["new_tokens"] = len(new)
        else:
            tokenizer = known
        take_over(tokenizer, base, out, settings.system)
        metrics["base"] = settings.base.name
        outside = [
            {"name": settings.base.name, "sha256": settings.base.sha256, "role": "tokenizer", "version": "", "licence": ""}
        ]
    else:
        if settings.extend:
            raise Refused("tokenizer.extend needs a base to add tokens to: set pretrain.base, or tokenizer.extend to 0")
        tokenizer = train(settings, texts)
        tokenizer.save(str(out / "tokenizer.json"))
        special.write_config(out, settings.system)
        metrics["asked"] = settings.vocabulary
        outside = [model] if settings.segmenter and (model := _outside(settings.segmenter)) else []
    if outside:
        _write_json(out / "outside_models.json", outside)
    metrics["vocabulary"] = tokenizer.get_vocab_size()
    if settings.base is None and metrics["vocabulary"] < settings.vocabulary:
        console.print(
            f"  the text gives {metrics['vocabulary']:,} tokens, not the {settings.vocabulary:,} asked for: no further pair "
            f"occurs {SEEN_AT_LEAST} times in its {metrics['sample_bytes']:,} bytes"
        )
    unseen = held_out(corpus)
    own = open_vocabulary(str(out / "tokenizer.json"), "own")
    return {**metrics, "bytes_per_token": measure(unseen, [own])[0]["bytes_per_token"] if unseen else None}


def take_over(tokenizer: Tokenizer, base: Path, out: Path, system: str) -> None:
    """Write a base model's tokenizer to `out`, with our special tokens and chat template added; ids of the base stay."""
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special.SPECIAL_TOKENS])
    tokenizer.post_processor = begin_first(tokenizer)
    tokenizer.save(str(out / "tokenizer.json"))
    config = base / "tokenizer_config.json"
    special.write_config(out, system, json.loads(config.read_text("utf-8")) if config.exists() else None)


def _open(base: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(base / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise Refused(
            f"{base / 'tokenizer.json'} cannot be read ({error}): give the folder of a model with its tokenizer"
        ) from error


def _ids_of(tokenizer: Tokenizer) -> int:
    return max(tokenizer.get_vocab().values()) + 1


def _outside(segmenter: str) -> dict[str, str] | None:
    return boundaries.outside_model(segmenter) if segmenter in boundaries.names() else segment.outside_model(segmenter)


def _with_progress(texts: Iterable[tuple[str, str]], size: int) -> Iterator[tuple[str, str]]:
    with progress("text the tokenizer learns from", total=size, unit="bytes") as bar:
        for source, text in texts:
            yield source, text
            bar.advance(len(text.encode()))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
