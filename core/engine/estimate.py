"""How long a run will take, from what trained on this machine before. A range, and what it rests on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core import provenance
from core.config import Config, ConfigError

if TYPE_CHECKING:
    from core.contract import Experiment
    from core.engine.store import Store

LOOKED_AT = 50  # trainings of other settings


@dataclass(frozen=True)
class Estimate:
    """Seconds of wall clock from `low` to `high`; basis says in words what they rest on."""

    low: float
    high: float
    basis: str


def estimate(
    store: Store, experiment: Experiment, config: Config, identity: str, device: str, seeds: Sequence[int], at_once: int
) -> Estimate | None:
    """From trainings of the same settings; else from others of this experiment, scaled; None where there are none.

    device: its kind. at_once: trainings that run side by side.
    """
    rounds = math.ceil(len(seeds) / max(at_once, 1))
    same = _seconds_of(store, identity)
    if same:
        own = f"{len(same)} training{'s' * (len(same) != 1)} of these settings on this machine"
        return Estimate(rounds * min(same), rounds * max(same), own)
    rates = [
        seconds / work
        for settings, seconds in _seconds_by_config(store, experiment, device)
        if (work := _work_of_stored(experiment, settings))
    ]
    work = _work(experiment, config)
    if not rates or not work:
        return None
    low, high = (float(one) for one in np.quantile(rates, [0.1, 0.9]))
    scaled = f"{len(rates)} training{'s' * (len(rates) != 1)} of other settings here, scaled by steps and operations"
    return Estimate(rounds * work * low, rounds * work * high, scaled)


def _seconds_of(store: Store, identity: str) -> list[float]:
    """Busy seconds of every finished training of this identity."""
    sql = "SELECT seconds FROM {trainings} WHERE identity = ? AND state = 'finished' AND seconds > 0"
    return [seconds for (seconds,) in store.database.read(sql, (identity,))]


def _seconds_by_config(store: Store, experiment: Experiment, device: str) -> list[tuple[dict[str, Any], float]]:
    """Config and busy seconds of an experiment's newest finished trainings on a kind of device."""
    sql = (
        "SELECT one.config, made.seconds FROM {trainings} AS made JOIN {runs} AS one ON made.run = one.id "
        "WHERE one.experiment = ? AND one.version = ? AND one.device = ? AND made.state = 'finished' "
        "AND made.seconds > 0 ORDER BY made.finished DESC LIMIT ?"
    )
    rows = store.database.read(sql, (experiment.key, experiment.version, device, LOOKED_AT))
    return [(json.loads(config), seconds) for config, seconds in rows]


def _work_of_stored(experiment: Experiment, settings: dict[str, Any]) -> float:
    """0 for settings that were stored by another version and are none any more."""
    try:
        return _work(experiment, experiment.config.parse(settings))
    except ConfigError:
        return 0.0


def _work(experiment: Experiment, config: Config) -> float:
    """In proportion to the time it takes, if nothing stops early."""
    inputs = experiment.total_steps(config) * experiment.inputs(config)
    return inputs * (provenance.operations(experiment, config) or 1)
