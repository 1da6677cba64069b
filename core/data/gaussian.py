"""Gaussian clouds in 100 dimensions with a known spectrum: what an autoencoder keeps of them can be held against PCA.

`splits`: 20 strong axes (variance 10) among 80 weak ones (variance 1), rotated at random, labelled by the sign of the
sum of the strong coordinates before the rotation. `geometric`: every variance a fixed part of the one before, so that
each principal subspace is unique; twenty equal variances single out no top-5 subspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

SAMPLES, DIMENSIONS = 20_000, 100
STRONG = 20  # axes of the larger variance
VARIANCES = (10.0, 1.0)
COUNTS = {"train": 14_000, "validation": 4_000, "test": 2_000}  # 0.7, 0.2, 0.1
SEED = 42
GEOMETRIC_SAMPLES = 10_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cloud:
    """samples: (n, 100) float32; labels: (n,) int64, 1 where the strong coordinates sum to more than 0."""

    samples: NDArray[np.float32]
    labels: NDArray[np.int64]


@cache
def splits() -> dict[str, Cloud]:
    """train, validation and test, in the order they were drawn; the same for every seed of a training."""
    rng = np.random.default_rng(SEED)
    scale = np.sqrt(np.where(np.arange(DIMENSIONS) < STRONG, *VARIANCES))
    coordinates = rng.standard_normal((SAMPLES, DIMENSIONS)) * scale
    labels = (coordinates[:, :STRONG].sum(axis=1) > 0).astype(np.int64)
    samples = (coordinates @ rotation(rng, DIMENSIONS)).astype(np.float32)
    found, start = {}, 0
    for name, count in COUNTS.items():
        part = slice(start, start + count)
        found[name] = Cloud(samples[part], labels[part])
        start += count
    return found


def rotation(rng: np.random.Generator, size: int) -> Floats:
    """(size, size): an orthogonal matrix, all equally likely. Source: Mezzadri 2007, section 4."""
    q, r = np.linalg.qr(rng.standard_normal((size, size)))
    signed: Floats = q * np.sign(np.diag(r))  # without the signs QR prefers some rotations
    return signed


@lru_cache(maxsize=8)
def geometric(ratio: float) -> Floats:
    """(10000, 100): centred samples whose population variances are 10, 10·ratio, 10·ratio², …, rotated at random."""
    rng = np.random.default_rng(SEED)
    scale = np.sqrt(VARIANCES[0] * ratio ** np.arange(DIMENSIONS))
    samples = (rng.standard_normal((GEOMETRIC_SAMPLES, DIMENSIONS)) * scale) @ rotation(rng, DIMENSIONS)
    centred: Floats = samples - samples.mean(axis=0)
    return centred


@lru_cache(maxsize=8)
def covariance(ratio: float) -> Floats:
    """(100, 100): (1/n) XᵀX of `geometric(ratio)`; its eigenvalues differ a little from the population's."""
    samples = geometric(ratio)
    found: Floats = samples.T @ samples / len(samples)
    return found


@lru_cache(maxsize=8)
def principal(ratio: float) -> tuple[Floats, Floats]:
    """Eigenvalues (100,), largest first, and eigenvectors in columns (100, 100) of `covariance(ratio)`."""
    values, vectors = np.linalg.eigh(covariance(ratio))
    return np.maximum(values[::-1], 0.0), np.ascontiguousarray(vectors[:, ::-1])


def chance_of_agreement(kept: int, strong: int = STRONG) -> float:
    """In %: how often the sign of a label can be read from a random `kept`-dimensional part of the strong axes.

    The label is the sign along one direction u of the strong space. A random subspace of k of the 20 dimensions keeps a
    part of squared length about k/20 of u; two Gaussians correlated by √(k/20) agree in sign with probability
    1 − arccos(√(k/20))/π.
    """
    share = min(max(kept / strong, 0.0), 1.0)
    return 100.0 * (1.0 - float(np.arccos(np.sqrt(share))) / np.pi)


@cache
def random_parts(kept: int, strong: int = STRONG, draws: int = 20_000) -> tuple[float, float]:
    """Mean and standard deviation, in %, of that accuracy over random `kept`-dimensional parts, by Monte Carlo.

    A random part holds as much of the label's direction as the first `kept` coordinates hold of a random direction.
    """
    directions = np.random.default_rng(SEED).standard_normal((draws, strong))
    squares = directions**2
    held = squares[:, : min(max(kept, 0), strong)].sum(axis=1) / squares.sum(axis=1)
    accuracy = 100.0 * (1.0 - np.arccos(np.sqrt(np.minimum(held, 1.0))) / np.pi)
    return float(accuracy.mean()), float(accuracy.std())
