"""What does an autoencoder keep? Vanilla, denoising and masked ones, watched by a linear probe after every epoch.

Source: IFT6135 (deep learning, Université de Montréal), assignment 2. As there: squared error summed over
features, Adam at 5e-4, batches of 100, 10 epochs, and after every epoch a linear probe on the frozen codes of the
validation split, scored on the test split. Here besides: the batches come in order and are not shuffled; the
reconstruction error is measured on clean validation inputs, whatever corruption the net is trained with.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Explained, Prediction
from core.data import pictures, vectors
from core.data.vectors import Rows, VectorSet
from core.events import Checkpoint, Event, Metrics
from core.nn.autoencoder import Activation, Autoencoder, StackedAutoencoder
from core.queries.latent import QUERIES
from core.queries.linear_probe import LinearProbe
from core.training import DIVERGED, minibatches

Kind = Literal["vanilla", "denoising", "masked"]
STACKED = 10  # seeds in one unit, where a step is mostly overhead
TINY = 120_000  # weights up to which it is
WORK_BETWEEN_EVENTS = 4e9  # multiplications: a tenth of a second or so
STEPS_BETWEEN_EVENTS = 200  # of nets so tiny that a step is all overhead


class AutoencoderConfig(Config):
    """Settings of one autoencoder; the defaults are those of the published synthetic task at latent size 20."""

    dataset: VectorSet = knob(
        "gaussian",
        "Data",
        help="20 strong and 80 weak directions, rotated so that no input shows them; or pictures, flattened.",
        labels={"gaussian": "Gaussian cloud (100 numbers)", "digits": "digits (8×8)", "mnist": "MNIST (28×28)"},
    )
    kind: Kind = knob(
        "vanilla",
        "Autoencoder",
        help="A denoising one sees inputs with noise added, a masked one inputs with entries set to 0. "
        "Both are to give back the clean input.",
        labels={"vanilla": "vanilla", "denoising": "denoising", "masked": "masked"},
    )
    latent: int = knob(20, "Latent size", unit="numbers", ge=1, le=500, help="How many numbers a code has.")
    hidden: str = knob(
        "",
        "Hidden layers",
        help="Widths between input and code, as 256 or 256,128; the decoder mirrors them. Empty: none.",
        pattern=r"(?:(?:[1-9]\d{0,2}|1\d{3})(?:,(?:[1-9]\d{0,2}|1\d{3})){0,2})?",
        rule="up to three whole numbers from 1 to 1999 with commas between them, like 256 or 256,128, or nothing",
    )
    activation: Activation = knob(
        "identity",
        "Activation",
        help="Between layers, none after the code and none at the end. Without hidden layers there is no place for it.",
        labels={"relu": "ReLU", "gelu": "GELU"},
    )
    noise: float = knob(
        0.5,
        "Noise",
        unit="standard deviation",
        ge=0.0,
        le=5.0,
        where={"kind": ("denoising",)},
        help="Of the Gaussian noise added to every input while training.",
    )
    mask_probability: float = knob(
        0.25,
        "Mask probability",
        ge=0.0,
        le=0.95,
        where={"kind": ("masked",)},
        help="With which every entry of an input is set to 0 while training.",
    )
    unlabelled: int = knob(
        10_000,
        "Unlabelled pictures",
        unit="pictures",
        group="training",
        ge=100,
        le=50_000,
        where={"dataset": ("digits", "mnist")},
        help="To train the autoencoder on. The digits have 1,077.",
    )
    labels: int = knob(
        0,
        "Labels for the probe",
        unit="labels",
        group="training",
        ge=0,
        le=10_000,
        help="How many samples of the validation split the probe is trained on; 0 stands for all.",
    )
    probe_epochs: int = knob(50, "Epochs of the probe", unit="epochs", group="training", ge=1, le=2000)
    learning_rate: float = knob(5e-4, "Learning rate", group="training", ge=1e-5, le=1.0, logarithmic=True)
    batch_size: int = knob(100, "Batch size", unit="samples", group="training", ge=10, le=2000)
    epochs: int = knob(10, "Epochs", group="training", ge=1, le=200)
    band: Band = band_knob("range")

    @property
    def hidden_sizes(self) -> tuple[int, ...]:
        """Widths of the encoder's layers, the latent size last."""
        return (*(int(width) for width in self.hidden.split(",") if width), self.latent)


@dataclass(frozen=True)
class Labelled:
    """inputs: (n, features); labels: (n,)."""

    inputs: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Data:
    """train: (n, features), whose labels nobody sees; labelled: what of the validation split the probe learns from."""

    train: Tensor
    validation: Labelled
    labelled: Labelled
    test: Labelled
    classes: int


def load(config: AutoencoderConfig, device: torch.device) -> Data:
    """The data of this config on the device."""
    found = vectors.load(config.dataset, config.unlabelled)
    train, validation, test = (on_device(part, device) for part in (found.train, found.validation, found.test))
    first = slice(config.labels or None)
    labelled = Labelled(validation.inputs[first], validation.labels[first])
    return Data(train.inputs, validation, labelled, test, found.classes)


def build(config: AutoencoderConfig) -> Autoencoder:
    """The untrained net of this config."""
    return Autoencoder(vectors.features(config.dataset), config.hidden_sizes, config.activation)


def run(config: AutoencoderConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Train all seeds at once on the same batches; yields Metrics before, within and after every epoch."""
    data = load(config, device)
    nets, streams = make_nets(config, seeds, device)
    yield from measure(0, nets, data, config, seeds)

    # Made after the first points: importing torch's optimisers takes a fresh process a second or two.
    optimiser = torch.optim.Adam(nets.parameters(), lr=config.learning_rate, fused=device.type in ("cpu", "cuda"))
    batches = list(minibatches(len(data.train), config.batch_size))
    pause_every = steps_between_events(config, len(seeds))
    first = np.full(len(seeds), np.nan)  # loss so far at the first event, against which later ones are held
    for epoch in range(1, config.epochs + 1):
        losses: list[Tensor] = []  # (seeds,), one a batch
        for number, batch in enumerate(batches, start=1):
            losses.append(train_step(nets, optimiser, config, data.train[batch], streams))
            if number % pause_every == 0 and number < len(batches):
                first = checked(losses, first, config, seeds, epoch)
                yield Metrics(epoch - 1 + number / len(batches), {"training loss": mean_loss(losses)})
        first = checked(losses, first, config, seeds, epoch)
        yield Metrics(epoch, {"training loss": mean_loss(losses)})
        yield from measure(epoch, nets, data, config, seeds)


def measure(
    epoch: int, nets: StackedAutoencoder, data: Data, config: AutoencoderConfig, seeds: Sequence[int]
) -> Iterator[Event]:
    """The error on clean validation inputs, then the probe's accuracy, then the weights."""
    yield Metrics(epoch, {"reconstruction error": reconstruction_error(nets, data.validation.inputs)})
    probe = LinearProbe(encode(nets, data.labelled.inputs), data.labelled.labels, data.classes, seeds)
    for _ in probe.fit(config.probe_epochs):
        yield Metrics(epoch, {})  # nothing to show yet, but a pause for whoever waits
    yield Metrics(epoch, {"probe accuracy": probe.accuracy(encode(nets, data.test.inputs), data.test.labels)})
    yield Checkpoint(epoch, nets.weights())


def make_nets(
    config: AutoencoderConfig, seeds: Sequence[int], device: torch.device
) -> tuple[StackedAutoencoder, list[torch.Generator]]:
    """One net a seed, seeded right before it is built, and one stream a seed for what corrupts its inputs.

    On a CPU a stream goes on where building the net left torch's own: a run of one seed meets the very numbers that
    torch.randn_like would draw.
    """
    nets, streams = [], []
    for seed in seeds:
        torch.manual_seed(seed)
        nets.append(build(config))
        stream = torch.Generator(device).manual_seed(seed)
        if device.type == "cpu":
            stream.set_state(torch.get_rng_state())
        streams.append(stream)
    return StackedAutoencoder(nets).to(device), streams


def train_step(
    nets: StackedAutoencoder,
    optimiser: torch.optim.Optimizer,
    config: AutoencoderConfig,
    inputs: Tensor,
    streams: Sequence[torch.Generator],
) -> Tensor:
    """One step on inputs (batch, features); returns each seed's loss (seeds,). The seeds' gradients do not mix."""
    optimiser.zero_grad(set_to_none=True)
    outputs: Tensor = nets(corrupted(inputs, config, streams))
    losses = (outputs - inputs).square().sum(dim=2).mean(dim=1)
    losses.sum().backward()
    optimiser.step()
    return losses.detach()


def corrupted(inputs: Tensor, config: AutoencoderConfig, streams: Sequence[torch.Generator]) -> Tensor:
    """(batch, features) -> (seeds, batch, features) with each seed's own noise or mask; vanilla: as they are."""
    if config.kind == "vanilla":
        return inputs
    drawn = torch.empty((len(streams), *inputs.shape), device=inputs.device)
    for one, stream in zip(drawn, streams, strict=True):
        if config.kind == "denoising":
            one.normal_(generator=stream)
        else:
            one.uniform_(generator=stream)
    if config.kind == "denoising":
        return drawn.mul_(config.noise).add_(inputs)
    return inputs.masked_fill(drawn < config.mask_probability, 0.0)


@torch.inference_mode()
def encode(nets: StackedAutoencoder, inputs: Tensor) -> Tensor:
    """Codes (seeds, n, latent)."""
    return nets.encode(inputs)


@torch.inference_mode()
def reconstruction_error(nets: StackedAutoencoder, inputs: Tensor, piece: int = 1000) -> NDArray[np.float64]:
    """(seeds,): squared error summed over features, mean over the inputs, nothing corrupted."""
    total = torch.zeros(nets.seeds, dtype=torch.float64, device=inputs.device)
    for part in inputs.split(piece):
        total += (nets(part) - part).square().sum(dim=2).double().sum(dim=1)
    return in_numpy(total / len(inputs))


def mean_loss(losses: Sequence[Tensor]) -> NDArray[np.float64]:
    """(seeds,): of the epoch so far."""
    return in_numpy(torch.stack(list(losses)).mean(dim=0))


def checked(
    losses: Sequence[Tensor], first: NDArray[np.float64], config: AutoencoderConfig, seeds: Sequence[int], epoch: int
) -> NDArray[np.float64]:
    """The loss that later ones are held against. Raises Explained where one is no number or beyond all measure."""
    now = mean_loss(losses)
    first = np.where(np.isfinite(first), first, now)
    for seed, loss, before in zip(seeds, now, first, strict=True):
        if not isfinite(loss) or loss > DIVERGED * max(before, 1e-3):
            rate = config.learning_rate
            raise Explained(
                f"Diverged in epoch {epoch}: the training loss of seed {seed} is {loss:.3g}. "
                f"Turn down the learning rate ({rate:g} now): try {max(rate / 10, 1e-5):g}."
            )
    return first


def steps_between_events(config: AutoencoderConfig, seeds: int) -> int:
    """So many that they take about a tenth of a second."""
    work = 3 * seeds * config.batch_size * weight_count(config)  # forward, and backward to weights and inputs
    return max(1, min(STEPS_BETWEEN_EVENTS, int(WORK_BETWEEN_EVENTS / work)))


def weight_count(config: AutoencoderConfig) -> int:
    """Of encoder and decoder, without biases."""
    sizes = (vectors.features(config.dataset), *config.hidden_sizes)
    return 2 * sum(one * other for one, other in pairwise(sizes))


def seeds_per_unit(config: AutoencoderConfig, device: torch.device) -> int:
    """Tiny nets are stacked; a larger one keeps a core busy by itself."""
    return STACKED if device.type == "cuda" or weight_count(config) <= TINY else 1


def on_device(rows: Rows, device: torch.device) -> Labelled:
    """The rows as tensors."""
    return Labelled(torch.from_numpy(rows.inputs).to(device), torch.from_numpy(rows.labels).to(device))


def in_numpy(values: Tensor) -> NDArray[np.float64]:
    """Off the device, in double precision."""
    found: NDArray[np.float64] = values.detach().double().cpu().numpy()
    return found


def about_data(config: AutoencoderConfig) -> str:
    """What it is trained on, in a sentence."""
    if config.dataset == "gaussian":
        return (
            "20,000 samples of 100 numbers, drawn from seed 42: variance 10 along 20 directions and 1 along 80, "
            "rotated at random; the label is the sign of the sum of the 20. 14,000 to train on, 4,000 for validation "
            "and for the probe to learn from, 2,000 for the test."
        )
    name, held = pictures.LABELS[config.dataset], vectors.VALIDATION[config.dataset]
    return (
        f"{name}, flattened, from 0 to 1: the first {config.unlabelled} pictures of the training part (fewer where it "
        f"is smaller) without their labels, its last {held} for validation and for the probe to learn from, and the "
        "official test part."
    )


EXPERIMENT = Experiment(
    key="autoencoder",
    lab="autoencoder",
    title="Autoencoders and linear probes",
    question="How much must a code hold before a linear layer can read the class from it?",
    source="IFT6135, assignment 2; Vincent et al., ICML 2008 (denoising); He et al., CVPR 2022 (masked)",
    version=1,
    config=AutoencoderConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("reconstruction error", "probe accuracy"),
    seeds_per_unit=seeds_per_unit,
    predictions=(
        Prediction("probe", "How often does the linear probe name the class, at the end?", "probe accuracy"),
        Prediction(
            "share",
            "And is that enough to call the classes separable by a line?",
            "probe accuracy",
            choices={
                "yes: 95 % or more": (95.0, 100.0),
                "nearly: 80 to 95 %": (80.0, 95.0),
                "no: less than 80 %": (0.0, 80.0),
            },
        ),
    ),
    data=about_data,
    example=lambda config: torch.zeros(1, vectors.features(config.dataset)),
    prepare=lambda config: pictures.fetch(config.dataset) if config.dataset != "gaussian" else iter(()),
    queries=QUERIES,
)
