from __future__ import annotations

import numpy as np
import pytest

from core.figures import vit as figures
from core.figures.images import rgb

DRAW = np.random.default_rng(0)
PICTURE = DRAW.integers(0, 256, (1, 32, 32)).astype(np.uint8)


def roles(figure, role):
    return [trace for trace in figure.data if trace.meta and trace.meta["role"] == role]


def weights(layers=2, heads=3, tokens=17):
    found = DRAW.random((layers, heads, tokens, tokens))
    return found / found.sum(axis=-1, keepdims=True)


def test_attention_lies_over_copies_of_the_picture_and_a_click_finds_its_patch():
    each = weights()
    figure = figures.attention_maps(PICTURE, each, token=6, class_tokens=1)
    heat, copies = figure.data
    assert heat.z.shape == (2 * 5 - 1, 3 * 5 - 1) and len(heat.x) == 15 and len(heat.y) == 10  # borders of cells
    row, column = 5 + 2, 10 + 3  # layer 2, head 3, third row, last column
    assert heat.z[row, column] == pytest.approx(100 * each[1, 2, 6, 1 + 2 * 4 + 3], rel=1e-5)
    assert heat.text[row][column] == "Layer 2, Head 3"
    assert figures.asked_at((row, column), 2, 3, 4) == 2 * 4 + 3
    assert np.isnan(heat.z[4]).all() and figures.asked_at((4, 0), 2, 3, 4) is None  # between the layers
    assert all(figures.asked_at(odd, 2, 3, 4) is None for odd in ((0,), (99, 0), (0, 14)))
    assert copies.type == "image" and heat.zmax == pytest.approx(100 * each[:, :, 6, 1:].max(), rel=1e-5)
    assert len(figure.layout.shapes) == 6  # the patch that asks, on every copy
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].y0) == (7.5, 7.5)  # token 6: second row and column


def test_a_class_token_that_asks_has_no_place_nor_has_the_mean_of_all():
    assert not figures.attention_maps(PICTURE, weights(), token=0, class_tokens=1).layout.shapes
    each = weights(tokens=16)
    everybody = figures.attention_maps(PICTURE, each, token=None, class_tokens=0)
    assert not everybody.layout.shapes
    assert everybody.data[0].z[0, 0] == pytest.approx(100 * each[0, 0, :, 0].mean(), rel=1e-5)
    assert figures.token_names(4, 1) == [
        "the class token",
        *(f"patch in row {row}, column {column}" for row in (1, 2) for column in (1, 2)),
    ]


def test_the_copies_are_the_picture_again_and_again():
    pixels = figures._copies(PICTURE, 2, 3)
    assert pixels.shape == (67, 102, 4)
    assert np.array_equal(pixels[35:, 70:, :3], rgb(np.broadcast_to(PICTURE / 255, (3, 32, 32))))
    assert (pixels[32:35, :, 3] == 0).all()


def test_rollout_has_a_map_a_layer():
    found = np.array([[0.25] * 4, [0.1, 0.2, 0.3, 0.4]])
    figure = figures.rollout(PICTURE, found)
    assert list(figure.layout.xaxis.ticktext) == ["After layer 1", "After layer 2"]
    assert figure.data[0].z[1, 4] == pytest.approx(40.0)


def test_what_the_net_says_is_held_against_the_truth():
    chances = np.array([0.1, 0.9])
    assert figures.said(chances, ["cat", "dog"], 1) == "The net says **dog** (90 %): right."
    assert figures.said(chances, ["cat", "dog"], 0) == "The net says **dog** (90 %): wrong, it is cat."
    assert figures.said(chances, ["cat", "dog"], -1) == "The net says **dog** (90 %)."


def test_distances_have_a_dot_a_head_and_a_line_for_looking_everywhere():
    figure = figures.distances(np.array([[1.0, 3.0], [2.0, 2.5]]), even=2.01, patch=8)
    (mean,), (even,) = (roles(figure, role) for role in ("mean", "even"))
    assert list(mean.y) == [2.0, 2.25] and set(even.y) == {2.01}
    dots = figure.data[-1]
    assert list(dots.x) == [1, 1, 2, 2] and dots.customdata[1].tolist() == [2, 24.0]
    assert figure.layout.yaxis.title.text == "Mean attention distance (patches)"


def test_settings_side_by_side_have_mean_spread_and_every_seed():
    groups = {
        "none": {"test accuracy": {0: 70.0, 1: 80.0}, "shuffled accuracy": {0: 70.0, 1: 80.0}},
        "rotary": {"test accuracy": {0: 97.0}, "shuffled accuracy": {}},
    }
    figure = figures.side_by_side(groups)
    ordinary, mixed = roles(figure, "mean")
    assert list(ordinary.y) == [75.0, 97.0] and list(ordinary.error_y.array) == [5.0, 0.0] and list(mixed.y) == [75.0]
    assert ordinary.text[0] == "none: 75.00 ± 5.00 % (n = 2)" and ordinary.x[0] < 0 < mixed.x[0]
    assert [list(one.y) for one in roles(figure, "seeds")] == [[70.0, 80.0], [70.0, 80.0]]
    assert not roles(figure, "chance")  # far below the axis
    assert figure.layout.yaxis.title.text == "Accuracy (%)"
    low = figures.side_by_side({"none": {"test accuracy": {0: 12.0}, "shuffled accuracy": {0: 9.0}}})
    assert set(roles(low, "chance")[0].y) == {10.0}


def test_accuracy_over_pictures_has_a_line_a_net():
    found = {("vit", 10): {0: 60.0, 1: 62.0}, ("vit", 100): {0: 90.0}, ("cnn", 10): {0: 80.0}, ("cnn", 0): {0: 99.0}}
    figure = figures.over_pictures(found, "std")
    means = {trace.name: trace for trace in roles(figure, "mean")}
    assert set(means) == {"vision transformer", "CNN"}
    assert means["vision transformer"].y.tolist() == [61.0, 90.0] and means["CNN"].y.tolist() == [80.0]
    assert list(figure.layout.xaxis.tickvals) == [10, 100]
    assert figure.layout.xaxis.title.text == "Training pictures a class"


def test_a_row_of_a_table_has_spread_and_n():
    row = figures.table_row({"Net": "CNN"}, {"test accuracy": {0: 80.0, 1: 90.0}}, "stored")
    assert row == {
        "Net": "CNN",
        "Test accuracy (%)": "85.00 ± 5.00 (n = 2)",
        "Shuffled accuracy (%)": "–",
        "From": "stored",
    }


def test_shuffled_pictures_stand_below_their_originals():
    found = {
        "pictures": np.zeros((12, 1, 4, 4), np.uint8),
        "shuffled pictures": np.full((12, 1, 4, 4), 255, np.uint8),
        "labels": np.arange(12) % 3,
        "said": np.arange(12) % 3,
        "said shuffled": np.zeros(12, int),
        "classes": np.array(["a", "b", "c"]),
    }
    figure = figures.shuffled_pictures(found)
    assert [one.name for one in figure.data[:3]] == ["a→a✓", "b→b✓", "c→c✓"]
    assert [one.name for one in figure.data[6:9]] == ["a→a✓", "b→a✗", "c→a✗"]
