"""Pre-segmentation at inference: the pattern that cuts text into the pieces inside which byte pairs are merged.

Only patterns that llama.cpp knows are here, under the name it gives them (`tokenizer.ggml.pre`), so that an exported model
cuts text in the same places everywhere. None of them changes a character: what goes in comes out.
"""

from dataclasses import dataclass

from tokenizers import Regex
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Sequence, Split

from sejong.errors import Refused, did_you_mean

ENGLISH_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
EXAONE_REST = r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+"


@dataclass(frozen=True)
class Pieces:
    """A pattern, how it cuts numbers, and what GGUF calls it.

    `whole_first`: a piece that is a token itself becomes that token, whatever the merges say. llama.cpp does so for this
    pattern, so the tokenizer must too.
    """

    pattern: str
    gguf: str
    digits: str
    whole_first: bool = False
    words: str = ""  # the pattern of the first stage, where pieces of `pattern` hold several words


PIECES: dict[str, Pieces] = {
    # Llama 3: letters with one leading mark, digits in groups of three, runs of signs, line ends apart from spaces.
    "llama3": Pieces(
        rf"{ENGLISH_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}",
        gguf="llama-bpe",
        digits="groups of at most three",
        whole_first=True,
    ),
    # Qwen 2: the same with every digit alone.
    "qwen2": Pieces(
        rf"{ENGLISH_ENDINGS}|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{SPACES}",
        gguf="qwen2",
        digits="one by one",
    ),
    # GPT-2: numbers are pieces of any length.
    "gpt2": Pieces(
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        gguf="gpt-2",
        digits="runs of any length",
    ),
    # GPT-4o: combining marks stay with their letters, as Thai, Lao, Khmer and the scripts of India need.
    "gpt4o": Pieces(
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + ENGLISH_ENDINGS + r"?|"
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + ENGLISH_ENDINGS + r"?|"
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES,
        gguf="gpt-4o",
        digits="groups of at most three",
    ),
    # K-EXAONE: words with one space between them are one piece, so that a token may hold several (superwords).
    "exaone-moe": Pieces(
        ENGLISH_ENDINGS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+" + EXAONE_REST,
        gguf="exaone-moe",
        digits="one by one",
        words=ENGLISH_ENDINGS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*)+" + EXAONE_REST,
    ),
}


def pieces(name: str) -> Pieces:
    """The entry called `name`.

    Raises:
        Refused: there is none.
    """
    if name not in PIECES:
        raise Refused(f"tokenizer.pieces: there is no pre-segmentation `{name}`: {did_you_mean(name, PIECES)}")
    return PIECES[name]


def pre_tokenizer(chosen: Pieces) -> PreTokenizer:
    """The pre-tokenizer that is saved with the tokenizer: the pattern, then bytes."""
    return Sequence([Split(Regex(chosen.pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])
