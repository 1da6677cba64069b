"""Pictures moved, turned, stretched, slanted and made brighter or darker: more data out of few pictures."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

TURN_DEG, SHIFT_PX, SLANT = 10.0, 2.0, 0.15  # at most, either way
STRETCH, STRENGTH = 0.1, 0.3  # the same, as logarithms of what is multiplied with


def nudged(images: Tensor, stream: torch.Generator) -> Tensor:
    """(n, channels, side, side) from −1 to 1, each changed in its own way; bilinear.

    At the border a picture goes on as it ends there. Brightness is counted from −1 and cut at 1. stream: a generator
    on the CPU, from which seven numbers a picture are drawn.
    """
    drawn = 2 * torch.rand(len(images), 7, generator=stream) - 1
    angle, slant = math.radians(TURN_DEG) * drawn[:, 0], SLANT * drawn[:, 5]
    shift, stretch = 2 * SHIFT_PX / images.shape[-1] * drawn[:, 1:3], (STRETCH * drawn[:, 3:5]).exp()  # ±1: borders
    cos, sin = angle.cos(), angle.sin()
    across = torch.stack([cos * stretch[:, 0], (cos * slant - sin) * stretch[:, 1], shift[:, 0]], dim=1)
    down = torch.stack([sin * stretch[:, 0], (sin * slant + cos) * stretch[:, 1], shift[:, 1]], dim=1)
    theta = torch.stack([across, down], dim=1).to(images.device)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    strength = (STRENGTH * drawn[:, 6]).exp().to(images.device)[:, None, None, None]
    return ((moved + 1) * strength).clamp_max(2) - 1
