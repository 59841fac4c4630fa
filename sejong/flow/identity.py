"""The name of a result before it exists: stage, code, libraries, settings and inputs, hashed.

Settings must have one stable form. What has none (a function, NaN, a set) is refused rather than guessed: a wrong name would
serve old bytes for a new question.
"""

import hashlib
import json
import math
from typing import Any

from sejong.errors import Refused


def identity(stage: str, code: str, libraries: dict[str, str], settings: dict[str, Any], inputs: list[tuple[str, str]]) -> str:
    """The sha256, in hexadecimal, that names what `stage` would make.

    Args:
        code: hash of the stage's source files.
        libraries: version of each library the stage computes with.
        settings: the resolved settings, probed values included.
        inputs: (stage, digest of its files), in the stage's order.
    """
    named = {"stage": stage, "code": code, "libraries": libraries, "settings": settings, "inputs": inputs}
    return hashlib.sha256(canonical(named).encode()).hexdigest()


def canonical(value: Any) -> str:
    """`value` as JSON with sorted keys and no spaces, so that equal values have equal text.

    Raises:
        Refused: a part of it has no stable form; the sentence names the part.
    """
    return json.dumps(_stable(value, "settings"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _stable(value: Any, where: str) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise Refused(f"{where} has the key {wrong[0]!r}, which is not text: use text keys")
        return {key: _stable(one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_stable(one, f"{where}[{index}]") for index, one in enumerate(value)]
    raise Refused(f"{where} is {value!r}, which has no stable form: give text, a number, true, false, a list or a table")
