"""Gradient accumulation: a batch of 32 in one piece, or in 2, 4, 8, 16, 32 pieces whose gradients are added up.

Six nets with the same weights at first, one a split, see the same batches. Gradients are sums over samples, so the
splits should agree but for rounding; batch norm, whose statistics are those of a piece, breaks that.
Source: course material on normalisation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import vectors
from core.events import Event, Metrics
from core.nn.normalised import Norm, NormalisedNet
from core.training import Learner, checked_losses, checkpoint, minibatches, predict

BATCH, SIDE, TRAIN = 32, 8, 640
PIECES = (1, 2, 4, 8, 16, 32)
Values = dict[str, NDArray[np.float64]]


class AccumulationConfig(Config):
    """Settings of one comparison."""

    norm: Norm = knob(
        "batch",
        "Normalisation",
        labels={
            "batch": "batch norm",
            "layer": "layer norm",
            "group": "group norm, 4 groups",
            "instance": "instance norm",
            "none": "none",
        },
    )
    learning_rate: float = knob(0.3, "Learning rate", group="training", ge=1e-3, le=1.0, logarithmic=True)
    epochs: int = knob(8, "Epochs", unit="of 20 batches", group="training", ge=1, le=50)
    band: Band = band_knob("range")


def split_name(pieces: int) -> str:
    """How a split is called: pieces × their size."""
    return f"{pieces} × {BATCH // pieces}"


def build(config: AccumulationConfig) -> nn.Module:
    """The untrained net, in double precision, so that what differs is not rounding."""
    return NormalisedNet(config.norm).double()


def run(config: AccumulationConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train six nets a seed, one a split; yields an event a step, with numbers after every epoch."""
    kind = torch.float32 if device.type == "mps" else torch.float64
    found = vectors.load("digits", TRAIN)
    images, held = (
        torch.from_numpy(part.inputs).to(device, kind).reshape(-1, 1, SIDE, SIDE) for part in (found.train, found.test)
    )
    labels, answers = (torch.from_numpy(part.labels).to(device) for part in (found.train, found.test))
    families = [make_family(config, seed, device, kind) for seed in seeds]
    yield Metrics(0, measure(families, images[:BATCH], labels[:BATCH], held, answers))
    batches = list(minibatches(len(images), BATCH))
    for epoch in range(1, config.epochs + 1):
        for learner in (one for family in families for one in family):
            learner.losses = []
        for number, batch in enumerate(batches, start=1):
            for family in families:
                for pieces, learner in zip(PIECES, family, strict=True):
                    train_step(learner, images[batch], labels[batch], pieces)
            if number < len(batches):
                yield Metrics(epoch - 1 + number / len(batches), {})  # a pause for whoever waits
        whole = [family[0] for family in families]
        yield Metrics(epoch, {"training loss": checked_losses(whole, config, epoch)})
        yield Metrics(epoch, measure(families, images[:BATCH], labels[:BATCH], held, answers))
        yield checkpoint(epoch, whole)


def make_family(config: AccumulationConfig, seed: int, device: torch.device, kind: torch.dtype) -> list[Learner]:
    """A net for every split, all with the same weights; the seed is set right before each is built."""
    family = []
    for _ in PIECES:
        torch.manual_seed(seed)
        net = build(config).to(device, kind)
        family.append(Learner(net, torch.optim.SGD(net.parameters(), lr=config.learning_rate)))
    return family


def accumulate(net: nn.Module, images: Tensor, labels: Tensor, pieces: int) -> tuple[Tensor, Tensor]:
    """Logits of the batch, piece by piece, and its loss; the gradients of all pieces add up in the net."""
    logits = []
    total = torch.zeros((), dtype=images.dtype, device=images.device)
    for piece in minibatches(len(images), len(images) // pieces):
        here = net(images[piece])
        loss = F.cross_entropy(here, labels[piece], reduction="sum") / len(images)
        loss.backward()
        logits.append(here.detach())
        total += loss.detach()
    return torch.cat(logits), total


def train_step(learner: Learner, images: Tensor, labels: Tensor, pieces: int) -> None:
    """One step on a batch in pieces."""
    learner.optimiser.zero_grad()
    _, loss = accumulate(learner.net, images, labels, pieces)
    learner.watch.note(learner.net)
    learner.optimiser.step()
    learner.losses.append(loss)


def measure(
    families: Sequence[Sequence[Learner]], images: Tensor, labels: Tensor, held: Tensor, answers: Tensor
) -> Values:
    """Differences of the splits at the weights of the unsplit net, and held-out accuracy of each; (seeds,) each."""
    rows = []
    for family in families:
        row = differences(family[0].net, images, labels)
        for pieces, learner in zip(PIECES, family, strict=True):
            right = (predict(learner.net, held, len(held)).argmax(dim=1) == answers).double().mean().item()
            row[f"held-out accuracy, {split_name(pieces)}"] = 100 * right
        row["held-out accuracy"] = row[f"held-out accuracy, {split_name(1)}"]
        row["weights apart"] = max(apart(family[0].net, other.net) for other in family[1:])
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def differences(net: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """How far logits and gradients of each split lie from those of the whole batch, as parts of their length."""
    found: dict[str, float] = {}
    logits, gradient = logits_and_gradient(net, images, labels, 1)
    for pieces in PIECES[1:]:
        others, other = logits_and_gradient(net, images, labels, pieces)
        found[f"logit difference, {split_name(pieces)}"] = ((others - logits).norm() / logits.norm()).item()
        found[f"gradient difference, {split_name(pieces)}"] = ((other - gradient).norm() / gradient.norm()).item()
    for name in ("logit difference", "gradient difference"):
        found[name] = max(value for key, value in found.items() if key.startswith(f"{name}, "))
    return found


def logits_and_gradient(net: nn.Module, images: Tensor, labels: Tensor, pieces: int) -> tuple[Tensor, Tensor]:
    """Of a copy in training mode, so that neither gradients nor running statistics of the net change."""
    own = copy.deepcopy(net).train()
    own.zero_grad()
    logits, _ = accumulate(own, images, labels, pieces)
    return logits, torch.cat([one.grad.flatten() for one in own.parameters() if one.grad is not None])


def apart(net: nn.Module, other: nn.Module) -> float:
    """‖difference of all weights‖ / ‖weights‖."""
    one, two = (torch.cat([part.detach().flatten() for part in each.parameters()]) for each in (net, other))
    return float((one - two).norm() / one.norm())


EXPERIMENT = Experiment(
    key="accumulation",
    lab="accumulation",
    title="Gradient accumulation",
    question="Is a batch of 32 the same as 32 batches of one, gradients added up?",
    source="course material on normalisation; Ioffe & Szegedy 2015; Wu & He 2018",
    version=1,
    config=AccumulationConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("gradient difference", "logit difference", "weights apart", "held-out accuracy"),
    predictions=(
        Prediction(
            "gradient",
            "How far is the gradient of the worst split from that of the whole batch, as a part of its length?",
            "gradient difference",
            choices={
                "rounding: below 0.000 001": (0.0, 1e-6),
                "a little: up to 10 %": (1e-6, 0.1),
                "much: more than 10 %": (0.1, 1e9),
            },
        ),
    ),
    example=lambda config: torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64),
    data=lambda config: (
        "Digits of 8×8 pixels: the first 640 to train on, in batches of 32, in the same order every epoch; the "
        "official test part of 360 held out. Differences are measured on the first batch of the training part."
    ),
)
