"""Spread over seeds, and whether a difference is bigger than seed noise.

A mean never goes without its spread and its n; one seed never gets a verdict.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy  # its parts load when first used; its statistics would be half a second of every worker's start
from numpy.typing import NDArray

Values = NDArray[np.float64]
Verdict = Literal["bigger than seed noise", "no difference at all", "cannot tell"]
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
LEVEL = 0.05  # chance of a false alarm
POWER = 0.8  # chance to see a real difference of the size observed
SMALL, LARGE = 0.01, 1e5  # numbers between them are written with two decimals
LEAST_SEEDS = 3  # fewer give no usable spread
MOST_SEEDS = 200  # nobody trains more to settle one question


def legible(value: float, kind: float | None = None, sign: str = "") -> str:
    """Two decimals where they tell something, else three digits: bytes by the million, seconds by the thousandth.

    kind: the size of what it stands beside (default: its own). sign: "+" for a signed one.
    """
    size = abs(value) if kind is None else kind
    return format(value, f"{sign}.2f" if size == 0 or SMALL <= size < LARGE else f"{sign}.3g")


def few_figures(value: float, figures: int = 3) -> str:
    """So many figures, and no power of ten where a whole number says it: "0.0123", "15.1", "1,412"."""
    return f"{value:,.0f}" if 100 <= abs(value) < 1_000_000 else f"{value:.{figures}g}"


def true_minus(text: str) -> str:
    """Numbers as mathematics prints them: "−3.1", not "-3.1"."""
    return text.replace("-", "−")


def raised(number: int) -> str:
    """A whole number as an exponent: "⁻¹²"."""
    return str(number).translate(_RAISED)


@dataclass(frozen=True)
class Spread:
    """Mean, population standard deviation and number of seeds."""

    mean: float
    std: float
    n: int

    def __str__(self) -> str:
        return self.with_unit("")

    def with_unit(self, unit: str) -> str:
        """The mean, never without its spread and n: "88.76 ± 0.79 % (n = 10)"."""
        if self.n == 0:
            return "–"
        unit = f" {unit}" if unit else ""
        if self.n == 1:
            return f"{legible(self.mean)}{unit} (n = 1)"
        kind = max(abs(self.mean), self.std)
        return f"{legible(self.mean, kind)} ± {legible(self.std, kind)}{unit} (n = {self.n})"

    @property
    def brief(self) -> str:
        """The same in figures that also tell very small numbers: "3.1e-09 ± 2e-09 (n = 3)"."""
        if self.n == 0:
            return "–"
        return f"{few_figures(self.mean)}{f' ± {few_figures(self.std, 2)}' if self.n > 1 else ''} (n = {self.n})"


def spread(values: Sequence[float]) -> Spread:
    """Mean and population standard deviation of the finite values (ddof 0, as the published tables use)."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) == 0:
        return Spread(math.nan, math.nan, 0)
    return Spread(float(finite.mean()), float(finite.std()), len(finite))


@dataclass(frozen=True)
class Comparison:
    """B − A over seeds.

    difference: mean of B minus mean of A. low, high: bootstrap interval at `confidence`: 95 %, more where several
    comparisons are read together. p_value: paired t test where every seed has both, else Welch's. seeds_needed: about
    how many would tell a difference of this size, where n cannot; None: not to be said.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n: int
    paired: bool
    verdict: Verdict
    seeds_needed: int | None
    confidence: float = 1 - LEVEL

    @property
    def sentence(self) -> str:
        """The verdict in plain words, with n."""
        if self.verdict == "cannot tell":
            wish = f": about {self.seeds_needed} would do" if self.seeds_needed else ""  # not promised without a basis
            if self.n < LEAST_SEEDS:
                wish = f": at least {LEAST_SEEDS} are needed"
            return f"Cannot tell with {self.n} seed{'' if self.n == 1 else 's'}{wish}."
        if self.verdict == "no difference at all":
            return f"No difference in any of {self.n} seeds."
        kind = max(map(abs, (self.low, self.high, self.difference)))
        difference, low, high = (legible(one, kind, "+") for one in (self.difference, self.low, self.high))
        interval = f"{100 * self.confidence:.3g} % interval {low} to {high}"
        numbers = f"{difference}, {interval}, n = {self.n}"
        return f"The difference is {self.verdict} ({numbers})."


def compare(a: Mapping[int, float], b: Mapping[int, float], *, comparisons: int = 1) -> Comparison:
    """Compare one figure of two settings, seed -> value each.

    comparisons: how many are read together; the level is divided by it (Bonferroni). Seeds that both have are paired:
    the same initialisation and data order met both settings. Raises ValueError where a side has no finite value.
    """
    first, second, paired = _align(a, b)
    return _compared(tuple(first), tuple(second), paired, comparisons)


@lru_cache(maxsize=1024)  # pages ask again at every redraw, and the bootstrap takes milliseconds
def _compared(a: tuple[float, ...], b: tuple[float, ...], paired: bool, comparisons: int) -> Comparison:
    first, second = np.array(a), np.array(b)
    difference = float(second.mean() - first.mean())
    n = min(len(first), len(second))
    if n < LEAST_SEEDS:
        return Comparison(difference, math.nan, math.nan, math.nan, n, paired, "cannot tell", None)
    level = LEVEL / comparisons
    scatter = float((second - first).std(ddof=1)) if paired else math.hypot(first.std(ddof=1), second.std(ddof=1))
    if scatter == 0.0:  # every seed agrees: there is no noise to be bigger than
        verdict: Verdict = "no difference at all" if difference == 0.0 else "bigger than seed noise"
        return Comparison(difference, difference, difference, float(difference == 0.0), n, paired, verdict, None)
    test = scipy.stats.ttest_rel(second, first) if paired else scipy.stats.ttest_ind(second, first, equal_var=False)
    p_value = float(test.pvalue)
    low, high = _bootstrap(first, second, paired, 1 - level)
    verdict = "bigger than seed noise" if p_value < level else "cannot tell"
    needed = _seeds_needed(abs(difference) / scatter, level, n, paired) if verdict == "cannot tell" else None
    return Comparison(difference, low, high, p_value, n, paired, verdict, needed, 1 - level)


def compare_all(a: Mapping[str, Mapping[int, float]], b: Mapping[str, Mapping[int, float]]) -> dict[str, Comparison]:
    """Compare several figures of two settings, metric -> seed -> value, corrected for being read together.

    A metric that one side has no finite value of is left out.
    """
    both = [name for name in a if all(any(map(math.isfinite, side.get(name, {}).values())) for side in (a, b))]
    return {name: compare(a[name], b[name], comparisons=len(both)) for name in both}


def _align(a: Mapping[int, float], b: Mapping[int, float]) -> tuple[Values, Values, bool]:
    """The finite values of both sides; in the order of the seeds where both have the same ones."""
    a, b = ({seed: value for seed, value in side.items() if math.isfinite(value)} for side in (a, b))
    if not a or not b:
        raise ValueError("A comparison needs at least one finite value on each side; wait for a first result.")
    common = sorted(a.keys() & b.keys())
    if len(common) >= min(LEAST_SEEDS, len(a), len(b)):
        return np.array([a[seed] for seed in common]), np.array([b[seed] for seed in common]), True
    return np.array(list(a.values())), np.array(list(b.values())), False


def _bootstrap(first: Values, second: Values, paired: bool, confidence: float) -> tuple[float, float]:
    """Percentile interval of the difference of means, from a fixed stream so that it does not flicker."""
    rng = np.random.default_rng(0)
    samples, statistic = ((second - first,), np.mean) if paired else ((second, first), _mean_difference)
    result = scipy.stats.bootstrap(
        samples, statistic, confidence_level=confidence, n_resamples=2000, method="percentile", rng=rng
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def _mean_difference(second: Values, first: Values, axis: int) -> Values:
    difference: Values = second.mean(axis=axis) - first.mean(axis=axis)
    return difference


def _seeds_needed(effect: float, level: float, n: int, paired: bool) -> int | None:
    """Seeds a side, more than n, with which the t test shows this effect with 80 % chance; None beyond reason.

    effect: difference over the scatter of a single difference. Power by the noncentral t distribution.
    """
    more = np.arange(n + 1, MOST_SEEDS + 1)
    freedom = (more - 1) * (1 if paired else 2)
    power = scipy.stats.nct.sf(scipy.stats.t.ppf(1 - level / 2, freedom), freedom, effect * np.sqrt(more))
    enough = more[power >= POWER]
    return int(enough[0]) if len(enough) else None


@dataclass(frozen=True)
class PowerLaw:
    """y = factor·xᵉˣᵖᵒⁿᵉⁿᵗ, fitted; half_width: of the exponent's 95 % interval, NaN for two points. first, last: x."""

    exponent: float
    half_width: float
    factor: float
    first: float
    last: float
    points: int

    def __call__(self, x: Values) -> Values:
        """The fitted y."""
        found: Values = self.factor * np.asarray(x, dtype=np.float64) ** self.exponent
        return found

    def __str__(self) -> str:
        return f"{self.exponent:.2f}" + ("" if math.isnan(self.half_width) else f" ± {self.half_width:.2f}")


def power_law(x: Sequence[float], y: Sequence[float]) -> PowerLaw | None:
    """Least squares of log y on log x over the larger half of the x; repeats at one x count as points of their own.

    The larger half, for small x are ruled by what does not grow; of three or four x the largest three, which an
    interval needs. None where fewer than two x are left.
    """
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a > 0 and b > 0 and math.isfinite(b)]
    every = sorted({a for a, _ in pairs})
    kept = every[-max(3, math.ceil(len(every) / 2)) :]
    if len(kept) < 2:
        return None
    logs = np.log([pair for pair in pairs if pair[0] >= kept[0]])
    fit = scipy.stats.linregress(logs[:, 0], logs[:, 1])
    error = float(scipy.stats.t.ppf(1 - LEVEL / 2, len(logs) - 2)) * float(fit.stderr) if len(logs) > 2 else math.nan
    return PowerLaw(float(fit.slope), error, math.exp(fit.intercept), kept[0], kept[-1], len(logs))


def crossover(x: Sequence[float], falls_behind: Sequence[float], overtakes: Sequence[float]) -> float | None:
    """Where the second curve goes below the first for good, log–log interpolated; x rising.

    The first x where it lies below all along; None where it does not at the last x.
    """
    difference = np.log(np.asarray(falls_behind, np.float64)) - np.log(np.asarray(overtakes, np.float64))
    behind = np.flatnonzero(~(difference > 0))
    if not len(difference) or (len(behind) and behind[-1] == len(difference) - 1):
        return None
    if not len(behind):
        return float(x[0])
    at = int(behind[-1])
    share = -difference[at] / (difference[at + 1] - difference[at])
    return float(math.exp(math.log(x[at]) + share * (math.log(x[at + 1]) - math.log(x[at]))))
