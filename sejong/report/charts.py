"""Charts as inline SVG, drawn by Vega-Lite. Colours are the page's CSS variables, so that one drawing serves light and dark.

The layout is fixed by numbers, never by measuring letters, so that the bytes do not depend on the fonts of the machine. Each
chart is drawn twice, wide and narrow: shrinking one drawing to a phone would shrink its letters.
"""

import math
from collections.abc import Callable
from typing import Any
from unicodedata import east_asian_width

import vl_convert
from markupsafe import Markup

from sejong.report.corpus import Bin
from sejong.report.measured import Interval
from sejong.report.training import Curve
from sejong.report.words import Words

VEGA_LITE = "6.4"
WIDE, NARROW = 640, 300  # pixels, of the whole drawing
LETTERS = 13  # pixels
ROW = 44  # pixels a row of an interval chart
MOST_TICKS = {WIDE: 6, NARROW: 3}
POINT = {"type": "point", "filled": True, "opacity": 1}

Draw = Callable[[int], dict[str, Any]]


def loss(curve: Curve, words: Words, label: str) -> Markup:
    """Training loss as a line, loss on held-out text as a dashed line with points, over steps."""
    values = [{"x": x, "y": y, "what": "training"} for x, y in curve.training]
    values += [{"x": x, "y": y, "what": "validation"} for x, y in curve.validation]
    learned, held_out = {"filter": "datum.what == 'training'"}, {"filter": "datum.what == 'validation'"}

    def spec(width: int) -> dict[str, Any]:
        steps = {"title": None, "tickCount": MOST_TICKS[width], "format": ",d"}
        encoding = {
            "x": {"field": "x", "type": "quantitative", "axis": steps, "scale": {"nice": False}},
            "y": {"field": "y", "type": "quantitative", "axis": {"title": None, "tickCount": 5}, "scale": {"zero": False}},
        }
        return {
            "data": {"values": values},
            "encoding": encoding,
            "layer": [
                {"transform": [learned], "mark": {"type": "line", "stroke": "var(--series-1)", "strokeWidth": 1.5}},
                {
                    "transform": [held_out],
                    "mark": {"type": "line", "stroke": "var(--series-2)", "strokeWidth": 2, "strokeDash": [5, 4]},
                },
                {"transform": [held_out], "mark": {**POINT, "size": 36, "color": "var(--series-2)"}},
            ],
        }

    return _drawn(spec, words, label, height=240, left=46)


def sizes(bins: list[Bin], words: Words, label: str) -> Markup:
    """How many documents there are of each size, four bars to a power of ten."""
    values = [{"low": one.low, "high": one.high, "documents": one.documents} for one in bins]
    first, last = math.floor(math.log10(bins[0].low)), math.ceil(math.log10(bins[-1].high))
    powers = [10**power for power in range(first, last + 1)]
    names = " : ".join(f"datum.value == {power} ? '{words.size(power, whole=True)}'" for power in powers)

    def spec(width: int) -> dict[str, Any]:
        marked = powers if len(powers) <= MOST_TICKS[width] else powers[::2]
        return {
            "data": {"values": values},
            "mark": {"type": "rect", "fill": "var(--series-1)", "stroke": "var(--page)", "strokeWidth": 1},
            "encoding": {
                "x": {
                    "field": "low",
                    "type": "quantitative",
                    "scale": {"type": "log", "domain": [powers[0], powers[-1]], "nice": False},
                    "axis": {"title": None, "values": marked, "labelFlush": False, "labelExpr": f"{names} : ''", "grid": False},
                },
                "x2": {"field": "high"},
                "y": {"field": "documents", "type": "quantitative", "axis": {"title": None, "tickCount": 4, "format": ",d"}},
                "y2": {"datum": 0},
            },
        }

    return _drawn(spec, words, label, height=180, left=52)


def intervals(rows: list[Interval], words: Words, label: str, highest: float | None = None, form: str = "") -> Markup:
    """A point and its interval a row, from zero; own rows stand out. Names stand above their rows.

    Args:
        highest: the end of the scale; none: a little above the highest interval.
        form: how the scale is written (d3-format).
    """
    colour = {"condition": {"test": "datum.own", "value": "var(--series-2)"}, "value": "var(--series-1)"}
    across = {"field": "row", "type": "ordinal", "axis": None, "scale": {"domain": list(range(len(rows)))}}
    domain = [0, highest or 1.05 * max((row.high for row in rows), default=1)]

    def spec(width: int) -> dict[str, Any]:
        axis = {"title": None, "tickCount": MOST_TICKS[width], "format": form}
        x = {"field": "value", "type": "quantitative", "scale": {"domain": domain, "nice": False}, "axis": axis}
        y = {**across, "bandPosition": 0.7}
        name = {"type": "text", "align": "left", "baseline": "middle", "fontSize": LETTERS, "fill": "var(--ink)"}
        values = [
            {"name": _fitted(row.name, width), "value": row.value, "low": row.low, "high": row.high, "own": row.own, "row": at}
            for at, row in enumerate(rows)
        ]
        return {
            "data": {"values": values},
            "layer": [
                {"mark": name, "encoding": {"y": {**across, "bandPosition": 0.25}, "x": {"value": 3}, "text": {"field": "name"}}},
                {
                    "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
                    "encoding": {"y": y, "x": {**x, "field": "low"}, "x2": {"field": "high"}, "stroke": colour},
                },
                {"mark": {**POINT, "size": 70}, "encoding": {"y": y, "x": x, "fill": colour}},
            ],
        }

    return _drawn(spec, words, label, height=ROW * len(rows), left=10)


def _fitted(name: str, width: int) -> str:
    """As much of a name as a drawing holds; East Asian wide characters take twice the room."""
    room = (width - 20) // 7
    for at, character in enumerate(name):
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return f"{name[:at]}…"
    return name


def _drawn(draw: Draw, words: Words, label: str, height: int, left: int) -> Markup:
    """The wide and the narrow drawing, one of which the page shows."""
    return Markup("").join(_svg(draw(width), words, label, width, height, left) for width in (WIDE, NARROW))


def _svg(spec: dict[str, Any], words: Words, label: str, width: int, height: int, left: int) -> Markup:
    padding = {"left": left, "right": 28, "top": 8, "bottom": 26}
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": width - padding["left"] - padding["right"],
        "height": height,
        "padding": padding,
        "autosize": {"type": "none"},
        "background": None,
        **spec,
        "config": CONFIG,
    }
    locale = {"decimal": words.decimal, "thousands": words.thousands, "grouping": [3], "currency": ["", ""]}
    svg = vl_convert.vegalite_to_svg(whole, vl_version=VEGA_LITE, format_locale=locale, allowed_base_urls=[])
    shape = "wide" if width == WIDE else "narrow"
    start = Markup('<svg class="chart {}" role="img" aria-label="{}" ').format(shape, label)
    return start + Markup(svg.removeprefix("<svg "))  # Vega escapes the text it is given


CONFIG = {
    "aria": False,
    "font": "inherit",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--faint)",
        "labelFontSize": LETTERS,
        "labelLimit": 0,
        "labelOverlap": False,
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "gridColor": "var(--line)",
    },
}
