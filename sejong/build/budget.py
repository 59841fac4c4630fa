"""How long pretraining is: what was asked, and at most `epochs` passes over the text. Settled once, before it begins.

It is kept in the run's recipe beside the probe's answers, and holds for the same sources and settings, whatever is taken down
later: with less text the steps, the schedule and the turn to late sources stay, so that training can go on from a checkpoint.
"""

import hashlib
import json
from typing import Any

from sejong.build.request import Request, asked_of_budget, resolve, with_probe
from sejong.flow import Artifact
from sejong.recipe import Recipe


def is_settled(request: Request, sources: Artifact) -> bool:
    """Whether the request knows how long pretraining is, for these sources and settings."""
    asked, known = resolve(_open(request)), request.probed.get("budget", {})
    return (known.get("settings"), known.get("text")) == (asked_of_budget(asked), _text(asked, sources))


def settle(request: Request, sources: Artifact, tokens: Artifact) -> Request:
    """The request with the budget for these shards. Nothing in it is left to a probe.

    Raises:
        Refused: the mix names a source that has no text, or is no mix.
    """
    from sejong.train.pretrain import budget

    request = _open(request)
    asked = resolve(request)
    found = {"settings": asked_of_budget(asked), "text": _text(asked, sources), "pretrain": budget(asked.pretrain, tokens.path)}
    return with_probe(request, request.probed | {"budget": found})


def _open(request: Request) -> Request:
    """The request without a budget."""
    return with_probe(request, {key: value for key, value in request.probed.items() if key != "budget"})


def _text(recipe: Recipe, sources: Artifact) -> str:
    """A hash of what the text follows from, but for what was taken down."""
    settings: dict[str, Any] = {
        "corpus": recipe.corpus.model_dump(mode="json", exclude={"removals"}),
        "tokenizer": recipe.tokenizer.model_dump(mode="json"),
    }
    return hashlib.sha256(json.dumps([sources.digest, settings], sort_keys=True).encode()).hexdigest()
