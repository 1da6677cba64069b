"""Charts that every lab has: curves over training, of the run on screen and the recorded one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import plotly.graph_objects as go
import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from core.figures.curves import curves
from core.figures.palette import styles
from ui.compare import Baseline
from ui.form import Settings
from ui.plot import plot
from ui.results import Curves, points, recorded_for

HEIGHTS = (300, 220)  # px: the first chart leads, the others accompany
PER_CENT = (-3, 103)
DASHES = {"A": "dash", "recorded": "dot", "B": "solid"}


def training_curves(
    experiment: Experiment,
    settings: Settings,
    now: Snapshot | None,
    charts: Mapping[str, Sequence[str]],
    finish: Callable[[str, go.Figure], go.Figure] | None = None,
    logarithmic: Collection[str] = (),
) -> None:
    """One chart a unit: the metrics of the run on screen, over those of A where one is pinned, else the recorded ones.

    charts: y axis with its unit -> metric names. finish: what a lab adds to the chart of a unit, an expected value say.
    logarithmic: which of these axes begin as log axes.
    """
    a = Baseline(experiment).look()
    recorded = None if a else recorded_for(experiment, settings.config)
    runs = {"B" if a else "": now, "A": a, "recorded": recorded.snapshot if recorded else None}
    if a and now and a.run.id == now.run.id:
        runs = {"A": a}
    for number, (unit, metrics) in enumerate(charts.items()):
        groups: dict[str, Curves] = {}
        dashes: dict[str, str] = {}
        colours: dict[str, str] = {}  # a metric keeps its colour, whichever run it is of
        own = styles(dict.fromkeys(metrics))
        for name, run in runs.items():
            for metric in metrics if run else ():
                label = f"{metric}, {name}" if name else metric
                groups[label] = points(run, metric)
                colours[label] = own[metric].colour
                dashes |= {label: DASHES[name]} if name in DASHES else {}
        look = {"band": settings.config.band, "colours": colours, "dashes": dashes, "faint": now is not None}
        figure = curves(groups, y=unit, log=unit in logarithmic, **look)
        figure.update_xaxes(rangemode="tozero")
        if "(%)" in unit:
            figure.update_yaxes(range=PER_CENT)  # so that the axis stands still while the curve grows
        figure = finish(unit, figure) if finish else figure
        plot(figure, f"{experiment.key} {unit}", height=HEIGHTS[min(number, 1)], curves=True)
    if recorded:
        st.caption(f"Dotted: {recorded.label}. Lines are means; the band shows the spread over seeds.")
    elif a:
        st.caption("Dashed: A. Lines are means over seeds; the band shows their spread.")
