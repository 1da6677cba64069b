"""One attention, taken apart: every kernel on a sentence or on random vectors, each number within reach.

float64 throughout; no ε is added anywhere (see core.nn.kernels).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import Config, knob
from core.contract import Demo
from core.demos.tokens import LONGEST_SENTENCE, MOST_WORDS, Words, places, word_vector, words_of
from core.devices import one_thread
from core.nn import kernels
from core.nn.attention import through_features

Floats = NDArray[np.float64]
Name = Literal[
    "softmax",
    "linear",
    "quadratic",
    "polynomial",
    "rbf",
    "cosine",
    "favor",
    "argmax",
    "window",
    "low_rank",
    "dot",
    "odd",
    "plain_cosine",
]
NAMES: tuple[Name, ...] = get_args(Name)
LABELS: dict[Name, str] = {
    "softmax": "softmax",
    "linear": "linear (elu + 1)",
    "quadratic": "quadratic (q·k + 1)²",
    "polynomial": "polynomial (q·k + 1)ᵖ",
    "rbf": "RBF",
    "cosine": "1 + ε + cosine",
    "favor": "FAVOR+ random features",
    "argmax": "argmax",
    "window": "softmax in a window",
    "low_rank": "softmax of low rank",
    "dot": "raw dot product (changes sign)",
    "odd": "cubic (q·k + 1)³ (changes sign)",
    "plain_cosine": "plain cosine (changes sign)",
}
SOFT = ("softmax", "window", "low_rank", "favor")  # kernels with a temperature and a √d
MOST_FEATURES = 10_000  # of a map that is built here
RANK_TOLERANCE = 1e-10  # singular values below this part of the largest count as 0
SIGNED = 1e-12


class AttentionConfig(Config):
    """What the explorer and its sections show."""

    kernel: Name = knob("softmax", "Kernel", labels=LABELS, help="How alike a query and a key are: their similarity.")
    temperature: float = knob(
        1.0,
        "Temperature",
        ge=0.01,
        le=100,
        logarithmic=True,
        where={"kernel": SOFT},
        help="Scores are divided by it: towards 0 softmax becomes argmax, towards infinity the plain mean.",
    )
    scaled: bool = knob(True, "Divide by √d", where={"kernel": SOFT}, help="As in Vaswani et al. 2017.")
    degree: int = knob(3, "Degree p", ge=1, le=4, where={"kernel": ("polynomial",)}, help="Odd ones change their sign.")
    length: float = knob(
        1.0, "Length scale", ge=0.1, le=10, logarithmic=True, where={"kernel": ("rbf",)}, help="exp(−‖q − k‖²/2ℓ²)."
    )
    margin: float = knob(
        0.01, "Margin ε", ge=0.001, le=1, logarithmic=True, where={"kernel": ("cosine",)}, help="Keeps it above 0."
    )
    features: int = knob(64, "Random features", ge=8, le=1024, where={"kernel": ("favor",)})
    reach: int = knob(2, "Window ± w", unit="tokens", ge=0, le=23, where={"kernel": ("window",)})
    rank: int = knob(2, "Rank k", ge=1, le=24, where={"kernel": ("low_rank",)})
    tokens: Literal["sentence", "random"] = knob(
        "sentence", "Tokens", labels={"sentence": "the words of a sentence", "random": "random vectors"}
    )
    sentence: str = knob(
        "",
        "Sentence",
        longest=LONGEST_SENTENCE,
        rule=f"at most {LONGEST_SENTENCE} characters",
        where={"tokens": ("sentence",)},
        help=f"Up to {MOST_WORDS} words. Vectors of words are not trained: each is drawn from a hash of its word.",
    )
    positions: bool = knob(
        False, "Add positions", where={"tokens": ("sentence",)}, help="Sines and cosines; the same word differs then."
    )
    count: int = knob(12, "Tokens n", ge=1, le=MOST_WORDS, where={"tokens": ("random",)})
    width: int = knob(8, "Width d", ge=1, le=32, help="Numbers in a query, a key and a value.")
    projections: Literal["identity", "random"] = knob(
        "identity",
        "W_Q, W_K, W_V",
        labels={"identity": "none: q = k = v = x", "random": "random"},
        help="With none, a token looks for tokens like itself.",
    )
    seed: int = knob(0, "Seed", ge=0, le=10**6, help="Of random vectors, projections, features and the signal below.")
    # Drawn beside what they change, not in the form:
    sharpness: float = knob(1.0, "Temperature of the example", ge=0.01, le=100, logarithmic=True, group="view")
    mean: float = knob(0.0, "Mean of every number, m", ge=-2, le=2, group="view", help="μ = (m, …, m), ‖μ‖² = d·m².")
    deviation: float = knob(1.0, "Standard deviation σ", ge=0.1, le=3, group="view")
    heads: int = knob(4, "Heads h", ge=2, le=8, group="view", help="Each of width D/h, D being h·⌊D/h⌋.")
    before: float = knob(2.0, "Tap on the token before", ge=-5, le=5, group="view")
    here: float = knob(0.0, "Tap on the token itself", ge=-5, le=5, group="view")
    after: float = knob(1.0, "Tap on the token after", ge=-5, le=5, group="view")
    ends: bool = knob(False, "A zero token at each end", group="view")
    pool: int = knob(1, "Window ± k", unit="tokens", ge=1, le=5, group="view")
    gain: float = knob(2.0, "Gain c", ge=0, le=20, group="view", help="W_Q = W_K = c: scores are c²·xᵢ·xⱼ.")
    shift: float = knob(0.0, "Add to every xᵢ", ge=-3, le=3, group="view")


@dataclass(frozen=True)
class Inputs:
    """names: of the tokens; q, k, v: (n, d)."""

    names: tuple[str, ...]
    notes: tuple[str, ...]
    x: Floats
    projections: tuple[Floats, Floats, Floats]

    @property
    def qkv(self) -> tuple[Floats, Floats, Floats]:
        """Queries, keys and values, (n, d) each."""
        q, k, v = (self.x @ one for one in self.projections)
        return q, k, v


@dataclass(frozen=True)
class Seen:
    """One attention with all that is on its way.

    q, k, v, output: (n, d). scores, weights: (n, n), rows are queries; score: what the scores are, in words. sums: (n,)
    of each row's similarities over the sum of their absolute values: 1 where none is negative. entropy: (n,) in nats,
    NaN for a row with negative weights. rank: (numerical, effective) of the weights. gradients: (3, n), norms of the
    gradient of ½‖output‖² to each q, k and v. features: C of the finite map, None where there is none; difference:
    between the two forms' outputs, relative to the largest; None where no map is built.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]
    q: Floats
    k: Floats
    v: Floats
    scores: Floats
    score: str
    weights: Floats
    output: Floats
    sums: Floats
    entropy: Floats
    rank: tuple[int, float]
    gradients: Floats
    features: int | None
    through: Floats | None
    difference: float | None

    @property
    def blow_up(self) -> float:
        """Largest |output| over the largest |value|: a weighted mean cannot be above 1. ∞ where a row sums to 0."""
        return float(np.abs(self.output).max() / np.abs(self.v).max()) if np.isfinite(self.output).all() else math.inf


def kernel_of(config: AttentionConfig) -> kernels.Kernel:
    """The kernel that the form says."""
    soft: dict[str, Any] = {"temperature": config.temperature, "scaled": config.scaled}
    made: dict[Name, kernels.Kernel] = {
        "softmax": kernels.Softmax(**soft),
        "linear": kernels.Linear(),
        "quadratic": kernels.Polynomial(2),
        "polynomial": kernels.Polynomial(config.degree),
        "rbf": kernels.Rbf(config.length),
        "cosine": kernels.Cosine(config.margin),
        "favor": kernels.Favor(**soft, features=config.features, seed=config.seed),
        "argmax": kernels.Argmax(),
        "window": kernels.Window(**soft, reach=config.reach),
        "low_rank": kernels.LowRank(**soft, rank=config.rank),
        "dot": kernels.Dot(),
        "odd": kernels.Polynomial(3),
        "plain_cosine": kernels.PlainCosine(),
    }
    return made[config.kernel]


@lru_cache(maxsize=64)
def inputs(config: AttentionConfig) -> Inputs:
    """The tokens as the form says."""
    width, stream = config.width, np.random.default_rng(config.seed)
    if config.tokens == "sentence":
        words = words_of(config.sentence)
        x = np.stack([word_vector(word, width) for word in words.names])
        x = x + places(len(x), width) if config.positions else x
    else:
        words = Words(tuple(f"x{_below(place)}" for place in range(config.count)))
        x = stream.standard_normal((config.count, width))
    if config.projections == "identity":
        one: Floats = np.eye(width)
        made = (one, one, one)
    else:
        made = tuple(stream.standard_normal((3, width, width)) / math.sqrt(width))
    return Inputs(words.names, words.notes, x, made)


@lru_cache(maxsize=64)
@one_thread()
def look(config: AttentionConfig) -> Seen:
    """The whole of it for the form's kernel and tokens."""
    given, kernel = inputs(config), kernel_of(config)
    q, k, v = (torch.tensor(one, dtype=torch.float64) for one in given.qkv)
    scores, score = _scores(kernel, q, k)
    weights = kernel.weights(q, k)
    count = kernel.feature_count(config.width)
    through = None
    if count is not None and count <= MOST_FEATURES:
        through = through_features(*kernel.map(q, k), v)
    output = weights @ v
    return Seen(
        names=given.names,
        notes=given.notes,
        q=q.numpy(),
        k=k.numpy(),
        v=v.numpy(),
        scores=scores.numpy(),
        score=score,
        weights=weights.numpy(),
        output=output.numpy(),
        sums=row_sums(kernel.similarity(q, k).numpy()),
        entropy=entropy(weights.numpy()),
        rank=ranks(weights.numpy()),
        gradients=_gradients(kernel, q, k, v),
        features=count,
        through=None if through is None else through.numpy(),
        difference=None if through is None else relative(through.numpy(), output.numpy()),
    )


def row_sums(similarity: Floats) -> Floats:
    """(n,): |Σ| over Σ|·| of each row: 1 where nothing cancels, about 0 where positive and negative terms do."""
    absolute = np.abs(similarity).sum(axis=-1)
    found: Floats = np.abs(similarity.sum(axis=-1)) / np.where(absolute > 0, absolute, 1.0)
    return found


def entropy(weights: Floats) -> Floats:
    """(n,) in nats; 0 log 0 is 0; NaN for a row with a weight below 0, which is no distribution."""
    usable = np.isfinite(weights).all(axis=-1) & (np.nan_to_num(weights).min(axis=-1) >= -SIGNED)
    inside = np.where((weights > 0) & usable[..., None], weights, 1.0)  # log 1 is 0
    found: Floats = np.where(usable, np.abs((inside * np.log(inside)).sum(axis=-1)), np.nan)
    return found


def ranks(matrix: Floats) -> tuple[int, float]:
    """Numerical rank, and the effective one: exp of the entropy of the normalised singular values.

    Source of the second: Roy & Vetterli, EUSIPCO 2007, section 2. NaN where a number is not finite.
    """
    if not np.isfinite(matrix).all():
        return 0, math.nan
    values = np.linalg.svd(matrix, compute_uv=False)
    shares = values[values > RANK_TOLERANCE * values[0]]
    shares = shares / shares.sum()
    return len(shares), float(np.exp(-(shares * np.log(shares)).sum()))


def relative(one: Floats, other: Floats) -> float:
    """Largest absolute difference over the largest absolute value of the second; NaN where a number is not finite."""
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return math.nan
    return float(np.abs(one - other).max() / np.abs(other).max())


def _scores(kernel: kernels.Kernel, q: Tensor, k: Tensor) -> tuple[Tensor, str]:
    """What the weights are made of, and its name."""
    if isinstance(kernel, kernels.Argmax):
        return q @ k.mT, "q·k"
    if isinstance(kernel, kernels.Favor):
        return kernel.similarity(q, k), "similarity, from random features"
    if isinstance(kernel, kernels.Exponential):
        return kernel.logits(q, k), "logit"
    if isinstance(kernel, kernels.LowRank):
        return kernels.Softmax.logits(kernel, q, k), "logit"
    return kernel.similarity(q, k), "similarity"


def _gradients(kernel: kernels.Kernel, q: Tensor, k: Tensor, v: Tensor) -> Floats:
    given = [one.clone().requires_grad_() for one in (q, k, v)]
    with torch.enable_grad():
        loss = (kernel.weights(given[0], given[1]) @ given[2]).square().sum() / 2
        found = torch.autograd.grad(loss, given)
    norms: Floats = torch.stack([one.norm(dim=-1) for one in found]).numpy()
    return norms


def _below(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


DEMO = Demo(
    key="attention",
    lab="attention",
    title="Attention kernels",
    question="What does attention weigh its tokens with, and what changes when that is changed?",
    source="Vaswani et al. 2017; Katharopoulos et al. 2020; Choromanski et al. 2021",
    config=AttentionConfig,
)
