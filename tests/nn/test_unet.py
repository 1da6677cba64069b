"""The U-Net: published sizes, and skips that are zeros with the parameters kept."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.nn.unet import UNet, open_stages


def test_the_published_net_has_the_published_channels():
    net = UNet(64, 2, "all", 11)
    shapes = [(one.in_channels, one.out_channels) for one in net.modules() if isinstance(one, nn.Conv2d)]
    assert shapes == [(1, 64), (64, 128), (128, 64), (64 + 128, 32), (32 + 64, 32), (32, 11)]
    ups = [
        (one.in_channels, one.kernel_size, one.stride) for one in net.modules() if isinstance(one, nn.ConvTranspose2d)
    ]
    assert ups == [(64, (2, 2), (2, 2)), (32, (2, 2), (2, 2))]


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("side", [60, 13])  # halved to odd sides on the way, and odd from the start
def test_every_depth_gives_logits_of_the_scenes_size(depth: int, side: int):
    assert UNet(4, depth, "all", 11)(torch.rand(2, 1, side, side)).shape == (2, 11, side, side)


def test_which_skips_are_open():
    assert open_stages("all", 3) == {0, 1, 2}
    assert (open_stages("deep", 3), open_stages("shallow", 3), open_stages("none", 3)) == ({2}, {0}, frozenset())
    assert open_stages("deep", 1) == open_stages("shallow", 1) == open_stages("all", 1) == {0}


def test_all_choices_start_from_the_same_parameters():
    states = []
    for skips in ("all", "deep", "shallow", "none"):
        torch.manual_seed(5)
        states.append(UNet(4, 2, skips, 11).state_dict())
    assert all(torch.equal(states[0][name], state[name]) for state in states for name in states[0])


@pytest.mark.parametrize(("skips", "stage"), [("deep", 1), ("shallow", 0)])
def test_a_skip_that_is_off_is_a_skip_whose_weights_are_zero(skips: str, stage: int):
    """Up stage 0 undoes down stage 1. What zeros come in by may as well have weights of zero."""
    torch.manual_seed(0)
    whole, part = UNet(4, 2, "all", 11).eval(), UNet(4, 2, skips, 11).eval()
    part.load_state_dict(whole.state_dict())
    closed = whole.up[stage].convolution[0]  # of the other stage: up[0] belongs to stage 1, up[1] to stage 0
    own = whole.up[stage].enlarge.out_channels
    images = torch.rand(2, 1, 20, 20)
    with torch.inference_mode():
        before = whole(images)
        closed.weight[:, own:] = 0
        assert not torch.allclose(before, part(images))
        torch.testing.assert_close(whole(images), part(images))


def test_without_skips_the_answer_depends_on_nothing_but_the_middle():
    torch.manual_seed(0)
    net = UNet(4, 2, "none", 11)
    seen: list[torch.Tensor] = []
    net.middle.register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.rand(1, 1, 8, 8, requires_grad=True)
    logits = net(images)
    through = torch.autograd.grad(logits.sum(), [seen[0], images], retain_graph=True)
    again = torch.autograd.grad(seen[0], images, through[0])[0]  # the chain rule through the middle alone
    torch.testing.assert_close(again, through[1])
