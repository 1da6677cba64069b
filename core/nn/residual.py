"""Plain and residual nets of 6n + 2 layers for small pictures, with the same parameters.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2: three stages of 2n 3×3
convolutions with width, 2·width and 4·width channels, the side halved between them, global mean pool, one linear layer;
shortcuts without parameters (option A). Ours: without batch normalisation each convolution has a bias, and a residual
branch is scaled by 1/√blocks, since unscaled branches would double the variance with every block.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STAGES = 3


def blocks_in(layers: int) -> int:
    """n, the blocks of two convolutions a stage. Raises ValueError unless layers is 6n + 2."""
    count, rest = divmod(layers - 2, 2 * STAGES)
    if rest or count < 1:
        raise ValueError(f"layers must be 6n + 2, at least 8; got {layers}. Try layers={6 * max(count, 1) + 2}.")
    return count


class Layer(nn.Module):
    """A 3×3 convolution that keeps the side (stride 1) or halves it (2), then batch normalisation, else a bias."""

    def __init__(self, inputs: int, outputs: int, stride: int, batch_norm: bool) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=not batch_norm)
        self.norm = nn.BatchNorm2d(outputs) if batch_norm else nn.Identity()
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")  # std √(2 / (9 · inputs))
        if self.convolution.bias is not None:
            nn.init.zeros_(self.convolution.bias)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> the response before its ReLU: (batch, outputs, h / stride, w / stride)."""
        response: Tensor = self.norm(self.convolution(maps))
        return response


class Block(nn.Module):
    """Two layers f. A residual block adds its input to their response, ReLU(x + scale · f(x)); else ReLU(f(x))."""

    def __init__(self, inputs: int, outputs: int, stride: int, residual: bool, batch_norm: bool, scale: float) -> None:
        super().__init__()
        self.residual, self.stride, self.scale = residual, stride, scale
        self.extra = outputs - inputs  # channels that the shortcut fills with zeros
        self.first = Layer(inputs, outputs, stride, batch_norm)
        self.second = Layer(outputs, outputs, 1, batch_norm)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, outputs, h / stride, w / stride)."""
        response = self.second(torch.relu_(self.first(maps)))
        if self.residual:
            response = torch.add(self.shortcut(maps), response, alpha=self.scale)
        return torch.relu_(response)

    def shortcut(self, maps: Tensor) -> Tensor:
        """The input itself; where the shape changes, every second pixel of it, and zeros for the new channels."""
        if self.stride > 1:
            maps = maps[:, :, :: self.stride, :: self.stride]
        return F.pad(maps, (0, 0, 0, 0, 0, self.extra)) if self.extra else maps


class ResidualNet(nn.Module):
    """layers = 6n + 2 of them; plain and residual ones have the same parameters, by name, shape and initial value."""

    def __init__(
        self, layers: int, *, residual: bool, batch_norm: bool, width: int, inputs: int = 3, classes: int = 10
    ) -> None:
        super().__init__()
        count = blocks_in(layers)
        scale = 1.0 if batch_norm else 1 / math.sqrt(STAGES * count)
        self.stem = Layer(inputs, width, 1, batch_norm)
        blocks = []
        before = width
        for stage in range(STAGES):
            for place in range(count):
                stride = 2 if stage and not place else 1
                blocks.append(Block(before, before * stride, stride, residual, batch_norm, scale))
                before *= stride
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(before, classes)

    def forward(self, images: Tensor) -> Tensor:
        """(batch, inputs, h, w) -> (batch, classes) logits."""
        maps = self.blocks(torch.relu_(self.stem(images)))
        logits: Tensor = self.head(maps.mean(dim=(-2, -1)))
        return logits

    def convolutions(self) -> list[Layer]:
        """The layers but the last, from the picture on."""
        return [one for one in self.modules() if isinstance(one, Layer)]

    def weights(self) -> list[Tensor]:
        """The weights of each layer, from the picture on: `layers` of them."""
        return [*(one.convolution.weight for one in self.convolutions()), self.head.weight]
