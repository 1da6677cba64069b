"""Charts that every lab has: curves over training, of the run on screen and the recorded one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from core.figures.curves import curves
from ui.form import Settings
from ui.plot import plot
from ui.results import Result, points, recorded_for

HEIGHTS = (300, 220)  # px: the first chart leads, the others accompany
PER_CENT = (-3, 103)


def training_curves(
    experiment: Experiment, settings: Settings, now: Snapshot | None, charts: Mapping[str, Sequence[str]]
) -> None:
    """One chart a unit: the metrics of the run on screen, over those recorded with the settings of the form.

    charts: y axis with its unit -> metric names.
    """
    shown = Result.on_screen(now) if now else None
    recorded = recorded_for(experiment, settings.config)
    for number, (unit, metrics) in enumerate(charts.items()):
        groups = {metric: points(shown, metric) for metric in metrics} if shown else {}
        if recorded:
            groups |= {f"{metric}, recorded": points(recorded, metric) for metric in metrics}
        dashes = {name: "dot" for name in groups if name.endswith(", recorded")}
        figure = curves(groups, y=unit, band=settings.config.band, dashes=dashes, faint=shown is not None)
        figure.update_xaxes(rangemode="tozero")
        if "(%)" in unit:
            figure.update_yaxes(range=PER_CENT)  # so that the axis stands still while the curve grows
        plot(figure, f"{experiment.key} {unit}", height=HEIGHTS[min(number, 1)], curves=True)
    if recorded:
        st.caption(f"Dotted: {recorded.label}. Lines are means; the band shows the spread over seeds.")
