"""Numbers of list items and headings: how word processors count and write them.

Names of number formats: OWPML (KS X 6101) `NumberType1`, HWPML in capitals, ECMA-376 Part 1 §17.18.59 `ST_NumberFormat`, and
ODF's `style:num-format`.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

SYLLABLES = "가나다라마바사아자차카타파하"
JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
CIRCLED_SYLLABLES = "㉮㉯㉰㉱㉲㉳㉴㉵㉶㉷㉸㉹㉺㉻"
CIRCLED_JAMO = "㉠㉡㉢㉣㉤㉥㉦㉧㉨㉩㉪㉫㉬㉭"
PHONETIC = ("", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"), "십"
IDEOGRAPHS = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九"), "十"
CIRCLED_IDEOGRAPHS = "㊀㊁㊂㊃㊄㊅㊆㊇㊈㊉"
STEMS, STEMS_HANJA = "갑을병정무기경신임계", "甲乙丙丁戊己庚辛壬癸"
IROHA, AIUEO = (
    "イロハニホヘトチリヌルヲワカヨタレソツネナラムウヰノオクヤマケフコエテアサキユメミシヱヒモセス",
    ("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン"),
)
ABJAD, ALPHA = "أبجدهوزحطيكلمنسعفصقرشتثخذضظغ", "أبتثجحخدذرزسشصضطظعغفقكلمنهوي"
THAI = "กขคงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮ"
DEVANAGARI = "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह"
ROMAN = (
    *((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL")),
    *((10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")),
)
LEVELS = 10


class Level(NamedTuple):
    """How one level is marked: `text` with `^1` … `^9` for the numbers of levels and `^n` for all of them; "" is no mark.

    `bullet`: the mark is a symbol and no number.
    """

    text: str
    format: str = "DIGIT"
    start: int = 1
    bullet: bool = False


class Counters:
    """The running numbers of a document's lists."""

    def __init__(self, lists: dict[str, dict[int, Level]]) -> None:
        """`lists`: the levels, from 0 on, of each list by its name."""
        self.lists = lists
        self._numbers: dict[str, list[int | None]] = {}

    def mark(self, name: str, level: int, counter: str | None = None) -> str:
        """What stands before the next item: "-" for a bullet, "" for nothing. Lists of one `counter` go on from each other."""
        definition = self.lists.get(name, {}).get(level)
        if definition is None or not 0 <= level < LEVELS:
            return ""
        if definition.bullet:
            return "-"
        numbers = self._numbers.setdefault(counter or name, [None] * LEVELS)
        before = numbers[level]
        numbers[level] = definition.start if before is None else before + 1
        numbers[level + 1 :] = [None] * (LEVELS - level - 1)
        return re.sub(r"\^(\d+|[nN])", lambda found: self._number(name, numbers, level, found[1]), definition.text).strip()

    def restart(self, counter: str) -> None:
        """Let a list begin anew."""
        self._numbers.pop(counter, None)

    def _number(self, name: str, numbers: list[int | None], level: int, which: str) -> str:
        levels = self.lists[name]
        if which in "nN":
            path = ".".join(self._written(levels, numbers, one) for one in range(level + 1))
            return f"{path}." if which == "N" else path
        return self._written(levels, numbers, int(which) - 1) if 1 <= int(which) <= LEVELS else ""

    def _written(self, levels: dict[int, Level], numbers: list[int | None], level: int) -> str:
        definition = levels.get(level, Level(""))
        number = numbers[level]
        return written(definition.start if number is None else number, definition.format)


def written(number: int, style: str) -> str:
    """A number in a format; in digits where the format is not known or ends before it."""
    writer = FORMATS.get(style)
    return (writer(number) if writer and number > 0 else None) or str(number)


def _one_of(letters: str) -> Callable[[int], str | None]:
    return lambda number: letters[number - 1] if number <= len(letters) else None


def _repeated(letters: str) -> Callable[[int], str | None]:
    """After the last letter they come doubled."""
    return lambda number: letters[(number - 1) % len(letters)] * ((number - 1) // len(letters) + 1) if number < 1000 else None


def _range(first: str, count: int) -> Callable[[int], str | None]:
    return lambda number: chr(ord(first) + number - 1) if number <= count else None


def _circled(number: int) -> str | None:
    if number <= 20:
        return chr(0x245F + number)
    return chr(0x3251 + number - 21) if number <= 35 else chr(0x32B1 + number - 36) if number <= 50 else None


def _tens(digits: tuple[str, ...], ten: str) -> Callable[[int], str | None]:
    def write(number: int) -> str | None:
        high, low = divmod(number, 10)
        return (digits[high] if high > 1 else "") + (ten if high else "") + digits[low] if number < 100 else None

    return write


def _roman(number: int) -> str | None:
    if number >= 4000:
        return None
    text = ""
    for value, letters in ROMAN:
        count, number = divmod(number, value)
        text += letters * count
    return text


def _small_roman(number: int) -> str | None:
    text = _roman(number)
    return text.lower() if text else None


FORMATS: dict[str, Callable[[int], str | None]] = {
    "CIRCLED_DIGIT": _circled,
    "ROMAN_CAPITAL": _roman,
    "ROMAN_SMALL": _small_roman,
    "LATIN_CAPITAL": _repeated("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "LATIN_SMALL": _repeated("abcdefghijklmnopqrstuvwxyz"),
    "CIRCLED_LATIN_CAPITAL": _range("Ⓐ", 26),
    "CIRCLED_LATIN_SMALL": _range("ⓐ", 26),
    "HANGUL_SYLLABLE": _repeated(SYLLABLES),
    "CIRCLED_HANGUL_SYLLABLE": _one_of(CIRCLED_SYLLABLES),
    "HANGUL_JAMO": _repeated(JAMO),
    "CIRCLED_HANGUL_JAMO": _one_of(CIRCLED_JAMO),
    "HANGUL_PHONETIC": _tens(*PHONETIC),
    "IDEOGRAPH": _tens(*IDEOGRAPHS),
    "CIRCLED_IDEOGRAPH": _one_of(CIRCLED_IDEOGRAPHS),
    "DECAGON_CIRCLE": _one_of(STEMS),
    "DECAGON_CIRCLE_HANJA": _one_of(STEMS_HANJA),
    "decimalZero": lambda number: f"{number:02}",
    "upperRoman": _roman,
    "lowerRoman": _small_roman,
    "upperLetter": _repeated("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "lowerLetter": _repeated("abcdefghijklmnopqrstuvwxyz"),
    "decimalEnclosedCircle": _circled,
    "decimalEnclosedParen": _range("⑴", 20),
    "decimalEnclosedFullstop": _range("⒈", 20),
    "ganada": _repeated(SYLLABLES),
    "chosung": _repeated(JAMO),
    "koreanCounting": _tens(*PHONETIC),
    "koreanDigital2": _tens(*IDEOGRAPHS),
    "japaneseCounting": _tens(*IDEOGRAPHS),
    "ideographDigital": _tens(*IDEOGRAPHS),
    "chineseCounting": _tens(*IDEOGRAPHS),
    "chineseCountingThousand": _tens(*IDEOGRAPHS),
    "taiwaneseCounting": _tens(*IDEOGRAPHS),
    "taiwaneseCountingThousand": _tens(*IDEOGRAPHS),
    "ideographTraditional": _one_of(STEMS_HANJA),
    "iroha": _one_of(IROHA),
    "aiueo": _one_of(AIUEO),
    "arabicAbjad": _one_of(ABJAD),
    "arabicAlpha": _one_of(ALPHA),
    "thaiLetters": _one_of(THAI),
    "hindiConsonants": _one_of(DEVANAGARI),
    "hindiVowels": _one_of(DEVANAGARI),
    "A": _repeated("ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "a": _repeated("abcdefghijklmnopqrstuvwxyz"),
    "I": _roman,
    "i": _small_roman,
}
