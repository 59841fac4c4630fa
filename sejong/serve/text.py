"""Text to token ids and back: prompts in which a user's words are never taken for special tokens, and text that comes token
by token without ever showing half a character, be it of several bytes or of several code points."""

import codecs
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypedDict

import regex
from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from sejong.errors import Failed

SLOT = re.compile("\ue000([0-9]+)\ue001")  # where a message's content stands in a rendered template

CLUSTER = regex.compile(r"\X")  # an extended grapheme cluster, what readers take for one character (Unicode UAX #29)


class Message(TypedDict):
    """One message as chat templates take it."""

    role: str
    content: str


class Vocabulary:
    """The tokenizer of an engine's folder, which must be byte-level BPE, and its chat template.

    Raises:
        Failed: a file is missing, or the tokenizer is of another kind.
    """

    def __init__(self, folder: Path) -> None:
        try:
            kind = json.loads((folder / "tokenizer.json").read_text("utf-8")).get("decoder") or {}
            self._config: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
            if "ByteLevel" not in [kind.get("type"), *(one.get("type") for one in kind.get("decoders", []))]:
                raise Failed(
                    f"the tokenizer in {folder} is not byte-level ({kind.get('type')}): only byte-level text is streamed"
                )
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._verbatim = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Failed:
            raise
        except Exception as error:  # tokenizers raises bare Exception
            raise Failed(f"the tokenizer in {folder} cannot be read ({error}): build the stage `engine` again") from error
        self._verbatim.encode_special_tokens = True
        self.size = int(self._tokenizer.get_vocab_size(with_added_tokens=True))
        template = folder / "chat_template.jinja"
        source = template.read_text("utf-8") if template.exists() else self._config.get("chat_template")
        self._template = _environment().from_string(source) if source else None
        self._bytes = _token_bytes(self._tokenizer)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; what looks like a special token in it is encoded as the characters it is."""
        ids: list[int] = self._verbatim.encode(text, add_special_tokens=False).ids
        return ids

    def document(self, text: str) -> list[int]:
        """The prompt of a text to be continued: the token that begins a document, where there is one, and the text."""
        begin = self._tokenizer.token_to_id(_text_of(self._config.get("bos_token")) or "")
        return [*([] if begin is None else [begin]), *self.encode(text)]

    def chat(self, messages: Sequence[Message]) -> list[int]:
        """The prompt of a conversation, up to where the assistant speaks. Only the template's own words can be special tokens.

        Raises:
            Failed: there is no chat template, or it refuses these messages.
        """
        if self._template is None:
            raise Failed("this model has no chat template: use /v1/completions")
        marked = [{"role": one["role"], "content": f"\ue000{number}\ue001"} for number, one in enumerate(messages)]
        names = {key: _text_of(value) for key, value in self._config.items() if key.endswith("_token")}
        try:
            rendered = self._template.render(messages=marked, add_generation_prompt=True, **names)
        except TemplateError as error:
            raise Failed(f"the model's chat template refuses these messages: {error}") from error
        ids: list[int] = []
        for place, piece in enumerate(SLOT.split(rendered)):
            if place % 2:
                ids += self.encode(messages[int(piece)]["content"])
            elif piece:
                ids += self._tokenizer.encode(piece, add_special_tokens=False).ids
        return ids

    def decoder(self) -> "Decoder":
        """A decoder for one answer."""
        return Decoder(self._bytes)


class Decoder:
    """Token ids to text as they come.

    A character is given out when its last byte is there. Bytes that are no UTF-8, and a character that never becomes whole,
    are left out. The pieces together are `bytes.decode("utf-8", "ignore")` of all the tokens' bytes.
    """

    def __init__(self, token_bytes: Sequence[bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")

    def feed(self, tokens: Iterable[int]) -> str:
        """The characters that these tokens complete; special tokens have none."""
        return self._decoder.decode(b"".join(self._token_bytes[token] for token in tokens if token < len(self._token_bytes)))


class StopStrings:
    """Cut a text that comes in pieces where the first of `stops` begins; what might be the beginning of one is held back."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.found = False

    def feed(self, text: str) -> str:
        """What can be given out of the text so far; nothing more once a stop was found."""
        if self.found:
            return ""
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            return self._give(min(places))
        doubtful = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        return self._give(len(self._held) - doubtful)

    def rest(self) -> str:
        """What was held back, when the text has ended."""
        return "" if self.found else self._give(len(self._held))

    def _give(self, length: int) -> str:
        given, self._held = self._held[:length], self._held[length:]
        return given


class Clusters:
    """Give a text that comes in pieces out in whole grapheme clusters: joined emoji, flags, syllables of conjoining jamo.

    Any cluster may grow by what comes next, so the last one is always held back.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        """The clusters of the text so far that can grow no more."""
        self._held += text
        last = max((one.start() for one in CLUSTER.finditer(self._held)), default=0)
        given, self._held = self._held[:last], self._held[last:]
        return given

    def rest(self) -> str:
        """What was held back, when the text has ended."""
        given, self._held = self._held, ""
        return given


def _overlap(text: str, stop: str) -> int:
    """The longest end of `text` that begins `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


@cache
def _byte_of_character() -> dict[str, int]:
    """The characters that stand for bytes in byte-level vocabularies (Radford et al. 2019, GPT-2's encoder)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


def _token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes of every token id; none for special tokens, and the plain text of other added ones."""
    added = {
        number: b"" if token.special else token.content.encode() for number, token in tokenizer.get_added_tokens_decoder().items()
    }
    table, size = _byte_of_character(), tokenizer.get_vocab_size(with_added_tokens=True)
    found = [b""] * size
    for token, number in tokenizer.get_vocab(with_added_tokens=True).items():
        if number < size:
            found[number] = added[number] if number in added else bytes(table[character] for character in token)
    return found


def _text_of(token: Any) -> str | None:
    """A special token in a tokenizer's configuration: its text, or a table that holds it."""
    return token.get("content") if isinstance(token, dict) else token


class _Generation(Extension):
    """The `generation` block, by which templates mark the assistant's words for training; here its content only."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja as chat templates expect it: a sandbox in which they can also refuse."""

    def refuse(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    return environment
