"""The recipe: everything a build depends on, validated. `size` is the one dial; every value can be overridden.

A recipe file (`recipe.toml`) holds only what was asked: nation, size, seed, text, and overrides. `resolve` turns it into a
`Recipe` in which the nation's data and the dial's values have been filled in, one frozen section a stage.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SIZES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "sizes.toml").read_text("utf-8"))


class Section(BaseModel):
    """The settings of one stage."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class OutsideModel(Section):
    """A model or tokenizer made by others. Its hash is part of an identity, where it lies is not."""

    name: str = Field(description="what tables call it")
    sha256: str = Field(description="hash of its files")
    path: str = Field(default="", exclude=True, description="folder, tokenizer.json or GGUF file on this machine")


class OutsideFile(Section):
    """A file of data made by others that a stage reads. Its hash is part of an identity, where it lies is not."""

    name: str = Field(description="what tables call it")
    sha256: str = Field(description="hash of the file")
    path: str = Field(default="", exclude=True, description="the file on this machine")


class SourcesSettings(Section):
    """Where text comes from when no --text is given: entries of the nation's sources.toml."""

    use: list[str] = Field(default=[], description="names of sources in the nation's sources.toml; empty: its defaults")
    catalogue: dict[str, dict[str, Any]] = Field(default={}, description="the nation's sources.toml")
    licence: str | None = Field(default=None, description="SPDX licence of the text given with --text, where a file names none")


class CorpusSettings(Section):
    """Read, identify, filter, deduplicate, redact, split."""

    language: str = Field(default="", description="ISO 639-1 code of the language to keep")
    scripts: list[str] = Field(default=[], description="Unicode scripts of that language")
    encodings: list[str] = Field(default=[], description="legacy encodings to try, most likely first")
    ocr: list[str] = Field(default=[], description="Tesseract's language packs for scanned pages; empty: what the scripts need")
    language_score: float = Field(default=0.5, ge=0, le=1, description="a document of lower confidence is dropped")
    filters: list[str] = Field(default=[], description="quality rules to apply, in order; [] keeps every readable document")
    rules: dict[str, dict[str, Any]] = Field(default={}, description="limits of each rule, from the nation's filters.toml")
    identifiers: list[str] = Field(default=[], description="kinds of personal identifiers to mask, from the nation's pii.toml")
    identifier_rules: dict[str, Any] = Field(
        default={}, description="words beside identifiers, and sentences to measure their search with, from pii.toml"
    )
    near_duplicates: float = Field(
        default=0.8, gt=0, le=1, description="Jaccard similarity from which a document is a near-duplicate"
    )
    together: float = Field(
        default=0.6, gt=0, le=1, description="Jaccard similarity from which documents stay on one side of the split"
    )
    licences: list[str] = Field(
        default=["*"], description="SPDX identifiers (globs) that a document may have; `unknown` must be named to be accepted"
    )
    crawlers: list[str] = Field(
        default=[], description="crawler names whose robots.txt rules count as this builder's; empty: the list shipped"
    )
    opt_outs: list[dict[str, Any]] = Field(
        default=[],
        description="files with domains and paths that asked to be left out, or tables: name, date, entries, robots, tdmrep",
    )
    no_signal_is_consent: bool = Field(
        default=False, description="whether a web page of unknown licence may be used when no opt-out signal was found for it"
    )
    removals: list[dict[str, str]] = Field(
        default=[],
        description="what `sejong takedown` removed from this run: kind and value; with their dates in the run's removals.jsonl",
    )
    references: list[str] = Field(
        default=[], description="names of sources that show good text; with them a quality classifier is trained"
    )
    decontaminate: list[OutsideFile] = Field(default=[], description="evaluation sets whose items must not be in the corpus")
    word_lists: list[OutsideFile] = Field(default=[], description="lists of words to count in each document (adult, toxic)")
    engine: Literal["local", "ray"] = Field(
        default="local", exclude=True, description="who runs the workers: this machine or a Ray cluster"
    )
    workers: int = Field(default=0, ge=0, exclude=True, description="worker processes; 0: one a core")
    validation: float = Field(default=0.02, ge=0, lt=0.5, description="share of documents kept for validation")
    test: float = Field(default=0.02, ge=0, lt=0.5, description="share of documents kept for the final test")


class TokenizerSettings(Section):
    """Byte-level BPE from the training split."""

    vocabulary: int = Field(default=32768, ge=512, le=262144, description="number of tokens, special tokens included")
    pieces: str = Field(default="llama3", description="pre-segmentation at inference, a registry name")
    segmenter: str = Field(default="", description="word segmenter whose boundaries no merge may cross in training; empty: none")
    sample_bytes: int = Field(default=64_000_000, ge=1, description="bytes of text to train on, drawn evenly")
    temper: float = Field(default=0.5, gt=0, le=1, description="a word weighs its count in a source to this power; 1: its count")
    balance: float = Field(default=0.5, ge=0, le=1, description="a source counts by its bytes to this power; 1: as it is")
    superwords: float = Field(
        default=0.0, ge=0, lt=1, description="share of the vocabulary learnt across spaces; needs pieces that hold several words"
    )
    system: str = Field(default="", description="the assistant's instructions, written into the chat template")
    base: OutsideModel | None = Field(
        default=None, description="tokenizer to take over instead, where pretraining starts from a foreign model"
    )
    extend: int = Field(default=0, ge=0, le=262144, description="new tokens to add to the base's, learnt from the nation's text")


class ComparisonSettings(Section):
    """The tokenizer beside others on held-out text."""

    against: list[OutsideModel] = Field(default=[], description="tokenizers to compare with, the ones found on this machine")


class TokensSettings(Section):
    """Token shards on disk."""

    shard_tokens: int = Field(default=100_000_000, ge=1024, description="tokens a shard file")


class PretrainSettings(Section):
    """A Llama-shaped model, from zero unless `base` names an open model."""

    seed: int = Field(default=1, description="seed of the weights and of the order")
    width: int = Field(default=192, ge=8, description="hidden size")
    depth: int = Field(default=6, ge=1, description="layers")
    heads: int = Field(default=6, ge=1, description="attention heads")
    kv_heads: int = Field(default=3, ge=1, description="key and value heads (grouped-query attention)")
    qk_norm: bool = Field(default=False, description="norms on queries and keys: steadier at high rates, a little slower")
    tied: bool | None = Field(default=None, description="the output layer is the embedding; none: below a width of 2048")
    experts: int = Field(
        default=0, ge=0, description="experts of each layer, with norms on queries and keys; 0: one for all tokens"
    )
    experts_per_token: int = Field(default=2, ge=1, description="experts that a token takes")
    router_loss: float = Field(default=0.01, ge=0, description="weight of the loss that spreads tokens over the experts")
    context: int = Field(default=512, ge=16, description="tokens a sequence")
    batch_tokens: int = Field(default=8192, ge=16, description="tokens an optimiser step")
    pass_tokens: int = Field(
        default=4096, ge=16, description="tokens a forward and backward pass; gradients add up to batch_tokens"
    )
    optimiser: Literal["muon", "adamw"] | None = Field(
        default=None, description="muon: for the layers' matrices, with AdamW for the rest; none: muon, but adamw on a base"
    )
    learning_rate: float | None = Field(default=None, gt=0, description="peak learning rate; none: from optimiser and width")
    z_loss: float = Field(
        default=0.0, ge=0, description="weight of the squared logarithm of the softmax's normaliser in the loss"
    )
    tokens: int | None = Field(default=None, ge=1, description="tokens to train on; none: from steps or seconds")
    steps: int | None = Field(default=None, ge=1, description="optimiser steps; none: from tokens or seconds")
    seconds: float | None = Field(default=None, gt=0, description="time budget, turned into steps by a probe")
    epochs: float = Field(
        default=16, gt=0, description="at most this many passes over the text, whatever was asked; settled before training"
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="number format; auto: the faster in a probe"
    )
    compile: bool | Literal["auto"] = Field(default="auto", description="torch.compile; auto: where a probe shows that it pays")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0: all cores, recorded by the probe")
    mix: dict[str, float] = Field(default={}, description="epochs of each source in training; 1 where a source is not named")
    temperature: float = Field(default=1.0, gt=0, le=1, description="sources are drawn by size to this power; 1: as they are")
    mix_quality: list[tuple[float, float]] = Field(
        default=[],
        description="pairs of a quantile of the quality score, and a factor on the epochs of documents from it on: [[0.9, 2.0]]",
    )
    late: list[str] = Field(default=[], description="sources placed last in training, since they may be withdrawn")
    late_share: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="share of the tokens read that is theirs; none: as of the text, settled before training",
    )
    keep: int = Field(
        default=2, ge=0, description="checkpoints of the first pass that stay while training goes on, beside the newest two"
    )
    goldfish: int | None = Field(
        default=None,
        ge=2,
        description="one of so many tokens gives no loss, always the same in a passage, against learning by heart; none: all do",
    )
    base: OutsideModel | None = Field(default=None, description="folder of a foreign open model to continue from")


class AlignSettings(Section):
    """Instruction tuning on conversations made from the corpus."""

    seed: int = Field(default=1, description="seed of the conversations and their order")
    batch_tokens: int = Field(default=8192, ge=16, description="tokens an optimiser step")
    pass_tokens: int = Field(
        default=4096, ge=16, description="tokens a forward and backward pass; gradients add up to batch_tokens"
    )
    learning_rate: float | None = Field(default=None, gt=0, description="peak learning rate; none: from the width")
    conversations: int = Field(default=200_000, ge=1, description="at most this many conversations are made")
    steps: int | None = Field(default=None, ge=1, description="optimiser steps; none: from seconds")
    seconds: float | None = Field(default=None, gt=0, description="time budget, turned into steps by the probe")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto", description="number format; auto: as pretraining's probe found"
    )
    compile: bool | Literal["auto"] = Field(default="auto", description="torch.compile; auto: as pretraining's probe found")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0: all cores, recorded by the probe")
    prompts: dict[str, Any] = Field(default={}, description="question templates and fixed replies, from the nation's prompts")


class EngineSettings(Section):
    """The aligned model in the format of the embedded serving engine."""

    precision: Literal["float32", "float16"] = Field(default="float32", description="number format of the weights on disk")


class IndexSettings(Section):
    """Passages and their BM25 index."""

    segmenter: str = Field(default="words", description="registry name of the segmenter that yields search terms")
    scripts: list[str] = Field(default=[], description="Unicode scripts of the language, for the example questions")
    passage_characters: int = Field(default=600, ge=50, description="longest passage")
    prompts: dict[str, Any] = Field(default={}, description="question templates, from the nation's prompts")


class EvaluateSettings(Section):
    """Bits per byte, retrieval and refusal, samples."""

    seed: int = Field(default=1, description="seed of the bootstrap, of the questions and of the samples")
    baselines: list[str] = Field(default=["ngram"], description="what to compare with: ngram, installed, or a model's path")
    models: list[OutsideModel] = Field(default=[], description="the models that baselines names, found on this machine")
    bytes: int = Field(default=60_000, ge=1, description="bytes of held-out text to score")
    threads: int = Field(default=0, ge=0, description="CPU threads; 0: all cores")
    prompts: dict[str, Any] = Field(
        default={}, description="question templates and out-of-domain questions, from the nation's prompts"
    )


class ReportSettings(Section):
    """One page from the artifacts."""

    nation: dict[str, Any] = Field(default={}, description="the nation's names")
    texts: dict[str, str] = Field(default={}, description="the page's words in the nation's language, from report.toml")
    core_watts: float = Field(
        default=12, ge=0, description="assumed power of one processor core in watts, for the energy estimate"
    )
    accelerator_watts: float = Field(
        default=700, ge=0, description="assumed power of one accelerator in watts, for the energy estimate"
    )


class LedgerSettings(Section):
    """The chain of everything above."""


class Recipe(BaseModel):
    """A whole build, resolved."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    nation: str
    size: str
    seed: int = 1
    sources: SourcesSettings
    corpus: CorpusSettings
    tokenizer: TokenizerSettings
    comparison: ComparisonSettings
    tokens: TokensSettings
    pretrain: PretrainSettings
    align: AlignSettings
    engine: EngineSettings
    index: IndexSettings
    evaluate: EvaluateSettings
    report: ReportSettings
    ledger: LedgerSettings


SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Recipe.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
