"""The similarities s(q, k) that attention can weigh tokens with, and their feature maps where there are any.

Output i of attention is Σⱼ s(qᵢ, kⱼ) vⱼ / Σⱼ s(qᵢ, kⱼ). Shapes: queries and keys (…, n, d). No ε is added anywhere.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Kernel:
    """A similarity; a subclass says at least what it is, and its map φ where s(q, k) = φ(q)·φ(k).

    Raises ValueError for a parameter out of its range.
    """

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """s(q, k) of every pair, (…, n, n), up to a positive factor for each row."""
        left, right = self.map(q, k)
        return left @ right.mT

    def weights(self, q: Tensor, k: Tensor, causal: bool = False) -> Tensor:
        """(…, n, n), rows sum to one. causal: a token sees itself and those before it."""
        similarity = self.similarity(q, k)
        similarity = similarity.tril() if causal else similarity
        return similarity / similarity.sum(dim=-1, keepdim=True)

    def map(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        """φ(q), φ(k), (…, n, C). Raises ValueError for a kernel without a finite map."""
        return self.phi(q), self.keys(k)[0]

    def phi(self, x: Tensor) -> Tensor:
        """φ of queries (…, n, C), each up to a positive factor. Raises ValueError for a kernel without a finite map."""
        raise ValueError(f"{type(self).__name__} has no finite feature map; write its pairs out.")

    def keys(self, k: Tensor) -> tuple[Tensor, Tensor | None]:
        """φ of some of the keys, and the logarithm of the factor they were divided by, (…, 1, 1); None stands for 0."""
        return self.phi(k), None

    def feature_count(self, width: int) -> int | None:
        """C for tokens of this width d; None: there is no finite map."""
        return None

    @property
    def may_change_sign(self) -> bool:
        """Whether a row may sum to about 0, so that its output grows beyond all bounds."""
        return False

    def _check(self, name: str, above: float) -> None:
        if not getattr(self, name) > above:
            raise ValueError(f"{name} must be above {above:g}; got {getattr(self, name)}.")


@dataclass(frozen=True)
class Exponential(Kernel, ABC):
    """Kernels s = exp(logit), taken relative to the largest logit of a row, which the division undoes."""

    @abstractmethod
    def logits(self, q: Tensor, k: Tensor) -> Tensor:
        """(…, n, n); −∞ where a pair has no weight."""

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every kernel."""
        logits = self.logits(q, k)
        return (logits - logits.amax(dim=-1, keepdim=True)).exp()

    def weights(self, q: Tensor, k: Tensor, causal: bool = False) -> Tensor:
        """As of every kernel."""
        logits = self.logits(q, k)
        return (logits.masked_fill(later(logits), -math.inf) if causal else logits).softmax(dim=-1)


@dataclass(frozen=True)
class Softmax(Exponential):
    """exp(q·k/(√d·temperature)); unscaled without the √d. Source: Vaswani et al., NeurIPS 2017, section 3.2.1."""

    temperature: float = 1.0
    scaled: bool = True

    def __post_init__(self) -> None:
        """Check the temperature."""
        self._check("temperature", above=0)

    def scale(self, width: int) -> float:
        """What q·k is multiplied by."""
        return 1.0 / ((math.sqrt(width) if self.scaled else 1.0) * self.temperature)

    def logits(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every exponential."""
        return q @ k.mT * self.scale(q.shape[-1])


@dataclass(frozen=True)
class Window(Softmax):
    """Softmax over the tokens at most `reach` places away."""

    reach: int = 2

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        self._check("reach", above=-1)

    def logits(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every exponential."""
        places = torch.arange(q.shape[-2], device=q.device)
        return super().logits(q, k).masked_fill((places[:, None] - places).abs() > self.reach, -math.inf)


@dataclass(frozen=True)
class Rbf(Exponential):
    """exp(−‖q − k‖²/(2·length²)); its feature space is infinite."""

    length: float = 1.0

    def __post_init__(self) -> None:
        """Check the length."""
        self._check("length", above=0)

    def logits(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every exponential."""
        squares = q.square().sum(-1, keepdim=True) + k.square().sum(-1)[..., None, :] - 2 * q @ k.mT
        return -squares.clamp_min(0) / (2 * self.length**2)


class EluPlusOne(torch.autograd.Function):
    """elu(x) + 1 in few passes over memory; its slope is the smaller of itself and 1."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        """As e to the smaller of x and 0 is at least 1 + x up to 0, and less beyond."""
        return (x + 1).clamp_min_(x.clamp_max(0).exp_())

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep the output alone."""
        ctx.save_for_backward(output)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The gradient times the slope."""
        (output,) = ctx.saved_tensors
        slope: Tensor = output.clamp_max(1)
        return gradient * slope


@dataclass(frozen=True)
class Linear(Kernel):
    """φ = elu + 1, always above 0. Source: Katharopoulos et al., ICML 2020, section 3.2."""

    def phi(self, x: Tensor) -> Tensor:
        """As of every kernel."""
        mapped: Tensor = EluPlusOne.apply(x)
        return mapped

    def feature_count(self, width: int) -> int:
        """As of every kernel."""
        return width


@dataclass(frozen=True)
class Polynomial(Kernel):
    """(q·k + 1)^degree. Degree 2 may reach 0; an odd one changes its sign."""

    degree: int = 2

    def __post_init__(self) -> None:
        """Check the degree."""
        self._check("degree", above=0)

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every kernel."""
        return (q @ k.mT + 1) ** self.degree

    def phi(self, x: Tensor) -> Tensor:
        """All products of `degree` of the numbers 1, x₁, …, x_d, each times the root of its multinomial coefficient."""
        columns = F.pad(x, (1, 0), value=1.0).mT.contiguous()  # tokens last: long rows make fast products
        numbers = columns.shape[-2]
        products = columns
        for degree in range(2, self.degree + 1):  # xᵢ times the products of one factor less that begin at xᵢ or later
            counts = [math.comb(numbers - place + degree - 2, degree - 1) for place in range(numbers)]
            parts = [columns[..., place, None, :] * products[..., -count:, :] for place, count in enumerate(counts)]
            products = torch.cat(parts, dim=-2)
        return (products * _roots(numbers, self.degree).to(x)[:, None]).mT

    def feature_count(self, width: int) -> int:
        """As of every kernel."""
        return math.comb(width + self.degree, self.degree)

    @property
    def may_change_sign(self) -> bool:
        """As of every kernel."""
        return self.degree % 2 == 1


@dataclass(frozen=True)
class Cosine(Kernel):
    """1 + margin + cos(q, k); its finite map is the direction and one constant."""

    margin: float = 0.01

    def __post_init__(self) -> None:
        """Check the margin."""
        self._check("margin", above=0)

    def phi(self, x: Tensor) -> Tensor:
        """As of every kernel."""
        return F.pad(F.normalize(x, dim=-1), (1, 0), value=math.sqrt(1 + self.margin))

    def feature_count(self, width: int) -> int:
        """As of every kernel."""
        return width + 1


@dataclass(frozen=True)
class Favor(Softmax):
    """Softmax through positive random features, exp(w·x − ‖x‖²/2) of orthogonal directions w, scaled by 1/√C.

    In the mean over directions this is exp(q·k) of scaled q and k. Source: Choromanski et al., ICLR 2021, section 2.
    """

    features: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        self._check("features", above=0)

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """As of every kernel."""
        return Kernel.similarity(self, q, k)

    def weights(self, q: Tensor, k: Tensor, causal: bool = False) -> Tensor:
        """As of every kernel."""
        return Kernel.weights(self, q, k, causal)

    def phi(self, x: Tensor) -> Tensor:
        """As of every kernel; relative to the largest feature of each query, which the division undoes."""
        logits = self._feature_logits(x)
        return (logits - logits.amax(dim=-1, keepdim=True).detach()).exp()

    def keys(self, k: Tensor) -> tuple[Tensor, Tensor]:
        """As of every kernel; relative to the largest feature of these keys."""
        logits = self._feature_logits(k)
        largest = logits.amax(dim=(-2, -1), keepdim=True).detach()
        return (logits - largest).exp(), largest

    def _feature_logits(self, x: Tensor) -> Tensor:
        x = x * math.sqrt(self.scale(x.shape[-1]))
        directions = favor_directions(self.features, x.shape[-1], self.seed).to(x)
        return x @ directions.mT - x.square().sum(-1, keepdim=True) / 2

    def feature_count(self, width: int) -> int:
        """As of every kernel."""
        return self.features


@dataclass(frozen=True)
class Dot(Kernel):
    """q·k as it is: a warning, since it changes its sign."""

    def phi(self, x: Tensor) -> Tensor:
        """As of every kernel."""
        return x

    def feature_count(self, width: int) -> int:
        """As of every kernel."""
        return width

    @property
    def may_change_sign(self) -> bool:
        """As of every kernel."""
        return True


@dataclass(frozen=True)
class PlainCosine(Dot):
    """cos(q, k) without a margin: another warning."""

    def phi(self, x: Tensor) -> Tensor:
        """As of every kernel."""
        return F.normalize(x, dim=-1)


@dataclass(frozen=True)
class Argmax(Kernel):
    """All weight on the largest q·k, the first of equals: softmax at temperature 0. q and k get no gradient."""

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """The weights; no similarity of two tokens makes them."""
        return self.weights(q, k)

    def weights(self, q: Tensor, k: Tensor, causal: bool = False) -> Tensor:
        """As of every kernel. The product with 0 keeps q and k in autograd's graph: their gradients are exact zeros."""
        scores = q @ k.mT
        best = (scores.masked_fill(later(scores), -math.inf) if causal else scores).argmax(dim=-1)
        return F.one_hot(best, k.shape[-2]).to(q.dtype) + 0 * scores


@dataclass(frozen=True)
class LowRank(Softmax):
    """Softmax's weights cut to their `rank` largest singular values; the n×n weights must be there first."""

    rank: int = 4

    def __post_init__(self) -> None:
        """Check the parameters."""
        super().__post_init__()
        self._check("rank", above=0)

    def similarity(self, q: Tensor, k: Tensor) -> Tensor:
        """The weights; no similarity of two tokens makes them."""
        return self.weights(q, k)

    def weights(self, q: Tensor, k: Tensor, causal: bool = False) -> Tensor:
        """(…, n, n), rows sum to about one. Raises ValueError if causal: factors of a whole matrix know what comes."""
        if causal:
            raise ValueError("Low-rank attention cannot be causal: its factors know the later tokens.")
        left, right = low_rank_factors(super().weights(q, k), self.rank)
        return left @ right


def low_rank_factors(weights: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """(…, n, rank) and (…, rank, n), whose product is the nearest matrix of this rank (Eckart–Young)."""
    left, values, right = torch.linalg.svd(weights, full_matrices=False)
    return left[..., :rank] * values[..., None, :rank], right[..., :rank, :]


def later(pairs: Tensor) -> Tensor:
    """(n, n), True where the key comes after the query."""
    return torch.ones(pairs.shape[-2:], dtype=torch.bool, device=pairs.device).triu(1)


@lru_cache(maxsize=256)
def favor_directions(features: int, width: int, seed: int) -> Tensor:
    """(features, width), float64: blocks of orthogonal directions, each as long as a normal vector."""
    stream = torch.Generator().manual_seed(seed)
    squares = torch.randn(-(-features // width), width, width, generator=stream, dtype=torch.float64)
    lengths = torch.randn(features, width, generator=stream, dtype=torch.float64).norm(dim=1, keepdim=True)
    blocks: Tensor = torch.linalg.qr(squares)[0].mT
    directions: Tensor = blocks.flatten(0, 1)[:features] * lengths
    return directions


@lru_cache(maxsize=32)
def _roots(numbers: int, degree: int) -> Tensor:
    """(C,), float64: roots of the multinomial coefficients of all products of `degree` of some numbers."""
    terms = combinations_with_replacement(range(numbers), degree)
    repeats = [math.prod(map(math.factorial, Counter(term).values())) for term in terms]
    return torch.tensor([math.sqrt(math.factorial(degree) / one) for one in repeats], dtype=torch.float64)
