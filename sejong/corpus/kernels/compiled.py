"""How a kernel is compiled: by numba at its first call, then kept on disk for every later process.

The machine code lies in `$NUMBA_CACHE_DIR`; where that is not set, in the user's cache folder or, if that cannot be written,
beside the kernels. Its folder is named after a hash of all kernels' sources: numba itself looks at one source file only and would
keep a kernel whose callee in another file has changed.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import config as numba_config

from sejong.errors import Failed

config: Any = numba_config

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` when it is first called.

    Raises:
        Failed: machine code can be kept nowhere, so that every process would compile anew.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        return cast(Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    finally:
        config.CACHE_DIR = before


@cache
def cache_folder() -> Path:
    """Where the machine code of the kernels lies. Raises: as `kernel`."""
    beside = Path(__file__).parent
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    given = os.environ.get("NUMBA_CACHE_DIR")
    digest = hashlib.sha256()
    for path in sorted(beside.glob("*.py")):
        digest.update(path.read_bytes())
    tried = [Path(given)] if given else [own / "sejong", beside / "__pycache__"]
    for base in tried:
        folder = base / f"kernels-{digest.hexdigest()[:16]}"
        if _can_be_written(folder):
            return folder
    names = " nor in ".join(map(str, tried))
    raise Failed(f"the compiled rules cannot be kept in {names}: set NUMBA_CACHE_DIR to a folder that can be written")


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
