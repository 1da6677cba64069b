"""Nearest neighbours of handwritten digits, before and after a random projection of their 64 pixels.

The neighbours are looked for among the training pictures; asked are the 360 held out, written by other people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.pictures import load
from core.demos.projections import Floats, Kind, Singles, matrix, product
from core.devices import one_thread

Labels = NDArray[np.int64]
KS = (1, 2, 4, 8, 16, 32, 64)
DRAWS = 6


@dataclass(frozen=True)
class Accuracies:
    """In %. before: with all 64 pixels; after: k -> draw of M; principal: k -> on the first principal components."""

    before: float
    after: dict[int, dict[int, float]]
    principal: dict[int, float]
    neighbours: int
    asked: int


@lru_cache(maxsize=1)
def _digits() -> tuple[Singles, Labels, Singles, Labels]:
    """Training pictures (n, 64) about their mean, their labels, and the same of the test pictures."""
    pictures = load("digits")
    train = pictures.train.images.reshape(len(pictures.train.images), -1).astype(np.float32)
    test = pictures.test.images.reshape(len(pictures.test.images), -1).astype(np.float32)
    middle = train.mean(axis=0, dtype=np.float32)
    return train - middle, pictures.train.labels, test - middle, pictures.test.labels


@lru_cache(maxsize=8)
@one_thread()
def accuracies(kind: Kind, seed: int) -> Accuracies:
    """1-nearest-neighbour accuracy on the held-out digits for every k of KS, over draws of M."""
    train, known, test, truth = _digits()
    dimension = train.shape[1]
    after: dict[int, dict[int, float]] = {k: {} for k in KS}
    for draw in range(DRAWS):
        made = matrix(kind, max(KS), dimension, np.random.default_rng([seed, 5, draw]))
        for k in KS:  # the scale 1/√k changes no neighbour
            after[k][draw] = accuracy(product(train, made[:k].T), known, product(test, made[:k].T), truth)
    return Accuracies(accuracy(train, known, test, truth), after, principal(), len(train), len(test))


@lru_cache(maxsize=1)
@one_thread()
def principal() -> dict[int, float]:
    """Accuracy in % on the first k principal components of the training pictures: a projection that knows the data."""
    train, known, test, truth = _digits()
    rising: Floats = np.linalg.eigh(product(train.T, train).astype(np.float64))[1]
    axes = np.ascontiguousarray(rising[:, ::-1], dtype=np.float32)  # the largest variance first
    return {k: accuracy(product(train, axes[:, :k]), known, product(test, axes[:, :k]), truth) for k in KS}


def accuracy(train: Singles, known: Labels, test: Singles, truth: Labels) -> float:
    """How many of the asked, in %, have the class of their nearest neighbour. train: (n, k), test: (m, k)."""
    seen, asked = torch.from_numpy(train), torch.from_numpy(test)  # torch's threads are one here
    far = torch.addmm(seen.square().sum(dim=1), asked, seen.mT, alpha=-2)  # but for ‖test‖², which ranks nothing
    return 100 * float((known[far.numpy().argmin(axis=1)] == truth).mean())
