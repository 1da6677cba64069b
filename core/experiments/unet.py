"""What do skip connections bring? A small U-Net names every pixel of a scene of digits, its skips on or off.

Source: Ronneberger et al., MICCAI 2015, and course material after it (widths, scenes, 24 epochs). The sources give no
recipe; here: Adam, one-cycle rate, batch 4. They use width 64, too slow for a CPU: the default here is 16. A skip that
is off hands over zeros, so every choice has the same parameters. Weights and figures are those of the last epoch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Prediction
from core.data import pictures
from core.data.pictures import as_float
from core.data.scenes import CLASS_NAMES, CLASSES, COUNTS, SIDE, Dataset, Scenes, scenes
from core.events import Event, Metrics
from core.nn.unet import Skips, UNet
from core.queries.segmentation import (
    PIECE,
    confusion,
    digit_accuracy,
    edge,
    iou,
    mean_iou,
    segment,
    side_accuracy,
)
from core.training import Learner, checked_losses, checkpoint, minibatches

Values = dict[str, NDArray[np.float64]]
PUBLISHED_WIDTH = 64
SCENES_AN_EVENT = 1280  # over the width: what a core trains in about 0.2 s
SCENES_A_LOOK = 3200  # over the width: what a core segments in about 0.2 s


class UNetConfig(Config):
    """Settings of one training."""

    skips: Skips = knob(
        "all",
        "Skip connections",
        help="A skip hands a stage's maps across the net, to the stage that enlarges to its size. One that is off "
        "hands over zeros: the net has the same parameters. Deep is the one next to the middle, shallow the one at "
        "full resolution. At depth 1 they are the same one; at depth 3 the one between them is on with “all” only.",
        labels={"all": "all on", "deep": "only the deep one", "shallow": "only the shallow one", "none": "all off"},
    )
    dataset: Dataset = knob(
        "digits",
        "Digits of the scenes",
        help="MNIST is downloaded once. The built-in digits are enlarged to about its size.",
        labels={"digits": pictures.LABELS["digits"], "mnist": pictures.LABELS["mnist"]},
    )
    width: int = knob(
        16,
        "Width",
        unit="channels",
        ge=4,
        le=128,
        help="Channels of the first stage; each deeper stage has twice as many. The published figures are for 64, and "
        "a CPU takes five times as long for it as for 16.",
    )
    depth: int = knob(2, "Depth", unit="stages", ge=1, le=3, help="How often the scene is halved. Published: 2.")
    scenes: int = knob(1000, "Training scenes", group="training", ge=50, le=COUNTS["train"])
    epochs: int = knob(
        16,
        "Epochs",
        group="training",
        ge=1,
        le=100,
        help="The sources train for 24; 16 end within a minute and a half on two slow cores.",
    )
    batch_size: int = knob(4, "Batch size", unit="scenes", group="training", ge=2, le=50)
    learning_rate: float = knob(
        5e-3,
        "Highest learning rate, at width 64",
        group="training",
        ge=1e-5,
        le=0.5,
        logarithmic=True,
        help="Of the one-cycle schedule: it rises for three tenths of the training, then falls to nothing. Other "
        "widths take it times √(64 / width): at width 16 twice as much.",
    )
    band: Band = band_knob()


@dataclass
class SceneLearner(Learner):
    """One seed's net, its optimiser, and the order in which it sees the scenes."""

    net: UNet
    schedule: torch.optim.lr_scheduler.OneCycleLR
    stream: torch.Generator
    order: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))  # of this epoch


def build(config: UNetConfig) -> UNet:
    """The untrained net of this config."""
    return UNet(config.width, config.depth, config.skips, CLASSES)


def make_learner(config: UNetConfig, seed: int, device: torch.device) -> SceneLearner:
    """The seed is set right before the net is built; the order of the scenes has a stream of its own."""
    torch.manual_seed(seed)
    net = build(config).to(device).to(memory_format=torch.channels_last)
    highest = config.learning_rate * math.sqrt(PUBLISHED_WIDTH / config.width)
    optimiser = torch.optim.Adam(net.parameters(), lr=highest, fused=True)  # one pass over all parameters
    steps = config.epochs * -(-config.scenes // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, highest, total_steps=steps)
    return SceneLearner(net, optimiser, schedule, torch.Generator().manual_seed(seed))


def run(config: UNetConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train the U-Net, seed by seed; Metrics within and after every epoch, epoch 0 included."""
    drawn = scenes(config.dataset)
    images = as_float(torch.from_numpy(drawn["train"].images[: config.scenes, None]).to(device))
    targets = torch.from_numpy(drawn["train"].targets[: config.scenes]).to(device)
    learners = [make_learner(config, seed, device) for seed in seeds]
    yield from look(learners, drawn["test"], config, 0)
    yield checkpoint(0, learners)

    batches = list(minibatches(len(images), config.batch_size))
    pause_every = max(1, SCENES_AN_EVENT // (config.width * config.batch_size * len(seeds)))
    for epoch in range(1, config.epochs + 1):
        for one in learners:
            one.order = torch.randperm(len(images), generator=one.stream).to(device)
            one.losses.clear()
        for number, batch in enumerate(batches, start=1):
            for one in learners:
                chosen = one.order[batch]
                step(one, images[chosen], targets[chosen])
            if number % pause_every == 0 and number < len(batches):
                yield Metrics(
                    epoch - 1 + number / len(batches), {"training loss": checked_losses(learners, config, epoch)}
                )
        norms = np.array([one.watch.mean(len(one.losses)) for one in learners])
        yield Metrics(epoch, {"training loss": checked_losses(learners, config, epoch), "gradient norm": norms})
        yield from look(learners, drawn["test"], config, epoch)
        yield checkpoint(epoch, learners)


def step(learner: SceneLearner, images: Tensor, targets: Tensor) -> None:
    """One step of Adam on the mean cross-entropy over all pixels of a batch: (n, 1, h, w) and (n, h, w)."""
    loss = F.cross_entropy(learner.net(images), targets.long())
    learner.optimiser.zero_grad(set_to_none=True)
    loss.backward()
    learner.watch.note(learner.net)
    learner.optimiser.step()
    learner.schedule.step()
    learner.losses.append(loss.detach())


def look(learners: list[SceneLearner], test: Scenes, config: UNetConfig, epoch: int) -> Iterator[Event]:
    """All test scenes in pieces, an event without numbers after each but the last; then what came of it."""
    device = next(learners[0].net.parameters()).device
    images = as_float(torch.from_numpy(test.images[:, None]).to(device))
    targets = torch.from_numpy(test.targets).to(device)
    rows: list[dict[str, float]] = []
    pieces = list(minibatches(len(images), max(1, SCENES_A_LOOK // config.width)))
    for one in learners:
        loss, predicted = 0.0, []
        for number, piece in enumerate(pieces, start=1):
            part, classes = segmented(one.net, images[piece], targets[piece])
            loss += part / targets.numel()
            predicted.append(classes)
            if number < len(pieces) or one is not learners[-1]:
                yield Metrics(epoch, {})
        rows.append({"validation loss": loss, **scored(test, np.concatenate(predicted))})
    yield Metrics(epoch, {name: np.array([row[name] for row in rows]) for name in rows[0]})


def segmented(net: UNet, images: Tensor, targets: Tensor) -> tuple[float, NDArray[np.uint8]]:
    """Cross-entropy summed over all pixels, and every pixel's likeliest class (n, h, w)."""
    net.eval()
    loss, classes = torch.zeros((), device=images.device), []
    with torch.inference_mode():
        for piece in minibatches(len(images), PIECE):
            logits = net(images[piece])
            loss += F.cross_entropy(logits, targets[piece].long(), reduction="sum")
            classes.append(logits.argmax(dim=1).to(torch.uint8))
    net.train()
    return loss.item(), torch.cat(classes).cpu().numpy()


def scored(test: Scenes, predicted: NDArray[np.uint8]) -> dict[str, float]:
    """All figures of a prediction: IoU from 0 to 1, accuracies in %."""
    counts = confusion(test.targets, predicted)
    classes = iou(counts)
    mean, digits = mean_iou(classes)
    at_edge, elsewhere = side_accuracy(test.targets, predicted, test.distances)
    return {
        "mean IoU": mean,
        "mean IoU without background": digits,
        **{f"IoU {name}": float(value) for name, value in zip(CLASS_NAMES, classes, strict=True)},
        "right side at edges": at_edge,
        "right side elsewhere": elsewhere,
        "digit accuracy": digit_accuracy(counts),
    }


def _data(config: UNetConfig) -> str:
    kind = "MNIST" if config.dataset == "mnist" else "built-in 8×8"
    return (
        f"Scenes of {SIDE}×{SIDE} with 2 to 4 {kind} digits, drawn from a fixed seed: {config.scenes} of training "
        f"digits to train on, {COUNTS['test']} of test digits for every figure shown."
    )


EXPERIMENT = Experiment(
    key="unet",
    lab="unet",
    title="Skip connections",
    question="What do the skip connections of a U-Net bring, and where?",
    source="Ronneberger et al., MICCAI 2015; course material",
    version=1,
    config=UNetConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("mean IoU", "mean IoU without background"),
    predictions=(
        Prediction(
            "digits",
            "The background is easy. What will the mean IoU of the ten digits alone be, from 0 to 1?",
            "mean IoU without background",
            choices={"below 0.4": (0.0, 0.4), "0.4 to 0.6": (0.4, 0.6), "above 0.6": (0.6, 1.0)},
        ),
        Prediction(
            "kind",
            "Of the digits’ pixels that it calls some digit, how many will get the right one?",
            "digit accuracy",
            choices={"at least 90 %": (90.0, 100.0), "75 to 90 %": (75.0, 90.0), "less than 75 %": (0.0, 75.0)},
        ),
    ),
    data=_data,
    example=lambda config: torch.zeros(1, 1, SIDE, SIDE),
    prepare=lambda config: pictures.fetch(config.dataset),
    fingerprint=lambda config: pictures.fingerprint(config.dataset),
    inputs=lambda config: 3.0 * config.scenes + COUNTS["test"],
    queries={"segment": segment, "edge": edge},
)
