"""Does the padding of a convolution tell a net where things are? Red–green pairs, six conv types, two heads.

Source: Kayhan & van Gemert, CVPR 2020, section 4. As published: validation and test are drawn from
the training stream (see core.data.red_green), batches in order, the best weights by validation loss. Here besides: the
swapped-location accuracy of the current weights after every epoch, and epoch 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import red_green
from core.events import Arrays, Event, Metrics
from core.nn.padded import ConvType, Head, RedGreenNet
from core.queries.location import border_response, location_probe, position_accuracy
from core.training import (
    BestWeights,
    Learner,
    checked_losses,
    checkpoint,
    evaluate,
    load_weights,
    minibatches,
    to_device,
    train_step,
)

Optimiser = Literal["adadelta", "adam", "sgd"]
Data = dict[str, tuple[Tensor, Tensor]]  # split -> images, labels
EVENTS_AN_EPOCH = 5  # an epoch takes about a second on one core; the curve and the buttons should not wait for it


class PaddingConfig(Config):
    """Settings of one red–green training; the defaults are the published ones."""

    conv: ConvType = knob(
        "fconv",
        "Convolution type",
        help="How the image is padded before each 3×3 convolution. Everything else stays the same.",
        labels={
            "valid": "valid: none",
            "sconv": "sconv: 1 of zeros",
            "fconv": "fconv: 2 of zeros",
            "reflect": "reflect: 2 mirrored",
            "replicate": "replicate: 2 repeated",
            "circular": "circular: 2 wrapped",
        },
    )
    head: Head = knob(
        "pool",
        "Head",
        help="Net1 forgets position by a global maximum; Net2 keeps it and lets the head depend on it.",
        labels={"pool": "Net1: global max pool", "flatten": "Net2: flatten"},
    )
    data: red_green.Draws = knob(
        "published",
        "Validation and test draws",
        help="As published, the validation images are the first 1000 training images and the test pairs are moved "
        "copies of training pairs. Fresh draws are honest held-out data.",
        labels={"published": "as published (same stream)", "fresh": "fresh (held out)"},
    )
    optimiser: Optimiser = knob(
        "adadelta",
        "Optimiser",
        group="training",
        help="Adadelta with rho 0.9 and eps 1e-6 is the published one. Adam wants a rate near 0.001, SGD (momentum "
        "0.9) one near 0.01.",
        labels={"adadelta": "Adadelta", "adam": "Adam", "sgd": "SGD with momentum"},
    )
    learning_rate: float = knob(1.0, "Learning rate", group="training", ge=1e-5, le=10.0, logarithmic=True)
    weight_decay: float = knob(5e-5, "Weight decay", group="training", ge=0.0, le=0.1)
    batch_size: int = knob(200, "Batch size", unit="images", group="training", ge=10, le=2000)
    epochs: int = knob(50, "Epochs", group="training", ge=1, le=200)
    patience: int = knob(
        8,
        "Patience",
        unit="epochs",
        group="training",
        ge=0,
        le=200,
        help="Stop once the validation loss has failed to improve for more epochs running than this.",
    )
    band: Band = band_knob()


@dataclass
class RedGreenLearner(Learner):
    """One seed's net, optimiser and best weights."""

    net: RedGreenNet
    best: BestWeights

    def checked_loss(self, config: Config, epoch: int) -> float:
        """As of any learner; NaN for one that has stopped."""
        return nan if self.best.stop else super().checked_loss(config, epoch)


def build(config: PaddingConfig) -> RedGreenNet:
    """The untrained net of this config."""
    return RedGreenNet(config.conv, config.head)


def make_learner(config: PaddingConfig, seed: int, device: torch.device) -> RedGreenLearner:
    """The published initialisation: seed set right before the net is built."""
    torch.manual_seed(seed)
    net = build(config).to(device).to(memory_format=torch.channels_last)
    return RedGreenLearner(net, make_optimiser(config, net), BestWeights(config.patience))


def make_optimiser(config: PaddingConfig, net: nn.Module) -> torch.optim.Optimizer:
    """The optimiser the config names."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimiser == "adam":
        return torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    if config.optimiser == "sgd":
        return torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    return torch.optim.Adadelta(net.parameters(), lr=rate, rho=0.9, eps=1e-6, weight_decay=decay)


def run(config: PaddingConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train the red–green net, seed by seed on the same batches; yields Metrics within and after every epoch."""
    data = {
        name: to_device(split.images, split.labels, device) for name, split in red_green.splits(config.data).items()
    }
    images, labels = data["train"]
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield Metrics(0, validate(learners, data))
    yield Metrics(0, swap(learners, data, learners))
    yield checkpoint(0, learners)

    batches = list(minibatches(len(images), config.batch_size))
    pause_every = -(-len(batches) // EVENTS_AN_EPOCH)
    epoch = 0
    while epoch < config.epochs and any(not learner.best.stop for learner in learners):
        epoch += 1
        training = [learner for learner in learners if not learner.best.stop]
        for learner in training:
            learner.losses.clear()
        for number, batch in enumerate(batches, start=1):
            for learner in training:
                learner.losses.append(train_step(learner.net, learner.optimiser, images[batch], labels[batch]))
                learner.watch.note(learner.net)
            if number % pause_every == 0 and number < len(batches):
                yield Metrics(
                    epoch - 1 + number / len(batches), {"training loss": checked_losses(learners, config, epoch)}
                )
        losses = checked_losses(learners, config, epoch)
        norms = np.array([nan if one.best.stop else one.watch.mean(len(batches)) for one in learners])
        values = validate(learners, data)
        for learner, loss in zip(learners, values["validation loss"], strict=True):
            if learner in training:
                learner.best.update(epoch, float(loss), learner.net)
        yield Metrics(epoch, {"training loss": losses, **values, "gradient norm": norms})
        yield Metrics(epoch, swap(learners, data, training))
        yield checkpoint(epoch, learners)

    best = test_best(learners, data)
    yield checkpoint(epoch, learners)
    yield Metrics(epoch, best)


def validate(learners: list[RedGreenLearner], data: Data) -> dict[str, NDArray[np.float64]]:
    """Current weights on the validation images; NaN for a learner that has stopped."""
    rows = np.full((2, len(learners)), np.nan)
    for column, learner in enumerate(learners):
        if not learner.best.stop:
            rows[:, column] = evaluate(learner.net, *data["validation"])
    return {"validation loss": rows[0], "validation accuracy": rows[1]}


def swap(
    learners: list[RedGreenLearner], data: Data, training: list[RedGreenLearner]
) -> dict[str, NDArray[np.float64]]:
    """Current weights on the swapped location; NaN for a learner that is not in training any more."""
    scores = [evaluate(one.net, *data["swapped"])[1] if one in training else np.nan for one in learners]
    return {"swapped-location accuracy": np.array(scores)}


def test_best(learners: list[RedGreenLearner], data: Data) -> dict[str, NDArray[np.float64]]:
    """The reported figures: best weights on the swapped location ("test accuracy") and on the same location."""
    rows = np.empty((2, len(learners)))
    for column, learner in enumerate(learners):
        if learner.best.weights:  # none where the loss was NaN from the start: then the last weights stand
            load_weights(learner.net, learner.best.weights)
        rows[:, column] = [evaluate(learner.net, *data[name])[1] for name in ("swapped", "test")]
    return {"test accuracy": rows[0], "same-location accuracy": rows[1]}


def feature_maps(
    model: RedGreenNet, config: PaddingConfig, *, device: torch.device, index: int = 0, split: str = "swapped"
) -> Arrays:
    """One image of a split, its logits, and the maps (channel, h, w) after each layer."""
    data = red_green.splits(config.data)
    if split not in data or not 0 <= index < len(data[split].labels):
        raise ValueError(
            f"There is no image {index} in {split!r}. Choose one of {', '.join(data)} and an index from 0 to "
            f"{len(data['test'].labels) - 1}."
        )
    image = torch.from_numpy(data[split].images[index : index + 1]).to(device)
    with torch.inference_mode():
        maps = model.feature_maps(image)
        logits = model(image)[0]
    arrays: dict[str, NDArray[np.generic]] = {
        f"layer {number}": layer[0].cpu().numpy() for number, layer in enumerate(maps, start=1)
    }
    label = data[split].labels[index]
    return Arrays(0, {"image": image[0].cpu().numpy(), "logits": logits.cpu().numpy(), "label": label, **arrays})


EXPERIMENT = Experiment(
    key="padding",
    lab="padding",
    title="Padding and location",
    question="Can a convolution read where it is from the padding at the border?",
    source="Kayhan & van Gemert, CVPR 2020, section 4",
    version=1,
    config=PaddingConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("validation accuracy", "test accuracy"),
    predictions=(
        Prediction(
            "swapped",
            "After training, the two classes swap rows. How often is this net right then?",
            "test accuracy",
            choices={
                "nearly always: it reads the colours": (75.0, 100.0),
                "about half of the time: it cannot tell": (25.0, 75.0),
                "nearly never: it reads the place": (0.0, 25.0),
            },
        ),
        Prediction("validation", "And its validation accuracy at the end?", "validation accuracy", low=50.0),
    ),
    data=lambda config: (
        "Red–green pairs, 3×32×32, drawn from seed 42: 2000 to train on, 1000 for validation and 1000 for the test, "
        + ("from the same stream, as published." if config.data == "published" else "each from a stream of its own.")
    ),
    example=lambda config: torch.zeros(1, 3, red_green.SIZE, red_green.SIZE),
    queries={
        "feature_maps": feature_maps,
        "position_accuracy": position_accuracy,
        "location_probe": location_probe,
        "border_response": border_response,
    },
)
