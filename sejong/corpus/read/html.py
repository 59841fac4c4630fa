"""HTML: the page's main content, with headings, lists, tables, code and quotations as Markdown (Resiliparse)."""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import BinaryIO

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import DOMContext, ElementNode, HTMLTree, Node, traverse_dom

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.html_markdown import SIGN, SPACES, found, from_minimal, prepare
from sejong.corpus.read.warc_http import directives, reservation

LARGEST = 64 << 20  # bytes of a page
HEAD = 4096  # bytes in which a page says its encoding
DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,200}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE
)
# Where the pages of known documentation keep their content, and where others do; a page with none of them is left to Resiliparse.
DOCUMENTATION = ("#DisplayArea", "div.body", "div.book", "div.chapter", "div.section")
CONTENT = ("main", "[role=main]", "article")
ASIDE_IN_DOCUMENTATION = (
    *("nav", "header", "footer", "aside", "script", "style", "form", "[role=navigation]"),
    *(".navheader", ".navfooter", ".toc", ".headerlink", ".relatedtopics"),
)
ASIDE = (
    *(
        "nav",
        "footer",
        "aside",
        "script",
        "style",
        "noscript",
        "template",
        "dialog",
        "button",
        "[role=navigation]",
        "[role=dialog]",
    ),
    *("[role=alertdialog]", "[role=banner]", "[role=contentinfo]", "[role=search]", "[role=menu]", "[hidden]", ".toc", "#toc"),
    *("[id*=cookie]", "[class*=cookie]", "[id*=consent]", "[class*=consent]", "[class*=gdpr]", ".headerlink", ".skip-link"),
    *(
        ".breadcrumb",
        ".breadcrumbs",
        ".pagination",
        ".pager",
        ".share",
        ".social",
        ".sns",
        ".sidebar",
        "#sidebar",
        ".adsbygoogle",
    ),
    *(".mw-editsection", ".mw-jump-link", ".navbox", ".printfooter", "#catlinks", ".related", ".related-posts"),
)
ONLY_LINKS = 0.75  # share of a list's characters that stand in links, from which it is a menu
FEW_LINKS = 4  # a list of fewer is no menu
MOST_LISTS = 2000  # that are looked at
SHORT_FORM = 0.3  # share of the page's text that a form has if it is a box for searching or signing in, and no frame for the page
LEVELS = 3
LONG_TAG, MOST_ATTRIBUTES = 10_000, 2_000  # characters up to which a tag is not looked at; attributes and words in them
DEEPEST = 1000  # elements in one another; browsers stop at 512 (Chromium's and WebKit's parsers)
OPENED = re.compile(r"<(?!(?:br|img|input|meta|link|hr|wbr|area|col|base|embed|source|track|param)\b)(/?)[A-Za-z]", re.IGNORECASE)
ROBOTS = re.compile(r"robots|[\w.-]*bot|[\w-]*-extended|[\w-]*-ai|slurp|teoma", re.IGNORECASE)


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a page."""
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise Unreadable(f"the page is larger than {LARGEST >> 20} MiB")
    text, marks = document(decode(data, hints, declared(data)))
    yield Text(text, marks=marks)


def declared(data: bytes) -> str | None:
    """The encoding that a page names in its first bytes."""
    stated = DECLARED.search(data, 0, HEAD)
    return stated[1].decode("ascii") if stated else None


def markdown(page: str) -> str:
    """The main content of a page as Markdown that starts with the page's title."""
    return document(page)[0]


def document(page: str) -> tuple[str, tuple[str, ...]]:
    """The page as `markdown` gives it, and what its `meta` elements ask of those who copy it, as marks."""
    _refuse_attributes(page)
    tree = HTMLTree.parse(page.replace(SIGN, ""))
    _refuse_depth(page, tree)
    marks = tuple(_marks(tree))
    prepare(tree)
    content, known = _content(tree)
    if not known and tree.body is not None:
        _without_menus(tree.body)
    if content is None:
        _lower(tree)
        minimal = extract_plain_text(
            tree, preserve_formatting="minimal_html", main_content=True, alt_texts=False, skip_elements=["header", *ASIDE]
        )
    else:
        aside = list(ASIDE_IN_DOCUMENTATION if known else ASIDE)
        minimal = extract_plain_text(content.html, preserve_formatting="minimal_html", alt_texts=False, skip_elements=aside)
    return with_title(SPACES.sub(" ", tree.title or "").strip(), from_minimal(minimal)), marks


def with_title(title: str, text: str) -> str:
    """`text` with a first-level heading: its own first heading where that says what the title says, else the title."""
    first, _, rest = text.partition("\n")
    heading = re.match(r"#{1,6} (.+)", first)
    if not title:
        return text
    if heading and (heading[1] in title or title in heading[1]):
        return f"# {heading[1]}\n{rest}"
    if not heading and first == title:
        return f"# {title}\n{rest}"
    return f"# {title}\n\n{text}"


def _content(tree: HTMLTree) -> tuple[ElementNode | None, bool]:
    """The one element that holds the page's content, where the page says which that is, and whether it is known documentation."""
    if tree.body is None or tree.body.query_selector(", ".join((*CONTENT, *DOCUMENTATION))) is None:
        return None, False
    for selector in (*CONTENT, *DOCUMENTATION):
        elements = found(tree.body, selector)
        if elements and (len(elements) == 1 or elements[0].contains(elements[-1])):
            return elements[0], selector in DOCUMENTATION
    return None, False


def _without_menus(body: ElementNode) -> None:
    """Take out lists that are links and little else (Kohlschütter et al., "Boilerplate Detection using Shallow Text Features",
    WSDM 2010), and forms that are a small part of the page."""
    lists = found(body, "ul, ol, dl")
    for one in lists[:MOST_LISTS]:
        links = found(one, "a")
        if len(links) >= FEW_LINKS and one.parent is not None:
            linked = sum(len(SPACES.sub("", link.text or "")) for link in links)
            if linked >= ONLY_LINKS * len(SPACES.sub("", one.text or "")):
                one.decompose()
    if forms := found(body, "form"):
        whole = len(body.text or "")
        for form in forms[:MOST_LISTS]:
            if form.parent is not None and len(form.text or "") < SHORT_FORM * whole:
                form.decompose()


def _refuse_attributes(page: str) -> None:
    """Refuse an element with more attributes than any has, on which the parser takes quadratic time.

    Raises:
        Unreadable: there is one.
    """
    for piece in page.split("<"):
        if len(piece) > LONG_TAG and piece[0].isalpha() and (count := len(piece.partition(">")[0].split())) > MOST_ATTRIBUTES:
            raise Unreadable(f"one of its elements has {count:,} attributes, which no page has")


def _refuse_depth(page: str, tree: HTMLTree) -> None:
    """Refuse what is nested deeper than any page, on which extraction takes quadratic time.

    Raises:
        Unreadable: it is.
    """
    if page.count("<") < DEEPEST or tree.body is None:
        return
    if max(accumulate(-1 if closes else 1 for closes in OPENED.findall(page)), default=0) < DEEPEST:
        return
    deepest = 0

    def measure(place: DOMContext) -> None:
        nonlocal deepest
        deepest = max(deepest, place.depth)

    traverse_dom(tree.body, measure, elements_only=True)
    if deepest >= DEEPEST:
        raise Unreadable(f"its elements are nested {deepest:,} deep, which no page is")


def _lower(tree: HTMLTree) -> None:
    """Put the page's content some levels lower: Resiliparse takes lists right below `body` for menus, which are gone by now."""
    body = tree.body
    if body is None:
        return
    children = list(body.child_nodes[:])
    inner: Node = body
    for _ in range(LEVELS):
        if (lower := tree.create_element("div")) is not None:
            inner.append_child(lower)
            inner = lower
    for child in children:
        inner.append_child(child)


def _marks(tree: HTMLTree) -> Iterator[str]:
    """`meta-robots:noai`, `meta-robots:somebot=noindex`, `tdm-reservation:1` and `tdm-policy:URL`, as the page has them."""
    said: dict[str, str] = {}
    for meta in found(tree.head, "meta[name]"):
        name, value = (meta.getattr("name") or "").strip().lower(), meta.getattr("content") or ""
        if name in ("tdm-reservation", "tdm-policy"):
            said.setdefault(name, value)
        elif ROBOTS.fullmatch(name):
            agent = "" if name == "robots" else f"{name}="
            for rule in directives(value):
                yield f"meta-robots:{agent}{rule}"
    yield from reservation(said.get("tdm-reservation"), said.get("tdm-policy"))
