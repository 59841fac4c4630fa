"""How a kernel is compiled: by numba at its first call, then kept on disk for every later process.

    @kernel
    def count(data: Bytes) -> int: ...

The machine code lies in `$NUMBA_CACHE_DIR`; where that is not set, in the user's cache folder or, if that cannot be written,
beside the sources. numba itself keeps a kernel until its own source file changes; here it is also compiled anew when a kernel
that it calls, or a constant that it reads, has changed in another file.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Literal, TypeVar, cast

import numba
import numpy as np
from numba.core import config as numba_config
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

from sejong.errors import Failed

config: Any = numba_config
PACKAGE = Path(__file__).parent

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` when it is first called.

    Raises:
        Failed: machine code can be kept nowhere, so that every process would compile anew.
    """
    return _kept(function, inline="never")


def inlined_kernel(function: Function) -> Function:
    """As `kernel`; its code goes into each kernel that calls it."""
    return _kept(function, inline="always")


def _kept(function: Function, inline: Literal["never", "always"]) -> Function:
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        compiled: Any = numba.njit(nogil=True, error_model="numpy", inline=inline)(function)
        compiled._cache = cast(Any, _Cache)(function)
    finally:
        config.CACHE_DIR = before
    return cast(Function, compiled)


class _Cache(FunctionCache):
    """numba's, whose entries are found by all that the machine code was made of."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        key: tuple[Any, ...] = cast(Any, super())._index_key(sig, codegen)
        return (*key, _made_of(self._py_func))


@cache
def _made_of(function: Callable[..., Any]) -> str:
    """A hash of the files of all kernels that `function` calls, directly or not, and of the constants that they read."""
    parts: set[bytes] = set()
    seen: set[Callable[..., Any]] = set()
    waiting = [function]
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        parts.add(one.__module__.encode() + _file_hash(one.__code__.co_filename))  # machine code names its modules
        for name, value in _read_by(one):
            if isinstance(value, Dispatcher):
                waiting.append(value.py_func)
            elif callable(value) and str(value.__module__).startswith(f"{PACKAGE.name}."):  # such as an intrinsic
                parts.add(_file_hash(str(sys.modules[value.__module__].__file__)))
            elif isinstance(value, np.ndarray):
                parts.add(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
            elif isinstance(value, int | float | complex | str | bytes | tuple | np.generic):
                parts.add(f"{name} {value!r}".encode())
    return hashlib.sha256(b"\n".join(sorted(parts))).hexdigest()


def _read_by(function: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """What a function's names mean outside it, those too that it takes from a module of this package."""
    known = function.__globals__
    names = sorted(set(_names(function.__code__)))
    yield from ((name, known[name]) for name in names if name in known)
    for module in (known.get(name) for name in names):
        if isinstance(module, ModuleType) and module.__name__.startswith(f"{PACKAGE.name}."):
            yield from ((name, getattr(module, name)) for name in names if hasattr(module, name))


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


@cache
def _file_hash(path: str) -> bytes:
    return hashlib.sha256(Path(path).read_bytes()).digest()


@cache
def cache_folder() -> Path:
    """Where the machine code of the kernels lies. Raises: as `kernel`."""
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    given = os.environ.get("NUMBA_CACHE_DIR")
    tried = [Path(given)] if given else [own / "sejong", PACKAGE / "__pycache__"]
    for base in tried:
        folder = base / f"kernels-{numba.__version__}"
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
