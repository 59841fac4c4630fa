"""Questions about a corpus, made from its own held-out documents, and questions that it cannot answer."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sejong.errors import Refused
from sejong.language import segment
from sejong.language.sentences import split
from sejong.retrieval.passages import PATH

EACH_KIND = 100  # questions of a kind, at most
TERMS, RARE = 4, 6  # content words in a question made from a sentence, drawn from that many of its rarest
HELD_OUT = ["validation", "test"]


@dataclass(frozen=True)
class Question:
    """What is asked; `kind` is heading, terms or outside; `passages` are the right answers, none for what has no answer."""

    text: str
    kind: str
    document: str | None
    passages: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """As in questions.jsonl."""
        return {"question": self.text, "kind": self.kind, "document": self.document, "passages": list(self.passages)}


class Searchable(Protocol):
    """What is asked of an index here."""

    def search(self, question: str, k: int = 5) -> list[Any]:
        """Hits, best first, each with `coverage`: the share of the question's words, by weight, that the passage holds."""


def answerable(
    corpus: Path, passages: pa.Table, prompts: dict[str, Any], segmenter: str, frequency: Callable[[str], int], seed: int
) -> list[Question]:
    """Questions from headings and from sentences of the validation and test documents, at most EACH_KIND of each.

    Args:
        passages: the index's `passages.parquet`, of all documents.
        prompts: the nation's evaluate.toml.
        frequency: in how many passages a search term stands.

    Raises:
        Refused: evaluate.toml lacks `questions.heading` or `questions.terms`.
    """
    own = set(
        ds.dataset(corpus / "documents", format="parquet")
        .to_table(columns=["id"], filter=pc.field("split").isin(HELD_OUT))
        .column("id")
        .to_pylist()
    )
    held_out = passages.filter(pc.is_in(passages["document"], value_set=pa.array(sorted(own), pa.string()))).to_pylist()
    draw = random.Random(seed)
    return [
        *_from_headings(passages, held_out, _templates(prompts, "heading"), draw),
        *_from_sentences(passages, held_out, _templates(prompts, "terms"), segmenter, frequency, draw),
    ]


def unanswerable(index: Searchable, prompts: dict[str, Any]) -> tuple[list[Question], int]:
    """The nation's everyday questions for the test, and how many were left out: all their words stand together in some passage,
    so that the corpus may well answer them."""
    texts = prompts.get("test", {}).get("outside", [])
    asked = [text for text in texts if all(hit.coverage < 1 - 1e-6 for hit in index.search(text))]
    return [Question(text, "outside", None, ()) for text in asked], len(texts) - len(asked)


def _from_headings(passages: pa.Table, held_out: list[dict[str, Any]], forms: list[str], draw: random.Random) -> list[Question]:
    """A heading in a form of question; any passage of its section answers. Headings that several sections bear are left out."""
    paths = set(zip(passages["document"].to_pylist(), passages["heading"].to_pylist(), strict=True))
    borne = Counter(_last(heading) for _, heading in paths)
    sections: dict[tuple[str, str], list[str]] = {}
    for one in held_out:
        if one["heading"] and borne[_last(one["heading"])] == 1:
            sections.setdefault((one["document"], one["heading"]), []).append(one["passage"])
    chosen = draw.sample(sorted(sections), min(EACH_KIND, len(sections)))
    return [
        Question(
            forms[n % len(forms)].replace("{heading}", _last(heading)), "heading", document, tuple(sections[document, heading])
        )
        for n, (document, heading) in enumerate(chosen)
    ]


def _from_sentences(
    passages: pa.Table,
    held_out: list[dict[str, Any]],
    forms: list[str],
    segmenter: str,
    frequency: Callable[[str], int],
    draw: random.Random,
) -> list[Question]:
    """A few content words of one sentence of a passage, in a form of question; any passage with that sentence answers.

    As a person would, it asks with telling words: TERMS of the RARE that stand in the fewest passages; no numbers, and no
    words of the headings and title, so that finding them is not matching titles.
    """
    picked = [held_out[number] for number in draw.sample(range(len(held_out)), min(3 * EACH_KIND, len(held_out)))]
    lines = [draw.choice(split(one["text"]) or [""]) for one in picked]
    words = segment.terms(segmenter, lines)
    framing = segment.terms(segmenter, [f"{one['heading']} {one['title']}" for one in picked])
    found: list[Question] = []
    for one, line, own, outer in zip(picked, lines, words, framing, strict=True):
        content = [word for word in dict.fromkeys(own) if word not in outer and not any(map(str.isdigit, word))]
        if len(content) >= TERMS and len(found) < EACH_KIND:
            rare = sorted(range(len(content)), key=lambda place: (frequency(content[place]), place))[:RARE]
            asked = " ".join(content[place] for place in sorted(draw.sample(rare, TERMS)))
            text = forms[len(found) % len(forms)].replace("{terms}", asked)
            same = passages.filter(pc.match_substring(passages["text"], line))["passage"].to_pylist()
            found.append(Question(text, "terms", one["document"], tuple(same)))
    return found


def _templates(prompts: dict[str, Any], kind: str) -> list[str]:
    forms: list[str] = prompts.get("questions", {}).get(kind, [])
    if not forms or not all(f"{{{kind}}}" in form for form in forms):
        raise Refused(f"evaluate.toml: questions.{kind} needs at least one text, each with {{{kind}}} in it")
    return forms


def _last(heading: str) -> str:
    return heading.rpartition(PATH)[2]
