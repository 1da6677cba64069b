from __future__ import annotations

import numpy as np
import pytest

from core.figures import linear_autoencoder as figures
from core.figures.palette import OTHER_STYLES

VARIANCES = np.array([10.0, 8.0, 5.0])


def roles(figure, role):
    return [trace for trace in figure.data if trace.meta and trace.meta["role"] == role]


def test_numbered_metrics_become_one_list_a_seed_and_half_measured_seeds_are_left_out():
    summary = {"length 1": {0: 3.0, 1: 4.0}, "length 2": {1: 5.0}, "length 3": {0: 9.0}}
    assert figures.numbered(summary, "length", 2) == {1: [4.0, 5.0]}
    assert figures.numbered(summary, "length", 1) == {0: [3.0], 1: [4.0]}
    assert figures.numbered({}, "length", 2) == {}


def test_lengths_stand_over_the_curve_on_either_side_of_their_number():
    found = {"W₁": {0: [0.9, 0.8, 0.1], 4: [0.91, 0.79, 0.0]}, "W₂": {0: [0.9, 0.8, 0.1]}}
    figure = figures.lengths(found, np.array([0.95, 0.8, 0.0]), VARIANCES, 2.0)
    (line,) = roles(figure, "expected")
    np.testing.assert_allclose(line.y, [0.95, 0.8, 0.0])
    np.testing.assert_allclose(line.customdata, VARIANCES)
    assert line.name == "√max(0, 1 − 2/sᵢ)"
    one, two = roles(figure, "measured")
    assert (one.name, two.name) == ("W₁, n = 2", "W₂, n = 1")
    np.testing.assert_allclose(one.y, [0.9, 0.8, 0.1, 0.91, 0.79, 0.0])
    np.testing.assert_allclose((one.x[:3] + two.x) / 2, [1, 2, 3])
    assert list(one.customdata) == [0, 0, 0, 4, 4, 4]
    assert figure.layout.yaxis.title.text == "Singular value" and figure.layout.xaxis.tickvals == (1, 2, 3)


def test_without_decay_the_curve_is_a_limit():
    figure = figures.lengths({}, np.ones(3), VARIANCES, 0.0)
    (line,) = roles(figure, "expected")
    assert line.name == "limit for λ → 0"
    assert [trace.name for trace in roles(figure, "measured")] == ["W₁, n = 0", "W₂, n = 0"]


def test_several_decays_have_a_colour_each_and_their_squares_a_curve():
    found = {0.5: {0: [1.1, 0.9, 0.7]}, 2.0: {0: [0.9, 0.8, 0.7]}}
    expected = {0.5: np.ones(3), 2.0: np.array([0.9, 0.8, 0.0])}
    figure = figures.lengths_by_decay(found, expected, VARIANCES)
    _, line = roles(figure, "expected")
    np.testing.assert_allclose(line.y, [0.81, 0.64, 0.0])
    weak, strong = roles(figure, "measured")
    assert (weak.name, strong.name) == ("λ = 0.5, n = 1", "λ = 2, n = 1")
    np.testing.assert_allclose(strong.y, [0.81, 0.64, 0.49])
    assert [one.marker.color for one in (weak, strong)] == [one.colour for one in OTHER_STYLES[:2]]
    assert line.marker.line.color == strong.marker.color
    assert figure.layout.yaxis.title.text == "Singular value, squared"


@pytest.mark.parametrize(
    ("decay", "words"),
    [
        (0.0, "the loss leaves the lengths free"),
        (2.0, "squared, the kept directions should have 1 − λ/sᵢ, here 0.6 to 0.8."),
        (6.0, "here 0.25 to 0.4. Given up, for their variance is not above λ (s = 5): 3."),
        (8.0, "here 0.2. Given up, for their variance is not above λ (s = 8, 5): 2, 3."),
        (10.0, "(s = 10, 8, 5): 1, 2, 3. Nothing is kept"),
    ],
)
def test_the_fate_of_every_direction_is_said(decay: float, words: str):
    assert words in figures.fate(VARIANCES, decay)
    assert ("Given up" in figures.fate(VARIANCES, decay)) == (decay >= 5)


def test_cosines_go_from_0_to_1_with_a_line_below_the_axes_that_there_is_room_for():
    values = np.random.default_rng(0).random((4, 2))
    figure = figures.cosines(values, np.array([4.0, 3, 2, 1]))
    (trace,) = figure.data
    np.testing.assert_allclose(trace.z, values, rtol=1e-6)
    assert (trace.zmin, trace.zmax, trace.colorbar.title.text) == (0, 1, "|cosine|")
    assert figure.layout.shapes[0].y0 == 2.5
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Column of W₂", "Principal axis")
    assert not figures.cosines(values.T, np.array([4.0, 3])).layout.shapes


def test_what_is_given_back_stands_beside_the_optimum():
    figure = figures.kept(np.array([0.9, -0.2, 0.0]), np.array([1.0, 0, 0]), VARIANCES)
    bars, marks = figure.data
    np.testing.assert_allclose(bars.x, [0.9, -0.2, 0.0])
    np.testing.assert_allclose(marks.x, [1, 0, 0])
    assert list(bars.y) == list(marks.y) == [1, 2, 3]
    beside = figures.cosines(np.zeros((3, 1)), VARIANCES)
    assert figure.layout.yaxis.range == beside.layout.yaxis.range == (3.5, 0.5)  # row beside row
    low, high = figure.layout.xaxis.range
    assert low < -0.2 and high > 1


def test_factors_say_how_far_they_moved_and_what_became_of_the_loss():
    rows = figures.factor_rows(np.array([59.0, 61.5, 59.0]), np.array([0.8, 1.25]), np.array([False, True]))
    assert [row["W₂ moved by"] for row in rows] == ["–", "80 % of its size", "125 % of its size"]
    assert [row["Against the trained pair"] for row in rows] == ["–", "+2.5", "the same"]
    assert rows[1]["Loss"] == "61.5"


def test_a_row_of_the_table_tells_small_numbers_with_spread_and_n():
    row = figures.table_row(0.5, {"above": [1e-9, 3e-9], "angle": []}, "stored")
    assert row == {"λ": "0.5", "above": "2e-09 ± 1e-09 (n = 2)", "angle": "–", "From": "stored"}


def test_two_paths_are_compared_where_both_have_steps():
    one = np.array([0.0, 0.1, 1.0, 2.0]), np.array([9.0, 5.0, 3.0, 1.0])
    other = np.array([0.0, 1.0, 2.0, 3.0]), np.array([9.0, 3.5, 0.9, 0.0])
    assert figures.apart(one, other) == pytest.approx(0.5)
    assert np.isnan(figures.apart(one, (np.array([7.0]), np.array([1.0]))))
