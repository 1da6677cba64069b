"""The lab of batch norm on padded text: who notices the padding?"""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.norm_text import CLAIMS
from core.engine.records import Snapshot
from core.experiments.norm_text import BINS, MORE
from core.statistics import spread
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_row
from ui.noise import noise
from ui.results import grid, origin, scores, trained
from ui.words import words

EXPERIMENT = catalog.get("norm_text")
WORDS = words("norm_text")
CHARTS = {"Held-out accuracy (%)": ("held-out accuracy", "held-out accuracy" + MORE), "Logit change": ("logit change",)}
TABLE = ("held-out accuracy", "held-out accuracy" + MORE, "logit change")


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Accuracy with either padding, and what it does to logits."""
    training_curves(EXPERIMENT, settings, now, CHARTS)


def by_norm(now: Snapshot | None) -> None:
    """Every normalisation, with running statistics and with those of the test batch."""
    train_row(EXPERIMENT, settings, "norm", {})
    norm, at_test = (EXPERIMENT.config.knob(name) for name in ("norm", "at_test"))
    rows, results = [], {}
    for (kind, when), result in grid(EXPERIMENT, settings.config, ("norm", "at_test"), now).items():
        if kind in ("layer", "none") and when == "batch":
            continue  # they have no statistics of a batch
        name = (
            f"{norm.label_of(kind)}; {at_test.label_of(when)}" if kind in ("batch", "masked") else norm.label_of(kind)
        )
        told = scores(result, TABLE) if result else {}
        rows.append({"": name, **{key: spread(values).brief for key, values in told.items()}, "From": origin(result)})
        results[name] = result
    st.table(rows, hide_index=True)
    st.caption(WORDS["by norm"])
    noise(results, "held-out accuracy" + MORE, key="noise")


def by_length(now: Snapshot | None) -> None:
    """Accuracy of short and long texts, with either padding."""
    if not (result := trained(EXPERIMENT, settings.config, now)):
        st.info("Press Run: this appears here as soon as a net is trained.")
        return
    rows = []
    for low, high in BINS:
        name = f"accuracy, {low} to {high} tokens"
        plain, more = (
            spread(values).brief if values else "–" for values in scores(result, (name, name + MORE)).values()
        )
        rows.append({"Length (tokens)": f"{low} to {high}", "Accuracy (%)": plain, "Padded farther (%)": more})
    st.table(rows, hide_index=True)
    st.caption(f"{WORDS['lengths']} {result.label[0].upper()}{result.label[1:]}.")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("What does more padding change?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, by_norm, key="by norm")
if section("Who is hurt: short texts or long ones?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, by_length, key="by length")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
