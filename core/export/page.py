"""A run as one HTML file: its figures, interactive, its settings and its result. It opens without a network."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from core.config import Config
from core.contract import Experiment
from core.engine.records import Snapshot
from core.export.recipe import command_line
from core.statistics import spread

TEMPLATE = Path(__file__).parents[2] / "assets" / "export.html"


@dataclass(frozen=True)
class Drawing:
    """A figure as it is shown. spec: Plotly's JSON, {"data": …, "layout": …}. height: in px. caption: a sentence."""

    spec: str
    height: int = 360
    caption: str = ""


def page(experiment: Experiment, snapshot: Snapshot, drawings: Iterable[Drawing], form: Config | None = None) -> bytes:
    """The file. Figures without data are left out; whatever stands in names and captions stays text.

    form: what the page's form said; where that is not what the run was trained with, the file says so.
    """
    run = snapshot.run
    config = experiment.config.parse(run.config)
    shown = [(one, spec) for one in drawings if (spec := json.loads(one.spec))["data"]]
    library = files("plotly").joinpath("package_data/plotly.min.js").read_text("utf-8")
    parts = {
        "title": html.escape(experiment.title),
        "question": html.escape(experiment.question),
        "source": html.escape(f"Source: {experiment.source}."),
        "stamp": html.escape(f"{_stamp(snapshot)} {_moved(config, form)}".strip()),
        "figures": "\n".join(_figure(number, one) for number, (one, _) in enumerate(shown)),
        "settings": _rows(_settings(config, run.seeds)),
        "summary": _rows({name: str(spread(list(seeds.values()))) for name, seeds in _summary(experiment, snapshot)}),
        "versions": _rows({"device": run.device_name, **run.versions, f"{experiment.key}, version": run.version}),
        "command": html.escape(command_line(experiment, config, run.seeds, run.device)),
        "library": library.replace("</script", "<\\/script"),
        "data": _embedded([{**spec, "height": one.height} for one, spec in shown]),
    }
    return Template(TEMPLATE.read_text("utf-8")).substitute(parts).encode()


def _figure(number: int, one: Drawing) -> str:
    caption = html.escape(one.caption)
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure><div id="figure-{number}" style="min-height: {one.height:d}px"></div>{below}</figure>'


def _stamp(snapshot: Snapshot) -> str:
    run = snapshot.run
    day = time.strftime("%Y-%m-%d", time.gmtime(run.created))
    made = snapshot.recorded or f"{run.state}, {day}, run {run.id}"
    return f"{made[:1].upper()}{made[1:]}. {run.seconds:.0f} s of training."


def _moved(config: Config, form: Config | None) -> str:
    """Which knobs stood elsewhere: curves are of the run, but a page draws tables and pictures for its form."""
    moved = form.differences(config) if form else {}
    knobs = (
        f"{config.knob(name).label} = {config.knob(name).label_of(value)}"
        for name, (value, _) in moved.items()
        if config.knob(name).retrains
    )
    said = ", ".join(knobs)
    return f"The curves are of this run; tables and pictures are of the form as it stood then: {said}." if said else ""


def _settings(config: Config, seeds: Iterable[int]) -> dict[str, object]:
    known = {one.label: one.label_of(getattr(config, one.name)) for one in config.knobs() if one.retrains}
    return {**known, "Seeds": ", ".join(map(str, seeds))}


def _summary(experiment: Experiment, snapshot: Snapshot) -> list[tuple[str, dict[int, float]]]:
    return [(name, seeds) for name, seeds in snapshot.summary(experiment.summary).items() if seeds]


def _rows(facts: Mapping[str, object]) -> str:
    cells = (
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>" for name, value in facts.items()
    )
    return "".join(cells)


def _embedded(value: Any) -> str:
    """JSON that may stand in a <script>: no "<" ends it."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
