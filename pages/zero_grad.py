"""The lab of a forgotten zero_grad(): both loops side by side, and the patch."""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.zero_grad import CLAIMS
from core.engine.records import Snapshot
from core.experiments.zero_grad import FORGOTTEN, patch
from core.statistics import spread
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_row
from ui.noise import noise
from ui.results import grid, origin, scores
from ui.words import words

EXPERIMENT = catalog.get("zero_grad")
WORDS = words("zero_grad")
METRICS = ("held-out loss", "held-out accuracy")
CHARTS = {name: (metric, metric + FORGOTTEN) for name, metric in (("Held-out loss", "held-out loss"),)}
CHARTS |= {"Held-out accuracy (%)": ("held-out accuracy", "held-out accuracy" + FORGOTTEN)}
CHARTS |= {"‖gradient used‖": ("gradient norm", "gradient norm" + FORGOTTEN)}
LOGARITHMIC = ("Held-out loss", "‖gradient used‖")


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Both loops over training."""
    training_curves(EXPERIMENT, settings, now, CHARTS, logarithmic=LOGARITHMIC)


def by_loss(now: Snapshot | None) -> None:
    """Both losses beside one another."""
    train_row(EXPERIMENT, settings, "loss", {})
    found = {loss: one for (loss,), one in grid(EXPERIMENT, settings.config, ("loss",), now).items()}
    knob, rows = EXPERIMENT.config.knob("loss"), []
    for loss, result in found.items():
        names = [metric + end for metric in METRICS for end in ("", FORGOTTEN)]
        told = scores(result, names) if result else {}
        row = {name: spread(values).brief for name, values in told.items()}
        rows.append({"Loss": knob.label_of(loss), **row, "From": origin(result)})
    st.table(rows, hide_index=True)
    st.caption(WORDS["table"])
    results = {knob.label_of(loss): result for loss, result in found.items()}
    noise(results, "held-out accuracy" + FORGOTTEN, key="noise")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("The patch", EXPERIMENT):
    st.code(patch(), language=None, wrap_lines=True)
    st.markdown(WORDS["patch"])
if section("Does the loss matter?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, by_loss, key="by loss")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
