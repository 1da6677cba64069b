"""core.nn.residual: counts against the paper's, shortcuts against their definition, plain against residual."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.nn.residual import Block, ResidualNet, blocks_in


def made(layers: int = 8, *, residual: bool = True, batch_norm: bool = True, width: int = 4, inputs: int = 3):
    torch.manual_seed(0)
    return ResidualNet(layers, residual=residual, batch_norm=batch_norm, width=width, inputs=inputs)


@pytest.mark.parametrize("layers", [8, 20, 56])
def test_a_net_has_as_many_layers_as_it_says(layers: int):
    net = made(layers)
    assert len(net.weights()) == layers == len(net.convolutions()) + 1
    kinds = [one for one in net.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    assert [one.weight for one in kinds] == net.weights()  # the same tensors, in order


@pytest.mark.parametrize(("layers", "advice"), [(21, 20), (2, 8), (7, 8)])
def test_other_numbers_of_layers_are_refused(layers: int, advice: int):
    with pytest.raises(ValueError, match=f"got {layers}. Try layers={advice}"):
        blocks_in(layers)


@pytest.mark.parametrize(("layers", "published"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)])
def test_parameters_are_those_of_the_paper(layers: int, published: float):
    n = (layers - 2) // 6
    convolutions = 9 * (3 * 16 + 2 * n * 16**2 + 16 * 32 + (2 * n - 1) * 32**2 + 32 * 64 + (2 * n - 1) * 64**2)
    norms = 2 * (16 + 2 * n * (16 + 32 + 64))
    count = sum(one.numel() for one in made(layers, width=16).parameters())
    assert count == convolutions + norms + 64 * 10 + 10
    assert round(count / 1e6, 2) == pytest.approx(published, abs=0.011)  # the paper's table 6, in millions


@pytest.mark.parametrize("batch_norm", [True, False])
def test_plain_and_residual_begin_with_the_same_parameters(batch_norm: bool):
    plain, residual = (made(14, residual=kind, batch_norm=batch_norm).state_dict() for kind in (False, True))
    assert list(plain) == list(residual)
    assert all(torch.equal(plain[name], residual[name]) for name in plain)


def test_maps_are_halved_twice_and_channels_doubled():
    net, shapes = made(14), []
    for block in net.blocks:
        block.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
    assert net(torch.rand(2, 3, 16, 16)).shape == (2, 10)
    assert shapes == [(4, 16, 16)] * 2 + [(8, 8, 8)] * 2 + [(16, 4, 4)] * 2


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_residual_block_with_zero_weights_is_the_identity(batch_norm: bool):
    block = Block(4, 4, 1, residual=True, batch_norm=batch_norm, scale=0.5)
    nn.init.zeros_(block.second.convolution.weight)
    maps = torch.rand(2, 4, 6, 6)  # as after a ReLU
    torch.testing.assert_close(block(maps), maps)


def test_where_the_shape_changes_the_shortcut_takes_every_second_pixel_and_adds_zeros():
    block = Block(4, 8, 2, residual=True, batch_norm=True, scale=1.0)
    maps = torch.rand(2, 4, 6, 6)
    found = block.shortcut(maps)
    assert torch.equal(found[:, :4], maps[:, :, ::2, ::2]) and not found[:, 4:].any()


def test_the_scale_multiplies_the_branch_alone():
    one, half = (Block(4, 4, 1, residual=True, batch_norm=False, scale=scale) for scale in (1.0, 0.5))
    half.load_state_dict(one.state_dict())
    maps = torch.rand(1, 4, 5, 5)
    torch.testing.assert_close(one.shortcut(maps), maps)
    both = []
    for block in (one, half):
        nn.init.constant_(block.second.convolution.bias, 50.0)  # so that no ReLU clips
        both.append(block(maps) - maps)
    torch.testing.assert_close(2 * both[1], both[0], rtol=1e-4, atol=1e-3)


def test_without_batch_norm_the_branches_keep_the_variance_within_a_factor_of_e():
    net = made(56, batch_norm=False, width=16)
    maps = torch.randn(8, 3, 16, 16)
    with torch.inference_mode():
        before = torch.relu(net.stem(maps))
        after = net.blocks[:9](before)  # the first stage, where no shape changes
    assert 0.5 < after.square().mean() / before.square().mean() < 3.5
