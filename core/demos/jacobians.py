"""How σ_max of ∂x_n/∂x₁ shrinks or grows in a recurrence x_{t+1} = φ(Wx_t + b), against its bounds.

∂x_n/∂x₁ = ∏ diag(φ′)W, so σ_max is at most (max φ′·σ_max(W))^{n−1}: a quarter of σ_max(W) a step for the sigmoid,
σ_max(W) for tanh and ReLU. Sources write = where only ≤ holds. Products are exact float64, rescaled at every step, so
that none underflows; their logarithms are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.demos.gradients import Floats, GradientsConfig

Function = Callable[[Floats], Floats]


def _sigmoid(values: Floats) -> Floats:
    found: Floats = np.exp(-np.logaddexp(0.0, -values))
    return found


STEEPEST: Mapping[str, float] = {"sigmoid": 0.25, "tanh": 1.0, "ReLU": 1.0}
FUNCTIONS: Mapping[str, tuple[Function, Function]] = {  # φ, φ′ of the pre-activation
    "sigmoid": (_sigmoid, lambda a: _sigmoid(a) * _sigmoid(-a)),
    "tanh": (np.tanh, lambda a: 1 / np.cosh(a) ** 2),
    "ReLU": (lambda a: np.maximum(a, 0.0), lambda a: (a > 0).astype(np.float64)),
}
SOURCE = math.log10(1 / 16)  # of the source's bound, a step


@dataclass(frozen=True)
class Decay:
    """steps: n from 1 to N. logs: log₁₀ σ_max(∂x_n/∂x₁) by activation, −inf where it is 0.

    bounds: log₁₀ of (max φ′·σ_max(W))^{n−1}. source: of (1/16)^{n−1}, which is meant for σ_max(W) = 1/4 and the
    sigmoid. sigma: σ_max(W) as measured.
    """

    steps: Floats
    logs: Mapping[str, Floats]
    bounds: Mapping[str, Floats]
    source: Floats
    sigma: float


def matrix(config: GradientsConfig) -> Floats:
    """W, (units, units), with the form's σ_max."""
    drawn = np.random.default_rng([config.seed, 2]).standard_normal((config.units, config.units))
    if config.matrix == "orthogonal":
        q, r = np.linalg.qr(drawn)
        drawn = q * np.sign(np.diag(r))
    found: Floats = config.sigma * drawn / np.linalg.norm(drawn, 2)
    return found


@lru_cache(maxsize=64)
def decay(config: GradientsConfig) -> Decay:
    """All three activations with the form's W, from one random start, uniform between 0 and 1."""
    w = matrix(config)
    start = np.random.default_rng([config.seed, 3]).uniform(0, 1, config.units)
    count = np.arange(1, config.steps + 1, dtype=np.float64)
    logs = {name: jacobian_logs(w, start, name, config.steps, config.centred) for name in FUNCTIONS}
    sigma = float(np.linalg.norm(w, 2))
    bounds = {name: (count - 1) * math.log10(STEEPEST[name] * sigma) for name in FUNCTIONS}
    return Decay(count, logs, bounds, (count - 1) * SOURCE, sigma)


def jacobian_logs(w: Floats, start: Floats, name: str, steps: int, centred: bool) -> Floats:
    """(steps,): log₁₀ σ_max(∂x_n/∂x₁) for n = 1 … steps; −inf from where it is exactly 0.

    centred: a bias holds every pre-activation at 0 (of ReLU, which has no slope there, at 1).
    """
    function, slope = FUNCTIONS[name]
    found = np.full(steps, -np.inf)
    found[0], total = 0.0, 0.0
    state, product = start, np.eye(len(start))
    for step in range(1, steps):
        before = np.full(len(start), float(name == "ReLU")) if centred else w @ state
        product = slope(before)[:, None] * (w @ product)
        largest = float(np.linalg.norm(product, 2))
        if largest == 0.0:
            break
        product, total = product / largest, total + math.log10(largest)
        found[step], state = total, function(before)
    return found
