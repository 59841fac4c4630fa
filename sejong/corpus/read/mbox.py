"""Mail: a document a message of an mbox file (RFC 4155), or of a file that holds one message (RFC 5322)."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import BinaryIO

from sejong.corpus.read.batch import Text, Unread
from sejong.corpus.read.encoding import decode
from sejong.corpus.read.formats import Hints
from sejong.corpus.read.html import markdown

BLOCK = 1 << 20
LARGEST = 64 << 20  # bytes of a message
LONGEST_LINE = 1024  # bytes of the line that begins a message
BEGINS = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]{1,200}\d\d:\d\d[^\n]{0,50}\d{4}[^\n]{0,50}\n")
QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
RAW = re.compile("[\udc80-\udcff]")  # how Python holds bytes that are no ASCII
SIGNATURE = re.compile(r"^-- ?$", re.MULTILINE)
MOST_PARTS = 1000
MOST_BOUNDARIES = 200  # Python looks for each in every line, in quadratic time


def read(stream: BinaryIO, hints: Hints) -> Iterator[Text | Unread]:
    """One document a message, whose locator is its number in the file; attachments are counted in its marks."""
    for number, data in enumerate(_messages(stream), start=1):
        name = f"message-{number}"
        if len(data) > LARGEST:
            yield Unread(f"message {number} is larger than {LARGEST >> 20} MiB", name, len(data))
            continue
        if data.lower().count(b"boundary=") > MOST_BOUNDARIES:
            yield Unread(f"message {number} has more than {MOST_BOUNDARIES} multipart parts in one another", name, len(data))
            continue
        try:
            yield _document(data, hints, name)
        except Exception as error:  # one message never ends a mailbox
            yield Unread(f"message {number} cannot be read ({type(error).__name__}: {error})", name, len(data))


def _messages(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of each message; of one that is too large, the first bytes, more than `LARGEST` of them."""
    held, searched = b"", 0
    skipping = False  # the rest of a message that is too large
    while block := stream.read(BLOCK):
        held += block
        while found := BEGINS.search(held, searched):
            if found.start() and not skipping:
                yield held[: found.start()]
            held, searched, skipping = held[found.end() :], 0, False
        searched = max(len(held) - LONGEST_LINE, 0)
        if len(held) > LARGEST:
            if not skipping:
                yield held
            held, searched, skipping = held[-LONGEST_LINE:], 0, True
    if held.strip() and not skipping:
        yield held


def _document(data: bytes, hints: Hints, name: str) -> Text:
    message = message_from_bytes(QUOTED_FROM.sub(rb"\1", data))
    subject = " ".join(_header(message, "subject", hints).split())
    bodies, attachments = _bodies(message, hints)
    text = "\n\n".join(body for body in bodies if body.strip())
    heading = f"# {subject}\n\n" if subject else ""
    marks = (f"attachments:{attachments}",) if attachments else ()
    return Text(heading + text if text else "", part=name, collected=_date(message["Date"]), marks=marks)


def _bodies(message: Message, hints: Hints) -> tuple[list[str], int]:
    """The texts that are shown, and the number of attachments."""
    texts: list[str] = []
    attachments = 0
    waiting = [message]
    for _ in range(MOST_PARTS):
        if not waiting:
            break
        part = waiting.pop(0)
        kind = part.get_content_type()
        inner = [one for one in part.get_payload() if isinstance(one, Message)] if part.is_multipart() else []
        if kind == "multipart/alternative":
            inner.sort(key=lambda one: one.get_content_type() != "text/plain")  # the plainest is shown
            waiting[:0] = inner[:1]
        elif kind.startswith("multipart/"):
            waiting[:0] = inner[:1] if kind == "multipart/related" else inner
        elif part.get_content_disposition() == "attachment" or kind not in ("text/plain", "text/html"):
            attachments += 1
        else:
            texts.append(_text(part, kind, hints))
    return texts, attachments


def _text(part: Message, kind: str, hints: Hints) -> str:
    data = part.get_payload(decode=True)
    text = decode(data if isinstance(data, bytes) else b"", hints, part.get_content_charset()).replace("\r\n", "\n")
    if kind == "text/html":
        return markdown(text)
    if (part.get_param("format") or "") == "flowed":  # RFC 3676: a space at its end says that a line goes on
        text = re.sub(r"(?<!-- )(?<= )\n(?![\n>])", "", text)
    signature = SIGNATURE.search(text)
    text = text[: signature.start()] if signature and signature.start() else text
    return _without_quoted_end(text.rstrip())


def _without_quoted_end(text: str) -> str:
    """Without the message that is answered, where it stands whole below the answer."""
    lines = text.split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].startswith(">")):
        end -= 1
    if not end or not any(line.startswith(">") for line in lines[end:]):
        return text
    if lines[end - 1].rstrip().endswith(":"):  # who wrote it
        end -= 1
    return "\n".join(lines[:end]).rstrip()


def _header(message: Message, name: str, hints: Hints) -> str:
    """A header's words; raw bytes in it are taken for the nation's encodings."""
    value = next((value for key, value in message.raw_items() if key.lower() == name), "")
    if RAW.search(value):
        return decode(value.encode("utf-8", "surrogateescape"), hints)
    try:
        parts = decode_header(value)
    except ValueError:
        return str(value)
    return "".join(decode(one, hints, charset) if isinstance(one, bytes) else one for one, charset in parts)


def _date(value: object) -> str | None:
    try:
        return parsedate_to_datetime(str(value)).date().isoformat() if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
