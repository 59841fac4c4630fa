"""The licence that a Debian package's copyright file states, as an SPDX expression where SPDX has a name for it.

Machine-readable files (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/) name a licence for each group of
files; the one of `Files: *` counts. In free text the longest known phrase is looked for.
"""

import re

# Debian's short names that differ from SPDX's (https://spdx.org/licenses/); a trailing + means "or later".
SHORT_NAMES = {
    "apache-2": "Apache-2.0",
    "expat": "MIT",
    "public-domain": "LicenseRef-public-domain",
}
FAMILIES = {"gpl": "GPL", "lgpl": "LGPL", "agpl": "AGPL", "gfdl": "GFDL"}
CANONICAL = {name.lower(): name for name in ("Apache", "MPL", "CC-BY", "CC-BY-SA", "CC0", "BSD", "Artistic")}
# Phrases of free-text copyright files, most specific first.
PHRASES = (
    (r"Creative Commons Attribution[- ]Share ?Alike (\d\.\d)", "CC-BY-SA-{}"),
    (r"Creative Commons Attribution (\d\.\d)", "CC-BY-{}"),
    (r"GNU Free Documentation License,? Version (\d\.\d) or any later", "GFDL-{}-or-later"),
    (r"GNU Free Documentation License,? Version (\d\.\d)", "GFDL-{}-only"),
    (r"GNU (?:Library|Lesser) General Public License[^.]*? version (\d(?:\.\d)?)[^.]*? later", "LGPL-{}-or-later"),
    (r"GNU (?:General Public License|GPL)[^.]*? version (\d(?:\.\d)?)[^.]*? later", "GPL-{}-or-later"),
    (r"\bGPL[- ]?(\d)(?:\.0)?\+", "GPL-{}-or-later"),
    (r"GNU (?:General Public License|GPL)[^.]*? version (\d(?:\.\d)?)", "GPL-{}-only"),
    (r"/common-licenses/GPL-(\d)", "GPL-{}-only"),
    (r"Permission is granted to make and distribute verbatim copies", "LicenseRef-Verbatim-copying"),
)


def licence_of(text: str) -> str | None:
    """The licence of the package's files, or none where the file states none that is known."""
    return _machine_readable(text) or _free_text(text)


def _machine_readable(text: str) -> str | None:
    if not re.match(r"\s*Format(-Specification)?:", text):
        return None
    for paragraph in re.split(r"\n\s*\n", text):
        stated = re.search(r"^License:\s*(\S.*)$", paragraph, re.MULTILINE)
        if stated and re.search(r"^Files:\s*\*\s*$", paragraph, re.MULTILINE):
            return expression(stated[1])
    return None


def expression(stated: str) -> str:
    """Debian's `GPL-2+ or MPL-2.0` as SPDX's `GPL-2.0-or-later OR MPL-2.0`."""
    parts = re.split(r"\s+(and/or|and|or)\s+|,\s*", stated.strip())
    operators = {"and": "AND", "or": "OR", "and/or": "OR"}
    return " ".join(operators.get(part, "") or _name(part) for part in parts if part)


def _name(short: str) -> str:
    low = short.lower().rstrip(".")
    if low in SHORT_NAMES:
        return SHORT_NAMES[low]
    if found := re.fullmatch(r"gfdl-niv-(\d\.\d)(\+?)", low):
        return f"GFDL-{found[1]}-no-invariants-{'or-later' if found[2] else 'only'}"
    found = re.fullmatch(r"([a-z-]+?)-(\d+(?:\.\d+)*)(\+?)(?:-or-later|-only)?", low)
    if found and found[1] in FAMILIES:
        version = found[2] if "." in found[2] else f"{found[2]}.0"
        later = "or-later" if found[3] or low.endswith("or-later") else "only"
        return f"{FAMILIES[found[1]]}-{version}-{later}"
    if found and found[1] in CANONICAL:
        return f"{CANONICAL[found[1]]}-{found[2] if '.' in found[2] else found[2] + '.0'}"
    return (re.fullmatch(r"[A-Za-z0-9.-]+", short) and short) or "LicenseRef-" + re.sub(r"[^A-Za-z0-9.]+", "-", short).strip("-")


def _free_text(text: str) -> str | None:
    plain = re.sub(r"\s+", " ", text)
    for pattern, name in PHRASES:
        if found := re.search(pattern, plain, re.IGNORECASE):
            version = found[1] if found.groups() else ""
            return name.format(version if "." in version else f"{version}.0")
    return None
