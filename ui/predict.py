"""Predict before you look: a guess that is committed before the run, and held against the outcome after it."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core.contract import Experiment, Prediction
from core.engine.records import Snapshot
from core.engine.scheduler import shared
from core.figures.guesses import choice_guesses, number_guesses
from core.statistics import spread
from ui.address import classroom
from ui.form import Settings
from ui.lesson import note_guess
from ui.plot import plot
from ui.results import result_for
from ui.security import owner


def predict(experiment: Experiment, settings: Settings, snapshot: Snapshot | None) -> None:
    """The experiment's questions about the settings of the form; nothing where it asks none."""
    if not experiment.predictions:
        return
    name = shared().identity(experiment.key, settings.config)
    begun = snapshot is not None and snapshot.run.identity == name
    with st.expander("Predict before you look", icon=":material/psychology:", key=f"{experiment.key}:predict"):
        for prediction in experiment.predictions:
            everybody = shared().library.guesses(name, prediction.key, classroom())
            mine = everybody.get(owner())
            if mine is None:
                _ask(experiment, prediction, name, begun)
            else:
                _reveal(experiment, settings, prediction, mine, everybody, snapshot if begun else None)


def _ask(experiment: Experiment, prediction: Prediction, name: str, begun: bool) -> None:
    st.markdown(f"**{prediction.question}**")
    if begun:
        st.caption("A run of these settings is on screen: a guess now would be no prediction.")
        return
    key = f"{experiment.key}:guess:{prediction.key}:{name[:12]}"
    if prediction.choices:
        st.radio("Your guess", list(prediction.choices), index=None, key=key, label_visibility="collapsed")
    else:
        low, high = prediction.low, prediction.high
        unit = f" {prediction.unit}" if prediction.unit != "%" else " %%"
        st.slider("Your guess", low, high, (low + high) / 2, key=key, format=f"%g{unit}", label_visibility="collapsed")
    st.button(
        "Commit this guess",
        key=f"{key}:commit",
        disabled=st.session_state.get(key) is None,
        on_click=_commit,
        args=(prediction, name, key),
    )


def _commit(prediction: Prediction, name: str, key: str) -> None:
    answer = st.session_state[key]
    value = list(prediction.choices).index(answer) if prediction.choices else float(answer)
    counts = shared().library.guess(name, prediction.key, classroom(), owner(), value)
    note_guess(prediction.key, prediction.in_words(counts))


def _reveal(
    experiment: Experiment,
    settings: Settings,
    prediction: Prediction,
    mine: float,
    everybody: dict[str, float],
    shown: Snapshot | None,
) -> None:
    st.markdown(f"**{prediction.question}** Your guess: **{prediction.in_words(mine)}**.")
    result = result_for(experiment, settings.config, shown)
    values = result.snapshot.summary([prediction.metric])[prediction.metric] if result else {}
    if result is None or not values or (shown is not None and not shown.run.final):
        st.caption("The outcome is shown here once the run has ended.")
        return
    found = spread(list(values.values()))
    if prediction.choices:
        hit = prediction.in_words(mine) in prediction.right(found.mean)
        verdict = "Your guess holds." if hit else "It turned out otherwise."
    else:
        verdict = f"Off by {abs(mine - found.mean):.1f} {prediction.unit.replace('%', 'points')}."
    st.markdown(f"Measured: **{found.with_unit(prediction.unit)}** ({result.label}). {verdict}")
    if classroom() and len(everybody) > 1:
        st.caption(f"What all {len(everybody)} guessed, without names:")
        drawn = _figure(prediction, list(everybody.values()), mine, found.mean)
        plot(drawn, f"guesses {prediction.key}", height=160)


def _figure(prediction: Prediction, guesses: list[float], mine: float, outcome: float) -> go.Figure:
    if prediction.choices:
        return choice_guesses(list(prediction.choices), guesses, mine, prediction.right(outcome))
    low, high, unit = prediction.low, prediction.high, prediction.unit
    return number_guesses(guesses, mine, outcome, low=low, high=high, unit=unit)
