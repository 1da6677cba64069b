"""Batch norm on padded text: sequences of varying length, padded to the longest of their batch, or farther.

Padding is no word, but a batch norm that ignores the mask averages it in. The net's own mean over tokens is masked, so
that padding can matter through the normalisation alone. Source: course material on normalisation.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import word_share
from core.data.word_share import LONGEST, WORDS, Sequences
from core.events import Event, Metrics
from core.nn.text_norm import TextNet, TextNorm
from core.training import Learner, checked_losses, checkpoint, minibatches

TEST_BATCH = 80
BINS = ((4, 10), (11, 17), (18, 24))  # lengths, both ends included
MORE = ", more padding"


class NormTextConfig(Config):
    """Settings of one net."""

    norm: TextNorm = knob(
        "batch",
        "Normalisation",
        labels={
            "batch": "batch norm, padding included",
            "masked": "batch norm, real tokens only",
            "layer": "layer norm",
            "none": "none",
        },
    )
    at_test: Literal["running", "batch"] = knob(
        "running",
        "Statistics at test time",
        where={"norm": ("batch", "masked")},
        labels={"running": "running ones", "batch": "those of the test batch"},
    )
    padding: int = knob(72, "More padding at test time", unit="tokens", ge=1, le=200)
    learning_rate: float = knob(0.05, "Learning rate", group="training", ge=1e-3, le=1.0, logarithmic=True)
    batch_size: int = knob(32, "Batch size", unit="sequences", group="training", ge=8, le=400)
    epochs: int = knob(15, "Epochs", group="training", ge=1, le=100)
    band: Band = band_knob("range")


def build(config: NormTextConfig) -> TextNet:
    """The untrained net."""
    return TextNet(WORDS, config.norm)


def run(config: NormTextConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train every seed's net; yields Metrics after every epoch."""
    train, test = word_share.load()
    tokens, labels = (torch.from_numpy(one).to(device) for one in (train.tokens, train.labels))
    lengths = train.lengths
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield Metrics(0, measure(config, learners, test, device))
    for epoch in range(1, config.epochs + 1):
        for learner in learners:
            learner.losses = []
            for batch in minibatches(len(tokens), config.batch_size):
                longest = int(lengths[batch].max())  # padded to the longest sequence of the batch
                train_step(learner, tokens[batch, :longest], labels[batch])
        yield Metrics(epoch, {"training loss": checked_losses(learners, config, epoch)})
        yield Metrics(epoch, measure(config, learners, test, device))
        yield checkpoint(epoch, learners)


def make_learner(config: NormTextConfig, seed: int, device: torch.device) -> Learner:
    """One net; the seed is set right before it is built."""
    torch.manual_seed(seed)
    net = build(config).to(device)
    return Learner(net, torch.optim.SGD(net.parameters(), lr=config.learning_rate, momentum=0.9))


def train_step(learner: Learner, tokens: Tensor, labels: Tensor) -> None:
    """One step on a padded batch."""
    learner.optimiser.zero_grad()
    loss = F.cross_entropy(learner.net(tokens), labels)
    loss.backward()
    learner.watch.note(learner.net)
    learner.optimiser.step()
    learner.losses.append(loss.detach())


def logits_of(net: nn.Module, tokens: Tensor, at_test: str) -> Tensor:
    """(n, 2), in batches of 80 in the order of the data; of a copy, whose running statistics may change."""
    own = copy.deepcopy(net).train(at_test == "batch")
    with torch.inference_mode():
        return torch.cat([own(part) for part in tokens.split(TEST_BATCH)])


def measure(
    config: NormTextConfig, learners: Sequence[Learner], test: Sequences, device: torch.device
) -> dict[str, NDArray[np.float64]]:
    """Accuracy in %, over all and by length, with the data's padding and with more; how far logits move by that."""
    tokens = torch.from_numpy(test.tokens).to(device)
    farther = F.pad(tokens, (0, config.padding))
    rows = []
    for learner in learners:
        plain, more = (logits_of(learner.net, one, config.at_test).double().cpu().numpy() for one in (tokens, farther))
        row = {"logit change": float(np.abs(more - plain).mean())}
        for end, logits in (("", plain), (MORE, more)):
            right = 100.0 * (logits.argmax(axis=1) == test.labels)
            row["held-out accuracy" + end] = float(right.mean())
            for low, high in BINS:
                among = (test.lengths >= low) & (test.lengths <= high)
                row[f"accuracy, {low} to {high} tokens{end}"] = float(right[among].mean())
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


EXPERIMENT = Experiment(
    key="norm_text",
    lab="norm_text",
    title="Batch norm on padded text",
    question="What does padding do to a normalisation, and who notices?",
    source="course material on normalisation; Ba et al. 2016",
    version=1,
    config=NormTextConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("held-out accuracy", "held-out accuracy" + MORE, "logit change"),
    predictions=(
        Prediction("more", "How often is it right when the same texts are padded farther?", "held-out accuracy" + MORE),
    ),
    example=lambda config: torch.ones(1, LONGEST, dtype=torch.int64),
    data=lambda config: (
        "Sequences of 4 to 24 made-up words, drawn from seed 42: is at least a third of a text the same word? "
        "1,600 to train on, padded to the longest of their batch; 800 held out, padded to 24 and then farther."
    ),
)
