"""Johnson–Lindenstrauss: what a random matrix does to the distances between points, and how often it does it well.

M is k×d with independent numbers of mean 0 and variance 1, divided by √k. The distortion of a pair is
‖Mx − My‖²/‖x − y‖²; its mean over draws of M is 1. Distances come from ‖x‖² + ‖y‖² − 2x·y, so that
no array of all differences is ever made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy  # its parts load when first used
import torch
from numpy.typing import NDArray

from core.devices import one_thread

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Kind = Literal["gaussian", "sign", "sparse", "very_sparse"]
Cloud = Literal["gaussian", "axes"]
MOST_POINTS = 5000
ROWS = 256  # points whose distances to the later ones are in memory at a time
BINS = 80  # of a histogram
STEPS = (8, 16, 32, 48, 64, 96, 128, 192, 256)  # numbers of dimensions after, over which draws are followed
TOGETHER = 600  # points up to which every k is followed in one draw; above, the chosen one alone
KURTOSIS_POINTS = 200  # of which the formula's fourth powers are summed
CONFIDENCE = 0.95
FEW = 8  # dimensions in which points come so near to each other that only true differences are exact enough


# --- the lemma's numbers


def lemma_k(points: int, epsilon: float) -> int:
    """The smallest k ≥ 8 ln(n)/ε², as the lemma is often quoted. Raises ValueError for n < 2 or ε outside (0, 1)."""
    _check_lemma(points, epsilon)
    return math.ceil(8 * math.log(points) / epsilon**2)


def proof_k(points: int, epsilon: float) -> int:
    """The k of the short proof, 4 ln(n)/(ε²/2 − ε³/3). Source: Dasgupta & Gupta 2003, theorem 2.1."""
    _check_lemma(points, epsilon)
    return math.ceil(4 * math.log(points) / (epsilon**2 / 2 - epsilon**3 / 3))


def pair_misses(k: int | Floats, epsilon: float) -> Floats:
    """Chance that one pair's distortion leaves 1 ± ε under a Gaussian M: exact, for it is χ²(k)/k."""
    below, above = scipy.stats.chi2.cdf(k * (1 - epsilon), k), scipy.stats.chi2.sf(k * (1 + epsilon), k)
    found: Floats = np.asarray(below + above, dtype=np.float64)
    return found


def pair_bound(k: int | Floats, epsilon: float) -> Floats:
    """The proof's bound on that chance, 2 exp(−k(ε²/4 − ε³/6)): Gaussian, signs and s = 3 (Achlioptas 2003)."""
    found: Floats = 2 * np.exp(-np.asarray(k, dtype=np.float64) * (epsilon**2 / 4 - epsilon**3 / 6))
    return found


def expected(edges: Floats, k: int) -> Floats:
    """Chance that a pair's distortion falls into each bin under a Gaussian M: (bins,), from χ²(k)/k."""
    found: Floats = np.diff(scipy.stats.chi2.cdf(k * edges, k))
    return found


def union(points: int, chance: float | Floats) -> Floats:
    """Union bound over the pairs: no draw of M misses any with a larger chance. 1 and above says nothing."""
    return points * (points - 1) / 2 * np.asarray(chance, dtype=np.float64)


def share(held: int, draws: int) -> tuple[float, float, float]:
    """Share of draws that held, with its exact 95 % interval (Clopper & Pearson 1934)."""
    if draws < 1 or not 0 <= held <= draws:
        raise ValueError(f"Of so many draws some may hold, 0 to all; got {held} of {draws}. Count at least one draw.")
    tail = (1 - CONFIDENCE) / 2
    low = float(scipy.stats.beta.ppf(tail, held, draws - held + 1)) if held else 0.0
    high = float(scipy.stats.beta.isf(tail, held + 1, draws - held)) if held < draws else 1.0
    return held / draws, low, high


def _check_lemma(points: int, epsilon: float) -> None:
    if points < 2:
        raise ValueError(f"n must be at least 2, for a distance needs two points; got {points}. Try n = 2.")
    if not 0 < epsilon < 1:
        raise ValueError(f"ε must lie between 0 and 1; got {epsilon:g}. Try ε = 0.5.")


# --- points and matrices


def cloud(kind: Cloud, points: int, dimension: int, seed: int) -> Singles:
    """(n, d): independent normal numbers, or the first n basis vectors. Raises ValueError where d has too few."""
    check_room(kind, points, dimension)
    if kind == "axes":
        return np.eye(points, dimension, dtype=np.float32)
    stream = np.random.default_rng([seed, 0])
    return stream.standard_normal((points, dimension), dtype=np.float32)


def matrix(kind: Kind, rows: int, dimension: int, stream: np.random.Generator) -> Singles:
    """(k, d) of mean 0 and variance 1, not divided by √k; the first rows of a taller one are a shorter one."""
    if kind == "gaussian":
        return stream.standard_normal((rows, dimension), dtype=np.float32)
    if kind == "sign":
        size = rows * dimension
        bits = np.unpackbits(np.frombuffer(stream.bytes(-(-size // 8)), np.uint8), count=size)
        return (2 * bits.astype(np.float32) - 1).reshape(rows, dimension)
    s = sparsity(kind, dimension)
    where = stream.random((rows, dimension), dtype=np.float32)
    signs = (where < 1 / (2 * s)).astype(np.float32) - (where >= 1 - 1 / (2 * s))
    found: Singles = math.sqrt(s) * signs.astype(np.float32)
    return found


def sparsity(kind: Kind, dimension: int) -> float:
    """s: one number in s is not 0, and is ±√s. Sources: Achlioptas 2003 (3); Li, Hastie & Church 2006 (√d)."""
    return {"sparse": 3.0, "very_sparse": math.sqrt(dimension)}.get(kind, 1.0)


def fourth_moment(kind: Kind, dimension: int) -> float:
    """Mean fourth power of a number of M: 3, 1 and s."""
    return 3.0 if kind == "gaussian" else sparsity(kind, dimension)


def variance(kind: Kind, points: Singles, k: float) -> float:
    """Variance of a distortion over draws, mean over pairs: (2 + (E m⁴ − 3) Σz⁴/‖z‖⁴)/k with z = x − y.

    Of more than 200 points the first 200 stand for all.
    """
    first = np.unique(points[:KURTOSIS_POINTS].astype(np.float64), axis=0)  # a pair at one place has no distortion
    excess = fourth_moment(kind, points.shape[1]) - 3
    return (2 + excess * (peakedness(first) if excess else 0.0)) / k


@lru_cache(maxsize=16)
def expected_square(kind: Kind, shape: Cloud, points: int, dimension: int, seed: int) -> float:
    """`variance` at k = 1 of a cloud's points, of whose first 200 alone it is made."""
    return variance(kind, cloud(shape, min(points, KURTOSIS_POINTS), dimension, seed), 1.0)


def peakedness(points: Floats) -> float:
    """Σz⁴/‖z‖⁴ of z = x − y, mean over pairs: 1 where one number holds all of the length, 1/d where all are alike."""
    x, upper = points, np.triu_indices(len(points), 1)
    if x.shape[1] <= FEW:
        squares = (x[:, None] - x)[upper] ** 2
        return float(((squares**2).sum(axis=1) / squares.sum(axis=1) ** 2).mean())
    x2, x3 = x**2, x**3
    fourth = (x2**2).sum(axis=1)
    sums = fourth[:, None] + fourth - 4 * (x3 @ x.T + x @ x3.T) + 6 * (x2 @ x2.T)
    return float((sums[upper] / squared_distances(x)[upper] ** 2).mean())


# --- distances


def squared_distances(points: Floats) -> Floats:
    """(n, n), by ‖x‖² + ‖y‖² − 2x·y."""
    squares = np.einsum("nd,nd->n", points, points)
    found: Floats = np.maximum(squares[:, None] + squares - 2 * (points @ points.T), 0)
    return found


def distortions(points: Floats, made: Floats) -> Floats:
    """Of all pairs, in scipy's order of pairs: (n(n − 1)/2,). points: (n, d); made: M, (k, d).

    Raises ValueError for one point, numbers that are not finite, points that coincide, and k > d.
    """
    check(points, made)
    upper = np.triu_indices(len(points), 1)
    centred = points - points.mean(axis=0)  # the same distances, and less is lost in the subtraction
    return squared_distances(centred @ made.T)[upper] / squared_distances(centred)[upper]


def check(points: Floats | Singles, made: Floats | Singles) -> None:
    """Whether these can be projected and compared. Raises ValueError with the rule, the value and a remedy."""
    n, d = points.shape
    if n < 2:
        raise ValueError(f"Distances need at least two points; got {n}. Try n = 2.")
    for name, values in (("points", points), ("matrix", made)):
        if not np.isfinite(values).all():
            bad = int((~np.isfinite(values)).sum())
            raise ValueError(f"The {name} must be finite numbers; {bad} are not (NaN or infinite). Replace them.")
    if made.shape[1] != d:
        raise ValueError(f"M must have a column for each of the {d} dimensions; it has {made.shape[1]}. Draw it anew.")
    check_k(made.shape[0], d)
    if len(np.unique(points, axis=0)) < n:
        raise ValueError(f"All {n} points must differ: a distance of 0 has no distortion. Remove the doubles.")


def fault(shape: Cloud, points: int, dimension: int, k: int) -> str:
    """What keeps such points or such a projection from being made, with the remedy; empty where nothing does."""
    try:
        check_k(k, dimension)
        check_room(shape, points, dimension)
    except ValueError as error:
        return str(error)
    return ""


def check_k(k: int, dimension: int) -> None:
    """Raises ValueError for a projection that does not reduce."""
    if k > dimension:
        raise ValueError(
            f"k must be at most d: with k = {k} and d = {dimension} the projection does not reduce anything. "
            f"Try k = {dimension} or fewer, or more dimensions d."
        )


def check_room(shape: Cloud, points: int, dimension: int) -> None:
    """Raises ValueError where there are not enough basis vectors."""
    if shape == "axes" and points > dimension:
        raise ValueError(
            f"n basis vectors need d ≥ n dimensions; got n = {points} and d = {dimension}. "
            f"Try n = {dimension} or fewer, more dimensions d, or a Gaussian cloud."
        )


@dataclass(frozen=True)
class Pairs:
    """Distortions of all pairs under one M. edges: (bins + 1,), counts: (bins,); those beyond count in the end bins."""

    edges: Floats
    counts: NDArray[np.int64]
    total: int
    outside: int
    low: float
    high: float
    mean: float
    square: float

    @property
    def held(self) -> bool:
        """Whether no pair left 1 ± ε."""
        return self.outside == 0


@one_thread()
def pairs(points: Singles, made: Singles, epsilon: float) -> Pairs:
    """The distortions of all pairs, made for 256 points against the later ones at a time. made: M with its 1/√k.

    square: mean of (distortion − 1)². In single precision, relative errors of about 10⁻⁵; exact in few dimensions.
    """
    half = max(1.3 * epsilon, 5 * math.sqrt(2 / len(made)))
    start, width = max(0.0, 1 - half), 0.0
    width = (1 + half - start) / BINS
    counts, total, outside = np.zeros(BINS, np.int64), 0, 0
    low, high, sums, squares = math.inf, -math.inf, 0.0, 0.0
    for ratios in in_pieces(points, made):
        places = ((ratios - start) * (1 / width)).astype(np.int32)
        counts += np.bincount(np.clip(places, 0, BINS - 1, out=places), minlength=BINS)
        ratios -= 1
        total += ratios.size
        least, most = float(ratios.min()), float(ratios.max())
        low, high = min(low, least), max(high, most)
        sums += float(ratios.sum(dtype=np.float64))
        if least < -epsilon or most > epsilon:
            outside += int(np.count_nonzero(np.abs(ratios) > epsilon))
        squares += float(np.square(ratios, out=ratios).sum(dtype=np.float64))
    edges: Floats = start + width * np.arange(BINS + 1, dtype=np.float64)
    return Pairs(edges, counts, total, outside, 1 + low, 1 + high, 1 + sums / total, squares / total)


def in_pieces(points: Singles, made: Singles) -> Iterator[Singles]:
    """The distortions of pairs that differ (on a line some of many points coincide); no array is beyond 256 × n."""
    few = points.shape[1] <= FEW
    centred: NDArray[Any] = points.astype(np.float64) if few else points - points.mean(axis=0)
    made = made.astype(centred.dtype, copy=False)
    images = product(centred, made.T)
    before, after = (np.einsum("nd,nd->n", one, one) for one in (centred, images))
    for start in range(0, len(points) - 1, ROWS):  # the last point alone is no pair
        rows = slice(start, min(start + ROWS, len(points)))
        apart, moved = (_from_rows(one, squares, rows) for one, squares in ((centred, before), (images, after)))
        if few:
            moved[apart == 0], apart[apart == 0] = np.nan, 1
        moved /= apart
        size = rows.stop - rows.start
        found = np.concatenate([moved[:, :size][np.triu_indices(size, 1)], moved[:, size:].ravel()])
        yield found[~np.isnan(found)] if few else found


def _from_rows(points: NDArray[Any], squares: NDArray[Any], rows: slice) -> NDArray[Any]:
    """Squared distances of some points to themselves and all later ones; 1 on the diagonal, which nobody reads."""
    found: NDArray[Any]
    if points.shape[1] <= FEW:
        found = np.zeros((rows.stop - rows.start, len(points) - rows.start), points.dtype)
        for one in points.T:
            found += (one[rows, None] - one[rows.start :]) ** 2
        np.fill_diagonal(found, 1)
        return found
    found = product(points[rows], points[rows.start :].T)
    found *= -2
    found += squares[rows, None]
    found += squares[None, rows.start :]
    np.fill_diagonal(found, 1)
    return found


def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The product ab by torch: under `one_thread` small ones need not wait for another thread, as NumPy's would."""
    found: NDArray[Any] = (torch.from_numpy(a) @ torch.from_numpy(b)).numpy()
    return found


# --- draws


@dataclass(frozen=True)
class Draws:
    """Many draws of M. ks: (ks,) rising, numbers of dimensions after; low, high, square: (draws, ks).

    low, high: the smallest and largest distortion of a draw; square: its mean of (distortion − 1)².
    """

    ks: NDArray[np.int64]
    low: Floats
    high: Floats
    square: Floats

    def held(self, epsilon: float) -> NDArray[np.int64]:
        """How many draws kept every pair within 1 ± ε: (ks,)."""
        kept: NDArray[np.int64] = ((self.low >= 1 - epsilon) & (self.high <= 1 + epsilon)).sum(axis=0)
        return kept


def stream_of(seed: int, draw: int) -> np.random.Generator:
    """The random numbers of one draw of M; those of the points are others."""
    return np.random.default_rng([seed, 1, draw])


@lru_cache(maxsize=16)
def one_draw(kind: Kind, shape: Cloud, points: int, dimension: int, k: int, epsilon: float, seed: int) -> Pairs:
    """The first draw of M on the points. Raises ValueError where they cannot be made."""
    check_k(k, dimension)
    made = matrix(kind, k, dimension, stream_of(seed, 0)) * np.float32(1 / math.sqrt(k))
    return pairs(cloud(shape, points, dimension, seed), made, epsilon)


@lru_cache(maxsize=16)
def draws(kind: Kind, shape: Cloud, points: int, dimension: int, k: int, count: int, seed: int) -> Draws:
    """So many draws, at every k of STEPS and the chosen one; of more than 600 points at the chosen one alone."""
    check_k(k, dimension)
    x = cloud(shape, points, dimension, seed)
    if points > TOGETHER:
        found = []
        for draw in range(count):
            made = matrix(kind, k, dimension, stream_of(seed, draw)) * np.float32(1 / math.sqrt(k))
            one = pairs(x, made, 1.0)
            found.append((one.low, one.high, one.square))
        low, high, square = np.array(found).T[..., None]
        return Draws(np.array([k]), low, high, square)
    return followed(kind, x, sorted({k, *(step for step in STEPS if step <= dimension)}), count, seed)


@one_thread()
def followed(kind: Kind, x: Singles, ks: Sequence[int], count: int, seed: int) -> Draws:
    """So many draws of M on the points x, each at every k (rising): its first k rows."""
    chosen = np.array(ks)
    low, high, square = np.stack([_over_k(kind, x, chosen, stream_of(seed, draw)) for draw in range(count)], axis=1)
    return Draws(chosen, low, high, square)


def _over_k(kind: Kind, x: Singles, ks: NDArray[np.int64], stream: np.random.Generator) -> Floats:
    """Smallest, largest and mean squared distortion, (3, ks), of the first rows of one tall M."""
    centred = torch.from_numpy(x.astype(np.float64) if x.shape[1] <= FEW else x - x.mean(axis=0))
    made = torch.from_numpy(matrix(kind, int(ks[-1]), x.shape[1], stream)).to(centred.dtype)
    images = (made @ centred.mT).double()  # (k, n)
    rows, columns = torch.triu_indices(len(x), len(x), 1)
    squares = _apart(centred.double().mT)
    differ = squares[rows, columns] > 0  # on a line some of many points coincide
    rows, columns = rows[differ], columns[differ]
    apart = squares[rows, columns]
    sums, found, start = torch.zeros_like(apart), [], 0
    for k in map(int, ks):
        sums += _apart(images[start:k])[rows, columns]
        ratios, start = sums / (k * apart), k
        found.append((float(ratios.min()), float(ratios.max()), float((ratios - 1).square().mean())))
    return np.array(found).T


def _apart(columns: torch.Tensor) -> torch.Tensor:
    """Squared distances between columns: (d, n) -> (n, n). On torch, whose threads are one here."""
    if len(columns) <= FEW:
        return torch.stack([(one[:, None] - one).square() for one in columns]).sum(dim=0)
    squares = columns.square().sum(dim=0)
    return squares[:, None] + squares - 2 * (columns.mT @ columns)


def seconds(points: int, dimension: int, k: int, count: int = 0) -> float:
    """About how long `one_draw` takes, or `draws` of so many; only to ask before what takes long."""
    steps = 1
    if count and points <= TOGETHER:
        k, steps = max(k, min(dimension, STEPS[-1])), len(STEPS)
    made = 1.2e-8 * k * dimension + 4e-11 * points * k * dimension
    pairs = points**2 * ((2e-8 if dimension <= FEW else 1e-8) * steps + 1.5e-11 * (k + dimension))
    return max(count, 1) * (2e-4 + made + pairs)
