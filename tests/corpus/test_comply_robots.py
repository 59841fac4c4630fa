"""robots.txt by RFC 9309: groups, the longest rule, wildcards, spelling of paths, and lines that reserve a use."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sejong.corpus.comply import robots
from sejong.corpus.comply.statements import signals

RESERVING = {kind: one["reserved"] for kind, one in signals()["robots"].items()}


def denied(text: str, url: str, *crawlers: str) -> bool:
    return robots.parse(text, RESERVING).denial(robots.target(url), crawlers or ("GPTBot",)) is not None


EXAMPLE = """\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""  # the example of RFC 9309, section 5.1, in its meaning


@pytest.mark.parametrize(
    ("crawler", "path", "kept_out"),
    [
        ("other", "/x.gif", True),
        ("other", "/x.gif?1", False),
        ("other", "/example/a", True),
        ("other", "/publications/a.gif", False),
        ("FooBot", "/", True),
        ("foobot", "/example/page.html", False),
        ("foobot", "/example/disallowed.gif", True),
        ("barbot", "/example/page.html", True),
        ("bazbot", "/example/page.html", True),
        ("bazbot", "/example/", False),
        ("quxbot", "/example/", False),
    ],
)
def test_the_example_of_the_standard(crawler: str, path: str, kept_out: bool) -> None:
    assert denied(EXAMPLE, f"https://example.com{path}", crawler) is kept_out


@pytest.mark.parametrize(
    ("text", "kept_out"),
    [
        ("User-agent: GPTBot\nDisallow: /\n", True),
        ("user-agent : gptbot/1.2 (+https://x)\ndisallow : / # all\n", True),
        ("\ufeffUser-agent: GPTBot\r\nDisallow: /\r\n", True),
        ("User-agent: GPT\nDisallow: /\n", False),  # the token must be the whole of it
        ("User-agent: GPTBot-Images\nDisallow: /\n", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: GPTBot\nAllow: /\n", False),
        ("User-agent: GPTBot\nDisallow:\n\nUser-agent: *\nDisallow: /\n", False),  # its own group says: nothing is forbidden
        ("User-agent: GPTBot\nDisallow: /a\n\nUser-agent: gptbot\nDisallow: /page\n", True),  # groups of one name are one
        ("User-agent: GPTBot\nSitemap: https://x\nCrawl-delay: 3\nDisallow: /\n", True),
        ("Disallow: /\n", False),
        ("User-agent: GPTBot\nDisallow: /page\nAllow: /page\n", False),  # equals: allowed
        ("User-agent: GPTBot\nDisallow: /page/1\nAllow: /page\n", True),  # the longest decides
        ("<html>not a robots.txt: at all</html>", False),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n", True),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=yes\nAllow: /\n", False),
        ("User-agent: *\nContent-Usage: /page train-ai=n\n", True),
        ("User-agent: *\nContent-Usage: /other train-ai=n\n", False),
    ],
)
def test_groups_and_rules(text: str, kept_out: bool) -> None:
    assert denied(text, "https://a.kr/page/1") is kept_out


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("/한글", "https://a.kr/%ED%95%9C%EA%B8%80/1", True),
        ("/%ed%95%9c", "https://a.kr/한글", True),
        ("/a%62c", "https://a.kr/abc", True),
        ("/a%2Fb", "https://a.kr/a/b", False),
        ("/*.php$", "https://a.kr/a/b.php", True),
        ("/*.php$", "https://a.kr/a/b.php5", False),
        ("/*.php", "https://a.kr/a.php?x=1", True),
        ("/a*b*c", "https://a.kr/a-b-c-d", True),
        ("/a*c*b", "https://a.kr/a-b-c-d", False),
        ("/search?q=", "https://a.kr/search?q=1", True),
        ("/$", "https://a.kr", True),
        ("/$", "https://a.kr/x", False),
    ],
)
def test_paths(pattern: str, url: str, fits: bool) -> None:
    assert denied(f"User-agent: *\nDisallow: {pattern}", url) is fits


@given(st.text("ab/*$", max_size=12), st.text("ab/", max_size=12))
def test_wildcards_mean_what_a_regular_expression_says(pattern: str, path: str) -> None:
    body = pattern.removesuffix("$")
    expected = re.compile("".join(".*" if one == "*" else re.escape(one) for one in body) + ("$" if body != pattern else ""))
    assert robots.matches(pattern, path) is (expected.match(path) is not None)


@given(st.text(max_size=60))
def test_the_normal_form_is_stable(path: str) -> None:
    once = robots.normal(path)
    assert robots.normal(once) == once
    assert once.isascii()


@given(st.text(max_size=200))
def test_any_file_is_read(text: str) -> None:
    robots.parse("User-agent: *\n" + text, RESERVING).denial("/", ["GPTBot"])


def test_crowded_wildcards_take_no_time() -> None:
    assert not robots.matches("/" + "a*" * 2000 + "b", "/" + "a" * 20_000)
