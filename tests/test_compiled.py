"""Machine code that is kept is found again, and only as long as nothing that it was made of has changed."""

import os
import subprocess
import sys
from pathlib import Path

CALLER = """
import sys
sys.path.insert(0, {folder!r})
import numpy as np
from sejong.compiled import kernel
from callee import STEP, TABLE, add

@kernel
def three(value: int) -> int:
    return add(value) + STEP + TABLE[0]
"""
PROGRAM = "from caller import three; print(three(1), sum(three.stats.cache_hits.values()))"
CALLEE = """
import numpy as np
from sejong.compiled import kernel
STEP = 10
TABLE = np.array([100])

@kernel
def add(value: int) -> int:
    return value + 1
"""


def test_a_kernel_is_compiled_anew_when_what_it_calls_or_reads_elsewhere_has_changed(tmp_path: Path) -> None:
    (tmp_path / "caller.py").write_text(CALLER.format(folder=str(tmp_path)))
    for changed, said in (
        (CALLEE, "112 0"),
        (CALLEE, "112 1"),
        (CALLEE.replace("value + 1", "value + 2"), "113 0"),
        (CALLEE.replace("STEP = 10", "STEP = 20"), "122 0"),
        (CALLEE.replace("[100]", "[200]"), "212 0"),
        (CALLEE, "112 1"),
    ):
        (tmp_path / "callee.py").write_text(changed)
        assert _said(PROGRAM, tmp_path) == said


def test_the_corpus_stage_loads_no_library_of_models(tmp_path: Path) -> None:
    program = "import sys, sejong.corpus.stage; print(sorted({'torch', 'transformers'} & sys.modules.keys()))"
    assert _said(program, tmp_path) == "[]"


def _said(program: str, folder: Path) -> str:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); {program}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
