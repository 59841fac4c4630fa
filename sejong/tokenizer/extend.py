"""New tokens for a model's old vocabulary, learnt on the nation's text under the model's own pattern.

The new merges stand behind all of the base's, so that old ids stay, and text in which no new pair occurs is encoded as before.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

import regex
from tokenizers import Tokenizer

from sejong.errors import Refused
from sejong.recipe import TokenizerSettings
from sejong.tokenizer import merges, words
from sejong.tokenizer.train import LONGEST_TOKEN, SEEN_AT_LEAST

BYTE_TOKEN = regex.compile(r"<0x[0-9A-F]{2}>")  # how a SentencePiece vocabulary writes a byte
WORD = regex.compile(r"▁*[^▁\n]+|▁+|\n+")  # where the base itself cuts nothing

New = list[tuple[int, list[int]]]


def extend(base: Tokenizer, settings: TokenizerSettings, texts: Iterable[tuple[str, str]]) -> tuple[Tokenizer, New]:
    """`base` with up to `settings.extend` new tokens, and for each its id and the ids of the base that wrote it before.

    Raises:
        Refused: the base is no byte-pair encoding.
    """
    content: dict[str, Any] = json.loads(base.to_str())
    model = content["model"]
    if model["type"] != "BPE":
        raise Refused(f"tokenizer.extend: the base is {model['type']}, and only BPE can be extended: set tokenizer.extend to 0")
    added = {one["content"]: one["id"] for one in content["added_tokens"]}
    vocabulary: dict[str, int] = {**model["vocab"], **added}
    size = max(vocabulary.values()) + 1
    written = [""] * size
    for token, number in vocabulary.items():
        written[number] = token
    known = [b"" if token in added or BYTE_TOKEN.fullmatch(token) else token.encode() for token in written]
    counts = _count(base, texts)
    weights = words.weigh(counts, settings.temper, settings.balance)
    ids = {piece: [one.id for one in base.model.tokenize(piece)] for piece in weights}
    least = SEEN_AT_LEAST * words.UNIT
    learnt = merges.learn(words.as_ids(weights, ids), known, settings.extend, 2 * LONGEST_TOKEN, least)
    parts: dict[int, list[int]] = {}
    for left, right, joined in learnt:
        if joined == len(written):
            written.append(written[left] + written[right])
            parts[joined] = [*parts.get(left, [left]), *parts.get(right, [right])]
    model["vocab"] = {**vocabulary, **{written[number]: number for number in parts}}
    pair = (lambda left, right: [left, right]) if _as_pairs(model["merges"]) else (lambda left, right: f"{left} {right}")
    model["merges"] += [pair(written[left], written[right]) for left, right, _ in learnt]
    return Tokenizer.from_str(json.dumps(content, ensure_ascii=False)), sorted(parts.items())


def _as_pairs(old: list[Any]) -> bool:
    return not old or isinstance(old[0], list)


def _count(base: Tokenizer, texts: Iterable[tuple[str, str]]) -> dict[str, Counter[str]]:
    """How often each piece stands in each source, as the base's model sees it: normalised, cut and in its letters."""
    found: dict[str, Counter[str]] = {}
    for source, text in texts:
        plain = base.normalizer.normalize_str(text) if base.normalizer else text
        pieces = [piece for piece, _ in base.pre_tokenizer.pre_tokenize_str(plain)] if base.pre_tokenizer else [plain]
        own = found.setdefault(source, Counter())
        for piece in pieces:
            own.update(WORD.findall(piece) if "▁" in piece else [piece])
        if sum(map(len, found.values())) > words.DISTINCT:
            found = words.without_the_rarest(found)
    return found
