"""Figures of the accumulation lab: what splitting a batch changes, over the number of pieces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from core.figures.curves import by_seed, curves

Splits = Mapping[int, Mapping[int, float]]  # pieces -> seed -> value
ROUNDING = 1e-16  # what a log axis shows of an exact 0


def over_pieces(found: Mapping[str, Splits], y: str, *, log: bool) -> go.Figure:
    """A line a normalisation over the number of pieces, its band from the lowest seed to the highest."""
    drawn = {
        name: {
            seed: (places, np.maximum(values, ROUNDING) if log else values)
            for seed, (places, values) in by_seed(splits).items()
        }
        for name, splits in found.items()
    }
    figure = curves(drawn, y=y, x="Pieces of a batch of 32", band="range", log=log, between=False)
    ticks = [2**power for power in range(6)]
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[str(one) for one in ticks])
    figure.update_traces(mode="lines+markers", selector={"meta": {"role": "mean"}})
    return figure
