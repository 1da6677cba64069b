"""Figures of graph algebra: a drawing whose nodes can be clicked, matrices with their numbers, spectra, variances."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.attention import label
from core.figures.curves import line
from core.figures.images import EXTRA, axes_of, axis_keys, outline
from core.figures.palette import (
    DIVERGING,
    NEUTRAL,
    OTHER_STYLES,
    SEQUENTIAL,
    Style,
    axis,
    drawn,
    faded,
    heading,
    layout,
)
from core.statistics import true_minus

Floats = NDArray[np.float64]
NODES = 2  # the trace of the drawing whose points are nodes, in their order
NODE, CHOSEN, DONE = "#175DCD", "#F06D02", "#076D70"
TICKS = ((8, 1), (12, 2), (1000, 5))  # up to so many nodes, every so many are named
MOST_NUMBERED = 12  # rows of a matrix whose cells hold their numbers
AT_THE_SIDE, AT_THE_TOP = 0.3, 0.7  # of a circle: words stand beside its marks, above or below them
SHORTEST = 1e-20  # a variance below this is rounding, and a logarithm would show it
ROW_PX = 270  # of panels
BETWEEN, BELOW = 0.08, 0.08  # of panels, as parts of the whole: room for ticks and for the next one's formula


def on_a_circle(count: int) -> Floats:
    """(count, 2): clockwise from the top; one node stands in the middle."""
    angles = np.pi / 2 - 2 * np.pi * np.arange(count) / max(count, 1)
    return np.column_stack([np.cos(angles), np.sin(angles)]) * (count > 1)


def drawing(
    edges: Sequence[tuple[int, int]], places: Floats, chosen: int | None = None, done: Collection[int] = ()
) -> go.Figure:
    """Nodes with their numbers, from 1. chosen: one that is outlined, with its edges; done: those that are over."""
    near = [pair for pair in edges if chosen in pair]
    far = [pair for pair in edges if chosen not in pair]
    count = len(places)
    outlined = [number == chosen for number in range(1, count + 1)]
    nodes = {
        "type": "scatter",
        "mode": "markers+text",
        "name": "nodes",
        "x": places[:, 0],
        "y": places[:, 1],
        "text": [str(number) for number in range(1, count + 1)],
        "textfont": {"color": "#FFFFFF", "size": 15 if count <= MOST_NUMBERED else 11},
        "hovertemplate": f"node %{{text}}{EXTRA}",
        "marker": {
            "size": 32 if count <= MOST_NUMBERED else 21,
            "color": [DONE if number in done else NODE for number in range(1, count + 1)],
            "line": {"color": CHOSEN, "width": [5 if one else 0 for one in outlined]},
        },
    }
    traces = [_lines(far, places, NEUTRAL, 2), _lines(near, places, CHOSEN, 4), nodes]
    return drawn(data=traces, layout=_bare())


def _bare() -> dict[str, Any]:
    hidden = {"visible": False, "range": [-1.25, 1.25], "fixedrange": True}  # two quick clicks must not zoom
    square = {**hidden, "scaleanchor": "x"}
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    return layout("", xaxis=hidden, yaxis=square, showlegend=False, hoverdistance=30, margin=margin, dragmode=False)


def _lines(pairs: Sequence[tuple[int, int]], places: Floats, colour: str, width: float) -> dict[str, Any]:
    gap = [np.nan]
    x, y = (
        np.concatenate([part for one, other in pairs for part in (places[[one - 1, other - 1], place], gap)] or [gap])
        for place in (0, 1)
    )
    look = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "name": "edges", "x": x, "y": y, "line": look, "hoverinfo": "skip"}


def matrices(found: Mapping[str, Floats], across: int = 2) -> go.Figure:
    """Square matrices beside one another, each under its formula, nodes from 1; blue below 0, red above."""
    rows = -(-len(found) // across)
    axes: dict[str, Any] = {}
    traces, headings = [], []
    for index, (name, values) in enumerate(found.items()):
        row, column = divmod(index, across)
        used, keys = axes_of(index), axis_keys(index)
        wide, tall = (1 - BETWEEN * (across - 1)) / across, (1 - BELOW * (rows - 1)) / rows
        left, top = column * (wide + BETWEEN), 1 - row * (tall + BELOW)
        lowest = row == rows - 1
        axes |= _square(keys, used, len(values), [left, left + wide], [top - tall, top])
        axes[keys[0]]["title"]["text"] = "Node" if lowest else ""
        axes[keys[1]]["title"]["text"] = "" if column else "Node"
        largest = float(np.abs(values).max()) or 1.0
        scale = {"colorscale": DIVERGING, "zmin": -largest, "zmax": largest}
        traces.append({**_cells(values, name), **scale, **used})
        headings.append(heading(name, left + wide / 2, top, yshift=2))
    margin = {"l": 8, "r": 8, "t": 26, "b": 8}
    return drawn(data=traces, layout=layout("", annotations=headings, margin=margin, **axes))


def powers(values: NDArray[np.int64], name: str, pair: tuple[int, int]) -> go.Figure:
    """Aⁿ: walks from the row's node to the column's; the chosen pair, from 1, outlined."""
    used, keys = axes_of(0), axis_keys(0)
    scale = {"colorscale": SEQUENTIAL, "zmin": 0, "zmax": float(values.max()) or 1.0}
    axes = _square(keys, used, len(values), [0, 1], [0, 1])
    axes[keys[0]]["title"]["text"], axes[keys[1]]["title"]["text"] = "To node", "From node"
    row, column = pair[0], pair[1]
    shapes = [outline(column - 0.5, row - 0.5, column + 0.5, row + 0.5, used)]
    return drawn(data=[{**_cells(values, name), **scale, **used}], layout=layout("", shapes=shapes, **axes))


def _square(
    keys: tuple[str, str], used: Mapping[str, str], count: int, across: list[float], down: list[float]
) -> dict[str, Any]:
    every = next(step for most, step in TICKS if count <= most)
    ticks = sorted({1, *range(5, count + 1, 5)}) if every == 5 else list(range(1, count + 1, every))
    bare = {"showgrid": False, "zeroline": False, "constrain": "domain", "tickvals": ticks, "tickangle": 0}
    return {
        keys[0]: axis("", domain=across, anchor=used["yaxis"], **bare),
        keys[1]: axis("", domain=down, anchor=used["xaxis"], **bare)
        | {"autorange": "reversed", "scaleanchor": used["xaxis"], "constraintoward": "top"},
    }


def _cells(values: NDArray[Any], name: str) -> dict[str, Any]:
    count = len(values)
    numbers = np.arange(1, count + 1)
    shown: dict[str, Any] = {}
    if count <= MOST_NUMBERED:
        shown = {"text": [[_short(float(one)) for one in row] for row in values], "texttemplate": "%{text}"}
    hover = f"{name}: row %{{y}}, column %{{x}}<br>%{{z:.6~g}}{EXTRA}"
    gap = int(count <= MOST_NUMBERED)
    gaps = {"xgap": gap, "ygap": gap, "showscale": False}
    z = values.astype(np.float32)
    return {
        "type": "heatmap",
        "name": name,
        "x": numbers,
        "y": numbers,
        "z": z,
        "hovertemplate": hover,
        **gaps,
        **shown,
    }


def _short(value: float) -> str:
    """As many figures as a cell has room for."""
    if abs(value - round(value)) < 1e-9:
        return true_minus(f"{round(value)}" if abs(value) < 100_000 else f"{value:.1e}".replace("e+0", "e"))
    return true_minus(f"{value:.2f}".replace("0.", ".", 1))


def eigenvalues(values: Floats) -> go.Figure:
    """Of L, ascending: a mark each, those that are 0 in another colour and shape."""
    zero = values == 0
    numbers = np.arange(1, len(values) + 1)
    named = (("0: one a connected piece", zero, Style(CHOSEN, "solid", "square")), ("above 0", ~zero, Style(NODE)))
    traces = [line(name, numbers[which], values[which], look, "markers") for name, which, look in named if which.any()]
    axes = {"yaxis": {"rangemode": "tozero"}, "xaxis": {"dtick": 1 if len(values) <= MOST_NUMBERED else 5}}
    return drawn(data=traces, layout=layout("", "Eigenvalue’s number", "Eigenvalue of L", showlegend=True, **axes))


def fiedler(vector: Floats) -> go.Figure:
    """The second eigenvector of L, a bar a node: its signs cut the graph in two where few edges are."""
    numbers = np.arange(1, len(vector) + 1)
    colours = [DIVERGING[-1][1] if one > 0 else DIVERGING[0][1] for one in vector]
    hover = f"node %{{x}}: %{{y:.3~f}}{EXTRA}"
    bars = {"type": "bar", "x": numbers, "y": vector, "marker": {"color": colours}, "hovertemplate": hover}
    across = {"dtick": 1 if len(vector) <= MOST_NUMBERED else 5}
    shown = layout("", "Node", "Entry of the second eigenvector", xaxis=across, showlegend=False)
    return drawn(data=[bars], layout=shown)


def smoothing(variance: Mapping[str, Floats], formula: Mapping[str, Floats]) -> go.Figure:
    """Variance of features over the nodes, layer by layer, and the same from eigenvalues; logarithmic."""
    traces = []
    for (name, values), look in zip(variance.items(), OTHER_STYLES, strict=False):
        layers = np.arange(len(values))
        there = np.where(values > SHORTEST, values, np.nan)
        expected = np.where(formula[name] > SHORTEST, formula[name], np.nan)
        traces.append(line(name, layers, there, look))
        traces.append(
            line(f"{name}, from eigenvalues", layers, expected, Style(look.colour, "dot", "circle-open"), "markers")
        )
        traces[-1]["showlegend"] = False
    axes = {"yaxis": {"type": "log", "exponentformat": "power"}}
    shown = layout("", "Layers", "Variance over the nodes", showlegend=True, **axes)
    return drawn(data=traces, layout=shown)


def sentence(names: Sequence[str], weights: Floats, target: int) -> go.Figure:
    """Words on a circle; what flows to one of them (weights of the senders sum to 1) as the width of a line.

    Of more than twelve there is room for their numbers alone.
    """
    places = on_a_circle(len(names))
    traces = []
    for source, weight in enumerate(weights):
        if source != target:
            look = {"color": CHOSEN, "width": 1 + 14 * float(weight)}
            ends = places[[source, target]]
            traces.append({"type": "scatter", "mode": "lines", "x": ends[:, 0], "y": ends[:, 1], "line": look})
            traces[-1] |= {"hoverinfo": "skip", "name": f"from {source}"}
    others = [(one, other) for one in range(1, len(names) + 1) for other in range(one + 1, len(names) + 1)]
    under = _lines([pair for pair in others if target + 1 not in pair], places, faded(NEUTRAL, 0.35), 1)
    outside, few = 1.14 if len(names) > 1 else 0.3, len(names) <= MOST_NUMBERED
    said = {
        "type": "scatter",
        "mode": "markers",
        "name": "words",
        "x": places[:, 0],
        "y": places[:, 1],
        "marker": {
            "size": 16,
            "color": [CHOSEN if number == target else NODE for number in range(len(names))],
        },
        "customdata": weights,
        "hovertemplate": f"weight %{{customdata:.3~f}}{EXTRA}",
    }
    notes = [
        {
            "x": float(x) * outside,
            "y": float(y) * outside + (0.2 if len(names) == 1 else 0.0),
            "text": f"{number} {label(name)}<br>{weight:.2f}" if few else str(number),
            "showarrow": False,
            "yanchor": "bottom" if y > AT_THE_TOP else "top" if y < -AT_THE_TOP else "middle",
            "xanchor": "left" if x > AT_THE_SIDE else "right" if x < -AT_THE_SIDE else "center",
            "font": {"size": 12},
        }
        for number, ((x, y), name, weight) in enumerate(zip(places, names, weights, strict=True), start=1)
    ]
    shown = _bare() | {"annotations": notes}
    shown["xaxis"] = {**shown["xaxis"], "range": [-1.9, 1.9]}
    shown["yaxis"] = {**shown["yaxis"], "range": [-1.45, 1.45]}
    return drawn(data=[under, *traces, said], layout=shown)


def costs(names: Sequence[str], along: Sequence[int], pairs: Sequence[int]) -> go.Figure:
    """Scores along the edges and of all pairs, a pair of bars a graph; logarithmic."""
    bars = [
        {
            "type": "bar",
            "name": name,
            "x": list(names),
            "y": list(values),
            "marker": {"color": colour},
            "hovertemplate": f"{name}, %{{x}}: %{{y:,}}{EXTRA}",
        }
        for name, values, colour in (("edges and loops", along, NODE), ("all pairs, n²", pairs, CHOSEN))
    ]
    axes = {"yaxis": {"type": "log", "exponentformat": "power"}}
    return drawn(data=bars, layout=layout("", "", "Scores of one head", barmode="group", showlegend=True, **axes))
