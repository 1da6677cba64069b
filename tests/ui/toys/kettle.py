"""One knob of every kind, and nothing to train: the tests look at pages while its runs wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import nn

from core.config import Config, knob
from core.contract import Experiment
from core.events import Event, Metrics


class KettleConfig(Config):
    water: Literal["soft", "hard"] = knob("soft", "Water", labels={"soft": "soft water", "hard": "hard water"})
    lid: bool = knob(True, "Lid")
    fill: float = knob(0.5, "Fill", unit="l", ge=0.1, le=2.0)
    steps: int = knob(3, "Steps", group="training", ge=1, le=1000, help="How often to look.")
    rate: float = knob(0.01, "Rate", group="training", ge=1e-4, le=1.0, logarithmic=True)
    band: Literal["std", "range"] = knob("std", "Band", group="view", retrains=False)


def run(config: KettleConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    for step in range(1, config.steps + 1):
        yield Metrics(step, {"heat": step * np.ones(len(seeds))})


EXPERIMENT = Experiment(
    key="kettle",
    lab="kettle",
    title="Kettle",
    question="Does it boil?",
    source="none",
    version=1,
    config=KettleConfig,
    run=run,
    build=lambda config: nn.Linear(1, 1, bias=False),
    total_steps=lambda config: config.steps,
    summary=("heat",),
)
