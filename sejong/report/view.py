"""The facts as sentences and figures in one language: everything on the page that is more than a number in a cell."""

from typing import Any

from markupsafe import Markup

from sejong.report import charts
from sejong.report.facts import Facts
from sejong.report.measured import OWN, Interval, Measure, Sample
from sejong.report.training import Training
from sejong.report.words import Words

SMALL = 1_000_000_000  # parameters: below it, what a model says by itself is rarely right
NGRAM = "ngram"
SHOWN = 2  # samples of a sort that stand open


class View:
    """One language's reading of the facts."""

    def __init__(self, facts: Facts, words: Words, nation: dict[str, Any], native: bool) -> None:
        self.facts, self.words = facts, words
        self.nation: str = nation.get("endonym" if native else "name", "")
        self.language: str = nation.get("language_endonym" if native else "language_name", "")
        self.code: str = nation.get("language", "")
        self.endonym = self.language if native else "English"
        self.title = words("page_title", nation=self.nation)

    def stages(self, names: list[str]) -> str:
        """Stages by what they do, as a list in a sentence."""
        return ", ".join(self.words.named("stage", name) for name in names)

    def language_of(self, code: str) -> str:
        """The nation's language and English by name, others by code (ISO 639)."""
        return "English" if code == "en" else self.language if code == self.code else code

    def kind_of(self, kind: str) -> str:
        """A kind of personal identifier, such as `email` or `phone:KR`."""
        name, _, which = kind.partition(":")
        return f"{self.words.named('kind', name)} ({which})" if which else self.words.named("kind", name)

    @property
    def contents(self) -> list[str]:
        """The sections that this page has, in order."""
        facts = self.facts
        there: dict[str, Any] = {
            "corpus": facts.corpus,
            "funnel": facts.corpus,
            "curation": facts.corpus,
            "tokenizer": facts.tokenizers is not None,
            "training": facts.pretrain,
            "align": facts.align,
            "results": facts.measured,
            "retrieval": facts.measured and facts.measured.measures,
            "samples": facts.measured and facts.measured.samples,
            "cost": facts.cost.stages,
            "provenance": True,
        }
        return [name for name, present in there.items() if present]

    @property
    def summary(self) -> list[str]:
        """What was built, from how much, how good and at what cost, in sentences."""
        w, facts = self.words, self.facts
        said: list[str] = []
        if facts.pretrain:
            key = "summary_foreign" if self.foreign else "summary_own"
            said.append(w(key, language=self.language, base=self.foreign or ""))
        if corpus := facts.corpus:
            kept = w.percent(corpus.documents / corpus.read) if corpus.read else w.percent(0)
            sources = len(corpus.groups["source"])
            said.append(w("summary_text", documents=corpus.documents, size=w.size(corpus.bytes), sources=sources, share=kept))
            unlicensed = sum(row.documents for row in corpus.groups["licence"] if row.name is None)
            said.append(w("summary_unlicensed", count=unlicensed) if unlicensed else w("summary_licensed"))
        if train := facts.pretrain:
            parameters, epochs = w.count(train.metrics.get("parameters", 0)), w.rounded(train.metrics.get("epochs", 0))
            said.append(w("summary_model", parameters=parameters, tokens=w.count(train.tokens or 0), epochs=epochs))
        if facts.measured and facts.measured.results:
            said.append(self._how_good(facts.measured.results))
        if facts.measured and (found := facts.measured.measure("recall@5")):
            said.append(w("summary_retrieval", share=w.percent(found.value)))
        if facts.cost.stages:
            said.append(w("summary_time", time=w.duration(facts.cost.seconds), energy=w.energy(facts.cost.watt_hours)))
        return said

    def _how_good(self, results: list[dict[str, Any]]) -> str:
        own = self.words.number(results[0]["bits_per_byte"], 2)
        baseline = next((row for row in results[1:] if row["model"] == NGRAM), None)
        if baseline is None:
            return self.words("summary_good_alone", bits=own)
        return self.words("summary_good", bits=own, baseline=self.words.number(baseline["bits_per_byte"], 2))

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The few numbers a reader takes away: (value, what it counts)."""
        w, facts = self.words, self.facts
        found: list[tuple[str, str]] = []
        if facts.corpus:
            found += [(w.number(facts.corpus.documents), w("figure_documents")), (w.size(facts.corpus.bytes), w("figure_text"))]
        if facts.pretrain:
            found.append((w.count(facts.pretrain.metrics.get("parameters", 0)), w("figure_parameters")))
        if facts.measured and facts.measured.results:
            found.append((w.number(facts.measured.results[0]["bits_per_byte"], 2), w("figure_bits")))
        if facts.cost.stages:
            found.append((w.duration(facts.cost.seconds), w("figure_time")))
            found.append((w.energy(facts.cost.watt_hours), w("figure_energy")))
        return found

    @property
    def limits(self) -> list[str]:
        """What the model cannot do."""
        w = self.words
        parameters = self.facts.pretrain.metrics.get("parameters", 0) if self.facts.pretrain else 0
        own = w("limits_small" if parameters < SMALL else "limits_large")
        return [own, w("limits_scope"), w("limits_language", language=self.language), w("limits_people")]

    @property
    def has_contributors(self) -> bool:
        """Whether any document names one."""
        return bool(self.facts.corpus and any(row.name for row in self.facts.corpus.groups["contributor"]))

    @property
    def sizes_alt(self) -> str:
        """The size chart in a sentence."""
        most = max(self.facts.corpus.sizes, key=lambda one: one.documents) if self.facts.corpus else None
        return self.words("sizes_alt", low=self.words.size(most.low), high=self.words.size(most.high)) if most else ""

    @property
    def started(self) -> str:
        """How training began."""
        if self.foreign:
            return self.words("training_foreign", base=self.foreign)
        return self.words("training_own", seed=str(self._seed))

    @property
    def independence(self) -> str:
        """Whose weights training started from."""
        origin = self.facts.provenance
        if origin.initial is None:
            return self.words("independence_unknown")
        if self.foreign:
            return self.words("independence_foreign", base=self.foreign)
        return self.words("independence_own", tensors=origin.tensors, seed=str(self._seed))

    def loss_alt(self, training: Training) -> str:
        """A loss chart in a sentence or two."""
        w, curve = self.words, training.curve
        first, last = curve.training[0][1], curve.training[-1][1]
        said = w("loss_alt", first=w.rounded(first), last=w.rounded(last), steps=training.steps)
        if not curve.validation:
            return said
        return f"{said} {w('loss_alt_validation', validation=w.rounded(curve.validation[-1][1]))}"

    @property
    def samples(self) -> tuple[list[Sample], list[Sample]]:
        """The samples shown at once, some of each sort, and those behind a click."""
        every = self.facts.measured.samples if self.facts.measured else []
        asked = [one for one in every if one.question]
        begun = [one for one in every if not one.question]
        return asked[:SHOWN] + begun[:SHOWN], asked[SHOWN:] + begun[SHOWN:]

    @property
    def shape(self) -> list[tuple[str, str]]:
        """The model's size and how it was trained: (name, value)."""
        if (train := self.facts.pretrain) is None:
            return []
        w, shape, metrics = self.words, train.shape, train.metrics
        rows: list[tuple[str, str | None]] = [
            ("parameters", _shown(metrics.get("parameters"), w.number)),
            ("layers", _shown(shape.get("num_hidden_layers"), w.number)),
            ("width", _shown(shape.get("hidden_size"), w.number)),
            ("heads", "{num_attention_heads} ({num_key_value_heads})".format_map(shape) if shape else None),
            ("context", _shown(shape.get("max_position_embeddings"), w.number)),
            ("steps", w.number(train.steps)),
            ("tokens", _shown(train.tokens, w.number)),
            ("epochs", _shown(metrics.get("epochs"), w.rounded)),
            ("rate", _shown(self._rate, w.plain)),
            ("dtype", metrics.get("dtype")),
            ("device", metrics.get("device")),
        ]
        return [(w(f"shape_{name}"), value) for name, value in rows if value]

    def between(self, interval: list[float] | None, digits: int) -> str:
        """An interval as two numbers."""
        return f"{self.words.number(interval[0], digits)} – {self.words.number(interval[1], digits)}" if interval else "–"

    def measured(self, one: Measure) -> tuple[str, str]:
        """A measure and its interval: a share as a percentage, a mean rank as a number."""
        if one.name == "mrr":
            return self.words.number(one.value, 3), self.between([one.low, one.high], 3)
        return self.words.percent(one.value), self.shares(one.low, one.high)

    def shares(self, low: float, high: float) -> str:
        """An interval as two percentages."""
        return f"{self.words.percent(low)} – {self.words.percent(high)}"

    @property
    def results_chart(self) -> Markup:
        """Bits per byte with intervals."""
        w = self.words
        results = self.facts.measured.results if self.facts.measured else []
        rows = [
            Interval(w.named("model", row["model"]), row["bits_per_byte"], low, high, own=row["model"] in OWN)
            for row in results
            for low, high in [row["interval"] or [row["bits_per_byte"]] * 2]
        ]
        values = "; ".join(f"{row.name} {w.number(row.value, 3)} ({self.between([row.low, row.high], 3)})" for row in rows)
        return charts.intervals(rows, w, w("results_alt", values=values), form=".1f")

    @property
    def measures_chart(self) -> Markup:
        """Search and refusal: the measures that are shares of questions."""
        w = self.words
        measures = self.facts.measured.measures if self.facts.measured else []
        rows = [Interval(w.named("measure", one.name), one.value, one.low, one.high) for one in measures if one.name != "mrr"]
        values = "; ".join(f"{row.name} {w.percent(row.value)} ({self.shares(row.low, row.high)})" for row in rows)
        return charts.intervals(rows, w, w("retrieval_alt", values=values), highest=1, form=".0%")

    @property
    def foreign(self) -> str | None:
        """The open model that training continued from."""
        initial = self.facts.provenance.initial
        foreign = initial["foreign"] if initial else None
        return str(foreign.get("name", "?")) if foreign else None

    @property
    def _seed(self) -> int:
        return int(self.facts.provenance.initial["seed"]) if self.facts.provenance.initial else 0

    @property
    def _rate(self) -> float | None:
        rows = self.facts.pretrain.rates if self.facts.pretrain else []
        return max(rows, default=None)


def _shown(value: Any, form: Any) -> str | None:
    return None if value is None else str(form(value))
