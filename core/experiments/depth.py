"""Are deeper nets harder to train, and what do residual connections change? Plain against residual, 8 to 56 layers.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2: SGD with momentum 0.9 and weight
decay 1e-4, the rate divided by 10 after half and after three quarters of the training. Departures: a narrower net,
smaller pictures and fewer of them by default, no augmentation, batches of 32; see also core.nn.residual.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator
from torch import Tensor
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import own, pictures, squares
from core.data.labelled import SIDE, Split
from core.events import Arrays, Event, Metrics
from core.nn.residual import STAGES, ResidualNet, blocks_in
from core.queries.signals import signals
from core.training import Learner, checked_losses, checkpoint, predict

MOMENTUM, WEIGHT_DECAY = 0.9, 1e-4
NO_NORM_FACTOR = 0.1  # of the learning rate without batch normalisation: deep plain nets would diverge
DIGITS_SIDE = 8  # as they are; three stages end at 2×2
TRAIN_MEASURED, TEST_MEASURED = 500, 1000  # pictures that the errors are measured on, at most
SIGNAL_PICTURES = 64
OPERATIONS_PER_EVENT = 1.5e9  # about 0.15 s on one core


def _whole(value: object) -> object:
    """What an address or a command line says, as the number it stands for."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Depth = Annotated[Literal[8, 14, 20, 26, 32, 38, 44, 50, 56], BeforeValidator(_whole)]
LAYER_NORM = "gradient norm, layer {}"
RATIO = "gradient, first over last stage"


class DepthConfig(Config):
    """Settings of one training."""

    layers: Depth = knob(
        20,
        "Layers",
        help="6n + 2: one convolution, three stages of 2n convolutions, one linear layer.",
    )
    residual: bool = knob(
        False,
        "Residual connections",
        help="Each pair of convolutions adds its input to its response. No parameter is added.",
    )
    batch_norm: bool = knob(
        True,
        "Batch normalisation",
        help="Off: biases instead, residual branches scaled by 1/√blocks, and a tenth of the learning rate.",
    )
    dataset: pictures.Dataset = knob(
        "digits",
        "Pictures",
        help="The built-in digits have 8×8 pixels; all others are framed to 32×32, sixteen times the work.",
        labels=pictures.LABELS,
    )
    folder: str = own.folder_knob()
    train_pictures: int = knob(
        1000, "Training pictures", group="training", ge=50, le=50_000, help="At most; chosen once, for all seeds."
    )
    width: int = knob(8, "Width", unit="channels", group="training", ge=2, le=64, help="Published: 16.")
    learning_rate: float = knob(
        0.1,
        "Learning rate",
        group="training",
        ge=1e-5,
        le=1.0,
        logarithmic=True,
        help="At the start; a tenth of it after half of the epochs, a hundredth after three quarters. Without batch "
        "normalisation a tenth of all that.",
    )
    batch_size: int = knob(32, "Batch size", unit="pictures", group="training", ge=8, le=512, help="Published: 128.")
    epochs: int = knob(16, "Epochs", group="training", ge=1, le=200)
    band: Band = band_knob("range")


@dataclass(frozen=True)
class Data:
    """uint8 pictures (n, c, side, side) and labels on the device; mean and std (c, 1, 1) of the training pictures."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    mean: Tensor
    std: Tensor

    def standardised(self, images: Tensor) -> Tensor:
        """Float pictures, mean 0 and standard deviation 1 in each channel of the training pictures."""
        return (pictures.as_float(images) - self.mean) / self.std


@dataclass
class DeepLearner(Learner):
    """One seed's net, optimiser and order of pictures, and what the epoch under way has measured."""

    net: ResidualNet
    order: torch.Generator
    batches: tuple[Tensor, ...] = ()
    norms: list[Tensor] = field(default_factory=list)  # (layers,) a step

    def begin_epoch(self, count: int, batch_size: int, rate: float) -> None:
        """A new order of `count` pictures; nothing measured yet."""
        self.batches = torch.randperm(count, generator=self.order).split(batch_size)
        self.losses.clear()
        self.norms.clear()
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    @property
    def layer_norms(self) -> NDArray[np.float64]:
        """(layers,): norm of the gradient of each layer's weights, mean over the steps of the epoch."""
        return torch.stack(self.norms).mean(dim=0).double().cpu().numpy()


def shape_of(config: DepthConfig) -> tuple[int, int, int]:
    """Channels and side of a picture, and the number of classes."""
    if config.dataset == "digits":
        return 1, DIGITS_SIDE, 10
    channels, classes = squares.shape(config.dataset, config.folder)
    return channels, SIDE, classes


def build(config: DepthConfig) -> ResidualNet:
    """The untrained net of this config."""
    channels, _, classes = shape_of(config)
    return ResidualNet(
        config.layers,
        residual=config.residual,
        batch_norm=config.batch_norm,
        width=config.width,
        inputs=channels,
        classes=classes,
    )


def make_learner(config: DepthConfig, seed: int, device: torch.device) -> DeepLearner:
    """Plain and residual nets of one seed begin with the same weights and meet the pictures in the same order."""
    torch.manual_seed(seed)
    net = build(config).to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(net.parameters(), config.learning_rate, MOMENTUM, weight_decay=WEIGHT_DECAY)
    return DeepLearner(net, optimiser, torch.Generator().manual_seed(seed))


def chosen(split: Split, count: int) -> Split:
    """At most `count` pictures, the same ones every time."""
    places = np.random.default_rng(0).permutation(len(split.labels))[:count]
    return Split(split.images[places], split.labels[places])


def load(config: DepthConfig, device: torch.device) -> Data:
    """The pictures of this config. Raises Explained where there are none."""
    found = pictures.load(config.dataset, config.folder)
    train, test = chosen(found.train, config.train_pictures), chosen(found.test, TEST_MEASURED)
    side = shape_of(config)[1]
    values = train.images / np.float32(255)
    mean, std = values.mean((0, 2, 3)), values.std((0, 2, 3))

    def column(numbers: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(numbers.astype(np.float32)).to(device)[:, None, None]

    def on_device(split: Split) -> tuple[Tensor, Tensor]:
        images = torch.from_numpy(pictures.fitted(split.images, side))
        return images.to(device), torch.from_numpy(split.labels).to(device)

    return Data(on_device(train), on_device(test), column(mean), column(np.maximum(std, 1e-3)))


def rate_factor(epoch: int, config: DepthConfig) -> float:
    """1, then 0.1 after half of the epochs, 0.01 after three quarters; epoch counts from 1. Less without batch norm."""
    done = (epoch - 1) / config.epochs
    drop = 0.01 if done >= 0.75 else 0.1 if done >= 0.5 else 1.0
    return drop if config.batch_norm else drop * NO_NORM_FACTOR


def pictures_per_event(config: DepthConfig) -> int:
    """How many pictures go forward and back in about 0.15 s on one core."""
    _, side, _ = shape_of(config)
    forward = 2 * 9 * config.width**2 * side**2 * 2 * STAGES * blocks_in(config.layers)  # all stages cost the same
    return max(1, int(OPERATIONS_PER_EVENT / (3 * forward)))


def run(config: DepthConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train on batches in a new order every epoch; yields losses within it, then gradient norms and errors in %."""
    data = load(config, device)
    images, labels = data.train
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield from errors(0, learners, data, config)
    yield checkpoint(0, learners)

    steps = -(-len(images) // config.batch_size)
    pause_every = max(1, pictures_per_event(config) // config.batch_size)
    for epoch in range(1, config.epochs + 1):
        rate = config.learning_rate * rate_factor(epoch, config)
        for learner in learners:
            learner.begin_epoch(len(images), config.batch_size, rate)
        for number in range(steps):
            for learner in learners:
                batch = learner.batches[number]
                loss = F.cross_entropy(learner.net(data.standardised(images[batch])), labels[batch])
                learner.optimiser.zero_grad()
                loss.backward()
                note(learner, loss)
                learner.optimiser.step()
            if (number + 1) % pause_every == 0 and number + 1 < steps:
                yield Metrics(
                    epoch - 1 + (number + 1) / steps, {"training loss": checked_losses(learners, config, epoch)}
                )
        yield Metrics(epoch, {"training loss": checked_losses(learners, config, epoch), **gradients(learners)})
        yield from errors(epoch, learners, data, config)
        yield checkpoint(epoch, learners)


def note(learner: DeepLearner, loss: Tensor) -> None:
    """After a backward pass: the loss, and the norm of the gradient of each layer's weights."""
    gradients = [one.grad for one in learner.net.weights() if one.grad is not None]
    norms = torch.stack(torch._foreach_norm(gradients))  # one call for all layers
    learner.losses.append(loss.detach())
    learner.norms.append(norms)
    learner.watch.norms.append(norms.norm())


def gradients(learners: list[DeepLearner]) -> dict[str, NDArray[np.float64]]:
    """The norms of the epoch a layer, and how much reaches the first stage (root mean squares of two stages)."""
    norms = np.stack([learner.layer_norms for learner in learners])  # (seeds, layers)
    stage = (norms.shape[1] - 2) // STAGES
    first, last = norms[:, 1 : 1 + stage], norms[:, -1 - stage : -1]
    ratio = np.sqrt((first**2).mean(axis=1)) / np.maximum(np.sqrt((last**2).mean(axis=1)), 1e-30)
    return {RATIO: ratio, **{LAYER_NORM.format(layer): row for layer, row in enumerate(norms.T, start=1)}}


def errors(epoch: int, learners: list[DeepLearner], data: Data, config: DepthConfig) -> Iterator[Event]:
    """Yield training and test error in %, in evaluation mode; within them empty events, so that nobody waits long."""
    piece = 3 * pictures_per_event(config)  # forward alone
    for name, (images, labels), most in (
        ("training error", data.train, TRAIN_MEASURED),
        ("test error", data.test, TEST_MEASURED),
    ):
        images, labels = images[:most], labels[:most]
        wrong = np.zeros(len(learners))
        for column, learner in enumerate(learners):
            for start in range(0, len(images), piece):
                part = slice(start, start + piece)
                logits = predict(learner.net, data.standardised(images[part]))
                wrong[column] += (logits.argmax(dim=1) != labels[part]).sum().item()
                yield Metrics(epoch, {})
        yield Metrics(epoch, {name: 100 * wrong / len(images)})


def layer_signals(model: ResidualNet, config: DepthConfig, *, device: torch.device) -> Arrays:
    """Response and gradient of every convolution on the first training pictures (see core.queries.signals)."""
    data = load(config, device)
    images, labels = (part[:SIGNAL_PICTURES] for part in data.train)
    return signals(model, list(model.convolutions()), data.standardised(images), labels)


def described(config: DepthConfig) -> str:
    """What is trained on, in a sentence."""
    _, side, _ = shape_of(config)
    which = config.folder or "one's own pictures" if config.dataset == "folder" else pictures.LABELS[config.dataset]
    return (
        f"At most {config.train_pictures} training pictures of {which}, at {side}×{side}, standardised, not augmented. "
        f"Training error on at most {TRAIN_MEASURED} of them, test error on at most {TEST_MEASURED} held-out pictures."
    )


EXPERIMENT = Experiment(
    key="depth",
    lab="depth",
    title="Depth and residual connections",
    question="Why do deeper nets train worse, and what do residual connections change?",
    source="He et al. 2015, section 4.2",
    version=1,
    config=DepthConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("training error", "test error"),
    predictions=(
        Prediction("training", "What will the training error be at the end?", "training error"),
        Prediction(
            "reaches",
            "How large is the gradient in the first stage, held against the last stage, in the last epoch?",
            RATIO,
            choices={
                "at least as large": (1.0, float("inf")),
                "smaller, but not by more than a hundred": (0.01, 1.0),
                "smaller by more than a hundred: it dies on its way": (0.0, 0.01),
            },
        ),
    ),
    data=described,
    example=lambda config: torch.zeros(1, shape_of(config)[0], shape_of(config)[1], shape_of(config)[1]),
    prepare=lambda config: pictures.fetch(config.dataset),
    fingerprint=lambda config: pictures.fingerprint(config.dataset, config.folder),
    inputs=lambda config: 4.0 * config.train_pictures + TEST_MEASURED,  # the training error is read too
    queries={"layer_signals": layer_signals},
)
