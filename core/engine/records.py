"""What the engine knows of a run, as plain values that may be stored, sent and shown. No torch here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.events import Arrays, Metrics, Note, Weights

State = Literal["queued", "running", "paused", "finished", "stopped", "failed", "interrupted"]
STATES: tuple[State, ...] = ("queued", "running", "paused", "finished", "stopped", "failed", "interrupted")
LARGEST_SEED = 2**31 - 1
FINAL: frozenset[State] = frozenset({"finished", "stopped", "failed", "interrupted"})


@dataclass(frozen=True)
class RunRecord:
    """What a person started: an experiment, its config and some seeds; each seed is one training, stored once.

    identity: what two runs share if their trainings are interchangeable (see `identity`). trainings: seed -> training
    id; a run may point at trainings of earlier runs. device: its kind (cuda, mps, cpu). created, finished: Unix
    seconds, finished None while not final. seconds: busy training time, summed over the trainings this run made itself.
    error: one sentence, empty unless failed. keep: train on although nobody watches. total_steps: step of the last
    event if nothing stops early, None where unknown.
    """

    id: str
    experiment: str
    version: int
    identity: str
    config: dict[str, Any]
    seeds: tuple[int, ...]
    trainings: dict[int, str]
    state: State
    owner: str
    device: str
    device_name: str
    versions: dict[str, str]
    created: float
    finished: float | None = None
    seconds: float = 0.0
    error: str = ""
    keep: bool = False
    total_steps: float | None = None

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to this run."""
        return self.state in FINAL


@dataclass(frozen=True, eq=False)
class Moment:
    """The weights of one training at one step, kept so that pictures can go back in time."""

    step: float
    weights: Weights


@dataclass(frozen=True)
class SeedEvent:
    """One event of one training. index: counts its events from 0. A Metrics holds one number (shape ()) a name here."""

    index: int
    event: Metrics | Arrays | Note | Moment


@dataclass(frozen=True, eq=False)
class Series:
    """One metric of one seed. steps: (points,) float64 in epochs. values: (points,) float64, never NaN."""

    steps: NDArray[np.float64]
    values: NDArray[np.float64]

    def __len__(self) -> int:
        """The number of points."""
        return len(self.values)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A run as it stands, all that a page needs to draw it.

    cursor: grows with every change, so that a page may ask for what is newer. progress: 0 to 1. seconds_left: None
    where unknown. queue_position: None while running now. series: metric name -> seed -> points (NaN points left out).
    moments: seed -> steps of its stored Arrays. saved: seed -> steps whose weights are stored, which answer queries as
    of then. problem: a sentence for the person who watches (disk full), else empty. recorded: the stamp of a run that
    was shipped with the program, else empty. preparing: how far it is with its outside data, else empty.
    """

    run: RunRecord
    cursor: int
    progress: float = 0.0
    seconds_left: float | None = None
    queue_position: int | None = None
    series: dict[str, dict[int, Series]] = field(default_factory=dict)
    seed_states: dict[int, State] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    moments: dict[int, tuple[float, ...]] = field(default_factory=dict)
    saved: dict[int, tuple[float, ...]] = field(default_factory=dict)
    problem: str = ""
    viewers: int = 0
    recorded: str = ""
    preparing: str = ""

    def summary(self, names: Iterable[str] | None = None) -> dict[str, dict[int, float]]:
        """The last finite value of each metric: name -> seed -> value; a seed without one is left out.

        names: which metrics, in this order (default: all that were measured). An unmeasured name gives an empty dict.
        """
        wanted = self.series if names is None else names
        return {name: dict(_last_finite(self.series.get(name, {}))) for name in wanted}

    def at(self, step: float, name: str) -> dict[int, float]:
        """The value of one metric at a step: seed -> value; a seed that was not measured then is left out."""
        found = {seed: series.values[series.steps == step] for seed, series in self.series.get(name, {}).items()}
        return {seed: float(values[-1]) for seed, values in found.items() if len(values) and np.isfinite(values[-1])}


def _last_finite(points: Mapping[int, Series]) -> Iterable[tuple[int, float]]:
    for seed, series in points.items():
        finite = series.values[np.isfinite(series.values)]
        if len(finite):
            yield seed, float(finite[-1])


def checked_seeds(seeds: Iterable[int]) -> tuple[int, ...]:
    """The seeds as they are. Raises ValueError for none, equal ones, or one out of range."""
    wanted = tuple(int(seed) for seed in seeds)
    if not wanted:
        raise ValueError("At least one seed is needed; got none. Try seeds=[0].")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"Seeds must differ; got {', '.join(map(str, wanted))}.")
    outside = [seed for seed in wanted if not 0 <= seed <= LARGEST_SEED]
    if outside:
        raise ValueError(f"Seeds must lie between 0 and {LARGEST_SEED}; got {outside[0]}.")
    return wanted


def identity(experiment: str, version: int, settings: Mapping[str, Any], device_kind: str, data: str = "") -> str:
    """The name of all trainings that may stand for each other: a SHA-256, in hex, of what makes their numbers.

    settings: the config's retraining fields (`Config.retraining()`), in any order. data: fingerprint of outside data.
    The seed is not in it. Raises TypeError for a setting that is not JSON (number, text, bool, None, list, dict).
    """
    parts = {
        "experiment": experiment,
        "version": version,
        "settings": dict(settings),
        "device": device_kind,
        "data": data,
    }
    try:
        canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"Settings must be finite numbers, text, true/false or lists of them; got {settings!r}."
        ) from error
    return hashlib.sha256(canonical.encode()).hexdigest()
