"""Markdown as it is, without the front matter (YAML between two lines of `---`) that says something about the file."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read import plain
from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.formats import Hints

# Keys, list items, indented lines and comments; prose between two rules is none of these and stays.
FRONT_MATTER = re.compile(
    r"\ufeff?---[ \t]*\r?\n(?:(?:[^\s#:-][^\n:]*:(?:[ \t][^\n]*)?|- [^\n]*|[ \t]+[^\n]*|#[^\n]*|)\r?\n)*?---[ \t]*(?:\r?\n|$)"
)


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """As plain text, less the front matter."""
    for number, one in enumerate(plain.read(stream, hints)):
        found = FRONT_MATTER.match(one.text) if isinstance(one, Text) and number == 0 else None
        yield Text(one.text[found.end() :], part=one.part) if found and isinstance(one, Text) else one
