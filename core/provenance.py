"""What will be trained, before it is: parameters, operations, data, versions. Nothing is trained for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from core import devices
from core.config import Config
from core.contract import Experiment

Build = Callable[[Any], nn.Module]
Example = Callable[[Any], torch.Tensor]


def parameters(experiment: Experiment, config: Config) -> int:
    """How many numbers are trained."""
    return _counts(experiment.build, experiment.example, config)[0]


def operations(experiment: Experiment, config: Config) -> int | None:
    """Floating-point operations of one forward pass of one example (a multiply-add counts two); None where unknown."""
    return _counts(experiment.build, experiment.example, config)[1]


def facts(experiment: Experiment, config: Config, device_name: str) -> Mapping[str, str]:
    """All of it in words, for a table."""
    flops = operations(experiment, config)
    versions = ", ".join(f"{name} {version}" for name, version in devices.versions().items())
    return {
        "data": experiment.data(config) if experiment.data else "see the source below",
        "trained parameters": f"{parameters(experiment, config):,}",
        "operations": f"{_readable(flops)} for one forward pass of one example" if flops else "not counted",
        "device": device_name,
        "versions": versions,
        "experiment": f"{experiment.key}, version {experiment.version}. Source: {experiment.source}",
    }


@lru_cache(maxsize=256)
def _counts(build: Build, example: Example | None, config: Config) -> tuple[int, int | None]:
    with torch.random.fork_rng(devices=[]):
        model = build(config).eval()
        count = sum(one.numel() for one in model.parameters() if one.requires_grad)
        if example is None:
            return count, None
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            model(example(config))
        return count, int(counter.get_total_flops())


def _readable(number: float) -> str:
    for unit, size in (("GFLOP", 1e9), ("MFLOP", 1e6), ("kFLOP", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} FLOP"
