"""Which code makes a stage: the modules of this package it imports, directly or not, and the libraries those import.

Read from the source with `ast`, so nobody bumps a version by hand and a change in one stage does not remake another.
"""

import ast
import hashlib
import importlib.metadata
import platform
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
NAME = PACKAGE.name
# The ground every stage stands on decides where bytes go, not what they are.
GROUND = (f"{NAME}.flow", f"{NAME}.recipe", f"{NAME}.errors", f"{NAME}.nations")


@cache
def code_hash(module: str, data: tuple[str, ...] = ()) -> str:
    """The sha256 over every source file that `module` reaches, and over the data files given as globs in the package."""
    files = [_file(one) for one in reached(module)[0]]
    files += sorted(path for glob in data for path in PACKAGE.glob(glob) if path.is_file())
    hashed = hashlib.sha256()
    for path in files:
        hashed.update(f"{path.relative_to(PACKAGE)}\0".encode())
        hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()


@cache
def libraries(module: str) -> dict[str, str]:
    """The distributions that `module` reaches, with their versions, and Python's own."""
    owners = _owners()
    found = {owner.name for top in reached(module)[1] for owner in owners.get(top, ())}
    versions = {name: importlib.metadata.version(name) for name in sorted(found) if name != NAME}
    return {"python": ".".join(platform.python_version_tuple()[:2]), **versions}


@cache
def reached(module: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The package's modules that `module` imports, directly or not (itself included), and the outside top-level names."""
    inside: set[str] = set()
    outside: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in inside or name.startswith(GROUND):
            continue
        inside.add(name)
        for imported in _imports(name):
            top = imported.split(".")[0]
            if top == NAME:
                waiting += _as_modules(imported)
            elif top not in sys.stdlib_module_names:
                outside.add(top)
    return tuple(sorted(inside)), tuple(sorted(outside))


def _imports(module: str) -> Iterable[str]:
    for node in _statements(ast.parse(_file(module).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST) -> Iterable[ast.stmt]:
    """All statements; what stands in expressions, nearly all of a tree, cannot import and is not visited."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        for _, value in ast.iter_fields(waiting.pop()):
            for one in value if isinstance(value, list) else ():
                if isinstance(one, ast.stmt):
                    yield one
                if isinstance(one, ast.stmt | ast.excepthandler | ast.match_case):
                    waiting.append(one)


@cache
def _as_modules(name: str) -> list[str]:
    """The module `name` and the packages above it; a name that is no file is a function of the one above."""
    parts = name.split(".")
    above = [".".join(parts[:depth]) for depth in range(2, len(parts) + 1)]
    return [one for one in above if _file(one).exists()]


@cache
def _file(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _owners() -> dict[str, list[importlib.metadata.Distribution]]:
    """The distributions that hold each top-level name, as `importlib.metadata.packages_distributions` tells. That takes several
    times as long, since it makes a path of every file and reads every distribution's name."""
    found: dict[str, list[importlib.metadata.Distribution]] = {}
    for one in importlib.metadata.distributions():
        declared = (one.read_text("top_level.txt") or "").split()
        for top in declared or _top_level(one):
            found.setdefault(top, []).append(one)
    return found


def _top_level(distribution: importlib.metadata.Distribution) -> set[str]:
    """What its Python files can be imported by."""
    listed = distribution.read_text("RECORD")
    paths = listed.splitlines() if listed else map(str, distribution.files or ())
    files = (line.partition(",")[0] for line in paths)
    return {file.partition("/")[0].removesuffix(".py") for file in files if file.endswith(".py")}
