"""Figures of gradients: a chain's product, its distribution over draws, bounds over time, the unrolled graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import line
from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, OTHER_STYLES, Style, drawn, faded, layout

Floats = NDArray[np.float64]
LOG: dict[str, Any] = {"type": "log", "exponentformat": "power"}
MEASURED, FORMULA = OTHER_STYLES[0], Style(NEUTRAL, "dash", "diamond")
DEAD = Style("#B82C09", "solid", "x")
ACTIVATIONS = {"sigmoid": OTHER_STYLES[0], "tanh": OTHER_STYLES[1], "ReLU": OTHER_STYLES[3]}
SOURCE = Style(NEUTRAL, "dot", "circle")
VALUE, GRADIENT = "#175DCD", "#F06D02"
BINS = 40
LOWEST = -300.0  # log₁₀ of what float64 can say
IN_A_LINE = 4  # steps up to which a node's numbers stand side by side


def powers(logs: Floats) -> Floats:
    """10^logs; NaN for what is 0, which a log axis cannot show."""
    with np.errstate(under="ignore"):
        return np.where(np.isfinite(logs) & (logs > LOWEST), 10.0 ** np.maximum(logs, LOWEST), np.nan)


def chain(weights: Floats, dead: Collection[int]) -> go.Figure:
    """|∂hᵢ/∂x| up to the first dead unit, and the product of |w| that it would be without it."""
    layers = np.arange(len(weights) + 1)
    with np.errstate(divide="ignore"):
        logs = np.concatenate([[0.0], np.log10(np.abs(weights)).cumsum()])
    alive = layers < min(dead, default=len(layers))
    bare = line("∏|w|, as if no unit were dead", layers, powers(logs), FORMULA, "lines")
    real = line("|∂hᵢ/∂x|", layers, np.where(alive, powers(logs), np.nan), MEASURED, "lines+markers")
    gone = sorted(dead)
    marks = line("dead unit: gradient 0", gone, powers(logs)[gone], DEAD, "markers")
    traces = [bare, real, *([marks] if gone else [])]
    return drawn(data=traces, layout=layout("", "Layer i", "Absolute value", yaxis=LOG))


def over_draws(logs: Floats, alive: NDArray[np.bool_], expected: float) -> go.Figure:
    """log₁₀ ∏|w| of every draw, those with a dead unit apart; the mean measured and by the formula."""
    edges = np.histogram_bin_edges(logs, BINS)
    middle, width = (edges[:-1] + edges[1:]) / 2, float(edges[1] - edges[0])
    traces: list[dict[str, Any]] = []
    highest = np.histogram(logs, edges)[0].max()
    for name, chosen, colour in (
        ("no unit dead: this is |df/dx|", alive, MEASURED.colour),
        ("a unit dead: df/dx is exactly 0", ~alive, faded(NEUTRAL, 0.45)),
    ):
        counts = np.histogram(logs[chosen], edges)[0]
        hover = f"{name}<br>%{{x:.3~g}}: %{{y}} draws{EXTRA}"
        bars = {"type": "bar", "name": name, "x": middle, "y": counts, "width": width, "hovertemplate": hover}
        traces.append({**bars, "marker": {"color": colour}})
    ends = [0, 1.05 * float(highest)]
    traces.append(line("mean, measured", [logs.mean()] * 2, ends, OTHER_STYLES[1], width=3.0))
    traces.append(line("mean, formula", [expected] * 2, ends, Style("#86592D", "dash"), width=3.0))
    more = {"barmode": "stack", "bargap": 0}
    return drawn(data=traces, layout=layout("", "log₁₀ ∏|wᵢ|", "Draws", **more))


def over_time(steps: Floats, logs: Mapping[str, Floats], bounds: Mapping[str, Floats], source: Floats) -> go.Figure:
    """σ_max(∂xₙ/∂x₁) over n: measured solid, its bound dashed, the source's formula dotted."""
    traces = []
    for name, look in ACTIVATIONS.items():
        mine = Style(look.colour, "solid", look.symbol)
        traces.append(line(name, steps, powers(logs[name]), mine, "lines"))
    traces.append(
        line("bound, sigmoid", steps, powers(bounds["sigmoid"]), Style(ACTIVATIONS["sigmoid"].colour, "dash"))
    )
    traces.append(
        line("bound, tanh and ReLU", steps, powers(bounds["tanh"]), Style(ACTIVATIONS["tanh"].colour, "dash"))
    )
    traces.append(line("(1/16)ⁿ⁻¹", steps, powers(source), SOURCE, width=3.0))
    return drawn(data=traces, layout=layout("", "Step n", "σ_max of ∂xₙ/∂x₁", yaxis=LOG))


def unrolled(
    places: Mapping[str, tuple[float, float]],
    edges: Sequence[tuple[str, str]],
    values: Mapping[str, Floats],
    gradients: Mapping[str, Floats],
    current: str = "",
    along: Mapping[tuple[str, str], Floats] | None = None,
) -> go.Figure:
    """The graph of all steps: a node's value below it, its gradient in orange once it is known.

    Edges along which a gradient has come back are orange. current: the node just reached. along: edge -> what came back
    along it, written beside it where there is room.
    """
    passed = [pair for pair in edges if pair[1] in gradients or (pair[1][0] == "L" and pair[0] in gradients)]
    waiting = [pair for pair in edges if pair not in passed]
    steps = max(int(name[1:]) for name in places)
    names = list(places)
    spots = np.array([places[name] for name in names])
    nodes = {
        "type": "scatter",
        "mode": "markers+text",
        "x": spots[:, 0],
        "y": spots[:, 1],
        "text": names,
        "textfont": {"color": "#FFFFFF", "size": 12},
        "hovertext": [_told(name, values, gradients) for name in names],
        "hovertemplate": f"%{{hovertext}}{EXTRA}",
        "marker": {
            "size": 28,
            "color": [VALUE if name[0] in "hy" else "#6B6B6B" for name in names],
            "line": {"color": GRADIENT, "width": [4 if name == current else 0 for name in names]},
        },
    }
    gap = "<br>" if steps > IN_A_LINE else " "
    notes = [_numbers(places[name], values[name], gradients.get(name), gap) for name in names if name in values]
    if steps <= IN_A_LINE:
        notes += [_beside(places[one], places[other], values) for (one, other), values in (along or {}).items()]
    traces = [_edges(waiting, places, NEUTRAL, 2), _edges(passed, places, GRADIENT, 3), nodes]
    hidden: dict[str, Any] = {"visible": False, "fixedrange": True}
    low, high = spots[:, 1].min(), spots[:, 1].max()
    reach = {"range": [low - 0.3 * (high - low), high + 0.08 * (high - low)]}
    across = hidden | {"range": [-0.25, steps + 0.75]}
    margin = {"l": 0, "r": 0, "t": 0, "b": 0}
    more: dict[str, Any] = {"annotations": notes, "showlegend": False, "dragmode": False, "margin": margin}
    return drawn(data=traces, layout=layout("", xaxis=across, yaxis=hidden | reach, **more))


def flow(back: Floats, series: Mapping[str, Floats], window: int, bound: Floats | None = None) -> go.Figure:
    """Medians over sequences, with a band from the 10th to the 90th percentile, over the steps back from the answer.

    series: name -> (sequences, steps). bound: (steps,) of the Jacobian, NaN where there is none. window: where the
    training's gradient was cut.
    """
    traces: list[dict[str, Any]] = []
    for look, (name, rows) in zip((OTHER_STYLES[0], OTHER_STYLES[1]), series.items(), strict=False):
        known = np.where(rows > 0, rows, np.nan)
        there = np.isfinite(known).any(axis=0)
        low, middle, high = (np.full(len(back), np.nan) for _ in range(3))
        low[there], middle[there], high[there] = np.nanpercentile(known[:, there], (10, 50, 90), axis=0)
        around = np.concatenate([back[there], back[there][::-1]]), np.concatenate([high[there], low[there][::-1]])
        band = {"type": "scatter", "mode": "lines", "x": around[0], "y": around[1], "hoverinfo": "skip"}
        fill = {"fill": "toself", "fillcolor": faded(look.colour, 0.16), "line": {"width": 0}, "showlegend": False}
        traces += [{**band, **fill, "name": name}, line(name, back, middle, look, "lines+markers")]
    if bound is not None and np.isfinite(bound).all():
        traces.append(line("its bound, σ_max(U)ᵏ", back, bound, Style(OTHER_STYLES[1].colour, "dash")))
    shapes = [
        {
            "type": "line",
            "x0": window + 0.5,
            "x1": window + 0.5,
            "y0": 0,
            "y1": 1,
            "yref": "paper",
            "line": {"color": NEUTRAL, "dash": "dash", "width": 1.5},
        }
    ]
    shapes = shapes if window < back[-1] else []
    return drawn(data=traces, layout=layout("", "Steps back from the answer", "Size", yaxis=LOG, shapes=shapes))


def _edges(
    pairs: Sequence[tuple[str, str]], places: Mapping[str, tuple[float, float]], colour: str, width: float
) -> Any:
    gap = [np.nan]
    x, y = (
        np.concatenate([part for one, other in pairs for part in ([places[one][at], places[other][at]], gap)] or [gap])
        for at in (0, 1)
    )
    look = {"color": colour, "width": width}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": look, "hoverinfo": "skip"}


def _numbers(place: tuple[float, float], value: Floats, gradient: Floats | None, gap: str) -> dict[str, Any]:
    text = _short(value, gap)
    if gradient is not None:
        text += f'<br><span style="color:{GRADIENT}"><b>{_short(gradient, gap)}</b></span>'
    at = {"x": place[0], "y": place[1], "xanchor": "left", "yanchor": "top", "xshift": 4, "yshift": -13}
    return {"text": text, "showarrow": False, "align": "left", "font": {"size": 11}, **at}


def _beside(tail: tuple[float, float], head: tuple[float, float], gradient: Floats) -> dict[str, Any]:
    level = tail[1] == head[1]
    text = f'<span style="color:{GRADIENT}">{"←" if level else "↓"} {_short(gradient, " ")}</span>'
    if not level:
        place: dict[str, Any] = {"xanchor": "right", "yanchor": "middle", "xshift": -5}
    else:
        place = {"xanchor": "center", "yanchor": "bottom", "yshift": 2}
    middle = {"x": (tail[0] + head[0]) / 2, "y": (tail[1] + head[1]) / 2}
    return {"text": text, "showarrow": False, "font": {"size": 11}, **middle, **place}


def _short(values: Floats, gap: str) -> str:
    return gap.join(f"{one:.2f}".replace("-", "−") for one in values)


def _told(name: str, values: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> str:
    said = f"{name} = {_short(values[name], ', ')}" if name in values else name
    return f"{said}<br>gradient {_short(gradients[name], ', ')}" if name in gradients else said
