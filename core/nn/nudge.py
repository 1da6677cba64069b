"""Pictures moved and turned a little, a batch at once, each in its own way: more data out of few pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

TURN_DEG, SHIFT_PX = 10.0, 2.0  # at most, either way


def nudged(images: Tensor, stream: torch.Generator) -> Tensor:
    """(n, channels, side, side) float, bilinear; at the border a picture goes on as it ends there.

    stream: a generator on the CPU, from which three numbers a picture are drawn.
    """
    drawn = 2 * torch.rand(len(images), 3, generator=stream) - 1
    angle = math.radians(TURN_DEG) * drawn[:, 0]
    shift = 2 * SHIFT_PX / images.shape[-1] * drawn[:, 1:]  # ±1 are the borders
    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack([cos, -sin, shift[:, 0], sin, cos, shift[:, 1]], dim=1).view(-1, 2, 3).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)
