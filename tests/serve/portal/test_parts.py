"""Parts of the portal by themselves, in the browser that runs them: the event stream, Markdown."""

from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

STREAM = (
    'data: {"한글": "😀"}\r\n\r\n: a comment\r\n\r\ndata: one\r\ndata:two\r\n\r\nevent: x\nid: 1\ndata: 끝\n\ndata: left over'
)

READ = """async ([bytes, size]) => {
  const { events } = await import("/api.js");
  const all = new Uint8Array(bytes);
  const stream = new ReadableStream({
    start(controller) {
      for (let at = 0; at < all.length; at += size) controller.enqueue(all.slice(at, at + size));
      controller.close();
    },
  });
  const found = [];
  for await (const data of events(stream)) found.push(data);
  return found;
}"""

DRAW = """async (text) => {
  const { markdown } = await import("/markdown.js");
  const box = document.createElement("div");
  box.append(...markdown(text));
  return box.innerHTML;
}"""


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1000])
def test_events_do_not_depend_on_how_the_network_cuts(page: Page, size: int) -> None:
    found: Any = page.evaluate(READ, [list(STREAM.encode()), size])
    assert found == ['{"한글": "😀"}', "one\ntwo", "끝"]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("하나\n둘\n\n셋", "<p>하나<br>둘</p><p>셋</p>"),
        ("# 제목\n글", "<p><strong>제목</strong></p><p>글</p>"),
        ("- 하나\n- **둘**", "<ul><li>하나</li><li><strong>둘</strong></li></ul>"),
        ("3. 셋\n4. 넷", '<ol start="3"><li>셋</li><li>넷</li></ol>'),
        ("```\na < b\n```\n끝", "<pre><code>a &lt; b</code></pre><p>끝</p>"),
        ("```\n끝나지 않은", "<pre><code>끝나지 않은</code></pre>"),
        ("`<b>` *기울임* 3 * 4 * 5", "<p><code>&lt;b&gt;</code> <em>기울임</em> 3 * 4 * 5</p>"),
        ("<img src=x onerror=alert(1)>", "<p>&lt;img src=x onerror=alert(1)&gt;</p>"),
        ("[눌러](javascript:alert(1))", "<p>[눌러](javascript:alert(1))</p>"),
        ("-\n#\n**", "<p>-<br>#<br>**</p>"),
        ("", ""),
    ],
)
def test_markdown(page: Page, text: str, html: str) -> None:
    assert page.evaluate(DRAW, text) == html
