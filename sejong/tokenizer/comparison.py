"""Compare the run's tokenizer with others on held-out text.

A stage of its own: which other vocabularies are installed here must not change the tokenizer's artifact, on which
training depends.
"""

import json
from pathlib import Path
from typing import Any

from sejong.flow import Artifact, the_only
from sejong.recipe import ComparisonSettings
from sejong.tokenizer.compare import measure, open_vocabulary
from sejong.tokenizer.texts import held_out


def run(settings: ComparisonSettings, inputs: list[Artifact], out: Path) -> dict[str, Any]:
    """Write `comparison.json`: the own tokenizer first, plain bytes last; no rows where the corpus has nothing held out."""
    texts = held_out(the_only(inputs, "corpus").path)
    own = open_vocabulary(str(the_only(inputs, "tokenizer").path), "own")
    others = [open_vocabulary(one.path, one.name) for one in settings.against]
    rows = measure(texts, [own, *others, open_vocabulary("bytes")]) if texts else []
    (out / "comparison.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return {f"bytes_per_token_{row['tokenizer']}": row["bytes_per_token"] for row in rows}
