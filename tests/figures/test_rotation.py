from __future__ import annotations

import numpy as np
import pytest

from core.figures import rotation as figures
from core.figures.palette import OTHER_STYLES

DRAW = np.random.default_rng(0)
CLASSES = ("6", "9", "other")


def roles(figure, role):
    return [trace for trace in figure.data if trace.meta and trace.meta["role"] == role]


def test_points_over_angles_are_sorted_and_closed():
    summary = {"accuracy at 90": {0: 10.0, 1: 20.0}, "accuracy at 0": {0: 80.0}, "accuracy at 5": {0: 70.0}}
    found = figures.over_angles(summary)
    assert [one.tolist() for one in found[0]] == [[0, 5, 90, 360], [80, 70, 10, 80]]
    assert [one.tolist() for one in found[1]] == [[90], [20]]  # its 0° is not measured yet
    assert figures.over_angles({"accuracy at 0": {}}) == {}


def test_the_curve_has_its_mean_its_guessing_line_and_its_mark():
    points = {seed: (np.array([0, 180, 360]), np.array([80.0 + seed, 30.0, 80.0 + seed])) for seed in (0, 2)}
    figure = figures.angle_curves(
        {"trained upright": points}, colours={"trained upright": figures.UPRIGHT}, chance=10.0, mark=(90, 44.0)
    )
    (mean,), (guessing,), (mark,) = (roles(figure, role) for role in ("mean", "chance", "mark"))
    assert mean.y.tolist() == [81, 30, 81] and mean.line.color == figures.UPRIGHT
    assert set(guessing.y) == {10.0} and (mark.x[0], mark.y[0]) == (90, 44.0)
    assert figure.layout.shapes[0].x0 == figure.layout.shapes[0].x1 == 90
    assert figure.layout.xaxis.title.text == "Test angle (°, counter-clockwise)"
    assert figure.layout.yaxis.title.text == "Accuracy (%)"
    assert tuple(figure.layout.xaxis.range) == (-4, 364)


def test_how_a_net_was_trained_has_words_and_a_colour():
    assert figures.trained_with(0) == "trained upright" and figures.trained_with(90) == "trained turned up to 90°"
    assert figures.colour_of(0) == OTHER_STYLES[0].colour != figures.colour_of(1) == figures.colour_of(360)


def test_a_row_of_the_table_has_spread_and_n():
    row = figures.table_row(360, ("accuracy at 0", "mean"), {"accuracy at 0": [80.0, 90.0]}, "stored")
    assert row == {
        "": "trained turned up to 360°",
        "accuracy at 0 (%)": "85.00 ± 5.00 (n = 2)",
        "mean (%)": "–",
        "From": "stored",
    }


def test_what_is_right_so_far_names_both_counts():
    assert figures.right_so_far(np.array([[3, 1], [0, 4]]), 20) == "**87.5 %** right of 8 of 20 test pictures."


def test_turned_pictures_say_what_they_are_and_what_the_net_says():
    pictures = DRAW.integers(0, 256, (2, 1, 4, 4), dtype=np.uint8)
    figure = figures.turned_pictures(pictures, np.array([0, 1]), np.array([[0.9, 0.1, 0], [0.7, 0.2, 0.1]]), CLASSES)
    assert [one.text for one in figure.layout.annotations] == ["6→6✓", "9→6✗"]
    assert len(figure.data) == 2


def test_grey_and_colour_pictures_become_three_channels_from_0_to_1():
    grey = np.array([[[[0, 255]]]], np.uint8)
    np.testing.assert_allclose(figures.colour(grey), np.array([[[[0, 1]]] * 3]))
    three = DRAW.integers(0, 256, (2, 3, 2, 2), dtype=np.uint8)
    np.testing.assert_allclose(figures.colour(three) * 255, three)


def test_confusion_shows_counts_and_colours_shares_of_the_class():
    figure = figures.confusion(np.array([[3, 1, 0], [0, 2, 0], [0, 0, 0]]), CLASSES)
    (trace,) = figure.data
    np.testing.assert_allclose(trace.z[0], [75, 25, 0])
    assert np.isnan(trace.z[2]).all()  # nobody of this class
    assert list(trace.text[0]) == ["3", "1", "0"] and trace.texttemplate
    assert list(trace.x) == list(CLASSES) == list(trace.y)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Taken for", "Is")
    assert figure.layout.yaxis.autorange == "reversed"
    assert trace.colorbar.title.text.endswith("(%)")
    many = figures.confusion(np.eye(13, dtype=int), [str(one) for one in range(13)])
    assert not many.data[0].texttemplate


def test_a_ribbon_has_every_class_at_every_angle_and_the_picture_above():
    angles, probabilities = np.arange(0, 360, 90), DRAW.dirichlet(np.ones(3), 4)
    figure = figures.ribbon(angles, probabilities, CLASSES, np.zeros((8, 1, 4, 4), np.uint8), label=1)
    heat, said, *above = figure.data
    np.testing.assert_allclose(heat.z, 100 * probabilities.T, rtol=1e-6)
    assert list(heat.y) == ["6", "<b>9</b>", "other"]
    assert list(said.y) == [heat.y[one] for one in probabilities.argmax(axis=1)]
    assert [one.name for one in above] == [f"{angle}°" for angle in range(0, 360, 45)]
    assert figure.layout.yaxis.domain[1] < figure.layout.yaxis2.domain[0]
    assert all(0 <= edge <= 1 for n in range(2, 10) for edge in figure.layout[f"xaxis{n}"].domain)


def test_ways_to_fill_the_corners_are_four_lines_all_round():
    accuracy = DRAW.random((4, 12)) * 100
    figure = figures.ways(accuracy, np.arange(0, 360, 30))
    means = roles(figure, "mean")
    assert [one.name for one in means] == ["black corners", "mean colour", "mirrored corners", "circular mask"]
    for line, values in zip(means, accuracy, strict=True):
        np.testing.assert_allclose(line.y, [*values, values[0]])
    assert len({(one.line.color, one.line.dash) for one in means}) == 4


@pytest.mark.parametrize("name", ["accuracy at 0", "accuracy at 0, recorded", "accuracy at 0, A"])
def test_an_angle_keeps_its_colour_whichever_run_it_is_of(name):
    from core.figures.palette import ANGLE_STYLES, style

    assert style(name, 4) == ANGLE_STYLES["accuracy at 0"]
    assert style("accuracy at 30", 4) == OTHER_STYLES[4]
