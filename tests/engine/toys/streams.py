"""Leans on every kind of global state there is: random streams, dropout, default dtype, grad mode."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from torch import nn

from core.config import Config, knob
from core.contract import Experiment
from core.events import Checkpoint, Event, Metrics
from core.training import weights_of

Flavour = Literal["python", "numpy", "torch", "dropout", "dtype", "grad"]


class StreamsConfig(Config):
    flavour: Flavour = knob("python", "Which global state")
    steps: int = knob(12, "Steps", ge=1, le=1000)


def run(config: StreamsConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    torch.manual_seed(seeds[0])
    if config.flavour == "dtype":
        torch.set_default_dtype(torch.float64)
    net = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 1))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(1, config.steps + 1):
        if config.flavour == "grad":
            torch.set_grad_enabled(step % 2 == 1)
        number = draw(config.flavour, net, optimiser)
        yield Metrics(step, {"number": np.array([number])})
        yield Checkpoint(step, (weights_of(net),))


def draw(flavour: Flavour, net: nn.Module, optimiser: torch.optim.Optimizer) -> float:
    if flavour == "python":
        return random.random()
    if flavour == "numpy":
        return float(np.random.rand())  # noqa: NPY002 - the legacy stream is what is tried here
    if flavour == "torch":
        return torch.rand(()).item()
    loss = net(torch.randn(8, 4)).square().mean()
    if loss.requires_grad:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return loss.item()


EXPERIMENT = Experiment(
    key="streams",
    lab="toys",
    title="Streams",
    question="Does one run disturb another?",
    source="none",
    version=1,
    config=StreamsConfig,
    run=run,
    build=lambda config: nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 1)),
    total_steps=lambda config: config.steps,
    summary=("number",),
)
