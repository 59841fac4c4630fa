"""Train a tokenizer on the training split, or take over the base model's."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel

from sejong.errors import Refused
from sejong.flow import Artifact, the_only
from sejong.flow.progress import console, progress
from sejong.language import segment
from sejong.recipe import TokenizerSettings
from sejong.tokenizer import special
from sejong.tokenizer.compare import Vocabulary, measure
from sejong.tokenizer.pieces import pieces, pre_tokenizer, training_pre_tokenizer
from sejong.tokenizer.texts import held_out, sample, total_bytes

BOUNDARY = "\uffff"  # a code point that is never a character: marks where no merge may cross
LONGEST_PIECE = 256  # characters
LONGEST_TOKEN = 48  # bytes: sixteen Hangul syllables; longer tokens are boilerplate learned by heart
SEEN_AT_LEAST = 2  # a pair met once teaches nothing


def run(settings: TokenizerSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Train on a sample of the training split (or copy the base's) and measure it on text it has not seen.

    The tokenizer changes no character: text is NFC when it leaves the corpus stage, and what is encoded is decoded byte for byte.

    Raises:
        Refused: no training text, an unknown `pieces` or `segmenter`, or a base without `tokenizer.json`.
    """
    corpus = the_only(inputs, "corpus").path
    if settings.base is not None:
        tokenizer = take_over(Path(settings.base.path), out, settings.system)
        metrics: dict[str, Any] = {"base": settings.base.name}
        outside = [
            {"name": settings.base.name, "sha256": settings.base.sha256, "role": "tokenizer", "version": "", "licence": ""}
        ]
    else:
        size = min(total_bytes(corpus, ["train"]), settings.sample_bytes)
        if size == 0:
            raise Refused("the corpus has no text to train a tokenizer on: give more text, or fewer filters (corpus.filters)")
        tokenizer = train(settings, _with_progress(sample(corpus, ["train"], settings.sample_bytes), size))
        tokenizer.save(str(out / "tokenizer.json"))
        special.write_config(out, settings.system)
        metrics = {"sample_bytes": size, "asked": settings.vocabulary}
        outside = [model] if settings.segmenter and (model := segment.outside_model(settings.segmenter)) else []
    if outside:
        _write_json(out / "outside_models.json", outside)
    metrics["vocabulary"] = tokenizer.get_vocab_size()
    if settings.base is None and metrics["vocabulary"] < settings.vocabulary:
        console.print(
            f"  the text gives {metrics['vocabulary']:,} tokens, not the {settings.vocabulary:,} asked for: no further pair "
            f"occurs {SEEN_AT_LEAST} times in its {metrics['sample_bytes']:,} bytes"
        )
    unseen = held_out(corpus)
    own = Vocabulary("own", tokenizer.get_vocab_size(), lambda texts: _lengths(tokenizer, texts))
    return {**metrics, "bytes_per_token": measure(unseen, [own])[0]["bytes_per_token"] if unseen else None}


def train(settings: TokenizerSettings, texts: Iterable[str]) -> Tokenizer:
    """Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019) over `texts`: special tokens first, all 256 bytes known."""
    chosen = pieces(settings.pieces)
    tokenizer = Tokenizer(models.BPE(ignore_merges=chosen.whole_first))
    tokenizer.pre_tokenizer = training_pre_tokenizer(chosen, BOUNDARY, LONGEST_PIECE)
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        min_frequency=SEEN_AT_LEAST,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special.SPECIAL_TOKENS],
        initial_alphabet=ByteLevel.alphabet(),
        max_token_length=LONGEST_TOKEN,
        show_progress=False,
    )
    marked = with_boundaries(settings.segmenter, texts) if settings.segmenter else texts
    tokenizer.train_from_iterator(marked, trainer)
    tokenizer.pre_tokenizer = pre_tokenizer(chosen)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = begin_first(tokenizer)
    return tokenizer


def with_boundaries(segmenter: str, texts: Iterable[str]) -> Iterator[str]:
    """`texts` with BOUNDARY where a word or morpheme begins inside a run of visible characters.

    At a space nothing is marked: the space belongs to the piece after it, at inference too.
    """
    remaining = iter(texts)
    while batch := list(islice(remaining, 256)):
        for text, spans in zip(batch, segment.spans(segmenter, batch), strict=True):
            cuts = [0, *(start for (_, before), (start, _) in pairwise(spans) if before == start), len(text)]
            yield BOUNDARY.join(text[start:end] for start, end in pairwise(cuts))


def take_over(base: Path, out: Path, system: str) -> Tokenizer:
    """Copy a base model's tokenizer to `out`, with our special tokens and chat template added; ids of the base stay.

    Raises:
        Refused: `base` has no readable `tokenizer.json`.
    """
    try:
        tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
    except Exception as error:  # tokenizers raises bare Exception
        raise Refused(
            f"{base / 'tokenizer.json'} cannot be read ({error}): give the folder of a model with its tokenizer"
        ) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special.SPECIAL_TOKENS])
    tokenizer.post_processor = begin_first(tokenizer)
    tokenizer.save(str(out / "tokenizer.json"))
    config = base / "tokenizer_config.json"
    special.write_config(out, system, json.loads(config.read_text("utf-8")) if config.exists() else None)
    return tokenizer


def begin_first(tokenizer: Tokenizer) -> processors.PostProcessor:
    """Text encoded with special tokens begins with `<|begin|>`; without them it is bare."""
    begin = (special.BEGIN, tokenizer.token_to_id(special.BEGIN))
    return processors.TemplateProcessing(
        single=f"{special.BEGIN} $A", pair=f"{special.BEGIN} $A {special.BEGIN} $B:1", special_tokens=[begin]
    )


def _with_progress(texts: Iterable[str], size: int) -> Iterator[str]:
    with progress("text the tokenizer learns from", total=size, unit="bytes") as bar:
        for text in texts:
            yield text
            bar.advance(len(text.encode()))


def _lengths(tokenizer: Tokenizer, texts: list[str]) -> list[int]:
    return [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", "utf-8")
