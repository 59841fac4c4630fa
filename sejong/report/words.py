"""The page's words and numbers in one language."""

import re
import tomllib
from pathlib import Path

from sejong.errors import Refused

ENGLISH: dict[str, str] = tomllib.loads((Path(__file__).parent / "texts.toml").read_text("utf-8"))
SLOT = re.compile(r"\{(\w+)\}")
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")  # powers of 1000


class Words:
    """Sentences by key, and numbers written the way the language writes them."""

    def __init__(self, language: str, texts: dict[str, str]) -> None:
        """`language` is an ISO 639-1 code.

        Raises:
            Refused: `texts` lacks a key that the page needs, or has one that it does not know.
        """
        if wrong := sorted(ENGLISH.keys() ^ texts.keys()):
            kind = "lacks the" if wrong[0] in ENGLISH else "has the unknown"
            raise Refused(
                f"the nation's report.toml {kind} key `{wrong[0]}` ({len(wrong)} such keys): compare sejong/report/texts.toml"
            )
        self.language = language
        self.texts = texts
        self.decimal, self.thousands = texts["number_decimal"], texts["number_thousands"]

    def __call__(self, key: str, **values: float | str) -> str:
        """The sentence called `key`; numbers among `values` are written as whole numbers."""
        shown = {name: value if isinstance(value, str) else self.number(value) for name, value in values.items()}
        return SLOT.sub(lambda slot: shown[slot[1]], self.texts[key])

    def named(self, kind: str, name: str) -> str:
        """The label of something that other stages name (a rule, a step, a measure); its own name where there is no label."""
        return self.texts.get(f"{kind}_{name.replace(' ', '_')}", name.replace("_", " "))

    def number(self, value: float, digits: int = 0) -> str:
        """`value` with `digits` decimals and groups of three."""
        written = f"{value:,.{digits}f}"
        return written.translate({ord(","): self.thousands, ord("."): self.decimal})

    def rounded(self, value: float) -> str:
        """`value` to three significant digits, for reading rather than checking."""
        magnitude = abs(value)
        return self.number(value, 0 if magnitude >= 100 else 1 if magnitude >= 10 else 2 if magnitude >= 0.1 else 4)

    def plain(self, value: float) -> str:
        """`value` with as many decimals as it has, at most six."""
        written = self.number(value, 6)
        return written.rstrip("0").rstrip(self.decimal)

    def percent(self, share: float) -> str:
        """A share of 1 as a percentage; what is not nothing is never shown as nothing, what is not all never as all."""
        if share in (0, 1):
            return f"{self.number(100 * share)}%"
        if share < 0.001:
            return f"< {self.number(0.1, 1)}%"
        return f"> {self.number(99.9, 1)}%" if share > 0.999 else f"{self.number(100 * share, 1)}%"

    def size(self, size: float, whole: bool = False) -> str:
        """Bytes in the unit that suits them: to three digits, or whole."""
        power = 0
        while size >= 999.5 and power < len(UNITS) - 1:
            size, power = size / 1000, power + 1
        return f"{self.number(size) if whole or power == 0 else self.rounded(size)} {UNITS[power]}"

    def energy(self, watt_hours: float) -> str:
        """Watt-hours in the unit that suits them."""
        for unit, size in (("GWh", 1e9), ("MWh", 1e6), ("kWh", 1e3)):
            if watt_hours >= size:
                return f"{self.rounded(watt_hours / size)} {unit}"
        if 0 < watt_hours < 0.005:
            return f"< {self.number(0.01, 2)} Wh"
        return f"{self.number(watt_hours, 2) if watt_hours < 10 else self.rounded(watt_hours)} Wh"

    def count(self, value: float) -> str:
        """A large count, such as of tokens, to three digits in the language's own scales (million; 만, 억)."""
        for scale in self.texts["count_scales"].split(", "):
            power, form = scale.split(" ", 1)
            if value >= 10 ** int(power):
                return form.replace("{count}", self.rounded(value / 10 ** int(power)))
        return self.number(value)

    def duration(self, seconds: float) -> str:
        """Seconds as hours, minutes and seconds, the two largest."""
        if 0 < seconds < 0.05:
            return f"< {self('duration_seconds', seconds=self.number(0.1, 1))}"
        if seconds < 10:
            return self("duration_seconds", seconds=self.number(seconds, 1))
        whole = round(seconds)
        if whole < 60:
            return self("duration_seconds", seconds=whole)
        if whole < 3600:
            return self("duration_minutes", minutes=whole // 60, seconds=whole % 60)
        return self("duration_hours", hours=whole // 3600, minutes=whole % 3600 // 60)
