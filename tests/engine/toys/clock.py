"""Counts at a chosen pace, and gets into the trouble it is told to."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from core.config import Config, knob
from core.contract import Experiment
from core.events import Arrays, Checkpoint, Event, Metrics, Note

Trouble = Literal["none", "raise", "die", "hang", "hold", "cling"]


class ClockConfig(Config):
    steps: int = knob(5, "Steps", ge=1, le=100_000)
    milliseconds: int = knob(5, "Time a step", unit="ms", ge=0, le=10_000)
    trouble: Trouble = knob("none", "Trouble")
    at: int = knob(3, "Step of the trouble", ge=1, le=100_000)
    label: int = knob(0, "Makes another identity", ge=0, le=1_000_000)
    colour: Literal["red", "blue"] = knob("red", "Colour", retrains=False)


def run(config: ClockConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    pace = threading.Event()
    yield Note(f"seeds {seeds}")
    try:
        for step in range(1, config.steps + 1):
            pace.wait(config.milliseconds / 1000)
            if step == config.at:
                meet(config.trouble)
            yield Checkpoint(step, tuple({"weight": np.full((1, 1), seed + step, np.float32)} for seed in seeds))
            ones = np.ones(len(seeds))
            yield Metrics(step, {"count": step * ones, "pid": os.getpid() * ones})
    finally:
        if config.trouble == "cling":
            pace.wait(3600)


def meet(trouble: Trouble) -> None:
    if trouble == "raise":
        raise RuntimeError("the clock broke\nsecond line")
    if trouble == "die":
        os._exit(7)
    if trouble == "hang":
        threading.Event().wait(3600)
    if trouble == "hold":
        ctypes.PyDLL(None).sleep(3600)  # native code that never gives the interpreter's lock back


def value(model: nn.Module, config: ClockConfig, *, device: torch.device, times: float = 1.0) -> Arrays:
    return Arrays(0, {"value": model(torch.full((1, 1), times, device=device)).detach().cpu().numpy()})


def sleep(model: nn.Module, config: ClockConfig, *, device: torch.device, seconds: float) -> Arrays:
    threading.Event().wait(seconds)
    return Arrays(0, {})


def crash(model: nn.Module, config: ClockConfig, *, device: torch.device) -> Arrays:
    os._exit(9)


def refuse(model: nn.Module, config: ClockConfig, *, device: torch.device) -> Arrays:
    raise ValueError("the angle must be finite; got nan. Try 0.")


def experiment(key: str, **options: Any) -> Experiment:
    return Experiment(
        key=key,
        lab="toys",
        title="Clock",
        question="Does it tick?",
        source="none",
        version=1,
        config=ClockConfig,
        run=run,
        build=lambda config: nn.Linear(1, 1, bias=False),
        total_steps=lambda config: config.steps,
        summary=("count",),
        queries={"value": value, "sleep": sleep, "crash": crash, "refuse": refuse},
        **options,
    )


EXPERIMENT = experiment("clock")
