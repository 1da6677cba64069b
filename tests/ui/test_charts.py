"""Curves that every lab has: a metric has one colour in every run, and an axis may begin as a log axis."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine.scheduler import Scheduler
from tests.apps import ran
from tests.ui.idle import finished_run


def charts_script() -> None:
    from core import catalog
    from ui.charts import training_curves
    from ui.form import form
    from ui.live import live

    kettle = catalog.get("kettle")
    settings = form(kettle)
    charts = {"Heat (°C)": ("heat", "steam"), "Noise (dB)": ("heat",)}
    live(kettle, settings, lambda now: training_curves(kettle, settings, now, charts, logarithmic=("Noise (dB)",)))


def shown(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(json.loads(one.proto.json)["figure"]) for one in app.get("bidi_component")]


def means(figure: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Name -> colour and dash."""
    lines = {one["name"]: one["line"] for one in figure["data"] if one["meta"]["role"] == "mean"}
    return {name: (line["color"], line["dash"]) for name, line in lines.items()}


def test_a_metric_keeps_its_colour_and_a_run_its_dash(engine: Scheduler) -> None:
    values = {"heat": [1.0, 2.0], "steam": [3.0, 4.0]}
    kettle = catalog.get("kettle").config
    a, b = (finished_run(engine, "kettle", kettle(water=water), (0, 1), values) for water in ("soft", "hard"))
    app = AppTest.from_function(charts_script, default_timeout=60)
    app.query_params.update({"run": b, "baseline": a})
    first, second = shown(ran(app))
    found = means(first)
    assert found["heat, A"][0] == found["heat, B"][0] != found["steam, A"][0] == found["steam, B"][0]
    assert {found[f"{name}, A"][1] for name in values} == {"dash"} and found["heat, B"][1] == "solid"
    assert first["layout"]["yaxis"].get("type") is None and second["layout"]["yaxis"]["type"] == "log"
