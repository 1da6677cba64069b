"""The vision transformer lab: what does it look at, and what does it need to learn?"""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.vit import CLAIMS
from core.engine.records import Snapshot
from core.experiments.vit import ACCURACY, DISTANCE, SHUFFLED
from core.figures import vit as figures
from ui.ask import ask
from ui.attention_maps import where_it_looks
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_buttons, train_row
from ui.noise import noise
from ui.own_pictures import upload_folder
from ui.plot import plot
from ui.results import Result, grid, origin
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("vit")
WORDS = words("vit")
COUNTS = (10, 100, 1000)  # training pictures a class
NOTHING = "Press Run: this appears here as soon as a net is trained."


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Accuracy, ordinary and shuffled, the losses, and how far each layer looks."""
    config = EXPERIMENT.config.parse(now.run.config) if now else settings.config  # of what is on screen
    charts = {"Accuracy (%)": (ACCURACY, SHUFFLED), "Cross-entropy (nats)": ("training loss", "test loss")}
    if config.net == "vit":
        layers = range(1, config.depth + 1)
        charts["Distance (patches)"] = tuple(DISTANCE.format(layer) for layer in layers)
    training_curves(EXPERIMENT, settings, now, charts)
    st.caption(WORDS["live"])


def look(result: Result, step: float | None) -> None:
    """Attention maps and rollout of one picture."""
    where_it_looks(EXPERIMENT, result, step, WORDS)


def far(result: Result, step: float | None) -> None:
    """How far every head looks."""
    if found := ask(EXPERIMENT, result, "distances", step=step):
        figure = figures.distances(found["distance"], float(found["even"]), int(found["patch"]))
        plot(figure, "distances", height=320, caption=WORDS["far"])
        st.caption(f"First {found['count']} test pictures. Net: first seed; {result.label}.")


def jumbled(result: Result, step: float | None) -> None:
    """Test pictures as they are and with their patches shuffled, and what the net says of both."""
    if found := ask(EXPERIMENT, result, "jumbled", step=step):
        plot(figures.shuffled_pictures(found), "jumbled", height=340, caption=WORDS["jumbled"])
        scores = f"ordinary {found['accuracy']:.1f} %, shuffled {found['shuffled accuracy']:.1f} %"
        st.caption(f"All test pictures: {scores}. Net: first seed; {result.label}.")


def compared(field: str, now: Snapshot | None) -> None:
    """Every choice of one knob: both accuracies, a table, and whether the differences are more than noise."""
    found = grid(EXPERIMENT, settings.config.model_copy(update={"net": "vit"}), (field,), now)
    label = EXPERIMENT.config.knob(field).label_of
    trained = {label(choice): one for (choice,), one in found.items() if one}
    scores = {name: one.snapshot.summary(figures.METRICS) for name, one in trained.items()}
    if scores:
        shown = figures.METRICS if field == "positions" else (ACCURACY,)
        plot(figures.side_by_side(scores, shown), f"by {field}", height=320)
        name = EXPERIMENT.config.knob(field).label
        st.table([figures.table_row({name: one}, scores[one], origin(trained[one])) for one in scores], hide_index=True)
    st.caption(WORDS[field if field == "positions" else "kernels"])
    noise(dict(trained), ACCURACY, key=f"vit:noise:{field}")


def data(now: Snapshot | None) -> None:
    """CNN and transformer against the number of training pictures."""
    counts = sorted({*COUNTS, settings.config.images_per_class} - {0})
    found = grid(EXPERIMENT, settings.config, ("net", "images_per_class"), now, {"images_per_class": counts})
    trained = {cell: one for cell, one in found.items() if one}
    scores = {cell: one.snapshot.summary(figures.METRICS) for cell, one in trained.items()}
    if scores:
        lines = {cell: one[ACCURACY] for cell, one in scores.items() if one.get(ACCURACY)}
        plot(figures.over_pictures(lines, settings.config.band), "by pictures", height=320)
        names = {cell: {"Net": figures.NET_NAMES[cell[0]], "Pictures a class": f"{cell[1]:,}"} for cell in scores}
        st.table(
            [figures.table_row(names[cell], scores[cell], origin(trained[cell])) for cell in scores], hide_index=True
        )
    st.caption(WORDS["data"])
    cells = {f"{figures.NET_NAMES[net]}, {count:,}": one for (net, count), one in trained.items()}
    noise(cells, ACCURACY, key="vit:noise:data")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if settings.config.dataset == "folder":
    upload_folder()
if section("Where does it look?", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, look, key="look", otherwise=NOTHING)
if section("How far do heads look?", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, far, key="far", otherwise=NOTHING)
if section("Positions and shuffled patches", EXPERIMENT):
    train_row(EXPERIMENT, settings, "positions", {"net": "vit"})
    follow(EXPERIMENT, snapshot, lambda now: compared("positions", now), key="positions")
    scrubbed(EXPERIMENT, settings, snapshot, jumbled, key="jumbled", otherwise=NOTHING)
if section("Kernels side by side", EXPERIMENT):
    train_row(EXPERIMENT, settings, "kernel", {"net": "vit"})
    follow(EXPERIMENT, snapshot, lambda now: compared("kernel", now), key="kernels")
if section("How much data?", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="images_per_class", down="net", values=COUNTS)
    follow(EXPERIMENT, snapshot, data, key="data")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
