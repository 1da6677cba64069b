"""Scenes of a few digits for segmentation: every pixel is one of ten digits or background.

60×60, 2 to 4 digits, each a picture of 28×28 with the built-in digits enlarged to about MNIST's ink; the boxes of two
pictures overlap by an IoU of at most 0.2. 1000 scenes of training digits and 200 of test digits, from one fixed seed.
A pixel belongs to a digit where its ink has at least half of the full brightness. Where two overlap, the brighter ink
shows and names the pixel; on a tie, the digit laid down first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import scipy  # its parts load when first used
from numpy.typing import NDArray

from core import places
from core.data import pictures
from core.data.labelled import Split

Dataset = Literal["digits", "mnist"]
Whole = NDArray[np.int64]
SIDE, PICTURE = 60, 28  # px
FEWEST, MOST = 2, 4  # digits
LARGEST_IOU = 0.2
TRIES = 64  # draws of all corners at a time
INK = 128  # of 255, from here on a pixel is the digit's
CLASSES, BACKGROUND = 11, 10
CLASS_NAMES = (*map(str, range(10)), "background")
COUNTS = {"train": 1000, "test": 200}
SEED = 0


@dataclass(frozen=True)
class Scenes:
    """images: (n, 60, 60) uint8; targets: (n, 60, 60) uint8, the class of every pixel."""

    images: NDArray[np.uint8]
    targets: NDArray[np.uint8]

    @cached_property
    def distances(self) -> NDArray[np.float32]:
        """(n, 60, 60): how far each pixel's centre is from the nearest of another class, in px (1 at an edge)."""
        return np.stack([edge_distance(target) for target in self.targets])


def scenes(dataset: Dataset) -> dict[str, Scenes]:
    """The scenes to train on ("train") and the held-out ones ("test"). Raises Explained as core.data.pictures does."""
    return _scenes(dataset, str(places.datasets()))


def box_iou(one: Whole, other: Whole, side: int = PICTURE) -> NDArray[np.float64]:
    """Intersection over union of squares of the same side, by their corners: (..., 2) and (..., 2) -> (...)."""
    shared = np.clip(side - np.abs(one - other), 0, None).prod(axis=-1)
    share: NDArray[np.float64] = shared / (2 * side * side - shared)
    return share


def place(count: int, rng: np.random.Generator) -> Whole:
    """(count, 2): rows and columns of so many pictures' corners, the first draw of all in which no two overlap much."""
    first, second = np.triu_indices(count, 1)
    while True:
        tries = rng.integers(0, SIDE - PICTURE + 1, (TRIES, count, 2))
        good = (box_iou(tries[:, first], tries[:, second]) <= LARGEST_IOU).all(axis=1)
        if good.any():
            first_good: Whole = tries[good.argmax()]
            return first_good


def lay(digits: NDArray[np.uint8], labels: NDArray[np.int64], corners: Whole) -> Scenes:
    """One scene, (1, 60, 60), of pictures (n, 28, 28) at these corners."""
    image = np.zeros((SIDE, SIDE), dtype=np.uint8)
    target = np.full((SIDE, SIDE), BACKGROUND, dtype=np.uint8)
    for digit, label, (row, column) in zip(digits, labels, corners, strict=True):
        window = slice(row, row + PICTURE), slice(column, column + PICTURE)
        brighter = digit > image[window]  # strictly: on a tie what lies there stays
        target[window][brighter & (digit >= INK)] = label
        image[window][brighter] = digit[brighter]
    return Scenes(image[None], target[None])


def edge_distance(target: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w): distance of every pixel to the nearest pixel of another class, in px; infinite where there is none."""
    distance = np.full(target.shape, np.inf, dtype=np.float32)
    present = np.unique(target)
    for one in present if len(present) > 1 else ():
        mine = target == one
        distance[mine] = scipy.ndimage.distance_transform_edt(mine)[mine]
    return distance


@lru_cache(maxsize=4)
def _scenes(dataset: Dataset, root: str) -> dict[str, Scenes]:
    found = pictures.load(dataset)
    splits = {"train": found.train, "test": found.test}
    return {name: _draw(splits[name], COUNTS[name], number) for number, name in enumerate(COUNTS)}


def _draw(split: Split, count: int, stream: int) -> Scenes:
    rng = np.random.default_rng([SEED, stream])
    chosen, corners = [], []
    for _ in range(count):
        chosen.append(rng.integers(0, len(split.labels), rng.integers(FEWEST, MOST + 1)))
        corners.append(place(len(chosen[-1]), rng))
    ends = np.cumsum([len(one) for one in chosen])[:-1]
    digits = np.split(pictures.fitted(split.images[np.concatenate(chosen)], PICTURE)[:, 0], ends)  # all at once: faster
    drawn = [lay(one, split.labels[of], at) for one, of, at in zip(digits, chosen, corners, strict=True)]
    return Scenes(np.concatenate([one.images for one in drawn]), np.concatenate([one.targets for one in drawn]))
