"""Does a net that knows upright pictures know turned ones? A small CNN, trained upright or turned, tested all round.

Source: the rotation part of a course assignment (net, Adam, batch 64, 10 epochs, CIFAR-10). Here besides: other
pictures, what stands in the corners, a circular mask, a limit to the number of pictures, and every 5° in place of
every 30°. Test pictures choose nothing: no early stopping, and the weights of the last epoch are reported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import own, pictures, squares
from core.data.labelled import SIDE, Split
from core.data.pictures import Dataset
from core.events import Event, Metrics
from core.nn.rotate import Fill
from core.nn.small_cnn import SmallCnn
from core.queries.rotation import Turn, corners, pictures_of, read, ribbon, turn_of, turned
from core.training import Learner, checked_losses, checkpoint, minibatches, train_step

Data = tuple[Tensor, Tensor]  # images (n, channels, 32, 32) uint8, labels (n,)

ANGLES = range(0, 360, 5)  # degrees, measured at the end on all test pictures
COARSE = range(0, 360, 30)  # after every epoch, on the first of them
COARSE_PICTURES = 100
MICRO_BATCH = 32
STEPS_AN_EVENT = 6  # of 64 pictures: 0.2 s on one core
PICTURES_AN_EVENT = 1500  # that are only read
MEAN = "mean accuracy over angles"


class RotationConfig(Config):
    """Settings of one training; net, optimiser, batch and epochs are the published ones."""

    dataset: Dataset = knob("digits", "Pictures", labels=pictures.LABELS, help="All are made to fit 32×32 pixels.")
    folder: str = own.folder_knob()
    train_rotation: int = knob(
        0,
        "Training rotation range",
        unit="°",
        ge=0,
        le=360,
        help="Every training picture is turned by a random angle from 0 to this, a new one each epoch. 0: upright.",
    )
    fill: Fill = knob(
        "black",
        "Corners of a turned picture",
        where={"mask": (False,)},
        help="What stands where the turned picture does not reach, in training and when tested.",
        labels={"black": "black", "mean": "mean colour", "reflect": "mirrored"},
    )
    mask: bool = knob(
        False, "Circular mask", help="Cut every picture to a circle, at every angle: its corners tell nothing."
    )
    train_pictures: int = knob(
        5000,
        "Training pictures",
        group="training",
        unit="0: all",
        ge=0,
        le=60_000,
        help="A fixed random choice where there are more. Digits have 1437, MNIST 60,000, CIFAR-10 50,000.",
    )
    test_pictures: int = knob(
        1000,
        "Test pictures",
        group="training",
        unit="0: all",
        ge=0,
        le=10_000,
        help="A fixed random choice where there are more. Each is read at 72 angles. Digits have 360.",
    )
    learning_rate: float = knob(1e-3, "Learning rate", group="training", ge=1e-5, le=1.0, logarithmic=True)
    batch_size: int = knob(64, "Batch size", unit="images", group="training", ge=8, le=1024)
    epochs: int = knob(10, "Epochs", group="training", ge=1, le=100)
    test_angle: int = knob(
        90, "Test angle", unit="°", group="view", retrains=False, ge=0, le=360, help="Moving this trains nothing."
    )
    band: Band = band_knob()


@dataclass
class TurningLearner(Learner):
    """One seed's net and optimiser, and its own stream of orders and angles."""

    net: SmallCnn
    stream: torch.Generator
    order: Tensor = field(default_factory=lambda: torch.empty(0))  # of this epoch's pictures
    angles: Tensor = field(default_factory=lambda: torch.empty(0))  # degrees, in that order

    def begin_epoch(self, count: int, largest_deg: float) -> None:
        """Draw the order of the pictures and an angle for each; both whatever the range is, so that orders agree."""
        self.losses.clear()
        self.order = torch.randperm(count, generator=self.stream)
        self.angles = largest_deg * torch.rand(count, generator=self.stream)


def build(config: RotationConfig) -> SmallCnn:
    """The untrained net of this config."""
    return SmallCnn(*squares.shape(config.dataset, config.folder))


def make_learner(config: RotationConfig, seed: int, device: torch.device) -> TurningLearner:
    """Seed set right before the net is built."""
    torch.manual_seed(seed)
    net = build(config).to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(net.parameters(), lr=config.learning_rate)
    return TurningLearner(net, optimiser, torch.Generator().manual_seed(seed))


def run(config: RotationConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train, with coarse accuracies after every epoch; then measure every angle. The last step is that measurement."""
    found = pictures_of(config)
    (images, labels), test = _on_device(found.train, device), _on_device(found.test, device)
    few = test[0][:COARSE_PICTURES], test[1][:COARSE_PICTURES]
    turn = turn_of(config, found)
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield from measure(learners, few, turn, COARSE, 0)
    yield checkpoint(0, learners)

    batches = list(minibatches(len(images), config.batch_size))
    for epoch in range(1, config.epochs + 1):
        for learner in learners:
            learner.begin_epoch(len(images), config.train_rotation)
        for number, batch in enumerate(batches, start=1):
            for learner in learners:
                rows, angles = learner.order[batch].to(device), learner.angles[batch]
                seen = turn(images[rows], angles if config.train_rotation else 0.0)
                micro_batch = MICRO_BATCH if device.type == "cpu" else len(seen)
                learner.losses.append(train_step(learner.net, learner.optimiser, seen, labels[rows], micro_batch))
                learner.watch.note(learner.net)
            if number % STEPS_AN_EVENT == 0 and number < len(batches):
                yield Metrics(
                    epoch - 1 + number / len(batches), {"training loss": checked_losses(learners, config, epoch)}
                )
        norms = np.array([learner.watch.mean(len(batches)) for learner in learners])
        yield Metrics(epoch, {"training loss": checked_losses(learners, config, epoch), "gradient norm": norms})
        yield from measure(learners, few, turn, COARSE, epoch)
        yield checkpoint(epoch, learners)

    yield from measure(learners, test, turn, ANGLES, config.epochs, config.epochs + 1)


def measure(
    learners: list[TurningLearner], data: Data, turn: Turn, angles: range, start: float, end: float | None = None
) -> Iterator[Event]:
    """Accuracy at each angle, an event each, at steps from `start` up to `end`; with the last one their mean."""
    rows = np.empty((len(angles), len(learners)))
    for index, angle in enumerate(angles):
        step = start if end is None else start + (end - start) * (index + 1) / len(angles)
        rows[index] = yield from accuracy_at(learners, data, turn, angle, step)
        values = {accuracy_name(angle): rows[index]}
        yield Metrics(step, values if index + 1 < len(angles) else {**values, MEAN: rows.mean(axis=0)})


def accuracy_at(
    learners: list[TurningLearner], data: Data, turn: Turn, angle: float, step: float
) -> Generator[Event, None, NDArray[np.float64]]:
    """(seeds,): accuracy in % with all pictures turned by one angle; events without a number divide a long reading."""
    images, labels = data
    right = np.zeros(len(learners))
    for column, learner in enumerate(learners):
        for piece in minibatches(len(images), PICTURES_AN_EVENT):
            said = read(learner.net, images[piece], angle, turn).argmax(dim=1)
            right[column] += (said == labels[piece]).sum().item()
            if piece.stop < len(images):
                yield Metrics(step, {})
    return 100.0 * right / len(images)


def accuracy_name(angle: int) -> str:
    """The metric at an angle in degrees."""
    return f"accuracy at {angle}"


def _on_device(split: Split, device: torch.device) -> Data:
    return torch.from_numpy(split.images).to(device), torch.from_numpy(split.labels).to(device)


def _inputs(config: RotationConfig) -> float:
    """A step trains on all training pictures and looks at a few coarsely; the look from all sides comes once."""
    train, test = squares.used(config.dataset, config.train_pictures, config.test_pictures)
    return 3 * train + len(COARSE) * min(COARSE_PICTURES, test) + len(ANGLES) * test / config.epochs


def _about(config: RotationConfig) -> str:
    wanted = (config.train_pictures, config.test_pictures)
    if config.dataset == "folder":
        counts = [f"at most {count}" if count else "all" for count in wanted]
    else:
        counts = [f"{count:,}" for count in squares.used(config.dataset, *wanted)]
    name = config.folder if config.dataset == "folder" else pictures.LABELS[config.dataset]
    return (
        f"{name or 'my own pictures'}, {SIDE}×{SIDE}: {counts[0]} to train on, {counts[1]} held out for the test. Test "
        "pictures choose nothing: the weights of the last epoch are reported."
    )


EXPERIMENT = Experiment(
    key="rotation",
    lab="rotation",
    title="Rotation",
    question="Does a net that knows upright pictures know turned ones?",
    source="course assignment on data augmentation: CNN on CIFAR-10, trained upright and with random rotations",
    version=1,
    config=RotationConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs + 1,
    summary=(accuracy_name(0), accuracy_name(90), MEAN),
    predictions=(
        Prediction(
            "sideways", "After training, all pictures are turned by 90°. How often is it right?", "accuracy at 90"
        ),
        Prediction(
            "mean",
            "And on average over all angles?",
            MEAN,
            choices={
                "about as good as upright: above 75 %": (75.0, 100.0),
                "about half: 40 to 75 %": (40.0, 75.0),
                "little better than guessing: below 40 %": (0.0, 40.0),
            },
        ),
    ),
    data=_about,
    example=lambda config: torch.zeros(1, squares.shape(config.dataset, config.folder)[0], SIDE, SIDE),
    queries={"turned": turned, "ribbon": ribbon, "corners": corners},
    prepare=lambda config: pictures.fetch(config.dataset),
    fingerprint=lambda config: pictures.fingerprint(config.dataset, config.folder),
    inputs=_inputs,
)
