"""Yields three numbers, however many seeds it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from core.events import Event, Metrics
from tests.engine.toys import stacked


def run(config: stacked.StackedConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    yield Metrics(1, {"score": np.zeros(3)})


EXPERIMENT = dataclasses.replace(stacked.EXPERIMENT, key="misshapen", run=run, seeds_per_unit=lambda config, device: 1)
