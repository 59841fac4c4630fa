"""Records with a `text`: JSON Lines and Parquet share what the columns mean."""

import hashlib
from dataclasses import replace
from typing import Any

from sejong.corpus.read.batch import Text, Unread

FIELDS = ("source", "licence", "contributor", "collected")
COLUMNS = ("id", "text", "locator", *FIELDS)


def document(record: Any, part: str, size: int) -> Text | Unread:
    """A record as a document. A given id becomes the locator where none is given; with neither, the text's hash serves."""
    if not isinstance(record, dict):
        return Unread(f"{part} is not an object with a `text`", part, size, str(record))
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        return Unread(f"{part} has no text in `text`", part, size, str(record))
    given: dict[str, Any] = {name: _encodable(record[name]) for name in FIELDS if record.get(name) not in (None, "")}
    locator = next((record[name] for name in ("locator", "id") if record.get(name) not in (None, "")), None)
    if locator is None:
        locator = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    return replace(Text(text, locator=_encodable(locator)), **given)


def _encodable(value: Any) -> str:
    """As text, without halves of surrogate pairs."""
    return str(value).encode("utf-8", "replace").decode()
