"""Figures of the attention labs: linked matrices, rows in numbers, what √d, temperature, heads and signs do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import by_seed, curves, line
from core.figures.images import EXTRA, axes_of, axis_keys, outline
from core.figures.palette import (
    DIVERGING,
    NEUTRAL,
    OTHER_STYLES,
    SEQUENTIAL,
    Style,
    axis,
    colour_bar,
    drawn,
    faded,
    heading,
    layout,
)
from core.statistics import true_minus

Floats = NDArray[np.float64]
SHORT = 10  # characters of a word that an axis shows
LABELS, STEPS = 6, (1, 2, 5, 10)  # numbers below a heat map, and how many columns lie from one to the next
PARTS: dict[str, Style] = {  # of attention, wherever a line or a mark stands for one
    "q": Style("#175DCD", "solid", "circle"),
    "k": Style("#F06D02", "dash", "square"),
    "v": Style("#01A4AC", "dot", "diamond"),
}
SCALINGS: dict[str, Style] = {
    "divided by √d": Style("#175DCD"),
    "divided by d": Style("#01A4AC", "dot"),
    "not divided": Style("#F06D02", "dash"),
}
MEASURED, FORMULA = Style("#175DCD", "solid", "circle"), Style(NEUTRAL, "dot", "line-ew")
# Plotly reads a little HTML in labels; what people type must not become any: its signs are swapped for look-alikes.
_PLAIN = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "\uff06"})


def label(name: str) -> str:
    """A token's name for an axis: short, and never read as HTML."""
    cut = name if len(name) <= SHORT else name[: SHORT - 1] + "…"
    return cut.translate(_PLAIN)


def matrices(
    found: Mapping[str, Floats],
    names: Sequence[str],
    *,
    weights: Sequence[str] = (),
    pairs: Sequence[str] = (),
    outlined: Mapping[str, tuple[int | None, int | None]] | None = None,
    across: int = 3,
    share: bool = False,
    extremes: bool = True,
    every: int = 1,
) -> go.Figure:
    """Heat maps beside one another, a row a token. found: heading -> (n, columns).

    weights: headings of those drawn from 0 to 1, unless one is negative; the others are blue below 0 and red above.
    pairs: those whose columns are tokens too. outlined: heading -> row and column to outline, None for all of them.
    share: one colour scale for all. extremes: say the smallest and largest value. every: that many tokens to
    a label. Not finite is left blank.
    """
    finite = {name: np.where(np.isfinite(one), one, np.nan) for name, one in found.items()}
    bound = max((_largest(one) for one in finite.values()), default=1.0) if share else None
    rows, columns = -(-len(found) // across), min(across, len(found))
    axes: dict[str, Any] = {}
    traces, headings, shapes = [], [], []
    for index, (name, values) in enumerate(finite.items()):
        used, (x_key, y_key) = axes_of(index), axis_keys(index)
        row, column = divmod(index, across)
        left, right = (column + (0.06 if column else 0)) / columns, (column + 1) / columns - 0.01
        top, bottom = 1 - (row + (0.12 if row else 0)) / rows, 1 - (row + 1) / rows + (0.04 if rows > 1 else 0)
        lowest = index + across >= len(found)  # of its column: the others leave their ticks and titles out
        title = ("Key" if name in pairs else "Number") if lowest else ""
        along = {"tickvals": _counted(values.shape[1]), "showticklabels": lowest}
        axes[x_key] = _bare(title, [left, right], used["yaxis"], **along)
        tokens = {**_tokens(names, every), "autorange": "reversed", "showticklabels": column == 0}
        axes[y_key] = _bare("" if column else "Token", [bottom, top], used["xaxis"], **tokens)
        traces.append({**_heat(values, name, bound, name in weights), **used, "showscale": False})
        text = f"{name}<br>{_extremes(values)}" if extremes else name
        headings.append(heading(text, (left + right) / 2, top))
        if outlined and name in outlined:
            shapes.append(_outline(values.shape, outlined[name], used))
    if share and traces:
        traces[-1] |= {"showscale": True, "colorbar": colour_bar("Value")}
    margin = {"l": 8, "r": 8, "t": 40 if extremes else 24, "b": 8}
    return drawn(data=traces, layout=layout("", annotations=headings, shapes=shapes, margin=margin, **axes))


def _bare(title: str, domain: list[float], anchor: str, **more: Any) -> dict[str, Any]:
    return axis(title, domain=domain, anchor=anchor, showgrid=False, zeroline=False, **more)


def _counted(columns: int) -> list[int]:
    """Which columns have their number written below them: so many that a phone has room."""
    every = next((step for step in STEPS if columns <= LABELS * step), columns)
    return list(range(0, columns, every))


def _extremes(values: Floats) -> str:
    if not np.isfinite(values).any():
        return "not finite"
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return f"up to {_short(high)}" if 0 <= low < 0.01 else f"{_short(low)} to {_short(high)}"


def _heat(values: Floats, name: str, bound: float | None, is_weight: bool) -> dict[str, Any]:
    largest = bound or _largest(values)
    from_zero = is_weight and not (values < -1e-9).any()
    scale = {"colorscale": SEQUENTIAL, "zmin": 0, "zmax": 1} if from_zero else {"colorscale": DIVERGING}
    ends = {} if from_zero else {"zmin": -largest, "zmax": largest}
    hover = f"{name}: row %{{y}}, column %{{x}}<br>%{{z:.4~g}}{EXTRA}"
    z = values.astype(np.float32)
    return {"type": "heatmap", "name": name, "z": z, "hovertemplate": hover, "xgap": 1, "ygap": 1, **scale, **ends}


def _largest(values: Floats) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0


def _tokens(names: Sequence[str], every: int = 1) -> dict[str, Any]:
    """Ticks of an axis along the tokens: number and word."""
    places = list(range(0, len(names), every))
    return {"tickvals": places, "ticktext": [f"{i} {label(names[i])}" for i in places], "tickfont": {"size": 10}}


def _outline(shape: tuple[int, ...], at: tuple[int | None, int | None], used: dict[str, str]) -> dict[str, Any]:
    row, column = at
    y = (-0.5, shape[0] - 0.5) if row is None else (row - 0.5, row + 0.5)
    x = (-0.5, shape[1] - 0.5) if column is None else (column - 0.5, column + 0.5)
    return outline(x[0], y[0], x[1], y[1], used)


def _short(number: float) -> str:
    return true_minus(f"{number:.2g}")


def by_token(
    found: Mapping[str, Floats], names: Sequence[str], y: str, level: tuple[str, float] | None = None
) -> go.Figure:
    """A mark a token for every series, over the tokens; level: a dotted line with its name. NaN is left out."""
    places = np.arange(len(names))
    styles = {**PARTS, **dict(zip([one for one in found if one not in PARTS], OTHER_STYLES, strict=False))}
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": places,
            "y": values,
            "line": {"color": styles[name].colour, "dash": styles[name].dash, "width": 1.5},
            "marker": {"color": styles[name].colour, "symbol": styles[name].symbol, "size": 8},
            "hovertemplate": f"{name}, token %{{x}}: %{{y:.4~g}}{EXTRA}",
        }
        for name, values in found.items()
    ]
    if level:
        traces.append(_level(level[0], np.array([-0.5, len(names) - 0.5]), np.array([level[1]] * 2)))
    across = {**_tokens(names), "showgrid": False, "zeroline": False, "range": [-0.5, len(names) - 0.5]}
    return drawn(
        data=traces, layout=layout("", "Token", y, xaxis=across, yaxis={"rangemode": "tozero"}, showlegend=True)
    )


def _level(name: str, x: Floats, y: Floats, dash: str = "dot") -> dict[str, Any]:
    line = {"color": NEUTRAL, "width": 1.5, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": name, "x": x, "y": y, "line": line, "hoverinfo": "skip"}


def favor_errors(found: Mapping[int, Mapping[int, float]]) -> go.Figure:
    """Error of FAVOR+ against softmax over the number of features, log–log; a line a draw of directions."""
    y = "Relative error of the output"
    figure = curves({"FAVOR+": by_seed(found)}, x="Random features C", y=y, log=True, band="std", between=False)
    figure.update_xaxes(type="log", tickvals=sorted(found))
    return figure


def over_temperature(temperatures: Sequence[float], entropies: Floats, norms: Floats, now: float) -> go.Figure:
    """Entropy of the rows (temperatures, n), mean and range, and the gradient norm to q; now: the form's."""
    x, style = np.array(temperatures), MEASURED
    low, mean, high = entropies.min(axis=1), entropies.mean(axis=1), entropies.max(axis=1)
    around = {"x": np.concatenate([x, x[::-1]]), "y": np.concatenate([high, low[::-1]])}
    fill = {"fill": "toself", "fillcolor": faded(style.colour, 0.16), "line": {"width": 0}, "hoverinfo": "skip"}
    top = float(np.log(entropies.shape[1]))
    traces = [
        {"type": "scatter", "mode": "lines", "name": "smallest to largest row", **around, **fill},
        line("entropy, mean over rows", x, mean, style, unit="nats"),
        _level("ln n: the plain mean", x[[0, -1]], np.array([top, top])),
        _level("the form’s temperature", np.array([now, now]), np.array([0.0, max(top, 0.1)]), "dash"),
        line("‖gradient to q‖", x, norms, PARTS["k"]) | {"yaxis": "y2"},
    ]
    zero = {"rangemode": "tozero"}
    right = axis("‖gradient of ½‖output‖² to q‖", overlaying="y", side="right", showgrid=False, **zero)
    shown = layout("", "Temperature", "Entropy (nats)", xaxis={"type": "log"}, yaxis=zero, yaxis2=right)
    return drawn(data=traces, layout=shown)


def worked(weights: Sequence[float], softened: Floats) -> go.Figure:
    """Weights of the example's four keys: argmax and softmax at a temperature. weights: argmax's (4,)."""
    keys = [f"k{number}" for number in "₁₂₃₄"]
    bars = [
        {
            "type": "bar",
            "name": name,
            "x": keys,
            "y": values,
            "marker": {"color": style.colour},
            "hovertemplate": f"{name}, %{{x}}: %{{y:.4~g}}{EXTRA}",
        }
        for name, values, style in (("argmax", weights, Style(NEUTRAL)), ("softmax", softened, MEASURED))
    ]
    return drawn(data=bars, layout=layout("", "Key", "Weight", barmode="group", yaxis={"range": [0, 1.02]}))


def variances(widths: Sequence[int], measured: Floats, low: Floats, high: Floats, formula: Floats) -> go.Figure:
    """Variance of q·k over d, log–log: measured with its 95 % interval, and the formula."""
    marks = line("measured, with 95 % interval", list(widths), measured, MEASURED, "markers")
    bars = {"type": "data", "symmetric": False, "array": high - measured, "arrayminus": measured - low}
    expected = line("2σ²‖μ‖² + dσ⁴", list(widths), formula, Style(NEUTRAL, "dot"))
    axes = {"xaxis": {"type": "log", "tickvals": list(widths)}, "yaxis": {"type": "log", "exponentformat": "power"}}
    shown = layout("", "Width d", "Variance of q·k", showlegend=True, **axes)
    return drawn(data=[expected, {**marks, "error_y": {**bars, "color": MEASURED.colour}}], layout=shown)


def over_width(found: Mapping[str, Floats], widths: Sequence[int], y: str) -> go.Figure:
    """Name -> (groups of draws, widths): mean and ± one standard deviation over the groups."""
    x = np.array(widths, dtype=np.float64)
    groups = {name: {group: (x, row) for group, row in enumerate(values)} for name, values in found.items()}
    colours, dashes = ({name: getattr(SCALINGS[name], what) for name in found} for what in ("colour", "dash"))
    figure = curves(groups, x="Width d", y=y, colours=colours, dashes=dashes, band="std", faint=False)
    ends = [np.log10(0.9 * x[0]), np.log10(1.15 * x[-1])]  # room for the last label
    figure.update_xaxes(type="log", tickvals=list(widths), range=ends)
    figure.update_yaxes(rangemode="tozero")
    return figure


def signs(found: Mapping[str, tuple[Floats, Floats, bool]]) -> go.Figure:
    """A mark a row of attention: how far its similarities cancel, and how large its output gets, log–log.

    found: kernel -> (sums, growth, whether it stays at or above 0).
    """
    traces: list[dict[str, Any]] = []
    for (name, (sums, growth, positive)), style in zip(found.items(), OTHER_STYLES, strict=False):
        look = {"color": style.colour, "size": 6, "opacity": 0.6, "symbol": "circle" if positive else "x"}
        drawable = (sums > 0) & np.isfinite(growth)  # a logarithm has no place for the others
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name if positive else f"{name}: changes sign",
                "x": sums[drawable].astype(np.float32),
                "y": growth[drawable].astype(np.float32),
                "marker": look,
                "hovertemplate": f"{name}<br>row sum %{{x:.3~g}}, output %{{y:.3~g}}{EXTRA}",
            }
        )
    least = min(float(sums[sums > 0].min(initial=1.0)) for sums, _, _ in found.values())
    ends = np.array([least, 1.0])
    traces.append(_level("bound: 1 / row sum", ends, 1 / ends))
    x, y = "|Σ similarity| / Σ |similarity| of a row", "Largest |output| / largest |value|"
    axes = {"xaxis": {"type": "log", "exponentformat": "power"}, "yaxis": {"type": "log", "exponentformat": "power"}}
    return drawn(data=traces, layout=layout("", x, y, showlegend=True, **axes))
