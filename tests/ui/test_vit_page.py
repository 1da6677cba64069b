"""The vision transformer lab's own controls: rows of buttons, who asks, and a net without attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from core.engine.scheduler import Scheduler
from core.experiments.vit import EXPERIMENT, VitConfig
from tests.apps import link, opened, ran
from tests.ui.conftest import Answers, Asked
from tests.ui.idle import finished_run

EVEN = np.full((3, 4, 17, 17), 1 / 17, np.float32)
MAPS = {
    "weights": EVEN,
    "rollout": np.full((3, 16), 1 / 16),
    "picture": np.zeros((1, 32, 32), np.uint8),
    "probabilities": np.eye(10)[7],
    "label": np.array(7),
    "classes": np.array(list("0123456789")),
    "class tokens": np.array(1),
}


pytestmark = pytest.mark.usefixtures("page_engine")


@pytest.fixture
def asked(answering: Callable[[Answers], Asked]) -> Asked:
    """What the page asks of a net; attention is answered, nothing else is."""
    return answering({"attention": lambda _: MAPS})


def test_one_button_trains_every_kind_of_positions(page_engine: Scheduler) -> None:
    app = opened("vit", seeds="1", first_seed="60", epochs="2", net="cnn")
    app.button(key="vit:row:positions:all").click()
    ran(app)
    live = [run for run in page_engine.live() if run.experiment == "vit"]
    try:
        assert sorted(run.config["positions"] for run in live) == ["absolute", "none", "rotary"]
        assert {(run.config["net"], run.config["epochs"], run.seeds) for run in live} == {("vit", 2, (60,))}
        assert link(app)["positions"] == "rotary"
    finally:
        for run in live:
            page_engine.stop(run.id, run.owner)


def test_a_button_whose_choice_does_not_go_with_the_form_says_why_and_starts_nothing(page_engine: Scheduler) -> None:
    app = opened("vit", width="48", heads="8", seeds="1", first_seed="61")
    for button in ("rotary", "all"):
        app.button(key=f"vit:row:positions:{button}").click()
        ran(app)
        assert any("got 48 / 8 = 6. Choose another width" in one.value for one in app.warning)
        assert link(app)["positions"] == "absolute" and not page_engine.live()


def test_a_link_whose_heads_cannot_be_turned_shows_the_defaults_and_says_so() -> None:
    app = opened("vit", width="48", heads="8", positions="rotary")
    assert any("Rotary positions need heads" in one.value and "defaults" in one.value for one in app.warning)


def test_the_token_that_asks_is_chosen_and_the_net_is_not_asked_again(page_engine: Scheduler, asked: list) -> None:
    finished_run(page_engine, "vit", VitConfig(epochs=3), (0,), {key: [50.0, 60.0, 70.0] for key in EXPERIMENT.summary})
    app = opened("vit", epochs="3", seeds="1")
    (asks,) = (one for one in app.selectbox if one.label == "Who asks, or click a patch")
    assert len(asks.options) == 17 and asks.value == "the class token"
    assert any("The net says **7** (100 %): right." in one.value for one in app.markdown)
    before = len([name for name, _ in asked if name == "attention"])
    asks.set_value("patch in row 2, column 3")
    ran(app)
    assert [name for name, _ in asked].count("attention") == before == 1


def test_results_are_held_side_by_side_with_their_spread(page_engine: Scheduler) -> None:
    for kernel, last in (("softmax", 97.0), ("linear", 95.0)):
        config = VitConfig(epochs=3, learning_rate=0.003, kernel=kernel)
        values = {"test accuracy": [[50.0, 60.0, last], [50.0, 60.0, last - 1]]}
        finished_run(page_engine, "vit", config, (0, 1), values)
    app = opened("vit", epochs="3", learning_rate="0.003")
    tables = [one.value for one in app.table if "Attention kernel" in one.value.columns]
    assert [list(one["Test accuracy (%)"]) for one in tables] == [["96.50 ± 0.50 (n = 2)", "94.50 ± 0.50 (n = 2)"]]
