"""The cost lab: what does attention cost as the text grows, and when does a linear kernel pay?"""

from __future__ import annotations

import streamlit as st

from core import catalog
from core.claims.attention_cost import CLAIMS
from core.engine.records import Snapshot
from core.experiments.attention_cost import LABELS
from core.figures import attention_cost as figures
from core.figures.attention_cost import BACKWARD, BASELINE, BYTES, KERNEL_STYLES, SECONDS
from core.figures.palette import Style
from ui.claims import claims
from ui.compare import Baseline
from ui.form import Settings
from ui.lab import lab
from ui.lesson import section
from ui.live import follow, train_button
from ui.noise import noise
from ui.panel import Panel
from ui.plot import plot
from ui.results import Result, points, result_for
from ui.words import words

EXPERIMENT = catalog.get("attention_cost")
WORDS = words("attention_cost")
METRICS = (SECONDS, BASELINE, BYTES, figures.DIFFERENCE)
WIDTHS = (16, 32, 64, 128)
SIDE_BY_SIDE = ("linear", "softmax", "written", "quadratic", "favor")
CAUSAL = Style("#86592D", "longdashdot")


def live_figures(settings: Settings, now: Snapshot | None) -> None:
    """Time and memory of the run on screen as they come in, and of A; before any, of the recorded one."""
    a = Baseline(EXPERIMENT).look()
    shown = Result.on_screen(now) if now else result_for(EXPERIMENT, settings.config)
    runs = {"": shown} | ({"A": Result.on_screen(a)} if a and not (now and a.run.id == now.run.id) else {})
    times, memory, looks = {}, {}, {}
    for mark, result in runs.items():
        if result is None:
            continue
        kernel, dash = name_of(result), "dash" if mark else ""
        style = KERNEL_STYLES[result.snapshot.run.config["kernel"]]
        for name, metric, look in (
            (kernel, SECONDS, style),
            (f"{kernel}, backward", BACKWARD, Style(style.colour, "dash")),
            ("softmax beside it", BASELINE, KERNEL_STYLES["softmax"]),
        ):
            if found := points(result.snapshot, metric):
                label = f"{name}, {mark}" if mark else name
                times[label], looks[label] = found, Style(look.colour, dash or look.dash)
        if found := points(result.snapshot, BYTES):
            memory[f"{kernel}, {mark}" if mark else kernel] = found
    for axis, lines in ((figures.TIME_AXIS, times), (figures.MEMORY_AXIS, memory)):
        height = 330 if lines is times else 230
        plot(figures.over_lengths(lines, axis, looks, settings.config.band), axis.split(" (")[0], height=height)
    if shown:
        series = {metric: points(shown.snapshot, metric) for metric in METRICS}
        st.markdown(figures.sentence(name_of(shown), series))
        st.caption(f"{WORDS['live']} {where(shown)}")


def name_of(result: Result) -> str:
    """The kernel of a run, as the form calls it."""
    config = EXPERIMENT.config.parse(result.snapshot.run.config)
    return LABELS[config.kernel] + ", causal" * config.causal


def where(result: Result) -> str:
    """On which machine, for seconds are nothing without it."""
    place = "" if result.origin == "recorded" else f" on {result.snapshot.run.device_name}"
    return f"Measured: {result.label}{place}."


def kernels(now: Snapshot | None) -> None:
    """All kernels with the other settings of the form: two charts and a table."""
    cells = {LABELS[kernel]: {"kernel": kernel} for kernel in dict.fromkeys((*SIDE_BY_SIDE, settings.config.kernel))}
    looks = {LABELS[one["kernel"]]: KERNEL_STYLES[one["kernel"]] for one in cells.values()}
    if not settings.config.causal:
        cells["linear, causal"], looks["linear, causal"] = {"kernel": "linear", "causal": True}, CAUSAL
    about = "One after another, with the other settings of the form: nothing runs beside a measurement."
    panel, several = Panel(EXPERIMENT, settings), [*reversed(cells.values())]
    train_button(panel, f"Measure all {len(cells)} of them", "measure", several, about)
    found = {name: result_for(EXPERIMENT, settings.config.model_copy(update=one), now) for name, one in cells.items()}
    series = {name: {m: points(one.snapshot, m) for m in METRICS} if one else {} for name, one in found.items()}
    for column, axis, metric in zip(
        st.columns(2), (figures.TIME_AXIS, figures.MEMORY_AXIS), (SECONDS, BYTES), strict=True
    ):
        lines = {name: one[metric] for name, one in series.items() if one.get(metric)}
        with column:
            plot(figures.over_lengths(lines, axis, looks, settings.config.band, fits=False), metric, height=380)
    rows = [
        figures.table_row(name, series[name], one.origin_and_date if one else "press Measure")
        for name, one in found.items()
    ]
    st.table(rows, hide_index=True)
    st.caption(WORDS["kernels"])
    for place in dict.fromkeys(where(one) for one in found.values() if one):
        st.caption(place)
    noise(found, "exponent", key="attention_cost:noise", unit="of the exponent")


def widths(now: Snapshot | None) -> None:
    """Time at the longest n against d."""
    last = EXPERIMENT.config.parse(settings.config.model_dump()).sizes[-1]
    changes = [{"width": width} for width in sorted({*WIDTHS, settings.config.width})]
    label = f"Measure {LABELS[settings.config.kernel]} at {len(changes)} widths"
    train_button(Panel(EXPERIMENT, settings), label, "widths", changes)
    lines: dict[str, dict[int, dict[int, float]]] = {}
    for kernel in dict.fromkeys((settings.config.kernel, "linear", "quadratic")):
        for change in changes:
            found = result_for(EXPERIMENT, settings.config.model_copy(update={"kernel": kernel, **change}), now)
            if found:
                lines.setdefault(LABELS[kernel], {})[change["width"]] = found.snapshot.at(last, SECONDS)
            if found and kernel == "linear":
                lines.setdefault(LABELS["softmax"], {})[change["width"]] = found.snapshot.at(last, BASELINE)
    looks = {LABELS[kernel]: style for kernel, style in KERNEL_STYLES.items()}
    plot(figures.over_widths(lines, looks, settings.config.band), "against d", height=320)
    st.caption(f"At n = {last:,}, the longest in the form. {WORDS['widths']}")


settings, snapshot = lab(EXPERIMENT, WORDS["introduction"], live_figures)
if section("Kernel against kernel", EXPERIMENT):
    follow(EXPERIMENT, snapshot, kernels, key="kernels")
if section("Against the width", EXPERIMENT):
    follow(EXPERIMENT, snapshot, widths, key="widths")
if section("What the sources claim, and what to hold against it", EXPERIMENT):
    claims(EXPERIMENT, settings, CLAIMS)
