"""The gradients lab: own weights, bounds, steps back that stay and begin anew, odd texts; and a button of bptt."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.engine.scheduler import Scheduler
from tests.apps import link, opened, ran
from ui.gradients import power

pytestmark = pytest.mark.usefixtures("page_engine")
KEY = "gradients:walk"


def said(app: AppTest) -> str:
    return "\n".join(one.value for one in (*app.markdown, *app.code, *app.info))


def test_own_weights_travel_and_dead_units_are_named() -> None:
    app = opened("gradients", weights="own", own="2 -1 3")
    assert "|df/dx| as a product: **0**; by autograd: **0**" in said(app)
    assert "The unit of layer 2 is the first dead one" in said(app) and "Dead: 2, 3 (2 of 3)" in said(app)
    app.text_input(key="gradients:own").set_value("2 1 3")
    assert "as a product: **6**; by autograd: **6**" in said(ran(app)) and link(app)["own"] == "2 1 3"


def test_odd_texts_are_said_in_words_and_the_example_is_used() -> None:
    app = opened("gradients", weights="own", own="1 <b>x</b>", u="1 2 3", x="nan")
    notes = "\n".join(one.value for one in app.info)
    assert "`<b>x</b>` is none: a weight is a number" in notes and "U must have 2 rows of 2" in notes
    assert "x must be a number from -10 to 10" in app.warning[0].value


def test_the_steps_go_back_in_time_stay_over_reruns_and_begin_anew_with_other_numbers() -> None:
    app = opened("gradients")
    assert "the way back begins at y3" in said(app)
    for _ in range(5):
        app.button(key=f"{KEY}:next").click()
        ran(app)
    assert "∇h2 L = (−3.012, 3.012) + (−0.9541, 0.5335) = (−3.966, 3.546)" in said(app)
    app.slider(key="gradients:steps:here").set_value(20)
    assert "Step 5 of 9: ∇h2, at t = 2" in said(ran(app)) and link(app)["steps"] == "20"
    app.button(key=f"{KEY}:back").click()
    assert "Step 4 of 9: ∇y2" in said(ran(app))
    app.text_input(key="gradients:targets:here").set_value("0; 0; 0")
    assert "Press Next: the way back begins at y3" in said(ran(app))


def test_a_bound_for_another_matrix_is_said_to_be_that() -> None:
    app = opened("gradients")
    assert "it is meant for this W" in said(app)
    app.slider(key="gradients:sigma:here").set_value(1.0)
    assert "not meant for this W, whose σ_max is 1" in said(ran(app))


def test_numbers_beyond_floats_are_written() -> None:
    assert [power(one) for one in (-500.5, 0.0, -np.inf, 6.0)] == ["3.16·10⁻⁵⁰¹", "1", "0", "1.00·10⁶"]


def test_a_button_trains_its_window(page_engine: Scheduler) -> None:
    app = opened("bptt", seeds="1", first_seed="70", width="4", lag="9")
    app.button(key="bptt:window:lstm:9").click()
    ran(app)
    record = page_engine.snapshot(link(app)["run"]).run
    try:
        assert (record.config["cell"], record.config["window"], record.config["width"]) == ("lstm", 9, 4)
        assert record.seeds == (70,)
    finally:
        page_engine.stop(record.id, record.owner)
