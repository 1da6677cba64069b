"""One palette for all figures: the same colour means the same thing on every page.

The line colours start from Okabe & Ito's and are moved apart until, within a family, every pair stays distinct for
protan, deutan and tritan viewers (Machado et al. 2009) and every colour has a contrast of 3:1 on white and on
near-black. A dash or a marker always says the same as the colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Style:
    """How one thing is drawn: colour "#rrggbb", plotly dash, plotly marker symbol."""

    colour: str
    dash: str = "solid"
    symbol: str = "circle"


CONV_STYLES: dict[str, Style] = {
    "valid": Style("#AA8B9F", "dot", "circle"),
    "sconv": Style("#4095FE", "dash", "square"),
    "fconv": Style("#863EC7", "solid", "diamond"),
    "reflect": Style("#B82C09", "dashdot", "triangle-up"),
    "replicate": Style("#F06D02", "longdash", "triangle-down"),
    "circular": Style("#076D70", "longdashdot", "cross"),
}
METRIC_STYLES: dict[str, Style] = {
    "training": Style("#A5930B", "dash", "square"),
    "validation": Style("#175DCD", "solid", "circle"),
    "same location": Style("#01A4AC", "longdash", "triangle-up"),
    "swapped location": Style("#86592D", "solid", "diamond"),
}
ALIASES = {"test": "swapped location", "swapped-location": "swapped location"}  # the reported test is the latter
OTHER_STYLES: tuple[Style, ...] = tuple(  # for groups without a meaning of their own, in order
    Style(colour, dash)
    for dash in ("solid", "dash", "dot", "dashdot")
    for colour in ("#175DCD", "#F06D02", "#01A4AC", "#863EC7", "#A5930B", "#86592D")
)
ANGLE_STYLES: dict[str, Style] = {  # accuracy with test pictures turned, in degrees
    "accuracy at 0": OTHER_STYLES[2],
    "accuracy at 90": OTHER_STYLES[3],
    "accuracy at 180": OTHER_STYLES[5],
}
SQUARES = {"red": "#BF1146", "green": "#2FA84F"}  # the two squares; always named in words beside them
VALIDATE = False  # whether plotly looks at every property of every figure; the tests of figures switch it on
NEUTRAL = "#808080"  # chance lines, borders, published figures
GRID = "rgba(128, 128, 128, 0.25)"

SEQUENTIAL: list[list[Any]] = [  # cividis: even steps of lightness, dark blue to yellow
    [0.0, "#00224E"],
    [0.125, "#123570"],
    [0.25, "#3B496C"],
    [0.375, "#575D6D"],
    [0.5, "#707173"],
    [0.625, "#8A8678"],
    [0.75, "#A59C74"],
    [0.875, "#C3B369"],
    [1.0, "#FEE838"],
]
DIVERGING: list[list[Any]] = [  # blue below, neutral grey in the middle, red above
    [0.0, "#2166AC"],
    [0.25, "#67A9CF"],
    [0.5, "#E6E6E6"],
    [0.75, "#EF8A62"],
    [1.0, "#B2182B"],
]


def style(name: str, index: int = 0) -> Style:
    """The fixed style of a conv type or a metric ("validation loss"), else the index-th of the unassigned ones."""
    if name in CONV_STYLES:
        return CONV_STYLES[name]
    for word, known in ALIASES.items():
        if name.startswith(word):
            return METRIC_STYLES[known]
    for known, fixed in (*METRIC_STYLES.items(), *ANGLE_STYLES.items()):
        if name.startswith(known):
            return fixed
    return OTHER_STYLES[index % len(OTHER_STYLES)]


def faded(colour: str, opacity: float) -> str:
    """The colour "#rrggbb" at an opacity from 0 to 1, as plotly writes it."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"


def axis(title: str = "", **more: Any) -> dict[str, Any]:
    """An axis whose lines show on light and dark pages; the title carries the unit."""
    lines = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
    return {"title": {"text": title, "standoff": 8}, **lines, **more}


def layout(title: str = "", x: str = "", y: str = "", **more: Any) -> dict[str, Any]:
    """What all figures share: transparent, themed by the page (no font colour), legend above, zoom kept on update.

    x, y: axis titles with their unit. more: further layout; `xaxis` and `yaxis` are merged into the shared axes.
    """
    leaning = {"autotickangles": [0, -35, -60]}  # long names lean to the left, where there is room for them
    axes = {"xaxis": axis(x, **leaning) | more.pop("xaxis", {}), "yaxis": axis(y) | more.pop("yaxis", {})}
    shared: dict[str, Any] = {
        "template": {},  # none: the default one is 7 KB and fixes colours
        "paper_bgcolor": "rgba(0, 0, 0, 0)",
        "plot_bgcolor": "rgba(0, 0, 0, 0)",
        "margin": {"l": 8, "r": 8, "t": 56 if title else 32, "b": 8},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "hovermode": "closest",
        "uirevision": "keep",
    }
    if title:
        shared["title"] = {"text": title, "x": 0, "xanchor": "left", "xref": "paper", "font": {"size": 15}}
    return {**shared, **axes, **more}


def drawn(data: Any, layout: dict[str, Any]) -> go.Figure:
    """The figure of these traces. Validation takes most of a figure's time, so the tests do it (see VALIDATE)."""
    return go.Figure(data=data, layout=layout, _validate=VALIDATE)


def heading(text: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """An annotation that titles a panel; x, y in paper coordinates (0 to 1), standing on y."""
    place = {"x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "center", "yanchor": "bottom"}
    return {"text": text, "showarrow": False, "font": {"size": 13}, **place, **more}


def colour_bar(title: str, **more: Any) -> dict[str, Any]:
    """A slim colour bar whose title carries the unit."""
    return {"title": {"text": title, "side": "right"}, "thickness": 12, "outlinewidth": 0, **more}


def styles(names: Mapping[str, object]) -> dict[str, Style]:
    """One style a name; names without a meaning of their own take the unassigned styles in turn."""
    chosen: dict[str, Style] = {}
    for name in names:
        unassigned = sum(one in OTHER_STYLES for one in chosen.values())
        chosen[name] = style(name, unassigned)
    return chosen
