"""Measure what was built: bits per byte beside baselines, retrieval and refusal, samples. Nothing here looks for models."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from sejong.errors import Refused, did_you_mean
from sejong.evaluate import bits_per_byte, ngram, questions, retrieval, samples, texts
from sejong.evaluate.model import LanguageModel, open_model
from sejong.flow import Artifact, the_only
from sejong.flow.progress import console
from sejong.language import segment
from sejong.recipe import EvaluateSettings
from sejong.retrieval import Hit, Index, open_index

FROM_DOCUMENTS = 3  # held-out documents whose beginning is continued
ANSWERS = 4  # questions that the tuned model answers from a passage


def run(settings: EvaluateSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Score the pretrained and the tuned model, an n-gram model and the given others on held-out documents; ask the index.

    Raises:
        Refused: a baseline is unknown, missing or damaged; evaluate.toml lacks a part.
    """
    corpus, pretrain, align = (the_only(inputs, stage).path for stage in ("corpus", "pretrain", "align"))
    if settings.threads:
        torch.set_num_threads(settings.threads)
    pretrained = open_model(str(pretrain / "model"), "pretrain")
    tuned = open_model(str(align / "model"), "align")

    split, held_out = _held_out(corpus, settings.bytes)
    results = _results(settings, corpus, [pretrained, tuned], split, held_out)
    _write_json(out / "results.json", results)

    index = open_index(the_only(inputs, "index").path)
    segmenter = index.about["segmenter"]
    passages = pq.read_table(
        the_only(inputs, "index").path / "passages.parquet", columns=["passage", "document", "heading", "text", "title"]
    )
    answerable = questions.answerable(
        corpus, passages, settings.prompts, segmenter, lambda term: retrieval.frequency(index, term), settings.seed
    )
    outside, left_out = questions.unanswerable(index, settings.prompts)
    found, asked = retrieval.measure(index, [*answerable, *outside], left_out, settings.seed)
    _write_json(out / "retrieval.json", found)
    lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in asked)
    (out / "questions.jsonl").write_text("".join(lines), "utf-8")

    written = samples.write(pretrained, _beginnings(pretrained, settings, held_out), settings.seed)
    written += samples.write(tuned, _conversations(tuned, index, answerable), settings.seed)
    _write_json(out / "samples.json", written)
    _write_json(out / "outside_models.json", _outside(settings, segmenter))
    measures = ("recall@1", "recall@5", "mrr", "refusal", "false_refusal")
    return {
        "text": split,
        **{f"bits_per_byte_{row['model']}": row["bits_per_byte"] for row in results},
        **{name: found[name] and found[name]["value"] for name in measures},
    }


def _held_out(corpus: Path, limit: int) -> tuple[str, list[str]]:
    """The test split's documents; the validation split's where no document fell into the test."""
    for split in ("test", "validation"):
        if found := texts.documents(corpus, split, limit):
            return split, found
    console.print("  no document is held out, so nothing can be scored: give more text, or raise corpus.test")
    return "none", []


def _results(
    settings: EvaluateSettings, corpus: Path, own: list[LanguageModel], split: str, held_out: list[str]
) -> list[dict[str, Any]]:
    """Rows of the own models, then of the baselines in the order they are named."""
    _check(settings)
    if not held_out:
        return []
    rows = [bits_per_byte.measure(model, held_out, split, settings.seed) for model in own]
    if "ngram" in settings.baselines:
        rows.append(_ngram_row(settings, corpus, split, held_out))
    foreign = (open_model(one.path, one.name) for one in settings.models)
    return rows + [bits_per_byte.measure(model, held_out, split, settings.seed) for model in foreign]


def _ngram_row(settings: EvaluateSettings, corpus: Path, split: str, held_out: list[str]) -> dict[str, Any]:
    counted, whole = texts.training(corpus, ngram.LARGEST)
    size = sum(len(text.encode()) for text in counted)
    if size < whole:
        console.print(f"  the n-gram baseline counts {size:,} of the {whole:,} bytes of training text, drawn evenly")
    choose_on = texts.documents(corpus, "validation", settings.bytes) if split == "test" else []
    model = ngram.train(counted, choose_on)
    return bits_per_byte.row("ngram", split, model.score(held_out), settings.seed) | {
        "order": model.order,
        "trained_on_bytes": size,
    }


def _check(settings: EvaluateSettings) -> None:
    """Every baseline that is named is `ngram` or was found."""
    known = ["ngram", *(one.name for one in settings.models)]
    for name in settings.baselines:
        if name not in known:
            raise Refused(
                f"evaluate.baselines names `{name}`, which was not found ({did_you_mean(name, known)}): run `make baselines`"
            )


def _beginnings(model: LanguageModel, settings: EvaluateSettings, held_out: list[str]) -> list[dict[str, Any]]:
    """The nation's beginnings and those of some held-out documents, as prompts."""
    given = [("nation", text) for text in settings.prompts.get("samples", {}).get("beginnings", [])]
    given += [("held-out document", samples.beginning_of(text)) for text in held_out[:FROM_DOCUMENTS]]
    encoded = model.encode([text for _, text in given]) if given else []
    return [
        {"prompt": text, "from": source, "ids": [model.begin, *one.ids.tolist()]}
        for (source, text), one in zip(given, encoded, strict=True)
    ]


def _conversations(model: LanguageModel, index: Index, answerable: list[questions.Question]) -> list[dict[str, Any]]:
    """Questions as the service asks them: with the passage that fits best, where one does, or what there is room for of it."""
    found = []
    for question in answerable[:ANSWERS]:
        ids, given = _conversation(model, question.text, index.best(question.text))
        found.append({"prompt": question.text, "from": "question", "passage": given, "ids": ids})
    return found


def _conversation(model: LanguageModel, question: str, hit: Hit | None) -> tuple[list[int], str | None]:
    """What the model reads, and the part of the passage that is in it."""
    asked = {"role": "user", "content": question}
    if hit is not None:
        for text in (hit.text, hit.quotation):
            content = f"{hit.heading}\n{text}" if hit.heading else text
            ids = model.conversation([{"role": "passage", "content": content}, asked])
            if len(ids) + samples.LONGEST <= model.context:
                return ids, text
    return model.conversation([asked]), None


def _outside(settings: EvaluateSettings, segmenter: str) -> list[dict[str, str]]:
    """Models made by others that this stage used; none of them touched what the own models learned from."""
    maker = segment.outside_model(segmenter)
    found = [maker | {"role": f"{maker['role']}, for the questions"}] if maker else []
    return found + [
        {"name": one.name, "version": "", "licence": "", "sha256": one.sha256, "role": "compared with"} for one in settings.models
    ]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")
