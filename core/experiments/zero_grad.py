"""Forget `zero_grad()`: every step uses the sum of all gradients so far. A net and its forgetful twin, side by side.

Both have the same weights at first and see the same batches. With plain SGD the forgetful loop is, number for number,
SGD with momentum 1: a ball that rolls without friction. So at first it may well learn faster; then it overshoots and
is thrown about. Whether its loss then grows beyond all bounds depends on the loss and on the learning rate.
Source: course material on training loops ("forgotten zero_grad()"), which says that it diverges.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import spirals
from core.events import Event, Metrics, Note
from core.training import DIVERGED, Learner, checkpoint, minibatches, predict

WIDTH = 32
FORGOTTEN = ", forgotten"
DIVERGED_TWIN = "diverged" + FORGOTTEN  # 1 where its loss grew beyond all measure, else 0
SAME = "apart from momentum 1"  # largest |difference| of two weights


class ZeroGradConfig(Config):
    """Settings of one comparison."""

    loss: Literal["cross-entropy", "squared"] = knob(
        "cross-entropy",
        "Loss",
        labels={"cross-entropy": "cross-entropy", "squared": "squared error"},
        help="A squared error has gradients without bound; those of cross-entropy are bounded in the logits.",
    )
    optimiser: Literal["sgd", "adam"] = knob("sgd", "Optimiser", labels={"sgd": "SGD", "adam": "Adam"})
    layers: int = knob(2, "Hidden layers", unit="of 32 units", ge=1, le=4)
    learning_rate: float = knob(0.1, "Learning rate", group="training", ge=1e-4, le=1.0, logarithmic=True)
    batch_size: int = knob(32, "Batch size", unit="points", group="training", ge=16, le=640)
    epochs: int = knob(30, "Epochs", group="training", ge=1, le=200)
    band: Band = band_knob("range")


def train_step(net: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, kind: str) -> Tensor:
    """One step as it should be; returns the loss."""
    optimiser.zero_grad()
    loss = loss_of(net(inputs), targets, kind)
    loss.backward()
    optimiser.step()
    return loss.detach()


def forgetful_step(
    net: nn.Module, optimiser: torch.optim.Optimizer, inputs: Tensor, targets: Tensor, kind: str
) -> Tensor:
    """The same without the line that clears the gradients: backward() adds to what is there."""
    loss = loss_of(net(inputs), targets, kind)
    loss.backward()
    optimiser.step()
    return loss.detach()


def patch() -> str:
    """What mends the forgetful loop, as a unified diff of the two functions above, without their heads."""
    broken, right = (_body(inspect.getsource(one)) for one in (forgetful_step, train_step))
    lines = difflib.unified_diff(broken, right, "loop.py, forgetful", "loop.py, mended", lineterm="")
    return "\n".join(lines)


def _body(source: str) -> list[str]:
    """The lines after the docstring, at the margin."""
    return inspect.cleandoc(source.split('"""')[2]).splitlines()


def loss_of(outputs: Tensor, targets: Tensor, kind: str) -> Tensor:
    """Cross-entropy, or the squared distance from (1, 0) or (0, 1); mean over the points."""
    if kind == "cross-entropy":
        return F.cross_entropy(outputs, targets)
    return (outputs - F.one_hot(targets, 2)).square().sum(dim=1).mean()


@dataclass
class Pair(Learner):
    """A net in training (the learner itself) and its forgetful twin; with SGD a third one with momentum 1."""

    twin: nn.Module
    twin_optimiser: torch.optim.Optimizer
    rolling: nn.Module | None
    rolling_optimiser: torch.optim.Optimizer | None
    twin_losses: list[Tensor] = field(default_factory=list, kw_only=True)  # of the epoch under way
    first: float = field(default=float("nan"), kw_only=True)  # the twin's first loss
    broken: int = field(default=0, kw_only=True)  # the epoch in which the twin diverged

    def step(self, inputs: Tensor, targets: Tensor, kind: str) -> None:
        """All of them on one batch."""
        self.losses.append(train_step(self.net, self.optimiser, inputs, targets, kind))
        self.watch.note(self.net)
        if self.broken:
            return
        self.twin_losses.append(forgetful_step(self.twin, self.twin_optimiser, inputs, targets, kind))
        if self.rolling is not None and self.rolling_optimiser is not None:
            train_step(self.rolling, self.rolling_optimiser, inputs, targets, kind)

    def look_at_twin(self, epoch: int) -> bool:
        """Whether the twin has diverged in this epoch: from then on it is left alone."""
        if self.broken:
            return False
        losses = torch.stack(self.twin_losses).double().cpu().numpy()
        if not isfinite(self.first):
            self.first = float(losses[0])
        if np.isfinite(losses).all() and losses.max() <= DIVERGED * max(self.first, 1e-3):
            return False
        self.broken = epoch
        return True


def build(config: ZeroGradConfig) -> nn.Sequential:
    """The untrained net: 2 numbers in, 2 out."""
    sizes = [2] + [WIDTH] * config.layers
    hidden = [one for here, there in pairwise(sizes) for one in (nn.Linear(here, there), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(WIDTH, 2))


def run(config: ZeroGradConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train every seed's net and its twin on the same batches; yields Metrics after every epoch."""
    train, test = spirals.load()
    inputs, labels = (torch.from_numpy(one).to(device) for one in (train.inputs, train.labels))
    held, answers = (torch.from_numpy(one).to(device) for one in (test.inputs, test.labels))
    pairs = [make_pair(config, seed, device) for seed in seeds]
    yield Metrics(0, measure(config, pairs, held, answers))
    for epoch in range(1, config.epochs + 1):
        for pair in pairs:
            pair.losses, pair.twin_losses = [], []
            for batch in minibatches(len(inputs), config.batch_size):
                pair.step(inputs[batch], labels[batch], config.loss)
        training = np.array([pair.checked_loss(config, epoch) for pair in pairs])
        for seed, pair in zip(seeds, pairs, strict=True):
            if pair.look_at_twin(epoch):
                yield Note(f"Seed {seed}: the net without zero_grad() diverged in epoch {epoch} and is left alone.")
        yield Metrics(epoch, {"training loss": training, **measure(config, pairs, held, answers)})
        yield checkpoint(epoch, pairs)


def make_pair(config: ZeroGradConfig, seed: int, device: torch.device) -> Pair:
    """The net and its twins with the same weights; the seed is set right before each is built."""

    def made() -> nn.Module:
        torch.manual_seed(seed)
        return build(config).to(device)

    net, twin = made(), made()
    rate = config.learning_rate
    if config.optimiser == "adam":
        net_steps, twin_steps = (torch.optim.Adam(one.parameters(), lr=rate) for one in (net, twin))
        return Pair(net, net_steps, twin, twin_steps, None, None)
    rolling = made()
    with_momentum = torch.optim.SGD(rolling.parameters(), lr=rate, momentum=1.0)
    right, forgetful = (torch.optim.SGD(one.parameters(), lr=rate) for one in (net, twin))
    return Pair(net, right, twin, forgetful, rolling, with_momentum)


def measure(config: ZeroGradConfig, pairs: Sequence[Pair], inputs: Tensor, labels: Tensor) -> dict[str, np.ndarray]:
    """Loss and accuracy on held-out points, the length of the gradient that the optimiser meets; (seeds,) each."""
    found: dict[str, np.ndarray] = {}
    for name, nets in (("", [pair.net for pair in pairs]), (FORGOTTEN, [pair.twin for pair in pairs])):
        gone = np.array([bool(name and pair.broken) for pair in pairs])
        logits = [predict(net, inputs, len(inputs)) for net in nets]
        losses = np.array([loss_of(one, labels, config.loss).item() for one in logits])
        right = np.array([100.0 * (one.argmax(dim=1) == labels).double().mean().item() for one in logits])
        lengths = np.array([gradient_length(net) for net in nets])
        for metric, values in (("held-out loss", losses), ("held-out accuracy", right), ("gradient norm", lengths)):
            found[metric + name] = np.where(gone | ~np.isfinite(values), np.nan, values)
    found[DIVERGED_TWIN] = np.array([float(pair.broken > 0) for pair in pairs])
    if config.optimiser == "sgd":
        found[SAME] = np.array([np.nan if pair.broken else apart(pair) for pair in pairs])
    return found


def gradient_length(net: nn.Module) -> float:
    """‖gradient‖ that the last step used; NaN before the first."""
    gradients = [one.grad for one in net.parameters() if one.grad is not None]
    return torch.nn.utils.get_total_norm(gradients).item() if gradients else float("nan")


def apart(pair: Pair) -> float:
    """The largest |difference| of a weight between the forgetful twin and SGD with momentum 1."""
    assert pair.rolling is not None
    both = zip(pair.twin.parameters(), pair.rolling.parameters(), strict=True)
    return max((one - other).detach().abs().max().item() for one, other in both)


EXPERIMENT = Experiment(
    key="zero_grad",
    lab="zero_grad",
    title="Forgotten zero_grad()",
    question="What becomes of a training whose gradients are never cleared?",
    source="course material on training loops",
    version=1,
    config=ZeroGradConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("held-out loss", "held-out loss" + FORGOTTEN, "held-out accuracy", "held-out accuracy" + FORGOTTEN),
    predictions=(
        Prediction(
            "forgotten",
            "How often is the net without zero_grad() right on held-out points, at the end?",
            "held-out accuracy" + FORGOTTEN,
            choices={
                "as often as its twin: 95 % or more": (95.0, 100.0),
                "less, but better than guessing": (60.0, 95.0),
                "as good as guessing: below 60 %": (0.0, 60.0),
            },
        ),
    ),
    example=lambda config: torch.zeros(1, 2),
    data=lambda config: (
        "Points on two spiral arms, drawn from seed 42: 640 to train on, in the same order every epoch, and 360 held "
        "out for the test."
    ),
)
