"""Byte-level BPE trained on tempered word counts, with a second stage across spaces where the recipe asks for superwords."""

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
import regex
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, processors
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

from sejong.errors import Refused
from sejong.recipe import TokenizerSettings
from sejong.tokenizer import merges, special, words
from sejong.tokenizer.named import byte_letters
from sejong.tokenizer.pieces import PIECES, Pieces, pieces, pre_tokenizer

LONGEST_TOKEN = 48  # bytes: sixteen Hangul syllables; longer tokens are boilerplate learned by heart
SEEN_AT_LEAST = 2  # a pair met once teaches nothing
LETTERS = byte_letters()
BYTES = sorted(range(256), key=LETTERS.__getitem__)  # the order of their ids, after the special tokens


def train(settings: TokenizerSettings, texts: Iterable[tuple[str, str]]) -> Tokenizer:
    """Byte-level BPE (Sennrich et al. 2016; Radford et al. 2019): special tokens first, all 256 bytes known.

    Args:
        settings: vocabulary, pieces, segmenter, temper, balance and superwords are read.
        texts: pairs of a source's name and a text; read once.

    Raises:
        Refused: an unknown `pieces` or `segmenter`, or superwords with pieces that hold one word each.
    """
    chosen = pieces(settings.pieces)
    if settings.superwords and not chosen.words:
        several = ", ".join(name for name, one in PIECES.items() if one.words)
        raise Refused(f"tokenizer.superwords needs pieces that hold several words: set tokenizer.pieces to {several}")
    counts = words.count(texts, chosen.pattern if settings.superwords else chosen.words or chosen.pattern, settings.segmenter)
    weights = words.weigh(counts, settings.temper, settings.balance)
    known = [b""] * len(special.SPECIAL_TOKENS) + [bytes([byte]) for byte in BYTES]
    ids = np.empty(256, np.int32)
    ids[BYTES] = np.arange(256) + len(special.SPECIAL_TOKENS)
    room = settings.vocabulary - len(known)
    across = round(room * settings.superwords)
    single = _regrouped(weights, chosen.words) if across else weights
    least = SEEN_AT_LEAST * words.UNIT
    learnt = merges.learn(words.as_bytes(single, ids), known, room - across, LONGEST_TOKEN, least)
    if across:
        known_then = merges.extended(known, learnt)
        now = _ids(weights, _tokenizer(known_then, learnt, chosen, chosen.words))
        learnt += merges.learn(
            words.as_ids(weights, now), known_then, settings.vocabulary - len(known_then), LONGEST_TOKEN, least
        )
    return _tokenizer(merges.extended(known, learnt), learnt, chosen, chosen.pattern)


def begin_first(tokenizer: Tokenizer) -> processors.PostProcessor:
    """Text encoded with special tokens begins with `<|begin|>`; without them it is bare."""
    begin = (special.BEGIN, tokenizer.token_to_id(special.BEGIN))
    return processors.TemplateProcessing(
        single=f"{special.BEGIN} $A", pair=f"{special.BEGIN} $A {special.BEGIN} $B:1", special_tokens=[begin]
    )


def _tokenizer(known: list[bytes], learnt: list[merges.Merge], chosen: Pieces, pattern: str) -> Tokenizer:
    written = [*special.SPECIAL_TOKENS, *("".join(LETTERS[b] for b in token) for token in known[len(special.SPECIAL_TOKENS) :])]
    model = models.BPE(
        {token: number for number, token in enumerate(written)},
        [(written[left], written[right]) for left, right, _ in learnt],
        ignore_merges=chosen.whole_first,
    )
    tokenizer = Tokenizer(model)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special.SPECIAL_TOKENS])
    tokenizer.pre_tokenizer = (
        pre_tokenizer(chosen)
        if pattern == chosen.pattern
        else Sequence([Split(Regex(pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = begin_first(tokenizer)
    return tokenizer


def _regrouped(weights: Mapping[str, int], pattern: str) -> dict[str, int]:
    """The weights of single words, from those of pieces that hold several."""
    cut, single = regex.compile(pattern), Counter[str]()
    for piece, weight in weights.items():
        for word in cut.findall(piece):
            single[word] += weight
    return dict(sorted(single.items()))


def _ids(pieces_: Iterable[str], tokenizer: Tokenizer) -> dict[str, list[int]]:
    tokenizer.encode_special_tokens = True
    every = list(pieces_)
    encoded = tokenizer.encode_batch_fast(every, add_special_tokens=False)
    return {piece: one.ids for piece, one in zip(every, encoded, strict=True)}
