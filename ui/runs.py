"""Stored runs as the Runs page shows them: a row in the list, a name that tells them apart, overlaid curves.

Nothing that a person typed becomes Markdown or HTML: notes go into cells and text fields only.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import streamlit as st

from core import catalog
from core.config import varied
from core.contract import Experiment
from core.engine.listing import Entry, summary
from core.engine.records import RunRecord
from core.engine.scheduler import shared
from core.figures.curves import curves
from core.statistics import spread
from ui.form import RUN, Seeds, Settings, link_fields
from ui.labs import Lab, labs
from ui.panel import seed_text
from ui.plot import plot
from ui.results import points

MOST_CURVES = 20  # more lines than this tell nobody anything
FEW_CURVES = 4  # of so few, every seed and the spread are drawn too
NOT_THERE = "–"  # a setting that this run's experiment does not have


def experiment_of(run: RunRecord) -> Experiment | None:
    """The experiment of a run; None for one that this program does not have (any more)."""
    return catalog.experiments().get(run.experiment)


def title_of(key: str) -> str:
    """What an experiment is called."""
    found = catalog.experiments().get(key)
    return found.title if found else key


def metrics_of(key: str) -> tuple[str, ...]:
    """The metrics that sum up a training of this experiment."""
    found = catalog.experiments().get(key)
    return found.summary if found else ()


def when(seconds: float) -> str:
    """A moment, in this machine's time; sorts as text."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def rows(entries: Sequence[Entry], owner: str) -> list[dict[str, str]]:
    """The list's rows, ready for a table. Where all runs are of one experiment, each metric has its own column."""
    alone = len({entry.run.experiment for entry in entries}) == 1
    return [_row(entry, owner, alone) for entry in entries]


def own_settings(run: RunRecord) -> str:
    """The settings that are not the default ones, in words."""
    experiment = experiment_of(run)
    defaults = experiment.config().model_dump() if experiment else {}
    said = [
        _setting(experiment, name, value) for name, value in _retraining(run).items() if defaults.get(name) != value
    ]
    return ", ".join(said) or "defaults"


def differing(runs: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """For every run the settings that are not the same in all of them; NOT_THERE where its experiment has no such."""
    configs = [_retraining(run) for run in runs]
    every = dict.fromkeys(name for config in configs for name in config)
    even = [{name: config.get(name, NOT_THERE) for name in every} for config in configs]
    fields = varied(even) if even else []
    return [{name: config[name] for name in fields} for config in even]


def names(runs: Sequence[RunRecord]) -> list[str]:
    """A name for each run, all different: what differs between them, else their seeds, else when they began."""
    several = len({run.experiment for run in runs}) > 1
    found = []
    for run, settings in zip(runs, differing(runs), strict=True):
        there = {name: value for name, value in settings.items() if value != NOT_THERE}
        own = [_setting(experiment_of(run), name, value) for name, value in there.items()]
        found.append(", ".join([title_of(run.experiment)] * several + own))
    for distinguish in (lambda run: seed_text(run.seeds), lambda run: when(run.created), lambda run: run.id[:6]):
        count = Counter(found)
        found = [
            ", ".join([name] * bool(name) + [distinguish(run)]) if count[name] > 1 or not name else name
            for name, run in zip(found, runs, strict=True)
        ]
    return found


def comparison(runs: Sequence[RunRecord]) -> list[dict[str, str]]:
    """A row a run: its name, the settings that differ, what it measured as mean ± std, n seeds."""
    metrics = dict.fromkeys(name for run in runs for name in metrics_of(run.experiment))
    labels = {name: _label(experiment_of(run), name) for run in reversed(runs) for name in run.config}
    table = []
    for name, run, settings in zip(names(runs), runs, differing(runs), strict=True):
        measured = summary(shared().store, run, metrics_of(run.experiment))
        experiment = experiment_of(run)
        figures = {metric: str(spread(measured.get(metric, []))) for metric in metrics}
        own = {labels[field]: _value(experiment, field, value) for field, value in settings.items()}
        table.append({"Run": name, **own, **figures, "State": run.state})
    return table


def all_settings(run: RunRecord) -> list[dict[str, str]]:
    """Every setting of one run."""
    experiment = experiment_of(run)
    return [
        {"Setting": _label(experiment, name), "Value": _value(experiment, name, value)}
        for name, value in run.config.items()
    ]


def compare(runs: Sequence[RunRecord]) -> None:
    """Curves over one another, then what differs and what came of it; of a single run, all of its settings."""
    overlay(runs)
    if len(runs) == 1:
        st.dataframe(all_settings(runs[0]), hide_index=True, alt="All settings of this run.")
        return
    st.dataframe(comparison(runs), hide_index=True, alt="What differs between the chosen runs, and their figures.")
    st.caption("Settings that differ, and the last value of each figure: mean ± standard deviation over n seeds.")


@st.fragment
def overlay(runs: Sequence[RunRecord]) -> None:
    """The curves of some runs in one chart, a colour each, for a metric that the reader chooses."""
    shown = runs[:MOST_CURVES]
    if len(shown) < len(runs):
        st.caption(f"Curves of the first {MOST_CURVES} of {len(runs)} chosen runs; choose fewer to see the others.")
    snapshots = [shared().store.snapshot(run.id) for run in shown]
    wanted = [name for run in shown for name in metrics_of(run.experiment)]
    measured = [name for snapshot in snapshots if snapshot for name in snapshot.series]
    metrics = list(dict.fromkeys([*(name for name in wanted if name in measured), *measured]))
    if not metrics:
        st.info("These runs have measured nothing yet. Open one in its lab to see how it goes.")
        return
    left, _ = st.columns([1, 2])
    if st.session_state.get("runs:metric") not in metrics:
        st.session_state.pop("runs:metric", None)
    metric = left.selectbox("Metric", metrics, key="runs:metric")
    groups = {
        name: points(snapshot, metric) if snapshot else {}
        for name, snapshot in zip(names(shown), snapshots, strict=True)
    }
    unit = f"{metric} (%)" if "accuracy" in metric else metric
    few = len(shown) <= FEW_CURVES
    figure = curves(groups, y=unit[0].upper() + unit[1:], band="std" if few else "none", faint=few)
    figure.update_layout(showlegend=True)
    plot(figure, "runs overlay", height=420, curves=True)
    more = (
        "the band is ± one standard deviation" if few else f"with up to {FEW_CURVES} runs, seeds and spread are shown"
    )
    st.caption(f"Lines are means over seeds; {more}.")


def open_link(run: RunRecord) -> None:
    """A link to the run in its lab, with the form set as it was."""
    experiment = experiment_of(run)
    lab: Lab | None = next((one for one in labs() if experiment and one.name == experiment.lab), None)
    if lab is None or experiment is None:
        st.caption("The lab of this run is not part of this program any more.")
        return
    settings = Settings(experiment.config.clamp(run.config)[0], Seeds.of(run.seeds).numbers)
    link = link_fields(settings) | {RUN: run.id}
    st.page_link(lab.link(), label=f"Open in {lab.title}", icon=":material/open_in_new:", query_params=link)


def _row(entry: Entry, owner: str, alone: bool) -> dict[str, str]:
    run = entry.run
    found = summary(shared().store, run, metrics_of(run.experiment))
    measured = {name: str(spread(values)) for name, values in found.items()}
    results = measured if alone else {"Result": "; ".join(f"{name} {text}" for name, text in measured.items())}
    return {
        "Started": when(run.created),
        **({} if alone else {"Lab": title_of(run.experiment)}),
        "Settings": own_settings(run),
        **results,
        "State": run.state,
        "Note": entry.note,
        "Pinned": "pinned" if entry.pinned else "",
        "By": "you" if run.owner == owner else "somebody else",
        "Seeds": str(len(run.seeds)),
        "Training": f"{run.seconds:.0f} s",
    }


def _retraining(run: RunRecord) -> dict[str, Any]:
    """The settings that make the result what it is; all of them where the experiment is not known."""
    experiment = experiment_of(run)
    redraws = {one.name for one in experiment.config.knobs() if not one.retrains} if experiment else set()
    return {name: value for name, value in run.config.items() if name not in redraws}


def _label(experiment: Experiment | None, name: str) -> str:
    known = experiment is not None and name in experiment.config.model_fields
    return experiment.config.knob(name).label if experiment and known else name


def _value(experiment: Experiment | None, name: str, value: object) -> str:
    if experiment and name in experiment.config.model_fields:
        one = experiment.config.knob(name)
        if one.kind != "choice" or value in one.choices:  # a stored choice may have been taken out since
            return one.label_of(value)
    return str(value)


def _setting(experiment: Experiment | None, name: str, value: object) -> str:
    """A setting in few words; a choice speaks for itself, and a figure gives it the colour it has elsewhere."""
    known = experiment is not None and name in experiment.config.model_fields
    if experiment and known and experiment.config.knob(name).kind == "choice":
        return str(value)
    return f"{_label(experiment, name)} {_value(experiment, name, value)}"
