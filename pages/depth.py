"""The depth lab: why do deeper nets train worse, and what do residual connections change?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from core import catalog
from core.claims.depth import CLAIMS
from core.engine.records import Snapshot
from core.experiments.depth import LAYER_NORM, NO_NORM_FACTOR
from core.figures.depth import errors_by_depth, layer_norms, net_name, over_layers
from core.statistics import spread
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_buttons
from ui.noise import noise
from ui.own_pictures import upload_folder
from ui.plot import plot
from ui.results import Result, grid, origin, recorded_for, result_for
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("depth")
WORDS = words("depth")
CHARTS = {"Error (%)": ("training error", "test error"), "Cross-entropy (nats)": ("training loss",)}
NORM = "Gradient norm of the weights"
METRICS = ("training error", "test error")


def charts(settings: Settings, now: Snapshot | None) -> None:
    """Errors and loss over epochs, and the gradient norm of each layer in the newest epoch."""
    training_curves(EXPERIMENT, settings, now, CHARTS)
    recorded = recorded_for(EXPERIMENT, settings.config)
    run = now or (recorded.snapshot if recorded else None)
    if run and (found := norms_of(run)):
        net = EXPERIMENT.config.parse(run.run.config)
        name = net_name(net.residual, net.batch_norm)
        of = "" if now or not recorded else f" {recorded.label[0].upper()}{recorded.label[1:]}."
        plot(over_layers({name: found}, NORM), "layer norms", height=220, caption=WORDS["live norms"] + of)


def norms_of(run: Snapshot, epoch: float | None = None) -> Mapping[int, tuple]:
    """Seed -> (layers, gradient norms), of the newest epoch or another."""
    names = [LAYER_NORM.format(layer) for layer in range(1, run.run.config["layers"] + 1)]
    return layer_norms(run.series, names, epoch)


def table(now: Snapshot | None) -> None:
    """Errors against depth, plain and residual; a line of the table for each net that is trained."""
    found: dict[tuple[int, bool], Result | None] = {}
    for residual in (False, True):
        config = settings.config.model_copy(update={"residual": residual})
        found |= {(layers, residual): one for (layers,), one in grid(EXPERIMENT, config, ("layers",), now).items()}
    trained = {cell: one for cell, one in sorted(found.items()) if one}
    plot(errors_by_depth({cell: one.snapshot.summary(METRICS) for cell, one in trained.items()}), "depths", height=340)
    rows = [
        {
            "Net": f"{net_name(residual)}, {layers} layers",
            **{
                f"{metric} (%)": str(spread(list(values.values())))
                for metric, values in one.snapshot.summary(METRICS).items()
            },
            "From": origin(one),
        }
        for (layers, residual), one in trained.items()
    ]
    if rows:
        st.table(rows, hide_index=True)
    st.caption(WORDS["table"])
    nets = {f"{net_name(residual)}, {layers}": one for (layers, residual), one in trained.items()}
    noise(nets, "training error", key="noise")


def gradients(now: Snapshot | None) -> None:
    """The gradient norm of every layer: plain and residual, with and without batch norm, at one epoch."""
    last = settings.config.epochs
    epochs = range(1, last + 1)
    left, right = st.columns([1, 2])
    layers = left.selectbox("Layers of these nets", EXPERIMENT.config.knob("layers").choices, index=8)
    epoch = right.select_slider("Epoch", epochs, value=last, key=f"depth:epoch:{last}") if last > 1 else 1
    groups, missing = {}, []
    for batch_norm in (True, False):
        for residual in (False, True):
            changes = {"layers": layers, "residual": residual, "batch_norm": batch_norm}
            result = result_for(EXPERIMENT, settings.config.model_copy(update=changes), now)
            values = norms_of(result.snapshot, epoch) if result else None
            if values:
                groups[net_name(residual, batch_norm)] = values
            else:
                missing.append(net_name(residual, batch_norm))
    plot(over_layers(groups, NORM), "norms by net", height=340)
    if missing:
        st.caption(f"Not trained yet with {layers} layers and the form's other settings: {'; '.join(missing)}.")
    st.caption(WORDS["gradients"].format(factor=f"{NO_NORM_FACTOR:g}"))


def signals(result: Result, step: float | None) -> None:
    """What goes forward through every layer of one net, and what comes back."""
    if found := ask(EXPERIMENT, result, "layer_signals", step=step):
        net = EXPERIMENT.config.parse(result.snapshot.run.config)
        name = net_name(net.residual, net.batch_norm)
        left, right = st.columns(2)
        for column, key, title in (
            (left, "response", "Response (standard deviation)"),
            (right, "gradient", "Gradient (norm a picture)"),
        ):
            with column:
                line = np.arange(1, len(found[key]) + 1), found[key]
                plot(over_layers({name: {result.snapshot.run.seeds[0]: line}}, title), f"signal {key}", height=280)
        st.caption(f"{WORDS['signals']} Net: {name}, {net.layers} layers; {result.label}; its first seed.")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], charts)
if settings.config.dataset == "folder":
    upload_folder()
if section("Depth against error", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="layers", down="residual")
    follow(EXPERIMENT, snapshot, table, key="table")
if section("Do the gradients die?", EXPERIMENT):
    follow(EXPERIMENT, snapshot, gradients, key="gradients")
if section("Forward and back, layer by layer", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, signals, key="signals", otherwise="Press Run: the signals appear here.")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
