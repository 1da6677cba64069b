"""The rotation lab: does a net that knows upright pictures know turned ones?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from core import catalog
from core.claims.rotation import CLAIMS
from core.data import squares
from core.engine.records import Snapshot
from core.experiments.rotation import ANGLES, MEAN, accuracy_name
from core.figures import rotation as figures
from core.queries.rotation import FIRST
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.compare import Baseline
from ui.form import Settings, knob_moved
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_button
from ui.noise import noise
from ui.own_pictures import upload_folder
from ui.panel import Panel
from ui.picture import picture_input
from ui.plot import plot
from ui.results import Result, origin, result_for, scores
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
SLIDER = "rotation:angle"
NOTHING = "Press Run: this appears here as soon as a net is trained."


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
        degrees = run.run.config["train_rotation"]
        name = f"{figures.trained_with(degrees)} ({whence})"
        groups[name] = figures.over_angles(run.summary(NAMES))
        colours[name], dashes[name] = figures.colour_of(degrees), dash
    figure = figures.angle_curves(groups, colours=colours, dashes=dashes, band=settings.config.band)
    plot(figure, "angles", height=300, caption=WORDS["curve"])
    training_curves(EXPERIMENT, settings, now, CHARTS)


def turn(result: Result, step: float | None) -> None:
    """The test pictures at the angle of the slider: themselves, who is taken for whom, the place on the curve."""
    angle = st.slider("Test angle (°, counter-clockwise)", 0, 360, key=SLIDER, on_change=keep, help="Trains nothing.")
    said, (left, right) = st.empty(), st.columns([1.4, 1])
    first = ask(EXPERIMENT, result, "turned", step=step, angle_deg=float(angle))
    if first is None:
        return
    classes, counts, total = [str(name) for name in first["classes"]], first["confusion"], int(first["total"])
    with left:
        shown = figures.turned_pictures(first["pictures"], first["labels"], first["probabilities"], classes)
        plot(shown, "turned pictures", height=330, caption=WORDS["turned"])
    said.markdown(f"{figures.right_so_far(counts, total)} Net: first seed; {result.label}.")
    for offset in range(FIRST, total, AT_ONCE):  # a newer move of the slider ends this
        more = ask(EXPERIMENT, result, "turned", step=step, angle_deg=float(angle), count=AT_ONCE, offset=offset)
        counts = counts + more["confusion"] if more else counts
    said.markdown(f"{figures.right_so_far(counts, total)} Net: first seed; {result.label}.")
    with right:
        plot(figures.confusion(counts, classes), "confusion", height=360, caption=WORDS["confusion"])
    degrees = result.snapshot.run.config["train_rotation"]
    name, points = figures.trained_with(degrees), figures.over_angles(result.snapshot.summary(NAMES))
    mark = (angle, 100.0 * np.trace(counts) / counts.sum())
    figure = figures.angle_curves(
        {name: points}, colours={name: figures.colour_of(degrees)}, mark=mark, chance=100.0 / len(classes)
    )
    plot(figure, "place on the curve", height=220, caption=WORDS["place"])


def keep() -> None:
    """What the slider says is a knob, though the form does not draw it."""
    knob_moved(EXPERIMENT, "test_angle", st.session_state[SLIDER])


def one_picture(result: Result, step: float | None) -> None:
    """What the net says of one picture all the way round."""
    left, right = st.columns([1, 2.4])
    with left:
        index = st.number_input("Test picture", 0, 9_999, 0, key="rotation:index")
        in_colour = squares.COLOUR[result.snapshot.run.config["dataset"]] == 3
        own = picture_input("rotation:own", side=squares.SIDE, colour=in_colour, prompt="Or one of your own")
    asked = {"index": int(index)} if own is None else {"picture": own}
    if found := ask(EXPERIMENT, result, "ribbon", step=step, **asked):
        classes, label = [str(name) for name in found["classes"]], int(found["label"])
        figure = figures.ribbon(found["angles"], found["probabilities"], classes, found["pictures"], label)
        with right:
            plot(figure, "ribbon", height=420, caption=WORDS["ribbon"])
            what = f"Test picture {index}, of class {classes[label]}" if label >= 0 else "Your own picture"
            st.caption(f"{what}. Net: first seed; {result.label}.")


def corners(result: Result, step: float | None) -> None:
    """The same net, tested with every way of filling the corners."""
    if found := ask(EXPERIMENT, result, "corners", step=step):
        figure = figures.ways(found["accuracy"], found["angles"])
        plot(figure, "corners", height=300, caption=WORDS["corners"])
        st.caption(f"First {found['count']} test pictures. Net: first seed; {result.label}.")


def against(now: Snapshot | None) -> None:
    """Upright-trained against rotation-trained, other settings as in the form."""
    configs = {degrees: settings.config.model_copy(update={"train_rotation": degrees}) for degrees in RANGES}
    found = {degrees: result_for(EXPERIMENT, config, now) for degrees, config in configs.items()}
    with st.container(horizontal=True):
        for degrees in RANGES:
            label, changes = f"Run: {figures.trained_with(degrees)}", [{"train_rotation": degrees}]
            train_button(Panel(EXPERIMENT, settings), label, f"train:{degrees}", changes)
    lines = {degrees: scores(run, EXPERIMENT.summary) if run else {} for degrees, run in found.items()}
    rows = [figures.table_row(one, EXPERIMENT.summary, lines[one], origin(run)) for one, run in found.items()]
    st.table(rows, hide_index=True)
    st.caption(WORDS["against"])
    noise({figures.trained_with(degrees): run for degrees, run in found.items()}, MEAN, key="rotation:noise")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures, elsewhere=("test_angle",))
st.session_state[SLIDER] = settings.config.test_angle
if settings.config.dataset == "folder":
    upload_folder()
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
