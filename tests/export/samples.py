"""A finished run of the kettle to take away: two seeds, a metric within epochs, one value that is not a number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.contract import Experiment
from core.engine.records import RunRecord, Series, Snapshot
from tests.ui.toys.kettle import EXPERIMENT, KettleConfig

KETTLE: Experiment = replace(EXPERIMENT, title="Kettle <b>& lid</b>")
CONFIG = KettleConfig(water="hard", lid=False, rate=0.05, band="range")


def series(*points: tuple[float, float]) -> Series:
    steps, values = np.array(points, dtype=np.float64).T
    return Series(steps, values)


def finished(seeds: tuple[int, ...] = (4, 5), recorded: str = "") -> Snapshot:
    record = RunRecord(
        id="0123456789abcdef",
        experiment="kettle",
        version=1,
        identity="some",
        config=CONFIG.model_dump(),
        seeds=seeds,
        trainings={seed: f"training-{seed}" for seed in seeds},
        state="finished",
        owner="somebody's secret",
        device="cpu",
        device_name="a <CPU>",
        versions={"python": "3.13", "torch": "2.13"},
        created=1_760_000_000.0,
        finished=1_760_000_010.0,
        seconds=9.5,
    )
    curves = {
        "heat": {seed: series((1, 20.5 + seed), (2, 40.0 + seed)) for seed in seeds},
        "steam, hot": {seeds[0]: series((0.25, 0.1), (0.5, 0.2), (1, 1 / 3))},
    }
    return Snapshot(record, 7, 1.0, series=curves, seed_states=dict.fromkeys(seeds, "finished"), recorded=recorded)
