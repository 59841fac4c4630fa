"""Files of a public repository's newest commit."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sejong.corpus.fetch.catalogue import GitEntry
from sejong.corpus.fetch.match import matching
from sejong.corpus.fetch.origin import Origin
from sejong.errors import Failed, Refused


def fetch(entry: GitEntry, into: Path, downloads: Path) -> Origin:
    """Put the matching files under `into`. Temporary files lie beside it.

    Raises:
        Refused: this machine has no git.
        Failed: the repository could not be fetched, or nothing in it matches.
    """
    if shutil.which("git") is None:
        raise Refused(
            f"this machine has no git, which source `{entry.name}` needs: install git, or give text of your own with --text"
        )
    with tempfile.TemporaryDirectory(prefix=".git-", dir=into.parent) as temporary:
        clone = Path(temporary, "clone")
        _git("clone", "--quiet", "--depth", "1", entry.url, str(clone), what=entry.url)
        commit, date = _git("-C", str(clone), "log", "-1", "--format=%H %cs", what=entry.url).split()
        paths = [path for path in matching(clone, entry.files) if not path.startswith(".git/")]
        if not paths:
            raise Failed(f"{entry.url} has no file that matches {entry.files}: correct `files` of [{entry.name}] in sources.toml")
        for path in paths:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            (clone / path).rename(into / path)
    return Origin(
        uri=f"git+{entry.url}@{commit}",
        version=commit,
        licence=entry.licence,
        licence_from="sources.toml" if entry.licence else None,
        collected=date,
    )


def _git(*arguments: str, what: str) -> str:
    run = subprocess.run(
        ["git", *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
    )
    if run.returncode:
        said = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Failed(f"{what} could not be fetched ({said}): check the network, or give text of your own with --text")
    return run.stdout
