"""Pictures, feature maps and heat maps. Arrays travel as uint8 or float32, so that a figure stays small."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.palette import NEUTRAL, SEQUENTIAL, axis, colour_bar, drawn, heading, layout

ROW, COLUMN = "Row (px)", "Column (px)"
EXTRA = "<extra></extra>"  # plotly: no second hover box
TILES_ACROSS = 16  # channels side by side in a mosaic
CLASS_NAMES = ("Red left (class 0)", "Green left (class 1)")


def png(pixels: NDArray[np.uint8]) -> str:
    """A data URI of an (h, w, 3) image, or of an (h, w, 4) one that says how opaque it is."""
    height, width, channels = pixels.shape
    lines = np.concatenate(
        [np.zeros((height, 1), np.uint8), pixels.reshape(height, width * channels)], axis=1
    )  # 0: unfiltered

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, {3: 2, 4: 6}[channels], 0, 0, 0)  # 8 bits, RGB or RGBA
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines.tobytes())) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


def rgb(image: NDArray[Any]) -> NDArray[np.uint8]:
    """(3, h, w) in 0 to 1 -> (h, w, 3) in 0 to 255; values beyond are clipped."""
    return np.moveaxis((np.asarray(image).clip(0, 1) * 255).round().astype(np.uint8), 0, -1)


def image_grid(
    images: NDArray[Any], titles: Sequence[str], *, columns: int = 4, title: str = "", row_height: int = 190
) -> go.Figure:
    """Images (n, 3, h, w) in 0 to 1, each under its title. Raises ValueError unless there is one title an image."""
    count = len(images)
    if len(titles) != count:
        raise ValueError(f"titles must be one an image; got {len(titles)} for {count} images.")
    rows = -(-count // columns)
    axes: dict[str, Any] = {}
    traces, headings = [], []
    for index, (image, name) in enumerate(zip(images, titles, strict=True)):
        row, column = divmod(index, columns)
        left, right = column / columns + 0.01, (column + 1) / columns - 0.01
        top, bottom = 1 - row / rows - 26 / (rows * row_height), 1 - (row + 1) / rows + 0.01
        corner = column == 0 and row == rows - 1
        names, (across, down) = axes_of(index), axis_keys(index)
        axes |= {
            across: axis(COLUMN if corner else "", **_side(left, right, names["yaxis"])),
            down: axis(ROW if corner else "", **_side(bottom, top, names["xaxis"])),
        }
        headings.append(heading(name, (left + right) / 2, top))
        source = png(rgb(image))
        traces.append(
            go.Image(source=source, name=name, hovertemplate=f"row %{{y}}, column %{{x}}: %{{z}}{EXTRA}", **names)
        )
    height = 80 + rows * row_height
    return drawn(data=traces, layout=layout(title, height=height, annotations=headings, **axes))


def feature_maps(maps: Sequence[NDArray[Any]], picture: NDArray[Any], *, title: str = "") -> go.Figure:
    """The picture (3, h, w), then one mosaic a layer of all its channels: maps[layer] is (channel, h, w), after ReLU.

    The channels of a layer share one scale, 0 to the layer's largest activation, sent in whole percent of it.
    Raises ValueError for negative activations.
    """
    tiled = [-(-len(channels) // TILES_ACROSS) for channels in maps]  # rows of tiles
    heights = [130.0] + [58.0 * rows for rows in tiled]  # pixels, for a figure about 900 wide
    gap = 44.0
    total = sum(heights) + gap * len(heights)
    traces: list[Any] = [go.Image(source=png(rgb(picture)), name="input", hoverinfo="x+y", **axes_of(0))]
    names, shapes, edge = ["Input"], [], 0.0
    axes: dict[str, Any] = {}
    for layer, channels in enumerate(maps, start=1):
        trace, lines = _mosaic(np.asarray(channels), layer)
        traces.append(trace)
        shapes.append(lines)
        count, side_y, side_x = channels.shape
        names.append(f"Layer {layer}: {count} channels of {side_y}×{side_x}, from 0 to {float(np.max(channels)):.3g}")
    headings = []
    for index, (name, height) in enumerate(zip(names, heights, strict=True)):
        edge += gap
        top, bottom = 1 - edge / total, 1 - (edge + height) / total
        edge += height
        used, (across, down) = axes_of(index), axis_keys(index)
        axes[across] = axis(**_side(0, 1, used["yaxis"]), constraintoward="left")
        axes[down] = axis(
            **_side(bottom, top, used["xaxis"]), autorange="reversed", scaleanchor=used["xaxis"], constraintoward="top"
        )
        headings.append(heading(name, 0, top, xanchor="left"))
    shared = layout(title, height=total + 40, annotations=headings, shapes=shapes, **axes)
    shared["coloraxis"] = {
        "colorscale": SEQUENTIAL,
        "cmin": 0,
        "cmax": 100,
        "colorbar": colour_bar("", orientation="h", x=1, y=1, xanchor="right", yanchor="top", len=0.5)
        | {"title": {"text": "% of the layer’s largest", "side": "top"}},
    }
    return drawn(data=traces, layout=shared)


def heat_map(
    values: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    colour_label: str,
    zmin: float | None = None,
    zmax: float | None = None,
    title: str = "",
    *,
    x_label: str = COLUMN,
    y_label: str = ROW,
    scale: list[list[Any]] = SEQUENTIAL,
) -> go.Figure:
    """values: (len(y), len(x)), rows downwards as in an image; NaN is left blank. Labels carry units."""
    trace = {
        **_heat(values, x, y, colour_label),
        "colorscale": scale,
        "zmin": zmin,
        "zmax": zmax,
        "colorbar": colour_bar(colour_label),
    }
    square = {"autorange": "reversed", "scaleanchor": "x", "constrain": "domain"}
    return drawn(data=[trace], layout=layout(title, x_label, y_label, xaxis={"constrain": "domain"}, yaxis=square))


def position_maps(
    accuracy: NDArray[Any],
    rows: NDArray[Any],
    cols: NDArray[Any],
    trained_rows: Sequence[tuple[float, float]],
    *,
    title: str = "",
) -> go.Figure:
    """Accuracy in % per class over where the pair stands; the rows it was trained at are outlined.

    accuracy: (2, len(rows), len(cols)); rows, cols: where the left square's top-left corner stands, in px;
    trained_rows: first and last row per class.
    """
    traces, shapes, headings = [], [], []
    axes: dict[str, Any] = {}
    step = float(np.diff(rows).min()) if len(rows) > 1 else 1.0
    for index, (values, (first, last), name) in enumerate(zip(accuracy, trained_rows, CLASS_NAMES, strict=True)):
        used, left = axes_of(index), 0.53 * index
        traces.append({**_heat(values, cols, rows, f"{name}: accuracy (%)"), **used, "coloraxis": "coloraxis"})
        across, down = axis_keys(index)
        axes[across] = axis(COLUMN, domain=[left, left + 0.47], anchor=used["yaxis"])
        axes[down] = axis(ROW if index == 0 else "", autorange="reversed", anchor=used["xaxis"])
        shapes.append(
            outline(float(cols[0]) - 0.5, first - step / 2, float(cols[-1]) + 0.5, last + step / 2, used, dash="dash")
        )
        headings.append(heading(name, left + 0.235, 1))
        note = {"x": float(np.mean([cols[0], cols[-1]])), "y": (first + last) / 2, "showarrow": False}
        box = {"bgcolor": "rgba(0, 0, 0, 0.55)", "font": {"color": "#FFFFFF", "size": 11}}
        headings.append({"text": "trained here", "xref": used["xaxis"], "yref": used["yaxis"], **note, **box})
    shared = layout(title, height=380, shapes=shapes, annotations=headings, **axes)
    shared["coloraxis"] = {"colorscale": SEQUENTIAL, "cmin": 0, "cmax": 100, "colorbar": colour_bar("Accuracy (%)")}
    return drawn(data=traces, layout=shared)


def axes_of(index: int) -> dict[str, str]:
    """The index-th panel's axes, as a trace names them."""
    number = "" if index == 0 else str(index + 1)
    return {"xaxis": f"x{number}", "yaxis": f"y{number}"}


def axis_keys(index: int) -> tuple[str, str]:
    """The index-th panel's axes, as a layout names them."""
    number = "" if index == 0 else str(index + 1)
    return f"xaxis{number}", f"yaxis{number}"


def outline(x0: float, y0: float, x1: float, y1: float, on: dict[str, str], **line: Any) -> dict[str, Any]:
    """A rectangle's outline in data coordinates of the panel `on`."""
    look = {"color": "#F06D02", "width": 2.5, **line}
    return {
        "type": "rect",
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "xref": on["xaxis"],
        "yref": on["yaxis"],
        "line": look,
    }


def _side(start: float, end: float, anchor: str) -> dict[str, Any]:
    return {"domain": [start, end], "anchor": anchor, "showgrid": False, "zeroline": False, "constrain": "domain"} | {
        "showticklabels": False,
        "ticks": "",
    }


def _heat(values: NDArray[Any], x: NDArray[Any], y: NDArray[Any], label: str) -> dict[str, Any]:
    hover = f"row %{{y}}, column %{{x}}<br>{label}: %{{z:.4~g}}{EXTRA}"
    return {"type": "heatmap", "z": np.asarray(values, np.float32), "x": x, "y": y, "hovertemplate": hover}


def _mosaic(channels: NDArray[Any], layer: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The heat map of one layer, and the lines between its tiles."""
    if channels.min(initial=0) < 0:
        raise ValueError(f"activations must be at least 0, as after ReLU; got {channels.min():.3g} in layer {layer}.")
    count, height, width = channels.shape
    across, down = min(count, TILES_ACROSS), -(-count // TILES_ACROSS)
    percent = channels * (100 / max(float(channels.max(initial=0)), 1e-30))
    tiles = np.zeros((across * down, height, width), np.uint8)
    tiles[:count] = percent.round().astype(np.uint8)
    numbers = np.arange(across * down, dtype=np.uint8).repeat(height * width).reshape(tiles.shape)

    def lay(blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        grid = blocks.reshape(down, across, height, width).swapaxes(1, 2)
        return grid.reshape(down * height, across * width)

    used = axes_of(layer)
    hover = f"layer {layer}, channel %{{customdata}}: %{{z}} % of {float(channels.max(initial=0)):.3g}{EXTRA}"
    trace = {"type": "heatmap", "z": lay(tiles), "customdata": lay(numbers), "coloraxis": "coloraxis", **used}
    upright = [f"M{i * width - 0.5},-0.5V{down * height - 0.5}" for i in range(across + 1)]
    level = [f"M-0.5,{i * height - 0.5}H{across * width - 0.5}" for i in range(down + 1)]
    path = {"type": "path", "path": "".join(upright + level), "line": {"color": NEUTRAL, "width": 1}}
    return {**trace, "hovertemplate": hover}, {**path, "xref": used["xaxis"], "yref": used["yaxis"]}


def verdict(logits: NDArray[Any], label: int) -> str:
    """What a net's logits (classes,) say of an image, and whether that is so."""
    guess = int(np.argmax(logits))
    return f"The net says **{CLASS_NAMES[guess]}**: {'right' if guess == label else 'wrong'}."
