"""Personal identifiers masked: each is replaced by a token that names its kind, and where the token stands is recorded.

Kinds are named in a nation's `pii.toml` and looked up in `kinds.py`: `email`, `card`, `iban`, `ip`, `phone:REGION` (an ISO 3166
code, such as `phone:KR`), `id:NAME` (a number of python-stdnum or of `numbers.py`, such as `id:kr.rrn`), `passport:REGION`,
`url_credentials` and `key`. The tokens are `<EMAIL>`, `<CARD>`, `<PHONE>`, `<ID>` and so on. Where two kinds claim the same
characters, the one named first in `pii.toml` has them.

A number is masked only where its form is right and, if it has a check digit, that too; where that leaves doubt, words nearby
(`pii.toml`, `words`) decide. `measure.py` counts on generated text what is found and what is missed.
"""

from collections.abc import Sequence

from sejong.corpus.redact.kinds import KINDS, finder
from sejong.corpus.redact.mask import SPANS, Identifiers, redact, token
from sejong.recipe import CorpusSettings

__all__ = ["KINDS", "SPANS", "Identifiers", "check", "identifiers", "redact", "token"]


def check(kinds: Sequence[str]) -> None:
    """Refuse kinds that nothing here can find.

    Raises:
        Refused: a kind is unknown, or its region or number is.
    """
    for kind in kinds:
        finder(kind)


def identifiers(settings: CorpusSettings) -> Identifiers:
    """What the settings of the corpus stage say is to be masked."""
    return Identifiers(settings.identifiers, settings.identifier_rules.get("words", {}))
