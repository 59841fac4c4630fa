"""The families' figures in plain Python, a document at a time, straight from their definitions."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from sejong.corpus.pages import PUNCTUATION, TERMINALS

MARK = regex.compile(TERMINALS, regex.V1)
PUNCTUATED = regex.compile(rf"{PUNCTUATION}*", regex.V1)
SENTENCE = regex.compile(rf"(?:(?:\p{{Lu}}\.)|.)+?{TERMINALS}+[\"'”]?", regex.V1)
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


def words(text: str) -> dict[str, float]:
    """Gopher's figures of words and lines."""
    found, lines = text.split(), text.splitlines()
    plain = [word for word in found if not PUNCTUATED.fullmatch(word)]
    return {
        "words": len(plain),
        "word_length": sum(map(len, plain)) / len(plain) if plain else 0,
        "hashes": text.count("#") / max(len(found), 1),
        "ellipses": (text.count("...") + text.count("…")) / max(len(found), 1),
        "bullet_lines": sum(line.lstrip().startswith(("•", "-")) for line in lines) / max(len(lines), 1),
        "ellipsis_lines": sum(line.rstrip().endswith(("...", "…")) for line in lines) / max(len(lines), 1),
        "alphabetic_words": sum(any(one.isalpha() for one in word) for word in found) / max(len(found), 1),
    }


def again(pieces: Sequence[str]) -> tuple[int, int]:
    """How many pieces stood earlier, and their characters."""
    seen = Counter[str]()
    count = characters = 0
    for piece in pieces:
        if seen[piece]:
            count, characters = count + 1, characters + len(piece)
        seen[piece] += 1
    return count, characters


def repetition(text: str, found: Sequence[str], top: Sequence[int], earlier: Sequence[int]) -> dict[str, float]:
    """Gopher's figures of what repeats; `found` are the words."""
    paragraphs, lines = re.split(r"\n{2,}", text.strip()), re.split(r"\n+", text)
    measured: dict[str, float] = {"characters": len(text)}
    for name, pieces in (("paragraph", paragraphs), ("line", lines)):
        count, characters = again(pieces)
        measured[f"{name}s"] = count / len(pieces) if text else 0
        measured[f"{name}_characters"] = characters / max(len(text), 1)
    for n in top:
        grams = Counter(" ".join(found[place : place + n]) for place in range(len(found) - n + 1))
        commonest, count = max(grams.items(), key=lambda one: one[1], default=("", 0))
        measured[f"top_{n}_gram"] = len(commonest) * count / max(len(text), 1)
    for n in earlier:
        seen, covered, place = set(), 0, 0
        while place <= len(found) - n:
            gram = "".join(found[place : place + n])
            if gram in seen:
                covered, place = covered + len(gram), place + n
            else:
                seen.add(gram)
                place += 1
        measured[f"duplicate_{n}_grams"] = covered / max(len(text), 1)
    return measured


def fineweb(text: str, short: int) -> dict[str, float]:
    """FineWeb's figures."""
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        "lines": len(lines),
        "line_punctuation": sum(bool(MARK.match(line[-1])) for line in lines) / max(len(lines), 1),
        "short_lines": sum(len(line) <= short for line in lines) / max(len(lines), 1),
        "duplicate_line_characters": again(lines)[1] / max(len(text.replace("\n", "")), 1),
        "newlines": text.count("\n") / max(len(text.split()), 1),
    }


@dataclass
class Page:
    """What C4 makes of a page: the short name of the test it broke, and the text that is left."""

    cause: str | None
    text: str
    sentences: int = 0


def c4(text: str, ends: str, longest: int, least: int, sentences: int) -> Page:
    """C4's rules with the phrases of `PHRASES`."""
    kept: list[str] = []
    count = 0
    for raw in text.splitlines():
        whole = raw.strip()
        line, own = CITATION.sub("", whole), whole.split()
        if any(len(word) > longest for word in own):
            continue
        if not line.endswith(tuple(ends)) or line.endswith("...") or len(own) < least:
            continue
        small = line.lower()
        if "lorem ipsum" in small:
            return Page("lorem_ipsum", text)
        if "javascript" in small:
            continue
        if "{" in line:
            return Page("curly_bracket", text)
        if "use cookies" in small:
            continue
        count += max(len(SENTENCE.findall(line)), 1)
        kept.append(line)
    if count < sentences:
        return Page("too_few_sentences", text, count)
    return Page(None, "\n".join(kept).strip(), count)
