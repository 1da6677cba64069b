"""Dropout as a penalty, and where gradient descent ends when there are many solutions.

p is the probability of *keeping* an input. Sources: Srivastava et al., JMLR 2014, section 9.1; course material on
least squares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from core.config import Config, knob
from core.contract import Demo
from core.demos import written
from core.demos.written import Floats

MOST, LONGEST = 8, 400
X, W, Y = "1 2 0; 0 1 -1; 2 0 1; 1 1 1; -1 0 2", "0.5 1 -0.5", "2 1 0 1 -1"
DRAWS = 4000  # masks a Monte Carlo estimate is made of
GRID = tuple(float(one) for one in np.linspace(0, 1, 11))
STEPS = 400
EQUATIONS, UNKNOWNS = 5, 20
METHODS = ("gradient descent", "momentum 0.9", "Adam")
Rows = Literal["independent", "repeated", "contradictory"]
START = 2.0  # standard deviation of a start elsewhere
RANK = 1e-9  # singular values below this part of the largest count as 0


def _text(default: str, label: str, help: str) -> str:
    found: str = knob(default, label, help=help, group="view", longest=LONGEST, rule=f"at most {LONGEST} characters")
    return found


class RegularisationConfig(Config):
    """Dropout's numbers, and the systems whose solutions are many."""

    keep: float = knob(0.5, "Probability of keeping p", ge=0.0, le=1.0, help="Many write p for that of dropping.")
    x: str = _text(X, "X", f"A row a sample, rows separated by semicolons; at most {MOST}×{MOST}.")
    w: str = _text(W, "w", "One number a column of X.")
    y: str = _text(Y, "y", "One number a row of X.")
    seed: int = knob(0, "Draw, number", ge=0, le=999, help="Of the masks, and of the larger system below.")
    a1: float = knob(2.0, "a₁", group="view", ge=-3.0, le=3.0)
    a2: float = knob(1.0, "a₂", group="view", ge=-3.0, le=3.0)
    b: float = knob(3.0, "b", group="view", ge=-5.0, le=5.0)
    start1: float = knob(0.0, "Start w₁", group="view", ge=-4.0, le=4.0)
    start2: float = knob(0.0, "Start w₂", group="view", ge=-4.0, le=4.0)
    rows: Rows = knob(
        "independent",
        "Rows of X",
        group="view",
        labels={
            "independent": "independent",
            "repeated": "the last one a copy of the first",
            "contradictory": "a copy that wants another y",
        },
    )


# --- dropout


@dataclass(frozen=True)
class Problem:
    """X (n, d), w (d,), y (n,), and a sentence for what could not be used as it was written."""

    x: Floats
    w: Floats
    y: Floats
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dropped:
    """E‖y − (X⊙R)w‖² at one p. measured: mean over draws; error: its standard error; fit, penalty: the two terms.

    penalty is p(1 − p)‖Γw‖².
    """

    keep: float
    measured: float
    error: float
    fit: float
    penalty: float

    @property
    def formula(self) -> float:
        """The closed form."""
        return self.fit + self.penalty


def problem(config: RegularisationConfig) -> Problem:
    """What the form says; where a text cannot be read it is the example, all three of it."""
    name = "X"
    try:
        x = written.matrix(config.x, MOST)
        name = "w"
        w = written.row(config.w, x.shape[1])
        name = "y"
        return Problem(x, w, written.row(config.y, len(x)))
    except ValueError as error:
        x = written.matrix(X, MOST)
        shown = f"Shown is the example, with {x.shape[1]} columns and {len(x)} rows."
        note = f"X, w and y are not used. {name}: {error} {shown}"
        return Problem(x, written.row(W, x.shape[1]), written.row(Y, len(x)), (note,))


def gamma(x: Floats) -> Floats:
    """(d,): the diagonal of Γ = diag(XᵀX)^½, the lengths of X's columns."""
    lengths: Floats = np.sqrt((x**2).sum(axis=0))
    return lengths


def dropped(one: Problem, keep: float, seed: int, draws: int = DRAWS) -> Dropped:
    """Monte Carlo against ‖y − pXw‖² + p(1 − p)‖Γw‖²; every entry of X has a mask of its own."""
    rng = np.random.default_rng(seed)
    masks = rng.random((draws, *one.x.shape), dtype=np.float32) < keep
    losses = ((one.y - np.where(masks, one.x * one.w, 0.0).sum(axis=2)) ** 2).sum(axis=1)
    fit = float(((one.y - keep * one.x @ one.w) ** 2).sum())
    penalty = float(keep * (1 - keep) * ((gamma(one.x) * one.w) ** 2).sum())
    # where nothing is left to chance all are one number, whose deviation must not be a rounding error
    error = float(losses.std(ddof=1) / np.sqrt(draws)) if np.ptp(losses) > 0 else 0.0
    return Dropped(keep, float(losses.mean()), error, fit, penalty)


def over_keep(one: Problem, seed: int) -> list[Dropped]:
    """The same over p from 0 to 1."""
    return [dropped(one, keep, seed + place, DRAWS // 4) for place, keep in enumerate(GRID)]


def minimiser(one: Problem, keep: float) -> Floats | None:
    """The w that makes the closed form least, of least length; None at p = 0, where every w loses ‖y‖².

    pw is then the solution of ridge regression with the penalty (1 − p)/p·‖Γw‖².
    """
    if keep == 0:
        return None
    found: Floats = np.linalg.pinv(_normal(one, keep)) @ one.x.T @ one.y
    return found


def uniqueness(one: Problem, keep: float) -> str:
    """Says so where other w are as good as the minimiser; empty where there is one alone (or none, at p = 0).

    With 0 < p < 1 the penalty leaves one, unless a column of X is all 0; at p = 1 X itself must have full rank.
    """
    rank, columns = int(np.linalg.matrix_rank(_normal(one, keep))), one.x.shape[1]
    if keep == 0 or rank == columns:
        return ""
    if keep < 1:
        return (
            "A column of X is 0, so its weight changes nothing: other w are as good, and this is the shortest of them."
        )
    return (
        f"X has rank {rank} with {columns} columns: other w are as good, and this is the shortest of them. "
        "Change X to have full column rank, or choose p below 1."
    )


def _normal(one: Problem, keep: float) -> Floats:
    """The matrix of the normal equations, over p."""
    found: Floats = keep * one.x.T @ one.x + (1 - keep) * np.diag(gamma(one.x) ** 2)
    return found


def in_words(keep: float) -> str:
    """What becomes of the formula at the ends; empty between them."""
    if keep == 0:
        return "p = 0: everything is dropped, the loss is ‖y‖² whatever w is, and no w is the best. No penalty is left."
    if keep == 1:
        return "p = 1: nothing is dropped. The penalty is 0, and the loss is that of least squares, exactly."
    return ""


# --- least norm


@dataclass(frozen=True)
class Path:
    """Steps of one method: places (steps + 1, d), of which those far on hardly differ."""

    places: Floats

    @property
    def end(self) -> Floats:
        """The last place."""
        end: Floats = self.places[-1]
        return end


@dataclass(frozen=True)
class Ending:
    """How a path ends. distance: from X⁺y; residual: ‖Xw − y‖; outside: ‖w − XᵀΛ‖, the part of w that no Λ explains.

    residual and outside are the KKT conditions of the least-norm problem; both are 0 at X⁺y alone.
    """

    norm: float
    distance: float
    residual: float
    outside: float


@dataclass(frozen=True)
class System:
    """X (n, d) and y (n,); solution: X⁺y. notes: where X has not full rank."""

    x: Floats
    y: Floats
    solution: Floats
    notes: tuple[str, ...]


def system(x: Floats, y: Floats) -> System:
    """With its least-norm solution."""
    values = np.linalg.svd(x, compute_uv=False)
    rank = int((values > RANK * max(values.max(), RANK)).sum())
    solution = np.linalg.pinv(x, rcond=RANK) @ y
    notes: tuple[str, ...] = ()
    if rank < len(x):
        left = float(np.linalg.norm(x @ solution - y))
        what = (
            f"no w solves it: the best leaves ‖Xw − y‖ = {left:.3g}, and X⁺y is the shortest of the best"
            if left > 1e-6
            else "y fits, so solutions exist, and X⁺y is the shortest"
        )
        notes = (
            f"The rows of X must be independent; they have rank {rank} of {len(x)}. XXᵀ has no inverse, so "
            f"Xᵀ(XXᵀ)⁻¹y does not exist; {what}. Change a row to have full rank.",
        )
    return System(x, y, solution, notes)


def plane(config: RegularisationConfig) -> System:
    """The form's one equation in two unknowns, a₁w₁ + a₂w₂ = b."""
    return system(np.array([[config.a1, config.a2]]), np.array([config.b]))


@lru_cache(maxsize=16)
def large(seed: int, rows: Rows) -> System:
    """5 equations in 20 unknowns, drawn at random."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((EQUATIONS, UNKNOWNS)), rng.standard_normal(EQUATIONS)
    if rows != "independent":
        x[-1], y[-1] = x[0], y[0] + (1.0 if rows == "contradictory" else 0.0)
    return system(x, y)


def descend(one: System, start: Floats, method: str = METHODS[0], steps: int = STEPS) -> Path:
    """Minimise ½‖Xw − y‖² with steps as long as the steepest curvature allows (Adam: 0.05)."""
    steepest = float(np.linalg.norm(one.x, 2)) ** 2
    rate = 1.0 / steepest if steepest else 0.0
    places = np.empty((steps + 1, len(start)))
    places[0] = start
    first, second = np.zeros_like(start), np.zeros_like(start)
    for step in range(1, steps + 1):
        w = places[step - 1]
        slope = one.x.T @ (one.x @ w - one.y)
        if method == "Adam":
            first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
            move = 0.05 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        elif method == METHODS[1]:
            first = 0.9 * first + slope
            move = 0.5 * rate * first
        else:
            move = rate * slope
        places[step] = w - move
    return Path(places)


def ending(one: System, w: Floats) -> Ending:
    """Norm, distance and KKT residuals of a place."""
    inside = np.linalg.pinv(one.x, rcond=RANK) @ (one.x @ w)
    return Ending(
        float(np.linalg.norm(w)),
        float(np.linalg.norm(w - one.solution)),
        float(np.linalg.norm(one.x @ w - one.y)),
        float(np.linalg.norm(w - inside)),
    )


def limit(one: System, start: Floats) -> Floats:
    """Where gradient descent must end: X⁺y and the part of the start that no row of X reaches."""
    end: Floats = one.solution + start - np.linalg.pinv(one.x, rcond=RANK) @ (one.x @ start)
    return end


@lru_cache(maxsize=16)
def races(seed: int, rows: Rows) -> Mapping[str, Path]:
    """In many unknowns: every method from 0, and gradient descent from elsewhere."""
    one = large(seed, rows)
    elsewhere = START * np.random.default_rng(seed + 1).standard_normal(UNKNOWNS)
    found = {f"{method}, from 0": descend(one, np.zeros(UNKNOWNS), method) for method in METHODS}
    return {**found, f"{METHODS[0]}, from elsewhere": descend(one, elsewhere)}


DEMO = Demo(
    key="regularisation",
    lab="regularisation",
    title="Dropout and least norm",
    question="What do dropout and gradient descent prefer, though nobody asked them to?",
    source="Srivastava et al., JMLR 2014; course material",
    config=RegularisationConfig,
)
