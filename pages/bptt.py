"""The lab of truncated backpropagation: what does a net learn whose gradient only reaches so far back?"""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st

from core import catalog
from core.claims.bptt import CLAIMS
from core.engine.records import Snapshot
from core.experiments.bptt import BpttConfig
from core.figures import gradients as figures
from core.figures.curves import by_seed, curves, guessing
from core.queries.bptt import CUES
from core.statistics import spread
from ui.ask import ask
from ui.charts import training_curves
from ui.claims import claims
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_button
from ui.noise import noise
from ui.panel import Panel
from ui.plot import plot
from ui.results import Result, origin, result_for
from ui.scrub import scrubbed
from ui.words import words

EXPERIMENT = catalog.get("bptt")
WORDS = words("bptt")
ACCURACY, COSINE, RATIO, NORM = "test accuracy", "gradient cosine", "gradient norm ratio", "gradient norm"
CHARTS = {
    "Fresh sequences, right (%)": (ACCURACY,),
    "Truncated against full gradient": (COSINE, RATIO),
    "Gradient norm before clipping": (NORM,),
}
LEAD = next(iter(CHARTS))
WINDOWS = (3, 8, 12, 15)
NOTHING = "Press Run: this appears here as soon as a net is trained."


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Accuracy against chance, and both gradients held against each other."""
    training_curves(EXPERIMENT, settings, now, CHARTS, finish=finished, logarithmic=list(CHARTS)[-1:])
    st.caption(WORDS["live"])


def finished(unit: str, figure: go.Figure) -> go.Figure:
    """A line where guessing would be; axes that begin at 0, or rounding is all one sees of two equal gradients."""
    if "against" in unit:
        figure.update_yaxes(rangemode="tozero")
    if unit == LEAD:
        ends = [max(one.x) for one in figure.data if one.x is not None and len(one.x)]
        figure.add_trace(guessing((0.0, float(max(ends, default=BpttConfig().epochs))), 100 / CUES))
    return figure


def windows(now: Snapshot | None) -> None:
    """Accuracy and cosine over the window, RNN and LSTM, other settings as in the form."""
    knob, found = EXPERIMENT.config.knob("cell"), {}
    every = sorted({*WINDOWS, settings.config.window, settings.config.lag})
    for cell in knob.choices:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(knob.label_of(cell), width=80)
            for window in every:
                changes = {"cell": cell, "window": window}
                found[cell, window] = result_for(EXPERIMENT, settings.config.model_copy(update=changes), now)
                about = f"Train the {knob.label_of(cell)} with window {window} now."
                train_button(Panel(EXPERIMENT, settings), f"{window}", f"window:{cell}:{window}", [changes], about)
    for column, metric, unit in zip(st.columns(2), (ACCURACY, COSINE), (LEAD, "Gradient cosine"), strict=True):
        groups = {
            knob.label_of(cell): by_seed(
                {
                    window: one.snapshot.summary([metric])[metric]
                    for (own, window), one in found.items()
                    if one and own == cell
                }
            )
            for cell in knob.choices
        }
        figure = curves({name: one for name, one in groups.items() if one}, x="Window (steps)", y=unit, between=False)
        with column:
            plot(figure, f"windows {metric}", height=300)
    st.caption(WORDS["windows"].format(lag=settings.config.lag))
    named = {f"{knob.label_of(cell)}, window {window}": one for (cell, window), one in found.items()}
    st.table([row(name, one) for name, one in named.items()], hide_index=True)
    noise(named, ACCURACY, key="bptt:noise")


def row(name: str, result: Result | None) -> dict[str, str]:
    """A line of the table."""
    summary = result.snapshot.summary([ACCURACY, COSINE, RATIO]) if result else {}
    said = {metric: str(spread(list(summary.get(metric, {}).values()))) for metric in (ACCURACY, COSINE, RATIO)}
    heads = (f"{ACCURACY} (%)", COSINE, RATIO)
    return {"": name, **dict(zip(heads, said.values(), strict=True)), "data": origin(result)}


def reach(result: Result, step: float | None) -> None:
    """How much of the full gradient arrives how far back, in the trained net."""
    if (found := ask(EXPERIMENT, result, "flow", step=step)) is None:
        return
    config = BpttConfig.parse(result.snapshot.run.config)
    series = {"‖∂loss/∂h‖": found["norms"], "σ_max of the Jacobian": found["jacobian"]}
    plot(
        figures.flow(found["back"], series, config.window, found.get("bound")),
        "reach",
        height=340,
        caption=WORDS["reach"],
    )
    st.markdown(f"Of these 64 sequences it names **{float(found['accuracy']):.3g} %** right. Window: {config.window}.")
    st.caption(f"Net: first seed; {result.label}.")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("Window by window", EXPERIMENT):
    follow(EXPERIMENT, snapshot, windows, key="windows")
if section("How far back does the gradient reach?", EXPERIMENT):
    scrubbed(EXPERIMENT, settings, snapshot, reach, key="reach", otherwise=NOTHING)
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
