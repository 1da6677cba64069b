from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from core.demos.convolution import KERNELS, output_sizes, products
from core.figures.padding import (
    border_response,
    kernel_products,
    layer_sizes,
    location_probe,
    padded_image,
    receptive_fields,
)
from core.figures.palette import CONV_STYLES

IMAGE = np.arange(20.0).reshape(4, 5)


@dataclass
class Field:
    values: np.ndarray
    seen: np.ndarray
    box: tuple[float, float, float, float]


def by_hand(mode="zeros", amount=2):
    return products(IMAGE, KERNELS["left edge"], amount, mode, 0, 1)


def hatches(shape):
    """Cells hatched by a shape: three strokes each."""
    return shape.path.count("M") // 3 if shape.path != "M0,0" else 0


def hatch_of(figure):
    return next(one for one in figure.layout.shapes if one.type == "path" and one.fillcolor is None)


def test_the_padded_image_counts_rows_and_columns_from_the_image():
    figure = padded_image(by_hand())
    (trace,) = figure.data
    assert (trace.y[0], trace.y[-1], trace.x[0], trace.x[-1]) == (-2, 5, -2, 6)
    np.testing.assert_allclose(trace.z, np.pad(IMAGE, 2))
    window = figure.layout.shapes[-1]
    assert (window.x0, window.y0, window.x1, window.y1) == (-1.5, -2.5, 1.5, 0.5)
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Column (px)", "Row (px)")


@pytest.mark.parametrize(
    ("mode", "hatched"), [("zeros", 8 * 9 - 20), ("reflect", 0), ("replicate", 0), ("circular", 0)]
)
def test_only_padding_without_a_source_is_hatched(mode, hatched):
    assert hatches(hatch_of(padded_image(by_hand(mode)))) == hatched


def test_hover_tells_where_padding_comes_from():
    words = padded_image(by_hand("reflect")).data[0].customdata
    assert words[0][0] == "padding, a copy of row 2, column 2"
    assert words[2][2] == "the image"
    assert padded_image(by_hand("zeros")).data[0].customdata[0][0] == "padding without a source"


def test_without_padding_the_image_starts_at_zero():
    (trace,) = padded_image(by_hand(amount=0)).data
    assert (trace.y[0], trace.x[0]) == (0, 0)


def test_window_times_kernel_are_the_products_and_their_sum_is_told():
    case = by_hand()
    figure = kernel_products(case)
    window, kernel, result = (trace.z for trace in figure.data)
    np.testing.assert_allclose(window * kernel, result)
    assert figure.layout.title.text == f"Sum = {case.total:.4g}; 7 of 9 products fall outside the image"
    paths = [one for one in figure.layout.shapes if one.type == "path"]
    assert [(one.xref, hatches(one)) for one in paths] == [("x", 7), ("x3", 7)]


def test_layer_sizes_tell_the_side_and_the_formula():
    layers = [(3, 1, 2), (3, 2, 2)]
    figure = layer_sizes(output_sizes(32, layers), layers)
    (bars,) = figure.data
    assert list(bars.y) == [32, 34, 18]
    assert bars.customdata[1] == "⌊(32 + 2·2 − 3) / 1⌋ + 1 = 34"
    assert figure.layout.yaxis.title.text == "Side of the map (px)"


def test_receptive_fields_blank_what_is_not_seen_and_outline_the_box():
    seen = np.eye(4, dtype=bool)
    figure = receptive_fields({"fconv": Field(np.ones((4, 4), np.float32), seen, (-3, 1, 0, 2))})
    (trace,) = figure.data
    np.testing.assert_array_equal(np.isfinite(trace.z), seen)
    _, box = figure.layout.shapes
    assert (box.x0, box.x1, box.y0, box.y1) == (-0.5, 2.5, -3.5, 1.5)
    assert list(figure.layout.yaxis.range) == [4, -4]  # downwards, and wide enough for the box
    assert figure.layout.coloraxis.colorbar.title.text == "Gradient (share of the largest)"


def test_the_probe_shows_mean_std_folds_and_chance():
    figure = location_probe({"fconv": {"layer 1": np.array([50.0, 70.0]), "pooled": np.array([90.0, 90.0])}})
    (trace,) = figure.data
    assert list(trace.y) == [60, 90] and list(trace.error_y.array) == [10, 0]
    assert [list(one) for one in trace.customdata] == [[10, 2], [0, 2]]
    assert "n = %{customdata[1]} folds" in trace.hovertemplate
    (chance,) = figure.layout.shapes
    assert chance.y0 == chance.y1 == 50
    assert figure.layout.yaxis.title.text.endswith("(%)")


def test_the_border_response_has_one_line_a_conv_type_and_marks_the_border():
    positions = np.arange(-3, 3)
    figure = border_response(positions, {conv: positions * 1.0 for conv in CONV_STYLES}, border=0.5)
    assert [trace.line.dash for trace in figure.data] == [look.dash for look in CONV_STYLES.values()]
    (edge,) = figure.layout.shapes
    assert edge.x0 == edge.x1 == 0.5
    assert "(px" in figure.layout.xaxis.title.text and "(activation)" in figure.layout.yaxis.title.text
