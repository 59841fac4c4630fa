"""The stage `index`: the corpus as passages that can be searched, and the coverage from which one fits a question."""

import json
import re
from pathlib import Path
from typing import Any, TypeVar

import bm25s
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from sejong.errors import Failed
from sejong.flow import Artifact, the_only
from sejong.language import scripts, segment
from sejong.recipe import IndexSettings
from sejong.retrieval import bm25f, build
from sejong.retrieval.index import Index
from sejong.retrieval.passages import PATH

# Where the nation has no questions to set it on. On 600 questions of KorQuAD 1.0 and software documentation of 8 MB it accepts
# 98% over the articles that answer them and refuses 99% over the documentation.
DEFAULT_THRESHOLD = 0.45
FLOOR, STEP = 0.35, 0.01  # thresholds tried: below the floor two words in common are enough for a short question
ACCEPTED, REFUSED = 0.95, 0.98
LEAST_TERMS = 2  # a passage that shares one word with a longer question is chance
ANSWERABLE = 200  # questions made from headings to set the threshold on
LONG_ENOUGH = 60  # characters of a passage worth showing as an example
EXAMPLES = 3
LOOKED_AT = 1000  # passages, drawn evenly
OWN_SCRIPT = 0.7  # of the letters of an example and of what answers it
PLACE = re.compile(r"\{\w+\}")
Drawn = TypeVar("Drawn")


def run(settings: IndexSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Cut all documents into passages, index them, and set the threshold of refusal. All splits are indexed."""
    corpus = the_only(inputs, "corpus")
    documents = ds.dataset(corpus.path / "documents", format="parquet")
    passages = build.passages_of(documents.to_batches(columns=list(build.COLUMNS)), settings.passage_characters)
    if passages.num_rows == 0:
        raise Failed("the corpus has no text to make passages from: look at its dropped.parquet for the reasons")
    distinct = build.write(passages, build.terms_of(passages, settings.segmenter), out)
    maker = segment.outside_model(settings.segmenter)
    (out / "outside_models.json").write_text(_json([maker] if maker else []), "utf-8")

    about: dict[str, Any] = {
        "segmenter": settings.segmenter,
        "passage_characters": settings.passage_characters,
        "documents": documents.count_rows(),
        "passages": passages.num_rows,
        "terms": distinct,
        "weights": {"heading": bm25f.HEADING, "frame": bm25f.FRAME, "text": 1.0, "fragment": bm25f.FRAGMENT},
        "bm25": {"library": "bm25s", "version": bm25s.__version__, "method": "bm25f", "k1": bm25f.K1, "b": bm25f.B},
        "question_words": question_words(settings),
        "examples": examples(settings, passages),
        "refusal": {"threshold": DEFAULT_THRESHOLD, "least_terms": LEAST_TERMS, "set_on": "default"},
    }
    _write(about, out)
    about["refusal"] = refusal(settings, Index(out), passages)
    _write(about, out)
    return {
        "passages": passages.num_rows,
        "terms": distinct,
        "characters_per_passage": round(float(np.mean([len(one) for one in passages["text"].to_pylist()])), 1),
        "refusal_threshold": about["refusal"]["threshold"],
    }


def question_words(settings: IndexSettings) -> list[str]:
    """The search terms of the question templates themselves: words such as `what` or `how` say nothing about what is asked."""
    bare = [PLACE.sub(" ", text) for text in _strings(settings.prompts) if PLACE.search(text)]
    return sorted({term for terms in segment.terms(settings.segmenter, bare) for term in terms})


def examples(settings: IndexSettings, passages: pa.Table) -> list[str]:
    """A few questions that the corpus answers, to begin with: headings of passages that have something to say."""
    long_enough = passages.filter(pc.greater_equal(pc.utf8_length(passages["text"]), LONG_ENOUGH))
    rows = zip(long_enough["heading"].to_pylist(), long_enough["text"].to_pylist(), strict=True)
    under = {heading.rpartition(PATH)[2]: text for heading, text in rows}
    telling = [(heading, text) for heading, text in sorted(under.items()) if 2 <= len(heading) <= 30]
    return _asked(_drawn(_translated(_drawn(telling, LOOKED_AT), settings.scripts), EXAMPLES), settings)


def _translated(pairs: list[tuple[str, str]], own: list[str]) -> list[str]:
    """The headings that, like their texts, are in the nation's scripts: not of a page that nobody has translated."""
    if not pairs or not own:
        return [heading for heading, _ in pairs]
    shares = [scripts.share(scripts.Characters.of(pa.array(column, pa.string())), own) for column in zip(*pairs, strict=True)]
    return [heading for (heading, _), *found in zip(pairs, *shares, strict=True) if min(found) >= OWN_SCRIPT]


def refusal(settings: IndexSettings, index: Index, passages: pa.Table) -> dict[str, Any]:
    """Set the least coverage at which a passage fits, between questions the corpus answers and questions it does not.

    The threshold is the least, from `FLOOR` on, that refuses `REFUSED` of the nation's out-of-domain development questions,
    as long as `ACCEPTED` of the questions made of headings keep a passage. Without such questions it stays at the default.
    """
    outside = [text for text in _strings(settings.prompts.get("development", {})) if not PLACE.search(text)]
    inside = _asked(_drawn(_last(passages["heading"]), ANSWERABLE), settings)
    if not outside or not inside:
        return dict(index.about["refusal"])
    answerable, unanswerable = (np.array([index.coverage(one) for one in questions]) for questions in (inside, outside))
    tried = np.arange(FLOOR, 1.0, STEP)
    accepted = (answerable[None, :] >= tried[:, None]).mean(axis=1)
    refused = (unanswerable[None, :] < tried[:, None]).mean(axis=1)
    allowed = max(1, int((accepted >= ACCEPTED).sum()))  # `accepted` falls with the threshold
    chosen = min(int(np.argmax(refused >= REFUSED)) if refused.max() >= REFUSED else len(tried), allowed - 1)
    return {
        "threshold": round(float(tried[chosen]), 4),
        "least_terms": LEAST_TERMS,
        "set_on": "headings as questions against the nation's development questions",
        "answerable": len(answerable),
        "answerable_accepted": round(float(accepted[chosen]), 4),
        "unanswerable": len(unanswerable),
        "unanswerable_refused": round(float(refused[chosen]), 4),
    }


def _last(headings: pa.ChunkedArray) -> list[str]:
    """The innermost heading of each path, in the order of the alphabet."""
    return sorted({heading.rpartition(PATH)[2] for heading in headings.to_pylist()} - {""})


def _drawn(found: list[Drawn], most: int) -> list[Drawn]:
    """At most `most`, evenly drawn."""
    return found[:: max(1, len(found) // most)][:most]


def _asked(headings: list[str], settings: IndexSettings) -> list[str]:
    """Each heading in one of the nation's forms of a question; bare where it has none."""
    forms = [text for text in _strings(settings.prompts) if "{heading}" in text] or ["{heading}"]
    return [forms[number % len(forms)].replace("{heading}", heading) for number, heading in enumerate(headings)]


def _strings(node: Any) -> list[str]:
    """All texts of nested tables and lists, in order."""
    if isinstance(node, str):
        return [node]
    nested = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [text for one in nested for text in _strings(one)]


def _write(about: dict[str, Any], out: Path) -> None:
    (out / "index.json").write_text(_json(about), "utf-8")


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
