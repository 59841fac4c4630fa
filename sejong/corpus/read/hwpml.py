"""HWPML (.hml), HWP as one XML file."""

from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.blocks import documents
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.owpml import Owpml


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    yield from documents(Owpml().blocks(stream))
