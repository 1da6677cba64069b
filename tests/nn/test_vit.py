"""The vision transformer: patches, what positions do, attention whatever the kernel, and what it refuses."""

from __future__ import annotations

import math
import re
from typing import get_args

import pytest
import torch
from torch.nn import functional as F

from core.nn import vit
from core.nn.nudge import SHIFT_PX, STRENGTH, nudged
from core.nn.vit import Attention, VisionTransformer, patches, pictures, rotary_turns, shuffled, turned

KERNELS = get_args(vit.Similarity)


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def net(**changes: object) -> VisionTransformer:
    torch.manual_seed(0)
    small = {"side": 16, "patch": 4, "width": 16, "heads": 2, "depth": 2}
    made = VisionTransformer(**{**small, **changes}).double()
    with torch.no_grad():
        for one in (made.class_token, made.places):
            if one is not None:
                one.copy_(drawn(*one.shape))  # larger than it begins, so that it shows
    return made


def test_patches_are_cut_row_by_row_and_put_together_again():
    images = torch.arange(2 * 3 * 8 * 8).view(2, 3, 8, 8)
    cut = patches(images, 4)
    assert torch.equal(cut[1, 1].view(3, 4, 4), images[1, :, :4, 4:])  # the second is to the right of the first
    assert torch.equal(pictures(cut, 4, 3), images)


def test_shuffling_moves_patches_alone_always_alike_and_each_picture_in_its_own_way():
    images = drawn(1, 2, 16, 16).expand(3, -1, -1, -1)
    mixed = shuffled(images, 4)
    rows = [sorted(map(tuple, patches(one, 4)[0].tolist())) for one in (images[:1], mixed[:1], mixed[1:2])]
    assert rows[0] == rows[1] == rows[2]
    assert not torch.equal(mixed[0], mixed[1]) and not torch.equal(mixed[0], images[0])
    assert torch.equal(mixed, shuffled(images, 4))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("pooling", get_args(vit.Pooling))
def test_without_positions_the_order_of_patches_tells_nothing(kernel: str, pooling: str):
    images = drawn(4, 1, 16, 16)
    blind = net(similarity=kernel, pooling=pooling, positions="none")
    torch.testing.assert_close(blind(shuffled(images, 4)), blind(images))


@pytest.mark.parametrize("positions", ["absolute", "rotary"])
def test_with_positions_it_does(positions: str):
    images = drawn(4, 1, 16, 16)
    seeing = net(positions=positions)
    assert (seeing(shuffled(images, 4)) - seeing(images)).abs().max() > 1e-3


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_weights_on_show_are_those_that_mix(kernel: str):
    torch.manual_seed(0)
    attention, tokens = Attention(16, 2, kernel).double(), drawn(3, 9, 16)
    weights = attention.weights(tokens, None)
    assert weights.shape == (3, 2, 9, 9) and weights.min() >= 0
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, 2, 9, dtype=torch.float64))
    v = attention.heads_of(tokens, None)[2]
    torch.testing.assert_close(attention.mix((weights @ v).transpose(1, 2).flatten(2)), attention(tokens, None))


def test_softmax_attention_is_torchs_multi_head_attention():
    torch.manual_seed(0)
    ours, tokens = Attention(16, 2, "softmax").double(), drawn(3, 9, 16)
    theirs = torch.nn.MultiheadAttention(16, 2, batch_first=True).double()
    theirs.load_state_dict(
        dict(zip(theirs.state_dict(), [*ours.project.parameters(), *ours.mix.parameters()], strict=True))
    )
    expected, weights = theirs(tokens, tokens, tokens, average_attn_weights=False)
    torch.testing.assert_close(ours(tokens, None), expected)
    torch.testing.assert_close(ours.weights(tokens, None), weights)


@pytest.mark.parametrize("positions", get_args(vit.Positions))
def test_asking_for_weights_changes_no_answer(positions: str):
    images, asked = drawn(2, 1, 16, 16), net(positions=positions)
    logits, weights = asked.forward_with_weights(images)
    torch.testing.assert_close(logits, asked(images))
    assert weights.shape == (2, 2, 2, 17, 17)  # pictures, layers, heads, tokens


def test_after_rotary_turns_only_distances_count():
    across, width = 5, 8
    q, k = turned(drawn(1, width).expand(26, -1), rotary_turns(across, width)), None
    k = turned(drawn(1, width, seed=1).expand(26, -1), rotary_turns(across, width))
    scores = (q @ k.mT)[1:, 1:].view(across, across, across, across)
    torch.testing.assert_close(scores[1:, 1:, 1:, 1:], scores[:-1, :-1, :-1, :-1])
    assert (scores[0, 0, 0, 1] - scores[0, 0, 1, 0]).abs() > 1e-6  # beside is not below
    assert torch.equal(q[0], drawn(1, width)[0])  # a class token stands nowhere


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": 5}, "patch size must divide the sides of a picture, 16×16; got 5. Try 4."),
        ({"heads": 3}, "width must be a multiple of heads; got 16 and 3. Try width=18."),
        (
            {"width": 12, "positions": "rotary"},
            "a multiple of 4, for pairs of rows and columns; got 6. Try 8",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(changes: dict, message: str):
    with pytest.raises(ValueError, match=re.escape(message)):
        net(**changes)


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(ValueError, match=re.escape("pictures must be (n, 1, 16, 16); got (2, 3, 16, 16). Scale them")):
        net()(drawn(2, 3, 16, 16))


def test_nudged_pictures_stay_close_each_in_its_own_way_and_repeat():
    image = torch.full((1, 1, 32, 32), -1.0)
    image[0, 0, 14:18, 14:18] = 0.0  # in the middle, where turning and stretching move nothing
    copies = image.expand(200, -1, -1, -1)
    moved = nudged(copies, torch.Generator().manual_seed(0))
    assert torch.equal(moved, nudged(copies, torch.Generator().manual_seed(0)))
    bright, rows = moved[:, 0] + 1, torch.arange(32.0) - 15.5
    shift = (bright.sum(dim=2) * rows).sum(dim=1) / bright.sum(dim=(1, 2))
    assert SHIFT_PX / 2 < shift.abs().max() <= SHIFT_PX * math.exp(0.3) and shift.unique().numel() == 200
    assert math.exp(-STRENGTH) - 0.01 <= bright.amax(dim=(1, 2)).min() < 0.8
    assert 1.25 < bright.amax(dim=(1, 2)).max() <= math.exp(STRENGTH) + 0.01
    dark = torch.full((2, 3, 32, 32), -1.0)
    torch.testing.assert_close(nudged(dark, torch.Generator().manual_seed(1)), dark)  # nothing comes in at the border
    assert nudged(-dark, torch.Generator().manual_seed(1)).max() <= 1.0


def test_every_kernel_sends_gradients_to_queries_and_keys():
    for kernel in KERNELS:
        one = net(similarity=kernel)
        F.cross_entropy(one(drawn(4, 1, 16, 16)), torch.arange(4)).backward()
        gradient = one.blocks[0].attention.project.weight.grad
        assert gradient.isfinite().all() and gradient[:32].norm() > 0, kernel
