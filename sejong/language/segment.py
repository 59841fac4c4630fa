"""Word segmenters by name: where the words or morphemes of a text stand, and which of them are worth searching for.

A nation names its segmenter in `nation.toml`. Two answers are given for a batch of texts:

- `spans`: character spans that do not overlap, in order, such that every character which is not white space lies in
  exactly one (a tokenizer may put its boundaries there);
- `terms`: normalised search terms (content words; particles, endings and punctuation left out).
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import regex

from sejong.errors import Failed, Refused, did_you_mean
from sejong.language import Span

WORD = regex.compile(r"[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}\u200c\u200d]|['’_.-](?=[\p{L}\p{N}]))*")
VISIBLE = re.compile(r"\S+")
GRAPHEME = regex.compile(r"\X")
LETTERS = regex.compile(r"[\p{L}\p{M}\p{N}]+")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Morpheme:
    """One unit of a text as a segmenter sees it; `term` is None where it is not worth searching for."""

    start: int
    end: int
    term: str | None


def spans(name: str, texts: Sequence[str]) -> list[list[Span]]:
    """Character spans of the words or morphemes of each text, in order, covering all that is not white space.

    Raises:
        Refused: no segmenter has that name.
        Failed: the package behind it is not installed.
    """
    analysed = _find(name).analyse([_whole(text) for text in texts])
    return [_tile(text, units) for text, units in zip(texts, analysed, strict=True)]


def terms(name: str, texts: Sequence[str]) -> list[list[str]]:
    """Search terms of each text in the order they stand: content morphemes, NFC, lower-cased.

    Raises: as `spans`.
    """
    prepared = [unicodedata.normalize("NFC", _whole(text)) for text in texts]
    return [[unit.term for unit in units if unit.term] for units in _find(name).analyse(prepared)]


def outside_model(name: str) -> dict[str, str] | None:
    """The model or dictionary made by others behind a segmenter; None where it is only rules.

    Returns:
        `{"name", "version", "licence", "sha256", "role"}`; the hash is over the names and bytes of its data files.
    """
    outside = _find(name).outside
    return None if outside is None else dict(outside())


def names() -> list[str]:
    """The registered segmenters."""
    return sorted(SEGMENTERS)


@dataclass(frozen=True)
class Segmenter:
    """What a registry entry holds: the analysis of a batch, and who made the model behind it."""

    analyse: Callable[[Sequence[str]], list[list[Morpheme]]]
    outside: Callable[[], dict[str, str]] | None = None


def _find(name: str) -> Segmenter:
    if name not in SEGMENTERS:
        raise Refused(f"there is no word segmenter `{name}`: {did_you_mean(name, SEGMENTERS)}")
    return SEGMENTERS[name]


def _whole(text: str) -> str:
    """`text` without half characters, which no analyser in another language accepts; the length stays."""
    return LONE_SURROGATE.sub("\ufffd", text)


def _tile(text: str, units: list[Morpheme]) -> list[Span]:
    """Spans without overlap (an ending fused into a syllable joins its stem) and without gaps between visible characters."""
    tiled: list[Span] = []
    reached = 0
    for unit in units:
        if unit.end <= reached:
            continue
        if unit.start < reached:
            tiled[-1] = (tiled[-1][0], unit.end)
        else:
            tiled += [(gap.start(), gap.end()) for gap in VISIBLE.finditer(text, reached, unit.start)]
            tiled.append((unit.start, unit.end))
        reached = unit.end
    tiled += [(gap.start(), gap.end()) for gap in VISIBLE.finditer(text, reached)]
    return tiled


def _pieces(text: str, limit: int) -> list[Span]:
    """`text` in pieces of at most `limit` characters, cut after a line end or a space where there is one."""
    cuts: list[Span] = []
    start = 0
    while len(text) - start > limit:
        cut = max(text.rfind("\n", start + limit // 2, start + limit), -1) + 1
        cut = cut or text.rfind(" ", start + limit // 2, start + limit) + 1 or start + limit
        cuts.append((start, cut))
        start = cut
    cuts.append((start, len(text)))
    return cuts


def _in_pieces(
    texts: Sequence[str], limit: int, analyse: Callable[[Sequence[str]], Sequence[list[Morpheme]]]
) -> list[list[Morpheme]]:
    """Analyse texts of any length by an analyser with a limit; positions are those of the whole text."""
    cuts = [_pieces(text, limit) for text in texts]
    flat = [text[start:end] for text, spans_ in zip(texts, cuts, strict=True) for start, end in spans_]
    analysed = iter(analyse(flat))
    whole: list[list[Morpheme]] = []
    for spans_ in cuts:
        units: list[Morpheme] = []
        for start, _ in spans_:
            found = next(analysed)
            units += found if start == 0 else [Morpheme(one.start + start, one.end + start, one.term) for one in found]
        whole.append(units)
    return whole


# --- words between spaces and punctuation -------------------------------------------------------------------------------


def _words(texts: Sequence[str]) -> list[list[Morpheme]]:
    return [[Morpheme(m.start(), m.end(), m.group().casefold()) for m in WORD.finditer(text)] for text in texts]


def _characters(texts: Sequence[str]) -> list[list[Morpheme]]:
    """Grapheme clusters; the term at each is the pair with its neighbour, as search over unsegmented scripts needs."""
    return [_character_pairs(text) for text in texts]


def _character_pairs(text: str) -> list[Morpheme]:
    units: list[Morpheme] = []
    clusters = [(m.start(), m.end()) for m in GRAPHEME.finditer(text) if not m.group().isspace()]
    for index, (start, end) in enumerate(clusters):
        own = text[start:end]
        following = clusters[index + 1] if index + 1 < len(clusters) else None
        joined = following is not None and following[0] == end and LETTERS.match(text, following[0]) is not None
        preceded = index > 0 and clusters[index - 1][1] == start and LETTERS.match(text, clusters[index - 1][0]) is not None
        if LETTERS.match(own) is None:
            term = None
        elif joined and following is not None:
            term = text[start : following[1]].casefold()
        else:
            term = None if preceded else own.casefold()
        units.append(Morpheme(start, end, term))
    return units


# --- Korean: Kiwi -------------------------------------------------------------------------------------------------------

# Tags of https://github.com/bab2min/Kiwi: nouns, numerals, verbs, adjectives, roots, general adverbs, foreign words,
# Chinese characters, numbers, addresses. Dependent nouns, pronouns, particles, endings, affixes and symbols are left out.
KIWI_CONTENT = frozenset(
    "NNG NNP NR VV VV-R VV-I VA VA-R VA-I XR MAG SL SH SN W_URL W_EMAIL W_HASHTAG".split()  # noqa: SIM905
)
KIWI_VERBS_WITHOUT_MEANING = frozenset(["하", "되", "있"])
KIWI_LIMIT = 12_000


@cache
def _kiwi_analyser() -> Any:
    with _needs("kiwipiepy"):
        import kiwipiepy
    return kiwipiepy.Kiwi()


def _kiwi(texts: Sequence[str]) -> list[list[Morpheme]]:
    analyser = _kiwi_analyser()

    def analyse(pieces: Sequence[str]) -> list[list[Morpheme]]:
        # Given an iterable, Kiwi analyses on all cores and yields in order.
        return [[_kiwi_unit(token) for token in tokens] for tokens in analyser.tokenize(iter(pieces))]

    return _in_pieces(texts, KIWI_LIMIT, analyse)


def _kiwi_unit(token: Any) -> Morpheme:
    content = token.tag in KIWI_CONTENT and not (token.tag[0] == "V" and token.form in KIWI_VERBS_WITHOUT_MEANING)
    return Morpheme(token.start, token.start + token.len, token.form.lower() if content else None)


def _kiwi_outside() -> dict[str, str]:
    with _needs("kiwipiepy_model"):
        import kiwipiepy_model  # type: ignore[import-untyped]
    folder = Path(kiwipiepy_model.__file__).parent
    data = [path for path in folder.iterdir() if path.suffix in {".dict", ".mdl", ".morph", ".txt"}]
    return _outside("kiwipiepy_model", "Apache-2.0", data, "Korean morphological analysis")


# --- Japanese: Sudachi --------------------------------------------------------------------------------------------------

SUDACHI_CONTENT = frozenset(["名詞", "動詞", "形容詞", "形状詞", "副詞"])
SUDACHI_VERBS_WITHOUT_MEANING = frozenset(["為る", "居る", "有る", "成る", "御座る"])
# Sudachi takes at most 49,149 bytes, and 65,535 after its own normalisation, in which one character may grow to 33 bytes.
SUDACHI_LIMIT = 1_900


@cache
def _sudachi_dictionary() -> tuple[Any, Any]:
    """The dictionary, and the way to cut: A, the short units that search wants."""
    with _needs("sudachipy and sudachidict-core"):
        import sudachidict_core  # type: ignore[import-untyped]  # noqa: F401  # the dictionary that `core` names
        import sudachipy
    return sudachipy.Dictionary(dict="core"), sudachipy.SplitMode.A


def _sudachi(texts: Sequence[str]) -> list[list[Morpheme]]:
    dictionary, mode = _sudachi_dictionary()

    def analyse_some(pieces: Sequence[str]) -> list[list[Morpheme]]:
        tokenizer = dictionary.tokenizer(mode=mode)  # one a thread
        return [[_sudachi_unit(one) for one in tokenizer.tokenize(piece)] for piece in pieces]

    def analyse(pieces: Sequence[str]) -> list[list[Morpheme]]:
        batches = [pieces[start : start + 64] for start in range(0, len(pieces), 64)]
        if len(batches) < 2:
            return analyse_some(pieces)
        with ThreadPoolExecutor() as pool:  # the analysis itself runs without the interpreter's lock
            return [units for batch in pool.map(analyse_some, batches) for units in batch]

    return _in_pieces(texts, SUDACHI_LIMIT, analyse)


def _sudachi_unit(morpheme: Any) -> Morpheme:
    speech = morpheme.part_of_speech()
    term = None
    if speech[0] in SUDACHI_CONTENT:
        normal = morpheme.normalized_form()
        if not (speech[1] == "非自立可能" and normal in SUDACHI_VERBS_WITHOUT_MEANING):
            term = normal.lower()
    return Morpheme(morpheme.begin(), morpheme.end(), term)


def _sudachi_outside() -> dict[str, str]:
    with _needs("sudachidict-core"):
        import sudachidict_core
    folder = Path(sudachidict_core.__file__).parent / "resources"
    return _outside("SudachiDict-core", "Apache-2.0", [folder / "system.dic"], "Japanese morphological analysis")


# --- Thai: the longest dictionary words ---------------------------------------------------------------------------------

THAI_LIMIT = 12_000


def _thai(texts: Sequence[str]) -> list[list[Morpheme]]:
    with _needs("pythainlp"):
        from pythainlp.tokenize.newmm import segment

    def analyse(pieces: Sequence[str]) -> list[list[Morpheme]]:
        return [_consecutive(segment(piece, safe_mode=True)) for piece in pieces]

    return _in_pieces(texts, THAI_LIMIT, analyse)


def _consecutive(tokens: list[str]) -> list[Morpheme]:
    """Tokens that together are the text, as morphemes."""
    units: list[Morpheme] = []
    start = 0
    for token in tokens:
        end = start + len(token)
        if not token.isspace():
            units.append(Morpheme(start, end, token.lower() if LETTERS.search(token) else None))
        start = end
    return units


def _thai_outside() -> dict[str, str]:
    with _needs("pythainlp"):
        from pythainlp import corpus
    words = Path(corpus.__file__).parent / "words_th.txt"
    return _outside("pythainlp words_th", "CC0-1.0", [words], "Thai word segmentation", package="pythainlp")


# --- Thai, Khmer, Lao, Burmese, Chinese: ICU ----------------------------------------------------------------------------


def _icu(texts: Sequence[str]) -> list[list[Morpheme]]:
    with _needs("pyicu-wheels"):
        from sejong.language import icu_words
    return [
        [Morpheme(start, end, text[start:end].casefold() if LETTERS.search(text, start, end) else None) for start, end in found]
        for text, found in zip(texts, icu_words.words(list(texts)), strict=True)
    ]


def _icu_outside() -> dict[str, str]:
    with _needs("pyicu-wheels"):
        from sejong.language import icu_words
    return _outside(f"ICU {icu_words.version()}", "Unicode-3.0", icu_words.libraries(), "word boundaries", package="pyicu-wheels")


SEGMENTERS: dict[str, Segmenter] = {
    "characters": Segmenter(_characters),
    "icu": Segmenter(_icu, _icu_outside),
    "kiwi": Segmenter(_kiwi, _kiwi_outside),
    "sudachi": Segmenter(_sudachi, _sudachi_outside),
    "thai": Segmenter(_thai, _thai_outside),
    "words": Segmenter(_words),
}


@contextmanager
def _needs(package: str) -> Iterator[None]:
    """Imports are literal, each where it is needed, so that identities see them (`sejong.flow.code`) and few are loaded."""
    try:
        yield
    except ImportError as error:
        raise Failed(f"the Python package {package} is not installed ({error}): run `make setup`") from error


@lru_cache
def _hash_files(files: tuple[Path, ...]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0".encode())
        with path.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def _outside(name: str, licence: str, files: list[Path], role: str, package: str | None = None) -> dict[str, str]:
    version = metadata.version(package or name)
    return {"name": name, "version": version, "licence": licence, "sha256": _hash_files(tuple(sorted(files))), "role": role}
