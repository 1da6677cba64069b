"""The language lab: what does a small GPT learn from a text, character by character?"""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.claims.gpt import CLAIMS
from core.demos import rotary
from core.engine.records import Snapshot
from core.figures import gpt as figures
from core.figures.gpt import BIGRAM, FLOOR, HELD_OUT, LOSS, RATE, SPEED, TRAINING
from core.statistics import true_minus
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.language import Language
from ui.lesson import section
from ui.live import follow, train_row
from ui.noise import noise
from ui.own_text import upload_text
from ui.plot import plot
from ui.results import grid, origin, result_for
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("gpt")
WORDS = words("gpt")
NOTHING = "Press Run: this appears here as soon as a net is trained."
LOSSES = (TRAINING, HELD_OUT, BIGRAM, FLOOR)


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Losses over their floor, what they are in nats and bits, and the speed."""
    shown = result_for(EXPERIMENT, settings.config) if now is None else None
    run = now or (shown.snapshot if shown else None)
    found = {name: list(values.values()) for name, values in run.summary(LOSSES).items()} if run else {}
    levels = {name: found[name][0] for name in (BIGRAM, FLOOR) if found.get(name)}
    epochs = run.run.config["epochs"] if run else settings.config.epochs

    def finish(unit: str, figure: go.Figure) -> go.Figure:
        return figures.with_levels(figure, levels, epochs) if unit == LOSS else figure

    training_curves(EXPERIMENT, settings, now, {LOSS: (TRAINING, HELD_OUT), RATE: (SPEED,)}, finish)
    if rows := figures.level_rows(found):
        st.table(rows, hide_index=True)
    st.caption(WORDS["live"])


def positions(now: Snapshot | None) -> None:
    """Every kind of position: the loss, at every place of texts four times as long, a table, and the noise."""
    found = grid(EXPERIMENT, settings.config, ("positions",), now)
    trained = {kind: one for (kind,), one in found.items() if one}
    if trained:
        asked = {kind: ask(EXPERIMENT, one, "lengths") for kind, one in trained.items()}
        floors = [one.snapshot.summary([FLOOR])[FLOOR] for one in trained.values()]
        floor = next((value for of in floors for value in of.values()), None)
        lines = {kind: one for kind, one in asked.items() if one}
        if lines:
            plot(figures.by_place(lines, floor), "by place", height=340, caption=WORDS["lengths"])
        compared("positions", now)


def compared(field: str, now: Snapshot | None) -> None:
    """Every choice of one knob: loss, speed, seconds, and whether the differences are more than noise."""
    found = grid(EXPERIMENT, settings.config, (field,), now)
    knob = EXPERIMENT.config.knob(field)
    rows = []
    for (choice,), one in found.items():
        scores = one.snapshot.summary([HELD_OUT, SPEED]) if one else {}
        took = f"{one.snapshot.run.seconds / len(one.snapshot.run.seeds):.0f}" if one else "–"
        rows.append(figures.table_row({knob.label: knob.label_of(choice)}, scores, took, origin(one)))
    st.table(rows, hide_index=True)
    st.caption(f"{WORDS['compared']} {WORDS.get(field, '')}")
    trained = {knob.label_of(choice): one for (choice,), one in found.items()}
    noise(trained, HELD_OUT, key=f"gpt:noise:{field}", unit="nats")


@st.fragment
def rotary_by_hand() -> None:
    """Slide both places: only their distance counts."""
    left, right = st.columns([1, 2])
    with left:
        query = st.slider("Place of the query", 0, rotary.FARTHEST, 40, key="gpt:rotary:query")
        key = st.slider("Place of the key", 0, rotary.FARTHEST, 30, key="gpt:rotary:key")
        both = st.slider("Move both by", 0, 1000, 0, key="gpt:rotary:both")
        draw = st.number_input("Random q and k, number", 0, 999, 0, key="gpt:rotary:draw")
    found = rotary.products(query + both, key + both, seed=int(draw))
    with left:
        numbers = (f"{found.turned:.6f}", f"{found.formula:.6f}", f"{abs(found.turned - found.formula):.1e}")
        turned, formula, apart = map(true_minus, numbers)
        st.markdown(f"q·k, both turned: **{turned}**  \nfrom the distance alone: **{formula}**  \ndifference: {apart}")
    with right:
        figure = figures.turned(found.distances, found.curve, query - key, found.turned)
        plot(figure, "rotary", height=300, caption=WORDS["rotary"])


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if settings.config.corpus == "file":
    upload_text()
LANGUAGE = Language(EXPERIMENT, WORDS)
for title, (name, draw) in {
    "What does it write?": ("sample", LANGUAGE.sample),
    "Talk to it": ("talk", LANGUAGE.talk),
    "What does it look at?": ("look", LANGUAGE.attention),
    "How far does each head look?": ("far", LANGUAGE.distances),
    "Does it know the order?": ("order", LANGUAGE.order),
}.items():
    if section(title, EXPERIMENT):
        scrubbed(EXPERIMENT, settings, snapshot, draw, key=name, otherwise=NOTHING)
if section("Positions, and texts longer than a block", EXPERIMENT):
    train_row(EXPERIMENT, settings, "positions", {})
    follow(EXPERIMENT, snapshot, positions, key="positions")
if section("Rotary positions by hand", EXPERIMENT):
    rotary_by_hand()
if section("Wide or deep?", EXPERIMENT):
    train_row(EXPERIMENT, settings, "mlp", {})
    follow(EXPERIMENT, snapshot, lambda now: compared("mlp", now), key="mlp")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
