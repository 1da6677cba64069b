"""Almost-orthogonal directions, and the angles between random ones in many dimensions.

The vectors are u_i = Me_i/‖Me_i‖: the columns of a Gaussian k×N matrix, each brought to length 1. A product u·v of two
of them has (u·v)² ~ Beta(1/2, (k − 1)/2), whence everything exact below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # its parts load when first used
from numpy.typing import NDArray

from core.demos.projections import product
from core.devices import one_thread

Floats = NDArray[np.float64]
DRAWS = 6  # of a set of directions
CANDIDATES = 500  # random directions that are offered to the greedy choice
GREEDY_KS = (2, 4, 8, 12, 16, 24, 32, 48)
GREEDY_DRAWS = 3
SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 300)  # N, over which the largest |u·v| is followed
VECTORS = 128  # of a sample of angles, whose pairs are independent two by two
PAIRS = VECTORS * (VECTORS - 1) // 2
WIDTHS = (2, 3, 4, 8, 16, 32, 64, 128, 256, 512)
ANGLE_BINS = 60


# --- the bounds


def lemma_delta(count: int, k: int) -> float:
    """The δ that the lemma promises N vectors in k dimensions: 3ε with k = 8 ln(N + 1)/ε². Above 1 it says nothing.

    With 0 among the points all lengths and distances are kept within ε, so |Me_i·Me_j| ≤ 2ε and |u·v| ≤ 2ε/(1 − ε),
    which is below 3ε for ε ≤ 1/3.
    """
    return math.sqrt(72 * math.log(count + 1) / k)


def lemma_count(k: int, delta: float) -> float:
    """How many vectors the lemma promises within δ: exp(kδ²/72) − 1, rounded down."""
    _check_delta(delta)
    return math.floor(math.exp(k * delta**2 / 72) + 1e-9) - 1


def overtakes(delta: float) -> int:
    """The smallest k > 1 from which the lemma promises more than k vectors: where exp(kδ²/72) − 1 grows past k."""
    _check_delta(delta)
    rate = delta**2 / 72
    start = math.log(1 / rate) / rate  # where the difference has turned and rises; the crossing lies beyond
    return math.ceil(float(scipy.optimize.brentq(lambda k: math.expm1(k * rate) - k, start, 4 * start)))


def pair_chance(k: int, delta: float) -> float:
    """P(|u·v| > δ) of two random directions: exact, from the Beta distribution."""
    _check_delta(delta)
    return float(scipy.stats.beta.sf(delta**2, 0.5, (k - 1) / 2))


@lru_cache(maxsize=2048)
def union_count(k: int, delta: float) -> float:
    """The most random directions that all lie within δ with a chance of a half at least, by the union bound."""
    return (1 + math.sqrt(1 + 4 / max(pair_chance(k, delta), 1e-300))) / 2  # N(N − 1)/2 · p = 1/2


def typical(count: int, k: int) -> float:
    """Rough size of the largest |u·v|: √(2 ln(N²)/k), where N²/2 pairs of N(0, 1/k) have one beyond it."""
    return math.sqrt(2 * math.log(count**2) / k)


@lru_cache(maxsize=512)
def expected_once(count: int, k: int) -> float:
    """The size that one of the N(N − 1)/2 pairs is expected to exceed, exactly."""
    return math.sqrt(float(scipy.stats.beta.isf(2 / (count * (count - 1)), 0.5, (k - 1) / 2)))


def welch(count: int, k: int) -> float:
    """No N vectors whatever have a smaller largest |u·v|: √((N − k)/(k(N − 1))); 0 for N ≤ k. Source: Welch 1974."""
    return math.sqrt(max(count - k, 0) / (k * (count - 1)))


def _check_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise ValueError(f"δ must lie between 0 and 1; got {delta:g}. Try δ = 0.5.")


# --- measured


@lru_cache(maxsize=8)
@one_thread()
def gram(count: int, k: int, seed: int) -> Floats:
    """Products u_i·u_j of N random directions in k dimensions: (N, N), 1 on the diagonal."""
    return _products(count, k, np.random.default_rng([seed, 2, 0]))


def _products(count: int, k: int, stream: np.random.Generator) -> Floats:
    """A vector a row of the stream, so that the first of many are the few."""
    m = stream.standard_normal((count, k))
    m /= np.linalg.norm(m, axis=1, keepdims=True)
    found: Floats = product(m, m.T)
    return found


def largest(products: Floats) -> float:
    """The largest |u·v| of two different vectors. Raises ValueError for one vector."""
    if len(products) < 2:
        raise ValueError(f"A product needs two vectors; got {len(products)}. Try N = 2.")
    return float(np.abs(products[np.triu_indices(len(products), 1)]).max())


@lru_cache(maxsize=8)
@one_thread()
def over_size(k: int, seed: int) -> dict[int, dict[int, float]]:
    """N -> draw -> the largest |u·v| of the first N of a draw's vectors."""
    found: dict[int, dict[int, float]] = {size: {} for size in SIZES}
    for draw in range(DRAWS):
        products = _products(SIZES[-1], k, np.random.default_rng([seed, 2, draw]))
        beyond = np.maximum.accumulate(np.abs(np.tril(products, -1)).max(axis=1))
        for size in SIZES:
            found[size][draw] = float(beyond[size - 1])
    return found


@lru_cache(maxsize=8)
@one_thread()
def greedy(delta: float, seed: int) -> dict[int, dict[int, int]]:
    """By k and draw: how many of 500 random directions stay when each must be within δ of all kept before it.

    Followed up to the first k at which more than half stay: from there on the offer limits the choice. Even more may
    fit: it is a choice, not the best one.
    """
    found: dict[int, dict[int, int]] = {}
    for k in GREEDY_KS:
        found[k] = {draw: _kept(k, delta, np.random.default_rng([seed, 3, k, draw])) for draw in range(GREEDY_DRAWS)}
        if min(found[k].values()) > CANDIDATES // 2:
            break
    return found


def _kept(k: int, delta: float, stream: np.random.Generator) -> int:
    vectors = stream.standard_normal((CANDIDATES, k), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    near = np.abs(product(vectors, vectors.T)) <= delta  # (candidates, candidates)
    free, kept, place = np.ones(CANDIDATES, np.bool_), 0, 0
    while place < CANDIDATES:
        kept += 1
        free &= near[place]
        later = free[place + 1 :]
        place = place + 1 + int(later.argmax()) if later.any() else CANDIDATES
    return kept


# --- angles


def density(angles: Floats, d: int) -> Floats:
    """Density of the angle between two random directions, per radian: Γ(d/2)/(√π Γ((d − 1)/2)) · (sin θ)^{d−2}."""
    scale = math.exp(scipy.special.gammaln(d / 2) - scipy.special.gammaln((d - 1) / 2)) / math.sqrt(math.pi)
    found: Floats = scale * np.sin(angles) ** (d - 2)
    return found


def exact_std(d: int) -> float:
    """Standard deviation of that angle in radians, from the density: about 1/√d."""
    away = np.linspace(-math.pi / 2, math.pi / 2, 4001)
    weights = density(away + math.pi / 2, d)
    return math.sqrt(float(np.trapezoid(weights * away**2, away)))


def angles(d: int, seed: int) -> Floats:
    """Angles in radians between all pairs of 128 random directions in d dimensions: (8128,)."""
    products = _products(VECTORS, d, np.random.default_rng([seed, 4, d]))
    found: Floats = np.arccos(np.clip(products[np.triu_indices(VECTORS, 1)], -1, 1))
    return found


@dataclass(frozen=True)
class Angles:
    """edges: (bins + 1,) rad; measured, exact: (bins,) densities per rad; std: measured, with its error; exact_std."""

    edges: Floats
    measured: Floats
    exact: Floats
    std: float
    error: float
    exact_std: float

    @property
    def middles(self) -> Floats:
        """Of the bins, in rad."""
        return (self.edges[1:] + self.edges[:-1]) / 2


@lru_cache(maxsize=32)
@one_thread()
def histogram(d: int, seed: int) -> Angles:
    """Angles of random directions: counted, and by the density."""
    found = angles(d, seed)
    half = min(math.pi / 2, 4.5 / math.sqrt(d))
    measured, edges = np.histogram(found, ANGLE_BINS, (math.pi / 2 - half, math.pi / 2 + half))
    width = edges[1] - edges[0]
    away = (found - math.pi / 2) ** 2  # the mean angle is known: a right one
    std = math.sqrt(away.mean())
    error = float(away.std()) / math.sqrt(len(away)) / (2 * std)  # of a root of a mean
    exact = density((edges[1:] + edges[:-1]) / 2, d)
    return Angles(edges, measured / (len(found) * width), exact, std, error, exact_std(d))


@lru_cache(maxsize=8)
def over_width(seed: int) -> dict[int, Angles]:
    """By d: angles in d dimensions."""
    return {d: histogram(d, seed) for d in WIDTHS}
