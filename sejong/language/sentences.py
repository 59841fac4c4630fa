"""Sentences, in languages that put spaces between them and in those that do not.

Rules only, after the common core of Unicode's sentence boundaries (UAX #29): a full stop of the Latin kind needs white space or
the end behind it and is not the one of an initial, a number or a common abbreviation; the full stops of East Asia, India,
Khmer and Burmese end a sentence wherever they stand; a line end always does.
"""

from collections.abc import Sequence

import regex

from sejong.language import Span

CLOSERS = r"[\"'”’»)\]」』）】〉》]*"
END = regex.compile(
    rf"(?:[!?…؟۔‼⁇⁈⁉]+{CLOSERS}(?=\s|$)"
    rf"|(?<!\b\p{{Lu}})(?<!(?:^|[.!?])\s*\d{{1,3}})(?<!\b(?i:e\.g|i\.e|etc|vs|cf|no|vol|fig|dr|mr|mrs|ms|prof|st))\.+{CLOSERS}(?=\s|$)"
    rf"|[。！？｡．।॥។៕၊။]+{CLOSERS}"
    r"|\n+)",
    regex.MULTILINE,
)


def spans(texts: Sequence[str]) -> list[list[Span]]:
    """Character spans of the sentences of each text, in order, without the white space around them."""
    return [_spans(text) for text in texts]


def split(text: str) -> list[str]:
    """The sentences of one text."""
    return [text[start:end] for start, end in _spans(text)]


def _spans(text: str) -> list[Span]:
    found: list[Span] = []
    start = 0
    for end in [match.end() for match in END.finditer(text)] + [len(text)]:
        sentence = text[start:end]
        visible = sentence.strip()
        if visible:
            first = start + len(sentence) - len(sentence.lstrip())
            found.append((first, first + len(visible)))
        start = end
    return found
