from __future__ import annotations

import re
import time

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from core.demos.convolution import PAD_MODES
from core.demos.receptive_field import (
    SelfAttention,
    attention_field,
    convolution_field,
    gradient_field,
    net_layers,
    reach,
    theoretical_fields,
)
from core.nn.padded import CONV_TYPES, feature_sizes, pad

LAYERS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 5]), st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=4
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def gradient_support(size, layers, unit, mode):
    """Where the gradient of a stack of all-ones convolutions is not zero: (size,), by autograd."""
    line = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    out = line
    for kernel, stride, padding in layers:
        out = F.conv2d(pad(out, padding, mode), torch.ones(1, 1, kernel, kernel, dtype=torch.float64), stride=stride)
    (gradient,) = torch.autograd.grad(out[0, 0, unit, unit], line)
    return (gradient[0, 0] != 0).any(dim=0).numpy()


def fit(size, layers, mode):
    """Do the layers fit, and has every padding something to copy?"""
    for kernel, stride, padding in layers:
        if kernel > size + 2 * padding or padding > {"reflect": size - 1, "circular": size}.get(mode, 9):
            return 0
        size = (size + 2 * padding - kernel) // stride + 1
    return size


@given(st.integers(1, 24), LAYERS, st.sampled_from(PAD_MODES), st.data())
@settings(deadline=None)
def test_reach_is_the_support_of_the_gradient(size, layers, mode, data):
    side = fit(size, layers, mode)
    assume(side > 0)
    unit = data.draw(st.integers(0, side - 1))
    np.testing.assert_array_equal(reach(size, layers, unit, mode), gradient_support(size, layers, unit, mode))


@given(LAYERS)
@settings(deadline=None)
def test_the_box_is_the_support_of_a_unit_far_from_the_border(layers):
    assume(all(kernel >= stride for kernel, stride, _ in layers))  # or the field has holes
    size = 241
    field = theoretical_fields(layers)[-1]
    unit = fit(size, layers, "zeros") // 2
    seen = np.flatnonzero(gradient_support(size, layers, unit, "zeros"))
    assume(0 < seen[0] and seen[-1] < size - 1)
    assert field.box(unit) == (seen[0], seen[-1])
    assert field.size == len(seen)


@pytest.mark.parametrize("conv", CONV_TYPES)
def test_the_red_green_net_sees_17_pixels_every_8(conv):
    fields = theoretical_fields(net_layers(conv))
    assert [field.size for field in fields] == [3, 5, 9, 17]
    assert [field.jump for field in fields] == [1, 2, 4, 8]


@pytest.mark.parametrize("conv", CONV_TYPES)
def test_the_effective_field_lies_inside_the_theoretical_one(conv):
    for unit in range(feature_sizes(conv)[-1]):
        field = convolution_field(conv, unit, unit)
        assert not field.values[~field.seen].any()
        assert field.values[field.seen].any()
        assert field.values.max() == 1


def test_with_zero_padding_what_is_seen_is_the_part_of_the_box_on_the_image():
    field = convolution_field("fconv", 0, 3)
    top, bottom, left, right = field.box
    rows, cols = np.mgrid[:32, :32]
    np.testing.assert_array_equal(field.seen, (rows >= top) & (rows <= bottom) & (cols >= left) & (cols <= right))


def test_circular_padding_lets_the_corner_see_the_opposite_corner():
    assert convolution_field("circular", 0, 0).values[31, 31] > 0
    assert convolution_field("fconv", 0, 0).values[31, 31] == 0


@pytest.mark.parametrize("patch", [1, 4, 8])
def test_attention_sees_everything(patch):
    field = attention_field(patch, 0, 0)
    assert (field.values > 0).all() and field.seen.all()


def test_attention_spreads_wider_than_convolution():
    assert attention_field(1).half_mass > 0.3 > 0.1 > convolution_field("fconv").half_mass


def test_attention_equals_torchs_own():
    torch.manual_seed(0)
    layer, images = SelfAttention(4).double(), torch.randn(2, 3, 8, 12, dtype=torch.float64)
    tokens = F.unfold(images, 4, stride=4).mT
    mixed = F.scaled_dot_product_attention(layer.query(tokens), layer.key(tokens), layer.value(tokens))
    torch.testing.assert_close(layer(images), mixed.mT.reshape(2, 32, 2, 3))
    torch.testing.assert_close(layer.mix(images, slice(4, 5))[:, 0], layer(images)[..., 1, 1])


def test_the_gradient_of_a_linear_map_is_its_weight():
    weight = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    field = gradient_field(lambda images: F.conv2d(images, weight), torch.randn(1, 3, 5, 5), 0, 0)
    torch.testing.assert_close(field, weight[0].abs().mean(dim=0))


def test_fields_repeat_and_leave_the_random_state_alone():
    before = torch.get_rng_state()
    one, same, other = (convolution_field("sconv", seed=seed).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_fields_are_computed_where_gradients_are_switched_off():
    with torch.no_grad():
        assert attention_field(8).values.max() == 1


@pytest.mark.parametrize(
    "call", [*(lambda conv=conv: convolution_field(conv) for conv in CONV_TYPES), lambda: attention_field(1)]
)
def test_a_field_is_computed_within_100_ms(call):
    def seconds() -> float:
        start = time.process_time()
        call()
        return time.process_time() - start

    assert min(seconds() for _ in range(5)) < 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolution_field("same"), "conv must be one of valid, sconv, fconv, reflect, replicate, circular; "),
        (lambda: convolution_field("valid", 2), "row must be from 0 to 1, the last map having 2 units a side; got 2."),
        (lambda: attention_field(5), "patch must divide the image's 32 px; got 5. Try 1, 2, 4, 8 or 16."),
        (lambda: attention_field(8, 0, 4), "col must be from 0 to 3, the last map having 4 units a side; got 4."),
        (lambda: reach(8, [(3, 1, 0)], 6), "unit must be from 0 to 5, the last map having 6 units a side; got 6."),
    ],
)
def test_errors_tell_rule_value_and_remedy(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        call()
