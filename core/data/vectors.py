"""What an autoencoder is trained on, as rows of numbers: the synthetic cloud, or pictures flattened, from 0 to 1.

Three splits: train (its labels are never looked at), validation (labelled: error is measured and probes are trained on
it) and test (probes are scored on it). Of pictures the official training part is divided: its last ones are the
validation split, its first ones, as many as asked for, the training split.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.data import gaussian, pictures
from core.data.labelled import Split

VectorSet = Literal["gaussian", "digits", "mnist"]
SHAPES: dict[VectorSet, tuple[int, ...]] = {"gaussian": (gaussian.DIMENSIONS,), "digits": (8, 8), "mnist": (28, 28)}
CLASSES: dict[VectorSet, int] = {"gaussian": 2, "digits": 10, "mnist": 10}
VALIDATION: dict[VectorSet, int] = {"digits": 360, "mnist": 10_000}  # the last ones of the official training part
TEST: dict[VectorSet, int] = {
    "gaussian": gaussian.COUNTS["test"],
    "digits": pictures.DIGITS_TEST,
    "mnist": 10_000,
}


@dataclass(frozen=True)
class Rows:
    """inputs: (n, features) float32; labels: (n,) int64."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """A data set in three splits; shape: how one row is looked at, (100,) or (height, width)."""

    train: Rows
    validation: Rows
    test: Rows
    shape: tuple[int, ...]
    classes: int


def features(dataset: VectorSet) -> int:
    """Numbers in a row."""
    return int(np.prod(SHAPES[dataset]))


@lru_cache(maxsize=3)
def load(dataset: VectorSet, unlabelled: int = 0) -> Vectors:
    """The data set. unlabelled: how many pictures to train on, 0 for all, as many as there are where it asks for more.

    The synthetic cloud is always whole. Raises core.contract.Explained where files are missing or damaged.
    """
    if dataset == "gaussian":
        train, validation, test = (Rows(part.samples, part.labels) for part in gaussian.splits().values())
        return Vectors(train, validation, test, SHAPES[dataset], CLASSES[dataset])
    found, held = pictures.load(dataset), VALIDATION[dataset]
    official = found.train
    count = min(unlabelled or len(official.labels), len(official.labels) - held)
    last = Split(official.images[-held:], official.labels[-held:])
    train, validation, test = (_rows(part) for part in (official.first(count), last, found.test))
    return Vectors(train, validation, test, SHAPES[dataset], CLASSES[dataset])


def _rows(split: Split) -> Rows:
    return Rows(split.images.reshape(len(split.images), -1).astype(np.float32) / np.float32(255), split.labels)
