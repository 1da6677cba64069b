"""A small U-Net whose skip connections can be switched off one by one, with the same parameters all the while.

Source: Ronneberger et al., MICCAI 2015, in the small form of course material: one convolution a stage.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Skips = Literal["all", "deep", "shallow", "none"]


def open_stages(skips: Skips, depth: int) -> frozenset[int]:
    """Which stages hand their maps across; stage 0 works at full resolution, stage depth − 1 next to the middle.

    "deep" is the last stage alone and "shallow" the first alone: at depth 1 both are the only one, and the stages
    between, from depth 3 on, belong to "all" alone.
    """
    chosen = {"all": range(depth), "deep": [depth - 1], "shallow": [0], "none": []}
    return frozenset(chosen[skips])


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """3×3, padding 1, batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Up(nn.Module):
    """A transposed 2×2 convolution of stride 2, the skip beside it (or zeros in its place), and a convolution."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(inputs, inputs, 2, stride=2)
        self.convolution = convolution(inputs + skip, outputs)

    def forward(self, maps: Tensor, skip: Tensor, opened: bool) -> Tensor:
        """(batch, inputs, h/2, w/2) and (batch, skip, h, w) -> (batch, outputs, h, w)."""
        larger = self.enlarge(maps)[..., : skip.shape[-2], : skip.shape[-1]]  # an odd side was rounded up
        beside = skip if opened else torch.zeros_like(skip)
        answer: Tensor = self.convolution(torch.cat((larger, beside), dim=1))
        return answer


class UNet(nn.Module):
    """1 channel -> classes. Down stages of width, 2·width, 4·width …, the middle of width, Up stages of width/2.

    With width 64 and depth 2: Down(1→64), Down(64→128), 128→64, Up(64 + 128 → 32), Up(32 + 64 → 32), 1×1.
    """

    def __init__(self, width: int, depth: int, skips: Skips, classes: int) -> None:
        super().__init__()
        wide = [width * 2**stage for stage in range(depth)]
        self.open = open_stages(skips, depth)
        self.down = nn.ModuleList(convolution(a, b) for a, b in zip([1, *wide], wide, strict=False))
        self.middle = convolution(wide[-1], width)
        half = width // 2
        self.up = nn.ModuleList(Up(half if number else width, skip, half) for number, skip in enumerate(wide[::-1]))
        self.head = nn.Conv2d(half, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 1, h, w) -> (batch, classes, h, w) logits."""
        maps, skipped = images, []
        for down in self.down:
            maps = down(maps)
            skipped.append(maps)
            maps = F.max_pool2d(maps, 2, ceil_mode=True)
        maps = self.middle(maps)
        for stage, up in zip(reversed(range(len(skipped))), self.up, strict=True):
            maps = up(maps, skipped[stage], stage in self.open)
        logits: Tensor = self.head(maps)
        return logits
