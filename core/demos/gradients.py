"""Chains of ReLUs: the gradient as a product, by autograd, and over many draws of the weights.

hᵢ = ReLU(wᵢhᵢ₋₁), h₀ = x, f(x) = h_n. Numbers are float64. The knobs of the whole lab stand here too.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core.config import Config, knob
from core.contract import Demo
from core.demos.graph_algebra import quoted
from core.devices import one_thread

Floats = NDArray[np.float64]
MOST_LAYERS = 100
LONGEST_TEXT = 800
BOUND = 1000.0  # of a number that is typed
DRAWS = 2000  # chains of a histogram
SMALLEST = -323.0  # log₁₀ of a float64 that is not 0
MEAN_LOG = -(np.euler_gamma + math.log(2)) / 2  # E ln|w| of w ~ N(0, 1)
STD_LOG = math.pi / math.sqrt(8)  # standard deviation of ln|w|
EVEN = math.exp(-MEAN_LOG)  # the σ at which E ln|w| is 0: 1.887
NUMBER = r"[-+]?(\d{1,9}\.?\d{0,9}|\.\d{1,9})"


class GradientsConfig(Config):
    """The form is about the chain; the other sections have knobs of their own."""

    weights: Literal["drawn", "own"] = knob(
        "drawn", "Weights", labels={"drawn": "drawn at random", "own": "my own numbers"}
    )
    depth: int = knob(10, "Depth n", unit="layers", ge=1, le=MOST_LAYERS, where={"weights": ("drawn",)})
    own: str = knob(
        "1.5 0.8 2 1.1 0.5",
        "w₁ w₂ … w_n",
        longest=LONGEST_TEXT,
        rule=f"at most {LONGEST_TEXT} characters",
        where={"weights": ("own",)},
        help=f"Numbers with spaces between them, at most {MOST_LAYERS}.",
    )
    deviation: float = knob(
        1.0, "Standard deviation σ of a weight", ge=0.1, le=5.0, help="Weights are normal with mean 0."
    )
    positive: bool = knob(
        False,
        "Take |w|",
        where={"weights": ("drawn",)},
        help="All weights positive: no unit dies, and only vanishing and exploding are left.",
    )
    x: float = knob(1.0, "Input x", ge=-10.0, le=10.0)
    seed: int = knob(0, "Draw, number", ge=0, le=9999, help="Each number is another draw.")
    matrix: Literal["gaussian", "orthogonal"] = knob(
        "gaussian",
        "Matrix W",
        group="view",
        labels={"gaussian": "random", "orthogonal": "orthogonal × σ_max"},
        help="Drawn at random (seeded by the draw's number), then scaled to σ_max.",
    )
    sigma: float = knob(0.25, "σ_max(W)", group="view", ge=0.01, le=10.0)
    units: int = knob(8, "Units", group="view", ge=1, le=32)
    steps: int = knob(50, "Steps n", group="view", ge=2, le=50)
    centred: bool = knob(
        False,
        "Keep pre-activations at 0",
        group="view",
        help="A bias that holds every unit where its activation is steepest: there the bound is met.",
    )
    inputs: str = knob(
        "1 0; 0 1; 1 1", "x₁; x₂; …", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters"
    )
    targets: str = knob(
        "0; 1; 0.5", "z₁; z₂; …", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters"
    )
    w: str = knob("1 -1; 0.5 2", "W", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters")
    u: str = knob("2 -1; 1 1", "U", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters")
    v: str = knob("1 -1", "V", group="view", longest=LONGEST_TEXT, rule=f"at most {LONGEST_TEXT} characters")


@dataclass(frozen=True)
class Chain:
    """What one chain does.

    weights: (n,). units: (n + 1,), h₀ = x first. log_product: log₁₀ ∏|wᵢ|, −inf where a weight is 0. autograd: df/dx.
    notes: on what was typed.
    """

    weights: Floats
    units: Floats
    log_product: float
    autograd: float
    notes: tuple[str, ...] = ()

    @property
    def dead(self) -> tuple[int, ...]:
        """The layers whose unit is 0, from 1; by the weights' signs, for a value too small for a float is not dead."""
        passed = self.weights * np.sign(np.append(self.units[0], np.ones(len(self.weights) - 1))) > 0
        return tuple(int(one) for one in np.flatnonzero(~np.logical_and.accumulate(passed)) + 1)

    @property
    def product(self) -> float:
        """∏|wᵢ| if every unit is active, else 0."""
        return 0.0 if self.dead else 10.0**self.log_product

    @property
    def difference(self) -> float:
        """Of the product from autograd's |df/dx|, relative where that is not 0."""
        gap = abs(self.product - abs(self.autograd))
        return gap / abs(self.autograd) if self.autograd else gap


def chain(config: GradientsConfig) -> Chain:
    """The chain that the form says."""
    weights, notes = read_weights(config.own) if config.weights == "own" else (drawn(config), ())
    return look(tuple(weights.tolist()), config.x, notes)


def drawn(config: GradientsConfig) -> Floats:
    """(depth,): a longer chain of the same draw begins with the same weights."""
    found = config.deviation * np.random.default_rng(config.seed).standard_normal(MOST_LAYERS)[: config.depth]
    return np.abs(found) if config.positive else found


@lru_cache(maxsize=64)
def look(weights: tuple[float, ...], x: float, notes: tuple[str, ...] = ()) -> Chain:
    """Units, product and autograd's gradient."""
    w = np.array(weights)
    units = [x]
    for weight in weights:
        units.append(max(0.0, weight * units[-1]))
    with np.errstate(divide="ignore"):
        log_product = float(np.log10(np.abs(w)).sum())
    with one_thread(), torch.enable_grad():
        given = torch.tensor(x, dtype=torch.float64, requires_grad=True)
        value = given
        for weight in weights:
            value = torch.relu(weight * value)
        (gradient,) = torch.autograd.grad(value, given)
    made = Chain(w, np.array(units), log_product, gradient.item(), notes)
    if not made.dead and log_product < SMALLEST:
        said = "No unit is dead, but the product is too small for a 64-bit float: it and autograd's gradient read 0."
        return replace(made, notes=(*notes, said))
    return made


def read_weights(text: str) -> tuple[Floats, tuple[str, ...]]:
    """Numbers from a text; where it holds anything else the example stands in, with a note."""
    pieces = text.replace(",", " ").replace(";", " ").replace("−", "-").split()
    bad = [one for one in pieces if not re.fullmatch(NUMBER, one) or abs(float(one)) > BOUND]
    if bad or not pieces:
        default = np.array([float(one) for one in GradientsConfig().own.split()])
        said = f"{quoted(bad[0])} is none" if bad else "There is none yet"
        rule = f"a weight is a number from −{BOUND:g} to {BOUND:g}, with spaces between them"
        return default, (f"{said}: {rule}. The example stands in.",)
    more = (f"There are {len(pieces)} weights; the first {MOST_LAYERS} are used.",)
    return np.array([float(one) for one in pieces[:MOST_LAYERS]]), more if len(pieces) > MOST_LAYERS else ()


@dataclass(frozen=True)
class Draws:
    """Many chains of random weights.

    logs: (draws,) log₁₀ ∏|wᵢ|, whether a unit is dead or not. alive: (draws,), whether none is. expected, deviation:
    of the logs, by the closed form; error: standard error of their mean. dead_expected: share with a dead unit.
    """

    logs: Floats
    alive: NDArray[np.bool_]
    expected: float
    deviation: float
    dead_expected: float

    @property
    def mean(self) -> float:
        """Of the logs."""
        return float(self.logs.mean())

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return float(self.logs.std(ddof=1) / math.sqrt(len(self.logs)))

    @property
    def dead(self) -> float:
        """Share of the draws whose gradient is exactly 0."""
        return float(1 - self.alive.mean())


@lru_cache(maxsize=64)
def draws(depth: int, deviation: float, positive: bool, x: float, seed: int) -> Draws:
    """A few thousand chains of normal weights with mean 0.

    ln∏|wᵢ| has the mean n·E ln|w| = n(ln σ − (γ + ln 2)/2), γ being Euler's constant, and the variance nπ²/8. A unit
    dies with probability ½ a layer, so 1 − 2⁻ⁿ of the chains have a gradient of exactly 0; with |w| and x > 0, none.
    """
    weights = deviation * np.random.default_rng([seed, 1]).standard_normal((DRAWS, depth))
    weights = np.abs(weights) if positive else weights
    first = weights[:, :1] * x > 0  # later units are positive, so their weight's sign alone decides
    alive = (first & (weights[:, 1:] > 0).all(axis=1, keepdims=True))[:, 0]
    logs = np.log10(np.abs(weights)).sum(axis=1)
    unit = math.log(10)
    never = x == 0 or (positive and x < 0)
    dead = 1.0 if never else 0.0 if positive else 1 - 0.5**depth
    mean = depth * (math.log(deviation) + MEAN_LOG) / unit
    return Draws(logs, alive, mean, math.sqrt(depth) * STD_LOG / unit, dead)


DEMO = Demo(
    key="gradients",
    lab="gradients",
    title="Vanishing and exploding gradients",
    question="What becomes of a gradient on its way back through many layers, or many steps?",
    source="course material; Pascanu et al., ICML 2013",
    config=GradientsConfig,
)
