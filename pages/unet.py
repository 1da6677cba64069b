"""The U-Net lab: what do skip connections bring, and where?"""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core import catalog
from core.claims.unet import CLAIMS
from core.contract import Explained
from core.data import pictures, scenes
from core.data.scenes import BACKGROUND, CLASS_NAMES, COUNTS, SIDE, Dataset
from core.engine.records import Snapshot
from core.figures import unet as figures
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_buttons
from ui.noise import noise
from ui.picture import picture_input
from ui.plot import as_json, plot
from ui.results import Result, grid, origin, result_for, scores
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("unet")
WORDS = words("unet")
SAMPLES = 5
CHARTS = {
    "IoU (0 to 1)": ("mean IoU", "mean IoU without background"),
    "Cross-entropy (nats)": ("training loss", "validation loss"),
}


def live_figures(now: Settings, snapshot: Snapshot | None) -> None:
    """Curves over training, and the IoU of every class as it stands."""
    training_curves(EXPERIMENT, now, snapshot, CHARTS)
    if shown := result_for(EXPERIMENT, now.config, snapshot):
        plot(figures.iou_by_class({now.config.skips: by_class(shown)}), "classes", height=240, caption=WORDS["classes"])
        st.caption(f"Per class: {shown.label}.")


def by_class(result: Result) -> Mapping[str, list[float]]:
    """Class -> its last IoU, one a seed."""
    found = scores(result, [f"IoU {name}" for name in CLASS_NAMES])
    return {name.removeprefix("IoU "): values for name, values in found.items()}


def choices(now: Snapshot | None) -> dict[str, Result | None]:
    """The four choices of skips with the other settings of the form."""
    return {skips: result for (skips,), result in grid(EXPERIMENT, settings.config, ("skips",), now).items()}


def table(now: Snapshot | None) -> None:
    """Every choice of skips side by side."""
    found = choices(now)
    rows = []
    for skips, result in found.items():
        cells = figures.table_cells(scores(result, list(figures.TABLE)) if result else {})
        rows.append({"Skips": EXPERIMENT.config.knob("skips").label_of(skips), **cells, "From": origin(result)})
    trained = {skips: by_class(result) for skips, result in found.items() if result}
    if trained:
        plot(figures.iou_by_class(trained), "skips by class", height=300, caption=WORDS["by class"])
    st.table(rows, hide_index=True)
    st.caption(WORDS["table"])
    noise(dict(found), "mean IoU", key="noise", unit="IoU")


def test_scenes(dataset: Dataset) -> None:
    """A few scenes of what is on this machine already: a page downloads nothing."""
    try:
        drawn = samples(dataset if pictures.at_hand(dataset) else "digits")
    except Explained as error:
        st.warning(str(error))
        return
    plot(drawn, "samples", height=340, caption=WORDS["samples"])


@st.cache_data
def samples(dataset: Dataset) -> str:
    """The first test scenes and what is to be found in them."""
    test = scenes.scenes(dataset)["test"]
    return as_json(figures.samples(test.images[:SAMPLES], test.targets[:SAMPLES]))


def one_scene(result: Result, step: float | None) -> None:
    """One test scene: target, prediction and errors, at any moment of training."""
    left, right = st.columns([1, 3])
    index = left.number_input("Test scene", 0, COUNTS["test"] - 1, 3, help="None of them was trained on.")
    left.caption(f"Net: skips {result.snapshot.run.config['skips']}; {result.label}; its first seed.")
    if found := ask(EXPERIMENT, result, "segment", step=step, index=index):
        with right:
            drawn = figures.scene(found["image"], found["predicted"], found["target"])
            plot(drawn, "scene", height=660, caption=WORDS["scene"])
        here = [value for value in found["iou"][:BACKGROUND] if value == value]  # in neither: left out
        left.markdown(
            f"IoU of the {len(here)} digits that occur or are seen here: **{sum(here) / max(len(here), 1):.3f}**"
        )
        left.caption(f"Errors: {figures.error_legend()}.")


def edges(now: Snapshot | None) -> None:
    """Where the errors lie, one line a choice of skips that is trained; the first seed of each."""
    nets = {skips: result for skips, result in choices(now).items() if result}
    asked = {skips: ask(EXPERIMENT, result, "edge") for skips, result in nets.items()}
    if found := {skips: one for skips, one in asked.items() if one}:
        plot(figures.errors_by_distance(found), "distance", height=340, caption=WORDS["distance"])
        st.caption(" · ".join(f"{skips}: {nets[skips].label}" for skips in found))
    elif not nets:
        st.info("Press Run: errors against the distance to an edge appear here.")


def own(result: Result, step: float | None) -> None:
    """A scene of one's own: what this net says of it, and what the one without skips does (or the one with all)."""
    left, right = st.columns([1, 2])
    with left:
        drawn = picture_input("unet-own", side=SIDE, colour=False, prompt="Draw two or three digits")
    if drawn is None:
        right.caption(WORDS["own"])
        return
    mine = result.snapshot.run.config["skips"]
    other = "all" if mine == "none" else "none"
    nets = {mine: (result, step), other: (choices(result.snapshot)[other], None)}
    for skips, (net, moment) in nets.items():
        if net and (found := ask(EXPERIMENT, net, "segment", step=moment, scene=drawn)):
            with right:
                st.caption(f"Skips {skips}: {net.label}.")
                plot(figures.scene(found["image"], found["predicted"]), f"own {skips}", height=330)


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("Skips on, skips off", EXPERIMENT):
    train_buttons(EXPERIMENT, settings, across="skips", down="dataset")
    follow(EXPERIMENT, snapshot, table, key="table")
if section("The scenes", EXPERIMENT):
    test_scenes(settings.config.dataset)
if section("What does it see? Scenes and errors", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, one_scene, key="scenes", otherwise="Press Run: a scene appears here.")
if section("What skips bring: errors against the distance to an edge", EXPERIMENT):
    follow(EXPERIMENT, snapshot, edges, key="edges")
if section("Draw your own scene", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, own, key="own", otherwise="Press Run: then draw a scene for the net.")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
