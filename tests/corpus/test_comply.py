"""Licences, removals and opt-outs, each step with documents of its own, and what they cost."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus import comply
from sejong.corpus.comply import licence
from sejong.corpus.comply.statements import entry, read, shipped
from sejong.corpus.read.batch import identifier
from sejong.errors import Refused
from sejong.recipe import CorpusSettings

OWN = "LicenseRef-own"
COLUMNS = ("id", "text", "source", "locator", "licence", "contributor", "collected")


def table(*rows: dict[str, Any]) -> pa.Table:
    """Documents; what is not said is as for text of one's own."""
    usual = {"text": "글", "source": "text", "licence": OWN, "contributor": None, "collected": "2026-10-01", "marks": []}
    filled = [usual | row for row in rows]
    for row in filled:
        row.setdefault("id", identifier(row["source"], row["locator"]))
    schema = pa.schema([*((name, pa.string()) for name in COLUMNS), ("marks", pa.list_(pa.string()))])
    return pa.Table.from_pylist(filled, schema)


def judged(rows: pa.Table, **settings: Any) -> list[str | None]:
    """For each document `rule: reason` of the first step that drops it."""
    pages: Any = SimpleNamespace(table=rows, count=len(rows))
    found: list[str | None] = [None] * len(rows)
    for name, step in comply.prepare(CorpusSettings(**settings)):
        judgement = step(pages)
        for index in range(len(rows)):
            if judgement.broken[index] and found[index] is None:
                found[index] = f"{name}: {judgement.reason(index)}"
    return found


def dropped(rows: pa.Table, **settings: Any) -> list[bool]:
    return [one is not None for one in judged(rows, **settings)]


# --- licence --------------------------------------------------------------------------------------------------------------


def test_text_of_ones_own_stays_whatever_is_not_said() -> None:
    assert judged(table({"locator": "a.txt"}, {"locator": "https://example.kr/"}), filters=[]) == [None, None]


@pytest.mark.parametrize("unknown", [None, "", "unknown", "NOASSERTION", "NONE", "MIT AND NOASSERTION"])
def test_an_unknown_licence_must_be_named(unknown: str | None) -> None:
    rows = table({"locator": "a.txt", "licence": unknown})
    assert (judged(rows)[0] or "").startswith("licence: no licence is known for it: name `unknown` in corpus.licences")
    assert judged(rows, licences=["*", "unknown"]) == [None]
    assert dropped(rows, licences=["unknown"]) == [unknown == "MIT AND NOASSERTION"]


def test_only_licences_of_the_list_stay() -> None:
    rows = table(
        *({"locator": str(number), "licence": one} for number, one in enumerate(
            ["CC-BY-SA-4.0", "cc-by-4.0", "MIT AND GPL-2.0-only", "MIT OR GPL-2.0-only", "CC-BY-4.0 AND (MIT OR AGPL-3.0-only)",
             "GPL-2.0-only WITH Classpath-exception-2.0", "공공누리 제1유형", "no (expression"]
        ))
    )  # fmt: skip
    assert dropped(rows, licences=["CC-*", "MIT"]) == [False, False, True, False, False, True, True, True]
    assert dropped(rows, licences=["GPL-2.0-only*", "공공누리*", "no (*"]) == [True, True, True, False, True, False, False, False]
    assert judged(rows, licences=["MIT"])[0] == "licence: its licence CC-BY-SA-4.0 is not one of corpus.licences (named: MIT)"


@given(st.text(alphabet=st.sampled_from("MIT () ANDORWITHX+-.가")))
def test_any_licence_text_has_an_answer(text: str) -> None:
    assert licence.satisfied(text, lambda _: True)
    assert not licence.satisfied(text, lambda _: False)


# --- removals -------------------------------------------------------------------------------------------------------------


def test_removals_by_each_kind() -> None:
    rows = table(
        {"locator": "https://a.kr/1", "contributor": "가"},
        {"locator": "https://a.kr/2", "licence": "CC-BY-4.0 OR MIT"},
        {"locator": "b/1", "licence": "CC-BY-4.0 AND MIT"},
        {"locator": "b/2", "licence": None},
    )
    accepting = {"licences": ["*", "unknown"], "no_signal_is_consent": True}

    def removed(kind: str, value: str) -> list[bool]:
        return dropped(rows, removals=[{"kind": kind, "value": value}], **accepting)

    assert removed("document", rows["id"][1].as_py()) == [False, True, False, False]
    assert removed("contributor", "가") == [True, False, False, False]
    assert removed("locator-prefix", "https://a.kr/") == [True, True, False, False]
    assert removed("locator-prefix", "b/") == [False, False, True, True]
    assert removed("licence", "CC-BY-4.0") == [False, False, True, False], "of A OR B, B still holds"
    assert removed("licence", "unknown") == [False, False, False, True]
    reason = judged(rows, removals=[{"kind": "contributor", "value": "가"}])[0]
    assert reason == "removed: taken down by contributor `가`"


def test_rows_that_share_source_and_locator_go_together() -> None:
    shared = identifier("text", "x")
    rows = table({"locator": "x"}, {"locator": "x", "id": "of its own"}, {"locator": "x", "source": "other"})
    assert comply.removed_by(rows, [{"kind": "document", "value": shared}]).tolist() == [0, 0, -1]


@pytest.mark.parametrize("removal", [{"kind": "author", "value": "x"}, {"kind": "contributor", "value": ""}])
def test_a_removal_that_says_nothing_is_refused(removal: dict[str, str]) -> None:
    with pytest.raises(Refused):
        comply.check(CorpusSettings(removals=[removal]))


# --- opt-outs -------------------------------------------------------------------------------------------------------------


def test_marks_that_mean_no() -> None:
    said = ["x-robots-tag:noai", "meta-robots:noimageai", "tdm-reservation:1", "x-robots-tag:gptbot=noindex"]
    silent = ["x-robots-tag:noindex", "tdm-reservation:0", "x-robots-tag:googlebot=noai", "ocr:0.87", "tdm-policy:https://a"]
    rows = table(*({"locator": f"https://a.kr/{number}", "marks": [one]} for number, one in enumerate([*said, *silent])))
    found = judged(rows)
    assert [one is not None for one in found] == [True] * len(said) + [False] * len(silent)
    assert found[0] == "opt_out: opted out by x-robots-tag `noai`, read 2026-10-01"
    assert found[3] == "opt_out: opted out by x-robots-tag `gptbot=noindex`, read 2026-10-01"


def test_own_lists_of_domains_and_paths() -> None:
    listed = ["example.kr", "*.news.kr", "blog.kr/private", "blog.kr/a*z$", "minutes/2020", "*/secret-*.txt", "한국.kr"]
    rows = table(
        *({"locator": one} for one in [
            "https://example.kr/a", "http://www.EXAMPLE.kr:8080/", "https://notexample.kr/", "https://x.news.kr/",
            "https://blog.kr/private", "https://blog.kr/private/1?x#captured=2", "https://blog.kr/privateer", "https://blog.kr/abcz",
            "https://blog.kr/abczy", "minutes/2020/a.txt", "minutes/2020-1/a.txt", "x/secret-1.txt", "https://xn--3e0b707e.kr/",
        ])
    )  # fmt: skip
    found = judged(rows, opt_outs=[{"name": "press", "date": "2026-11-20", "entries": listed}])
    assert [one is not None for one in found] == [
        True, True, False, True, True, True, False, True, False, True, False, True, True,
    ]  # fmt: skip
    assert found[0] == "opt_out: opted out by list `press`, read 2026-11-20: its entry example.kr covers example.kr"


def test_robots_and_tdmrep_of_a_site() -> None:
    robots = "User-agent: GPTBot\nDisallow: /news\n\nUser-agent: *\nDisallow:\n"
    tdmrep = '[{"location": "/open/*", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]'
    lists = [
        {"name": "files", "date": "2026-11-02", "robots": [{"host": "a.kr", "text": robots}],
         "tdmrep": [{"host": "https://b.kr", "date": "2026-11-03", "text": tdmrep}, {"host": "c.kr", "text": "broken"}]}
    ]  # fmt: skip
    rows = table(
        {"locator": "https://a.kr/news/1"},
        {"locator": "https://a.kr/other"},
        {"locator": "https://b.kr/open/1"},
        {"locator": "https://b.kr/1"},
        {"locator": "https://b.kr/1?", "marks": ["tdm-reservation:0"]},
        {"locator": "https://c.kr/1"},
    )
    found = judged(rows, opt_outs=lists)
    assert [one is not None for one in found] == [True, False, False, True, False, False]
    assert found[0] == "opt_out: opted out by robots.txt `GPTBot`, read 2026-11-02: `Disallow: /news` at a.kr"
    assert found[3] == "opt_out: opted out by tdmrep.json `tdm-reservation 1`, read 2026-11-03: `/` at b.kr"
    assert not any(dropped(rows, opt_outs=lists, crawlers=["NationBot"])[:2]), "another crawler is not concerned"


def test_no_signal_is_not_consent() -> None:
    rows = table(
        {"locator": "https://a.kr/", "licence": None},
        {"locator": "https://a.kr/1", "licence": None, "marks": ["tdm-reservation:0"]},
        {"locator": "https://a.kr/2", "licence": "CC-BY-4.0"},
        {"locator": "a.txt", "licence": None},
    )
    accepting = {"licences": ["*", "unknown"]}
    assert dropped(rows, **accepting) == [True, False, False, False]
    assert dropped(rows, **accepting, no_signal_is_consent=True) == [False] * 4


@pytest.mark.parametrize(
    "wrong",
    [
        {"entries": ["a.kr"]},
        {"name": "x", "domains": ["a.kr"]},
        {"name": "x", "date": "yesterday", "entries": []},
        {"name": "x", "entries": [""]},
        {"name": "x", "robots": [{"text": "User-agent: *"}]},
    ],
)
def test_a_list_of_another_form_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"corpus\.opt_outs"):
        comply.check(CorpusSettings(opt_outs=[wrong]))


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_entry_and_locator_have_an_answer(written: str, rest: str) -> None:
    if written.strip():
        lists = [{"name": "x", "entries": [written]}]
        judged(table({"locator": f"https://a.kr/{rest}"}, {"locator": rest or "x"}), opt_outs=lists)
        assert entry(written, "x", "no date").written


def test_shipped_crawlers_are_known() -> None:
    assert {"GPTBot", "CCBot", "Google-Extended", "ClaudeBot", "Bytespider", "Applebot-Extended"} <= set(shipped())
    assert read([], []).crawlers == list(shipped())


# --- what it cost, and who gave what ----------------------------------------------------------------------------------------


def test_each_signal_is_counted_with_its_date() -> None:
    settings = CorpusSettings(removals=[{"kind": "contributor", "value": "나"}, {"kind": "locator-prefix", "value": "b/"}])
    fell = pa.table(
        {
            "rule": ["opt_out", "opt_out", "licence", "removed", "too_short"],
            "licence": ["MIT", None, None, "MIT", "MIT"],
            "reason": [
                "opted out by robots.txt `GPTBot`, read 2026-11-02: `Disallow: /` at a.kr",
                "opted out by robots.txt `GPTBot`, read 2026-11-02: `Disallow: /x` at b.kr",
                "no licence is known",
                "taken down by contributor `나`",
                "1 visible character",
            ],
            "bytes": [100, 20, 8, 40, 1],
        }
    )
    rows = comply.opt_outs(settings, fell)
    assert [(row["signal"], row["value"], row["date"], row["documents"], row["bytes"]) for row in rows] == [
        ("licence", "unknown", None, 1, 8),
        ("removed", "taken down by contributor `나`", None, 1, 40),
        ("removed", "taken down by locator-prefix `b/`", None, 0, 0),
        ("robots.txt", "GPTBot", "2026-11-02", 2, 120),
    ]
    assert [row["tokens_estimated"] for row in rows] == [2, 10, 0, 30]


def test_dropped_rows_keep_no_text_of_what_was_left_out() -> None:
    rows = table({"locator": "b/1"}, {"locator": "b.jsonl#line-3"}, {"locator": "c"}, {"locator": "d"})
    rules = ["licence", "unreadable", "unreadable", "too_short"]
    fell = rows.append_column("rule", pa.array(rules)).append_column("reason", pa.array(["why"] * 4))
    fell = fell.append_column("excerpt", pa.array(["글"] * 4))
    kept = comply.without_text(fell, [{"kind": "locator-prefix", "value": "b"}])
    assert kept["excerpt"].to_pylist() == ["", "", "글", "글"]
    assert kept["rule"].to_pylist() == ["licence", "removed", "unreadable", "too_short"]
    assert kept["reason"].to_pylist() == ["why", "taken down by locator-prefix `b`", "why", "why"]
    assert comply.without_text(fell.slice(2), []) == fell.slice(2)
    assert comply.without_text(fell.slice(4), [{"kind": "document", "value": "x"}]) == fell.slice(4)


def test_the_contributor_ledger_adds_up() -> None:
    rows = table({"locator": "1", "contributor": "가"}, {"locator": "2", "contributor": "가", "text": "두 글"}, {"locator": "3"})
    expected = [
        {"contributor": None, "licence": OWN, "source": "text", "documents": 1, "bytes": 3},
        {"contributor": "가", "licence": OWN, "source": "text", "documents": 2, "bytes": 3 + 7},
    ]
    assert comply.contributors([rows]) == expected
    assert comply.contributors([comply.counted(rows.slice(0, 1)), rows.slice(1)]) == expected
    assert comply.contributors([]) == []
