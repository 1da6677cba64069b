"""Figures of the U-Net lab: scenes with their classes, kinds of error, IoU by class, errors against distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.images import COLUMN, EXTRA, ROW, axes_of, axis_keys, image_grid
from core.figures.palette import NEUTRAL, OTHER_STYLES, Style, axis, drawn, heading, layout
from core.statistics import spread

CLASS_NAMES = (*map(str, range(10)), "background")
BACKGROUND = 10
SKIP_STYLES: dict[str, Style] = {
    "all": Style("#175DCD", "solid", "circle"),
    "deep": Style("#01A4AC", "dash", "square"),
    "shallow": Style("#86592D", "dot", "diamond"),
    "none": Style("#F06D02", "longdash", "x"),
}
# Ten digits and the background. No ten colours stay apart for everybody: the digit stands on its pixels besides.
CLASS_COLOURS = (
    *("#175DCD", "#F06D02", "#01A4AC", "#863EC7", "#A5930B"),
    *("#86592D", "#E6A5C8", "#7FBF5B", "#BF1146", "#8FB8FF"),
    "#10181B",
)
ERRORS = ("right", "one digit for another", "digit missed", "digit where there is none")
ERROR_COLOURS = ("#10181B", "#E6A5C8", "#F06D02", "#4095FE")
TABLE: dict[str, tuple[str, str]] = {  # metric -> how its number is written, and its unit
    "mean IoU": ("{:.3f}", ""),
    "mean IoU without background": ("{:.3f}", ""),
    "accuracy at edges": ("{:.1f}", " %"),
    "accuracy away from edges": ("{:.1f}", " %"),
    "digit accuracy": ("{:.1f}", " %"),
    "training loss": ("{:.4f}", " nats"),
}
LEAST_NUMBERED = 12  # pixels of a class that carry its number


def errors(target: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w): which of ERRORS every pixel is."""
    ink, found = target != BACKGROUND, predicted != BACKGROUND
    kinds = [ink & found & (target != predicted), ink & ~found, ~ink & found]
    return np.select(kinds, [1, 2, 3], 0).astype(np.uint8)


def scene(
    image: NDArray[np.uint8], predicted: NDArray[np.uint8], target: NDArray[np.uint8] | None = None, *, columns: int = 2
) -> go.Figure:
    """The scene (h, w), what the net says of it and, where there is one, the target and the kinds of error."""
    panels: dict[str, tuple[NDArray[np.uint8], tuple[str, ...], tuple[str, ...]]] = {}
    if target is not None:
        panels["Target"] = (target, CLASS_NAMES, CLASS_COLOURS)
    panels["Prediction"] = (predicted, CLASS_NAMES, CLASS_COLOURS)
    if target is not None:
        panels["Errors"] = (errors(target, predicted), ERRORS, ERROR_COLOURS)
    grey = {"colorscale": [[0, "#10181B"], [1, "#FFFFFF"]], "zmin": 0, "zmax": 255}
    traces = [_panel(0, image, f"brightness %{{z}} of 255{EXTRA}", **grey)]
    notes: list[dict[str, Any]] = []
    for number, (name, (classes, names, colours)) in enumerate(panels.items(), start=1):
        hover = "".join(f"{index}: {word}<br>" for index, word in enumerate(names)) if name == "Errors" else ""
        trace = _panel(number, classes, f"{name}: class %{{z}} (10: background){EXTRA}", **_discrete(colours))
        if hover:
            trace["hovertemplate"] = f"%{{z}}<br>{hover}{EXTRA}"
        else:
            notes += _numbers(classes, axes_of(number))
        traces.append(trace)
    axes, headings = _places(("Scene", *panels), columns)
    rows = -(-len(traces) // columns)
    shown = layout("", annotations=headings + notes, height=40 + 330 * rows, **axes)
    return drawn(data=traces, layout=shown)


def table_cells(scores: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Metric -> mean ± population std and n, in words. scores: metric -> one number a seed; a dash for none."""
    cells = {}
    for name, (form, unit) in TABLE.items():
        found = spread(list(scores.get(name, ())))
        sigma = f" ± {form.format(found.std)}" if found.n > 1 else ""
        cells[name] = f"{form.format(found.mean)}{sigma}{unit} (n = {found.n})" if found.n else "–"
    return cells


def samples(images: NDArray[np.uint8], targets: NDArray[np.uint8]) -> go.Figure:
    """Scenes (n, h, w) above the class of each of their pixels, with the digits in the titles."""
    palette = np.array([[int(one[at : at + 2], 16) / 255 for at in (1, 3, 5)] for one in CLASS_COLOURS])
    grey = np.repeat(images[:, None] / 255, 3, axis=1)
    coloured = palette[targets].transpose(0, 3, 1, 2)
    titles = [", ".join(str(one) for one in np.unique(target) if one != BACKGROUND) for target in targets]
    scenes = [f"Scene {number}" for number in range(len(images))]
    return image_grid(np.concatenate([grey, coloured]), [*scenes, *titles], columns=len(images))


def error_legend() -> str:
    """The colours of the error map in words, as HTML-free Markdown."""
    words = ("pink: one digit for another", "orange: digit missed", "blue: digit where there is none")
    return "; ".join(words)


def iou_by_class(nets: Mapping[str, Mapping[str, Sequence[float]]], *, title: str = "") -> go.Figure:
    """Grouped bars: mean IoU over seeds ± population std of every class.

    nets: name of the net (a choice of skips has a colour of its own) -> class name -> one IoU a seed.
    """
    traces = []
    for number, (net, classes) in enumerate(nets.items()):
        look = SKIP_STYLES.get(net, OTHER_STYLES[number % len(OTHER_STYLES)])
        found = {name: spread(list(classes.get(name, ()))) for name in CLASS_NAMES}
        traces.append(
            {
                "type": "bar",
                "name": net,
                "x": list(found),
                "y": [one.mean for one in found.values()],
                "error_y": {"type": "data", "array": [one.std for one in found.values()], "color": NEUTRAL, "width": 2},
                "marker": {"color": look.colour, "pattern": {"shape": "/" if look.dash != "solid" else ""}},
                "customdata": [[one.std, one.n] for one in found.values()],
                "hovertemplate": f"{net}, class %{{x}}: IoU %{{y:.3f}} ± %{{customdata[0]:.3f}} "
                f"(n = %{{customdata[1]}} seeds){EXTRA}",
            }
        )
    up = {"range": [0, 1.02]}
    return drawn(
        data=traces,
        layout=layout(title, "Class", "IoU (0 to 1)", xaxis={"type": "category"}, yaxis=up, showlegend=len(nets) > 1),
    )


def errors_by_distance(nets: Mapping[str, Mapping[str, NDArray[Any]]]) -> go.Figure:
    """Two panels over the signed distance to an edge: pixels on the wrong side of it, and digits taken for others.

    nets: choice of skips -> "distance" (bins,) in px, negative inside a digit; "strayed", "mistaken" (bins,) in %;
    "pixels" (bins,).
    """
    panels = {"strayed": "Wrong side of the edge", "mistaken": "One digit for another"}
    traces: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    for number, kind in enumerate(panels):
        used, (across, down) = axes_of(number), axis_keys(number)
        for net, found in nets.items():
            look = SKIP_STYLES.get(net, OTHER_STYLES[0])
            inside = np.asarray(found["distance"]) < (0 if kind == "mistaken" else np.inf)  # background is no digit
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": net,
                    "legendgroup": net,
                    "showlegend": number == 0,
                    "x": np.asarray(found["distance"])[inside],
                    "y": np.asarray(found[kind], np.float32)[inside],
                    "line": {"color": look.colour, "dash": look.dash, "width": 2},
                    "marker": {"color": look.colour, "symbol": look.symbol, "size": 8},
                    "customdata": np.asarray(found["pixels"])[inside],
                    "hovertemplate": f"<b>{net}</b>, %{{x}} px: %{{y:.2f}} % of %{{customdata}} pixels{EXTRA}",
                    **used,
                }
            )
        left = 0.54 * number
        place = {"domain": [left, left + 0.46], "anchor": used["yaxis"]}
        axes[across] = axis("Distance to an edge (px; < 0: in a digit)", **place)
        axes[down] = axis(
            "Pixels of that distance (%)" if number == 0 else "", anchor=used["xaxis"], rangemode="tozero"
        )
    headings = [heading(name, 0.23 + 0.54 * number, 1) for number, name in enumerate(panels.values())]
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "top", "yref": "container"}
    margin = {"l": 8, "r": 8, "t": 64, "b": 8}
    return drawn(data=traces, layout=layout("", annotations=headings, legend=legend, margin=margin, **axes))


def _panel(number: int, values: NDArray[np.uint8], hover: str, **look: Any) -> dict[str, Any]:
    place = f"row %{{y}}, column %{{x}}<br>{hover}"
    return {"type": "heatmap", "z": values, "showscale": False, "hovertemplate": place, **look, **axes_of(number)}


def _discrete(colours: Sequence[str]) -> dict[str, Any]:
    """A scale of steps: class k has the k-th colour."""
    count = len(colours)
    steps = [[edge / count, colour] for index, colour in enumerate(colours) for edge in (index, index + 1)]
    return {"colorscale": steps, "zmin": -0.5, "zmax": count - 0.5}


def _numbers(classes: NDArray[np.uint8], on: dict[str, str]) -> list[dict[str, Any]]:
    """Each digit's number on its own pixel nearest to their middle."""
    notes = []
    for digit in range(BACKGROUND):
        rows, columns = np.nonzero(classes == digit)
        if len(rows) < LEAST_NUMBERED:
            continue
        nearest = np.hypot(rows - np.median(rows), columns - np.median(columns)).argmin()
        box = {"bgcolor": "rgba(0, 0, 0, 0.6)", "font": {"color": "#FFFFFF", "size": 12}, "showarrow": False}
        where = {"x": int(columns[nearest]), "y": int(rows[nearest]), "xref": on["xaxis"], "yref": on["yaxis"]}
        notes.append({"text": str(digit), **where, **box})
    return notes


def _places(names: Sequence[str], columns: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Axes and headings of square panels in rows."""
    rows = -(-len(names) // columns)
    axes: dict[str, Any] = {}
    headings = []
    for index, name in enumerate(names):
        row, column = divmod(index, columns)
        left, right = column / columns + 0.01, (column + 1) / columns - 0.01
        top, bottom = 1 - row / rows - 0.09 / rows, 1 - (row + 1) / rows + 0.01
        used, (across, down) = axes_of(index), axis_keys(index)
        flat = {"showgrid": False, "zeroline": False, "showticklabels": False, "constrain": "domain"}
        corner = column == 0 and row == rows - 1
        axes[across] = axis(COLUMN if corner else "", domain=[left, right], anchor=used["yaxis"], **flat)
        square = {"autorange": "reversed", "scaleanchor": used["xaxis"]}
        axes[down] = axis(ROW if corner else "", domain=[bottom, top], anchor=used["xaxis"], **square, **flat)
        headings.append(heading(name, (left + right) / 2, top))
    return axes, headings
