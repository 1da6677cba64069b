"""The head of every lab's page: its question, the form, and beside it the run panel or, of a demo, what it shows."""

from __future__ import annotations

from collections.abc import Callable, Collection

import streamlit as st

from core.contract import Demo, Experiment, Topic
from core.engine.records import Snapshot
from ui.address import presenting
from ui.form import Settings, form, write_link
from ui.lesson import lesson_links, lesson_of, steps
from ui.lesson_file import Lesson
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
    lesson = _head(experiment, introduction)
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


def demo(topic: Demo, introduction: str, draw: Callable[[Settings], None], elsewhere: Collection[str] = ()) -> Settings:
    """Draw the head of a lab that trains nothing; returns what the form says.

    draw: what stands beside the form. elsewhere: knobs that the page draws itself, with `ui.form.knob_here`.
    """
    lesson = _head(topic, introduction)
    knobs, shown = st.columns([1, 2.4], gap="large")
    with knobs:
        guide = st.container()
        settings = form(topic, {*elsewhere, *(lesson.hide if lesson else ())})
    write_link(topic, settings, None)
    collect_figures()
    with shown:
        draw(settings)
    if lesson:
        with guide:
            steps(lesson, settings)
    return settings


def _head(topic: Topic, introduction: str) -> Lesson | None:
    """Title, lessons and question; the lesson that the address names."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="lab-head"):
        st.title(topic.title, anchor=False)
        if not presenting():
            lesson_links(topic.lab)
            present_button()
    lesson = lesson_of(topic)
    st.markdown(f"**{topic.question}** {introduction if not presenting() else ''}")
    return lesson
