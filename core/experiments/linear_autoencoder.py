"""A linear autoencoder finds the principal subspace; with weight decay it finds the axes' lengths as well.

Loss: (1/n)‖X − W₂W₁X‖²_F + λ‖W₁‖² + λ‖W₂‖², by gradient descent on all of the data. It depends on X through the
covariance alone, so a step costs two products with a 100×100 matrix. With λ > 0 the squared singular values of both
matrices go to max(0, 1 − λ/sᵢ), sᵢ the data's eigenvalues. Where we depart from a source: the minimiser is not unique
up to sign. W₂C and C⁻¹W₁ lose the same for any C without decay, for any rotation C with it; so the columns of W₂ are
orthogonal only as far as its singular values are equal, that is for λ → 0.
Sources: Baldi & Hornik, Neural Networks 1989; Kunin et al., ICML 2019, section 3 (with weight decay).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import Band, Config, band_knob, knob
from core.contract import Experiment, Explained, Prediction
from core.data import gaussian
from core.events import Checkpoint, Event, Metrics
from core.nn.autoencoder import LinearAutoencoder
from core.queries.subspace import QUERIES, expected_singular_values, largest_angle, lowest_loss

STEPS = 500  # full-batch steps in what is called an epoch here
FIRST_EVENTS = 10  # in the first epoch, where most happens
STACKED = 10  # seeds in one unit: a step is mostly overhead
DIVERGED = 1e6  # times the data's variance
Values = dict[str, NDArray[np.float64]]


class LinearAutoencoderConfig(Config):
    """Settings of one linear autoencoder."""

    latent: int = knob(5, "Latent size", unit="numbers", ge=1, le=20)
    weight_decay: float = knob(
        0.0,
        "Weight decay λ",
        ge=0.0,
        le=20.0,
        help="λ‖W₁‖² + λ‖W₂‖² is added to the loss. Directions whose variance is below λ are given up.",
    )
    form: Literal["penalty", "sgd"] = knob(
        "penalty",
        "Form of the decay",
        help="The same path either way: in SGD, weight_decay = 2λ, for λw² has the slope 2λw.",
        labels={"penalty": "penalty in the loss", "sgd": "SGD's weight_decay = 2λ"},
    )
    ratio: float = knob(
        0.9,
        "Ratio of neighbouring variances",
        ge=0.5,
        le=0.99,
        help="The largest variance is 10, each next one this part of the one before. Near 1 the directions are hard to "
        "tell apart, and the subspace takes long to find.",
    )
    learning_rate: float = knob(
        0.002,
        "Learning rate",
        group="training",
        ge=1e-5,
        le=0.1,
        logarithmic=True,
        help="Steps overshoot beyond 1/(10‖W₂‖²), 10 being the largest variance. W₂ begins large where the code is "
        "small: at latent size 1, where ‖W₂‖² is about 33, that is near 0.003, at 20 near 0.05.",
    )
    epochs: int = knob(60, "Epochs", unit="of 500 steps", group="training", ge=1, le=500)
    band: Band = band_knob("range")


def build(config: LinearAutoencoderConfig) -> LinearAutoencoder:
    """The untrained net of this config."""
    return LinearAutoencoder(gaussian.DIMENSIONS, config.latent)


def run(config: LinearAutoencoderConfig, seeds: tuple[int, ...], device: torch.device) -> Iterator[Event]:
    """Gradient descent for all seeds at once; yields Metrics after every 500 steps, at first more often."""
    covariance = torch.from_numpy(gaussian.covariance(config.ratio)).to(device, precision(device))  # (100, 100)
    w1, w2 = make_weights(config, seeds, device)
    yield Metrics(0, measure(config, w1, w2, covariance))
    yield checkpoint(0, w1, w2)
    rate, decay = config.learning_rate, config.weight_decay
    optimiser = torch.optim.SGD([w1, w2], lr=rate, weight_decay=2 * decay) if config.form == "sgd" else None
    for epoch in range(1, config.epochs + 1):
        for step in range(1, STEPS + 1):
            w1.grad, w2.grad = gradients(w1, w2, covariance)
            if optimiser:
                optimiser.step()
            else:  # the same by hand: the penalty λ‖W‖² has the slope 2λW
                w1 -= rate * (w1.grad + 2 * decay * w1)
                w2 -= rate * (w2.grad + 2 * decay * w2)
            if epoch == 1 and step < STEPS and step % (STEPS // FIRST_EVENTS) == 0:
                yield Metrics(step / STEPS, measure(config, w1, w2, covariance, epoch))
        yield Metrics(epoch, measure(config, w1, w2, covariance, epoch))
        yield checkpoint(epoch, w1, w2)


def precision(device: torch.device) -> torch.dtype:
    """Double, so that an angle can be followed down to nothing; not every GPU has it."""
    return torch.float32 if device.type == "mps" else torch.float64


def make_weights(config: LinearAutoencoderConfig, seeds: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """W₁ (seeds, latent, 100) and W₂ (seeds, 100, latent); the seed is set right before each net is built."""
    nets = []
    for seed in seeds:
        torch.manual_seed(seed)
        nets.append(build(config))
    kind = precision(device)
    w1 = torch.stack([net.encoder.weight.detach() for net in nets]).to(device, kind)
    w2 = torch.stack([net.decoder.weight.detach() for net in nets]).to(device, kind)
    return w1, w2


def gradients(w1: Tensor, w2: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Of (1/n)‖X − W₂W₁X‖²_F by W₁ and W₂, from S = (1/n)XXᵀ alone.

    With the residual R = W₂W₁ − I: ∂/∂W₁ = 2W₂ᵀRS and ∂/∂W₂ = 2RSW₁ᵀ; no 100×100 product is ever formed.
    """
    w1_s = w1 @ covariance  # (seeds, latent, 100)
    back = w2.mT @ w2 @ w1_s - w2.mT @ covariance
    forth = w2 @ (w1_s @ w1.mT) - w1_s.mT
    return 2 * back, 2 * forth


def reconstruction_error(w1: Tensor, w2: Tensor, covariance: Tensor) -> Tensor:
    """(seeds,): (1/n)‖X − W₂W₁X‖²_F, which is the trace of RSRᵀ."""
    w1_s = w1 @ covariance
    cross = (w2 * w1_s.mT).sum(dim=(1, 2))
    square = ((w2.mT @ w2) * (w1_s @ w1.mT)).sum(dim=(1, 2))
    return covariance.trace() - 2 * cross + square


def measure(config: LinearAutoencoderConfig, w1: Tensor, w2: Tensor, covariance: Tensor, epoch: int = 0) -> Values:
    """Everything at one moment, (seeds,) each. Raises Explained where the training has broken down."""
    error = reconstruction_error(w1, w2, covariance)
    loss = error + config.weight_decay * (w1.square().sum(dim=(1, 2)) + w2.square().sum(dim=(1, 2)))
    check(config, loss, covariance, epoch)
    variances, axes = gaussian.principal(config.ratio)
    seeds = len(loss)
    one, two = w1.cpu().numpy(), w2.cpu().numpy()
    singular = {"W1": np.linalg.svd(one, compute_uv=False), "W2": np.linalg.svd(two, compute_uv=False)}
    expected = expected_singular_values(variances, config.latent, config.weight_decay)
    strong = int((expected > 0).sum())  # directions that weight decay leaves
    losses, lowest = loss.double().cpu().numpy(), lowest_loss(variances, config.latent, config.weight_decay)
    values: Values = {
        "loss": losses,
        "lowest loss": np.full(seeds, lowest),
        "loss above the lowest": losses - lowest,  # about 1e-14 at the end, of either sign
        "reconstruction error": error.double().cpu().numpy(),
        "PCA optimum": np.full(seeds, variances[config.latent :].sum()),
        "largest principal angle": np.array([largest_angle(matrix, axes[:, :strong]) for matrix in two]),
        "column overlap": np.array([overlap(matrix) for matrix in two]),
    }
    for name, found in singular.items():
        values |= {f"singular value {name} {place + 1}": found[:, place] for place in range(config.latent)}
    return values | {
        f"expected singular value {place + 1}": np.full(seeds, expected[place]) for place in range(config.latent)
    }


def overlap(matrix: NDArray[np.floating]) -> float:
    """The largest |cosine| between two columns; 0 for a single one, NaN where a column is nothing."""
    length = np.linalg.norm(matrix, axis=0)
    if not (length > 0).all():
        return float("nan")
    cosines = (matrix / length).T @ (matrix / length)
    return float(np.abs(cosines - np.diag(np.diag(cosines))).max())


def check(config: LinearAutoencoderConfig, loss: Tensor, covariance: Tensor, epoch: int) -> None:
    """Raises Explained where a loss is no number or beyond all measure."""
    worst = float(loss.max()) if bool(torch.isfinite(loss).all()) else float("nan")
    if isfinite(worst) and worst <= DIVERGED * float(covariance.trace()):
        return
    rate = config.learning_rate
    raise Explained(
        f"Diverged within {epoch * STEPS} steps: the loss is {worst:.3g}. Steps overshoot where the slope is steepest. "
        f"Turn down the learning rate ({rate:g} now): try {max(rate / 10, 1e-5):g}."
    )


def checkpoint(epoch: int, w1: Tensor, w2: Tensor) -> Checkpoint:
    """The weights of every seed, with the names of the module."""
    pairs = zip(w1.double().cpu().numpy(), w2.double().cpu().numpy(), strict=True)
    return Checkpoint(epoch, tuple({"encoder.weight": one.copy(), "decoder.weight": two.copy()} for one, two in pairs))


LISTS: Mapping[str, str] = {
    "singular values": "singular value W2",
    "singular values of the encoder": "singular value W1",
}

EXPERIMENT = Experiment(
    key="linear_autoencoder",
    lab="linear_autoencoder",
    title="Linear autoencoders and PCA",
    question="Does a linear autoencoder find the principal components?",
    source="Baldi & Hornik 1989; Kunin et al., ICML 2019",
    version=2,
    config=LinearAutoencoderConfig,
    run=run,
    build=build,
    total_steps=lambda config: config.epochs,
    summary=("largest principal angle", "loss"),
    lists=LISTS,
    seeds_per_unit=lambda config, device: STACKED,
    predictions=(
        Prediction(
            "angle",
            "How far from the principal subspace does it end, at most?",
            "largest principal angle",
            high=90.0,
            unit="°",
        ),
    ),
    data=lambda config: (
        "10,000 samples of 100 numbers, drawn from seed 42: the largest variance is 10, each next one "
        f"{config.ratio:g} of the one before, rotated at random. Nothing is held out: the loss is compared with the "
        "optimum on these very samples."
    ),
    example=lambda config: torch.zeros(1, gaussian.DIMENSIONS, dtype=torch.float64),
    queries=QUERIES,
)
