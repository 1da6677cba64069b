from __future__ import annotations

import re
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from core.demos.convolution import KERNELS, PAD_MODES, output_size, output_sizes, pad_image, products
from core.nn import padded

NUMPY_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
TORCH_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
IMAGE = np.arange(12.0).reshape(3, 4) + 1


@st.composite
def paddings(draw):
    """An image, and an amount and mode of padding that fit it."""
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    mode = draw(st.sampled_from(PAD_MODES))
    shorter = min(height, width)
    most = {"reflect": shorter - 1, "circular": shorter}.get(mode, 4)
    image = np.random.default_rng(draw(st.integers(0, 999))).normal(size=(height, width))
    return image, draw(st.integers(0, min(4, most))), mode


@given(paddings())
@settings(deadline=None)
def test_padding_equals_numpy_and_torch(case):
    image, amount, mode = case
    values = pad_image(image, amount, mode).values
    np.testing.assert_array_equal(values, np.pad(image, amount, mode=NUMPY_MODES[mode]))
    oracle = F.pad(torch.from_numpy(image)[None, None], (amount,) * 4, mode=TORCH_MODES[mode])
    np.testing.assert_array_equal(values, oracle[0, 0].numpy())


@given(paddings())
@settings(deadline=None)
def test_every_padded_pixel_equals_its_source_and_zeros_have_none(case):
    image, amount, mode = case
    result = pad_image(image, amount, mode)
    sourced = result.origin[..., 0] >= 0
    rows, cols = np.moveaxis(result.origin[sourced], -1, 0)
    np.testing.assert_array_equal(result.values[sourced], image[rows, cols])
    assert (result.values[~sourced] == 0).all() and (result.origin[~sourced] == -1).all()
    np.testing.assert_array_equal(sourced, result.inside if mode == "zeros" else np.ones_like(sourced))


@given(paddings(), st.data())
@settings(deadline=None)
def test_the_products_sum_to_what_torch_computes(case, data):
    image, amount, mode = case
    kernel = np.random.default_rng(7).normal(size=(3, 3))
    wide = F.pad(torch.from_numpy(image)[None, None], (amount,) * 4, mode=TORCH_MODES[mode])
    assume(min(wide.shape[-2:]) >= 3)  # or the kernel fits nowhere
    oracle = F.conv2d(wide, torch.from_numpy(kernel)[None, None])[0, 0].numpy()
    row, col = (data.draw(st.integers(0, size - 1)) for size in oracle.shape)
    by_hand = products(image, kernel, amount, mode, row, col)
    assert by_hand.shape == oracle.shape
    assert by_hand.total == pytest.approx(oracle[row, col])
    assert by_hand.total == pytest.approx(by_hand.products.sum())


def test_a_corner_with_padding_one_has_five_products_outside():
    by_hand = products(IMAGE, KERNELS["mean"], 1, "zeros", 0, 0)
    np.testing.assert_array_equal(by_hand.outside, [[1, 1, 1], [1, 0, 0], [1, 0, 0]])
    assert by_hand.total == pytest.approx((1 + 2 + 5 + 6) / 9)


def test_the_kernel_is_not_flipped():
    step = np.array([[0.0, 0.0, 1.0]] * 3)
    assert products(step, KERNELS["left edge"], 0, "zeros", 0, 0).total == 4


@given(st.integers(1, 40), st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(0, 4)), max_size=4))
@settings(deadline=None)
def test_output_sizes_are_those_of_real_convolutions(size, layers):
    image = torch.zeros(1, 1, size)
    measured = []
    for kernel, stride, padding in layers:
        if kernel > image.shape[-1] + 2 * padding:
            with pytest.raises(ValueError, match=f"Layer {len(measured) + 1}: kernel must fit"):
                output_sizes(size, layers)
            return
        image = F.conv1d(image, torch.ones(1, 1, kernel), stride=stride, padding=padding)
        measured.append(image.shape[-1])
    assert [layer.after for layer in output_sizes(size, layers)] == measured


def test_the_formula_reads_with_its_numbers():
    (first, second) = output_sizes(32, [(3, 1, 2), (3, 2, 2)])
    assert first.formula == "⌊(32 + 2·2 − 3) / 1⌋ + 1 = 34"
    assert (second.before, second.after) == (34, 18)


ERRORS = {
    "reflect needs padding < size, as the border pixel is not repeated; got padding 3 on 3 px. Try padding=2 or "
    "replicate.": lambda: pad_image(IMAGE, 3, "reflect"),
    "circular needs padding <= size, as it goes round once; got padding 4 on 3 px. Try padding=3.": lambda: pad_image(
        IMAGE, 4, "circular"
    ),
    "padding must be from 0 to 4 px; got 5.": lambda: pad_image(IMAGE, 5, "zeros"),
    "mode must be one of zeros, reflect, replicate, circular; got 'same'.": lambda: pad_image(IMAGE, 1, "same"),
    "image must have two axes, rows and columns; got shape (1, 3, 4). Pass one channel.": lambda: pad_image(
        IMAGE[None], 1, "zeros"
    ),
    "kernel must be square with an odd side; got shape (2, 2). Try 3×3.": lambda: products(
        IMAGE, np.ones((2, 2)), 0, "zeros", 0, 0
    ),
    "row must be from 0 to 2, the output being 3×4; got 3.": lambda: products(IMAGE, KERNELS["mean"], 1, "zeros", 3, 0),
    "kernel must fit the padded image, k <= n + 2p; got k=5, n=2, p=1. Try padding=2 or a kernel of at most 4.": (
        lambda: output_size(2, 5, 1, 1)
    ),
    "stride must be at least 1 px; got 0.": lambda: output_size(8, 3, 0, 1),
    "padding must be at least 0 px; got -1.": lambda: output_size(8, 3, 1, -1),
}


@pytest.mark.parametrize(("message", "call"), ERRORS.items(), ids=range(len(ERRORS)))
def test_errors_tell_rule_value_and_remedy(message, call):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


def test_the_demo_speaks_of_the_same_modes_and_sizes_as_the_nets():
    assert PAD_MODES == get_args(padded.PadMode)
    for conv, (amount, _) in padded.PADDING.items():
        layers = [(padded.KERNEL, stride, amount) for stride in padded.STRIDES]
        assert tuple(layer.after for layer in output_sizes(32, layers)) == padded.feature_sizes(conv)
