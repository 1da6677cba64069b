"""The head of every lab's page: its question, the form, and beside it the run panel with the live figures."""

from __future__ import annotations

from collections.abc import Callable, Collection

import streamlit as st

from core.contract import Experiment
from core.engine.records import Snapshot
from ui.address import presenting
from ui.form import Settings, form
from ui.lesson import lesson_links, lesson_of, steps
from ui.live import live
from ui.plot import collect_figures
from ui.predict import predict
from ui.take import take_away
from ui.theme import present_button


def lab(
    experiment: Experiment,
    introduction: str,
    draw: Callable[[Settings, Snapshot | None], None],
    elsewhere: Collection[str] = (),
) -> tuple[Settings, Snapshot | None]:
    """Draw it; returns what the form says and the run on screen as of now (None: nothing was run yet).

    draw: makes the live figures of the settings and a snapshot. elsewhere: knobs that the page draws itself, each as a
    widget of the key "experiment:knob".
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-head"):
        st.title(experiment.title, anchor=False)
        if not presenting():
            lesson_links(experiment.lab)
            present_button()
    lesson = lesson_of(experiment)
    st.markdown(f"**{experiment.question}** {introduction if not presenting() else ''}")
    knobs, run = st.columns([1, 2.4], gap="large")
    with knobs:
        guide = st.container()
        settings = form(experiment, {*elsewhere, *(lesson.hide if lesson else ())})
        guesses = st.container()
    figures = collect_figures()
    with run:
        snapshot = live(experiment, settings, lambda now: draw(settings, now))
        take_away(experiment, snapshot, figures, settings)
    with guesses:  # once it is known which run is on screen
        predict(experiment, settings, snapshot)
    if lesson:
        with guide:  # after the panel: a new link's run is on screen by now
            steps(lesson, settings)
    return settings, snapshot
