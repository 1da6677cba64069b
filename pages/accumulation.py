"""The lab of gradient accumulation: is a batch in pieces the same batch?"""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.accumulation import CLAIMS
from core.engine.records import Snapshot
from core.experiments.accumulation import PIECES, split_name
from core.figures import accumulation as figures
from core.statistics import spread
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_row
from ui.noise import noise
from ui.plot import plot
from ui.results import Result, grid, origin, scores
from ui.words import words

EXPERIMENT = catalog.get("accumulation")
WORDS = words("accumulation")
SHOWN = (PIECES[0], 4, PIECES[-1])
CHARTS = {
    "Held-out accuracy (%)": tuple(f"held-out accuracy, {split_name(one)}" for one in SHOWN),
    "Relative difference": ("gradient difference", "logit difference"),
}
TABLE = ("gradient difference", "logit difference", "weights apart", "held-out accuracy")


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Accuracy of three splits, and the worst split's differences."""
    training_curves(EXPERIMENT, settings, now, CHARTS, logarithmic=("Relative difference",))
    st.caption(WORDS["curves"])


def of_splits(result: Result, metric: str) -> dict[int, dict[int, float]]:
    """Pieces -> seed -> a metric at the end."""
    names = {pieces: f"{metric}, {split_name(pieces)}" for pieces in PIECES}
    found = result.snapshot.summary(list(names.values()))
    return {pieces: dict(found[name]) for pieces, name in names.items() if found.get(name)}


def by_norm(now: Snapshot | None) -> None:
    """All normalisations over the six splits."""
    train_row(EXPERIMENT, settings, "norm", {})
    knob = EXPERIMENT.config.knob("norm")
    cells = grid(EXPERIMENT, settings.config, ("norm",), now)
    found = {knob.label_of(norm): result for (norm,), result in cells.items()}
    left, right = st.columns(2)
    for column, metric, log in ((left, "gradient difference", True), (right, "held-out accuracy", False)):
        lines = {name: of_splits(one, metric) for name, one in found.items() if one}
        unit = "(a part of its length)" if log else "(%)"
        with column:
            figure = figures.over_pieces(lines, f"{metric.capitalize()} {unit}", log=log)
            plot(figure, f"accumulation {metric}", height=320)
    st.caption(WORDS["by norm"])
    rows = []
    for name, result in found.items():
        told = scores(result, TABLE) if result else {}
        row = {metric: spread(values).brief for metric, values in told.items()}
        rows.append({"Normalisation": name, **row, "From": origin(result)})
    st.table(rows, hide_index=True)
    st.caption(WORDS["table"])
    noise(found, "held-out accuracy, 32 × 1", key="noise")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("Which normalisation can be split?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, by_norm, key="by norm")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
