"""Generation engines. The gateway asks an engine for token ids and nothing else; text is made and unmade outside it.

An engine has `context` (tokens of prompt and answer together), `slots` (requests decoded at once), `active` (requests in it
now), `generate(prompt, sampling)` (an asynchronous iterator of `Chunk`, whose early close stops the request and frees its
slot) and `close()`. `batching.Engine` is the embedded one.
"""

from dataclasses import dataclass
from typing import Literal

FinishReason = Literal["stop", "length"]


MOST_OF_A_REASON = 300  # characters


def reason(error: BaseException) -> str:
    """What a library says went wrong, on one line."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= MOST_OF_A_REASON else f"{said[:MOST_OF_A_REASON]} …"


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose tokens. `temperature` 0 is greedy; `seed` None draws a new one; `ignore_end` is for measuring."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    seed: int | None = None
    ignore_end: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tokens that came since the last chunk, without the one that ended the text; the last chunk has a finish reason."""

    tokens: tuple[int, ...]
    finish_reason: FinishReason | None = None
