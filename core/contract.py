"""What a lab is made of: an experiment (a config, a generator that trains, questions to its model), or a demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from core.config import Config
from core.events import Arrays, Event

Run = Callable[[Any, tuple[int, ...], torch.device], Iterator[Event]]
Query = Callable[..., Arrays]


class Explained(RuntimeError):
    """A training that cannot go on; the message is for the person who watches, and is shown as it is."""


def _one(config: Any, device: torch.device) -> int:
    return 1


@dataclass(frozen=True)
class Prediction:
    """A question to answer before the run, decided by the mean over seeds of a metric at its end.

    key: its name in the store. metric: what decides. choices: answer -> (least, most) of the metric that make it right;
    without any the answer is a number from `low` to `high`, in `unit`. A choice is stored as its place among them.
    """

    key: str
    question: str
    metric: str
    choices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    low: float = 0.0
    high: float = 100.0
    unit: str = "%"

    def in_words(self, guess: float) -> str:
        """A stored guess as a person would say it."""
        return list(self.choices)[int(guess)] if self.choices else f"{guess:g} {self.unit}".strip()

    def right(self, outcome: float) -> list[str]:
        """The choices that this outcome makes right; on a border there may be two."""
        return [answer for answer, (least, most) in self.choices.items() if least <= outcome <= most]


def _one_input(config: Any) -> float:
    return 1.0


@dataclass(frozen=True)
class Topic:
    """What a page, its form, its link and its lessons must know, whether anything trains or not.

    key: its name in links, on the command line and in the store. lab: the page it is shown on.
    """

    key: str
    lab: str
    title: str
    question: str
    source: str
    config: type[Config]


@dataclass(frozen=True)
class Demo(Topic):
    """A lab, or a part of one, that trains nothing, as its file in core/demos declares it in `DEMO`.

    Its config is what the page's pure functions take; each answers within 100 ms, so every knob takes effect at once.
    """


@dataclass(frozen=True)
class Experiment(Topic):
    """One experiment, as its file declares it in `EXPERIMENT`.

    version: raised by hand when its numbers change, so that old results are not mistaken for new ones. run(config,
    seeds, device) yields events; build(config) makes the untrained module that a Checkpoint's weights fit;
    total_steps(config) is the step of the last event if nothing stops early. summary: metric names whose last finite
    value sums a training up. lists: name -> prefix; the metrics "<prefix> 1", "<prefix> 2", … are one list a seed under
    that name in what the command line reports at the end.
    queries: name -> f(model, config, device=..., **arguments) -> Arrays. seeds_per_unit(config, device): how many seeds
    train together in one unit of work (one where a core is kept busy by it). exclusive: nothing may run beside it.
    predictions: what a learner may be asked before the run. example(config): one input of the module, for counting its
    operations. data(config): what it is trained on, in a sentence. prepare(config): makes outside data ready before a
    training (a download), yielding how far it is in a sentence at least every 0.25 s; it draws no random numbers.
    fingerprint(config): names the very bytes of outside data, at no cost worth mentioning. inputs(config): how many
    go through the net in one of total_steps, one that trains counted three times; only for estimates of time.
    timed: metrics that are read off a clock, so that no other machine, and no other day, repeats them.
    """

    version: int
    run: Run
    build: Callable[[Any], nn.Module]
    total_steps: Callable[[Any], float]
    summary: tuple[str, ...]
    lists: Mapping[str, str] = field(default_factory=dict)
    queries: Mapping[str, Query] = field(default_factory=dict)
    seeds_per_unit: Callable[[Any, torch.device], int] = _one
    exclusive: bool = False
    predictions: tuple[Prediction, ...] = ()
    example: Callable[[Any], torch.Tensor] | None = None
    data: Callable[[Any], str] | None = None
    prepare: Callable[[Any], Iterator[str]] | None = None
    fingerprint: Callable[[Any], str] | None = None
    inputs: Callable[[Any], float] = _one_input
    timed: tuple[str, ...] = ()
