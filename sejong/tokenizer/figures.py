"""What a tokenizer does to characters, words and morphemes, from where its tokens lie in a text."""

import re

from sejong.language import Span
from sejong.tokenizer.words import spans

WORD = re.compile(r"\S+")
SHARES = {
    "words_whole": "of words one token",
    "characters_whole": "of characters never cut",
    "tokens_in_characters": "of tokens part of a character",
    "at_morphemes": "of cuts inside words at morphemes",
}


class Marked:
    """Texts with their words, and with the boundaries of morphemes inside them where a segmenter is named.

    Raises:
        Refused: no segmenter has that name.
        Failed: the package behind it is not installed.
    """

    def __init__(self, texts: list[str], segmenter: str = "") -> None:
        self._texts = texts
        self._words = [[match.span() for match in WORD.finditer(text)] for text in texts]
        self._morphemes = [{start for start, _ in found} for found in spans(segmenter, texts)] if segmenter else None

    def figures(self, tokens: list[list[Span]]) -> dict[str, float | None]:
        """Shares between 0 and 1; None where there is nothing to count.

        Args:
            tokens: the characters that each token of each text covers; a token of some bytes of a character covers it.

        Returns:
            `words_whole` (words that no boundary cuts), `characters_whole` (visible characters that none cuts),
            `tokens_in_characters` (tokens that hold a part of a character), and, with a segmenter, `at_morphemes`:
            boundaries between tokens inside words, at characters, that begin a morpheme.
        """
        words = whole_words = visible = whole = partial = every = cuts = agreed = 0
        for number, (text, found, places) in enumerate(zip(self._texts, self._words, tokens, strict=True)):
            covered = [0] * (len(text) + 1)
            begins = bytearray(len(text) + 1)
            for start, end in places:
                begins[start] = 1
                for at in range(start, end):
                    covered[at] += 1
            every += len(places)
            partial += sum(any(covered[at] > 1 for at in (start, max(end - 1, start))) for start, end in places)
            for start, end in found:
                inside = [at for at in range(start + 1, end) if begins[at] and covered[at] == 1]
                words += 1
                split = sum(covered[at] > 1 for at in range(start, end))
                visible += end - start
                whole += end - start - split
                whole_words += not inside and not split
                if self._morphemes is not None:
                    cuts += len(inside)
                    agreed += sum(at in self._morphemes[number] for at in inside)
        shares = {
            "words_whole": _share(whole_words, words),
            "characters_whole": _share(whole, visible),
            "tokens_in_characters": _share(partial, every),
        }
        return shares if self._morphemes is None else {**shares, "at_morphemes": _share(agreed, cuts)}


def _share(part: int, of: int) -> float | None:
    return round(part / of, 4) if of else None
