"""The head of every lab's page: its question, the form, and beside it the run panel with the live figures."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from ui.form import Settings, form
from ui.live import live
from ui.plot import collect_figures
from ui.take import take_away


def lab(
    experiment: Experiment, introduction: str, draw: Callable[[Settings, Snapshot | None], None]
) -> tuple[Settings, Snapshot | None]:
    """Draw it; returns what the form says and the run on screen as of now (None: nothing was run yet).

    draw: makes the live figures of the settings and a snapshot.
    """
    st.title(experiment.title, anchor=False)
    st.markdown(f"**{experiment.question}** {introduction}")
    knobs, run = st.columns([1, 2.4], gap="large")
    with knobs:
        settings = form(experiment)
    figures = collect_figures()
    with run:
        snapshot = live(experiment, settings, lambda now: draw(settings, now))
        take_away(experiment, snapshot, figures, settings)
    return settings, snapshot
