"""The graph lab: what do neighbours tell about a node, and how much should one listen to each?"""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.graph import CLAIMS
from core.engine.records import Snapshot
from core.figures import graph as figures
from core.figures.graph import MASS, SECONDS, SHARE, TEST
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.graph import pictured
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_buttons, train_row
from ui.noise import noise
from ui.own_graph import upload_graph
from ui.plot import plot
from ui.results import Result, grid, origin, result_for
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("nodes")
WORDS = words("graph")
DEPTHS, SHARES = (1, 2, 4, 8, 16), (0.0, 0.5, 1.0, 2.0, 3.0)
CHARTS = {
    "Accuracy (%)": ("validation accuracy", "training accuracy"),
    "Cross-entropy (nats)": ("training loss", "validation loss"),
}
NOTHING = "Press Run: this appears here as soon as a net is trained."


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Accuracy and loss over epochs."""
    training_curves(EXPERIMENT, settings, now, CHARTS)
    st.caption(WORDS["live"])


def look(result: Result, step: float | None) -> None:
    """The graph, and one node's sum."""
    pictured(EXPERIMENT, result, step, WORDS)


def models(now: Snapshot | None) -> None:
    """Every model on the same splits: a table with seconds, and whether the differences are more than noise."""
    found = grid(EXPERIMENT, settings.config, ("model",), now)
    trained = {figures.MODEL_NAMES[model]: one for (model,), one in found.items() if one}
    rows = [
        figures.table_row(name, one.snapshot.summary((TEST, SECONDS)), origin(one)) for name, one in trained.items()
    ]
    if rows:
        st.table(rows, hide_index=True)
    st.caption(WORDS["models"])
    noise(dict(trained), TEST, key="graph:noise:models")


def depth(now: Snapshot | None) -> None:
    """Feature variance after each layer of one net, accuracy against the number of layers, both with and without."""
    config, across = settings.config, sorted({*DEPTHS, settings.config.layers})
    found = grid(EXPERIMENT, config, ("layers", "self_term"), now, {"layers": across, "self_term": (True, False)})
    trained = {cell: one for cell, one in found.items() if one}
    if not trained:
        st.info("Train some of these nets: their feature variance and accuracy appear here.")
        return
    depths = sorted({layers for layers, _ in trained})
    with st.container(horizontal=True):
        layers = st.selectbox("A net of so many layers", depths, index=len(depths) - 1, key="graph:depth", width=220)
        when = st.segmented_control(
            "Its features", ("untrained", "trained"), default="untrained", required=True, key="graph:when"
        )
    left, right = st.columns(2)
    series = {own: one.snapshot.series for (count, own), one in trained.items() if count == layers}
    with left:
        figure = figures.variances(series, layers, untrained=when == "untrained", band=config.band)
        plot(figure, "variances", height=320, curves=True, caption=WORDS["variances"])
    with right:
        scores = {cell: one.snapshot.summary([TEST])[TEST] for cell, one in trained.items()}
        plot(figures.accuracy_by_depth(scores, config.band), "depths", height=320, caption=WORDS["depths"])
    names = {f"{count} layers, {figures.SELF_NAMES[own]}": one for (count, own), one in trained.items()}
    noise(names, TEST, key="graph:noise:depth")


def noisy(now: Snapshot | None) -> None:
    """GCN and GAT as irrelevant neighbours are added; the attention that falls on these, beside their share."""
    band, shares = settings.config.band, sorted({*SHARES, settings.config.noisy_edges})
    cells = {"model": ("gcn", "gat"), "noisy_edges": shares}
    found = grid(EXPERIMENT, settings.config, tuple(cells), now, cells)
    trained = {cell: one.snapshot for cell, one in found.items() if one}
    left, right = st.columns(2)
    with left:
        scores = {cell: one.summary([TEST])[TEST] for cell, one in trained.items()}
        plot(figures.accuracy_by_noise(scores, band), "by noise", height=320, caption=WORDS["noise"])
    with right:
        attention = {share: one.summary((MASS, SHARE)) for (model, share), one in trained.items() if model == "gat"}
        falls, even = ({share: one[name] for share, one in attention.items() if one[name]} for name in (MASS, SHARE))
        plot(figures.attention_by_noise(falls, even, band), "attention by noise", height=320, caption=WORDS["mass"])
    names = {f"{figures.MODEL_NAMES[model]}, {share:g} ×": one for (model, share), one in found.items() if one}
    noise(names, TEST, key="graph:noise:noise")


def sources() -> None:
    """The single figures of the sources beside ours over ten splits."""
    changes = {"graph": "cora", "split": "random", "epochs": 100}
    ours = {
        model: result_for(EXPERIMENT, EXPERIMENT.config(model=model, **changes), live=False) for model in ("gcn", "gat")
    }
    rows = [
        figures.table_row(
            figures.MODEL_NAMES[model],
            one.snapshot.summary((TEST, SECONDS)) if one else {},
            origin(one),
            **{"The sources (%)": figures.SOURCES[model]},
        )
        for model, one in ours.items()
    ]
    st.table(rows, hide_index=True)
    st.caption(WORDS["sources"])
    noise({figures.MODEL_NAMES[model]: one for model, one in ours.items()}, TEST, key="graph:noise:sources")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if settings.config.graph == "own":
    upload_graph()
if section("The graph, and what each node hears", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, look, key="look", otherwise=NOTHING)
if section("GCN against GAT", EXPERIMENT):
    train_row(EXPERIMENT, settings, "model", {})
    follow(EXPERIMENT, snapshot, models, key="models")
if section("How deep?", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="layers", down="self_term", values=DEPTHS)
    follow(EXPERIMENT, snapshot, depth, key="depths")
if section("Irrelevant neighbours", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="noisy_edges", down="model", values=SHARES, rows=("gcn", "gat"))
    follow(EXPERIMENT, snapshot, noisy, key="noisy")
if section("The sources on Cora, and ten splits", EXPERIMENT):
    sources()
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
