"""Convolutions that differ in their padding alone, and the two red–green nets built of them.

Source: Kayhan & van Gemert, CVPR 2020, section 4.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ConvType = Literal["valid", "sconv", "fconv", "reflect", "replicate", "circular"]
Head = Literal["pool", "flatten"]
PadMode = Literal["zeros", "reflect", "replicate", "circular"]
CONV_TYPES: tuple[ConvType, ...] = get_args(ConvType)
HEADS: tuple[Head, ...] = get_args(Head)

PADDING: dict[ConvType, tuple[int, PadMode]] = {
    "valid": (0, "zeros"),
    "sconv": (1, "zeros"),
    "fconv": (2, "zeros"),
    "reflect": (2, "reflect"),
    "replicate": (2, "replicate"),
    "circular": (2, "circular"),
}
CHANNELS, STRIDES, KERNEL = (3, 32, 32, 64, 64), (1, 2, 2, 2), 3


def output_size(size: int, kernel: int, stride: int, padding: int) -> int:
    """Positions a kernel fits at: floor((n + 2p - k) / s) + 1."""
    return (size + 2 * padding - kernel) // stride + 1


def feature_sizes(conv: ConvType, size: int = 32) -> tuple[int, ...]:
    """Side of the feature map after each layer, in pixels."""
    sizes = []
    for stride in STRIDES:
        size = output_size(size, KERNEL, stride, PADDING[conv][0])
        sizes.append(size)
    return tuple(sizes)


def pad(images: Tensor, amount: int, mode: PadMode) -> Tensor:
    """Pad height and width on both sides: (batch, channel, h, w) -> (batch, channel, h + 2a, w + 2a).

    Equal to torch.nn.functional.pad, which is slow for circular padding on a CPU: that one is ours.
    """
    if amount == 0:
        return images
    if mode == "circular":
        padded: Tensor = _CircularPad.apply(images, amount)
        return padded
    return F.pad(images, (amount,) * 4, mode="constant" if mode == "zeros" else mode)


class _CircularPad(torch.autograd.Function):
    """Circular padding that keeps the channels-last layout, also for the gradient the next convolution is handed."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, amount: int) -> Tensor:
        ctx.amount = amount
        rows = torch.cat((images[..., -amount:, :], images, images[..., :amount, :]), dim=-2)
        return torch.cat((rows[..., -amount:], rows, rows[..., :amount]), dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Each border pixel's gradient goes to the pixel it was copied from on the other side."""
        (gradient,), amount = gradients, ctx.amount
        rows = gradient[..., amount:-amount, :].clone(memory_format=torch.preserve_format)
        rows[..., -amount:, :] += gradient[..., :amount, :]
        rows[..., :amount, :] += gradient[..., -amount:, :]
        inner = rows[..., amount:-amount].clone(memory_format=torch.channels_last)
        inner[..., -amount:] += rows[..., :amount]
        inner[..., :amount] += rows[..., -amount:]
        return inner, None


class PaddedConv(nn.Conv2d):
    """3×3 convolution without bias, padded as its conv type says; parameters and initialisation are nn.Conv2d's."""

    def __init__(self, inputs: int, outputs: int, stride: int, conv: ConvType) -> None:
        amount, self.pad_mode = PADDING[conv]
        by_kernel = self.pad_mode == "zeros"  # the convolution kernel pads with zeros at no cost
        super().__init__(inputs, outputs, KERNEL, stride=stride, padding=amount if by_kernel else 0, bias=False)
        self.pad_amount = 0 if by_kernel else amount

    def forward(self, images: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, outputs, h', w')."""
        return super().forward(pad(images, self.pad_amount, self.pad_mode))


class RedGreenNet(nn.Module):
    """Four padded convolutions, then Net1's global max pool ("pool") or Net2's two linear layers ("flatten")."""

    def __init__(self, conv: ConvType, head: Head) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            PaddedConv(inputs, outputs, stride, conv)
            for inputs, outputs, stride in zip(CHANNELS[:-1], CHANNELS[1:], STRIDES, strict=True)
        )
        width = CHANNELS[-1]
        self.pooled = head == "pool"
        if self.pooled:
            self.head = nn.Sequential(nn.Linear(width, 2))
        else:
            side = feature_sizes(conv)[-1]
            self.head = nn.Sequential(nn.Linear(width * side * side, width), nn.Linear(width, 2))

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """After each layer's ReLU: (batch, channel, h, w), first to last."""
        maps = []
        for convolution in self.convolutions:
            images = torch.relu_(convolution(images))  # in place: the sum before ReLU is never needed again
            maps.append(images)
        return maps

    def features(self, images: Tensor) -> Tensor:
        """What the head sees: (batch, 64) pooled, or (batch, 64·h·w) flattened channel by channel."""
        last = self.feature_maps(images)[-1]
        return last.amax(dim=(-2, -1)) if self.pooled else last.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, 32, 32) -> (batch, 2) logits."""
        logits: Tensor = self.head(self.features(images))
        return logits
