"""Figures of the regularisation lab: dropout's closed form against Monte Carlo, and paths to one of many solutions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.demos.regularisation import Dropped, Ending, Path, System
from core.demos.written import Floats
from core.figures.curves import line
from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, OTHER_STYLES, Style, axis, drawn, layout

LEAST = 1e-16  # what a log axis shows of an exact 0
REACH = 5.0  # of the plane


def over_keep(points: Sequence[Dropped], here: Dropped, fine: Mapping[str, Floats]) -> go.Figure:
    """The expected loss over p: formula and its terms as lines, Monte Carlo with ± 2 standard errors as marks.

    fine: "p", "formula", "fit", "penalty" on a fine grid.
    """
    names = {"formula": "formula", "fit": "‖y − pXw‖²", "penalty": "p(1 − p)‖Γw‖²"}
    styles = {"formula": OTHER_STYLES[0], "fit": OTHER_STYLES[13], "penalty": OTHER_STYLES[9]}
    traces = [line(label, fine["p"], fine[key], styles[key]) for key, label in names.items()]
    traces.append(_measured("Monte Carlo", points, OTHER_STYLES[1].colour, 8))
    traces.append(_measured("the form's p", [here], OTHER_STYLES[5].colour, 12))
    look = layout("", "Probability of keeping p", "Expected squared error", showlegend=True)
    return drawn(data=traces, layout=look)


def _measured(name: str, points: Sequence[Dropped], colour: str, size: int) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [one.keep for one in points],
        "y": [one.measured for one in points],
        "error_y": {"type": "data", "array": [2 * one.error for one in points], "color": colour},
        "marker": {"color": colour, "size": size, "symbol": "diamond"},
        "customdata": [one.formula for one in points],
        "hovertemplate": f"{name}, p = %{{x:.2g}}: %{{y:.4~g}}, formula %{{customdata:.4~g}}{EXTRA}",
    }


def plane(one: System, paths: Mapping[str, Path]) -> go.Figure:
    """The plane of w: the line of solutions, its point nearest to 0, and the paths."""
    (a,), (b,) = one.x, one.y
    traces: list[dict[str, Any]] = []
    length = float(np.hypot(*a))
    if length > 0:
        along = np.array([-a[1], a[0]]) / length
        ends = np.stack([one.solution - 3 * REACH * along, one.solution + 3 * REACH * along])
        label = f"solutions of {a[0]:g}w₁ + {a[1]:g}w₂ = {b:g}".replace("-", "−").replace("+ −", "− ")
        traces.append({**line(label, ends[:, 0], ends[:, 1], Style(NEUTRAL, "dash")), "hoverinfo": "skip"})
    for style, (name, path) in zip(OTHER_STYLES, paths.items(), strict=False):
        w = path.places
        traces.append(line(name, w[:, 0], w[:, 1], style))
        end = line(f"end: {name}", w[-1:, 0], w[-1:, 1], Style(style.colour), "markers", rim=1)
        traces.append({**end, "showlegend": False})
    shortest = line("X⁺y", one.solution[:1], one.solution[1:], Style(OTHER_STYLES[5].colour, symbol="star"), "markers")
    shortest["marker"] = {**shortest["marker"], "size": 15}
    traces.append(shortest)
    across = axis("w₁", range=[-REACH, REACH], constrain="domain")
    down = axis("w₂", range=[-REACH, REACH], scaleanchor="x", constrain="domain")
    return drawn(data=traces, layout=layout("", xaxis=across, yaxis=down, showlegend=True))


def distances(one: System, paths: Mapping[str, Path]) -> go.Figure:
    """‖w − X⁺y‖ over the steps of every path, on a log axis."""
    traces = []
    for style, (name, path) in zip(OTHER_STYLES, paths.items(), strict=False):
        away = np.linalg.norm(path.places - one.solution, axis=1)
        traces.append(line(name, np.arange(len(away)), np.maximum(away, LEAST), style))
    log = {"type": "log", "exponentformat": "power"}
    return drawn(data=traces, layout=layout("", "Step", "‖w − X⁺y‖", yaxis=log, showlegend=True))


def ending_row(name: str, end: Ending, off: float) -> dict[str, str]:
    """A line of the table of paths. off: the distance from where gradient descent must end."""
    return {
        "Path": name,
        "‖w − X⁺y‖": _small(end.distance),
        "‖Xw − y‖": _small(end.residual),
        "‖w − XᵀΛ‖": _small(end.outside),
        "from the formula": _small(off),
    }


def _small(number: float) -> str:
    return f"{number:.4f}" if number >= 1e-3 else f"{number:.1e}".replace("-", "−")
