"""The open base model of `make baselines`, as GGUF: slow to open, so one test asks everything."""

from pathlib import Path

import numpy as np
import pytest

from sejong.evaluate.bits_per_byte import score
from sejong.evaluate.model import open_model
from tests.evaluate.artifacts import document

HOME = Path(__file__).parents[2] / "baselines"
GGUF, FOLDER = HOME / "gemma-3-270m-q4_k_m.gguf", HOME / "gemma-3-270m"
TEXTS = [
    document(1),
    "code: if (x<3) { return [1,2]; }\n\n\n\tend  x",
    "뷁쀍 😀👩‍👩‍👧 \u3000全角 123456 ½",
    " 앞뒤 ",
    "<eos><bos> é",
]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_gguf_model_reads_and_scores_as_its_folder_does() -> None:
    if not GGUF.exists() or not FOLDER.exists():
        pytest.skip(f"{HOME} holds no Gemma: `make baselines` fetches it")
    packed, folder = open_model(str(GGUF)), open_model(str(FOLDER))
    assert packed.begin == folder.begin == packed.tokenizer.convert_tokens_to_ids("<bos>")
    for a, b, text in zip(packed.encode(TEXTS), folder.encode(TEXTS), TEXTS, strict=True):
        assert a.lossless
        assert packed.decode(a.ids.tolist()) == text
        assert a.ids.tolist() == b.ids.tolist()
        assert packed.begin not in a.ids, "what looks like a special token is text"
    ours = score(packed, TEXTS[:2])
    for a, b in zip(ours, score(folder, TEXTS[:2]), strict=True):
        np.testing.assert_allclose(a.bits, b.bits, atol=1e-3)
    bits = sum(one.bits.sum() for one in ours) / sum(len(text.encode()) for text in TEXTS[:2])
    assert 0.3 < bits < 3, "a language model that reads Korean, not noise"
