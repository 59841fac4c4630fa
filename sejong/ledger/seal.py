"""`seal.json`: the root of a run's chain, holding the hashes of the ledger's manifest, of the recipe and of the removals where
there are any, and its own."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sejong.flow import atomic, sha256_file
from sejong.flow.manifest import FORMAT
from sejong.flow.manifest import NAME as MANIFEST
from sejong.ledger import removals

NAME = "seal.json"


def write(run: Path) -> None:
    """Seal a finished run."""
    body = {
        "format": FORMAT,
        "ledger_manifest": sha256_file(run / "ledger" / MANIFEST),
        "recipe": sha256_file(run / "recipe.toml"),
    }
    if (run / removals.NAME).exists():
        body["removals"] = sha256_file(run / removals.NAME)
    with atomic(run / NAME) as path:
        path.write_text(json.dumps({**body, "self": own_hash(body)}, indent=1) + "\n", "utf-8")


def own_hash(seal: dict[str, Any]) -> str:
    """The hash that a seal carries over the rest of itself."""
    body = {key: value for key, value in seal.items() if key != "self"}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
