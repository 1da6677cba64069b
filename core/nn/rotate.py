"""Pictures turned on the device, a whole batch at once, each by its own angle.

Bilinear, about the middle of the picture, counter-clockwise; rounded to whole levels as in a picture file, so that 0°
is the picture itself and 90° moves its pixels and nothing else.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Fill = Literal["black", "mean", "reflect"]


def rotate(
    images: Tensor, angle_deg: float | Tensor, *, fill: Fill = "black", colour: Tensor | None = None, mask: bool = False
) -> Tensor:
    """Turned pictures, (n, channels, side, side) uint8 as the given ones.

    angle_deg: one for all, or (n,). fill: what stands where the turned picture does not reach: black, `colour`
    (channels,) in levels 0 to 255, or the picture mirrored at its border. mask: black outside the inscribed circle.
    Raises ValueError for pictures that are not square, or a fill "mean" without a colour.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"Pictures must be (n, channels, side, side); got {tuple(images.shape)}. Cut them square first."
        )
    if fill == "mean" and colour is None:
        raise ValueError('The fill "mean" needs a colour; got none. Pass colour=, one level a channel.')
    values = images.float()
    if isinstance(angle_deg, Tensor) or angle_deg % 360:
        values = _sampled(values, angle_deg, fill, colour)
    if mask:
        values = values * circle(images.shape[-1]).to(images.device)
    return values.round_().to(torch.uint8)


@lru_cache(maxsize=8)
def circle(side: int) -> Tensor:
    """(side, side) bool: pixels whose centre is at most (side − 1) / 2 from the middle.

    Turned by any angle they are interpolated from pixels of the picture alone, never from a fill.
    """
    offset = torch.arange(side) - (side - 1) / 2
    return offset[:, None] ** 2 + offset**2 <= ((side - 1) / 2) ** 2


def _sampled(values: Tensor, angle_deg: float | Tensor, fill: Fill, colour: Tensor | None) -> Tensor:
    """(n, channels, side, side) float."""
    grid = _grid(values, angle_deg)
    if fill == "reflect":
        return F.grid_sample(values, grid, padding_mode="reflection", align_corners=True)
    if fill == "mean" and colour is not None:
        level = colour.to(values.device, torch.float32)[:, None, None]
        return F.grid_sample(values - level, grid, align_corners=True) + level
    return F.grid_sample(values, grid, align_corners=True)


def _grid(values: Tensor, angle_deg: float | Tensor) -> Tensor:
    """Where each pixel comes from, (n, side, side, 2); 0 is the middle, ±1 the centres of the outermost pixels."""
    count, _, side, _ = values.shape
    if isinstance(angle_deg, Tensor):
        radians = torch.deg2rad(angle_deg.to(values.device, torch.float32))
        cos, sin, nought = radians.cos(), radians.sin(), torch.zeros_like(radians)
        theta = torch.stack([cos, -sin, nought, sin, cos, nought], dim=1).view(-1, 2, 3)
        return F.affine_grid(theta, [count, 1, side, side], align_corners=True)
    radian = math.radians(angle_deg)
    one = [[math.cos(radian), -math.sin(radian), 0.0], [math.sin(radian), math.cos(radian), 0.0]]
    theta = torch.tensor([one], device=values.device)
    return F.affine_grid(theta, [1, 1, side, side], align_corners=True).expand(count, -1, -1, -1)
