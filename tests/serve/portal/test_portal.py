"""The portal in a real Chromium, against a small service that speaks the gateway's contract."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.serve.portal.chromium import colours, contrast, too_wide
from tests.serve.portal.fake_gateway import HOSTILE, KEY, FakeGateway

pytestmark = pytest.mark.browser

NATIVE = tomllib.loads((Path(__file__).parents[3] / "sejong/nations/korea/portal.toml").read_text("utf-8"))
ENGLISH = tomllib.loads((Path(__file__).parents[3] / "sejong/serve/portal/en.toml").read_text("utf-8"))
STYLE = (Path(__file__).parents[3] / "sejong/serve/portal/style.css").read_text("utf-8")


def ask(page: Page, question: str, finished: bool = True) -> None:
    """Type a question, send it, and wait for the end of the answer."""
    page.fill("#question", question)
    page.press("#question", "Enter")
    if finished:
        expect(page.locator("#send")).to_be_visible()
        expect(page.locator("#log")).to_have_attribute("aria-busy", "false")


def test_key_moves_from_the_address_into_the_tab(page: Page, gateway: FakeGateway) -> None:
    assert page.url == gateway.url
    assert page.evaluate("sessionStorage.getItem('sejong.key')") == KEY
    assert page.evaluate("Object.values(localStorage).join()").find(KEY) == -1
    expect(page.locator("#key")).to_be_hidden()


def test_key_is_asked_for_and_a_refused_one_loses_nothing(open_page: Callable[..., Page], gateway: FakeGateway) -> None:
    page = open_page(key="")
    expect(page.locator("#key")).to_be_visible()
    page.fill("#key-input", "wrong")
    page.press("#key-input", "Enter")
    ask(page, "셀 병합하기")
    expect(page.locator("#key-error")).to_have_text(NATIVE["error_key"])
    expect(page.locator(".turn")).to_have_count(0)
    page.fill("#key-input", KEY)
    page.press("#key-input", "Enter")
    expect(page.locator("#question")).to_have_value("셀 병합하기")
    page.press("#question", "Enter")
    expect(page.locator(".quotation blockquote")).to_be_visible()
    assert len(gateway.asked) == 1


def test_quotation_stands_apart_from_the_models_words(page: Page) -> None:
    ask(page, "셀을 병합하려면?")
    answer = page.locator(".answer")
    expect(answer.locator(".quotation figcaption")).to_have_text(NATIVE["quotation_label"])
    expect(answer.locator(".quotation blockquote")).to_contain_text("병합할 셀을 선택한 다음")
    expect(answer.locator(".quotation .from")).to_contain_text("라이선스: MPL-2.0")
    expect(answer.locator(".own .label")).to_have_text(NATIVE["model_label"])
    expect(answer.locator(".own .said")).not_to_contain_text("병합할 셀을 선택한 다음")
    expect(answer.locator(".own strong")).to_have_text("병합")
    expect(answer.locator(".own li")).to_have_text(["서식 메뉴", "Ctrl 키 😀"])
    expect(page.locator("#status")).to_have_text(NATIVE["answered"])


def test_no_character_is_ever_shown_broken(page: Page) -> None:
    page.evaluate(
        """() => {
          window.seen = [];
          const log = document.querySelector("#log");
          new MutationObserver(() => seen.push(log.textContent)).observe(log, { childList: true, subtree: true });
        }"""
    )
    ask(page, "셀을 병합하려면?")
    seen = page.evaluate("window.seen")
    assert len(seen) > 5, "the answer did not come bit by bit"
    assert not any("\ufffd" in text for text in seen)
    assert "😀" in seen[-1]


def test_stop_keeps_what_came_and_says_so(page: Page, gateway: FakeGateway) -> None:
    ask(page, "느리게", finished=False)
    expect(page.locator(".own .said")).to_contain_text("낱말2")
    page.click("#stop")
    expect(page.locator(".answer .ended")).to_have_text(NATIVE["stopped"])
    expect(page.locator(".own .said")).to_contain_text("낱말2")
    expect(page.locator(".own .said")).not_to_contain_text("낱말60")
    for _ in range(100):  # a busy machine notices late
        if gateway.cut_off:
            break
        page.wait_for_timeout(100)
    assert gateway.cut_off == 1, "the service went on writing for nobody"
    page.reload()
    page.click(".history .row")
    expect(page.locator(".answer .ended")).to_have_text(NATIVE["stopped"])


def test_refusal_is_shown_as_one(page: Page) -> None:
    ask(page, "달의 뒷면")
    expect(page.locator(".refusal .label")).to_have_text(NATIVE["refusal_label"])
    expect(page.locator(".refusal .said")).to_have_text("이 질문에 맞는 글을 찾지 못했습니다.")
    expect(page.locator(".quotation, .sources")).to_have_count(0)


def test_source_opens_its_passage_in_the_document(page: Page) -> None:
    ask(page, "셀을 병합하려면?")
    first = page.locator(".source").first
    expect(first).to_contain_text("표 계산 도움말 – 셀 병합하기")
    first.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#passage")
    expect(panel.locator("mark")).to_contain_text("병합할 셀을 선택한 다음")
    expect(panel.locator("#passage-text")).to_contain_text("표에서 여러 칸을")
    expect(panel.locator("#passage-text")).to_contain_text("다시 나누려면")
    expect(panel.locator("#passage-facts")).to_contain_text("MPL-2.0")
    expect(panel.locator("#passage-facts a")).to_have_attribute("href", "https://help.example/calc/merge")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(first).to_be_focused()


def test_hostile_text_stays_text(page: Page) -> None:
    ask(page, "위험")
    page.locator(".source").first.click()
    panel = page.locator("#passage")
    expect(panel.locator("mark")).to_have_text(f"본문 {HOSTILE}")
    expect(panel.locator("#passage-facts a")).to_have_count(0)
    expect(panel.locator("#passage-facts")).to_contain_text(NATIVE["licence_unknown"])
    expect(page.locator("main img, main script, main a, dialog img, dialog script")).to_have_count(0)
    expect(page.locator(".own .said")).to_have_text(f"{HOSTILE}[눌러](javascript:window.broken=1)")
    assert page.evaluate("window.broken") is None


def test_enter_while_composing_does_not_send(page: Page, gateway: FakeGateway) -> None:
    page.fill("#question", "한")
    page.evaluate(
        """() => {
          const box = document.querySelector("#question");
          const enter = { key: "Enter", bubbles: true, cancelable: true };
          box.dispatchEvent(new KeyboardEvent("keydown", { ...enter, isComposing: true }));
          box.dispatchEvent(new KeyboardEvent("keydown", { ...enter, keyCode: 229 }));
        }"""
    )
    page.press("#question", "Shift+Enter")
    page.type("#question", "둘째 줄")
    assert gateway.asked == []
    page.press("#question", "Enter")
    expect(page.locator(".refusal")).to_be_visible()
    assert gateway.asked[0]["messages"] == [{"role": "user", "content": "한\n둘째 줄"}]
    assert gateway.asked[0]["stream"] is True


def test_earlier_turns_are_sent_along(page: Page, gateway: FakeGateway) -> None:
    ask(page, "달의 뒷면")
    ask(page, "셀을 병합하려면?")
    roles = [one["role"] for one in gateway.asked[1]["messages"]]
    assert roles == ["user", "assistant", "user"]
    assert gateway.asked[1]["messages"][1]["content"] == "이 질문에 맞는 글을 찾지 못했습니다."


def test_conversations_are_kept_opened_and_deleted(page: Page) -> None:
    page.locator(".example").first.click()
    expect(page.locator(".quotation")).to_be_visible()
    expect(page.locator("#send")).to_be_visible()
    page.click("#new-conversation")
    expect(page.locator("#empty")).to_be_visible()
    ask(page, "달의 뒷면")
    page.reload()
    expect(page.locator(".history .row")).to_have_text(["달의 뒷면", "셀 병합하기란 무엇입니까?"])
    page.locator(".history .row").nth(1).click()
    expect(page.locator(".quotation blockquote")).to_contain_text("병합할 셀을")
    expect(page.locator(".own li")).to_have_count(2)
    page.locator(".history .remove").first.click()
    expect(page.locator(".history .row")).to_have_text(["셀 병합하기란 무엇입니까?"])
    page.click("#clear-history")
    page.click("#confirm-yes")
    expect(page.locator(".history .row")).to_have_count(0)
    expect(page.locator("#empty")).to_be_visible()
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('conversations'))") == []


def test_deleting_while_an_answer_runs_keeps_nothing(page: Page) -> None:
    ask(page, "느리게", finished=False)
    expect(page.locator(".own .said")).to_contain_text("낱말1")
    ask_more = page.locator("#new-conversation")
    ask_more.click()
    expect(page.locator(".history .row")).to_have_text(["느리게"])
    ask(page, "느리게 둘", finished=False)
    expect(page.locator(".own .said")).to_contain_text("낱말1")
    page.click("#clear-history")
    page.click("#confirm-yes")
    page.wait_for_timeout(300)
    expect(page.locator(".history .row")).to_have_count(0)


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("한도", NATIVE["error_quota"]),
        ("바쁨", NATIVE["error_busy"]),
        ("고장", NATIVE["error_failed"]),
        ("틀림", NATIVE["error_request"].replace("{detail}", "the field is wrong <b>here</b>")),
    ],
)
def test_an_error_is_one_sentence_and_the_question_comes_back(page: Page, question: str, sentence: str) -> None:
    ask(page, question)
    expect(page.locator("#composer-error")).to_have_text(sentence)
    expect(page.locator("#question")).to_have_value(question)
    expect(page.locator(".turn")).to_have_count(0)
    ask(page, "달의 뒷면")
    expect(page.locator("#composer-error")).to_be_hidden()


def test_a_broken_connection_keeps_what_came(page: Page) -> None:
    ask(page, "병합 끊김")
    expect(page.locator(".answer .error")).to_have_text(NATIVE["error_broken"])
    expect(page.locator(".own .said")).to_have_text("셀을")


def test_service_gone(page: Page) -> None:
    page.context.set_offline(True)
    ask(page, "달의 뒷면")
    expect(page.locator("#composer-error")).to_have_text(NATIVE["error_service"])
    expect(page.locator("#question")).to_have_value("달의 뒷면")
    page.context.set_offline(False)
    page.press("#question", "Enter")
    expect(page.locator(".refusal")).to_be_visible()


def test_language_and_theme_switch_and_stay(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    expect(page.locator("#notice")).to_have_text(NATIVE["notice"])
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme-switch")
    page.click("#language-switch")
    page.reload()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#notice")).to_have_text(ENGLISH["notice"])
    expect(page.locator("h1")).to_have_text(ENGLISH["empty_title"])
    assert page.title() == "Korea language model"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    ask(page, "셀을 병합하려면?")
    expect(page.locator(".own .label")).to_have_text(ENGLISH["model_label"])
    page.click("#language-switch")
    expect(page.locator(".own .label")).to_have_text(NATIVE["model_label"])


@pytest.mark.parametrize("width", [360, 1180])
def test_nothing_is_too_wide(open_page: Callable[..., Page], width: int) -> None:
    page = open_page(viewport={"width": width, "height": 740}, color_scheme="dark")
    assert too_wide(page) == []
    ask(page, "셀을 병합하려면?")
    ask(page, "위험")
    assert too_wide(page) == []
    expect(page.locator("#notice")).to_be_in_viewport()
    page.locator(".source").last.click()
    assert too_wide(page) == []


def test_conversations_open_on_a_phone(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 360, "height": 740})
    expect(page.locator("#history")).to_be_hidden()
    page.click("#history-toggle")
    expect(page.locator("#history-toggle")).to_have_attribute("aria-expanded", "true")
    page.click("#new-conversation")
    expect(page.locator("#history")).to_be_hidden()


def test_everything_that_can_be_pressed_has_a_name(page: Page) -> None:
    ask(page, "셀을 병합하려면?")
    for control in page.locator("button:visible, textarea:visible, a:visible").all():
        name = control.get_attribute("aria-label") or control.inner_text() or control.get_attribute("id")
        assert name
        assert not re.fullmatch(r"[a-z]+_[a-z_]+", name), f"{name} is a key, not a word"
    expect(page.get_by_role("log")).to_have_count(1)
    expect(page.get_by_label(NATIVE["input_label"])).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    found = colours(STYLE, theme)
    for ink in ("ink", "faint", "accent"):
        for ground in ("page", "side", "raised", "quote"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    assert contrast(found["on-accent"], found["accent"]) >= 4.5
    assert contrast(found["warn"], found["warn-ground"]) >= 4.5
    assert contrast(found["ink"], found["mark"]) >= 4.5
    assert contrast(found["line-strong"], found["raised"]) >= 3
