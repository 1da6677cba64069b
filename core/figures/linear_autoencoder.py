"""Figures of the linear autoencoder's lab: lengths against the formula, directions against the axes, one loss twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import Points
from core.figures.images import EXTRA
from core.figures.palette import NEUTRAL, OTHER_STYLES, SEQUENTIAL, Style, colour_bar, drawn, layout
from core.statistics import spread

Floats = NDArray[np.float64]
Lengths = Mapping[int, Sequence[float]]  # seed -> singular values, largest first

MATRICES = {"W₁": Style(OTHER_STYLES[0].colour, "solid", "circle"), "W₂": Style(OTHER_STYLES[1].colour, "solid", "x")}
BESIDE = 0.12  # how far the dots of the two matrices stand from their number
DIRECTION = "Direction i, by the data's variance along it"
LENGTH = "Singular value"


def numbered(summary: Mapping[str, Mapping[int, float]], prefix: str, count: int) -> dict[int, list[float]]:
    """Seed -> values, from metrics "<prefix> 1" … "<prefix> <count>"; a seed that lacks one is left out."""
    columns = [summary.get(f"{prefix} {place}", {}) for place in range(1, count + 1)]
    seeds = sorted(set.intersection(*(set(column) for column in columns)))
    return {seed: [column[seed] for column in columns] for seed in seeds}


def lengths(found: Mapping[str, Lengths], expected: Floats, variances: Floats, weight_decay: float) -> go.Figure:
    """Singular values of both matrices, a mark a seed, over the curve that they should lie on.

    found: "W₁", "W₂" -> seed -> (k,). expected, variances: (k,).
    """
    places = np.arange(1, len(expected) + 1)
    name = f"√max(0, 1 − {weight_decay:g}/sᵢ)" if weight_decay else "limit for λ → 0"
    traces = [_expected(name, places, expected, variances, Style(NEUTRAL))]
    for side, (matrix, style) in zip((-1, 1), MATRICES.items(), strict=True):
        traces.append(_marks(matrix, places + side * BESIDE, found.get(matrix, {}), style))
    return _over_directions(traces, len(expected))


def lengths_by_decay(found: Mapping[float, Lengths], expected: Mapping[float, Floats], variances: Floats) -> go.Figure:
    """Squared singular values of W₂ for several λ > 0, each over its own curve; λ -> seed -> (k,), and λ -> (k,)."""
    traces: list[dict[str, Any]] = []
    for (decay, measured), style in zip(found.items(), OTHER_STYLES, strict=False):
        places, name = np.arange(1, len(expected[decay]) + 1), f"λ = {decay:g}"
        line = _expected(f"{name}, formula", places, expected[decay] ** 2, variances, style)
        traces.append({**line, "legendgroup": name, "showlegend": False})
        squares = {seed: [one**2 for one in values] for seed, values in measured.items()}
        traces.append({**_marks(name, places, squares, style), "legendgroup": name})
    return _over_directions(traces, len(variances), f"{LENGTH}, squared")


def _over_directions(traces: list[dict[str, Any]], count: int, y: str = LENGTH) -> go.Figure:
    across = {
        "range": [0.5, count + 0.5],
        "tickmode": "array",
        "tickvals": list(range(1, count + 1)),
        "showgrid": False,
    }
    across["zeroline"] = False
    down = {"rangemode": "tozero"}
    return drawn(data=traces, layout=layout("", DIRECTION, y, xaxis=across, yaxis=down, showlegend=True))


def _expected(name: str, places: NDArray[Any], expected: Floats, variances: Floats, style: Style) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": places,
        "y": expected,
        "line": {"color": style.colour, "width": 1.5, "dash": "dot"},
        "marker": {"symbol": "line-ew", "size": 22, "line": {"color": style.colour, "width": 2}},
        "customdata": variances[: len(expected)],
        "hovertemplate": f"{name}: %{{y:.4~g}}<br>direction %{{x}}, variance %{{customdata:.3~g}}{EXTRA}",
        "meta": {"role": "expected"},
    }


def _marks(name: str, places: NDArray[Any], found: Lengths, style: Style) -> dict[str, Any]:
    seeds = sorted(found)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": f"{name}, n = {len(seeds)}",
        "x": np.tile(places, len(seeds)),
        "y": np.array([found[seed] for seed in seeds], dtype=np.float64).ravel(),
        "marker": {"color": style.colour, "symbol": style.symbol, "size": 8, "opacity": 0.8},
        "customdata": np.repeat(seeds, len(places)),
        "hovertemplate": f"{name}, seed %{{customdata}}: %{{y:.4~g}}{EXTRA}",
        "meta": {"role": "measured"},
    }


def fate(variances: Floats, weight_decay: float) -> str:
    """What becomes of each direction, in a sentence. variances: (k,) of the first k axes, falling."""
    given_up = [str(place) for place, variance in enumerate(variances, start=1) if variance <= weight_decay]
    kept = variances[variances > weight_decay]
    if not weight_decay:
        return "λ = 0: the loss leaves the lengths free; what they become depends on where training began."
    lost = f"s = {', '.join(f'{one:.3g}' for one in variances[len(kept) :])}"
    gone = f"Given up, for their variance is not above λ ({lost}): {', '.join(given_up)}." if given_up else ""
    if not len(kept):
        return f"λ = {weight_decay:g}. {gone} Nothing is kept: both matrices go to zero."
    shares = 1 - weight_decay / kept
    squares = f"{shares.min():.3g} to {shares.max():.3g}" if len(kept) > 1 else f"{shares[0]:.3g}"
    return f"λ = {weight_decay:g}: squared, the kept directions should have 1 − λ/sᵢ, here {squares}. {gone}".strip()


def cosines(values: Floats, variances: Floats) -> go.Figure:
    """|cosine| between each principal axis (row) and each column of W₂: values (axes, latent), variances (axes,)."""
    axes, latent = values.shape
    trace = {
        "type": "heatmap",
        "z": values.astype(np.float32),
        "x": list(range(1, latent + 1)),
        "y": list(range(1, axes + 1)),
        "customdata": np.repeat(variances[:, None], latent, axis=1).astype(np.float32),
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 1,
        "colorbar": colour_bar("|cosine|"),
        "hovertemplate": f"axis %{{y}} (variance %{{customdata:.3~g}}), column %{{x}}: %{{z:.3f}}{EXTRA}",
    }
    edge = latent + 0.5  # below it lie the axes that a code of this size has no room for
    line = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": edge, "y1": edge}
    line |= {"line": {"color": "#FFFFFF", "width": 1.5, "dash": "dot"}}
    floor = {"showgrid": False, "zeroline": False}
    across = {**floor, "tickmode": "array", "tickvals": list(range(1, latent + 1))}
    shapes = [line] if edge < axes else []
    look = layout("", "Column of W₂", "Principal axis", xaxis=across, yaxis=_downwards(axes), shapes=shapes)
    return drawn(data=[trace], layout=look)


def kept(shares: Floats, expected: Floats, variances: Floats) -> go.Figure:
    """How much of each principal axis W₂W₁ gives back, as bars, over what the optimum gives back: (axes,) each."""
    places = np.arange(1, len(shares) + 1)
    bars = {
        "type": "bar",
        "orientation": "h",
        "name": "this net",
        "y": places,
        "x": shares,
        "marker": {"color": OTHER_STYLES[0].colour},
        "customdata": variances,
        "hovertemplate": f"axis %{{y}} (variance %{{customdata:.3~g}}): %{{x:.3f}}{EXTRA}",
    }
    marks = {
        "type": "scatter",
        "mode": "markers",
        "name": "optimum",
        "y": places,
        "x": expected,
        "marker": {"symbol": "line-ns", "size": 8, "line": {"color": NEUTRAL, "width": 2.5}},
        "hovertemplate": f"optimum of axis %{{y}}: %{{x:.3f}}{EXTRA}",
    }
    across = {"range": [min(-0.03, float(shares.min()) * 1.05), max(1.05, float(shares.max()) * 1.05)]}
    look = layout("", "Share of the axis given back", "Principal axis", xaxis=across, yaxis=_downwards(len(shares)))
    return drawn(data=[bars, marks], layout=look | {"showlegend": True, "bargap": 0.35})


def _downwards(axes: int) -> dict[str, Any]:
    """The y axis of both pictures of the principal axes, so that their rows stand side by side."""
    ticks = [1, *range(5, axes + 1, 5)]
    return {"range": [axes + 0.5, 0.5], "tickvals": ticks, "showgrid": False, "zeroline": False}


def factor_rows(losses: Floats, changes: Floats, same: NDArray[np.bool_]) -> list[dict[str, str]]:
    """A line for each of three pairs: losses (3,); for the last two how far W₂ moved, and if the loss is the same."""
    names = ("As trained: W₂, W₁", "Any matrix C: W₂C, C⁻¹W₁", "A rotation C: W₂C, C⁻¹W₁")
    rows = []
    for name, loss, change, equal in zip(names, losses, (0.0, *changes), (True, *same), strict=True):
        more = float(loss - losses[0])
        rows.append(
            {
                "Factors": name,
                "W₂ moved by": f"{100 * change:.0f} % of its size" if change else "–",
                "Loss": f"{loss:.10g}",
                "Against the trained pair": "–" if name == names[0] else "the same" if equal else f"{more:+.3g}",
            }
        )
    return rows


def table_row(weight_decay: float, scores: Mapping[str, Sequence[float]], whence: str) -> dict[str, str]:
    """A line of the table of several λ: mean, spread and n of each metric, one number a seed."""
    return {"λ": f"{weight_decay:g}", **{name: spread(values).brief for name, values in scores.items()}, "From": whence}


def apart(one: Points, other: Points) -> float:
    """The largest |difference| of two curves at the steps that both have; NaN where they share none."""
    _, first, second = np.intersect1d(one[0], other[0], return_indices=True)
    between = np.abs(np.asarray(one[1])[first] - np.asarray(other[1])[second])
    return float(between.max()) if len(between) else float("nan")
