"""The autoencoder lab: how much must a code hold before a linear layer can read the class from it?"""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.claims.autoencoder import CLAIMS
from core.engine.records import Snapshot
from core.figures import autoencoder as figures
from core.figures.autoencoder import ERROR, METRICS, PROBE, SIZES, UNITS
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.latent import Latent
from ui.lesson import section
from ui.live import follow, train_buttons
from ui.noise import noise
from ui.plot import plot
from ui.results import grid, origin, points
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("autoencoder")
WORDS = words("autoencoder")
CHARTS = {UNITS[ERROR]: (ERROR,), UNITS[PROBE]: (PROBE,)}
SIZED, CURVES = "against the latent size", "over epochs"
NOTHING = "Press Run: this appears here as soon as a net is trained."


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Error and accuracy over epochs; at small codes of the cloud, what a random part of it would allow."""
    config = EXPERIMENT.config.parse(now.run.config) if now else settings.config  # of what is on screen

    def finish(unit: str, figure: go.Figure) -> go.Figure:
        fits = unit == UNITS[PROBE]
        return figures.with_expectation(figure, config.dataset, config.latent, config.epochs) if fits else figure

    training_curves(EXPERIMENT, settings, now, CHARTS, finish)
    st.caption(WORDS["live"])


def latents(chosen: int) -> list[int]:
    """The sizes of the source, and the one in the form."""
    return sorted({*SIZES, chosen})


def sizes(now: Snapshot | None) -> None:
    """Every kind at every latent size: two charts, a table, and whether the differences are more than noise."""
    config = settings.config
    found = grid(EXPERIMENT, config, ("kind", "latent"), now, {"latent": latents(config.latent)})
    trained = {cell: one.snapshot for cell, one in found.items() if one}
    how = st.segmented_control("Draw", (SIZED, CURVES), default=SIZED, required=True, key="autoencoder:how")
    for column, metric in zip(st.columns(2), METRICS, strict=True):
        if how == SIZED:
            finals = {cell: one.summary([metric])[metric] for cell, one in trained.items()}
            figure = figures.over_sizes(finals, metric, config.band, config.dataset)
        else:
            figure = figures.over_epochs(
                {cell: points(one, metric) for cell, one in trained.items()}, metric, config.band
            )
        with column:
            plot(figure, f"sizes {metric}", height=340, curves=how == CURVES)
    rows = [
        figures.table_row(cell, one.summary(METRICS), one.at(0, PROBE), origin(found[cell]))
        for cell, one in trained.items()
    ]
    if rows:
        st.table(rows, hide_index=True)
    st.caption(WORDS["sizes"])
    noise({f"{kind}, {latent}": one for (kind, latent), one in found.items()}, PROBE, key="sizes:noise")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("Several latent sizes at once", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="latent", down="kind", values=latents(settings.config.latent))
    follow(EXPERIMENT, snapshot, sizes, key="sizes")
LATENT = Latent(EXPERIMENT, WORDS)
for title, (key, draw) in {
    "What goes in, what comes out": ("pictures", LATENT.reconstructions),
    "The cloud of codes": ("cloud", LATENT.cloud),
    "Move a code by hand": ("hand", LATENT.by_hand),
    "A walk between two samples": ("walk", LATENT.walk),
    "Few labels": ("few", LATENT.few_labels),
}.items():
    if section(title, EXPERIMENT):
        scrubbed(EXPERIMENT, settings, snapshot, draw, key=key, otherwise=NOTHING)
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
