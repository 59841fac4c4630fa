"""datatrove's own filters on JSON Lines, run inside an environment of its own by benchmarks/curation.py.

    python datatrove_rules.py FOLDER OUT WORKERS PARAMETERS.json spaces|korean [--record]

FOLDER holds one JSON Lines file a worker. OUT gets `kept/` as Parquet and, with
--record, what each filter dropped with its reason (left out when it is timed).
PARAMETERS has one table a filter with datatrove's own parameter names. `spaces` makes words with str.split, so that no
segmenter is timed; `korean` is datatrove's own tokenizer for Korean (kiwi).
"""

import json
import sys
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.word_tokenizers import WhitespaceTokenizer

FILTERS = {
    "gopher_repetition": GopherRepetitionFilter,
    "gopher_quality": GopherQualityFilter,
    "c4": C4QualityFilter,
    "fineweb": FineWebQualityFilter,
}


class Spaces(WhitespaceTokenizer):
    """Words between white space; sentences as datatrove's tokenizer for such languages cuts them."""

    def word_tokenize(self, text: str) -> list[str]:
        """What str.split gives."""
        return text.split()


def main(folder: str, out: str, workers: str, parameters: str, words: str, record: str = "") -> None:
    language = Spaces() if words == "spaces" else "kor_Hang"
    given = json.loads(Path(parameters).read_text("utf-8"))
    steps = [
        FILTERS[name](
            exclusion_writer=ParquetWriter(f"{out}/dropped/{name}") if record else None, language=language, **_tuples(given[name])
        )
        for name in given
    ]
    LocalPipelineExecutor(
        pipeline=[JsonlReader(folder, text_key="text", id_key="id"), *steps, ParquetWriter(f"{out}/kept")],
        tasks=int(workers),
        workers=int(workers),
        logging_dir=f"{out}/logs",
    ).run()


def _tuples(table: dict) -> dict:
    """JSON has no tuples, datatrove's filters ask for some."""
    turned = {}
    for name, value in table.items():
        if isinstance(value, list):
            value = tuple(tuple(one) if isinstance(one, list) else one for one in value)
        turned[name] = value
    return turned


if __name__ == "__main__":
    main(*sys.argv[1:])
