"""What does a small vision transformer need? Kernels, positions and data, against a CNN in the same loop.

Source: Dosovitskiy et al., ICLR 2021 (net, AdamW, warm-up, pictures from −1 to 1), made so small that it trains while
one watches: one learning rate that rises over the first tenth of the steps and falls along a cosine. Test pictures
choose nothing: no early stopping, and the last epoch's weights are reported.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BeforeValidator, model_validator
from torch import Tensor, nn

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import own, pictures, squares
from core.data.labelled import SIDE
from core.data.pictures import Dataset
from core.events import Event, Metrics
from core.nn.nudge import nudged
from core.nn.small_cnn import SmallCnn
from core.nn.vit import Pooling, Positions, Similarity, VisionTransformer, shuffled
from core.queries.vit import QUERIES, far, patch_of, pictures_of, prepared
from core.training import Learner, checked_losses, checkpoint, minibatches, predict, train_step, warmed_up

WARM_UP = 0.1  # of all steps
LEAST_PICTURES = 1000  # that an epoch shows: few are shown several times
PICTURES_AN_EVENT = 200  # that are only read
MICRO_BATCH = {"vit": 64, "cnn": 32}  # pictures whose activations stay in a core's cache
WORK_BETWEEN_EVENTS = 8e8  # multiplications: a tenth of a second or so
CNN_WORK = 7.4e6  # multiplications of the CNN for a picture
ACCURACY, SHUFFLED = "test accuracy", "shuffled accuracy"
DISTANCE = "attention distance {}"  # of a layer, in patches: mean of its heads over the first WATCHED test pictures
NEAREST, FARTHEST = "nearest head of layer 1", "farthest head of layer 1"
WATCHED = 50

ONLY_VIT = {"net": ("vit",)}


def _whole(value: object) -> object:
    """A number as a link or a command line says it; what is none stays as it is."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


Whole = BeforeValidator(_whole)


class VitConfig(Config):
    """Settings of one training."""

    dataset: Dataset = knob("digits", "Pictures", labels=pictures.LABELS, help="All are made to fit 32×32 pixels.")
    folder: str = own.folder_knob()
    net: Literal["vit", "cnn"] = knob(
        "vit",
        "Net",
        help="The transformer, or the rotation lab's CNN in the same loop.",
        labels={"vit": "vision transformer", "cnn": "CNN (three convolutions)"},
    )
    kernel: Similarity = knob(
        "softmax",
        "Attention kernel",
        where=ONLY_VIT,
        help="How the weight of a pair of tokens comes from query and key.",
        labels={
            "linear": "linear (elu + 1)",
            "quadratic": "quadratic (q·k + 1)²",
            "cosine": "1 + ε + cosine",
            "rbf": "radial (RBF)",
            "favor": "FAVOR+ (64 random features)",
        },
    )
    positions: Positions = knob(
        "absolute",
        "Positions",
        where=ONLY_VIT,
        help="How a patch knows where it stands: not at all, by a learned vector added to it, or by turning queries "
        "and keys with row and column, so that only distances show.",
        labels={"absolute": "absolute (learned)", "rotary": "rotary (relative)"},
    )
    patch: Annotated[Literal[4, 8, 16], Whole] = knob(
        8,
        "Patch size",
        unit="px",
        where=ONLY_VIT,
        help="Side of a patch; it divides the 32 of a picture: 64, 16 or 4 tokens.",
    )
    heads: Annotated[Literal[1, 2, 4, 8], Whole] = knob(
        4, "Heads", where=ONLY_VIT, help="Each has its part of the width."
    )
    depth: int = knob(3, "Layers", where=ONLY_VIT, ge=1, le=8, help="Blocks of attention and a two-layer net.")
    width: Annotated[Literal[32, 48, 64, 96, 128], Whole] = knob(
        64, "Width", unit="numbers", where=ONLY_VIT, help="Of every token."
    )
    pooling: Pooling = knob(
        "mean",
        "What is read at the end",
        where=ONLY_VIT,
        labels={"class token": "a class token", "mean": "the mean of all patches"},
    )
    images_per_class: int = knob(
        1000,
        "Training pictures a class",
        unit="0: all",
        ge=0,
        le=6000,
        help="Always the same ones; fewer are a part of more. Digits have about 144 a class, so 1,000 means all. "
        "Fewer than 1,000 in all are shown several times an epoch.",
    )
    augment: bool = knob(
        True,
        "Small distortions",
        help="Each picture is shifted by up to 2 px, turned by up to 10°, stretched, slanted and made brighter or "
        "darker a little, always anew.",
    )
    test_pictures: int = knob(
        1000,
        "Test pictures",
        group="training",
        unit="0: all",
        ge=0,
        le=10_000,
        help="A fixed random choice where there are more. Digits have 360, written by other people.",
    )
    learning_rate: float = knob(
        3e-3, "Learning rate", group="training", ge=1e-5, le=1.0, logarithmic=True, help="The highest, after warm-up."
    )
    weight_decay: float = knob(0.05, "Weight decay", group="training", ge=0.0, le=1.0)
    batch_size: int = knob(64, "Batch size", unit="pictures", group="training", ge=8, le=1024)
    epochs: int = knob(60, "Epochs", group="training", ge=1, le=200)
    band: Band = band_knob()

    @model_validator(mode="after")
    def _heads_turn(self) -> VitConfig:
        one = self.width // self.heads
        if self.net == "vit" and self.positions == "rotary" and one % 4:
            raise ValueError(
                "Rotary positions need heads whose width is a multiple of 4, for pairs of rows and columns; got "
                f"{self.width} / {self.heads} = {one}. Choose another width, fewer heads, or other positions."
            )
        return self


@dataclass
class ShiftingLearner(Learner):
    """One seed's net and optimiser, and its own stream of orders, shifts and turns."""

    stream: torch.Generator
    order: Tensor = field(default_factory=lambda: torch.empty(0))  # of this epoch's pictures

    def begin_epoch(self, count: int, repeats: int) -> None:
        """Draw the order of the pictures, anew for each time they are shown."""
        self.losses.clear()
        self.order = torch.cat([torch.randperm(count, generator=self.stream) for _ in range(repeats)])


def build(config: VitConfig) -> nn.Module:
    """The untrained net of this config."""
    channels, classes = squares.shape(config.dataset, config.folder)
    if config.net == "cnn":
        return SmallCnn(channels, classes)
    return VisionTransformer(
        channels=channels,
        classes=classes,
        side=SIDE,
        patch=config.patch,
        width=config.width,
        heads=config.heads,
        depth=config.depth,
        similarity=config.kernel,
        positions=config.positions,
        pooling=config.pooling,
    )


def make_learner(config: VitConfig, seed: int, device: torch.device) -> ShiftingLearner:
    """Seed set right before the net is built."""
    torch.manual_seed(seed)
    net = build(config).to(device)
    if config.net == "cnn":
        net = net.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(
        net.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=device.type in ("cpu", "cuda"),
    )
    return ShiftingLearner(net, optimiser, torch.Generator().manual_seed(seed))


def run(config: VitConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train all seeds side by side; every epoch, the untrained one too, is measured on the test pictures."""
    found = pictures_of(config)
    images, labels = torch.from_numpy(found.train.images).to(device), torch.from_numpy(found.train.labels).to(device)
    test = torch.from_numpy(found.test.images).to(device)
    tests = {ACCURACY: test, SHUFFLED: shuffled(test, patch_of(config))}
    answers = torch.from_numpy(found.test.labels).to(device)
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield from measure(learners, tests, answers, 0)
    yield checkpoint(0, learners)

    repeats = -(-LEAST_PICTURES // len(images))
    batches = list(minibatches(repeats * len(images), config.batch_size))
    pause_every = steps_between_events(config)
    for epoch in range(1, config.epochs + 1):
        for learner in learners:
            learner.begin_epoch(len(images), repeats)
        for number, batch in enumerate(batches, start=1):
            done = ((epoch - 1) * len(batches) + number) / (config.epochs * len(batches))
            for learner in learners:
                rows = learner.order[batch].to(device)
                seen = prepared(images[rows])
                if config.augment:
                    seen = nudged(seen, learner.stream)
                if config.net == "cnn":
                    seen = seen.contiguous(memory_format=torch.channels_last)
                for group in learner.optimiser.param_groups:
                    group["lr"] = config.learning_rate * rate_at(done)
                micro_batch = MICRO_BATCH[config.net] if device.type == "cpu" else len(seen)
                learner.losses.append(train_step(learner.net, learner.optimiser, seen, labels[rows], micro_batch))
                learner.watch.note(learner.net)
            if number % pause_every == 0 and number < len(batches):
                losses = checked_losses(learners, config, epoch)
                yield Metrics(epoch - 1 + number / len(batches), {"training loss": losses})
        norms = np.array([learner.watch.mean(len(batches)) for learner in learners])
        yield Metrics(epoch, {"training loss": checked_losses(learners, config, epoch), "gradient norm": norms})
        yield from measure(learners, tests, answers, epoch)
        yield checkpoint(epoch, learners)


def rate_at(done: float) -> float:
    """Part of the learning rate after this part of all steps (above 0, at most 1): up a line, then down a cosine."""
    return warmed_up(done, WARM_UP)


def measure(learners: list[ShiftingLearner], tests: dict[str, Tensor], labels: Tensor, epoch: float) -> Iterator[Event]:
    """Accuracy and loss on the test pictures as they are, and accuracy with their patches shuffled."""
    for name, images in tests.items():
        right, loss = yield from scores(learners, images, labels, epoch)
        yield Metrics(epoch, {name: right, **({"test loss": loss} if name == ACCURACY else {})})
    if isinstance(learners[0].net, VisionTransformer):
        yield Metrics(epoch, how_far(learners, tests[ACCURACY][:WATCHED]))


def how_far(learners: list[ShiftingLearner], images: Tensor) -> dict[str, NDArray[np.float64]]:
    """How far the heads look, in patches: the mean of every layer, and the nearest and farthest head of the first."""
    found = np.stack([far(learner.net, images) for learner in learners])  # (seeds, layers, heads)
    layers = {DISTANCE.format(layer + 1): found[:, layer].mean(axis=1) for layer in range(found.shape[1])}
    return {**layers, NEAREST: found[:, 0].min(axis=1), FARTHEST: found[:, 0].max(axis=1)}


def scores(
    learners: list[ShiftingLearner], images: Tensor, labels: Tensor, epoch: float
) -> Generator[Event, None, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(seeds,) twice: accuracy in % and mean cross-entropy; events without a number divide a long reading."""
    right, loss = np.zeros(len(learners)), np.zeros(len(learners))
    for column, learner in enumerate(learners):
        for piece in minibatches(len(images), PICTURES_AN_EVENT):
            logits = predict(learner.net, prepared(images[piece]), PICTURES_AN_EVENT)
            right[column] += (logits.argmax(dim=1) == labels[piece]).sum().item()
            loss[column] += nn.functional.cross_entropy(logits, labels[piece], reduction="sum").item()
            if piece.stop < len(images):
                yield Metrics(epoch, {})
    return 100.0 * right / len(images), loss / len(images)


def work(config: VitConfig) -> float:
    """Multiplications for one picture, there and back."""
    if config.net == "cnn":
        return 3 * CNN_WORK
    tokens = (SIDE // config.patch) ** 2 + 1
    return 3.0 * config.depth * tokens * config.width * (8 * config.width + 2 * tokens)


def steps_between_events(config: VitConfig) -> int:
    """So many that they take about a tenth of a second."""
    return max(1, int(WORK_BETWEEN_EVENTS / (work(config) * config.batch_size)))


def _inputs(config: VitConfig) -> float:
    train, test = squares.used(config.dataset, 10 * config.images_per_class, config.test_pictures)  # ten classes, about
    return 3 * max(train, LEAST_PICTURES) + 2 * test


def _about(config: VitConfig) -> str:
    name = config.folder if config.dataset == "folder" else pictures.LABELS[config.dataset]
    a_class = f"at most {config.images_per_class:,}" if config.images_per_class else "all"
    tested = f"at most {config.test_pictures:,}" if config.test_pictures else "all"
    return (
        f"{name or 'my own pictures'}, {SIDE}×{SIDE}: {a_class} pictures of each class to train on, {tested} held out "
        "for the test. Test pictures choose nothing: the weights of the last epoch are reported."
    )


EXPERIMENT = Experiment(
    key="vit",
    lab="vit",
    title="Attention to pictures",
    question="What does a vision transformer look at, and what does it need to learn?",
    source="Dosovitskiy et al., ICLR 2021; Abnar & Zuidema, ACL 2020 (rollout); Su et al. 2021 (rotary positions)",
    version=1,
    config=VitConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=(ACCURACY, SHUFFLED),
    predictions=(
        Prediction("accuracy", "How often is it right on test pictures, at the end?", ACCURACY),
        Prediction(
            "shuffled",
            "And with the patches of every test picture in a random order?",
            SHUFFLED,
            choices={
                "above 90 %": (90.0, 100.0),
                "40 to 90 %": (40.0, 90.0),
                "below 40 %": (0.0, 40.0),
            },
        ),
    ),
    data=_about,
    example=lambda config: torch.zeros(1, squares.shape(config.dataset, config.folder)[0], SIDE, SIDE),
    queries=QUERIES,
    prepare=lambda config: pictures.fetch(config.dataset),
    fingerprint=lambda config: pictures.fingerprint(config.dataset, config.folder),
    inputs=_inputs,
)
