"""Take it away: which buttons there are, what they build, what links and command line say."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from urllib.parse import parse_qs

import numpy as np
import pytest
import safetensors.numpy
import streamlit as st
from streamlit.testing.v1 import AppTest

from core import catalog
from core.engine.scheduler import Scheduler
from tests.ui.idle import finished_run
from ui import take
from ui.security import COOKIE

ANNA = "anna-anna-anna-anna-22"
FILES = ["CSV", "JSON", "HTML", "Weights", "TensorBoard", "Script"]

Built = dict[str, Callable[[], bytes]]
Copies = dict[str, dict[str, str]]


def lab_script() -> None:
    import plotly.graph_objects as go
    import streamlit as st

    from core import catalog
    from ui.lab import lab
    from ui.plot import plot

    def draw(settings: object, now: object) -> None:
        figure = go.Figure(go.Scatter(y=[1, 2], name="heat")) if now else go.Figure()
        plot(figure, "live figure", caption="How hot?")

    lab(catalog.get(st.session_state["lab"]), "", draw)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    """What each download button would build when pressed, by the name of its file."""
    found: Built = {}
    plain = st.download_button

    def noting(label: str, data: Callable[[], bytes], file_name: str, *rest: object, **options: object) -> bool:
        found[file_name] = data
        return plain(label, data, file_name, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(st, "download_button", noting)
    return found


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Copies:
    """What the copy buttons were given, by key."""
    found: Copies = {}
    monkeypatch.setattr(take, "_component", lambda key, data: found.update({key: data}))
    return found


def opened(lab: str = "kettle", **link: str) -> AppTest:
    app = AppTest.from_function(lab_script, default_timeout=60)
    app.session_state[COOKIE] = ANNA
    app.session_state["lab"] = lab
    app.session_state[f"{lab}:take"] = True  # unfolded
    app.query_params.update(link)
    app.run()
    assert not app.exception, [(one.message, one.stack_trace) for one in app.exception]
    return app


@pytest.fixture
def stored(engine: Scheduler) -> str:
    """A finished run of two seeds that are not the form's, with weights."""
    kettle = catalog.get("kettle")
    run = finished_run(engine, "kettle", kettle.config(water="hard", lid=False), (4, 5), {"heat": [20.0, 40.0]})
    record = engine.store.run(run)
    assert record is not None
    for seed, training in record.trainings.items():
        weights = {"weight": np.full((1, 1), seed, dtype=np.float32)}
        engine.store.finish_training(training, "finished", 1.0, weights)
    return run


def usable(app: AppTest) -> dict[str, bool]:
    return {one.label: not one.proto.disabled for one in app.download_button}


def test_before_the_first_run_there_are_links_and_a_command_but_no_files(engine: Scheduler, copies: Copies) -> None:
    app = opened(water="hard", seeds="3", first_seed="7")
    assert usable(app) == {}
    assert any("Press Run" in one.value and "taken away" in one.value for one in app.caption)
    (command,) = [one.value for one in app.code]
    assert command.startswith("python -m core run kettle --water hard --lid true")
    assert command.endswith("--seeds 3 --first-seed 7")
    assert "kettle:take:setting" in copies and "kettle:take:run" not in copies


def test_nothing_is_built_before_a_click(engine: Scheduler, stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("csv", "json", "html", "weights", "tensorboard", "script"):
        monkeypatch.setattr(take.Take, name, lambda self: pytest.fail("built too early"))
    assert list(usable(opened(run=stored))) == FILES


def test_every_file_is_of_the_run_on_screen(engine: Scheduler, stored: str, built: Built) -> None:
    app = opened(run=stored)
    assert usable(app) == dict.fromkeys(FILES, True) | {"Script": False}, "the kettle has no script"
    stem = f"layerlab-kettle-{stored[:8]}"
    lines = [line for line in built[f"{stem}.csv"]().decode().splitlines() if not line.startswith("#")]
    assert {row[0] for row in list(csv.reader(lines))[1:]} == {"4", "5"}
    assert json.loads(built[f"{stem}.json"]())["settings"]["water"] == "hard"
    page = built[f"{stem}.html"]().decode()
    assert '"name":"heat"' in page and "<figcaption>How hot?</figcaption>" in page
    for name, ending in ((f"{stem}-weights.zip", "seed-5.safetensors"), (f"{stem}-tensorboard.zip", "settings.json")):
        with zipfile.ZipFile(io.BytesIO(built[name]())) as archive:
            assert any(one.endswith(ending) for one in archive.namelist())
    (command,) = [one.value for one in app.code]
    assert "--water hard --lid false" in command and command.endswith("--seeds 2 --first-seed 4 --device cpu")


def test_links_carry_the_form_and_the_exact_run(engine: Scheduler, stored: str, copies: Copies) -> None:
    opened(water="soft", seeds="1", first_seed="9", run=stored)
    setting, exact = (
        {name: values[0] for name, values in parse_qs(copies[f"kettle:take:{which}"]["query"]).items()}
        for which in ("setting", "run")
    )
    assert (setting["water"], setting["seeds"], setting["first_seed"]) == ("soft", "1", "9")
    assert "run" not in setting
    assert (exact["water"], exact["lid"], exact["seeds"], exact["first_seed"]) == ("hard", "false", "2", "4")
    assert exact["run"] == stored
    assert set(catalog.get("kettle").config.model_fields) <= set(setting) & set(exact)


def test_a_link_opened_by_somebody_else_shows_that_run(engine: Scheduler, stored: str, copies: Copies) -> None:
    opened(run=stored)
    link = {name: values[0] for name, values in parse_qs(copies["kettle:take:run"]["query"]).items()}
    app = opened(**link)
    assert not app.warning and not app.info
    assert any("--first-seed 4" in one.value for one in app.code)


def test_the_address_for_a_class_is_handed_to_the_links(
    engine: Scheduler, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERLAB_PUBLIC_URL", "http://192.0.2.7:8501")
    opened()
    assert copies["kettle:take:setting"]["publicUrl"] == "http://192.0.2.7:8501"


def test_a_live_run_gives_its_numbers_and_no_weights_yet(engine: Scheduler, built: Built) -> None:
    app = opened()
    app.button(key="kettle:main").click()
    app.run()
    assert usable(app)["CSV"] and not usable(app)["Weights"]
    (live,) = engine.live()
    assert b"seed,step,metric,value" in built[f"layerlab-kettle-{live.id[:8]}.csv"]()


def test_a_run_that_is_deleted_meanwhile_still_gives_what_was_on_screen(
    engine: Scheduler, stored: str, built: Built
) -> None:
    opened(run=stored)
    engine.store.delete_run(stored)
    assert b"heat" in built[f"layerlab-kettle-{stored[:8]}.csv"]()


def test_a_recorded_run_can_be_taken_away_too(engine: Scheduler, built: Built, copies: Copies) -> None:
    app = opened("padding", conv="valid", head="pool")
    assert usable(app) == dict.fromkeys(FILES, True)
    assert any("Files of the run recorded " in one.value for one in app.caption)
    stem = "layerlab-padding-valid-pool"
    assert json.loads(built[f"{stem}.json"]())["settings"]["conv"] == "valid"
    assert "convolutions.0.weight" in safetensors.numpy.load(built[f"{stem}.safetensors"]())
    assert b'CONV = "valid"' in built["padding.py"]()
    assert "padding:take:setting" in copies
    assert "padding:take:run" not in copies, "a recorded run has no address of its own"
