"""Which cells does each normalisation average? A small tensor by hand, and batch norm when the data drift.

Every formula is held against torch's own. Sources: Ioffe & Szegedy 2015 (batch); Ba et al. 2016 (layer); Ulyanov et
al. 2016 (instance); Wu & He 2018 (group); the tensor is from course material.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core.config import Config, knob
from core.contract import Demo
from core.demos import written
from core.demos.written import Floats
from core.devices import one_thread

Kind = Literal["batch", "layer", "instance", "group"]
KINDS: tuple[Kind, ...] = ("batch", "layer", "instance", "group")
EXAMPLE = "4 3 2 / 1 4 3; 3 4 1 / 4 2 2; 3 2 3 / 4 1 2; 1 1 3 / 4 1 2"
MOST = 6  # samples, channels, features
LONGEST = 600
EPSILON = 1e-5  # added to every variance, torch's default
BATCHES, MOVING, BATCH = 200, 100, 64  # batches of a drift, how many of them drift, numbers in each


class NormalisationConfig(Config):
    """The tensor, what averages it, and a drift."""

    kind: Kind = knob(
        "batch",
        "Normalisation",
        labels={"batch": "batch norm", "layer": "layer norm", "instance": "instance norm", "group": "group norm"},
    )
    tensor: str = knob(
        EXAMPLE,
        "Tensor",
        longest=LONGEST,
        rule=f"at most {LONGEST} characters",
        help="A sample is rows of features, a row a channel: 4 3 2 / 1 4 3. Samples are separated by semicolons. "
        f"Each size at most {MOST}.",
    )
    groups: int = knob(1, "Groups", ge=1, le=MOST, where={"kind": ("group",)}, help="They must divide the channels.")
    sample: int = knob(1, "Sample of the chosen cell", ge=1, le=MOST)
    channel: int = knob(1, "Channel of the chosen cell", ge=1, le=MOST)
    feature: int = knob(1, "Feature of the chosen cell", ge=1, le=MOST)
    momentum: float = knob(
        0.1, "Momentum m of the running mean", group="view", ge=0.0, le=1.0, help="torch's default is 0.1."
    )
    drift: float = knob(0.1, "Drift of the mean a batch", group="view", ge=-1.0, le=1.0)
    seed: int = knob(0, "Draw, number", group="view", ge=0, le=999)


@dataclass(frozen=True)
class Normalised:
    """x, output, torch's: (sample, channel, feature); lit: which cells are averaged with the chosen one.

    mean, variance: one number a set of averaged cells, in the order of `names`. torch: None where it refuses.
    chosen: the cell, counted from 0. notes: what could not be used as it was written.
    """

    x: Floats
    output: Floats
    torch: Floats | None
    lit: NDArray[np.bool_]
    chosen: tuple[int, int, int]
    names: tuple[str, ...]
    mean: Floats
    variance: Floats
    notes: tuple[str, ...]

    @property
    def difference(self) -> float:
        """The largest |difference| from torch; NaN where it refuses."""
        return float("nan") if self.torch is None else float(np.abs(self.output - self.torch).max())


def read(text: str) -> tuple[Floats, tuple[str, ...]]:
    """The tensor, and a sentence where it cannot be read: then it is the example."""
    try:
        return written.block(text, MOST), ()
    except ValueError as error:
        return written.block(EXAMPLE, MOST), (f"The tensor is not used: {error} Shown is the example.",)


def sets(kind: Kind, shape: tuple[int, int, int], groups: int = 1) -> NDArray[np.int64]:
    """For every cell the number of the set that it is averaged with, from 0 on."""
    channels = shape[1]
    sample, channel, _ = np.indices(shape)
    if kind == "batch":
        return np.asarray(channel)
    if kind == "layer":
        return np.asarray(sample)
    if kind == "instance":
        return np.asarray(sample * channels + channel)
    return np.asarray(sample * groups + channel // (channels // groups))


def statistics(x: Floats, members: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and population variance of every set."""
    count = np.bincount(members.ravel())
    mean = np.bincount(members.ravel(), x.ravel()) / count
    variance = np.bincount(members.ravel(), ((x - mean[members]) ** 2).ravel()) / count
    return mean, variance


def normalise(x: Floats, kind: Kind, groups: int = 1) -> Floats:
    """(x − mean) / √(variance + ε), the mean and the variance of each cell's own set."""
    members = sets(kind, _shape(x), groups)
    mean, variance = statistics(x, members)
    normalised: Floats = (x - mean[members]) / np.sqrt(variance[members] + EPSILON)
    return normalised


@one_thread()
def by_torch(x: Floats, kind: Kind, groups: int = 1) -> Floats | None:
    """What torch's functional form makes of it; None where torch refuses a set of a single number."""
    given = torch.from_numpy(x)
    try:
        found: Tensor = {
            "batch": lambda: F.batch_norm(given, None, None, training=True, eps=EPSILON),
            "layer": lambda: F.layer_norm(given, given.shape[1:], eps=EPSILON),
            "instance": lambda: F.instance_norm(given, eps=EPSILON),
            "group": lambda: F.group_norm(given, groups, eps=EPSILON),
        }[kind]()
    except ValueError:
        return None
    values: Floats = found.numpy()
    return values


def look(config: NormalisationConfig) -> Normalised:
    """Everything about the form's tensor."""
    x, notes = read(config.tensor)
    shape = _shape(x)
    groups = _groups(config.groups, shape[1])
    if config.kind == "group" and groups != config.groups:
        notes += (f"Groups must divide the {shape[1]} channels; got {config.groups}. Used {groups}.",)
    wanted = (config.sample, config.channel, config.feature)
    one, two, three = (min(place, size) - 1 for place, size in zip(wanted, shape, strict=True))
    members = sets(config.kind, shape, groups)
    mean, variance = statistics(x, members)
    lit = members == members[one, two, three]
    if lit.sum() == 1:
        notes += ("The chosen cell is averaged with no other: its mean is itself, its variance 0, its output 0.",)
    made, theirs = normalise(x, config.kind, groups), by_torch(x, config.kind, groups)
    return Normalised(x, made, theirs, lit, (one, two, three), names(config.kind, shape, groups), mean, variance, notes)


def names(kind: Kind, shape: tuple[int, int, int], groups: int = 1) -> tuple[str, ...]:
    """Of the sets, in their order."""
    samples, channels = range(1, shape[0] + 1), range(1, shape[1] + 1)
    if kind == "batch":
        return tuple(f"channel {one}" for one in channels)
    if kind == "layer":
        return tuple(f"sample {one}" for one in samples)
    if kind == "instance":
        return tuple(f"sample {one}, channel {other}" for one in samples for other in channels)
    return tuple(f"sample {one}, group {other}" for one in samples for other in range(1, groups + 1))


def _groups(wanted: int, channels: int) -> int:
    """The largest number that divides the channels and is not above what was asked for."""
    return next(one for one in range(min(wanted, channels), 0, -1) if channels % one == 0)


def _shape(x: Floats) -> tuple[int, int, int]:
    samples, channels, features = x.shape
    return samples, channels, features


# --- at test time


@dataclass(frozen=True)
class Drift:
    """After each batch, (batches,): true, running mean and its expected value; output error, measured and expected.

    error: mean |output with running statistics − output with the true ones| over the batch's numbers.
    """

    true: Floats
    running: Floats
    expected: Floats
    error: Floats
    expected_error: Floats

    @property
    def lag(self) -> Floats:
        """Running minus true mean."""
        return self.running - self.true

    @property
    def expected_lag(self) -> Floats:
        """The same of the formula."""
        return self.expected - self.true


@lru_cache(maxsize=64)
def drifting(momentum: float, drift: float, seed: int) -> Drift:
    """Batches of N(μ, 1) whose μ grows by `drift` a batch for 100 batches and then stands still.

    Running statistics follow torch: r ← (1 − m)·r + m·(the batch's), r = 0 and variance 1 before the first. While μ
    drifts, E[r] − μ = −drift·(1 − m)/m·(1 − (1 − m)ᵗ) after t batches; afterwards it shrinks by 1 − m a batch.
    """
    true = drift * np.minimum(np.arange(1, BATCHES + 1), MOVING)
    x = true[:, None] + np.random.default_rng(seed).standard_normal((BATCHES, BATCH))
    mean, variance = 0.0, 1.0
    running, error = np.empty(BATCHES), np.empty(BATCHES)
    for place, batch in enumerate(x):
        mean += momentum * (batch.mean() - mean)
        variance += momentum * (batch.var(ddof=1) - variance)
        running[place] = mean
        here = (batch - mean) / np.sqrt(variance + EPSILON)
        error[place] = np.abs(here - (batch - true[place]) / np.sqrt(1 + EPSILON)).mean()
    expected = true + expected_lag(momentum, drift)
    return Drift(true, running, expected, error, np.abs(expected - true))


def expected_lag(momentum: float, drift: float) -> Floats:
    """(batches,): E[running mean] − true mean."""
    batches = np.arange(1, BATCHES + 1)
    kept = 1 - momentum
    moving = np.minimum(batches, MOVING)
    # r = (1 − m)ᵗ·0 + m·Σ (1 − m)ᵗ⁻ᵏ·drift·k, a geometric sum; without momentum r stays 0
    lag = -drift * (kept / momentum * (1 - kept**moving) if momentum else moving.astype(np.float64))
    later: Floats = lag * kept ** np.maximum(batches - MOVING, 0)
    return later


DEMO = Demo(
    key="normalisation",
    lab="normalisation",
    title="Batch, layer and group norm",
    question="Which numbers does a normalisation average, and what follows from it?",
    source="Ioffe & Szegedy 2015; Ba et al. 2016; Ulyanov et al. 2016; Wu & He 2018; course material",
    config=NormalisationConfig,
)
