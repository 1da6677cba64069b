"""Pictures with a class each, as every data set of pictures gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 32  # pixels, of a picture that is made to fit


@dataclass(frozen=True)
class Split:
    """images: (n, channels, height, width) uint8, 0 to 255; labels: (n,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def first(self, count: int) -> Split:
        """The first `count` of them; all where there are not so many."""
        return Split(self.images[:count], self.labels[:count])


@dataclass(frozen=True)
class Pictures:
    """A data set with its classes, numbered in this order."""

    train: Split
    test: Split
    classes: tuple[str, ...]
