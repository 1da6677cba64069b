"""Figures of the vision transformer lab: attention over a picture, how far heads look, accuracies side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.config import Band
from core.figures.curves import by_seed, curves, guessing
from core.figures.images import EXTRA, axes_of, image_grid, outline, png
from core.figures.palette import NEUTRAL, OTHER_STYLES, Style, colour_bar, drawn, layout, style
from core.statistics import spread

ACCURACY, SHUFFLED = "test accuracy", "shuffled accuracy"
METRICS = (ACCURACY, SHUFFLED)
METRIC_STYLES = {ACCURACY: style(ACCURACY), SHUFFLED: OTHER_STYLES[0]}
NET_STYLES: dict[str, Style] = {
    "vit": Style("#175DCD", "solid", "circle"),
    "cnn": Style("#F06D02", "dash", "square"),
}
NET_NAMES = {"vit": "vision transformer", "cnn": "CNN"}
GLOW = [[0.0, "rgba(240, 109, 2, 0)"], [1.0, "rgba(240, 109, 2, 0.8)"]]  # attention over a picture
ASKING = "#4095FE"  # outline of the patch that asks
GAP_PX = 3.0  # between the copies of a picture
SPREAD_OUT = 0.14  # how far two metrics of one setting are moved apart, in settings

Numbers = NDArray[Any]


# --- attention over a picture


def attention_maps(picture: NDArray[np.uint8], weights: Numbers, token: int | None, class_tokens: int) -> go.Figure:
    """What one token takes from every patch, in % of its whole attention: a row a layer, a column a head.

    picture: (channels, side, side); weights: (layers, heads, n, n), rows sum to one. token: who asks, 0 to n − 1, or
    None for the mean of all; a patch that asks is outlined.
    """
    layers, heads = weights.shape[:2]
    asking = weights.mean(axis=2) if token is None else weights[:, :, token]
    cells = 100.0 * asking[..., class_tokens:]
    figure = _over_copies(
        picture,
        cells,
        rows=[f"Layer {one}" for one in range(1, layers + 1)],
        columns=[f"Head {one}" for one in range(1, heads + 1)],
        label="Attention (%)",
    )
    if token is None or token < class_tokens:
        return figure
    side, across = picture.shape[-1], _across(cells)
    patch, (row, column) = side / across, divmod(token - class_tokens, across)
    on, look = axes_of(0), figure.layout.to_plotly_json()
    look["shapes"] = [
        outline(x, y, x + patch, y + patch, on, color=ASKING, width=2)
        for x in (_start(head, side) + column * patch for head in range(heads))
        for y in (_start(layer, side) + row * patch for layer in range(layers))
    ]
    return drawn(data=list(figure.data), layout=look)


def rollout(picture: NDArray[np.uint8], found: Numbers) -> go.Figure:
    """How much of every patch has reached what is read, after each layer, from the smallest share to the largest.

    found: (layers, cells), rows sum to one.
    """
    names = [f"After layer {one}" for one in range(1, len(found) + 1)]
    return _over_copies(
        picture, 100.0 * found[None], rows=[""], columns=names, label="Share (%)", least=100 * found.min()
    )


def asked_at(index: tuple[int, ...], layers: int, heads: int, across: int) -> int | None:
    """Which patch, 0 to across² − 1, lies at a (row, column) of the heat map of `attention_maps`; None for a gap."""
    if len(index) != 2 or not all(
        0 <= at < count * (across + 1) - 1 for at, count in zip(index, (layers, heads), strict=True)
    ):
        return None
    row, column = (at % (across + 1) for at in index)
    return row * across + column if row < across and column < across else None


def token_names(cells: int, class_tokens: int) -> list[str]:
    """How tokens are called: the class token, then patches by row and column, from 1."""
    across = math.isqrt(cells)
    patches = [f"patch in row {1 + cell // across}, column {1 + cell % across}" for cell in range(cells)]
    return ["the class token"] * class_tokens + patches


def said(probabilities: Numbers, classes: Sequence[str], label: int) -> str:
    """What the net says of a picture, and whether that is so where anybody knows (label −1: nobody)."""
    best = int(np.argmax(probabilities))
    truth = "" if label < 0 else ": right" if best == label else f": wrong, it is {classes[label]}"
    return f"The net says **{classes[best]}** ({100 * probabilities[best]:.0f} %){truth}."


def _over_copies(
    picture: NDArray[np.uint8],
    cells: Numbers,
    rows: Sequence[str],
    columns: Sequence[str],
    label: str,
    least: float = 0.0,
) -> go.Figure:
    """Copies of a picture under heat. cells: (rows, columns, across²) in %; one scale for all, from `least`."""
    down, beside = cells.shape[:2]
    side, across = picture.shape[-1], _across(cells)
    heat = {
        "type": "heatmap",
        "z": _laid(cells, across),
        "x": _edges(beside, side, across),
        "y": _edges(down, side, across),
        "text": _names(rows, columns, across),
        "colorscale": GLOW,
        "zmin": least,
        "zmax": max(float(cells.max(initial=0.0)), least + 1e-6),  # all alike: no glow anywhere
        "colorbar": colour_bar(label),
        "hovertemplate": f"%{{text}}: %{{z:.3~g}} %{EXTRA}",
        "hoverongaps": False,
    }
    bare: dict[str, Any] = {"showgrid": False, "zeroline": False, "ticks": "", "constrain": "domain"}

    def axis_of(count: int, names: Sequence[str], **more: Any) -> dict[str, Any]:
        middles = [_start(one, side) + side / 2 for one in range(count)]
        return {**bare, "tickvals": middles, "ticktext": list(names), **more}

    ends = (-0.5, _start(down - 1, side) + side), (-0.5, _start(beside - 1, side) + side)
    xaxis = axis_of(beside, columns, side="top", range=list(ends[1]))
    yaxis = axis_of(down, rows, range=list(ends[0])[::-1], scaleanchor="x")
    copies = go.Image(source=png(_copies(picture, down, beside)), hoverinfo="skip", name="picture")
    return drawn(data=[heat, copies], layout=layout("", xaxis=xaxis, yaxis=yaxis))


def _copies(picture: NDArray[np.uint8], down: int, beside: int) -> NDArray[np.uint8]:
    """(h, w, 4): the picture again and again, clear between."""
    side, gap = picture.shape[-1], int(GAP_PX)
    pixels = np.zeros((down * (side + gap) - gap, beside * (side + gap) - gap, 4), np.uint8)
    one = np.broadcast_to(np.moveaxis(picture, 0, -1), (side, side, 3))
    for row in range(down):
        for column in range(beside):
            place = pixels[row * (side + gap) :, column * (side + gap) :][:side, :side]
            place[..., :3], place[..., 3] = one, 255
    return pixels


def _laid(cells: Numbers, across: int) -> NDArray[np.float32]:
    """(rows, columns, across²) as one matrix, NaN between the copies."""
    down, beside = cells.shape[:2]
    whole = np.full((down, across + 1, beside, across + 1), np.nan, np.float32)
    whole[:, :across, :, :across] = cells.reshape(down, beside, across, across).transpose(0, 2, 1, 3)
    return whole.reshape(down * (across + 1), beside * (across + 1))[:-1, :-1]


def _edges(count: int, side: int, across: int) -> NDArray[np.float64]:
    """Borders of all cells and gaps, in px of the copies."""
    return np.concatenate([_start(one, side) + np.linspace(0, side, across + 1) for one in range(count)])


def _names(rows: Sequence[str], columns: Sequence[str], across: int) -> list[list[str]]:
    """What every cell is called when pointed at."""
    lines = []
    for row in rows:
        line = [", ".join(one for one in (row, column) if one) for column in columns]
        lines += [[name for name in line for _ in range(across + 1)][:-1]] * (across + 1)
    return lines[:-1]


def _start(copy: int, side: int) -> float:
    """Where a copy begins: pixels are centred on whole numbers."""
    return copy * (side + GAP_PX) - 0.5


def _across(cells: Numbers) -> int:
    return math.isqrt(cells.shape[-1])


# --- how far heads look


def distances(found: Numbers, even: float, patch: int) -> go.Figure:
    """(layers, heads) in patches: a dot a head, their mean, and where a head would be that looks everywhere alike."""
    layers, heads = found.shape
    places = np.arange(1, layers + 1)
    colour = OTHER_STYLES[0].colour
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": places.repeat(heads),
        "y": found.ravel(),
        "customdata": np.column_stack([np.tile(np.arange(1, heads + 1), layers), patch * found.ravel()]),
        "marker": {"color": colour, "size": 9, "symbol": "circle-open", "line": {"width": 2}},
        "name": "a head",
        "hovertemplate": "layer %{x}, head %{customdata[0]}: %{y:.2f} patches (%{customdata[1]:.1f} px)" + EXTRA,
    }
    mean = {
        "type": "scatter",
        "mode": "lines",
        "x": places,
        "y": found.mean(axis=1),
        "line": {"color": colour, "width": 2.2},
        "name": "mean of heads",
        "meta": {"role": "mean"},
        "hovertemplate": f"layer %{{x}}, mean of heads: %{{y:.2f}} patches{EXTRA}",
    }
    level = {
        "type": "scatter",
        "mode": "lines",
        "x": [0.6, layers + 0.4],
        "y": [even, even],
        "line": {"color": NEUTRAL, "width": 1.5, "dash": "dash"},
        "name": "looking everywhere alike",
        "meta": {"role": "even"},
        "hovertemplate": f"looking everywhere alike: %{{y:.2f}} patches{EXTRA}",
    }
    xaxis = {"tickvals": places, "range": [0.6, layers + 0.4]}
    yaxis = {"rangemode": "tozero"}
    shown = layout("", "Layer", "Mean attention distance (patches)", xaxis=xaxis, yaxis=yaxis, showlegend=True)
    return drawn(data=[level, mean, dots], layout=shown)


# --- accuracies side by side


def side_by_side(
    groups: Mapping[str, Mapping[str, Mapping[int, float]]], metrics: Sequence[str] = METRICS, chance: float = 10.0
) -> go.Figure:
    """Accuracy of several settings: mean ± std over seeds, and every seed beside it.

    groups: setting -> metric -> seed -> value in %. chance: of guessing, drawn where the axis reaches it.
    """
    names = list(groups)
    traces: list[dict[str, Any]] = []
    for number, metric in enumerate(metrics):
        shift = SPREAD_OUT * (2 * number - len(metrics) + 1)
        values = [list(groups[name].get(metric, {}).values()) for name in names]
        traces += _dots(metric, [place + shift for place in range(len(names))], values, names)
    low = min((one for trace in traces for one in trace["y"]), default=0.0)
    if low < 2 * chance:
        traces.insert(0, guessing((-0.5, len(names) - 0.5), chance))
    xaxis = {"tickvals": list(range(len(names))), "ticktext": names, "range": [-0.5, len(names) - 0.5]}
    yaxis = {"range": [max(0.0, low - 3), 101.0] if low > 50 else [-3, 103]}
    shown = layout(
        "", "", "Accuracy (%)", xaxis=xaxis | {"showgrid": False, "zeroline": False}, yaxis=yaxis, showlegend=True
    )
    return drawn(data=traces, layout=shown)


def _dots(
    metric: str, x: Sequence[float], values: Sequence[Sequence[float]], names: Sequence[str]
) -> list[dict[str, Any]]:
    there = [place for place, one in enumerate(values) if one]
    found = [spread(list(values[place])) for place in there]
    look = METRIC_STYLES[metric]
    mean = {
        "type": "scatter",
        "mode": "markers",
        "name": metric,
        "x": [x[place] for place in there],
        "y": [one.mean for one in found],
        "error_y": {"array": [one.std for one in found], "thickness": 1.8, "width": 6},
        "marker": {"color": look.colour, "size": 11, "symbol": look.symbol if metric == ACCURACY else "diamond"},
        "text": [f"{names[place]}: {one.with_unit('%')}" for place, one in zip(there, found, strict=True)],
        "hovertemplate": f"{metric}, %{{text}}{EXTRA}",
        "meta": {"role": "mean"},
    }
    several = [place for place in there if len(values[place]) > 1]
    single = {
        "type": "scatter",
        "mode": "markers",
        "name": f"{metric}, single seeds",
        "x": [x[place] + 0.07 for place in several for _ in values[place]],
        "y": [one for place in several for one in values[place]],
        "marker": {"color": look.colour, "size": 5, "opacity": 0.5},
        "hovertemplate": f"{metric}, one seed: %{{y:.2f}} %{EXTRA}",
        "showlegend": False,
        "meta": {"role": "seeds"},
    }
    return [mean, single]


def over_pictures(found: Mapping[tuple[str, int], Mapping[int, float]], band: Band) -> go.Figure:
    """Test accuracy against the training pictures a class. found: (net, pictures; 0: all) -> seed -> value in %."""
    counts = sorted({count for _, count in found if count})
    nets = [net for net in NET_NAMES if any(one == net for one, _ in found)]
    groups = {
        NET_NAMES[net]: by_seed({count: found[net, count] for count in counts if (net, count) in found}) for net in nets
    }
    looks = {NET_NAMES[net]: NET_STYLES[net] for net in nets}
    figure = curves(
        groups,
        x="Training pictures a class",
        y="Test accuracy (%)",
        colours={name: look.colour for name, look in looks.items()},
        dashes={name: look.dash for name, look in looks.items()},
        band=band,
        between=False,
    )
    for trace in figure.data:
        if trace.meta["role"] == "mean":
            trace.mode = "lines+markers"
    look = figure.layout.to_plotly_json()
    ends = [np.log10(0.8 * min(counts, default=10)), np.log10(1.25 * max(counts, default=1000))]
    look["xaxis"] |= {"type": "log", "tickvals": counts, "ticktext": [f"{one:,}" for one in counts], "range": ends}
    return drawn(data=list(figure.data), layout=look | {"showlegend": True})


def table_row(first: Mapping[str, str], summary: Mapping[str, Mapping[int, float]], whence: str) -> dict[str, str]:
    """A line of a table: what it is, mean, spread and n of both accuracies, and where it is from."""
    numbers = {f"{metric.capitalize()} (%)": str(spread(list(summary.get(metric, {}).values()))) for metric in METRICS}
    return {**first, **numbers, "From": whence}


def shuffled_pictures(found: Mapping[str, Numbers], count: int = 6) -> go.Figure:
    """Pictures above, the same with their patches shuffled below, each under what it is → what the net says."""
    classes = [str(name) for name in found["classes"]]
    shown = np.concatenate([found["pictures"][:count], found["shuffled pictures"][:count]])
    answers = np.concatenate([found["said"][:count], found["said shuffled"][:count]])
    labels = np.tile(found["labels"][:count], 2)
    titles = [
        f"{classes[label]}→{classes[answer]}{'✓' if label == answer else '✗'}"
        for label, answer in zip(labels, answers, strict=True)
    ]
    coloured = np.broadcast_to(shown / 255.0, (len(shown), 3, *shown.shape[2:]))
    return image_grid(coloured, titles, columns=len(shown) // 2, row_height=130)
