"""The rotation lab: does a net that knows upright pictures know turned ones?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from core import catalog
from core.claims.rotation import CLAIMS
from core.engine.records import Snapshot
from core.experiments.rotation import ANGLES, MEAN, accuracy_name
from core.figures import rotation as figures
from core.queries.rotation import FIRST
from core.statistics import spread
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.compare import Baseline
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow
from ui.noise import noise
from ui.panel import Panel
from ui.plot import plot
from ui.results import Result, origin, result_for
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("rotation")
WORDS = words("rotation")
CHARTS = {
    "Accuracy (%)": (accuracy_name(0), accuracy_name(90), accuracy_name(180)),
    "Cross-entropy (nats)": ("training loss",),
}
NAMES = [accuracy_name(angle) for angle in ANGLES]
RANGES = (0, 360)  # of training rotation, held against each other
AT_ONCE = 2000  # test pictures in one question
NOTHING = "Press Run: this appears here as soon as a net is trained."


def trained_with(config: Mapping[str, Any]) -> str:
    """How a net was trained, in words."""
    degrees = config["train_rotation"]
    return f"trained turned up to {degrees}°" if degrees else "trained upright"


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """The curve over angles, beside that of the net trained the other way; below, curves over epochs."""
    a = Baseline(EXPERIMENT).look()
    other = settings.config.model_copy(update={"train_rotation": 0 if settings.config.train_rotation else 360})
    mine = Result.on_screen(now) if now else result_for(EXPERIMENT, settings.config)
    beside = None if a else result_for(EXPERIMENT, other, live=False)
    shown = [(one.snapshot, "solid" if one is mine else "dash", one.origin) for one in (mine, beside) if one]
    shown += [(a, "dash", "A")] if a and not (now and a.run.id == now.run.id) else []
    groups, colours, dashes = {}, {}, {}
    for run, dash, whence in shown:
        name = f"{trained_with(run.run.config)} ({whence})"
        groups[name] = figures.over_angles(run.summary(NAMES))
        colours[name] = figures.TURNED if run.run.config["train_rotation"] else figures.UPRIGHT
        dashes[name] = dash
    figure = figures.angle_curves(groups, colours=colours, dashes=dashes, band=settings.config.band)
    plot(figure, "angles", height=300, caption=WORDS["curve"])
    training_curves(EXPERIMENT, settings, now, CHARTS)


def turn(result: Result, step: float | None) -> None:
    """The test pictures at the angle of the slider: themselves, who is taken for whom, the place on the curve."""
    angle = st.slider("Test angle (°, counter-clockwise)", 0, 360, key="rotation:test_angle", help="Trains nothing.")
    said = st.empty()
    first = ask(EXPERIMENT, result, "turned", step=step, angle_deg=float(angle))
    if first is None:
        return
    classes = [str(name) for name in first["classes"]]
    left, right = st.columns([1.4, 1])
    with left:
        shown = figures.turned_pictures(first["pictures"], first["labels"], first["probabilities"], classes)
        plot(shown, "turned pictures", height=330, caption=WORDS["turned"])
    counts = first["confusion"]
    said.markdown(accuracy_so_far(counts, int(first["total"]), result))
    for offset in range(FIRST, int(first["total"]), AT_ONCE):  # a newer move of the slider ends this
        more = ask(EXPERIMENT, result, "turned", step=step, angle_deg=float(angle), count=AT_ONCE, offset=offset)
        if more is None:
            return
        counts = counts + more["confusion"]
    said.markdown(accuracy_so_far(counts, int(first["total"]), result))
    with right:
        plot(figures.confusion(counts, classes), "confusion", height=360, caption=WORDS["confusion"])
    name, run = trained_with(result.snapshot.run.config), result.snapshot
    figure = figures.angle_curves(
        {name: figures.over_angles(run.summary(NAMES))},
        colours={name: figures.TURNED if run.run.config["train_rotation"] else figures.UPRIGHT},
        mark=(angle, 100.0 * np.trace(counts) / counts.sum()),
        chance=100.0 / len(classes),
    )
    plot(figure, "place on the curve", height=220, caption=WORDS["place"])


def accuracy_so_far(counts: np.ndarray, total: int, result: Result) -> str:
    """What part of the pictures read so far is right."""
    read = int(counts.sum())
    percent = 100.0 * np.trace(counts) / read
    return f"**{percent:.1f} %** right of {read} of {total} test pictures. Net: first seed; {result.label}."


def one_picture(result: Result, step: float | None) -> None:
    """What the net says of one picture all the way round."""
    index = st.number_input("Test picture", 0, 10_000, 0, key="rotation:index", width=200)
    if found := ask(EXPERIMENT, result, "ribbon", step=step, index=int(index)):
        classes, label = [str(name) for name in found["classes"]], int(found["label"])
        figure = figures.ribbon(found["angles"], found["probabilities"], classes, found["pictures"], label)
        plot(figure, "ribbon", height=420, caption=WORDS["ribbon"])
        st.caption(f"It is: {classes[label]}. Net: first seed; {result.label}." if label >= 0 else "Your own picture.")


def corners(result: Result, step: float | None) -> None:
    """The same net, tested with every way of filling the corners."""
    if found := ask(EXPERIMENT, result, "corners", step=step):
        figure = figures.ways(found["accuracy"], found["angles"])
        plot(figure, "corners", height=300, caption=WORDS["corners"])
        st.caption(f"First {found['count']} test pictures. Net: first seed; {result.label}.")


def against(now: Snapshot | None) -> None:
    """Upright-trained against rotation-trained, other settings as in the form."""
    configs = {degrees: settings.config.model_copy(update={"train_rotation": degrees}) for degrees in RANGES}
    found = {trained_with(one.model_dump()): result_for(EXPERIMENT, one, now) for one in configs.values()}
    with st.container(horizontal=True):
        for (name, _), degrees in zip(found.items(), RANGES, strict=True):
            act = Panel(EXPERIMENT, settings).train
            key = f"rotation:train:{degrees}"
            st.button(f"Train: {name}", key=key, icon=":material/play_arrow:", on_click=act, args=({"train_rotation": degrees},))
    st.table([row(name, result) for name, result in found.items()], hide_index=True)
    st.caption(WORDS["against"])
    noise(found, MEAN, key="rotation:noise")


def row(name: str, result: Result | None) -> dict[str, str]:
    """One line of the table."""
    values = result.snapshot.summary(EXPERIMENT.summary) if result else {}
    figures = {f"{metric} (%)": str(spread(list(values.get(metric, {}).values()))) for metric in EXPERIMENT.summary}
    return {"": name, **figures, "From": origin(result)}


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures, elsewhere=("test_angle",))
if section("Turn the test pictures", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, turn, key="turn", otherwise=NOTHING)
if section("One picture, all the way round", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, one_picture, key="ribbon", otherwise=NOTHING)
if section("Upright against turned", EXPERIMENT):
    follow(EXPERIMENT, snapshot, against, key="against")
if section("What do the corners tell?", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, corners, key="corners", otherwise=NOTHING)
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
