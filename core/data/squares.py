"""Any data set of pictures as squares of 32×32, all of it or a fixed random choice, with its mean colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core import places
from core.data import own, pictures
from core.data.labelled import SIDE, Split
from core.data.pictures import Dataset

CHOICE_SEED = 0  # of the choice where not all pictures are used
SIZES: dict[Dataset, tuple[int, int]] = {"digits": (1437, 360), "cifar10": (50_000, 10_000)}
LARGE = (60_000, 10_000)  # MNIST and Fashion-MNIST; a folder is taken for as large
COLOUR: dict[Dataset, int] = {"digits": 1, "mnist": 1, "fashion": 1, "cifar10": 3, "folder": 3}


@dataclass(frozen=True)
class Squares:
    """train, test: images (n, channels, 32, 32) uint8. mean: (channels,) of the training images, in levels 0 to 255."""

    train: Split
    test: Split
    classes: tuple[str, ...]
    mean: NDArray[np.float32]


def load(dataset: Dataset, folder: str = "", *, train: int = 0, test: int = 0) -> Squares:
    """The data set, mixed in an order that is always the same; the first `train` and `test` of it (0: all).

    Raises core.contract.Explained where files are missing or damaged.
    """
    mark = pictures.fingerprint(dataset, folder)
    return _load(dataset, folder, train, test, mark, str(places.datasets()))


def shape(dataset: Dataset, folder: str = "") -> tuple[int, int]:
    """Channels and classes, without reading a picture; ten classes where a folder is not there (yet)."""
    place = places.datasets() / folder / own.SPLITS[0]
    if dataset != "folder" or not own.fingerprint(folder) or not place.is_dir():
        return COLOUR[dataset], 10
    groups = (one for one in place.iterdir() if one.is_dir() and not one.name.startswith("."))
    filled = sum(any(file.suffix.lower() in own.KINDS for file in one.iterdir()) for one in groups)
    return COLOUR[dataset], filled or 10


def used(dataset: Dataset, train: int, test: int) -> tuple[int, int]:
    """How many pictures train and test, of so many wanted (0: all), without looking: a folder counts as large."""
    there = SIZES.get(dataset, LARGE)
    return min(train or there[0], there[0]), min(test or there[1], there[1])


def picked(found: Squares, index: int, own: NDArray[np.uint8] | None) -> tuple[NDArray[np.uint8], int]:
    """A test picture, or one's own, (channels, 32, 32), and its class, −1 where nobody knows.

    Raises ValueError for a test picture that is not there and for one's own of another shape.
    """
    count, shape = len(found.test.labels), found.test.images.shape[1:]
    if own is None:
        if not 0 <= index < count:
            raise ValueError(f"There is no test picture {index}. Choose an index from 0 to {count - 1}.")
        return found.test.images[index], int(found.test.labels[index])
    if own.shape != shape or own.dtype != np.uint8:
        raise ValueError(f"picture must be {shape} uint8; got {own.shape} {own.dtype}.")
    return own, -1


@lru_cache(maxsize=3)
def _load(dataset: Dataset, folder: str, train: int, test: int, mark: str, root: str) -> Squares:
    found = pictures.load(dataset, folder)
    chosen = [_chosen(split, count) for split, count in ((found.train, train), (found.test, test))]
    mean = chosen[0].images.mean(axis=(0, 2, 3), dtype=np.float64).astype(np.float32)
    return Squares(chosen[0], chosen[1], found.classes, mean)


def _chosen(split: Split, count: int) -> Split:
    """Mixed: a folder's pictures come class by class, and the first few are to hold all classes."""
    order = np.random.default_rng(CHOICE_SEED).permutation(len(split.labels))[: count or None]
    images = split.images[order]
    return Split(images if images.shape[2:] == (SIDE, SIDE) else pictures.fitted(images), split.labels[order])
