"""Rotary positions by hand: queries and keys turned by their places, and the product that knows only how far apart.

Source: Su et al. 2021, section 3.2. NumPy, with complex numbers; the net's own code does it with real ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.nn.gpt import ROTARY_BASE

FARTHEST = 128  # characters between the two places

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Turned:
    """One query at one place, one key at another.

    turned: Re Σ q̃ᵢ conj(k̃ᵢ) of both turned by their places; formula: Σ |qᵢ||kᵢ| cos(speedᵢ (m − n) + angle between
    them), which takes the distance alone; distances, curve: the formula from −128 to 128 characters.
    """

    turned: float
    formula: float
    distances: NDArray[np.int64]
    curve: Floats


def speeds(width: int) -> Floats:
    """(width / 2,) radians a place: 1, and ever slower."""
    half = width // 2
    found: Floats = ROTARY_BASE ** (-np.arange(half) / half)
    return found


def products(query_place: int, key_place: int, width: int = 16, seed: int = 0) -> Turned:
    """q·k of random vectors after both are turned. Raises ValueError for an odd width."""
    if width < 2 or width % 2:
        raise ValueError(f"width must be even, for pairs of numbers; got {width}. Try {max(2, width + 1)}.")
    stream, rate = np.random.default_rng(seed), speeds(width)
    real, imaginary = stream.standard_normal((2, 2, width // 2))
    q, k = real + 1j * imaginary
    both = (q * np.exp(1j * rate * query_place)) * np.conj(k * np.exp(1j * rate * key_place))

    def formula(distance: NDArray[np.int64]) -> Floats:
        lengths, angle = np.abs(q) * np.abs(k), np.angle(q) - np.angle(k)
        found: Floats = (lengths * np.cos(rate * distance[:, None] + angle)).sum(axis=1)
        return found

    distances = np.arange(-FARTHEST, FARTHEST + 1)
    exact = float(formula(np.array([query_place - key_place]))[0])
    return Turned(float(both.real.sum()), exact, distances, formula(distances))
