"""Figures of the language lab: levels, cells and who is clicked, distributions, attention, places."""

from __future__ import annotations

import numpy as np
import pytest

from core.figures import gpt as figures
from core.figures.curves import curves


def test_levels_lie_under_the_losses_with_their_bits():
    plain = curves({"held-out loss": {0: (np.arange(3), np.array([3.0, 2.0, 1.0]))}}, y=figures.LOSS)
    figure = figures.with_levels(plain, {"bigram loss": np.log(4), "entropy floor": np.log(2)}, 18)
    bigram, floor = figure.data[:2]
    assert (bigram.name, floor.name) == ("bigram model", "entropy of the text")
    assert list(floor.x) == [0, 18] and "1.000 bits" in floor.hovertemplate and "2.000 bits" in bigram.hovertemplate
    assert figure.layout.yaxis.title.text == figures.LOSS and len(figure.data) == 2 + len(plain.data)


def test_levels_are_said_in_nats_and_bits():
    found = {"held-out loss": [np.log(2), np.log(2)], "entropy floor": [np.log(2)] * 2}
    rows = figures.level_rows(found)
    assert [row["Per character"] for row in rows] == ["Held-out loss", "Entropy floor"]
    assert rows[0]["bits"].startswith("1") and rows[0]["bits"].endswith("(n = 2)")
    assert rows[1] == {"Per character": "Entropy floor", "nats": "0.693", "bits": "1.000"}


def test_a_click_on_a_cell_finds_its_character():
    text = "a" * 45
    figure = figures.text_cells(text, np.linspace(0, 1, 45), chosen=41)
    (heat,) = figure.data
    assert np.asarray(heat.z).shape == (2, 40)
    assert heat.z[1][4] == pytest.approx(100) and np.isnan(heat.z[1][5])
    frame = figure.layout.shapes[0]
    assert (frame.x0, frame.y0) == (0.5, 0.5)  # second row, second column
    assert figures.character_at((1, 1), 45) == 41
    assert [figures.character_at(odd, 45) for odd in ((1, 5), (0,), (0, 40), (9, 0))] == [None] * 4


def test_signs_are_nothing_that_a_chart_could_take_for_its_own():
    assert [figures.sign(one) for one in " \n\t<&é\x07"] == ["␣", "⏎", "⇥", "&lt;", "&amp;", "é", "U+0007"]
    figure = figures.text_cells("<b>", np.ones(3))
    assert list(figure.data[0].text[0][:3]) == ["&lt;", "b", "&gt;"]


def test_the_drawn_character_is_always_among_the_bars():
    before = np.full(30, 1 / 30)
    after = np.eye(30)[29]
    figure = figures.distribution(before, after, [chr(97 + one) for one in range(30)], said=29)
    grey, blue, orange = figure.data
    assert len(grey.y) == figures.MOST_BARS and figure.layout.xaxis.ticktext[-1] == chr(97 + 29)
    assert np.isnan(blue.y[-1]) and orange.y[-1] == 100 and grey.y[-1] == pytest.approx(100 / 30)
    assert np.isnan(orange.y[:-1]).all() and orange.offsetgroup == blue.offsetgroup != grey.offsetgroup


def test_attention_is_drawn_over_the_text():
    weights = np.random.default_rng(0).random((2, 3, 5, 5)).astype(np.float32)
    figure = figures.all_heads("a b<c", weights, asking=3)
    (heat,) = figure.data
    assert np.asarray(heat.z).shape == (6, 5) and heat.z[4][2] == pytest.approx(100 * weights[1, 1, 3, 2])
    assert list(figure.layout.yaxis.ticktext)[4] == "layer 2, head 2"
    assert list(figure.layout.xaxis.ticktext) == ["a", "␣", "b", "&lt;", "c"]
    one = figures.one_head("a b<c", weights[1, 1], asking=3)
    assert np.isnan(one.data[0].z[0][1]) and one.data[0].z[3][2] == heat.z[4][2]
    assert one.layout.shapes[0].y0 == 2.5


def test_every_head_has_a_line_by_distance():
    attention = np.random.default_rng(0).random((2, 3, 8))
    figure = figures.by_distance(attention, np.full(8, 0.1))
    assert [trace.name for trace in figure.data][-2:] == ["layer 2, head 3", "all alike"]
    np.testing.assert_allclose(figure.data[4].y, 100 * attention[1, 1])
    assert len({(one.line.color, one.line.dash) for one in figure.data}) == 7


def test_rounding_is_no_change_of_order():
    untrained = np.array([[[1e-16, 0], [0.02, 1e-15]], [[0.1, 0.2], [0.3, 0.4]]])
    found = {"untrained": untrained, "trained": untrained[0][:1], "positions": ["none", "rotary"]}
    rows = figures.order_rows(found, "none")
    assert len(rows) == 4
    assert rows[0]["untrained, none"] == rows[3]["untrained, none"] == "0 (rounding)"
    assert rows[2]["untrained, none"] == "0.02" and rows[2]["this net (none)"] == "no such layer"


def test_loss_by_place_is_smoothed_and_the_block_is_marked():
    found = {"rotary": {"loss": np.ones(64), "error": np.full(64, 0.1), "block": 16}}
    figure = figures.by_place(found, floor=0.3)
    low, high, line, floor = figure.data
    assert len(line.y) == 57 and set(np.round(line.y, 9)) == {1.0} and line.x[0] == 4
    assert high.y[0] - low.y[0] == pytest.approx(0.4)
    assert figure.layout.shapes[0].x0 == 16 and list(floor.y) == [0.3, 0.3]


def test_a_row_without_results_says_so():
    row = figures.table_row({"MLP": "wide"}, {}, "–", "press Run to train it")
    assert row["Held-out loss (nats)"] == "not trained"
    full = figures.table_row(
        {"MLP": "wide"}, {"held-out loss": {0: 0.31, 1: 0.33}, "tokens per second": {0: 4e4}}, "38", "x"
    )
    assert full["Held-out loss (nats)"].startswith("0.32") and full["Tokens per second"] == "40,000 (n = 1)"
