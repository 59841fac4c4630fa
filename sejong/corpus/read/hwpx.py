"""HWPX, the successor of HWP 5: a zip archive of OWPML parts (KS X 6101)."""

import re
from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.blocks import Block, documents
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.owpml import Owpml
from sejong.corpus.read.zipped import data_of, first_of, package, part

# Sections, then the pages behind them all (바탕쪽).
PARTS = (re.compile(r"(?:.*/)?section(\d+)\.xml", re.IGNORECASE), re.compile(r"(?:.*/)?masterpage(\d+)\.xml", re.IGNORECASE))
MANIFEST = "META-INF/manifest.xml"
MANIFEST_BYTES = 4 << 20


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with package(stream, "HWPX") as archive:
        if MANIFEST in archive.namelist() and b"encryption-data" in data_of(archive, MANIFEST, MANIFEST_BYTES):
            raise Unreadable("the HWPX document needs a password: save it without one")
        names = [
            found[0]
            for pattern in PARTS
            for found in sorted(filter(None, map(pattern.fullmatch, archive.namelist())), key=lambda found: int(found[1]))
        ]
        if not any(PARTS[0].fullmatch(name) for name in names):
            raise Unreadable("it is a zip archive without sections of text, and so no HWPX document")
        header = first_of(archive, ("Contents/header.xml", "header.xml"))

        def blocks() -> Iterator[Block | Unread]:
            reader = Owpml()
            for name in [*([header] if header else []), *names]:
                try:
                    with part(archive, name) as opened:
                        yield from reader.blocks(opened)
                except Unreadable as error:
                    yield Unread(f"{name} cannot be read to its end: {error}", name)

        yield from documents(blocks())
