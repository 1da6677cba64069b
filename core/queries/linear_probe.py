"""Linear probes: how well a linear layer reads the class from frozen features; several seeds are trained in one call.

As published: Adam at 1e-3, batches of 200, in order. The gradient of softmax regression and Adam's step are written
out: for a layer this small torch's autograd and optimiser cost several times the arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.training import minibatches

RATE, BATCH = 1e-3, 200
BETAS, EPS = (0.9, 0.999), 1e-8  # torch's defaults
PIECE = 500  # steps between two pauses: well below a quarter of a second


class LinearProbe:
    """One linear layer a seed, on features (seeds, n, width) that stay as they are.

    Initialised as nn.Linear after torch.manual_seed(seed), from a generator of its own: the global stream is left as it
    was. weight: (seeds, classes, width + 1), the bias in its last column.
    """

    def __init__(self, features: Tensor, labels: Tensor, classes: int, seeds: Sequence[int]) -> None:
        """labels: (n,) int64, the same for every seed. Raises ValueError where there are none."""
        if features.dim() != 3 or len(features) != len(seeds) or not features.shape[1] or not len(seeds):
            raise ValueError(
                f"A probe needs features (seeds, n, width) with n from 1 up, for {len(seeds)} seeds; got shape "
                f"{tuple(features.shape)}. Give it at least one labelled sample."
            )
        self.features = _with_ones(features.detach())
        self.targets = nn.functional.one_hot(labels, classes).to(features.dtype)  # (n, classes)
        self.weight = torch.stack([_initial(features.shape[2], classes, seed) for seed in seeds]).to(features)
        self._first, self._second = torch.zeros_like(self.weight), torch.zeros_like(self.weight)  # Adam's moments
        self._taken = 0

    def fit(self, epochs: int) -> Iterator[int]:
        """Train while it is pulled; pauses every 500 steps and says how many are done."""
        batches = list(minibatches(self.features.shape[1], BATCH))
        total = epochs * len(batches)
        for start in range(0, total, PIECE):
            stop = min(start + PIECE, total)
            self._steps([batches[number % len(batches)] for number in range(start, stop)])
            yield stop

    @torch.no_grad()
    def accuracy(self, features: Tensor, labels: Tensor) -> NDArray[np.float64]:
        """(seeds,) in %, on features (seeds, n, width) and labels (n,)."""
        right = (_with_ones(features) @ self.weight.mT).argmax(dim=2) == labels
        found: NDArray[np.float64] = 100.0 * right.double().mean(dim=1).cpu().numpy()
        return found

    @torch.no_grad()
    def _steps(self, batches: Sequence[slice]) -> None:
        gradient = torch.empty_like(self.weight)
        for batch in batches:
            inputs = self.features[:, batch]  # (seeds, batch, width + 1)
            slope = torch.softmax(inputs @ self.weight.mT, dim=2).sub_(self.targets[batch])
            torch.baddbmm(gradient, slope.mT, inputs, beta=0, alpha=1 / inputs.shape[1], out=gradient)
            self._adam(gradient)

    def _adam(self, gradient: Tensor) -> None:
        self._taken += 1
        one, two = BETAS
        self._first.lerp_(gradient, 1 - one)
        self._second.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        root = self._second.sqrt().div_(math.sqrt(1 - two**self._taken)).add_(EPS)
        self.weight.addcdiv_(self._first, root, value=-RATE / (1 - one**self._taken))


def probe_accuracy(
    features: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor], classes: int, seeds: Sequence[int], epochs: int
) -> NDArray[np.float64]:
    """(seeds,) in %: train on the first of each pair, score on the second. Features are (seeds, n, width)."""
    probe = LinearProbe(features[0], labels[0], classes, seeds)
    for _ in probe.fit(epochs):
        pass
    return probe.accuracy(features[1], labels[1])


def _with_ones(features: Tensor) -> Tensor:
    """(seeds, n, width) -> (seeds, n, width + 1): what the bias is multiplied with."""
    return nn.functional.pad(features, (0, 1), value=1.0)


def _initial(width: int, classes: int, seed: int) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    weight = nn.init.kaiming_uniform_(torch.empty(classes, width), a=math.sqrt(5), generator=stream)
    bound = 1 / math.sqrt(width)
    return torch.cat([weight, torch.empty(classes, 1).uniform_(-bound, bound, generator=stream)], dim=1)
