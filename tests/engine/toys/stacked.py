"""Three seeds in one unit; the second stops early and says so with NaN. Pictures of the last seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from core.config import Config, knob
from core.contract import Experiment
from core.events import Arrays, Event, Metrics


class StackedConfig(Config):
    steps: int = knob(4, "Steps", ge=1, le=1000)


def run(config: StackedConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    for step in range(1, config.steps + 1):
        values = np.array([float(10 * seed + step) for seed in seeds])
        if step > 2 and len(seeds) > 1:
            values[1] = np.nan
        yield Metrics(step, {"score": values})
    yield Arrays(config.steps, {"picture": np.arange(4.0)}, seed=seeds[-1])


EXPERIMENT = Experiment(
    key="stacked",
    lab="toys",
    title="Stacked seeds",
    question="Whose number is it?",
    source="none",
    version=1,
    config=StackedConfig,
    run=run,
    build=lambda config: nn.Identity(),
    total_steps=lambda config: config.steps,
    summary=("score",),
    seeds_per_unit=lambda config, device: 3,
)
