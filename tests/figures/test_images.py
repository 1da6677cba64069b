from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from core.figures import images
from core.figures.images import feature_maps, heat_map, image_grid, png, position_maps, rgb
from core.nn.padded import CHANNELS, CONV_TYPES, feature_sizes

DRAW = np.random.default_rng(0)
PICTURE = DRAW.random((3, 32, 32))


def decoded(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))


@pytest.mark.parametrize("channels", [3, 4])
def test_png_is_what_another_decoder_reads(channels):
    pixels = DRAW.integers(0, 256, (5, 7, channels)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(png(pixels)), pixels)


def test_rgb_puts_channels_last_and_clips():
    image = np.array([-1.0, 0.5, 2.0]).reshape(3, 1, 1)
    np.testing.assert_array_equal(rgb(image), [[[0, 128, 255]]])


def test_the_grid_shows_every_image_under_its_title():
    images = DRAW.random((6, 3, 8, 8))
    figure = image_grid(images, [f"image {i}" for i in range(6)], columns=4)
    for trace, image in zip(figure.data, images, strict=True):
        np.testing.assert_array_equal(decoded(trace.source), rgb(image))
    assert [one.text for one in figure.layout.annotations] == [f"image {i}" for i in range(6)]
    assert len({(trace.xaxis, trace.yaxis) for trace in figure.data}) == 6
    assert figure.layout.xaxis5.title.text == "Column (px)" and figure.layout.yaxis5.title.text == "Row (px)"


def test_the_grid_asks_for_one_title_an_image():
    with pytest.raises(ValueError, match=r"^titles must be one an image; got 1 for 2 images\.$"):
        image_grid(np.zeros((2, 3, 4, 4)), ["only"])


@pytest.mark.parametrize("conv", CONV_TYPES)
def test_feature_maps_of_a_net_travel_in_less_than_200_kb(conv):
    maps = [DRAW.random((width, side, side)) for width, side in zip(CHANNELS[1:], feature_sizes(conv), strict=True)]
    assert len(feature_maps(maps, PICTURE).to_json()) < 200_000


def test_every_channel_has_its_tile_in_percent_of_the_layers_largest():
    channels = DRAW.random((20, 4, 3))
    channels[7, 1, 2] = 2.0
    _, mosaic = feature_maps([channels], PICTURE).data
    assert mosaic.z.shape == (2 * 4, 16 * 3) and mosaic.z.dtype == np.uint8
    for channel, values in enumerate(channels):
        row, column = divmod(channel, 16)
        tile = slice(4 * row, 4 * row + 4), slice(3 * column, 3 * column + 3)
        np.testing.assert_array_equal(mosaic.z[tile], (values * 50).round())
        assert (mosaic.customdata[tile] == channel).all()
    assert (mosaic.z[4:, 4 * 3 :] == 0).all()  # no channel there
    assert "% of 2<" in mosaic.hovertemplate


def test_a_dead_layer_is_drawn_as_zeros():
    _, mosaic = feature_maps([np.zeros((64, 2, 2))], PICTURE).data
    assert (mosaic.z == 0).all()


def test_layers_are_named_with_their_size():
    figure = feature_maps([np.full((32, 34, 34), 1.5), np.ones((64, 6, 6))], PICTURE)
    assert [one.text for one in figure.layout.annotations] == [
        "Input",
        "Layer 1: 32 channels of 34×34, from 0 to 1.5",
        "Layer 2: 64 channels of 6×6, from 0 to 1",
    ]
    bottoms, tops = zip(*(figure.layout[name].domain for name in ("yaxis", "yaxis2", "yaxis3")), strict=True)
    assert all(below < above for below, above in zip(tops[1:], bottoms, strict=False)) and bottoms[-1] >= 0


def test_negative_activations_are_refused():
    with pytest.raises(ValueError, match=r"^activations must be at least 0, as after ReLU; got -1 in layer 2\.$"):
        feature_maps([np.ones((1, 2, 2)), -np.ones((1, 2, 2))], PICTURE)


def test_a_heat_map_is_labelled_and_sent_as_float32():
    values = DRAW.random((2, 3))
    figure = heat_map(values, np.arange(3), np.arange(2), "Accuracy (%)", 0, 100, "Title")
    (trace,) = figure.data
    assert trace.z.dtype == np.float32
    np.testing.assert_allclose(trace.z, values, rtol=1e-6)
    assert (trace.zmin, trace.zmax, trace.colorbar.title.text) == (0, 100, "Accuracy (%)")
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("Column (px)", "Row (px)")
    assert figure.layout.yaxis.autorange == "reversed"  # rows run downwards, as in an image


def test_position_maps_outline_where_each_class_was_trained():
    accuracy = DRAW.random((2, 4, 5)) * 100
    figure = position_maps(accuracy, np.arange(0, 8, 2), np.arange(5), [(0, 2), (4, 6)])
    for trace, values in zip(figure.data, accuracy, strict=True):
        np.testing.assert_allclose(trace.z, values, rtol=1e-6)
    assert [(shape.y0, shape.y1, shape.yref) for shape in figure.layout.shapes] == [(-1, 3, "y"), (3, 7, "y2")]
    assert figure.layout.coloraxis.colorbar.title.text == "Accuracy (%)"
    assert figure.layout.xaxis2.title.text == "Column (px)" and figure.layout.yaxis.title.text == "Row (px)"


def test_a_verdict_names_the_class_and_whether_it_is_right():
    assert images.verdict(np.array([0.1, 2.0]), 1) == f"The net says **{images.CLASS_NAMES[1]}**: right."
    assert images.verdict(np.array([0.1, 2.0]), 0).endswith("wrong.")
