"""Recognised words as lines: pieces of words joined, and lines that run over two columns cut in two."""

from sejong.corpus.read.layout import Line, joined_words
from sejong.corpus.read.ocr import Word

CLOSE = 0.2  # times the height of letters: a gap between two words that is none (on a Korean page 2% of real spaces are smaller)
GUTTER = 0.5  # times the height of letters, the least width of a gutter
CROSSED = 0.15  # share of lines that may cross a gutter, such as headings
MIDDLE = (0.25, 0.75)  # of the page's width, where the gutter of two columns is looked for
FEWEST = 6  # lines on both sides of a gutter
STEP = 4  # pixels


def lines_of(words: list[Word], scale: float, height: float) -> list[Line]:
    """Lines in reading order, their boxes in points from the lower left of a page `height` points high."""
    rows = _by_line(words)
    gutter = _gutter(rows)
    ordered: list[list[Word]] = []
    left: list[list[Word]] = []
    right: list[list[Word]] = []
    for row in sorted(rows, key=lambda row: row[0].top) if gutter is not None else rows:
        if gutter is None or any(word.left < gutter < word.right for word in row):
            ordered += [*left, *right, row]
            left, right = [], []
            continue
        left += [part] if (part := [word for word in row if word.right <= gutter]) else []
        right += [part] if (part := [word for word in row if word.left >= gutter]) else []
    return [_line(row, scale, height) for row in [*ordered, *left, *right]]


def _by_line(words: list[Word]) -> list[list[Word]]:
    lines: dict[tuple[str, ...], list[Word]] = {}
    for word in words:
        lines.setdefault(word.line, []).append(word)
    return list(lines.values())


def _gutter(rows: list[list[Word]]) -> int | None:
    """Where the white between two columns is, in pixels from the left, if the page has two."""
    if len(rows) < FEWEST:
        return None
    start, end = min(row[0].left for row in rows), max(row[-1].right for row in rows)
    tall = sorted(word.bottom - word.top for row in rows for word in row)[sum(map(len, rows)) // 2]
    best, place = GUTTER * tall, None
    run = 0
    for at in range(int(start + MIDDLE[0] * (end - start)), int(start + MIDDLE[1] * (end - start)), STEP):
        crossing = sum(any(word.left < at < word.right for word in row) for row in rows)
        beside = sum(row[0].left < at for row in rows), sum(row[-1].right > at for row in rows)
        run = run + STEP if crossing <= CROSSED * len(rows) and min(beside) >= FEWEST else 0
        if run > best:
            best, place = run, at - run // 2
    return place


def _line(words: list[Word], scale: float, height: float) -> Line:
    left, right = min(word.left for word in words), max(word.right for word in words)
    top, bottom = min(word.top for word in words), max(word.bottom for word in words)
    text = joined_words(_joined(words))
    # Ink is not type: sizes of recognised lines differ by chance, so that they say nothing of headings.
    return Line(text, left / scale, right / scale, height - bottom / scale, height - top / scale, size=0.0)


def _joined(words: list[Word]) -> list[str]:
    """The words of a line; pieces that stand as close as the letters of a word are one."""
    tall = sorted(word.bottom - word.top for word in words)[len(words) // 2]
    found: list[str] = []
    end = None
    for word in words:
        if end is not None and abs(word.left - end) < CLOSE * tall:
            found[-1] += word.text
        else:
            found.append(word.text)
        end = word.right
    return found
