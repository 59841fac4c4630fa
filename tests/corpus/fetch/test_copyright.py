"""Licences of Debian's copyright files as SPDX expressions."""

import pytest

from sejong.corpus.fetch.copyright import expression, licence_of
from sejong.corpus.fetch.match import expression as paths


@pytest.mark.parametrize(
    ("stated", "spdx"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPL-2.0+ or CC-BY-SA-3.0", "GPL-2.0-or-later OR CC-BY-SA-3.0"),
        ("GFDL-NIV-1.2+", "GFDL-1.2-no-invariants-or-later"),
        ("MPL-2.0", "MPL-2.0"),
        ("Apache-2", "Apache-2.0"),
        ("Expat", "MIT"),
        ("GPL-2+ and MIT", "GPL-2.0-or-later AND MIT"),
        ("JM project terms", "LicenseRef-JM-project-terms"),
    ],
)
def test_short_names(stated: str, spdx: str) -> None:
    assert expression(stated) == spdx


@pytest.mark.parametrize(
    ("text", "spdx"),
    [
        (
            "This is free under the terms of the GNU General Public\nLicense, version 2 or (at your option) any later version.",
            "GPL-2.0-or-later",
        ),
        ("licensed under the terms of the GNU GPL, version 2.", "GPL-2.0-only"),
        ("Creative Commons Attribution-ShareAlike 4.0 International", "CC-BY-SA-4.0"),
        ("Permission is granted to make and distribute verbatim copies of\nthis document", "LicenseRef-Verbatim-copying"),
        ("Ask the author.", None),
    ],
)
def test_free_text(text: str, spdx: str | None) -> None:
    assert licence_of(text) == spdx


def test_the_licence_of_all_files_counts() -> None:
    text = "Format: https://x/\n\nFiles: a\nLicense: MIT\n\nFiles: *\nCopyright: x\nLicense: GPL-3+\n text\n"
    assert licence_of(text) == "GPL-3.0-or-later"


def test_patterns_of_paths() -> None:
    wanted = paths(["usr/**/*.html", "a/?.txt"])
    assert [
        path
        for path in ("usr/a.html", "usr/b/c/d.html", "usr/a.htm", "a/b.txt", "a/bc.txt", "a/b/c.txt")
        if wanted.fullmatch(path)
    ] == [
        "usr/a.html",
        "usr/b/c/d.html",
        "a/b.txt",
    ]
