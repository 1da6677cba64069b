"""Figures of the normalisation lab: the tensor with the averaged cells lit up, and running statistics that lag."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.demos.normalisation import Drift, Normalised
from core.demos.written import Floats
from core.figures.curves import line
from core.figures.images import EXTRA
from core.figures.palette import DIVERGING, NEUTRAL, OTHER_STYLES, axis, colour_bar, drawn, heading, layout

LIT = OTHER_STYLES[1].colour
GAP = 0.04  # between the two panels, of the width


def tensors(found: Normalised) -> go.Figure:
    """The input and its normalised form side by side, a row a sample and channel; averaged cells are framed."""
    samples, channels, features = found.x.shape
    rows = [f"sample {one}, channel {two}" for one in range(1, samples + 1) for two in range(1, channels + 1)]
    traces, shapes, headings = [], [], []
    axes: dict[str, Any] = {}
    for panel, (name, values) in enumerate({"Input x": found.x, "Output": found.output}.items()):
        suffix = str(panel + 1) if panel else ""
        left, right = panel * (0.5 + GAP / 2), panel * (0.5 + GAP / 2) + 0.5 - GAP / 2
        middle = float(found.x.mean()) if panel == 0 else 0.0
        reach = max(float(np.abs(values - middle).max()), 1e-9)
        traces.append(
            {
                "type": "heatmap",
                "name": name,
                "z": values.reshape(-1, features),
                "x": list(range(1, features + 1)),
                "y": list(range(len(rows))),
                "customdata": np.repeat(np.array(rows)[:, None], features, axis=1),
                "texttemplate": "%{z:.3~g}",
                "colorscale": DIVERGING,
                "zmin": middle - reach,
                "zmax": middle + reach,
                "opacity": 0.85,
                "showscale": panel == 1,
                "colorbar": colour_bar("Output"),
                "xgap": 3,
                "ygap": 3,
                "xaxis": f"x{suffix}",
                "yaxis": f"y{suffix}",
                "hovertemplate": f"%{{customdata}}, feature %{{x}}: %{{z:.4f}}{EXTRA}",
            }
        )
        plain = {"showgrid": False, "zeroline": False}
        axes[f"xaxis{suffix}"] = axis(
            "Feature", domain=[left, right], tickvals=list(range(1, features + 1)), anchor=f"y{suffix}", **plain
        )
        down = {"range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "ticktext": rows}
        axes[f"yaxis{suffix}"] = axis(
            "" if panel else "Sample, channel", anchor=f"x{suffix}", showticklabels=not panel, **down, **plain
        )
        headings.append(heading(name, (left + right) / 2, 1.0))
        shapes += _frames(found, f"x{suffix}", f"y{suffix}")
    return drawn(data=traces, layout=layout("", annotations=headings, shapes=shapes, **axes))


def _frames(found: Normalised, x: str, y: str) -> list[dict[str, Any]]:
    """A frame around every averaged cell, a dark one inside the chosen cell's."""
    channels = found.x.shape[1]
    frames = []
    for sample, channel, feature in np.argwhere(found.lit).tolist():
        row, column = sample * channels + channel, feature + 1
        box = {"type": "rect", "xref": x, "yref": y, "x0": column - 0.46, "x1": column + 0.46}
        frames.append({**box, "y0": row - 0.44, "y1": row + 0.44, "line": {"color": LIT, "width": 3.5}})
        if (sample, channel, feature) == found.chosen:
            inner = {"x0": column - 0.38, "x1": column + 0.38, "y0": row - 0.34, "y1": row + 0.34}
            frames.append({**box, **inner, "line": {"color": "#202020", "width": 1.5, "dash": "dot"}})
    return frames


def means(found: Drift) -> go.Figure:
    """True and running mean over the batches, and what the formula expects."""
    batches = np.arange(1, len(found.true) + 1)
    traces = [
        line("true mean", batches, found.true, OTHER_STYLES[0]),
        line("running mean", batches, found.running, OTHER_STYLES[1]),
        {**line("running mean, formula", batches, found.expected, OTHER_STYLES[5]), "line": _dotted()},
    ]
    return drawn(data=traces, layout=layout("", "Batch", "Mean", showlegend=True))


def errors(found: Drift) -> go.Figure:
    """How far outputs at test time are off, over the batches, and |lag| of the formula."""
    batches = np.arange(1, len(found.true) + 1)
    traces = [
        line("measured", batches, found.error, OTHER_STYLES[1]),
        {**line("|lag| of the formula", batches, found.expected_error, OTHER_STYLES[5]), "line": _dotted()},
    ]
    look = layout("", "Batch", "Mean |error| of the output", showlegend=True, yaxis={"rangemode": "tozero"})
    return drawn(data=traces, layout=look)


def _dotted() -> dict[str, Any]:
    return {"color": NEUTRAL, "width": 2.5, "dash": "dot"}


def rows(found: Normalised) -> list[dict[str, str]]:
    """A line for every set of averaged cells: mean and variance."""
    together: list[tuple[str, Floats]] = list(
        zip(found.names, np.stack([found.mean, found.variance], axis=1), strict=True)
    )
    return [
        {"Averaged": name, "Mean": f"{mean:.4f}".replace("-", "−"), "Variance": f"{variance:.4f}"}
        for name, (mean, variance) in together
    ]
