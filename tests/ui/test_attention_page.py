"""The attention lab, which trains nothing: every knob at once, cells by hand, sections' own knobs, odd sentences."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.demos.attention import AttentionConfig, look
from tests.apps import link, opened, ran
from ui.attention import _cell_of, _rounding
from ui.plot import Point

pytestmark = pytest.mark.usefixtures("page_engine")


def by_hand(app: AppTest) -> str:
    return app.code[0].value


def test_a_demo_has_knobs_but_nothing_to_run() -> None:
    app = opened("attention")
    assert any("takes effect at once" in one.value for one in app.caption)
    assert not {"Run", "Pause"} & {one.label for one in app.button}
    assert "seeds" not in link(app)


def test_a_knob_takes_effect_at_once_and_stands_in_the_link() -> None:
    app = opened("attention", kernel="linear")
    before = by_hand(app)
    assert "elu" in before and link(app)["kernel"] == "linear"
    app.selectbox(key="attention:kernel").set_value("dot")
    ran(app)
    assert by_hand(app) != before and link(app)["kernel"] == "dot"
    assert any("Similarities cancel" in one.value for one in app.markdown)


def test_a_slider_that_loses_its_value_falls_to_its_default_and_not_to_its_lowest_step() -> None:
    slider = opened("attention", temperature="5").select_slider(key="attention:temperature")
    assert slider.value == 5.0
    assert [slider.proto.options[int(place)] for place in slider.proto.default] == ["1"]


def test_a_sections_own_knob_stands_in_the_link_and_comes_back_with_it() -> None:
    app = opened("attention")
    app.slider(key="attention:before:here").set_value(-1.0)
    ran(app)
    assert link(app)["before"] == "-1.0"
    assert any(one.value.startswith("Head 2") for one in app.markdown)
    again = opened("attention", **link(app))
    assert again.slider(key="attention:before:here").value == -1.0
    again.button(key="attention:defaults").click()
    assert ran(again).slider(key="attention:before:here").value == 2.0


def test_the_cell_that_is_chosen_is_written_out_and_kept_inside_its_matrix() -> None:
    app = opened("attention", tokens="random", count="12", kernel="softmax")
    app.selectbox(key="attention:matrix").set_value("weights")
    app.number_input(key="attention:row").set_value(11)
    assert "weight[11, 0] = exp(" in by_hand(ran(app))
    app.number_input(key="attention:count").set_value(3)
    assert "weight[2, 0]" in by_hand(ran(app))


def test_clicks_name_the_matrix_and_its_cell_and_nonsense_names_none() -> None:
    names = ("scores", "weights", "output")
    assert _cell_of(Point(1, (2, 3)), names) == ("weights", 2, 3)
    assert _cell_of(Point(3, (2, 3)), names) is _cell_of(Point(0, (2,)), names) is _cell_of(None, names) is None


def test_odd_sentences_are_cut_with_a_word_and_never_markup() -> None:
    attack = "<img src=x onerror=alert(1)> **bold** " + "word " * 24
    app = opened("attention", sentence=attack, positions="true")
    assert any("24 words at most" in one.value for one in app.info)
    assert not any("onerror" in one.value for one in (*app.markdown, *app.caption, *app.info))
    long = opened("attention", sentence="w" * 10_000)
    assert any("at most 400 characters" in one.value for one in long.warning)
    assert link(long)["sentence"] == "w" * 400
    assert any("cut to its first 40" in one.value for one in long.info)


def test_rows_that_sum_to_0_are_said_in_words_and_never_as_nan() -> None:
    app = opened("attention", kernel="plain_cosine", width="1", tokens="random", count="2", projections="identity")
    app.selectbox(key="attention:matrix").set_value("weights")
    assert "−1 / 0 = −∞" in by_hand(ran(app))
    said = " ".join(one.value for one in (*app.markdown, *app.code))
    assert "A row of similarities sums to 0" in said
    assert not {"nan", "**nan**", "inf"} & set(said.replace(",", " ").split())
    assert _rounding(look(AttentionConfig.parse(link(app))).difference).startswith("undefined")


def test_a_lesson_hides_knobs_and_ticks_what_a_knob_did() -> None:
    app = opened("attention", lesson="attention-temperature")
    assert not any(one.label == "W_Q, W_K, W_V" for one in app.radio)
    assert link(app)["tokens"] == "random"
    app.radio(key="lesson:guess:variance").set_value("four times as large")
    ran(app)
    app.number_input(key="attention:width").set_value(32)
    ran(app)
    assert any("2 of 7 steps" in str(one.proto) for one in app.get("progress"))
