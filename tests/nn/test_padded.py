"""core.nn.padded: padding against torch's own, sizes against the published table, weights against plain layers."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from core.nn.padded import (
    CHANNELS,
    CONV_TYPES,
    HEADS,
    PADDING,
    STRIDES,
    ConvType,
    Head,
    PaddedConv,
    PadMode,
    RedGreenNet,
    feature_sizes,
    output_size,
    pad,
)

MODES: tuple[PadMode, ...] = get_args(PadMode)
LAYOUTS = (torch.contiguous_format, torch.channels_last)
LAST_MAP = {"valid": 2, "sconv": 4, "fconv": 6, "reflect": 6, "replicate": 6, "circular": 6}  # pixels, as published


def _torch_pad(images: torch.Tensor, amount: int, mode: PadMode) -> torch.Tensor:
    return F.pad(images, (amount,) * 4, mode="constant" if mode == "zeros" else mode)


@st.composite
def padded_images(draw: st.DrawFn) -> tuple[torch.Tensor, int]:
    """Images (batch, channel, h, w) in either layout, and a pad that every mode allows for them (less than a side)."""
    batch, channels = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    height, width = draw(st.integers(5, 9)), draw(st.integers(5, 9))
    amount = draw(st.integers(0, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    images = torch.randn((batch, channels, height, width), generator=generator, dtype=torch.float64)
    return images.contiguous(memory_format=draw(st.sampled_from(LAYOUTS))), amount


@pytest.mark.parametrize("mode", MODES)
@given(case=padded_images())
def test_pad_and_its_gradient_equal_torchs(mode: PadMode, case: tuple[torch.Tensor, int]):
    images, amount = case
    mine, theirs = images.clone().requires_grad_(), images.clone().requires_grad_()
    found, expected = pad(mine, amount, mode), _torch_pad(theirs, amount, mode)
    assert torch.equal(found, expected)
    slope = torch.linspace(-1, 1, expected.numel(), dtype=torch.float64).reshape(expected.shape)
    found.backward(slope)
    expected.backward(slope)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_pad_keeps_channels_last(mode: PadMode):
    images = torch.randn(2, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    assert pad(images, 2, mode).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("mode", "row"),
    [
        ("zeros", [0, 0, 1, 2, 3, 0, 0]),
        ("reflect", [3, 2, 1, 2, 3, 2, 1]),
        ("replicate", [1, 1, 1, 2, 3, 3, 3]),
        ("circular", [2, 3, 1, 2, 3, 1, 2]),
    ],
)
def test_a_padded_row_reads_as_its_mode_says(mode: PadMode, row: list[int]):
    images = torch.tensor([1.0, 2.0, 3.0]).expand(1, 1, 3, 3)
    assert pad(images, 2, mode)[0, 0, 2].tolist() == row


@pytest.mark.parametrize("conv", CONV_TYPES)
def test_last_feature_map_is_as_published(conv: ConvType):
    assert feature_sizes(conv)[-1] == LAST_MAP[conv]


@given(size=st.integers(5, 40), kernel=st.integers(1, 5), stride=st.integers(1, 3), padding=st.integers(0, 4))
def test_output_size_counts_the_positions_a_kernel_fits_at(size: int, kernel: int, stride: int, padding: int):
    starts = [start for start in range(0, size + 2 * padding, stride) if start + kernel <= size + 2 * padding]
    assert output_size(size, kernel, stride, padding) == len(starts)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("conv", CONV_TYPES)
def test_a_net_makes_maps_of_the_sizes_it_says(conv: ConvType, head: Head):
    net = RedGreenNet(conv, head).eval()
    with torch.inference_mode():
        maps = net.feature_maps(torch.zeros(2, 3, 32, 32))
        logits = net(torch.zeros(2, 3, 32, 32))
    assert [tuple(one.shape) for one in maps] == [
        (2, channels, side, side) for channels, side in zip(CHANNELS[1:], feature_sizes(conv), strict=True)
    ]
    assert logits.shape == (2, 2)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("conv", CONV_TYPES)
def test_padded_conv_equals_conv2d_with_that_padding_mode(conv: ConvType, stride: int):
    amount, mode = PADDING[conv]
    mine = PaddedConv(3, 5, stride, conv).double()
    theirs = nn.Conv2d(3, 5, 3, stride=stride, padding=amount, padding_mode=mode, bias=False).double()
    theirs.load_state_dict(mine.state_dict())
    generator = torch.Generator().manual_seed(0)
    images = torch.randn((2, 3, 11, 8), generator=generator, dtype=torch.float64)
    torch.testing.assert_close(mine(images), theirs(images), rtol=1e-12, atol=1e-12)


def _plain_layers(conv: ConvType, head: Head) -> list[nn.Module]:
    """The published net's layers in the order in which the original script makes them."""
    amount, mode = PADDING[conv]
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=amount, padding_mode=mode, bias=False)
        for inputs, outputs, stride in zip(CHANNELS[:-1], CHANNELS[1:], STRIDES, strict=True)
    ]
    if head == "pool":
        return [*layers, nn.Linear(64, 2)]
    return [*layers, nn.Linear(64 * LAST_MAP[conv] ** 2, 64), nn.Linear(64, 2)]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("conv", CONV_TYPES)
def test_initial_weights_are_those_of_plain_layers(conv: ConvType, head: Head):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        mine = list(RedGreenNet(conv, head).parameters())
        torch.manual_seed(7)
        theirs = [parameter for layer in _plain_layers(conv, head) for parameter in layer.parameters()]
    assert len(mine) == len(theirs)
    assert all(torch.equal(one, other) for one, other in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("conv", CONV_TYPES)
def test_a_net_computes_what_the_published_layers_compute(conv: ConvType, head: Head):
    net = RedGreenNet(conv, head).double()
    layers = _plain_layers(conv, head)
    for layer, (weights, *bias) in zip(layers, _grouped(net), strict=True):
        layer.load_state_dict({"weight": weights, **({"bias": bias[0]} if bias else {})})
    images = torch.rand((3, 3, 32, 32), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = images
    for layer in layers[:4]:
        expected = torch.relu(layer.double()(expected))
    expected = F.adaptive_max_pool2d(expected, 1).flatten(1) if head == "pool" else expected.flatten(1)
    for layer in layers[4:]:
        expected = layer.double()(expected)
    torch.testing.assert_close(net(images), expected, rtol=1e-10, atol=1e-12)


def _grouped(net: RedGreenNet) -> list[list[Any]]:
    modules = [one for one in net.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    return [list(module.parameters()) for module in modules]
