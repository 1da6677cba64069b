"""The autoencoder lab's own controls: a row of sizes at once, sliders, probes that wait to be asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.engine.scheduler import Scheduler
from tests.apps import link, opened, ran
from tests.ui.conftest import Answers, Asked

CODES = {"code": np.zeros(20), "axes": np.eye(20)[:, :8], "std": np.ones(8), "direct": np.array(0)}


pytestmark = pytest.mark.usefixtures("page_engine")


@pytest.fixture
def asked(answering: Callable[[Answers], Asked]) -> Asked:
    """What the page asks of a net; directions and decoded codes are answered, nothing else is."""
    return answering({"directions": lambda _: CODES, "decode": lambda asked: {"output": np.resize(asked["code"], 100)}})


def test_one_button_trains_a_kind_at_every_size_and_shows_the_largest(page_engine: Scheduler) -> None:
    app = opened("autoencoder", seeds="2", first_seed="80", epochs="3")
    app.button(key="autoencoder:cells:masked:all").click()
    ran(app)
    live = [run for run in page_engine.live() if run.experiment == "autoencoder"]
    try:
        assert sorted(run.config["latent"] for run in live) == [5, 20, 100, 500]
        assert {(run.config["kind"], run.config["epochs"], run.seeds) for run in live} == {("masked", 3, (80, 81))}
        assert page_engine.snapshot(link(app)["run"]).run.config["latent"] == 500
    finally:
        for run in live:
            page_engine.stop(run.id, run.owner)


def test_the_table_names_the_recorded_nets_and_their_accuracy_before_training() -> None:
    tables = [one.value for one in opened("autoencoder").table if "Untrained, epoch 0 (%)" in one.value.columns]
    assert len(tables) == 1
    (table,) = tables
    assert len(table) == 12 and all("(n = 3)" in cell for cell in table["Untrained, epoch 0 (%)"])


def test_a_slider_moves_the_code_that_is_decoded_and_a_button_brings_it_back(asked: list) -> None:
    app = opened("autoencoder")
    moves = [one for one in app.slider if one.label.startswith("Direction")]
    assert len(moves) == 8 and {one.value for one in moves} == {0.0}
    moves[1].set_value(1.5)
    ran(app)
    codes = [arguments["code"] for name, arguments in asked if name == "decode"]
    assert codes[-1] == pytest.approx(1.5 * np.eye(20)[1])
    next(one for one in app.button if one.label == "Back to the sample").click()
    ran(app)
    assert {one.value for one in app.slider if one.label.startswith("Direction")} == {0.0}


def test_probes_are_trained_when_they_are_asked_for(asked: list) -> None:
    app = opened("autoencoder")
    assert "few_labels" not in {name for name, _ in asked}
    next(one for one in app.button if one.label == "Train the probes").click()
    ran(app)
    assert "few_labels" in {name for name, _ in asked}
