"""Attention that is another layer: a convolution of three taps, a pooling; and softmax's weights at low rank.

Scores may have a part that depends on the tokens' distance alone (relative positions: Shaw et al., NAACL 2018,
section 3); with it attention can be a convolution (Cordonnier et al., ICLR 2020, section 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from core.demos.attention import Floats
from core.devices import one_thread
from core.nn.cost import seconds
from core.nn.kernels import Softmax, low_rank_factors

LENGTH = 12  # tokens of the signal, one number each
LOW_TOKENS, LOW_WIDTH = 256, 32
REPEATS = 7  # of a time that is measured; the median counts
RANKS = tuple(2**power for power in range(9))


def signal(seed: int) -> Floats:
    """(12,): from −2 to 2 in steps of 0.1; the seventh is 0."""
    made: Floats = np.random.default_rng(seed).integers(-20, 21, LENGTH) / 10.0
    made[LENGTH // 2] = 0.0
    return made


@dataclass(frozen=True)
class Head:
    """scores: relative ones, of the token before, itself, after; value: what W_V multiplies by."""

    scores: tuple[float, float, float]
    value: float


@dataclass(frozen=True)
class Convolution:
    """A convolution with zero padding and the attention of the same taps.

    x, convolved, attended, formula: (n,); formula: what the softmax must give, which renormalises at the ends. NaN
    where a head sees no token at all.
    """

    x: Floats
    heads: tuple[Head, ...]
    convolved: Floats
    attended: Floats
    formula: Floats

    def difference(self, inside: bool) -> float:
        """Largest |attention − convolution| over the interior, or at the two ends."""
        apart = np.abs(self.attended - self.convolved)
        part = apart[1:-1] if inside else apart[[0, -1]]
        return float(part.max())


def convolution(taps: tuple[float, float, float], x: Floats, zero_ends: bool) -> Convolution:
    """taps: on the token before, itself, after; y_i = before·x_{i−1} + here·x_i + after·x_{i+1}.

    A head's weights are softmax of ln(tap), so its taps are at least 0; taps below 0 get a second head, whose value
    weight is negative. zero_ends: one token of 0 at each end, as zero padding has.
    """
    heads = tuple(
        Head(tuple(math.log(tap) if tap > 0 else -math.inf for tap in part), sign * sum(part))  # type: ignore[arg-type]
        for sign, part in ((1, [max(tap, 0.0) for tap in taps]), (-1, [max(-tap, 0.0) for tap in taps]))
        if any(part)
    )
    padded = np.pad(x, 1)
    convolved = taps[0] * padded[:-2] + taps[1] * padded[1:-1] + taps[2] * padded[2:]
    tokens = padded if zero_ends else x
    attended = sum((_head(one, tokens) for one in heads), np.zeros(len(tokens)))
    formula = sum((_renormalised(one, tokens) for one in heads), np.zeros(len(tokens)))
    inside = slice(1, -1) if zero_ends else slice(None)
    return Convolution(x, heads, convolved, attended[inside], formula[inside])


def _head(head: Head, x: Floats) -> Floats:
    """Attention with W_Q = W_K = 0: the scores are the relative ones alone."""
    n = len(x)
    scores = torch.full((n, n), -math.inf, dtype=torch.float64)
    for offset, score in zip((-1, 0, 1), head.scores, strict=True):
        scores.diagonal(offset).fill_(score)
    made: Floats = (scores.softmax(dim=-1) @ torch.from_numpy(x * head.value)).numpy()
    return made


def _renormalised(head: Head, x: Floats) -> Floats:
    """Σ tap·x over Σ tap of the tokens that are there, times the value: written out without a softmax."""
    taps, there = [math.exp(score) for score in head.scores], np.pad(np.ones(len(x)), 1)
    padded = np.pad(x, 1)
    top = taps[0] * padded[:-2] + taps[1] * padded[1:-1] + taps[2] * padded[2:]
    below = taps[0] * there[:-2] + taps[1] * there[1:-1] + taps[2] * there[2:]
    made: Floats = head.value * np.divide(top, below, out=np.full(len(x), np.nan), where=below > 0)
    return made


@dataclass(frozen=True)
class Pooling:
    """Attention on single numbers with scores c²·xᵢ·xⱼ in a window; (n,) each.

    regime: 1, 0 or −1, as xᵢ is above, at or below 0.
    """

    x: Floats
    attended: Floats
    largest: Floats
    mean: Floats
    smallest: Floats
    regime: Floats

    @property
    def expected(self) -> Floats:
        """What a large gain leads to: the maximum where xᵢ > 0, the mean at 0, the minimum below."""
        made: Floats = np.select([self.regime > 0, self.regime < 0], [self.largest, self.smallest], self.mean)
        return made


def pooling(x: Floats, reach: int, gain: float) -> Pooling:
    """W_Q = W_K = gain, W_V = 1, scores −∞ beyond ± reach."""
    column = torch.from_numpy(x)[:, None] * gain
    n = len(x)
    near = np.abs(np.arange(n)[:, None] - np.arange(n)) <= reach
    scores = (column @ column.mT).masked_fill(torch.from_numpy(~near), -math.inf)
    attended = (scores.softmax(dim=-1) @ torch.from_numpy(x)).numpy()
    seen = np.where(near, x, np.nan)
    return Pooling(x, attended, np.nanmax(seen, 1), np.nanmean(seen, 1), np.nanmin(seen, 1), np.sign(x))


GAINS = tuple(float(one) for one in np.linspace(0, 20, 41))


@lru_cache(maxsize=32)
@one_thread()
def pooling_over_gain(seed: int, shift: float, reach: int) -> dict[str, Floats]:
    """Largest |output − what it tends to| over the tokens of a regime, (gains,); none for a regime without a token."""
    x = np.round(signal(seed) + shift, 10)
    found = [pooling(x, reach, gain) for gain in GAINS]
    regimes = {"xᵢ > 0, to the maximum": 1, "xᵢ = 0, to the mean": 0, "xᵢ < 0, to the minimum": -1}
    apart = np.stack([np.abs(one.attended - one.expected) for one in found])  # (gains, n)
    there = {name: np.sign(x) == sign for name, sign in regimes.items()}
    return {name: apart[:, own].max(axis=1) for name, own in there.items() if own.any()}


@dataclass(frozen=True)
class LowRank:
    """Softmax attention of random tokens through rank-k factors of its weights; a number a rank.

    error: of the output, ‖approximate − exact‖/‖exact‖. left_out, formula: ‖P − P_k‖/‖P‖ measured, and from the
    singular values left out (Eckart–Young). Seconds, medians: factors in the O(nkd) order U(SV), their product first,
    O(n²k), the exact P·V, O(n²d), and finding the factors, which needs all of P. multiplications: U(SV), P·V.
    """

    ranks: tuple[int, ...]
    error: Floats
    left_out: Floats
    formula: Floats
    seconds: Floats
    seconds_wrong_order: Floats
    seconds_exact: float
    seconds_factors: float
    multiplications: Floats
    multiplications_exact: int


@lru_cache(maxsize=8)
@one_thread()
def low_rank(seed: int) -> LowRank:
    """N = 256 tokens of width 32; times are of this machine, in float64, on one thread."""
    stream = torch.Generator().manual_seed(seed)
    q, k, v = torch.randn(3, LOW_TOKENS, LOW_WIDTH, generator=stream, dtype=torch.float64)
    weights = Softmax().weights(q, k)
    exact = weights @ v
    left, right = low_rank_factors(weights, LOW_TOKENS)
    values = left.norm(dim=0)  # singular values: the columns of U are of length 1
    rows = []
    for rank in RANKS:
        a, b = left[:, :rank].contiguous(), right[:rank].contiguous()
        made = a @ (b @ v)
        rows.append(
            (
                float((made - exact).norm() / exact.norm()),
                float((a @ b - weights).norm() / weights.norm()),
                float(values[rank:].norm() / values.norm()),
                _seconds(lambda a=a, b=b: a @ (b @ v)),  # type: ignore[misc]
                _seconds(lambda a=a, b=b: (a @ b) @ v),  # type: ignore[misc]
                2 * LOW_TOKENS * rank * LOW_WIDTH,
            )
        )
    error, left_out, formula, right_order, wrong_order, count = np.array(rows).T
    return LowRank(
        RANKS,
        error,
        left_out,
        formula,
        right_order,
        wrong_order,
        _seconds(lambda: weights @ v),
        _seconds(lambda: low_rank_factors(weights, 1)[0], repeats=3),
        count,
        LOW_TOKENS**2 * LOW_WIDTH,
    )


def _seconds(work: Callable[[], Tensor], repeats: int = REPEATS) -> float:
    return float(np.median([seconds(work, torch.device("cpu")) for _ in range(repeats)]))
