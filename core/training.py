"""The plain pieces of a training loop: minibatches, one step, evaluation, early stopping. No Trainer class.

Loops stay in plain sight in the experiment's file; only what every loop would write again stands here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Config
from core.contract import Explained
from core.events import Checkpoint, Weights

MICRO_BATCH = 25  # images whose activations stay in a core's cache; a whole batch of 200 does not


def to_device(images: NDArray[np.float32], labels: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
    """Images (n, c, h, w) in channels-last layout, which convolutions prefer, and labels (n,)."""
    on_device = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
    return on_device, torch.from_numpy(labels).to(device)


def minibatches(count: int, size: int) -> Iterator[slice]:
    """Consecutive slices in order, the last one perhaps shorter."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def warmed_up(done: float, warm_up: float, floor: float = 0.0) -> float:
    """Part of the learning rate after this part of all steps: up a line to 1, then down a cosine to the floor."""
    if done < warm_up:
        return done / warm_up
    return floor + (1 - floor) / 2 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def train_step(
    net: nn.Module,
    optimiser: torch.optim.Optimizer,
    images: Tensor,
    labels: Tensor,
    micro_batch: int | None = None,
) -> Tensor:
    """One optimiser step on the batch's mean cross-entropy; returns that loss, a scalar on the device.

    On a CPU the batch goes through in pieces of `micro_batch` whose gradients add up to the batch's (equal up to
    rounding): their activations stay in the cache. None picks the size by device.
    """
    if micro_batch is None:
        micro_batch = MICRO_BATCH if images.device.type == "cpu" else len(images)
    optimiser.zero_grad(set_to_none=True)
    total = torch.zeros((), device=images.device)
    for piece in minibatches(len(images), micro_batch):
        loss = F.cross_entropy(net(images[piece]), labels[piece], reduction="sum") / len(images)
        loss.backward()
        total += loss.detach()
    optimiser.step()
    return total


def predict(net: nn.Module, images: Tensor, batch: int = 2 * MICRO_BATCH) -> Tensor:
    """Logits of every image, (n, classes), in evaluation mode; the net's mode is put back."""
    was_training = net.training
    net.eval()
    with torch.inference_mode():
        logits = torch.cat([net(images[piece]) for piece in minibatches(len(images), batch)])
    net.train(was_training)
    return logits


def evaluate(net: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Mean cross-entropy and accuracy in %."""
    logits = predict(net, images)
    loss = F.cross_entropy(logits, labels).item()
    return loss, percent_right(logits.argmax(dim=1), labels)


def percent_right(said: Tensor, labels: Tensor) -> float:
    """Accuracy in % of the classes that were said, (n,)."""
    return 100.0 * (said == labels).double().mean().item()


def weights_of(net: nn.Module) -> Weights:
    """A copy of the net's state, name -> array."""
    return {name: value.detach().cpu().contiguous().numpy().copy() for name, value in net.state_dict().items()}


def load_weights(net: nn.Module, weights: Weights) -> nn.Module:
    """Fill a net made for the same config. Raises ValueError where names or shapes differ."""
    try:
        net.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"These weights belong to another net: {reason}. Train it again.") from None
    return net


@dataclass
class BestWeights:
    """Keeps the weights of the lowest validation loss and says when patience has run out.

    patience: epochs in a row without improvement that are still borne; one more, and `stop` is True.
    """

    patience: int
    loss: float = float("inf")
    epoch: int = -1
    weights: Weights = field(default_factory=dict)
    stale: int = 0

    def update(self, epoch: int, loss: float, net: nn.Module) -> bool:
        """Note one epoch; returns whether it is the best so far."""
        better = loss < self.loss
        if better:
            self.loss, self.epoch, self.weights, self.stale = loss, epoch, weights_of(net), 0
        else:
            self.stale += 1
        return better

    @property
    def stop(self) -> bool:
        """Whether more than `patience` epochs running brought no improvement."""
        return self.stale > self.patience


DIVERGED = 1000.0  # times the first loss


@dataclass
class GradientWatch:
    """Norms of one training's gradients, and what they say when it breaks down. Cheap: nothing is read back before."""

    norms: list[Tensor] = field(default_factory=list)  # one a step, scalars on the device
    first_loss: float | None = None

    def note(self, net: nn.Module) -> None:
        """After a step's backward pass."""
        gradients = [one.grad for one in net.parameters() if one.grad is not None]
        self.norms.append(torch.nn.utils.get_total_norm(gradients))

    def mean(self, steps: int) -> float:
        """Mean norm of the last steps; NaN before the first."""
        return torch.stack(self.norms[-steps:]).mean().item() if steps and self.norms else float("nan")

    def check(self, loss: float, *, epoch: int, knob: str, value: float, least: float = 0.0) -> None:
        """Raises Explained where the loss is no finite number or has grown beyond all measure.

        loss: of the epoch so far. knob, value, least: what to turn down, how it stands, and how far it goes.
        """
        if self.first_loss is None and math.isfinite(loss):
            self.first_loss = loss
        if math.isfinite(loss) and loss <= DIVERGED * max(self.first_loss or 0.0, 1e-3):
            return
        norms = torch.stack(self.norms).double().cpu().numpy() if self.norms else np.zeros(0)
        what = f"the loss is {loss:.3g}" if math.isfinite(loss) else "the loss is no finite number any more"
        raise Explained(
            f"Diverged in epoch {epoch}, step {len(norms)} of the training: {what}. {_norms_in_words(norms)} "
            f"{_advice(knob, value, max(value / 10, least))}"
        )


@dataclass
class Learner:
    """One seed in training, with what the epoch under way has shown. A loop that needs more adds its own fields."""

    net: nn.Module
    optimiser: torch.optim.Optimizer
    watch: GradientWatch = field(default_factory=GradientWatch, kw_only=True)
    losses: list[Tensor] = field(default_factory=list, kw_only=True)  # of the epoch under way, one a step
    rate: str = field(default="learning_rate", kw_only=True)  # the field of the config that holds it

    def checked_loss(self, config: Config, epoch: int) -> float:
        """Mean training loss of the epoch so far. Raises Explained where it has diverged."""
        loss = torch.stack(self.losses).mean().item()
        rate = config.knob(self.rate)
        value, least = getattr(config, rate.name), rate.minimum or 0.0
        self.watch.check(loss, epoch=epoch, knob=rate.label.lower(), value=value, least=least)
        return loss


def checked_losses(learners: Sequence[Learner], config: Config, epoch: int) -> NDArray[np.float64]:
    """(seeds,): mean training losses of the epoch so far. Raises Explained where one has diverged."""
    return np.array([learner.checked_loss(config, epoch) for learner in learners])


def checkpoint(epoch: float, learners: Sequence[Learner]) -> Checkpoint:
    """The weights of all learners as they are now."""
    return Checkpoint(epoch, tuple(weights_of(learner.net) for learner in learners))


def _advice(knob: str, value: float, lower: float) -> str:
    if lower >= value:
        return f"The {knob} is as low as it goes ({value:g}): choose another optimiser or fewer layers."
    return f"Turn down the {knob} ({value:g} now): try {lower:g}."


def _norms_in_words(norms: NDArray[np.float64]) -> str:
    finite = norms[np.isfinite(norms)]
    if not len(finite):
        return "The gradient was no finite number from the first step on."
    start, worst = finite[: max(1, len(finite) // 10)].mean(), finite.max()
    broken = "" if len(finite) == len(norms) else f", and broke down at step {int(np.argmin(np.isfinite(norms))) + 1}"
    if worst > 10 * start:
        return f"The gradient norm grew from {start:.3g} to {worst:.3g}{broken}: steps overshoot more and more."
    return f"The gradient norm stayed between {finite.min():.3g} and {worst:.3g}{broken}: single steps are too long."
