"""Two spiral arms in the plane, one a class: a task that a straight line cannot solve and a small net can."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SEED = 42
TRAIN, TEST = 640, 360
TURNS, NOISE = 0.75, 0.06  # of an arm; standard deviation of a point beside it


@dataclass(frozen=True)
class Points:
    """inputs: (n, 2) float32. labels: (n,) of 0 and 1."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


@lru_cache
def load() -> tuple[Points, Points]:
    """640 points to train on and 360 to test with, always the same."""
    rng = np.random.default_rng(SEED)
    count = TRAIN + TEST
    labels, radius = rng.integers(0, 2, count), rng.uniform(0.1, 1.0, count)
    angle = 2 * np.pi * TURNS * radius + np.pi * labels
    inputs = 2 * radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inputs = (inputs + NOISE * rng.standard_normal((count, 2))).astype(np.float32)
    return Points(inputs[:TRAIN], labels[:TRAIN]), Points(inputs[TRAIN:], labels[TRAIN:])
