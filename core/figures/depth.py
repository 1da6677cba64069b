"""Figures of the depth lab: errors against depth, and how strong gradients and responses are from layer to layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from core.figures.curves import Points, by_seed, curves

PLAIN, RESIDUAL = "#F06D02", "#175DCD"
DASHES = {"training error": "dash", "test error": "solid"}
LAYER = "Layer (1 sees the picture)"
MANY_TIMES = 30  # the least, of a range in which single decades are ticks enough


class SeriesLike(Protocol):
    """Steps and values of one metric of one seed, as stored results have them."""

    @property
    def steps(self) -> NDArray[np.float64]:
        """(points,), increasing."""

    @property
    def values(self) -> NDArray[np.float64]:
        """(points,)."""


def net_name(residual: bool, batch_norm: bool = True) -> str:
    """How a net is called in legends and tables."""
    return ("residual" if residual else "plain") + ("" if batch_norm else ", no batch norm")


def errors_by_depth(scores: Mapping[tuple[int, bool], Mapping[str, Mapping[int, float]]]) -> go.Figure:
    """Errors in % against the number of layers: a line a kind of net and a metric, every seed faintly.

    scores: (layers, residual) -> metric ("training error", "test error") -> seed -> value.
    """
    groups: dict[str, dict[int, Points]] = {}
    dashes: dict[str, str] = {}
    for metric, dash in DASHES.items():
        for residual in (False, True):
            name = f"{net_name(residual)}, {metric}"
            found = {layers: scores[layers, kind].get(metric, {}) for layers, kind in scores if kind == residual}
            groups[name] = by_seed(found)
            dashes[name] = dash
    figure = curves(
        groups, y="Error (%)", x="Layers", colours=_colours(groups), dashes=dashes, band="range", between=False
    )
    ticks = sorted({layers for layers, _ in scores})
    figure.update_xaxes(tickvals=ticks, range=[min(ticks, default=8) - 2, max(ticks, default=56) + 2])
    figure.update_yaxes(rangemode="tozero")
    figure.update_traces(mode="lines+markers", selector=lambda trace: trace.meta["role"] == "mean")
    return figure


def layer_norms(
    series: Mapping[str, Mapping[int, SeriesLike]], names: Sequence[str], epoch: float | None = None
) -> dict[int, Points]:
    """What the metrics `names`, one a layer, said at an epoch (None: the newest): seed -> (layer from 1, value).

    At an epoch that a seed has not reached, its newest values stand; a layer without a value is left out.
    """
    found: dict[int, list[tuple[int, float]]] = {}
    for layer, name in enumerate(names, start=1):
        for seed, one in series.get(name, {}).items():
            reached = one.values if epoch is None else one.values[one.steps <= epoch]
            if len(reached):
                found.setdefault(seed, []).append((layer, float(reached[-1])))
    return {
        seed: (np.array([at for at, _ in rows]), np.array([one for _, one in rows])) for seed, rows in found.items()
    }


def over_layers(
    groups: Mapping[str, Mapping[int, Points]], y: str, *, band: Literal["std", "range", "none"] = "range"
) -> go.Figure:
    """A quantity against the layer, on a logarithmic axis: a line a net, their mean over seeds and its spread.

    groups: name, as of `net_name` -> seed -> (layers, values). Values of 0 are left out: they have no logarithm.
    """
    positive = {
        name: {seed: (layers[values > 0], values[values > 0]) for seed, (layers, values) in seeds.items()}
        for name, seeds in groups.items()
    }
    dashes = {name: "dot" if "no batch norm" in name else "solid" for name in groups}
    figure = curves(positive, y=y, x=LAYER, colours=_colours(groups), dashes=dashes, band=band)
    values = np.concatenate([one[1] for seeds in positive.values() for one in seeds.values()] or [np.ones(1)])
    decades = bool(values.size) and values.max() > MANY_TIMES * values.min()  # then the 2 to 9 between them crowd
    figure.update_yaxes(type="log", exponentformat="power", dtick=1 if decades else None)
    return figure


def _colours(names: Iterable[str]) -> dict[str, str]:
    return {name: RESIDUAL if name.startswith("residual") else PLAIN for name in names}
