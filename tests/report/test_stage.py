"""What the report says is what the artifacts hold."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sejong import nations
from sejong.errors import Failed, Refused
from sejong.flow import Artifact
from sejong.recipe import ReportSettings
from sejong.report.facts import gather
from sejong.report.stage import run
from sejong.report.words import ENGLISH, Words
from tests.report import made
from tests.report.conftest import settings_of

PLAIN = ReportSettings(nation={"name": "Korea", "language_name": "Korean"})


def page_of(inputs: list[Artifact], out: Path, settings: ReportSettings = PLAIN) -> str:
    """The visible words of the English page."""
    out.mkdir(exist_ok=True)
    run(settings, inputs, out)
    text = (out / "index.html").read_text("utf-8")
    body = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", text[text.index("<body>") :], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.mark.parametrize("nation", nations.names())
def test_every_nation_says_everything(nation: str) -> None:
    texts = nations.load(nation).toml("report.toml")
    assert texts.keys() == ENGLISH.keys()
    may_be_written_out = {"language", "nation"}  # a nation may name itself and its language, inflected as the sentence asks
    for key, text in texts.items():
        own, english = set(re.findall(r"\{(\w+)\}", text)), set(re.findall(r"\{(\w+)\}", ENGLISH[key]))
        assert own <= english, key
        assert english - own <= may_be_written_out, key


@pytest.mark.parametrize("nation", nations.names())
def test_every_nation_renders(nation: str, tmp_path: Path) -> None:
    metrics = run(settings_of(nation), made.whole(tmp_path / "run"), tmp_path)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert metrics["languages"] == [nations.load(nation).identity.language, "en"]
    assert metrics["missing"] == []
    assert metrics["bytes"] == len(page.encode())
    assert not re.search(r"\{\w+\}(?![^<]*</style>)", re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL))


def test_nothing_is_loaded_from_anywhere(report: Path) -> None:
    page = report.read_text("utf-8")
    assert re.findall(r"<(?:script|img|iframe|link)[^>]*(?:src|href)=\"(?!data:)", page) == []
    assert "@import" not in page
    assert not re.search(r"url\((?!data:)", page)
    assert re.findall(r"<svg[^>]*>", page)
    drawn = re.sub(r"\d+px", "", "".join(re.findall(r"<svg class=\"chart.*?</svg>", page, flags=re.DOTALL)))
    assert re.findall(r"(?:fill|stroke)=\"#", drawn) == [], "a colour that a theme cannot change"


def test_same_inputs_same_bytes_in_another_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.report.conftest import settings_of; from tests.report import made;"
        "from sejong.report.stage import run; out = Path(sys.argv[1]); run(settings_of('japan'), made.whole(out / 'run'), out)"
    )
    pages = []
    for name, seed, zone in (("a", "1", "UTC"), ("b", "2", "Asia/Tokyo")):
        (tmp_path / name).mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        subprocess.run(
            [sys.executable, "-c", program, tmp_path / name], env=environment, check=True, cwd=Path(__file__).parents[2]
        )
        pages.append((tmp_path / name / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_counts_are_those_of_the_documents(tmp_path: Path) -> None:
    inputs = made.whole(tmp_path)
    corpus = gather(PLAIN, inputs).corpus
    assert corpus is not None
    assert (corpus.documents, corpus.read) == (121, 151)
    assert sum(one.documents for one in corpus.sizes) == 121
    for rows in corpus.groups.values():
        assert (sum(row.documents for row in rows), sum(row.bytes for row in rows)) == (121, corpus.bytes)
    assert [(row.name, row.documents) for row in corpus.groups["licence"]] == [("MPL-2.0", 120), (None, 1)]
    assert [(drop.rule, drop.documents, drop.bytes) for drop in corpus.drops] == [
        ("too_short", 20, 800),
        ("near_duplicate", 10, 400),
    ]
    assert [one["id"] for one in corpus.drops[0].examples][:3] == [f"{number:064x}" for number in (2000, 2002, 2003)]
    assert corpus.masked == [("phone:KR", 1)]


def test_a_size_on_the_edge_falls_into_the_bin_that_begins_there(tmp_path: Path) -> None:
    documents = [made.document(at, "a" * size) for at, size in enumerate((1, 9, 10, 99, 100, 1000), 1)]
    facts = gather(PLAIN, [made.corpus(tmp_path / "corpus", documents, [])])
    assert facts.corpus is not None
    assert {one.low: one.documents for one in facts.corpus.sizes if one.documents} == {1: 1, 6: 1, 10: 1, 56: 1, 100: 1, 1000: 1}
    assert facts.corpus.drops == []


def test_summary_says_how_good_and_how_it_was_bought(tmp_path: Path) -> None:
    page = page_of(made.whole(tmp_path / "run"), tmp_path)
    assert "it needs 1.48 bits for each byte, where a simple statistical model (n-gram) needs 1.72" in page
    assert "121 documents, 117 kB in all, from 3 sources. 80.1% of the documents that were read were kept." in page
    assert "Documents without a licence on record: 1." in page
    assert "4.01 million parameters" in page
    assert "among the first five found in 94.4% of cases" in page
    assert "1.460 – 1.503" in page
    assert "Training started from 56 tensors that follow from seed 7" in page
    assert "lid.176" in page
    assert "telephone number (KR)" in page


def test_energy_is_power_times_time(tmp_path: Path) -> None:
    inputs = [made.pretrain(tmp_path / "pretrain")]
    cores = inputs[0].manifest()["predicate"]["runDetails"]["byproducts"][1]["annotations"]["cores"]
    assert gather(PLAIN.model_copy(update={"core_watts": 10}), inputs).cost.watt_hours == pytest.approx(10 * cores * 215 / 3600)
    gpu = made.finished("align", tmp_path / "align", {"device": "cuda NVIDIA H100"}, 3600)
    settings = PLAIN.model_copy(update={"core_watts": 0, "accelerator_watts": 700})
    assert gather(settings, [gpu]).cost.watt_hours == pytest.approx(700)


def test_missing_stages_are_named_not_invented(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    assert run(PLAIN, [], tmp_path / "none")["missing"] == [
        "corpus", "tokenizer", "comparison", "tokens", "pretrain", "align", "engine", "index", "evaluate",
    ]  # fmt: skip
    page = page_of([made.corpus(tmp_path / "corpus", [made.document(1, "글")], [])], tmp_path / "one")
    assert "says nothing about: Vocabulary, Vocabulary beside others, Text as tokens, Training" in page
    assert "What text went in" in page
    assert "How good it is" not in page
    assert "nothing can be said about its independence" in page


def test_a_run_from_foreign_weights_says_so(tmp_path: Path) -> None:
    page = page_of([made.pretrain(tmp_path / "pretrain", foreign={"name": "open-base-1b", "sha256": "ab"})], tmp_path)
    assert "This model is not independent: training started from the weights of open-base-1b." in page
    assert "It continues from an open model made by others (open-base-1b)" in page
    assert "No weights of another model were loaded" not in page


def test_a_long_curve_is_thinned_to_means(tmp_path: Path) -> None:
    facts = gather(PLAIN, [made.pretrain(tmp_path / "pretrain", steps=6000)])
    assert facts.pretrain is not None
    curve = facts.pretrain.curve
    assert len(curve.training) == 240
    assert curve.training[-1][0] == 6000
    assert curve.training[0][1] == pytest.approx(sum(9 - 5 * (step / 6000) ** 0.3 for step in range(1, 26)) / 25)
    assert len(curve.validation) == 6


def test_a_broken_file_stops_with_a_sentence(tmp_path: Path) -> None:
    inputs = made.whole(tmp_path / "run")
    (inputs[-1].path / "results.json").write_text('[{"model"', "utf-8")
    with pytest.raises(Failed, match=r"results\.json cannot be read .* build again"):
        run(PLAIN, inputs, tmp_path)
    assert not (tmp_path / "index.html").exists()


def test_a_nation_that_lacks_a_word_is_refused(tmp_path: Path) -> None:
    texts = {key: text for key, text in ENGLISH.items() if key != "summary_title"}
    with pytest.raises(Refused, match="lacks the key `summary_title`"):
        run(ReportSettings(nation={"language": "ko"}, texts=texts), [], tmp_path)
    with pytest.raises(Refused, match="unknown key `summry`"):
        Words("ko", {**ENGLISH, "summry": ""})
