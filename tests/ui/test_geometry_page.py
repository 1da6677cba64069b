"""The geometry lab's page: knobs at once, what cannot be, what takes long, sections' own knobs, its lesson."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.apps import link, opened, ran

pytestmark = pytest.mark.usefixtures("page_engine")


def said(app: AppTest) -> str:
    return " ".join(one.value for one in app.markdown)


def test_a_knob_takes_effect_at_once_and_stands_in_the_link() -> None:
    app = opened("geometry")
    assert "k chosen: **126**" in said(app) and "of 30 draws hold**" in said(app)
    app.number_input(key="geometry:epsilon").set_value(0.9)
    ran(app)
    assert "at n = 50, ε = 0.9: **39**" in said(app) and "**30 of 30 draws hold**, 100 %" in said(app)
    assert link(app)["epsilon"] == "0.9"


def test_a_projection_that_does_not_reduce_is_said_and_the_rest_stays() -> None:
    app = opened("geometry", k="301")
    assert any("with k = 301 and d = 300 the projection does not reduce" in one.value for one in app.error)
    assert "N = 100 directions" in said(app) and "draws hold" not in said(app).partition("“")[0]
    app.number_input(key="geometry:k").set_value(300)
    assert not ran(app).error


def test_too_few_basis_vectors_and_one_point_are_said() -> None:
    assert any("d ≥ n" in one.value for one in opened("geometry", cloud="axes", points="301").error)
    app = opened("geometry", points="1", epsilon="1")
    messages = " ".join(one.value for one in app.warning)
    assert "points must be" in messages and "epsilon must be" in messages
    assert "k chosen" in said(app) and link(app)["points"] == "2"


def test_what_takes_long_waits_for_a_button_and_a_changed_knob_asks_again() -> None:
    app = opened("geometry", points="700", dimension="200", k="100", draws="200")
    assert any("700 points in 200 dimensions take about" in one.value for one in app.info)
    assert "This M" in said(app) and "draws hold**" not in said(app)
    app.number_input(key="geometry:draws").set_value(3)
    assert "of 3 draws hold**" in said(ran(app))
    app.number_input(key="geometry:points").set_value(4000)
    ran(app)
    assert "This M" not in said(app)
    next(one for one in app.button if one.label == "Measure all pairs").click()
    assert "of 7,998,000 pairs" in said(ran(app))
    app.number_input(key="geometry:seed").set_value(1)
    assert "This M" not in said(ran(app))


def test_a_matrix_that_no_proof_covers_says_so() -> None:
    assert "not proved for this M" in said(opened("geometry", matrix="very_sparse", cloud="axes"))


def test_a_sections_own_knob_stands_in_the_link() -> None:
    app = opened("geometry", room="512", delta="0.9", count="300")
    assert "The first 100 of 300 vectors." in [one.value for one in app.caption]
    assert "all within δ = 0.9" in said(app)
    app.slider(key="geometry:angle:here").set_value(2)
    assert "d = 2: standard deviation" in said(ran(app)) and link(app)["angle"] == "2"


def test_the_lesson_hides_the_projection_and_ticks_what_a_knob_did() -> None:
    app = opened("geometry", lesson="geometry-angles")
    assert "How often does a random matrix hold?" not in [one.value for one in app.subheader]
    app.radio(key="lesson:guess:angle").set_value("about 90°")
    ran(app)
    app.button(key="open:Angles in many dimensions").click()
    ran(app)
    app.slider(key="geometry:angle:here").set_value(100)
    ran(app)
    assert any("3 of 6 steps" in str(one.proto) for one in app.get("progress"))


def test_draws_that_are_all_alike_have_no_standard_error() -> None:
    app = opened("geometry", matrix="sign", cloud="axes", points="2", dimension="2", k="1", draws="3", seed="4")
    assert "formula **1**, difference +0, with no spread to hold it against" in said(app)
