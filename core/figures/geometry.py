"""Figures of the geometry lab: distortions, draws that hold, neighbours, almost-orthogonal vectors, angles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import by_seed, curves, line
from core.figures.images import EXTRA
from core.figures.palette import DIVERGING, NEUTRAL, OTHER_STYLES, Style, colour_bar, drawn, layout

Floats = NDArray[np.float64]
MEASURED = Style("#175DCD", "solid", "circle")
FORMULA = Style("#F06D02", "dash", "line-ew")  # exact
BOUND = Style("#863EC7", "dot", "diamond")  # what is promised, or cannot be beaten
ROUGH = Style("#01A4AC", "longdash", "square")
LIMIT = Style(NEUTRAL, "dash")
DEGREES = 180 / np.pi
POWERS = [2**power for power in range(12)]  # ticks of a k


def _bars(name: str, edges: Floats, heights: Floats, hover: str) -> dict[str, Any]:
    return {
        "type": "bar",
        "name": name,
        "x": (edges[1:] + edges[:-1]) / 2,
        "y": heights,
        "width": edges[1] - edges[0],
        "marker": {"color": MEASURED.colour, "opacity": 0.75, "line": {"width": 0}},
        "hovertemplate": f"{name}<br>{hover}{EXTRA}",
    }


def _upright(name: str, x: float, top: float, style: Style = LIMIT, bottom: float = 0.0) -> dict[str, Any]:
    return line(name, [x, x], [bottom, top], style, width=1.5) | {"hovertemplate": f"{name}{EXTRA}"}


def distortions(edges: Floats, counts: Floats, expected: Floats, epsilon: float) -> go.Figure:
    """Share of the pairs by their distortion. edges: (bins + 1,); counts, expected: (bins,); expected sums to 1."""
    shares, middles = 100 * counts / counts.sum(), (edges[1:] + edges[:-1]) / 2
    top = 1.1 * float(max(shares.max(), 100 * expected.max()))
    traces = [
        _bars("this M, all pairs", edges, shares, "distortion %{x:.3f}: %{y:.3~g} %"),
        line("χ²(k)/k: a pair, Gaussian M", middles, 100 * expected, FORMULA, unit="%"),
        _upright("1 ± ε", 1 - epsilon, top),
        _upright("1 + ε", 1 + epsilon, top) | {"showlegend": False},
    ]
    x = "Distortion ‖Mx − My‖² / ‖x − y‖²"
    axes = {"yaxis": {"range": [0, top]}, "xaxis": {"range": [edges[0], edges[-1]]}}
    return drawn(data=traces, layout=layout("", x, "Share of pairs (%)", bargap=0, showlegend=True, **axes))


def held(
    ks: NDArray[np.int64],
    shares: Floats,
    promised: Mapping[str, tuple[Floats, Floats]],
    marks: Mapping[str, float],
) -> go.Figure:
    """Share of draws that hold over k. shares: (ks, 3), share and its interval, 0 to 1.

    promised: name -> (k, what a bound says the share is at least). marks: name -> a k with a line of its own.
    """
    percent = 100 * shares
    bars = {"type": "data", "symmetric": False, "color": MEASURED.colour}
    error = {**bars, "array": percent[:, 2] - percent[:, 0], "arrayminus": percent[:, 0] - percent[:, 1]}
    traces = [
        line("counted, 95 % interval", ks, percent[:, 0], MEASURED, "lines+markers", unit="%") | {"error_y": error}
    ]
    for (name, (where, least)), style in zip(promised.items(), (FORMULA, BOUND), strict=False):
        traces.append(line(name, where, 100 * least, style, unit="%"))
    for (name, k), style in zip(marks.items(), (LIMIT, Style(NEUTRAL, "dot"), Style(NEUTRAL, "solid")), strict=False):
        traces.append(_upright(name, k, 100, style))
    ends = [float(np.log10(0.85 * min(ks[0], *marks.values()))), float(np.log10(1.15 * max(ks[-1], *marks.values())))]
    axes = {"xaxis": {"type": "log", "range": ends, "tickvals": POWERS}, "yaxis": {"range": [-3, 105]}}
    return drawn(data=traces, layout=layout("", "Dimensions k after", "Draws that hold (%)", showlegend=True, **axes))


def variances(ks: NDArray[np.int64], squares: Floats, formula: Floats) -> go.Figure:
    """Mean of (distortion − 1)² over k, log–log. squares: (draws, ks), a mean over pairs each; formula: (ks,)."""
    found = {draw: (ks.astype(np.float64), row) for draw, row in enumerate(squares)}
    name = "measured, ± 1 std over draws"
    figure = curves(
        {name: found},
        x="Dimensions k after",
        y="Mean of (distortion − 1)²",
        colours={name: MEASURED.colour},
        log=True,
        faint=False,
        between=False,
    )
    formula_line = line("formula", ks, formula, FORMULA)
    return drawn(
        data=[*figure.data, formula_line], layout=figure.layout.to_plotly_json() | {"showlegend": True}
    ).update_xaxes(type="log", tickvals=POWERS)


def neighbours(after: Mapping[int, Mapping[int, float]], principal: Mapping[int, float], before: float) -> go.Figure:
    """Accuracy of the nearest neighbour over k, in %: after projection (by k and draw), on components, before."""
    name = "random projection, ± 1 std over draws"
    figure = curves(
        {name: by_seed(after)},
        x="Dimensions k after",
        y="1-nearest-neighbour accuracy (%)",
        colours={name: MEASURED.colour},
        between=False,
    )
    ks = list(principal)
    more = [
        line("first k principal components", ks, list(principal.values()), ROUGH, "lines+markers", unit="%"),
        line("before: all pixels", [ks[0], ks[-1]], [before, before], LIMIT, unit="%", width=1.5),
    ]
    look = figure.layout.to_plotly_json() | {"showlegend": True}
    shown = drawn(data=[*figure.data, *more], layout=look)
    return shown.update_xaxes(type="log", tickvals=ks)


def products(gram: Floats) -> go.Figure:
    """The Gram matrix u_i·u_j as a heat map, −1 to 1."""
    heat = {
        "type": "heatmap",
        "z": gram.astype(np.float32),
        "colorscale": DIVERGING,
        "zmin": -1,
        "zmax": 1,
        "colorbar": colour_bar("u·v"),
        "hovertemplate": f"vectors %{{y}} and %{{x}}: %{{z:.3f}}{EXTRA}",
    }
    bare = {"showgrid": False, "zeroline": False}
    axes = {"xaxis": bare | {"constrain": "domain"}, "yaxis": bare | {"autorange": "reversed", "scaleanchor": "x"}}
    return drawn(data=[heat], layout=layout("", "Vector v", "Vector u", **axes))


def largest(
    found: Mapping[int, Mapping[int, float]], formulas: Mapping[str, tuple[list[int], list[float]]], delta: float
) -> go.Figure:
    """The largest |u·v| over the number of vectors, N -> draw -> value; formulas: name -> (N, values)."""
    name = "measured, ± 1 std over draws"
    figure = curves(
        {name: by_seed(found)},
        x="Vectors N",
        y="Largest |u·v|",
        colours={name: MEASURED.colour},
        faint=False,
        between=False,
    )
    lines = [
        line(one, *points, style)
        for (one, points), style in zip(formulas.items(), (FORMULA, ROUGH, BOUND, OTHER_STYLES[5]), strict=True)
    ]
    sizes = sorted(found)
    lines.append(line("δ", [sizes[0], sizes[-1]], [delta, delta], LIMIT, width=1.5))
    shown = drawn(data=[*figure.data, *lines], layout=figure.layout.to_plotly_json() | {"showlegend": True})
    return shown.update_xaxes(type="log", tickvals=sizes[:-1]).update_yaxes(range=[0, 1.05])


def growth(
    lines: Mapping[str, tuple[list[int], list[float]]], greedy: Mapping[int, Mapping[int, int]], most: int, top: float
) -> go.Figure:
    """How many vectors fit over k, on a log axis up to `top`. lines: random, promised, orthogonal: name -> (k, N).

    greedy: by k and draw, how many were kept of `most`; drawn where there are any.
    """
    ends = [0, max(one[-1] for one, _ in lines.values() if one)]
    traces = [
        line(one, points[0], np.clip(points[1], None, 1e300), style)
        for (one, points), style in zip(lines.items(), (FORMULA, BOUND, LIMIT), strict=True)
    ]
    places = [k for k in sorted(greedy) if k <= ends[1]]
    if places:
        counts = np.array([list(greedy[k].values()) for k in places], dtype=np.float64)
        mean = counts.mean(axis=1)
        spread = {"type": "data", "symmetric": False, "color": MEASURED.colour}
        error = {**spread, "array": counts.max(axis=1) - mean, "arrayminus": mean - counts.min(axis=1)}
        name = f"kept greedily of {most:,}, mean and range"
        traces.append(line(name, places, mean, MEASURED, "lines+markers") | {"error_y": error})
    upper = {"type": "log", "exponentformat": "power", "range": [0, float(np.log10(top))]}
    shown = layout("", "Dimensions k", "Vectors within δ", showlegend=True, yaxis=upper, xaxis={"range": ends})
    return drawn(data=traces, layout=shown)


def angles(edges: Floats, measured: Floats, exact: Floats) -> go.Figure:
    """Angles between random directions: densities per rad over edges in rad, drawn in degrees."""
    bins, width = edges * DEGREES, float(edges[1] - edges[0])
    middles = (bins[1:] + bins[:-1]) / 2
    traces = [
        _bars("counted", bins, 100 * measured * width, "%{x:.3~g}°: %{y:.3~g} %"),
        line("density ∝ (sin θ)ᵈ⁻²", middles, 100 * exact * width, FORMULA, unit="%"),
    ]
    shown = layout("", "Angle θ (°)", "Share of pairs (%)", bargap=0, showlegend=True, yaxis={"rangemode": "tozero"})
    return drawn(data=traces, layout=shown)


def concentration(widths: list[int], std: Floats, error: Floats, exact: Floats, chosen: int) -> go.Figure:
    """Spread of the angles over d, log–log, in rad, drawn in degrees. error: one standard error of std."""
    x = np.array(widths, dtype=np.float64)
    bars = {"type": "data", "array": 2 * error * DEGREES, "color": MEASURED.colour}
    traces = [
        line("exact, from the density", widths, exact * DEGREES, FORMULA, unit="°"),
        line("1/√d rad", widths, DEGREES / np.sqrt(x), ROUGH, unit="°"),
        line("measured, ± 2 standard errors", widths, std * DEGREES, MEASURED, "markers", unit="°") | {"error_y": bars},
        _upright("the d chosen", chosen, 60, LIMIT, 2.0),
    ]
    axes = {"xaxis": {"type": "log", "tickvals": widths}, "yaxis": {"type": "log", "tickvals": [2, 5, 10, 20, 50]}}
    y = "Standard deviation of θ (°)"
    return drawn(data=traces, layout=layout("", "Dimensions d", y, showlegend=True, **axes))
