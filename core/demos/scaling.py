"""Why attention divides by √d, what temperature does, and what several heads bring. NumPy, and torch for gradients.

Source of the scaling: Vaswani et al., NeurIPS 2017, section 3.2.1 with its footnote.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # its parts load when first used
import torch

from core.demos.attention import AttentionConfig, Floats, entropy, inputs, ranks
from core.devices import one_thread
from core.nn.kernels import Argmax, Kernel, Softmax

WIDTHS = tuple(2**power for power in range(9))  # 1 to 256
SAMPLES = 4000  # of q·k at each width
KEYS, GROUPS, DRAWS = 16, 8, 24  # of the softmax: keys in a row, groups of draws, rows in a group
Z = 1.96  # a 95 % interval

QUERY = ((1.0, 1.0, 2.0),)
WORKED_KEYS = ((1.0, 2.0, 0.0), (0.0, 3.0, 4.0), (5.0, 0.0, 0.0), (0.0, 0.0, 1.0))
WORKED_VALUES = ((2.0, 0.0, 1.0), (1.0, 4.0, 3.0), (0.0, -1.0, 4.0), (1.0, 0.0, -1.0))
TEMPERATURES = tuple(float(one) for one in np.logspace(-2, 2, 33))


@dataclass(frozen=True)
class Products:
    """q·k of random vectors, a number a width: measured mean and variance, its 95 % interval, and the formulas'."""

    widths: tuple[int, ...]
    mean: Floats
    variance: Floats
    low: Floats
    high: Floats
    formula: Floats
    formula_mean: Floats


@lru_cache(maxsize=16)
def products(mean: float, deviation: float, seed: int) -> Products:
    """q, k ~ N(μ, σ²I), μ = (m, …, m): E = ‖μ‖², Var = 2σ²‖μ‖² + dσ⁴, against Monte Carlo."""
    stream, rows = np.random.default_rng(seed), []
    for width in WIDTHS:
        q, k = mean + deviation * stream.standard_normal((2, SAMPLES, width), dtype=np.float32)
        dots = np.einsum("sd,sd->s", q, k).astype(np.float64)
        centred = (dots - dots.mean()) ** 2
        error = Z * centred.std() / math.sqrt(SAMPLES)  # of a mean of squares, whatever the distribution
        rows.append((dots.mean(), dots.var(ddof=1), error))
    measured, variance, error = np.array(rows).T
    widths = np.array(WIDTHS, dtype=np.float64)
    norm = widths * mean**2
    formula = 2 * deviation**2 * norm + widths * deviation**4
    return Products(WIDTHS, measured, variance, variance - error, variance + error, formula, norm)


@dataclass(frozen=True)
class Sharpness:
    """By "divided by √d", "divided by d", "not divided": (groups, widths), means over the rows of a group."""

    entropy: dict[str, Floats]
    jacobian: dict[str, Floats]


@lru_cache(maxsize=16)
def sharpness(seed: int) -> Sharpness:
    """Entropy of a softmax over 16 keys, and the Frobenius norm of its Jacobian diag(p) − ppᵀ; q, k ~ N(0, I)."""
    stream = np.random.default_rng(seed)
    scales = {"divided by √d": -0.5, "divided by d": -1.0, "not divided": 0.0}
    entropies: dict[str, list[Floats]] = {name: [] for name in scales}
    norms: dict[str, list[Floats]] = {name: [] for name in scales}
    for width in WIDTHS:
        q = stream.standard_normal((GROUPS, DRAWS, 1, width))
        k = stream.standard_normal((GROUPS, DRAWS, KEYS, width))
        dots = (q * k).sum(axis=-1)
        for name, power in scales.items():
            p: Floats = scipy.special.softmax(dots * width**power, axis=-1)
            entropies[name].append(entropy(p).mean(axis=1))
            norms[name].append(jacobian_norm(p).mean(axis=1))
    return Sharpness(
        {name: np.stack(one, axis=1) for name, one in entropies.items()},
        {name: np.stack(one, axis=1) for name, one in norms.items()},
    )


def jacobian_norm(p: Floats) -> Floats:
    """‖diag(p) − ppᵀ‖ (Frobenius) of each row of probabilities: √(Σp² − 2Σp³ + (Σp²)²)."""
    squares = (p**2).sum(axis=-1)
    found: Floats = np.sqrt(np.maximum(squares - 2 * (p**3).sum(axis=-1) + squares**2, 0))
    return found


@dataclass(frozen=True)
class Worked:
    """The example of four tokens: scores, weights (4,), output (3,), gradients of the output's sum to q, k and v."""

    scores: Floats
    weights: Floats
    output: Floats
    to_q: Floats
    to_k: Floats
    to_v: Floats


def worked(temperature: float | None) -> Worked:
    """softmax(q·k/temperature) of the example, without √d; None: argmax."""
    kernel: Kernel = Argmax() if temperature is None else Softmax(temperature, scaled=False)
    q, k, v = (
        torch.tensor(one, dtype=torch.float64, requires_grad=True) for one in (QUERY, WORKED_KEYS, WORKED_VALUES)
    )
    with torch.enable_grad():
        weights = kernel.weights(q, k)
        output = weights @ v
        to_q, to_k, to_v = torch.autograd.grad(output.sum(), (q, k, v))
    scores = (q @ k.mT).detach()
    made = (scores[0], weights.detach()[0], output.detach()[0], to_q[0], to_k, to_v)
    return Worked(*(one.numpy() for one in made))


@lru_cache(maxsize=32)
@one_thread()
def over_temperature(config: AttentionConfig) -> tuple[Floats, Floats]:
    """Entropy in nats (temperatures, n) of softmax's rows on the form's tokens, and the gradient norm to all q."""
    q, k, v = (torch.tensor(one, dtype=torch.float64) for one in inputs(config).qkv)
    q.requires_grad_()
    entropies, norms = [], []
    for temperature in TEMPERATURES:
        with torch.enable_grad():
            weights = Softmax(temperature, config.scaled).weights(q, k)
            (found,) = torch.autograd.grad((weights @ v).square().sum() / 2, q)
        entropies.append(entropy(weights.detach().numpy()))
        norms.append(float(found.norm()))
    return np.stack(entropies), np.array(norms)


@dataclass(frozen=True)
class Heads:
    """One head of width D against h of width D/h, softmax, the same random projections cut into slices.

    weights: one (1, n, n), several (h, n, n). score_ranks: numerical rank of QKᵀ, of the one, of each of the several.
    patterns: how many linearly independent weight matrices there are. effective: effective rank of each weights.
    multiplications: of scores and mixing, one against several, counted over the matrices. entropies: mean over rows, in
    nats.
    """

    names: tuple[str, ...]
    width: int
    one: Floats
    several: Floats
    score_ranks: tuple[int, tuple[int, ...]]
    patterns: tuple[int, int]
    effective: tuple[float, tuple[float, ...]]
    entropies: tuple[float, tuple[float, ...]]
    multiplications: tuple[int, int]


@lru_cache(maxsize=32)
def heads(config: AttentionConfig) -> Heads:
    """On the form's tokens; D is its width, rounded up to a multiple of the heads."""
    count = config.heads
    width = -(-config.width // count) * count
    given = inputs(config.model_copy(update={"width": width, "projections": "random"}))
    q, k, v = given.qkv
    n = len(q)

    def cut(x: Floats, parts: int) -> Floats:
        return x.reshape(n, parts, width // parts).transpose(1, 0, 2)

    scores = {parts: cut(q, parts) @ cut(k, parts).transpose(0, 2, 1) for parts in (1, count)}
    weights = {parts: scipy.special.softmax(one / math.sqrt(width / parts), axis=-1) for parts, one in scores.items()}
    several = weights[count]

    def counted(parts: int) -> int:
        return _counted(cut(q, parts), cut(k, parts), weights[parts], cut(v, parts))

    return Heads(
        names=given.names,
        width=width,
        one=weights[1],
        several=several,
        score_ranks=(ranks(scores[1][0])[0], tuple(ranks(one)[0] for one in scores[count])),
        patterns=(1, ranks(several.reshape(count, n * n))[0]),
        effective=(ranks(weights[1][0])[1], tuple(ranks(one)[1] for one in several)),
        entropies=(float(entropy(weights[1]).mean()), tuple(float(entropy(one).mean()) for one in several)),
        multiplications=(counted(1), counted(count)),
    )


def _counted(q: Floats, k: Floats, weights: Floats, v: Floats) -> int:
    """Multiplications of both products, QKᵀ and the weights times V, of all heads: (h, n, d), weights (h, n, n)."""
    products = ((q, k.transpose(0, 2, 1)), (weights, v))
    return sum(left.size * right.shape[-1] for left, right in products)
