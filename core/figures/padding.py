"""Figures of the padding lab: the border by hand, map sizes, receptive fields, and what tells a net where it looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.demos.convolution import Layer, LayerSize, Products
from core.figures.images import COLUMN, EXTRA, ROW, axes_of, axis_keys, outline
from core.figures.palette import DIVERGING, NEUTRAL, SEQUENTIAL, axis, colour_bar, drawn, faded, heading, layout, styles

MOST_NUMBERS = 14  # cells across that still leave room for a number in each
CHANCE = 50.0  # % of two halves guessed


class FieldLike(Protocol):
    """What a receptive field must have; core.demos.receptive_field.Effective has it."""

    @property
    def values(self) -> NDArray[np.float32]:
        """(h, w), largest 1."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(h, w), True where the unit can see at all."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """First and last row, first and last column, in px."""


def padded_image(by_hand: Products) -> go.Figure:
    """The padded image with its values: window outlined, image dashed, padding veiled, zeros without a source hatched.

    Rows and columns count from the image's own corner, so padding has negative ones, or ones beyond its size.
    """
    padded = by_hand.padded
    amount = int(padded.inside.argmax(axis=0).max())
    height, width = padded.values.shape
    rows, cols = np.arange(height) - amount, np.arange(width) - amount
    trace = {
        "type": "heatmap",
        "z": padded.values.astype(np.float32),
        "x": cols,
        "y": rows,
        "colorscale": SEQUENTIAL,
        "colorbar": colour_bar("Pixel value"),
        "texttemplate": "%{z:.2~g}" if max(height, width) <= MOST_NUMBERS else "",
        "customdata": _origins(padded.origin, padded.inside),
        "hovertemplate": f"row %{{y}}, column %{{x}}: %{{z:.4~g}}<br>%{{customdata}}{EXTRA}",
    }
    top, left, side = by_hand.row - amount, by_hand.col - amount, len(by_hand.kernel)
    sourceless = [(rows[row], cols[col]) for row, col in np.argwhere(padded.origin[..., 0] < 0)]
    image = (-0.5, -0.5, width - 2 * amount - 0.5, height - 2 * amount - 0.5)
    shapes = [
        _veil(image, amount),
        _hatch(sourceless, axes_of(0)),
        outline(*image, axes_of(0), color="#FFFFFF"),
        outline(*image, axes_of(0), color="#000000", dash="dash"),
        outline(left - 0.5, top - 0.5, left + side - 0.5, top + side - 0.5, axes_of(0), width=4),
    ]
    return drawn(
        data=[trace],
        layout=layout("", COLUMN, ROW, xaxis=_cells(), yaxis=_cells(down="x"), shapes=shapes, height=440),
    )


def kernel_products(by_hand: Products) -> go.Figure:
    """Window × kernel = products, and their sum; what stands on padding is hatched."""
    side = len(by_hand.kernel)
    panels = {"Window": by_hand.patch, "Kernel": by_hand.kernel, "Products": by_hand.products}
    traces, shapes, headings = [], [], []
    axes: dict[str, Any] = {}
    largest = [float(np.abs(values).max()) or 1.0 for values in panels.values()]
    for index, (name, values) in enumerate(panels.items()):
        used, left = axes_of(index), 0.355 * index
        traces.append(
            {
                "type": "heatmap",
                "z": values.astype(np.float32),
                "colorscale": DIVERGING,
                "zmin": -largest[index],
                "zmax": largest[index],
                "showscale": False,
                "texttemplate": "%{z:.2~g}",
                "hovertemplate": f"{name}, row %{{y}}, column %{{x}}: %{{z:.4~g}}{EXTRA}",
                **used,
            }
        )
        across, down = axis_keys(index)
        ticks = {"tickvals": list(range(side)), "showticklabels": index == 0}
        axes[across] = axis("Column", **ticks, **_cells(domain=[left, left + 0.29], anchor=used["yaxis"]))
        axes[down] = axis("Row" if index == 0 else "", **ticks, **_cells(down=used["xaxis"], anchor=used["xaxis"]))
        headings.append(heading(name, left + 0.145, 1))
        if name != "Kernel":
            shapes.append(_hatch([(row, col) for row, col in np.argwhere(by_hand.outside)], used))
    sign = {"font": {"size": 22}, "yanchor": "middle"}
    headings += [heading("×", 0.3225, 0.5, **sign), heading("=", 0.6775, 0.5, **sign)]
    outside = int(by_hand.outside.sum())
    title = f"Sum = {by_hand.total:.4g}; {outside} of {by_hand.outside.size} products fall outside the image"
    return drawn(
        data=traces,
        layout=layout(
            title, shapes=shapes, annotations=headings, height=300, margin={"l": 8, "r": 8, "t": 84, "b": 8}, **axes
        ),
    )


def layer_sizes(sizes: Sequence[LayerSize], layers: Sequence[Layer]) -> go.Figure:
    """The feature map's side after each layer, in px; hover tells the formula with its numbers."""
    labels = ["input"] + [
        f"layer {number}<br>k {kernel}, s {stride}, p {padding}"
        for number, (kernel, stride, padding) in enumerate(layers, start=1)
    ]
    sides = [sizes[0].before, *(one.after for one in sizes)] if sizes else []
    trace = {
        "type": "bar",
        "x": labels[: len(sides)],
        "y": sides,
        "text": sides,
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {"color": NEUTRAL},
        "customdata": ["the image", *(one.formula for one in sizes)][: len(sides)],
        "hovertemplate": f"%{{x}}<br>%{{customdata}} px{EXTRA}",
    }
    return drawn(data=[trace], layout=layout("", "Layer (kernel, stride, padding in px)", "Side of the map (px)"))


def receptive_fields(fields: Mapping[str, FieldLike]) -> go.Figure:
    """Side by side, one panel a field: effective as colour, blank where nothing is seen, theoretical as outline.

    The dashed square is the image: a theoretical field may reach into the padding.
    """
    count = max(len(fields), 1)
    gap = 0.03 if count > 1 else 0.0
    width = (1 - gap * (count - 1)) / count
    traces, shapes, headings = [], [], []
    axes: dict[str, Any] = {}
    for index, (name, field) in enumerate(fields.items()):
        used, left = axes_of(index), index * (width + gap)
        traces.append(
            {
                "type": "heatmap",
                "z": np.where(field.seen, field.values, np.nan).astype(np.float32),
                "coloraxis": "coloraxis",
                "hovertemplate": f"{name}, row %{{y}}, column %{{x}}: %{{z:.3~g}}{EXTRA}",
                **used,
            }
        )
        rows, cols = field.values.shape
        top, bottom, first, last = field.box
        shapes.append(outline(-0.5, -0.5, cols - 0.5, rows - 0.5, used, color=NEUTRAL, dash="dash", width=1.5))
        shapes.append(outline(first - 0.5, top - 0.5, last + 0.5, bottom + 0.5, used))
        across, down = axis_keys(index)
        place = _cells(domain=[left, left + width], anchor=used["yaxis"], range=_around(first, last, cols))
        axes[across] = axis(COLUMN, **place)
        square = {**_cells(down=used["xaxis"], anchor=used["xaxis"]), "range": _around(top, bottom, rows)[::-1]}
        axes[down] = axis(ROW if index == 0 else "", **{**square, "autorange": False})
        headings.append(heading(name, left + width / 2, 1))
    shared = layout("", shapes=shapes, annotations=headings, height=380, **axes)
    bar = colour_bar("Gradient (share of the largest)")
    shared["coloraxis"] = {"colorscale": SEQUENTIAL, "cmin": 0, "cmax": 1, "colorbar": bar}
    return drawn(data=traces, layout=shared)


def location_probe(folds: Mapping[str, Mapping[str, NDArray[Any]]]) -> go.Figure:
    """Accuracy of a linear probe that tells the top from the bottom half: mean ± population std over folds.

    folds: net (a conv type has its own colour) -> features probed ("layer 1", "pooled") -> (folds,) accuracy in %.
    """
    traces: list[dict[str, Any]] = []
    lowest = min([CHANCE, *(float(np.min(one)) for net in folds.values() for one in net.values())])
    for name, look in styles(folds).items():
        means = [float(np.mean(values)) for values in folds[name].values()]
        stds = [float(np.std(values)) for values in folds[name].values()]
        traces.append(
            {
                "type": "scatter",
                "name": name,
                "mode": "lines+markers",
                "x": list(folds[name]),
                "y": means,
                "error_y": {"type": "data", "array": stds, "color": look.colour},
                "line": {"color": look.colour, "dash": look.dash, "width": 1.5},
                "marker": {"color": look.colour, "symbol": look.symbol, "size": 10},
                "customdata": [[std, len(values)] for std, values in zip(stds, folds[name].values(), strict=True)],
                "hovertemplate": f"<b>{name}</b>, %{{x}}: %{{y:.4~g}} ± %{{customdata[0]:.2~g}} % "
                f"(n = %{{customdata[1]}} folds){EXTRA}",
            }
        )
    chance = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": CHANCE, "y1": CHANCE}
    word = {"text": "chance", "xref": "paper", "x": 1, "xanchor": "right", "y": CHANCE, "yanchor": "bottom"}
    return drawn(
        data=traces,
        layout=layout(
            "",
            "Features probed",
            "Accuracy of top or bottom half (%)",
            yaxis={"range": [lowest - 5, 103]},
            shapes=[{**chance, "line": {"color": NEUTRAL, "dash": "dash", "width": 1.5}}],
            annotations=[{**word, "showarrow": False, "font": {"color": NEUTRAL}}],
            showlegend=len(folds) > 1,
        ),
    )


def border_response(
    positions: NDArray[Any],
    responses: Mapping[str, NDArray[Any]],
    border: float = 0.0,
    *,
    x: str = "Top edge of a red square (px; 0 touches the border)",
    y: str = "Response of the filter (activation)",
) -> go.Figure:
    """One filter's response to a pattern slid from the inside across the border, one line a conv type.

    positions: (n,) px; responses: conv type -> (n,); border: where the image ends, on the positions' scale.
    """
    traces = [
        {
            "type": "scatter",
            "name": name,
            "mode": "lines+markers",
            "x": positions,
            "y": np.asarray(responses[name], np.float32),
            "line": {"color": look.colour, "dash": look.dash, "width": 2},
            "marker": {"color": look.colour, "symbol": look.symbol, "size": 6},
            "hovertemplate": f"<b>{name}</b>, %{{x}} px: %{{y:.4~g}}{EXTRA}",
        }
        for name, look in styles(responses).items()
    ]
    edge = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": border, "x1": border}
    word = {"text": "border", "yref": "paper", "y": 1, "yanchor": "top", "x": border, "xanchor": "left"}
    return drawn(
        data=traces,
        layout=layout(
            "",
            x,
            y,
            shapes=[{**edge, "line": {"color": NEUTRAL, "dash": "dash", "width": 1.5}}],
            annotations=[{**word, "showarrow": False, "font": {"color": NEUTRAL}}],
        ),
    )


def _cells(down: str = "", **more: Any) -> dict[str, Any]:
    """Square cells without grid lines; down: the horizontal axis of a vertical axis, which then grows downwards."""
    flat = {"showgrid": False, "zeroline": False, "constrain": "domain", **more}
    return flat | ({"autorange": "reversed", "scaleanchor": down} if down else {})


def _origins(origin: NDArray[np.int64], inside: NDArray[np.bool_]) -> list[list[str]]:
    def word(row: int, col: int, own: bool) -> str:
        if row < 0:
            return "padding without a source"
        return "the image" if own else f"padding, a copy of row {row}, column {col}"

    return [
        [word(int(row), int(col), bool(own)) for (row, col), own in zip(line, owns, strict=True)]
        for line, owns in zip(origin, inside, strict=True)
    ]


def _veil(image: tuple[float, float, float, float], amount: int) -> dict[str, Any]:
    """Grey over the padding around the image (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = image
    around = f"M{x0 - amount},{y0 - amount}H{x1 + amount}V{y1 + amount}H{x0 - amount}Z"
    path = f"{around}M{x0},{y0}H{x1}V{y1}H{x0}Z"
    return {"type": "path", "path": path, "fillrule": "evenodd", "fillcolor": faded(NEUTRAL, 0.4), "line": {"width": 0}}


def _hatch(cells: Sequence[tuple[int, int]], on: dict[str, str]) -> dict[str, Any]:
    """Three diagonals over each (row, column) cell, as one shape."""
    strokes = [
        f"M{col + start},{row + end}L{col + end},{row + start}"
        for row, col in cells
        for start, end in ((-0.5, 0.0), (-0.5, 0.5), (0.0, 0.5))
    ]
    line = {"color": NEUTRAL, "width": 1}
    return {"type": "path", "path": "".join(strokes) or "M0,0", "xref": on["xaxis"], "yref": on["yaxis"], "line": line}


def _around(first: float, last: float, size: int) -> list[float]:
    return [min(first, 0) - 1, max(last, size - 1) + 1]
