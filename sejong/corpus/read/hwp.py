"""Files of Hangul, the Korean word processor: which of its four formats one is says its beginning, not its suffix."""

from collections.abc import Iterator
from typing import BinaryIO

from sejong.corpus.read import hwp3, hwp5, hwpml, hwpx
from sejong.corpus.read.batch import Text, Unread, Unreadable
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.seekable import seekable

HEAD = 512
READERS = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", hwp5.read),
    (b"PK\x03\x04", hwpx.read),
    (hwp3.SIGNATURE, hwp3.read),
)


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a file."""
    with seekable(stream) as file:
        head = file.read(HEAD)
        file.seek(0)
        reader = next((reader for begin, reader in READERS if head.startswith(begin)), None)
        if reader is None and b"<" in head and not head.strip(b"\0").isspace():
            reader = hwpml.read if head.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith((b"<", b"\x00<")) else None
        if reader is None:
            raise Unreadable(
                "it begins like none of Hangul's formats (HWP 3, HWP 5, HWPX, HWPML): it is damaged or something else"
            )
        yield from reader(file, hints)
