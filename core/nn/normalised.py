"""A small net for pictures whose normalisation can be chosen."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

Norm = Literal["batch", "layer", "group", "instance", "none"]
CHANNELS, GROUPS, CLASSES = (8, 16), 4, 10


def norm_layer(kind: Norm, channels: int) -> nn.Module:
    """For maps (n, channels, h, w). Layer norm is group norm with one group, instance norm with a group a channel."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "none":
        return nn.Identity()
    return nn.GroupNorm({"layer": 1, "group": GROUPS, "instance": channels}[kind], channels)


class NormalisedNet(nn.Module):
    """Two convolutions, each with a normalisation and ReLU; the mean over places; one linear layer."""

    def __init__(self, kind: Norm) -> None:
        """kind: of the normalisation."""
        super().__init__()
        one, two = CHANNELS
        self.features = nn.Sequential(
            nn.Conv2d(1, one, 3, padding=1),
            norm_layer(kind, one),
            nn.ReLU(),
            nn.Conv2d(one, two, 3, stride=2, padding=1),
            norm_layer(kind, two),
            nn.ReLU(),
        )
        self.head = nn.Linear(two, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 1, h, w) -> logits (n, 10)."""
        logits: Tensor = self.head(self.features(images).mean(dim=(2, 3)))
        return logits
