"""Red–green pairs: does a net read absolute location? Two coloured 4×4 squares on a black 3×32×32 image.

Even index = class 0: red left, rows around 7. Odd index = class 1: green left, rows around 23. *Swapped location* moves
class 0 down 16 rows and class 1 up 16, so a net that reads the row instead of the colours is wrong every time.
Source: Kayhan & van Gemert, CVPR 2020, section 4. As published, every split is drawn from the same freshly seeded
stream: the validation images are the first 1000 training images. "fresh" draws validation and test from streams of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SIZE, SQUARE = 32, 4  # pixels
ROWS = (7, 23)  # about where the squares of class 0 and 1 stand
SHIFT = 16  # rows between the two locations
SEED = 42
COUNTS = {"train": 2000, "validation": 1000, "test": 1000}

Draws = Literal["published", "fresh"]


@dataclass(frozen=True)
class Pairs:
    """Top-left corners of the squares, in pixels: each (images,) int64."""

    x_left: NDArray[np.int64]
    y_left: NDArray[np.int64]
    x_right: NDArray[np.int64]
    y_right: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        """(images,): 0 for red left, 1 for green left."""
        return np.arange(len(self.x_left)) % 2


@dataclass(frozen=True)
class Split:
    """images: (n, 3, 32, 32) float32, 0 or 1; labels: (n,) int64."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]


def draw(count: int, seed: int = SEED) -> Pairs:
    """Draw `count` pairs from a freshly seeded legacy stream, in the published order of calls."""
    stream = np.random.RandomState(seed)  # the published images come from this generator
    corners = np.empty((count, 4), dtype=np.int64)
    for index in range(count):
        row = ROWS[index % 2]
        x_left = stream.randint(10)
        y_left = stream.randint(-4, 4) + row
        x_right, y_right = stream.randint(x_left, 28), stream.randint(-4, 4) + row
        while abs(x_left - x_right) < SQUARE + 1:
            x_right, y_right = stream.randint(x_left, 28), stream.randint(-4, 4) + row
        corners[index] = x_left, y_left, x_right, y_right
    return Pairs(*corners.T)


def swap(pairs: Pairs) -> Pairs:
    """The same pairs where the other class stands: class 0 down 16 rows, class 1 up 16."""
    shift = np.where(pairs.labels == 0, SHIFT, -SHIFT)
    return Pairs(pairs.x_left, pairs.y_left + shift, pairs.x_right, pairs.y_right + shift)


def render(pairs: Pairs) -> Split:
    """Paint the squares: left is red (channel 0) in class 0, green (channel 1) in class 1."""
    labels = pairs.labels
    images = np.zeros((len(labels), 3, SIZE, SIZE), dtype=np.float32)
    for index, label in enumerate(labels):
        _square(images[index, label], pairs.x_left[index], pairs.y_left[index])
        _square(images[index, 1 - label], pairs.x_right[index], pairs.y_right[index])
    return Split(images, labels)


@cache
def splits(draws: Draws = "published") -> dict[str, Split]:
    """train, validation, test (same location) and swapped (the test pairs at the swapped location)."""
    seeds = {"train": SEED, "validation": SEED, "test": SEED}
    if draws == "fresh":
        seeds |= {"validation": SEED + 1, "test": SEED + 2}
    pairs = {name: draw(count, seeds[name]) for name, count in COUNTS.items()}
    pairs["swapped"] = swap(pairs["test"])
    return {name: render(drawn) for name, drawn in pairs.items()}


def _square(channel: NDArray[np.float32], x: int, y: int) -> None:
    channel[y : y + SQUARE, x : x + SQUARE] = 1.0
