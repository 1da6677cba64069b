from __future__ import annotations

import numpy as np
import pytest

from core.data import scenes
from core.figures import unet as figures
from core.figures.unet import (
    BACKGROUND,
    CLASS_NAMES,
    ERRORS,
    errors,
    errors_by_distance,
    iou_by_class,
    samples,
    scene,
    table_cells,
)

TARGET = np.full((60, 60), BACKGROUND, np.uint8)
TARGET[10:20, 10:20] = 3
GUESS = TARGET.copy()
GUESS[10:20, 10] = BACKGROUND  # missed
GUESS[10, 11:20] = 8  # another digit
GUESS[30, 30] = 3  # where there is none
IMAGE = np.where(TARGET == 3, 200, 0).astype(np.uint8)


def test_classes_are_named_as_the_scenes_name_them():
    assert (CLASS_NAMES, BACKGROUND) == (scenes.CLASS_NAMES, scenes.BACKGROUND)
    assert len(set(figures.CLASS_COLOURS)) == len(CLASS_NAMES)


def test_every_wrong_pixel_is_of_one_kind():
    found = errors(TARGET, GUESS)
    assert [(found == kind).sum() for kind in range(len(ERRORS))] == [3600 - 20, 9, 10, 1]
    np.testing.assert_array_equal(found == 0, TARGET == GUESS)


def test_a_scene_shows_image_target_prediction_and_errors_in_square_cells():
    figure = scene(IMAGE, GUESS, TARGET)
    image, target, prediction, wrong = figure.data
    np.testing.assert_array_equal(image.z, IMAGE)
    np.testing.assert_array_equal(target.z, TARGET)
    np.testing.assert_array_equal(prediction.z, GUESS)
    np.testing.assert_array_equal(wrong.z, errors(TARGET, GUESS))
    assert figure.layout.yaxis3.scaleanchor == "x3" and figure.layout.yaxis3.autorange == "reversed"
    assert figure.layout.xaxis3.title.text == "Column (px)" and figure.layout.yaxis3.title.text == "Row (px)"


def test_every_class_has_its_own_colour_and_its_number_on_its_own_pixels():
    figure = scene(IMAGE, GUESS, TARGET)
    target = figure.data[1]
    assert (target.zmin, target.zmax) == (-0.5, 10.5) and len(target.colorscale) == 2 * len(CLASS_NAMES)
    numbers = [one for one in figure.layout.annotations if one.text.isdigit()]
    assert {(one.text, one.xref) for one in numbers} == {("3", "x2"), ("3", "x3")}  # nine pixels of an 8 carry none
    assert all(TARGET[one.y, one.x] == 3 for one in numbers)


def test_a_scene_without_a_target_has_two_panels():
    figure = scene(IMAGE, GUESS)
    assert [one.text for one in figure.layout.annotations if not one.text.isdigit()] == ["Scene", "Prediction"]
    assert len(figure.data) == 2


def test_bars_show_mean_std_and_n_of_every_class():
    figure = iou_by_class({"all": {"3": [0.6, 0.8], "background": [0.9, 0.9]}, "none": {"3": [0.5]}})
    first, second = figure.data
    place = CLASS_NAMES.index("3")
    assert first.y[place] == pytest.approx(0.7) and first.error_y.array[place] == pytest.approx(0.1)
    assert first.customdata[place][1] == 2 and second.customdata[place][1] == 1
    assert first.marker.color != second.marker.color and second.marker.pattern.shape == "/"
    assert figure.layout.yaxis.title.text == "IoU (0 to 1)" and figure.layout.xaxis.title.text == "Class"
    assert figure.layout.xaxis.type == "category"  # or "background" would have no place among the numbers


def test_errors_over_distance_have_a_panel_a_kind_and_background_is_no_digit():
    distance = np.array([-2, -1, 1, 2])
    net = {"distance": distance, "strayed": distance + 5.0, "mistaken": distance + 9.0, "pixels": distance + 100}
    figure = errors_by_distance({"all": net, "none": net})
    strayed, _, mistaken, _ = figure.data
    assert list(strayed.x) == [-2, -1, 1, 2] and list(mistaken.x) == [-2, -1]
    assert list(mistaken.y) == [7, 8] and mistaken.xaxis == "x2"
    assert len({(one.line.color, one.line.dash) for one in figure.data}) == 2
    assert "(px" in figure.layout.xaxis.title.text and "(%)" in figure.layout.yaxis.title.text


def test_samples_show_each_scene_above_its_classes():
    figure = samples(np.stack([IMAGE, IMAGE]), np.stack([TARGET, GUESS]))
    assert len(figure.data) == 4
    assert [one.text for one in figure.layout.annotations] == ["Scene 0", "Scene 1", "3", "3, 8"]
    assert figure.data[0].source == figure.data[1].source and figure.data[2].source != figure.data[3].source


def test_a_table_says_mean_std_n_and_unit_and_a_dash_for_nothing():
    cells = table_cells({"mean IoU": [0.7, 0.8], "accuracy at edges": [61.0]})
    assert cells["mean IoU"] == "0.750 ± 0.050 (n = 2)" and cells["accuracy at edges"] == "61.0 % (n = 1)"
    assert cells["training loss"] == "–"
