"""Attention beside the layer that it equals: a convolution, a pooling; and through factors of low rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import line
from core.figures.palette import NEUTRAL, OTHER_STYLES, Style, drawn, faded, layout

Floats = NDArray[np.float64]
REGIMES = (Style("#175DCD"), Style("#86592D", "dot"), Style("#F06D02", "dash"))
POSITION = "Position i (token)"
_line = partial(line, width=1.8, rim=2.0)
LOOKS: dict[str, Style] = {
    "x": Style(NEUTRAL, "dot", "circle-open"),
    "convolution": Style("#F06D02", "dash", "square"),
    "attention": Style("#175DCD", "solid", "circle"),
    "window mean": Style("#86592D", "dot", "line-ew"),
}


def convolution(x: Floats, convolved: Floats, attended: Floats) -> go.Figure:
    """The signal, its convolution with zero padding, and the attention of the same taps, over the position."""
    series = {"x": x, "convolution": convolved, "attention": attended}
    return drawn(data=[_marks(name, values) for name, values in series.items()], layout=_over_positions(len(x)))


def pooling(x: Floats, attended: Floats, largest: Floats, mean: Floats, smallest: Floats) -> go.Figure:
    """The signal, smallest to largest of its window as a band, the window's mean, and the attention."""
    places = np.arange(len(x))
    around = {"x": np.concatenate([places, places[::-1]]), "y": np.concatenate([largest, smallest[::-1]])}
    fill = {"fill": "toself", "fillcolor": faded("#01A4AC", 0.2), "line": {"width": 0}, "hoverinfo": "skip"}
    band = {"type": "scatter", "mode": "lines", "name": "window’s smallest to largest", **around, **fill}
    series = {"x": x, "window mean": mean, "attention": attended}
    return drawn(data=[band, *(_marks(name, one) for name, one in series.items())], layout=_over_positions(len(x)))


def over_gain(gains: Sequence[float], found: Mapping[str, Floats], now: float) -> go.Figure:
    """How far the worst token of each regime is from what it tends to, over the gain."""
    traces: list[dict[str, Any]] = [
        _line(name, list(gains), values, style) for (name, values), style in zip(found.items(), REGIMES, strict=False)
    ]
    top = max((float(one.max()) for one in found.values()), default=1.0) or 1.0
    look = {"color": NEUTRAL, "width": 1.5, "dash": "dot"}
    mark = {"mode": "lines", "name": "gain now", "x": [now, now], "y": [0, top], "line": look, "hoverinfo": "skip"}
    shown = layout("", "Gain c", "Largest distance from the limit", yaxis={"rangemode": "tozero"}, showlegend=True)
    return drawn(data=[*traces, {"type": "scatter", **mark}], layout=shown)


def low_rank_error(ranks: Sequence[int], left_out: Floats, formula: Floats, error: Floats) -> go.Figure:
    """What is left out of the weights, measured and by formula, and the output's error, over the rank."""
    measured = _line("‖P − P_k‖ / ‖P‖, measured", list(ranks), left_out, OTHER_STYLES[0], "markers")
    expected = _line("from the singular values left out", list(ranks), formula, Style(NEUTRAL, "dot"))
    output = _line("error of the output", list(ranks), error, OTHER_STYLES[1], "lines+markers")
    return drawn(
        data=[expected, measured, output], layout=_over_ranks(ranks, "Relative error", {"rangemode": "tozero"})
    )


def low_rank_seconds(
    ranks: Sequence[int], right_order: Floats, wrong_order: Floats, exact: float, factors: float
) -> go.Figure:
    """Measured times over the rank, both axes logarithmic, in milliseconds."""
    series = {"U(SV), O(nkd)": right_order, "(US)V, O(n²k)": wrong_order}
    traces = [
        _line(name, list(ranks), 1000 * values, style, "lines+markers")
        for (name, values), style in zip(series.items(), OTHER_STYLES, strict=False)
    ]
    levels = {"exact P·V, O(n²d)": (exact, "dot"), "finding the factors": (factors, "dash")}
    for name, (seconds, dash) in levels.items():
        traces.append(_line(name, [ranks[0], ranks[-1]], np.full(2, 1000 * seconds), Style(NEUTRAL, dash)))
    return drawn(data=traces, layout=_over_ranks(ranks, "Time (ms)", {"type": "log", "exponentformat": "power"}))


def _over_ranks(ranks: Sequence[int], y: str, down: dict[str, Any]) -> dict[str, Any]:
    return layout("", "Rank k", y, xaxis={"type": "log", "tickvals": list(ranks)}, yaxis=down, showlegend=True)


def _over_positions(count: int) -> dict[str, Any]:
    across = {"tickvals": list(range(count)), "showgrid": False, "zeroline": False, "range": [-0.5, count - 0.5]}
    return layout("", POSITION, "Value", xaxis=across, showlegend=True)


def _marks(name: str, values: Floats) -> dict[str, Any]:
    return _line(name, list(range(len(values))), values, LOOKS[name], "lines+markers")
