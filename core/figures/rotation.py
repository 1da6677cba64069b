"""Figures of the rotation lab: accuracy over the test angle, who is taken for whom, and one picture as it turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import Points, curves, guessing
from core.figures.images import EXTRA, axes_of, axis_keys, image_grid, png, rgb
from core.figures.palette import NEUTRAL, OTHER_STYLES, SEQUENTIAL, axis, colour_bar, drawn, layout
from core.statistics import spread

UPRIGHT, TURNED = OTHER_STYLES[0].colour, OTHER_STYLES[1].colour  # how a net was trained, on every chart of the lab
ANGLE = "Test angle (°, counter-clockwise)"
ACCURACY = "Accuracy (%)"
TICKS = list(range(0, 361, 45))
MOST_NUMBERS = 12  # classes that still leave room for a number in each cell


def trained_with(range_deg: int) -> str:
    """How a net was trained, in words."""
    return f"trained turned up to {range_deg}°" if range_deg else "trained upright"


def colour_of(range_deg: int) -> str:
    """The colour of a net that was trained so."""
    return TURNED if range_deg else UPRIGHT


def table_row(
    range_deg: int, metrics: Sequence[str], scores: Mapping[str, Sequence[float]], whence: str
) -> dict[str, str]:
    """A line of the table: mean, spread and n of every metric, one number a seed."""
    numbers = {f"{metric} (%)": str(spread(scores.get(metric, []))) for metric in metrics}
    return {"": trained_with(range_deg), **numbers, "From": whence}


def right_so_far(confusion: NDArray[np.integer[Any]], total: int) -> str:
    """What part of the pictures read so far is right, of `total` there are."""
    read = int(confusion.sum())
    return f"**{100.0 * np.trace(confusion) / read:.1f} %** right of {read} of {total} test pictures."


def over_angles(summary: Mapping[str, Mapping[int, float]]) -> dict[int, Points]:
    """Seed -> (angles, values), from metrics "accuracy at 30" -> seed -> value; 360° is 0° once more."""
    found: dict[int, dict[float, float]] = {}
    for name, values in summary.items():
        for seed, value in values.items():
            found.setdefault(seed, {})[float(name.rpartition(" ")[2])] = value
    closed = {seed: at | ({360.0: at[0.0]} if 0.0 in at else {}) for seed, at in found.items()}
    return {seed: (np.array(sorted(at)), np.array([at[one] for one in sorted(at)])) for seed, at in closed.items()}


def angle_curves(
    groups: Mapping[str, Mapping[int, Points]],
    *,
    colours: Mapping[str, str] | None = None,
    dashes: Mapping[str, str] | None = None,
    band: Literal["std", "range", "none"] = "std",
    chance: float | None = None,
    mark: tuple[float, float] | None = None,
) -> go.Figure:
    """Accuracy over the test angle, one line a group, mean and band over its seeds.

    chance: accuracy of guessing in %, drawn as a line. mark: an angle and the accuracy there, drawn as a cross.
    """
    figure = curves(groups, x=ANGLE, y=ACCURACY, colours=colours, dashes=dashes, band=band)
    traces: list[Any] = list(figure.data)
    if chance is not None:
        traces.append(guessing((0, 360), chance))
    shapes: list[dict[str, Any]] = []
    if mark is not None:
        angle, value = mark
        shapes.append({"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": angle, "x1": angle})
        shapes[0] |= {"line": {"color": NEUTRAL, "width": 1.5, "dash": "dot"}}
        traces.append(_cross(angle, value))
    look = figure.layout.to_plotly_json()
    look["xaxis"] |= {"range": [-4, 364], "tickvals": TICKS}
    look["yaxis"] |= {"range": [-3, 103]}
    return drawn(data=traces, layout=look | {"shapes": shapes, "showlegend": True})


def turned_pictures(
    pictures: NDArray[np.uint8], labels: NDArray[Any], probabilities: NDArray[Any], classes: Sequence[str]
) -> go.Figure:
    """Pictures (n, channels, h, w) as the net sees them, each under what it is and what the net says."""
    titles = []
    for label, chances in zip(labels, probabilities, strict=True):
        said = int(np.argmax(chances))
        sign = "✓" if said == label else "✗"
        titles.append(f"{classes[label]}→{classes[said]}{sign}")
    return image_grid(colour(pictures), titles, columns=6, row_height=130)


def confusion(counts: NDArray[np.integer[Any]], classes: Sequence[str]) -> go.Figure:
    """How many pictures of a class (row) the net took for which class (column): counts (classes, classes).

    Colour: their share of the class in %; a class without a picture is blank.
    """
    rows = counts.sum(axis=1, keepdims=True)
    share = np.where(rows > 0, 100.0 * counts / np.maximum(rows, 1), np.nan)
    names = list(classes)
    trace = {
        "type": "heatmap",
        "z": share.astype(np.float32),
        "x": names,
        "y": names,
        "text": [[str(one) for one in line] for line in counts],
        "texttemplate": "%{text}" if len(names) <= MOST_NUMBERS else "",
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 100,
        "colorbar": colour_bar("Share of the class (%)"),
        "hovertemplate": f"%{{y}} taken for %{{x}}: %{{text}} (%{{z:.3~g}} % of the class){EXTRA}",
    }
    flat: dict[str, Any] = {"showgrid": False, "type": "category", "constrain": "domain"}
    down = {**flat, "autorange": "reversed"}
    return drawn(data=[trace], layout=layout("", "Taken for", "Is", xaxis=flat, yaxis=down))


def ribbon(
    angles: NDArray[Any],
    probabilities: NDArray[Any],
    classes: Sequence[str],
    pictures: NDArray[np.uint8],
    label: int = -1,
) -> go.Figure:
    """One picture as it turns: above, itself at 0, 45, … 315°; below, the probability of every class over the angle.

    probabilities: (angles, classes). pictures: (8, channels, h, w). label: its class, −1 where nobody knows.
    """
    names = [f"<b>{name}</b>" if number == label else name for number, name in enumerate(classes)]
    half = float(angles[1] - angles[0]) / 2 if len(angles) > 1 else 2.5
    best = probabilities.argmax(axis=1)
    heat = {
        "type": "heatmap",
        "z": (100.0 * probabilities.T).astype(np.float32),
        "x": angles,
        "y": names,
        "colorscale": SEQUENTIAL,
        "zmin": 0,
        "zmax": 100,
        "colorbar": colour_bar("Probability (%)", len=0.75, y=0.36),
        "hovertemplate": f"%{{x}}°: %{{z:.3~g}} % for %{{y}}{EXTRA}",
    }
    line = {
        "type": "scatter",
        "mode": "markers",
        "x": angles,
        "y": [names[one] for one in best],
        "marker": {"color": "#FFFFFF", "size": 6, "line": {"color": "#000000", "width": 1}},
        "hovertemplate": f"%{{x}}°: the net says %{{y}}{EXTRA}",
        "name": "what the net says",
        "showlegend": False,
    }
    floor = {"showgrid": False, "zeroline": False}
    axes: dict[str, Any] = {
        "xaxis": axis(ANGLE, **floor, range=[-half, 360 - half], domain=[0, 1], tickvals=TICKS[:-1]),
        "yaxis": axis("Class", **floor, domain=[0, 0.74], type="category", categoryarray=names, autorange="reversed"),
    }
    traces: list[Any] = [heat, line]
    for place, picture in enumerate(colour(pictures)):
        used, (across, down) = axes_of(place + 1), axis_keys(place + 1)
        side: dict[str, Any] = {
            "showgrid": False,
            "zeroline": False,
            "showticklabels": False,
            "ticks": "",
            "constrain": "domain",
        }
        axes[across] = axis(domain=[place / 8, place / 8 + 0.105], anchor=used["yaxis"], **side)
        axes[down] = axis(domain=[0.79, 1], anchor=used["xaxis"], **side)
        traces.append(go.Image(source=png(rgb(picture)), name=f"{45 * place}°", hoverinfo="name", **used))
    return drawn(data=traces, layout=layout("", **axes))


def ways(accuracy: NDArray[Any], angles: NDArray[Any]) -> go.Figure:
    """One net tested with black, mean and mirrored corners and with the mask: accuracy (4, angles) in %."""
    names = ("black corners", "mean colour", "mirrored corners", "circular mask")
    closed, round_ = np.append(angles, 360), np.concatenate([accuracy, accuracy[:, :1]], axis=1)
    return angle_curves({name: {0: (closed, values)} for name, values in zip(names, round_, strict=True)})


def colour(pictures: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n, 1 or 3, h, w) levels -> (n, 3, h, w) from 0 to 1."""
    shown: NDArray[np.float64] = np.broadcast_to(pictures / 255.0, (len(pictures), 3, *pictures.shape[2:]))
    return shown


def _cross(angle: float, value: float) -> dict[str, Any]:
    marker = {"symbol": "x", "size": 11, "color": NEUTRAL, "line": {"width": 1}}
    about = {"mode": "markers", "marker": marker, "name": "here", "meta": {"role": "mark"}}
    return {"type": "scatter", "x": [angle], "y": [value], "hovertemplate": f"%{{x}}°: %{{y:.4~g}} %{EXTRA}"} | about
