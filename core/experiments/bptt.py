"""What does a net learn whose gradient is cut? Truncated backpropagation through time on a task that needs a memory.

A cue, one of four symbols, comes first; `lag` random symbols of another kind follow; after the last one the net says
which the cue was. The gradient goes back through `window` transitions: it reaches the cue where window ≥ lag, and is
then the full one. The forward pass is the same whatever the window. Sequences are drawn anew for every batch and
every test, so nothing can be learnt by heart.
Sources: Williams & Peng, Neural Computation 1990 (truncation); Hochreiter & Schmidhuber 1997 (LSTM); Pascanu et al.,
ICML 2013 (clipping by norm).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.events import Event, Metrics
from core.nn.recurrent import Cell, RecallNet
from core.queries.bptt import CUES, INPUTS, QUERIES, draw
from core.training import Learner, checked_losses, checkpoint, percent_right

STEPS = 50  # batches in what is called an epoch here
STEPS_AN_EVENT = 10
TESTED = 1000  # fresh sequences a test
COMPARED = 256  # fixed sequences on which the two gradients are held against each other
TEST_STREAM, FIXED_STREAM = 1_000_003, 2_000_003  # added to the seed: sequences that no training meets
Values = NDArray[np.float64]


class BpttConfig(Config):
    """Settings of one training."""

    cell: Cell = knob(
        "rnn",
        "Net",
        labels={"rnn": "tanh RNN", "lstm": "LSTM"},
        help="Both are stepped through by the same loop over time.",
    )
    lag: int = knob(15, "Lag", unit="steps", ge=1, le=60, help="How many steps after the cue the answer is due.")
    window: int = knob(
        15,
        "Window",
        unit="steps",
        ge=1,
        le=60,
        help="Through how many transitions the gradient goes back from the answer; what lies before is detached. From "
        "the lag on it is the full gradient.",
    )
    width: int = knob(32, "Hidden units", ge=2, le=128)
    forget_bias: float = knob(
        1.0,
        "Forget gate's bias",
        ge=-2.0,
        le=6.0,
        where={"cell": ("lstm",)},
        help="Added to it before training. At 0 an LSTM begins by halving what it remembers, at every step.",
    )
    clip: float = knob(
        1.0,
        "Clip the gradient's norm at",
        group="training",
        ge=0.0,
        le=100.0,
        help="A longer gradient is scaled down to this norm; 0 leaves all as they are.",
    )
    optimiser: Literal["adam", "sgd"] = knob(
        "adam", "Optimiser", group="training", labels={"adam": "Adam", "sgd": "SGD"}
    )
    learning_rate: float = knob(0.001, "Learning rate", group="training", ge=1e-5, le=10.0, logarithmic=True)
    batch_size: int = knob(64, "Batch size", unit="sequences", group="training", ge=8, le=512)
    epochs: int = knob(30, "Epochs", unit="of 50 batches", group="training", ge=1, le=200)
    band: Band = band_knob("range")


@dataclass
class Recaller(Learner):
    """One seed in training. train, test: where its sequences come from. fixed: inputs and cues for the gradients."""

    train: torch.Generator
    test: torch.Generator
    fixed: tuple[Tensor, Tensor]


def build(config: BpttConfig) -> RecallNet:
    """The untrained net of this config."""
    return RecallNet(INPUTS, config.width, CUES, config.cell, config.forget_bias)


def run(config: BpttConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train, with a test on fresh sequences and a look at both gradients after every epoch."""
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield Metrics(0, measure(learners, config))
    yield checkpoint(0, learners)
    for epoch in range(1, config.epochs + 1):
        for learner in learners:
            learner.losses.clear()
        for step in range(1, STEPS + 1):
            for learner in learners:
                inputs, cues = on(device, draw(config.batch_size, config.lag, learner.train))
                learner.optimiser.zero_grad(set_to_none=True)
                loss = F.cross_entropy(learner.net(inputs, config.window), cues)
                loss.backward()
                learner.watch.note(learner.net)  # the norm before it is clipped
                if config.clip:
                    torch.nn.utils.clip_grad_norm_(learner.net.parameters(), config.clip)
                learner.optimiser.step()
                learner.losses.append(loss.detach())
            if step % STEPS_AN_EVENT == 0 and step < STEPS:
                yield Metrics(epoch - 1 + step / STEPS, {"training loss": checked_losses(learners, config, epoch)})
        norms = np.array([learner.watch.mean(STEPS) for learner in learners])
        losses = checked_losses(learners, config, epoch)
        yield Metrics(epoch, {"training loss": losses, "gradient norm": norms, **measure(learners, config)})
        yield checkpoint(epoch, learners)


def make_learner(config: BpttConfig, seed: int, device: torch.device) -> Recaller:
    """The net, seeded right before it is built, and its streams of sequences, which do not depend on the window."""
    torch.manual_seed(seed)
    net = build(config).to(device)
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.SGD
    optimiser = kind(net.parameters(), lr=config.learning_rate)
    train, test, fixed = (torch.Generator().manual_seed(seed + more) for more in (0, TEST_STREAM, FIXED_STREAM))
    return Recaller(net, optimiser, train, test, on(device, draw(COMPARED, config.lag, fixed)))


def measure(learners: Sequence[Recaller], config: BpttConfig) -> dict[str, Values]:
    """(seeds,) each: accuracy on fresh sequences, and the cut gradient against the full one on the fixed ones."""
    accuracy, compared = [], []
    for learner in learners:
        device = next(learner.net.parameters()).device
        inputs, cues = on(device, draw(TESTED, config.lag, learner.test))
        with torch.inference_mode():
            accuracy.append(percent_right(learner.net(inputs).argmax(dim=1), cues))
        compared.append(held_against_full(learner.net, *learner.fixed, config.window))
    cosine, ratio = np.array(compared).T
    return {"test accuracy": np.array(accuracy), "gradient cosine": cosine, "gradient norm ratio": ratio}


def held_against_full(net: torch.nn.Module, inputs: Tensor, cues: Tensor, window: int) -> tuple[float, float]:
    """Cosine of the truncated and the full gradient, and norm of the first over that of the second.

    By the cell's weights alone: the last layer's gradient is the same either way. NaN where a gradient is 0.
    """
    weights = [one for name, one in net.named_parameters() if name.startswith("cell.")]
    found = []
    for one in (window, None):
        gradients = torch.autograd.grad(F.cross_entropy(net(inputs, one), cues), weights)
        found.append(torch.cat([gradient.flatten() for gradient in gradients]).double())
    cut, full = found
    short, long = cut.norm().item(), full.norm().item()
    if not short or not long:
        return float("nan"), float("nan")
    return min(1.0, (cut @ full).item() / (short * long)), short / long


def on(device: torch.device, pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Sequences and cues on the device."""
    return pair[0].to(device), pair[1].to(device)


def about(config: BpttConfig) -> str:
    """What it is trained on, in a sentence."""
    return (
        f"Sequences of {config.lag + 1} symbols, drawn anew for every batch: one of {CUES} cues, then {config.lag} "
        f"random symbols of another kind. The cue is the answer. Tested on {TESTED:,} fresh sequences after every "
        f"epoch; guessing is right in {100 / CUES:g} %."
    )


EXPERIMENT = Experiment(
    key="bptt",
    lab="bptt",
    title="Truncated backpropagation",
    question="What does a recurrent net learn if its gradient only reaches so far back?",
    source="Williams & Peng 1990; Hochreiter & Schmidhuber 1997; Pascanu et al., ICML 2013",
    version=1,
    config=BpttConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("test accuracy", "gradient cosine"),
    predictions=(
        Prediction("recall", "How often does it name the cue, at the end?", "test accuracy"),
        Prediction(
            "direction",
            "How well does the truncated gradient point the full one's way, at the end?",
            "gradient cosine",
            choices={
                "the very same way: cosine above 0.999": (0.999, 1.0),
                "roughly: 0.5 to 0.999": (0.5, 0.999),
                "hardly or not at all: below 0.5": (-1.0, 0.5),
            },
        ),
    ),
    data=about,
    example=lambda config: torch.zeros(1, config.lag + 1, INPUTS),
    queries=QUERIES,
    inputs=lambda config: 3 * STEPS * config.batch_size + TESTED + 6 * COMPARED,
)
