"""HTML as crawls bring it: the content without menus, banners and footers; pages that are built to be slow are not."""

import time
from pathlib import Path

import pytest

from sejong.corpus.read import read
from sejong.corpus.read.batch import Unreadable
from sejong.corpus.read.html import document, markdown

from .conftest import source

MENU = "<ul>" + "".join(f"<li><a href={number}>메뉴 {number}</a></li>" for number in range(6)) + "</ul>"
BODY = """<h1>김치 담그기</h1><p>배추를 절인다. 하룻밤 동안 소금물에 둔다. 다음 날 아침에 깨끗한 물로 씻고 물기를 뺀다.</p>
<blockquote><p>김치는 손맛이다.</p></blockquote><ul><li>배추</li><li>소금</li><li>젓갈</li></ul>
<div class="highlight"><pre>def kimchi():
    return "맛"
</pre></div><pre>편지글은
그대로 둔다.</pre><table><tr><th>재료</th><th>양</th></tr><tr><td>파</td><td>한 단</td></tr></table>
<p>익은 뒤에 먹는다. 겨울에는 땅에 묻어 두고 봄까지 먹는다. 여름에는 냉장고에 넣는다.</p>"""
WANTED = """# 김치 담그기

배추를 절인다. 하룻밤 동안 소금물에 둔다. 다음 날 아침에 깨끗한 물로 씻고 물기를 뺀다.

> 김치는 손맛이다.

- 배추
- 소금
- 젓갈

```
def kimchi():
    return "맛"
```

편지글은
그대로 둔다.

| 재료 | 양 |
| --- | --- |
| 파 | 한 단 |

익은 뒤에 먹는다. 겨울에는 땅에 묻어 두고 봄까지 먹는다. 여름에는 냉장고에 넣는다."""
AROUND = f"""<div id="cookie-banner">쿠키를 사용합니다. 동의하십니까? <button>동의</button></div>
<header><h1>요리 사이트</h1>{MENU}</header>
<div class=left>{MENU}</div><form action="/search"><input name=q><label>찾기</label></form>"""
AFTER = f"<div>{MENU}</div><aside>광고</aside><footer>저작권 있음</footer><script>x()</script>"
FRAMES = {
    "div": "<div class=entry>{}</div>",
    "main": "<main>{}</main>",
    "article": "<article>{}<div class=share>나누기</div><nav>다음 글</nav></article>",
    "deep": "<div><div><div><div><div>{}</div></div></div></div></div>",
    "a form around all": '<form method=post action="page.aspx"><div>{}</div></form>',
}


@pytest.mark.parametrize("frame", FRAMES)
def test_the_content_is_kept_and_what_stands_around_it_is_not(frame: str) -> None:
    page = (
        f"<html><head><title>김치 담그기 - 요리책</title></head><body>{AROUND}{FRAMES[frame].format(BODY)}{AFTER}</body></html>"
    )
    assert markdown(page) == WANTED


def test_quotations_in_quotations_and_signs_of_our_own_in_a_page() -> None:
    page = "<main><p>가\ufdd0o나</p><blockquote><p>하나</p><blockquote>둘</blockquote></blockquote><p>셋</p></main>"
    assert markdown(page) == "가o나\n\n> 하나\n\n> > 둘\n\n셋"


BUILT_TO_BE_SLOW = {
    "deep": "<div>" * 50_000,
    "deep lists": "<ul><li><a href=x>a</a>" * 10_000,
    "deep tables": "<table><tr><td>" * 10_000,
    "nearly too deep": "<blockquote><p>a" * 450 + "</blockquote>" * 450,
    "many tables": "<table><tr><td>a<td>b<tr><td>c<td>d</table>" * 2_500,
    "many menus": "<ul><li><a href=x>a</a></ul>" * 5_000,
    "many links": "<a href=x>" * 50_000,
    "many attributes": f"<p {' '.join(f'a{number}=x' for number in range(50_000))}>x",
    "a long comment": f"<!--{'-' * 1_000_000}",
    "entities": "&" * 500_000,
}


@pytest.mark.parametrize("kind", BUILT_TO_BE_SLOW)
def test_pages_that_are_built_to_be_slow_are_not(kind: str) -> None:
    began = time.process_time()
    for around in ("{}", "<main>{}"):
        try:
            document(f"<title>t</title><body>{around.format(BUILT_TO_BE_SLOW[kind])}x")
        except Unreadable as error:
            assert "which no page" in str(error)
    assert time.process_time() - began < 8


def test_a_folder_of_mixed_encodings(tmp_path: Path) -> None:
    words = "한글은 백성을 위하여 만든 글자이다. 누구나 쉽게 배우고 편하게 쓴다."
    for encoding in ("utf-8", "cp949", "johab", "utf-16", "iso2022_kr", "utf-8-sig"):
        (tmp_path / f"{encoding}.txt").write_bytes((words * 9).encode(encoding))
        (tmp_path / f"{encoding}.html").write_bytes(f"<title>글</title><main><p>{words * 9}</p></main>".encode(encoding))
    files = [source(tmp_path, path.name) for path in sorted(tmp_path.iterdir())]
    [batch] = read(files, ["cp949", "johab"], ["Hangul"])
    assert batch.dropped.num_rows == 0
    assert batch.documents.num_rows == 12
    assert all(words * 9 in text for text in batch.documents["text"].to_pylist())
