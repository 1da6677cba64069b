"""Feature maps put to the test: random features against softmax, and similarities that change sign."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from core.demos.attention import AttentionConfig, Floats, inputs, row_sums
from core.devices import one_thread
from core.nn.kernels import Cosine, Dot, Favor, Kernel, PlainCosine, Polynomial, Softmax

COUNTS = (8, 16, 32, 64, 128, 256, 512, 1024)
SEEDS = 5  # draws of the directions at every count
DRAWS, TOKENS = 40, 12  # of random tokens in the study of signs
SIGNS: dict[str, Kernel] = {
    "softmax": Softmax(),
    "quadratic": Polynomial(2),
    "1 + ε + cosine": Cosine(),
    "raw dot product": Dot(),
    "cubic": Polynomial(3),
    "plain cosine": PlainCosine(),
}


@lru_cache(maxsize=16)
@one_thread()
def favor_errors(config: AttentionConfig) -> dict[int, dict[int, float]]:
    """Count of features -> seed of their directions -> ‖output − softmax's‖/‖softmax's‖ on the form's tokens."""
    q, k, v = (torch.tensor(one, dtype=torch.float64) for one in inputs(config).qkv)
    soft: dict[str, Any] = {"temperature": config.temperature, "scaled": config.scaled}
    exact = Softmax(**soft).weights(q, k) @ v
    return {
        count: {
            seed: float((Favor(**soft, features=count, seed=seed).weights(q, k) @ v - exact).norm() / exact.norm())
            for seed in range(SEEDS)
        }
        for count in COUNTS
    }


@dataclass(frozen=True)
class Signs:
    """Rows of attention on random tokens: sums |Σs|/Σ|s|, and growth = largest |output| over the largest |value|.

    A row that sums to exactly 0 has a growth of ∞.
    """

    sums: Floats
    growth: Floats


@lru_cache(maxsize=16)
@one_thread()
def sign_changes(width: int, seed: int) -> dict[str, Signs]:
    """For kernels that stay at or above 0 and for such as change their sign; 480 rows each."""
    stream = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, DRAWS, TOKENS, width, generator=stream, dtype=torch.float64)
    largest = v.abs().amax(dim=(-2, -1))[:, None]
    found = {}
    for name, kernel in SIGNS.items():
        growth = (kernel.weights(q, k) @ v).abs().amax(dim=-1) / largest
        sums = row_sums(kernel.similarity(q, k).numpy())
        found[name] = Signs(sums.ravel(), growth.nan_to_num(nan=math.inf).numpy().ravel())
    return found


def positive(name: str) -> bool:
    """Whether this similarity stays at or above 0."""
    return not SIGNS[name].may_change_sign
