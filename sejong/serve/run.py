"""What the service reads of a run: its model, its index, its nation's words."""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sejong import nations
from sejong.errors import Refused
from sejong.flow import manifest
from sejong.nations import Nation

PORTAL = Path(__file__).parent / "portal"


@dataclass(frozen=True)
class RunFolder:
    """A run that can be served. `model` is the name by which clients ask for it."""

    path: Path
    model: str
    nation: Nation

    @property
    def engine(self) -> Path:
        """The converted model."""
        return self.path / "engine"

    @property
    def index(self) -> Path:
        """The passages and their index."""
        return self.path / "index"

    @property
    def fingerprint(self) -> str:
        """Which build of the engine answers: the name of its folder in the store."""
        return self.engine.resolve().name

    @cached_property
    def words(self) -> dict[str, str]:
        """The service's and the portal's words in the nation's language."""
        return dict(self.nation.toml("portal.toml"))

    @cached_property
    def english(self) -> dict[str, str]:
        """The same words in English."""
        return tomllib.loads((PORTAL / "en.toml").read_text("utf-8"))


def open_run(path: Path) -> RunFolder:
    """The run in `path`, complete enough to serve.

    Raises:
        Refused: it is no run, a stage that serving needs has not been built, or a newer version built it.
    """
    recipe = path / "recipe.toml"
    if not recipe.exists():
        raise Refused(f"{path} is not a run: it has no recipe.toml; make one with `sejong build NATION --run {path}`")
    try:
        asked = tomllib.loads(recipe.read_text("utf-8"))
        folder = asked.get("nation_folder")
        nation = nations.load(asked["nation"], path / folder if folder else None)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError) as error:
        raise Refused(f"{recipe} is not a readable recipe ({error}): build the run again") from error
    missing = [stage for stage in ("engine", "index") if not (path / stage).is_dir()]
    if missing:
        raise Refused(f"{path} has no {' and no '.join(missing)} yet: run `sejong build {recipe}`")
    for one in sorted(path.glob(f"*/{manifest.NAME}")):
        manifest.read(one.parent)  # refuses what a newer version made
    return RunFolder(path, f"sejong-{asked['nation']}-{asked.get('size', 'xs')}", nation)
