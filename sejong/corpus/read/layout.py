"""Lines on a page into reading order, and lines into paragraphs.

Order by recursive cuts along white space: Nagy & Seth, "Hierarchical representation of optically scanned documents", ICPR 1984.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

FULL = 0.8  # of the usual line length: a line this long goes on in the next
LARGE = 1.2  # times the body's size: type of a heading
LONGEST_HEADING = 100  # characters
BULLETS = "-*•◦○●■□▪❏❍※·–"
# A bullet, a number or letter with a dot or bracket, a chapter or article: what begins a paragraph even after a full line.
STARTS_ANEW = re.compile(
    rf"\s*(?:[{BULLETS}]|\(?(?:\d{{1,3}}|[가-하]|[A-Za-z])[.)]\s|[①-⑳]|\[|제\d+[장절조]|第[\d一二三四五六七八九十]+[章節条])"
)
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？")
SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0eff\uff00-\uffef、。]")
RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
HANGUL = re.compile(r"[가-힣]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its box on the page, in points from the lower left; `size` is the height of its type, 0 if unknown.

    A `vertical` line is read from top to bottom.
    """

    text: str
    left: float
    right: float
    bottom: float
    top: float
    size: float
    vertical: bool = False


def in_reading_order(lines: list[Line]) -> list[Line]:
    """The lines of one page, columns one after another. Lines that follow each other closely as drawn stay together.

    Their boxes are turned to where they would stand if the page were read from left to right and from top to bottom: pages in
    vertical writing by a quarter, those read from right to left mirrored.
    """
    blocks: list[list[Line]] = []
    for line in _turned(lines):
        if blocks and _continues(blocks[-1][-1], line):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return [line for block in _cut(blocks) for line in block]


def joined_words(words: list[str]) -> str:
    """Words as a line: with spaces between them but for scripts that have none."""
    text = ""
    for word in words:
        text += word if not text or (SPACELESS.match(text[-1]) and SPACELESS.match(word)) else f" {word}"
    return text


def _turned(lines: list[Line]) -> list[Line]:
    letters = sum(len(line.text) for line in lines)
    if 2 * sum(len(line.text) for line in lines if line.vertical) > letters:
        return [
            replace(line, left=-line.top, right=-line.bottom, bottom=line.left, top=line.right)
            for line in sorted(lines, key=lambda line: (-line.right, -line.top))
        ]
    if 2 * sum(len(RIGHT_TO_LEFT.findall(line.text)) for line in lines) > letters:
        return [replace(line, left=-line.right, right=-line.left) for line in lines]
    return lines


def paragraphs(pages: list[list[Line]]) -> Iterator[str]:
    """Paragraphs and headings (as Markdown) of a document from its lines in reading order."""
    lines = [line for page in pages for line in page if line.text.strip()]
    if not lines:
        return
    usual = sorted(_width(line.text) for line in lines)[int(0.75 * (len(lines) - 1))]
    spaced = sum(line.text.endswith(" ") for line in lines) > len(lines) / 5  # the file marks where words end at line ends
    headings = _headings(lines)
    held = ""
    for line, after in zip(lines, [*lines[1:], None], strict=True):
        held = _joined(held, line.text, spaced)
        if line.size in headings:
            if after is None or after.size != line.size:
                yield f"{headings[line.size]} {' '.join(held.split())}" if len(held) <= LONGEST_HEADING else held.strip()
                held = ""
        elif after is None or after.size in headings or _ends(line, after, FULL * usual):
            yield held.strip()
            held = ""


def _ends(line: Line, after: Line, full: float) -> bool:
    """Whether a paragraph ends here: the line is short, or ends a sentence before a gap, or the next one starts anew."""
    at_gap = not _continues(line, after) and line.text.rstrip().endswith(SENTENCE_ENDS)
    return at_gap or _width(line.text) < full or STARTS_ANEW.match(after.text) is not None


def _headings(lines: list[Line]) -> dict[float, str]:
    """The marks of the type sizes that are clearly larger than the body's, the largest with the first level."""
    letters: Counter[float] = Counter()
    for line in lines:
        if line.size:
            letters[line.size] += len(line.text)
    if not letters:
        return {}
    body = max(letters, key=lambda size: (letters[size], size))
    large = sorted((size for size in letters if size >= LARGE * body), reverse=True)
    return {size: "#" * min(level, 3) for level, size in enumerate(large, start=1)}


def _joined(held: str, text: str, spaced: bool) -> str:
    """Two lines as one: with a space between words, with none where a word or a script without spaces goes on."""
    if not held:
        return text
    if held.endswith("\u00ad"):
        return held[:-1] + text
    before, after = held[-1:], text[:1]
    if before == " " or after == " ":
        return held + text
    if SPACELESS.match(before) and SPACELESS.match(after):
        return held + text
    if spaced and HANGUL.match(before) and HANGUL.match(after):
        return held + text
    return f"{held} {text}"


def _continues(line: Line, after: Line) -> bool:
    """Whether `after` stands right below `line`, or beside it, in the same column."""
    height = max(line.top - line.bottom, 1.0)
    beside = abs(line.bottom - after.bottom) < height / 2 and -height < after.left - line.right < 2 * height
    below = -height / 2 < line.bottom - after.top < height and min(line.right, after.right) > max(line.left, after.left)
    return beside or below


def _cut(blocks: list[list[Line]]) -> list[list[Line]]:
    """Blocks in reading order: left of a gutter before right of it, else above the widest white band before below it."""
    if len(blocks) < 2:
        return blocks
    gutter = _widest_gap([(min(line.left for line in block), max(line.right for line in block)) for block in blocks])
    if gutter is not None:
        left = [block for block in blocks if max(line.right for line in block) <= gutter]
        right = [block for block in blocks if max(line.right for line in block) > gutter]
        return _cut(left) + _cut(right)
    band = _widest_gap([(min(line.bottom for line in block), max(line.top for line in block)) for block in blocks])
    if band is not None:
        above = [block for block in blocks if max(line.top for line in block) > band]
        below = [block for block in blocks if max(line.top for line in block) <= band]
        return _cut(above) + _cut(below)
    return blocks


def _widest_gap(spans: list[tuple[float, float]]) -> float | None:
    """The middle of the widest stretch that no span covers, between the first and the last."""
    best, place = 0.0, None
    reached = None
    for low, high in sorted(spans):
        if reached is not None and low - reached > best:
            best, place = low - reached, (low + reached) / 2
        reached = high if reached is None else max(reached, high)
    return place


def _width(text: str) -> int:
    """Columns on a terminal, which is how wide a line of East Asian text is beside one of Latin letters."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)
